"use strict";
(() => {
  const data = JSON.parse(document.getElementById("payload").textContent);
  const byId = (id) => document.getElementById(id);
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const columns = Object.fromEntries(Object.entries(data.columns).map(([name, text]) => [name, new Float32Array(bytes(text))]));
  const count = columns[data.params[0]].length;
  const figures = Object.fromEntries(data.figures.map(([name, title, decimals, unit, better]) => [name, { title, decimals, unit, better }]));
  const levels = Object.fromEntries(data.params.map((name) => [name, [...new Set(columns[name])].sort((a, b) => a - b)]));
  const plain = (value) => String(Number(value.toPrecision(6)));
  const said = (value, name) => (Number.isNaN(value) ? "\u2013" : value.toLocaleString("en", { minimumFractionDigits: figures[name].decimals, maximumFractionDigits: figures[name].decimals }).replace("-", "\u2212") + figures[name].unit).replace(/^\u2212(?=[0.,]*%?$)/, "");
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let marked = data.chosen;

  // Colours that the colour-blind tell apart: orange to blue through nothing, dark blue to yellow where there is no zero.
  const DIVERGING = [[[179, 88, 6], [241, 163, 64], [247, 247, 247], [103, 169, 207], [33, 102, 172]], [[253, 174, 80], [150, 88, 22], [34, 39, 46], [38, 102, 160], [140, 196, 238]]];
  const RISING = [[0, 34, 78], [65, 77, 107], [125, 124, 120], [188, 174, 108], [254, 232, 56]];
  const blend = (stops, share) => {
    const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
    const at = Math.min(Math.floor(place), stops.length - 2);
    return stops[at].map((part, i) => Math.round(part + (stops[at + 1][i] - part) * (place - at)));
  };
  const finite = (values) => values.filter((value) => !Number.isNaN(value));
  const palette = (values) => {
    const known = finite(values);
    const low = Math.min(...known);
    const high = Math.max(...known);
    if (low < 0 && high > 0) {
      const size = Math.max(-low, high);
      return { low: -size, high: size, colour: (value) => blend(DIVERGING[Number(dark.matches)], (value + size) / (2 * size)) };
    }
    return { low, high, colour: (value) => blend(RISING, high > low ? (value - low) / (high - low) : 0.5) };
  };
  const css = ([r, g, b]) => `rgb(${r},${g},${b})`;
  const ink = ([r, g, b]) => (0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#111" : "#fff");

  // The figure over two parameters: a value and the row it stands for in each cell, row by row from the bottom.
  const surface = () => {
    const [across, up, figure, rest] = ["across", "up", "figure", "rest"].map((id) => byId(id).value);
    const others = data.params.filter((name) => name !== across && name !== up);
    const [xs, ys] = [levels[across], up ? levels[up] : [0]];
    const place = (values) => new Map(values.map((value, i) => [value, i]));
    const [ofX, ofY] = [place(xs), place(ys)];
    const cells = Array.from({ length: xs.length * ys.length }, () => ({ value: NaN, row: -1, sum: 0, seen: 0 }));
    for (let row = 0; row < count; row += 1) {
      const alike = others.every((name) => columns[name][row] === columns[name][marked]);
      if (rest === "chosen" && !alike) continue;
      const cell = cells[(up ? ofY.get(columns[up][row]) : 0) * xs.length + ofX.get(columns[across][row])];
      const value = columns[figure][row];
      if (cell.row < 0 || (rest === "mean" && alike)) cell.row = row;
      if (Number.isNaN(value)) continue;
      cell.sum += value;
      cell.seen += 1;
      const better = Number.isNaN(cell.value) || (figures[figure].better === "lower" ? value < cell.value : value > cell.value);
      if (rest === "mean") cell.value = cell.sum / cell.seen;
      else if (better) Object.assign(cell, { value, row });
    }
    const here = (up ? ofY.get(columns[up][marked]) : 0) * xs.length + ofX.get(columns[across][marked]);
    return { across, up, figure, xs, ys, cells: firm(cells, xs.length, ys.length, figure), here };
  };
  // Every cell's value taken with those of the up to eight cells around it: their median or their worst.
  const firm = (cells, wide, tall, figure) => {
    const how = byId("firm").value;
    if (how === "alone") return cells;
    return cells.map((cell, i) => {
      if (Number.isNaN(cell.value)) return cell;
      const [x, y] = [i % wide, Math.floor(i / wide)];
      const around = [];
      for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, tall - 1); v += 1) {
        for (let u = Math.max(x - 1, 0); u <= Math.min(x + 1, wide - 1); u += 1) around.push(cells[v * wide + u].value);
      }
      const known = finite(around).sort((a, b) => a - b);
      const middle = (known[Math.floor((known.length - 1) / 2)] + known[Math.ceil((known.length - 1) / 2)]) / 2;
      const worst = figures[figure].better === "lower" ? known.at(-1) : known[0];
      return { ...cell, value: how === "median" ? middle : worst };
    });
  };

  const LEFT = 56;
  const BOTTOM = 40;
  let drawn = null;
  const sharp = (canvas, width, height) => {
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    return context;
  };
  const contour = (context, { xs, ys, cells }, colours, box) => {
    const [width, height] = [Math.round(box.width), Math.round(box.height)];
    const image = new ImageData(width, height);
    const at = (x, y) => cells[y * xs.length + x].value;
    const STEPS = 12;
    for (let py = 0; py < height; py += 1) {
      for (let px = 0; px < width; px += 1) {
        const fx = Math.min(Math.max(((px + 0.5) / width) * xs.length - 0.5, 0), xs.length - 1);
        const fy = Math.min(Math.max((1 - (py + 0.5) / height) * ys.length - 0.5, 0), ys.length - 1);
        const [x, y] = [Math.floor(fx), Math.floor(fy)];
        const [x1, y1] = [Math.min(x + 1, xs.length - 1), Math.min(y + 1, ys.length - 1)];
        const [u, v] = [fx - x, fy - y];
        const between = (at(x, y) * (1 - u) + at(x1, y) * u) * (1 - v) + (at(x, y1) * (1 - u) + at(x1, y1) * u) * v;
        const value = Number.isNaN(between) ? at(Math.round(fx), Math.round(fy)) : between; // beside a hole
        if (Number.isNaN(value)) continue;
        const share = (value - colours.low) / (colours.high - colours.low || 1);
        const band = (Math.min(Math.floor(share * STEPS), STEPS - 1) + 0.5) / STEPS;
        image.data.set([...colours.colour(colours.low + band * (colours.high - colours.low)), 255], 4 * (py * width + px));
      }
    }
    const sheet = new OffscreenCanvas(width, height);
    sheet.getContext("2d").putImageData(image, 0, 0);
    context.drawImage(sheet, box.left, box.top, box.width, box.height);
  };
  const drawMap = () => {
    const shape = surface();
    const { xs, ys, cells, figure, across, up, here } = shape;
    const canvas = byId("map");
    const width = byId("map-figure").clientWidth;
    const height = up ? Math.min(Math.max(ys.length * 22, 220), 460) + BOTTOM : 60 + BOTTOM;
    const context = sharp(canvas, width, height);
    const box = { left: LEFT, top: 4, width: width - LEFT - 4, height: height - BOTTOM - 4 };
    const colours = palette(cells.map((cell) => cell.value));
    const [w, h] = [box.width / xs.length, box.height / ys.length];
    const corner = (i) => [box.left + (i % xs.length) * w, box.top + box.height - (Math.floor(i / xs.length) + 1) * h];
    if (byId("contours").checked && up) contour(context, shape, colours, box);
    else {
      const inCells = w > 44 && h > 17;
      context.font = "11px system-ui, sans-serif";
      context.textAlign = "center";
      context.textBaseline = "middle";
      cells.forEach((cell, i) => {
        if (Number.isNaN(cell.value)) return;
        const [x, y] = corner(i);
        const colour = colours.colour(cell.value);
        context.fillStyle = css(colour);
        context.fillRect(x, y, w + 0.6, h + 0.6);
        if (!inCells) return;
        context.fillStyle = ink(colour);
        context.fillText(said(cell.value, figure), x + w / 2, y + h / 2);
      });
    }
    context.strokeStyle = style("--line");
    context.strokeRect(box.left, box.top, box.width, box.height);
    const [x, y] = corner(here);
    [["#000", 4], ["#fff", 2]].forEach(([colour, size]) => {
      context.strokeStyle = colour;
      context.lineWidth = size;
      context.beginPath();
      if (w > 14 && h > 14) context.rect(x + 1, y + 1, w - 2, h - 2);
      else context.arc(x + w / 2, y + h / 2, 7, 0, 7);
      context.stroke();
    });
    context.lineWidth = 1;
    context.fillStyle = style("--soft");
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "top";
    context.textAlign = "center";
    const everyX = Math.ceil(46 / w);
    xs.forEach((value, i) => { if (i % everyX === 0) context.fillText(plain(value), box.left + (i + 0.5) * w, box.top + box.height + 5); });
    context.fillText(across, box.left + box.width / 2, box.top + box.height + 22);
    if (up) {
      context.textAlign = "right";
      context.textBaseline = "middle";
      const everyY = Math.ceil(16 / h);
      ys.forEach((value, i) => { if (i % everyY === 0) context.fillText(plain(value), box.left - 5, box.top + box.height - (i + 0.5) * h); });
      context.save();
      context.translate(10, box.top + box.height / 2);
      context.rotate(-Math.PI / 2);
      context.textAlign = "center";
      context.fillText(up, 0, 0);
      context.restore();
    }
    drawn = { ...shape, box, w, h, colours };
    drawScale(colours, figure);
    tell(cells[here].row < 0 ? marked : cells[here].row, cells[here].value);
  };
  const drawScale = (colours, figure) => {
    const canvas = byId("scale");
    const context = sharp(canvas, canvas.clientWidth, 10);
    for (let x = 0; x < canvas.clientWidth; x += 1) {
      context.fillStyle = css(colours.colour(colours.low + (x / canvas.clientWidth) * (colours.high - colours.low)));
      context.fillRect(x, 0, 1.5, 10);
    }
    const known = Number.isFinite(colours.low);
    byId("scale-low").textContent = known ? said(colours.low, figure) : "";
    byId("scale-high").textContent = known ? said(colours.high, figure) : "";
  };
  const tell = (row, value) => {
    const at = data.params.map((name) => `${name} ${plain(columns[name][row])}`).join(", ");
    const chosen = byId("figure").value;
    const kinds = [];
    if (byId("firm").value !== "alone") kinds.push(byId("firm").selectedOptions[0].dataset.told);
    if (byId("rest").value === "mean" && !byId("rest-label").hidden) kinds.push("mean");
    const drawnAs = kinds.length ? `${kinds.join(" ")} ${figures[chosen].title} ${said(value, chosen)}; at this point: ` : "";
    byId("map-says").textContent = `${at}: ${drawnAs}${data.told.map((name) => `${figures[name].title} ${said(columns[name][row], name)}`).join(", ")}`;
  };
  const cellAt = (event) => {
    const edge = byId("map").getBoundingClientRect();
    const x = Math.floor((event.clientX - edge.left - drawn.box.left) / drawn.w);
    const y = Math.floor((drawn.box.top + drawn.box.height - (event.clientY - edge.top)) / drawn.h);
    return x >= 0 && x < drawn.xs.length && y >= 0 && y < drawn.ys.length ? drawn.cells[y * drawn.xs.length + x] : null;
  };

  const drawSlices = () => {
    const figure = byId("figure").value;
    const lines = data.params.filter((name) => levels[name].length > 1).map((name) => {
      const rows = [];
      for (let row = 0; row < count; row += 1) if (data.params.every((other) => other === name || columns[other][row] === columns[other][marked])) rows.push(row);
      return [name, rows.sort((a, b) => columns[name][a] - columns[name][b])];
    });
    const values = finite(lines.flatMap(([, rows]) => rows.map((row) => columns[figure][row])));
    const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
    const [wide, tall, left, bottom] = [320, 150, 46, 20];
    byId("slices").replaceChildren(...lines.map(([name, rows]) => {
      const [first, last] = [levels[name][0], levels[name].at(-1)];
      const x = (row) => left + 6 + ((columns[name][row] - first) / (last - first || 1)) * (wide - left - 14);
      const y = (value) => 8 + ((high - value) / (high - low || 1)) * (tall - bottom - 16);
      const svg = svgElement("svg", { viewBox: `0 0 ${wide} ${tall}`, role: "img", "aria-label": `${figures[figure].title} over ${name}` });
      svg.append(svgElement("line", { x1: left, x2: wide, y1: y(0), y2: y(0), class: "zero" }));
      [low, high].forEach((value) => svg.append(svgElement("text", { x: left - 4, y: y(value) + 4, "text-anchor": "end" }, said(value, figure))));
      const known = rows.filter((row) => !Number.isNaN(columns[figure][row]));
      svg.append(svgElement("polyline", { points: known.map((row) => `${x(row)},${y(columns[figure][row])}`).join(" ") }));
      if (known.length <= 40) known.forEach((row) => svg.append(svgElement("circle", { cx: x(row), cy: y(columns[figure][row]), r: 2 })));
      if (!Number.isNaN(columns[figure][marked])) svg.append(svgElement("circle", { cx: x(marked), cy: y(columns[figure][marked]), r: 5, class: "marked" }));
      svg.append(svgElement("text", { x: left + 6, y: tall - 4 }, plain(first)), svgElement("text", { x: wide - 4, y: tall - 4, "text-anchor": "end" }, plain(last)), svgElement("text", { x: (wide + left) / 2, y: tall - 4, "text-anchor": "middle", class: "name" }, name));
      return svg;
    }));
  };
  const drawClasses = () => {
    const { edges, counts } = data.classes;
    if (!counts.length) return;
    const [wide, tall, bottom] = [byId("classes").clientWidth, 170, 20];
    const most = Math.max(...counts);
    const [low, high] = [edges[0], edges.at(-1)];
    const x = (value) => 4 + ((value - low) / (high - low || 1)) * (wide - 8);
    const svg = svgElement("svg", { viewBox: `0 0 ${wide} ${tall}`, role: "img", "aria-label": "Number of combinations by Sharpe ratio" });
    counts.forEach((number, i) => {
      const height = (number / most) * (tall - bottom - 8);
      const bar = svgElement("rect", { x: x(edges[i]) + 0.5, width: Math.max(x(edges[i + 1]) - x(edges[i]) - 1, 1), y: tall - bottom - height, height, class: "bar" });
      bar.append(svgElement("title", {}, `${number} from ${edges[i].toFixed(2)} to ${edges[i + 1].toFixed(2)}`));
      svg.append(bar);
    });
    const known = finite([...columns[data.ranked_by]]).sort((a, b) => a - b);
    const middle = known[Math.floor(known.length / 2)];
    [[middle, "b"], [columns[data.ranked_by][marked], "a"]].forEach(([value, kind]) => { if (!Number.isNaN(value)) svg.append(svgElement("line", { x1: x(value), x2: x(value), y1: 0, y2: tall - bottom, class: `line ${kind}` })); });
    [[low, "start"], [high, "end"]].forEach(([value, anchor]) => svg.append(svgElement("text", { x: x(value), y: tall - 4, "text-anchor": anchor }, value.toFixed(2).replace("-", "\u2212"))));
    if (low < 0 && high > 0) svg.append(svgElement("text", { x: x(0), y: tall - 4, "text-anchor": "middle" }, "0"));
    byId("classes").replaceChildren(svg);
  };

  const table = byId("best");
  const fill = (order) => table.tBodies[0].replaceChildren(...order.slice(0, data.rows).map((row) => {
    const line = document.createElement("tr");
    line.dataset.row = row;
    data.params.forEach((name) => { const cell = line.insertCell(); cell.className = "n"; cell.textContent = plain(columns[name][row]); });
    Object.keys(figures).forEach((name) => { const cell = line.insertCell(); cell.className = columns[name][row] < 0 ? "n neg" : "n"; cell.textContent = said(columns[name][row], name); });
    return line;
  }));
  const markRow = () => [...table.tBodies[0].rows].forEach((line) => line.classList.toggle("chosen", Number(line.dataset.row) === marked));
  table.querySelectorAll("thead th").forEach((head) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      const values = columns[head.dataset.column];
      const key = (row) => (Number.isNaN(values[row]) ? (down ? -Infinity : Infinity) : values[row]);
      const order = Array.from({ length: count }, (_, row) => row).sort((a, b) => (key(a) === key(b) ? a - b : (key(a) < key(b)) === down ? 1 : -1));
      fill(order);
      table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      markRow();
    });
  });

  let turn = -0.6;
  const drawRelief = () => {
    const box = byId("relief-figure");
    box.hidden = drawn.xs.length < 2 || drawn.ys.length < 2;
    if (box.hidden) return;
    const [width, height] = [box.clientWidth, Math.min(Math.max(box.clientWidth * 0.5, 260), 460)];
    const context = sharp(byId("relief"), width, height);
    drawSurface(context, drawn, drawn.colours, { turn, width, height, style, said, plain });
  };
  const turnBy = (angle) => { turn += angle; drawRelief(); };
  byId("relief").addEventListener("pointerdown", (event) => { byId("relief").setPointerCapture(event.pointerId); });
  byId("relief").addEventListener("pointermove", (event) => { if (event.buttons) turnBy(event.movementX / 150); });
  byId("relief").addEventListener("keydown", (event) => {
    const angle = { ArrowLeft: -0.15, ArrowRight: 0.15 }[event.key];
    if (!angle) return;
    event.preventDefault();
    turnBy(angle);
  });

  const draw = () => { drawMap(); drawRelief(); drawSlices(); drawClasses(); markRow(); };
  const mark = (row) => { if (row >= 0) { marked = row; draw(); } };
  const options = (select, names, title) => select.replaceChildren(...names.map((name) => new Option(title ? title(name) : name, name)));
  const varied = data.params.filter((name) => levels[name].length > 1);
  const two = varied.length ? varied : data.params;
  options(byId("figure"), Object.keys(figures), (name) => figures[name].title);
  options(byId("across"), two);
  options(byId("up"), two.length > 1 ? two : [""]);
  byId("up").value = two.length > 1 ? two[1] : "";
  byId("axes-of-map").hidden = two.length < 3;
  byId("rest-label").hidden = two.length < 3;
  ["figure", "firm", "rest", "contours"].forEach((id) => byId(id).addEventListener("change", draw));
  [["across", "up"], ["up", "across"]].forEach(([id, other]) => byId(id).addEventListener("change", () => {
    if (byId(id).value === byId(other).value) byId(other).value = two.find((name) => name !== byId(id).value);
    draw();
  }));
  table.tBodies[0].addEventListener("click", (event) => { const line = event.target.closest("tr[data-row]"); if (line) mark(Number(line.dataset.row)); });
  byId("map").addEventListener("pointermove", (event) => { const cell = cellAt(event); if (cell && cell.row >= 0) tell(cell.row, cell.value); });
  byId("map").addEventListener("pointerleave", () => { const cell = drawn.cells[drawn.here]; tell(cell.row < 0 ? marked : cell.row, cell.value); });
  byId("map").addEventListener("click", (event) => { const cell = cellAt(event); if (cell) mark(cell.row); });
  byId("map").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const wide = drawn.xs.length;
    for (let x = (drawn.here % wide) + step[0], y = Math.floor(drawn.here / wide) + step[1]; x >= 0 && x < wide && y >= 0 && y < drawn.ys.length; x += step[0], y += step[1]) {
      if (drawn.cells[y * wide + x].row >= 0) { mark(drawn.cells[y * wide + x].row); return; }
    }
  });
  addEventListener("resize", draw);
  dark.addEventListener("change", draw);
  draw();
})();
