"use strict";
// A figure over two parameters as a surface: `shape` as sweep.js makes it, seen from `turn` (radians) and from above.
const drawSurface = (context, shape, { colour }, { turn, width, height, style, said, plain }) => {
  const TILT = 0.55; // of a right angle, from above
  const { xs, ys, cells, here, across, up, figure } = shape;
  const [nx, ny] = [xs.length, ys.length];
  const [sin, cos] = [Math.sin(turn), Math.cos(turn)];
  const [flat, upright] = [Math.sin((TILT * Math.PI) / 2), Math.cos((TILT * Math.PI) / 2)];
  const values = cells.map((cell) => cell.value).filter((value) => !Number.isNaN(value));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const scale = Math.min(width / 1.55, height / 1.5);
  const rise = (value) => (high > low ? (value - low) / (high - low) - 0.5 : 0);
  const project = (x, y, value) => {
    const [u, v] = [nx > 1 ? x / (nx - 1) - 0.5 : 0, ny > 1 ? y / (ny - 1) - 0.5 : 0];
    const [side, depth] = [u * cos - v * sin, u * sin + v * cos];
    return { x: width / 2 + side * scale, y: height / 2 - depth * flat * scale * 0.9 - rise(value) * upright * scale * 0.75, depth };
  };
  const at = (x, y) => cells[y * nx + x].value;
  const line = (points, stroke, fill) => {
    context.beginPath();
    points.forEach((point, i) => (i ? context.lineTo(point.x, point.y) : context.moveTo(point.x, point.y)));
    if (fill) { context.closePath(); context.fillStyle = fill; context.fill(); }
    context.strokeStyle = stroke;
    context.stroke();
  };
  context.lineWidth = 1;
  const floor = [[0, 0], [nx - 1, 0], [nx - 1, ny - 1], [0, ny - 1]].map(([x, y]) => project(x, y, low));
  line([...floor, floor[0]], style("--line"));
  const pieces = [];
  for (let y = 0; y + 1 < ny; y += 1) {
    for (let x = 0; x + 1 < nx; x += 1) {
      const corners = [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]];
      const known = corners.filter(([cx, cy]) => !Number.isNaN(at(cx, cy)));
      if (known.length < 3) continue; // a hole of the grid; with three corners it is a triangle
      const points = known.map(([cx, cy]) => project(cx, cy, at(cx, cy)));
      const mean = known.reduce((sum, [cx, cy]) => sum + at(cx, cy), 0) / known.length;
      pieces.push({ points, mean, depth: Math.max(...points.map((point) => point.depth)) });
    }
  }
  pieces.sort((a, b) => b.depth - a.depth).forEach(({ points, mean }) => {
    const [r, g, b] = colour(mean);
    line(points, `rgba(${r * 0.7},${g * 0.7},${b * 0.7},${pieces.length > 2500 ? 0.2 : 0.8})`, `rgb(${r},${g},${b})`);
  });
  if (!Number.isNaN(cells[here].value)) {
    const [x, y] = [here % nx, Math.floor(here / nx)];
    const [foot, top] = [project(x, y, low), project(x, y, cells[here].value)];
    context.setLineDash([3, 3]);
    line([foot, top], style("--ink"));
    context.setLineDash([]);
    context.beginPath();
    context.arc(top.x, top.y, 5, 0, 7);
    context.fillStyle = style("--back");
    context.fill();
    context.strokeStyle = style("--ink");
    context.lineWidth = 2;
    context.stroke();
  }
  context.fillStyle = style("--soft");
  context.font = "12px system-ui, sans-serif";
  const label = (text, point, dx, dy) => {
    context.textAlign = point.x < width / 2 ? "right" : "left";
    context.textBaseline = "top";
    context.fillText(text, point.x + (point.x < width / 2 ? -dx : dx), point.y + dy);
  };
  // Names stand at the edges that face the reader: those whose middle is nearest.
  const edges = [
    [0, 1, across, xs, false], [3, 2, across, xs, false], [0, 3, up, ys, true], [1, 2, up, ys, true],
  ].map(([from, to, name, values]) => ({ from: floor[from], to: floor[to], name, values, depth: floor[from].depth + floor[to].depth }));
  [edges.slice(0, 2), edges.slice(2)].forEach((pair) => {
    const { from, to, name, values } = pair[0].depth < pair[1].depth ? pair[0] : pair[1];
    const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
    label(name, middle, 14, 8);
    const inwards = (point, other) => ({ x: point.x + (other.x - point.x) * 0.08, y: point.y + (other.y - point.y) * 0.08 });
    label(plain(values[0]), inwards(from, to), 6, 4);
    label(plain(values.at(-1)), inwards(to, from), 6, 4);
  });
  context.textAlign = "left";
  context.textBaseline = "top";
  if (Number.isFinite(low)) context.fillText(`${said(low, figure)} at the floor, ${said(high, figure)} at the top`, 4, 2);
};
