// Small plots: a number over the steps, the loss, the moves, the decision surface.
"use strict";

function line(values, width, height, marked) {
  const low = Math.min(...values), high = Math.max(...values), range = high - low || 1;
  const x = (i) => 6 + (i * (width - 12)) / Math.max(1, values.length - 1), y = (v) => height - 14 - ((v - low) / range) * (height - 28);
  const points = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  return `<polyline points="${points}"/><circle cx="${x(marked)}" cy="${y(values[marked])}" r="3"/>
    <text x="6" y="10">${minus(cellText(high))}</text><text x="6" y="${height - 2}">${minus(cellText(low))}</text>`;
}

function overSteps(numbers, view) {
  const { name, index } = view.q;
  const values = Array.from({ length: numbers.steps }, (_, step) => numbers.at(name, step, index));
  return `<svg class="line" viewBox="0 0 320 80" role="img" aria-label="from ${cellText(values[0])} to ${cellText(values.at(-1))}">${line(values, 320, 80, view.step)}</svg>`;
}

function drawLosses(numbers, view, svg) {
  const name = numbers.tensors.has("total") ? "total" : "data";
  svg.innerHTML = line(Array.from({ length: numbers.steps }, (_, step) => numbers.at(name, step, [])), 320, 80, view.step);
}

// Each weight's move against lr · g: on the diagonal the rule does what gradient descent does.
function drawScatter(numbers, view, svg) {
  const parameter = `W${svg.dataset.layer}`, points = [];
  if (!isShown(numbers, view, `${parameter}'`)) { svg.innerHTML = ""; return; }
  const lr = numbers.data.scalars[view.step].lr;
  numbers.each(parameter, view.step, (w, index) => {
    const after = numbers.at(`${parameter}'`, view.step, index);
    points.push([-lr * numbers.at(`d${parameter}`, view.step, index), after - w, index]);
  });
  const wide = Math.max(...points.map(([a]) => Math.abs(a))) || 1, high = Math.max(...points.map(([, b]) => Math.abs(b))) || 1;
  const x = (a) => 110 + (100 * a) / wide, y = (b) => 80 - (70 * b) / high;
  const slope = Math.min(1, high / wide), end = wide * slope;
  svg.innerHTML = `<line class="axis" x1="10" x2="210" y1="80" y2="80"/><line class="axis" x1="110" x2="110" y1="10" y2="150"/>
    <line class="diagonal" x1="${x(-end)}" y1="${y(-end)}" x2="${x(end)}" y2="${y(end)}"/>
    ${points.map(([a, b, index]) => `<circle class="part" data-q="move ${parameter}" data-i="${index}" cx="${x(a).toFixed(1)}" cy="${y(b).toFixed(1)}" r="2.5"/>`).join("")}
    <text x="212" y="92" text-anchor="end">−lr · g, ±${cellText(wide)}</text><text x="114" y="12">move, ±${cellText(high)}</text>`;
}

const CLASS_COLOURS = ["#3b6fb6", "#d9822b", "#3a9d6e", "#9c5bb5", "#8a8a8a"];

async function drawSurface(numbers, view, canvas) {
  const surface = numbers.data.surface;
  if (!surface) { canvas.closest("figure").hidden = true; return; }
  surface.unpacked ??= await unpack(surface.maps, Uint8Array);
  const { side, corners: [left, right, bottom, top] } = surface, start = view.step * side * side, size = canvas.width / side;
  const context = canvas.getContext("2d");
  context.globalAlpha = 0.35;
  for (let i = 0; i < side; i++) {
    for (let j = 0; j < side; j++) {
      context.fillStyle = CLASS_COLOURS[surface.unpacked[start + i * side + j] % CLASS_COLOURS.length];
      context.clearRect(j * size, canvas.height - (i + 1) * size, size, size);
      context.fillRect(j * size, canvas.height - (i + 1) * size, size, size);
    }
  }
  context.globalAlpha = 1;
  surface.x.forEach(([x, y], i) => {
    context.fillStyle = CLASS_COLOURS[surface.classes[i] % CLASS_COLOURS.length];
    context.beginPath();
    context.arc(((x - left) / (right - left)) * canvas.width, canvas.height - ((y - bottom) / (top - bottom)) * canvas.height, 2.5, 0, 7);
    context.fill();
  });
}
