"use strict";
(() => {
  const data = JSON.parse(document.getElementById("payload").textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const times = Array.from(new Uint32Array(bytes(data.axis)));
  const equity = Array.from(new Float32Array(bytes(data.equity)));
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const box = document.getElementById("equity");
  const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
  let plot = null;
  const draw = () => {
    if (plot) plot.destroy();
    const ticks = { stroke: style("--soft"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line") } };
    plot = new uPlot(
      {
        width: box.clientWidth,
        height: 240,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "UTC"),
        axes: [ticks, { ...ticks, size: 80, values: (_, values) => values.map((value) => (value == null ? "" : plain.format(value))) }],
        series: [{ label: "price time", value: "{YYYY}-{MM}-{DD} {HH}:{mm}" }, { label: "equity", stroke: style("--a"), width: 1.4, points: { show: false }, value: (_, value) => (value == null ? "\u2013" : plain.format(value)) }],
      },
      [times, equity],
      box,
    );
  };
  addEventListener("resize", () => plot.setSize({ width: box.clientWidth, height: 240 }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
})();
