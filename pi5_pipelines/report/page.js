"use strict";
(() => {
  const data = JSON.parse(document.getElementById("payload").textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const floats = (text) => Array.from(new Float32Array(bytes(text)), (value) => (Number.isNaN(value) ? null : value));
  const axes = {};
  const axis = (key) => (axes[key] ??= Array.from(new Uint32Array(bytes(data.axes[key]))));
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const byId = (id) => document.getElementById(id);
  const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
  let plots = [];
  let prices = null;

  const curve = (id, height, times, series, options = {}) => {
    const box = byId(id);
    box.textContent = "";
    const ticks = { stroke: style("--soft"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line") } };
    const said = (value) => (value == null ? "\u2013" : plain.format(value));
    const plot = new uPlot(
      {
        width: box.clientWidth,
        height,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "UTC"),
        cursor: { sync: { key: "result" }, y: false },
        scales: { y: { distr: options.log ? 3 : 1 } },
        axes: [ticks, { ...ticks, size: 70, values: (_, values) => values.map((value) => (value == null ? "" : plain.format(value))) }],
        series: [{ label: "date", value: "{YYYY}-{MM}-{DD}" }, ...series.map(([label, colour, , fill]) => ({ label, stroke: style(colour), width: 1.4, fill, spanGaps: false, points: { show: false }, value: (_, value) => said(value) }))],
      },
      [times, ...series.map(([, , values]) => values)],
      box,
    );
    plots.push([plot, box, height]);
  };

  const drawCurves = (one) => {
    plots.forEach(([plot]) => plot.destroy());
    plots = [];
    const times = axis(one.axis);
    const equity = floats(one.equity);
    const benchmark = floats(data.benchmarks[one.benchmark]);
    const log = byId("log").checked && equity.every((value) => value > 0);
    curve("equity", 280, times, [["strategy", "--a", equity], ["buy & hold", "--b", benchmark]], { log });
    curve("drawdown", 140, times, [["drawdown", "--neg", floats(one.drawdown), `rgba(${style("--down")},.25)`]]);
    curve("rolling", 140, times, [["Sharpe", "--a", floats(one.rolling)]]);
  };

  const drawPrices = (one, symbol) => {
    if (prices) prices.remove();
    const bars = data.prices[symbol];
    const times = Array.from(new Uint32Array(bytes(bars.axis)));
    const [open, high, low, close, volume] = ["open", "high", "low", "close", "volume"].map((name) => floats(bars[name]));
    const [up, down] = [`rgb(${style("--up")})`, `rgb(${style("--down")})`];
    prices = LightweightCharts.createChart(byId("price"), {
      autoSize: true,
      layout: { background: { color: style("--back") }, textColor: style("--soft"), attributionLogo: true },
      grid: { vertLines: { color: style("--line") }, horzLines: { color: style("--line") } },
      rightPriceScale: { borderColor: style("--line") },
      timeScale: { borderColor: style("--line"), timeVisible: times.length > 1 && times[1] - times[0] < 86400 },
    });
    const candles = prices.addSeries(LightweightCharts.CandlestickSeries, { upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, borderVisible: false });
    candles.setData(times.map((time, i) => ({ time, open: open[i], high: high[i], low: low[i], close: close[i] })));
    const histogram = prices.addSeries(LightweightCharts.HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" }, color: `rgba(${style("--up")},.3)`, lastValueVisible: false, priceLineVisible: false });
    histogram.setData(times.map((time, i) => ({ time, value: volume[i] })));
    prices.priceScale("volume").applyOptions({ scaleMargins: { top: 0.85, bottom: 0 } });
    const marks = (one.marks[symbol] ?? []).map(([time, side, quantity]) => ({ time, position: side === "buy" ? "belowBar" : "aboveBar", shape: side === "buy" ? "arrowUp" : "arrowDown", color: side === "buy" ? style("--a") : style("--neg"), text: `${side === "buy" ? "+" : "\u2212"}${plain.format(quantity)}` }));
    LightweightCharts.createSeriesMarkers(candles, marks);
    prices.timeScale().setVisibleLogicalRange({ from: Math.max(0, times.length - 260), to: times.length + 4 });
  };

  const show = (id) => {
    const one = data.results[id];
    document.querySelectorAll("article.result").forEach((part) => { part.hidden = part.id !== `r-${id}`; });
    document.querySelectorAll("#summary tbody tr").forEach((row) => row.classList.toggle("chosen", row.dataset.result === id));
    byId("choose").value = id;
    const symbols = Object.keys(one.marks);
    const pick = byId("pick");
    const picked = pick.value;
    pick.replaceChildren(...symbols.map((symbol) => new Option(symbol, symbol)));
    if (symbols.includes(picked)) pick.value = picked;
    byId("pick-label").hidden = symbols.length < 2;
    drawCurves(one);
    drawPrices(one, pick.value);
  };

  const chosen = () => { const id = location.hash.slice(1); return Object.hasOwn(data.results, id) ? id : Object.keys(data.results)[0]; };
  const redraw = () => { const id = chosen(); if (id) show(id); };

  byId("choose").addEventListener("change", (event) => { location.hash = event.target.value; });
  byId("summary").addEventListener("click", (event) => { const row = event.target.closest("tr[data-result]"); if (row) location.hash = row.dataset.result; });
  byId("log").addEventListener("change", () => drawCurves(data.results[chosen()]));
  byId("pick").addEventListener("change", (event) => drawPrices(data.results[chosen()], event.target.value));
  addEventListener("hashchange", redraw);
  addEventListener("resize", () => plots.forEach(([plot, box, height]) => plot.setSize({ width: box.clientWidth, height })));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  redraw();
})();
