// One band for each layer with weights: the matrix is the network. Inputs | W | what it gets.
"use strict";

const WIDE = 16, TALL = 40; // a larger tensor is a heat map

// Dense layers with the layers that follow them, up to the next Dense.
function bandsOf(numbers) {
  const bands = [];
  numbers.data.layers.forEach((text, i) => {
    const number = i + 1, dense = numbers.tensors.has(`W${number}`);
    if (dense || !bands.length) bands.push({ dense: dense ? number : 0, layers: [], texts: [] });
    bands.at(-1).layers.push(number);
    bands.at(-1).texts.push(text);
  });
  return bands;
}

function outputName(number) { return number ? `y${number}` : "x"; }

// The largest size of the numbers that share a colour scale, over all steps.
function scaleOf(numbers, name) {
  numbers.scales ??= new Map();
  const key = family(numbers, name);
  if (!numbers.scales.has(key)) {
    let largest = 0;
    for (const other of numbers.tensors.keys()) {
      if (family(numbers, other) !== key) continue;
      for (let step = 0; step < numbers.steps; step++) {
        numbers.each(other, step, (value) => { largest = Math.max(largest, Math.abs(value)); });
      }
    }
    numbers.scales.set(key, largest);
  }
  return numbers.scales.get(key);
}

function family(numbers, name) {
  const tensor = numbers.tensor(name), before = name.replace(/[Wb][0-9]+'?$/, "");
  return ["slot", "move"].includes(tensor.kind) ? before : tensor.kind;
}

function isShown(numbers, view, name) {
  return PHASES.indexOf(numbers.tensor(name).phase) <= PHASES.indexOf(view.phase);
}

const PHASES = ["before", "forward", "loss", "backward", "update"];

// A unit of relu's kind that is 0 in every row of the batch.
function isDead(numbers, name, step, unit) {
  const tensor = numbers.tensor(name);
  if (tensor.kind !== "output" || !JSON.stringify(tensor.formula).startsWith('["maximum"')) return false;
  const rows = numbers.data.rows[step];
  for (let n = 0; n < rows; n++) if (numbers.at(name, step, [n, unit]) !== 0) return false;
  return true;
}

function cell(numbers, view, name, index, more = "") {
  const at = `data-q="${escaped(name)}" data-i="${index}"`;
  if (!isShown(numbers, view, name)) return `<td ${at} class="empty ${more}" tabindex="-1"></td>`;
  const value = numbers.at(name, view.step, index), flat = numbers.flat(name, view.step, index);
  const twin = numbers.twin(name, view.step, index), scale = scaleOf(numbers, name);
  const hidden = view.predict && numbers.tensor(name).phase !== "before" && !view.revealed.has(placeText(name, index));
  const classes = [
    more, value === 0 ? "zero" : value < 0 ? "negative" : "positive",
    twin && !hidden && twin.ulps !== 0 ? "differs" : "", numbers.isWrong(name, view.step, flat) ? "wrong" : "",
    view.marks.get(placeText(name, index)) ?? "", hidden ? "hidden" : "",
    view.q && view.q.name === name && String(view.q.index) === String(index) ? "chosen" : "",
    hidden && chosenForMistakes(numbers, view, name, flat) ? "asked" : "",
  ].filter(Boolean).join(" ");
  const share = scale ? Math.sqrt(Math.abs(value) / scale) : 0;
  return `<td ${at} class="${classes}" tabindex="-1" style="--share:${share.toFixed(2)}">` +
    `${hidden ? "?" : cellText(value)}</td>`;
}

function heading(numbers, view, name) {
  const scale = scaleOf(numbers, name);
  return `${escaped(display(name))} <small>±${minus(cellText(scale))}</small>`;
}

// A matrix, or under it the row of a vector: a table of cells, or a heat map if it is large.
function matrix(numbers, view, name, rows, columns, index) {
  if (columns > WIDE || rows > TALL) return heatmapTag(name, rows, columns, index);
  const lines = [];
  for (let i = 0; i < rows; i++) {
    const cells = [];
    for (let j = 0; j < columns; j++) cells.push(cell(numbers, view, name, index(i, j)));
    lines.push(`<tr>${cells.join("")}</tr>`);
  }
  return `<table role="grid" aria-label="${escaped(display(name))}">${lines.join("")}</table>`;
}

function part(title, body, more = "") { return `<div class="part-of ${more}"><h3>${title}</h3>${body}</div>`; }

// The rows of a layer's band that belong to the chosen row of the batch.
function unitRows(numbers, view, band, width) {
  const rows = [];
  const add = (name, note) => {
    if (!numbers.tensors.has(name)) return;
    const body = width > WIDE
      ? heatmapTag(name, 1, width, (_, j) => [view.row, j])
      : `<table role="grid" aria-label="${escaped(name)} of row ${view.row}"><tr>${
        Array.from({ length: width }, (_, j) =>
          cell(numbers, view, name, [view.row, j], isDead(numbers, name, view.step, j) ? "dead" : "")).join("")}</tr></table>`;
    rows.push(`<div class="unit-row"><h3 title="${escaped(note)}">${heading(numbers, view, name)}</h3>${body}</div>`);
  };
  band.layers.forEach((number, i) => {
    if (numbers.tensors.has(`mask${number}`)) add(`mask${number}`, "mask");
    add(outputName(number), band.texts[i]);
  });
  [...band.layers].reverse().forEach((number) => add(`d${outputName(number)}`, `∂loss/∂${outputName(number)}`));
  return rows.join("");
}

const TABS = ["d", "λ", "m ", "v ", "mhat ", "vhat ", "root ", "ahead ", "move ", "'"];

function tabName(tab, parameter) {
  if (tab === "'") return `${parameter}'`;
  return tab === "m " || tab === "v " ? `${tab}${parameter}'` : tab + parameter;
}

function tabsOf(numbers, number) { return TABS.filter((tab) => numbers.tensors.has(tabName(tab, `W${number}`))); }

function drawBand(numbers, view, band) {
  const { dense } = band, title = `layer ${band.layers.join(", ")} · ${escaped(band.texts.join(" → "))}`;
  const width = numbers.shape(outputName(band.layers.at(-1)), view.step)[1];
  let body = "";
  if (dense) {
    const [inputs, units] = numbers.shape(`W${dense}`, view.step), x = outputName(dense - 1);
    const place = (i, j) => [i, j], bias = (_, j) => [j];
    const vector = (name) => (numbers.tensors.has(name)
      ? `<div class="unit-row"><h3>${heading(numbers, view, name)}</h3>${matrix(numbers, view, name, 1, units, bias)}</div>` : "");
    const tab = tabsOf(numbers, dense).includes(view.tab) ? view.tab : "d", shown = tabName(tab, `W${dense}`);
    const buttons = tabsOf(numbers, dense).map((one) => `<button class="tab" data-tab="${escaped(one)}" aria-pressed="${one === tab}">` +
      `${escaped(display(tabName(one, `W${dense}`)))}</button>`).join("");
    body = `<div class="matrices">
      ${part(heading(numbers, view, x), matrix(numbers, view, x, inputs, 1, (i) => [view.row, i]), "inputs")}
      <div class="stack">${part(heading(numbers, view, `W${dense}`), matrix(numbers, view, `W${dense}`, inputs, units, place))}
        ${vector(`b${dense}`)}${unitRows(numbers, view, band, units)}</div>
      <div class="stack">${part(`<span class="tabs">${buttons}</span> <small>±${minus(cellText(scaleOf(numbers, shown)))}</small>`,
        matrix(numbers, view, shown, inputs, units, place))}
        ${vector(tabName(tab, `b${dense}`))}${extras(numbers, view, band)}</div>
    </div>`;
  } else body = `<div class="stack">${unitRows(numbers, view, band, width)}</div>`;
  return `<section class="band" data-band="${band.layers.join(" ")}"><h2>${title}</h2><div class="scroll">${body}</div></section>`;
}

// What is folded away under a band: the whole batch of its output, and the moves of its weights.
function extras(numbers, view, band) {
  const name = outputName(band.layers.at(-1)), [rows, width] = numbers.shape(name, view.step);
  const node = width <= 8 && band.dense && numbers.shape(`W${band.dense}`, view.step)[0] <= 8
    ? thumbnail(numbers, view, band) : "";
  return `<div class="extras">${node}<details class="batch"><summary>${escaped(display(name))} of all ${rows} rows</summary>
    ${heatmapTag(name, rows, width, (n, j) => [n, j], "rows")}</details>
    ${band.dense ? `<details class="moves"><summary>moves of W${band.dense} against lr · gradient</summary>
    <svg class="scatter" data-layer="${band.dense}" viewBox="0 0 220 160" role="img"></svg></details>` : ""}</div>`;
}

// Nodes and links, only where they can be told apart.
function thumbnail(numbers, view, band) {
  const [inputs, units] = numbers.shape(`W${band.dense}`, view.step), largest = scaleOf(numbers, `W${band.dense}`);
  const y = (i, count) => 8 + (i + 0.5) * (84 / count);
  const lines = [], dots = [];
  for (let i = 0; i < inputs; i++) {
    for (let j = 0; j < units; j++) {
      const w = numbers.at(`W${band.dense}`, view.step, [i, j]);
      lines.push(`<line x1="14" x2="106" y1="${y(i, inputs)}" y2="${y(j, units)}" class="${w < 0 ? "negative" : "positive"}" ` +
        `stroke-width="${(3 * Math.abs(w) / largest).toFixed(2)}"/>`);
    }
  }
  for (let i = 0; i < inputs; i++) dots.push(`<circle cx="10" cy="${y(i, inputs)}" r="4"/>`);
  for (let j = 0; j < units; j++) dots.push(`<circle cx="110" cy="${y(j, units)}" r="4"/>`);
  return `<svg class="thumbnail" viewBox="0 0 120 100" role="img" aria-label="the weights of layer ${band.dense} as links">${lines.join("")}${dots.join("")}</svg>`;
}

function drawLoss(numbers, view) {
  const names = [...numbers.tensors.values()].filter((t) => t.kind === "loss" || t.kind === "target").map((t) => t.name);
  const pieces = names.map((name) => {
    const shape = numbers.shape(name, view.step);
    const index = shape.length === 2 ? (_, j) => [view.row, j] : shape.length === 1 ? () => [view.row] : () => [];
    const width = shape.length === 2 ? shape[1] : 1;
    return part(heading(numbers, view, name), matrix(numbers, view, name, 1, width, index), "loss-part");
  });
  return `<section class="band" data-band="loss"><h2>loss · ${escaped(numbers.data.loss)}</h2><div class="scroll"><div class="matrices">${pieces.join("")}</div></div></section>`;
}

function drawBands(numbers, view) {
  const bands = bandsOf(numbers).map((band) => drawBand(numbers, view, band));
  return bands.join("") + drawLoss(numbers, view);
}
