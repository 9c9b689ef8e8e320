"use strict";
(() => {
  const data = JSON.parse(document.getElementById("payload").textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const floats = (text) => Array.from(new Float32Array(bytes(text)), (value) => (Number.isNaN(value) ? null : value));
  const hundredths = (text) => Array.from(new Int16Array(bytes(text)), (value) => (value === -32768 ? null : value / 100));
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
        series: [{ label: "date", value: "{YYYY}-{MM}-{DD}" }, ...series.map(([label, colour, , fill]) => ({ label, stroke: style(colour), width: 1.4, fill, spanGaps: false, paths: options.steps ? uPlot.paths.stepped({ align: 1 }) : undefined, points: { show: false }, value: (_, value) => said(value) }))],
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
    const other = one.other === null ? [] : [[byId("equity").dataset.other, "--c", floats(data.benchmarks[one.other])]];
    curve("equity", 280, times, [["strategy", "--a", equity], ["buy & hold", "--b", benchmark], ...other], { log });
    curve("drawdown", 140, times, [["drawdown", "--neg", hundredths(one.drawdown), `rgba(${style("--down")},.25)`]]);
    curve("rolling", 140, times, [["Sharpe", "--a", hundredths(one.rolling)]]);
    curve("exposure", 110, times, [["exposure", "--a", hundredths(one.exposure)]], { steps: true });
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

  // Losers are drawn hollow, so that nobody needs to tell the colours apart.
  const scatter = (box, title, sizes, results) => {
    const [wide, tall, left, bottom] = [480, 260, 52, 34];
    const most = Math.max(...sizes, 1e-9);
    const [low, high] = [Math.min(0, ...results), Math.max(0, ...results)];
    const x = (value) => left + (value / most) * (wide - left - 10);
    const y = (value) => 8 + ((high - value) / (high - low || 1)) * (tall - bottom - 16);
    const svg = svgElement("svg", { viewBox: `0 0 ${wide} ${tall}`, role: "img", "aria-label": `${title} and result of each trade` });
    svg.append(svgElement("line", { x1: left, x2: wide, y1: y(0), y2: y(0), class: "zero" }), svgElement("line", { x1: left, x2: left, y1: 4, y2: tall - bottom, class: "zero" }));
    [low, 0, high].forEach((value, i) => { if (i === 1 || value) svg.append(svgElement("text", { x: left - 5, y: y(value) + 4, "text-anchor": "end" }, plain.format(value))); });
    [0, most / 2, most].forEach((value, i) => svg.append(svgElement("text", { x: x(value), y: tall - bottom + 14, "text-anchor": ["start", "middle", "end"][i] }, plain.format(value))));
    svg.append(svgElement("text", { x: (left + wide) / 2, y: tall - 4, "text-anchor": "middle", class: "name" }, title));
    results.forEach((result, i) => {
      const dot = svgElement("circle", { cx: x(sizes[i]), cy: y(result), r: 3, class: result > 0 ? "win" : "loss" });
      dot.append(svgElement("title", {}, `${title} ${plain.format(sizes[i])}, result ${plain.format(result)}`));
      svg.append(dot);
    });
    box.replaceChildren(svg);
  };
  const drawTrips = ({ trips }, figure) => {
    const [results, mae, mfe] = ["result", "mae", "mfe"].map((name) => floats(trips[name]));
    const known = results.map((_, i) => i).filter((i) => mae[i] !== null && mfe[i] !== null);
    if (!known.length) return;
    figure.hidden = false;
    const [against, towards] = figure.querySelectorAll(".pair > div");
    scatter(against, "furthest against it", known.map((i) => -mae[i]), known.map((i) => results[i]));
    scatter(towards, "furthest for it", known.map((i) => mfe[i]), known.map((i) => results[i]));
  };

  const show = (id) => {
    const one = data.results[id];
    document.querySelectorAll("[data-of]").forEach((part) => { part.hidden = part.dataset.of !== id; });
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
    const figure = byId(`r-${id}`).querySelector("figure.trips");
    if (figure) drawTrips(one, figure);
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
