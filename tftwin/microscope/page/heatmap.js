// A large tensor: a heat map with a crosshair and a lens of 9 × 9 numbers.
"use strict";

const LENS = 4, LARGEST_SIDE = 128;
const heatmaps = new Map();

function heatmapTag(name, rows, columns, index, kind = "") {
  const id = `map-${heatmaps.size}`;
  heatmaps.set(id, { name, rows, columns, index, kind, at: [0, 0] });
  const block = Math.ceil(Math.max(rows, columns) / LARGEST_SIDE);
  const says = block > 1 ? `<small>each cell is the mean of ${block} × ${block} numbers</small>` : "";
  return `<figure class="heatmap"><canvas id="${id}" tabindex="0" role="application" data-map="${escaped(name)}"
    aria-label="${escaped(name)}, ${rows} × ${columns}: arrows move, Enter opens a number"></canvas>${says}
    <table class="lens" aria-live="polite"></table></figure>`;
}

function drawHeatmaps(numbers, view) {
  for (const [id, map] of heatmaps) {
    const canvas = document.getElementById(id);
    if (!canvas) continue;
    const block = Math.ceil(Math.max(map.rows, map.columns) / LARGEST_SIDE);
    const rows = Math.ceil(map.rows / block), columns = Math.ceil(map.columns / block);
    const size = Math.max(4, Math.min(16, Math.floor(544 / columns)));
    canvas.width = columns * size;
    canvas.height = rows * Math.max(size, rows === 1 ? 16 : 4);
    Object.assign(map, { block, size, height: canvas.height / rows });
    const context = canvas.getContext("2d"), scale = scaleOf(numbers, map.name) || 1;
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!isShown(numbers, view, map.name)) continue;
    const style = getComputedStyle(document.documentElement);
    const colours = { n: style.getPropertyValue("--negative"), p: style.getPropertyValue("--positive"), z: style.getPropertyValue("--zero") };
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const value = blockMean(numbers, view, map, i, j);
        context.globalAlpha = value === 0 ? 1 : Math.max(0.05, Math.sqrt(Math.min(1, Math.abs(value) / scale)));
        context.fillStyle = value === 0 ? colours.z : value < 0 ? colours.n : colours.p;
        context.fillRect(j * size, i * map.height, size, map.height);
      }
    }
    context.globalAlpha = 1;
    for (const flat of numbers.data.verdicts[view.step].wrong[map.name]?.places ?? []) {
      const [i, j] = [Math.floor(flat / map.columns / block), Math.floor((flat % map.columns) / block)];
      context.strokeStyle = style.getPropertyValue("--wrong");
      context.lineWidth = 2;
      context.strokeRect(j * size + 1, i * map.height + 1, size - 2, map.height - 2);
    }
  }
}

function blockMean(numbers, view, map, i, j) {
  let sum = 0, count = 0;
  for (let a = i * map.block; a < Math.min(map.rows, (i + 1) * map.block); a++) {
    for (let b = j * map.block; b < Math.min(map.columns, (j + 1) * map.block); b++) {
      sum += numbers.at(map.name, view.step, map.index(a, b));
      count++;
    }
  }
  return sum / count;
}

// The lens: the numbers around the crosshair.
function drawLens(numbers, view, canvas) {
  const map = heatmaps.get(canvas.id), lens = canvas.parentElement.querySelector(".lens");
  const [row, column] = map.at, lines = [];
  for (let i = row - LENS; i <= row + LENS; i++) {
    if (i < 0 || i >= map.rows) continue;
    const cells = [];
    for (let j = column - LENS; j <= column + LENS; j++) {
      if (j < 0 || j >= map.columns) continue;
      cells.push(cell(numbers, view, map.name, map.index(i, j), i === row && j === column ? "crosshair" : ""));
    }
    lines.push(`<tr>${cells.join("")}</tr>`);
  }
  const places = map.index(row, column);
  lens.innerHTML = `<caption>${escaped(placeText(display(map.name), places))}</caption>${lines.join("")}`;
}

function onHeatmap(event, numbers, view, open, choose) {
  const canvas = event.target.closest?.("canvas[data-map]");
  if (!canvas) return false;
  const map = heatmaps.get(canvas.id), box = canvas.getBoundingClientRect();
  const clamp = (value, end) => Math.max(0, Math.min(end - 1, value));
  if (event.type === "keydown") {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (event.key === "Enter") open(map.name, map.index(...map.at));
    else if (move) map.at = [clamp(map.at[0] + move[0], map.rows), clamp(map.at[1] + move[1], map.columns)];
    else return false;
    event.preventDefault();
  } else {
    const y = (event.clientY - box.top) / box.height, x = (event.clientX - box.left) / box.width;
    map.at = [clamp(Math.floor(y * map.rows), map.rows), clamp(Math.floor(x * map.columns), map.columns)];
    if (event.type === "click" && map.kind === "rows") choose(map.at[0]);
    else if (event.type === "click") open(map.name, map.index(...map.at));
  }
  if (isShown(numbers, view, map.name)) drawLens(numbers, view, canvas);
  return true;
}
