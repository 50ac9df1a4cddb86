// The page: what is shown, and what the reader does.
"use strict";

const view = {
  step: 0, phase: "update", row: 0, tab: "d", q: null, crumbs: [], predict: false, sorted: true, why: false,
  revealed: new Set(), marks: new Map(), tracing: false,
};
let numbers, playing = 0;
const $ = (id) => document.getElementById(id);

function draw(focus) {
  heatmaps.clear();
  $("bands").innerHTML = drawBands(numbers, view);
  document.querySelectorAll("#bands table").forEach((table) => table.querySelector("td")?.setAttribute("tabindex", "0"));
  drawHeatmaps(numbers, view);
  document.querySelectorAll("svg.scatter").forEach((svg) => drawScatter(numbers, view, svg));
  drawLosses(numbers, view, $("losses"));
  drawSurface(numbers, view, $("surface"));
  $("step").value = view.step + 1;
  $("step-text").textContent = `step ${view.step + 1} of ${numbers.steps}`;
  $("row").max = numbers.data.rows[view.step] - 1;
  $("row").value = view.row;
  document.querySelectorAll("#phases button").forEach((button) => button.setAttribute("aria-pressed", button.dataset.phase === view.phase));
  $("predict").setAttribute("aria-pressed", view.predict);
  $("twin").innerHTML = summary();
  const card = $("card");
  card.hidden = !view.q;
  document.body.classList.toggle("with-card", Boolean(view.q));
  if (view.q) card.innerHTML = drawCard(numbers, view) + traceButton();
  writeAddress(focus);
}

function traceButton() {
  return `<p><button id="trace" aria-pressed="${view.tracing}">trace its path</button>
    ${view.tracing && !view.marks.size ? "<small>a layer has more than 128 units: too many links to follow by eye</small>" : ""}
    ${view.marks.size ? "<small><span class=\"key influenced\"></span> what it influences, row " + view.row + " · <span class=\"key comes-back\"></span> the gradients that come back</small>" : ""}</p>`;
}

// The address says what is shown, so that a link leads here again.
function writeAddress(focus) {
  const q = view.q ? `&q=${encodeURIComponent([view.q.name, ...view.q.index].join(","))}` : "";
  history.replaceState(null, "", `#step=${view.step + 1}${q}&row=${view.row}&phase=${view.phase}`);
  if (focus) document.querySelector(focus)?.focus({ preventScroll: false });
}

function summary() {
  const { equal, count, fullest: [fill, name, flat], wrong } = numbers.data.verdicts[view.step];
  if (!count) return "<span>without TensorFlow</span>";
  const share = ((100 * equal) / count).toFixed(1);
  const jump = name ? `; fullest bound ${fill.toPrecision(2)} at ${linkTo(numbers, name, unflat(name, flat))}` : "";
  const names = Object.keys(wrong), total = names.reduce((sum, n) => sum + wrong[n].count, 0);
  const bad = total ? ` <strong class="wrong-note">${total} numbers are not TensorFlow's: ${names.map((n) => linkTo(numbers, n, unflat(n, wrong[n].places[0]))).join(", ")}</strong>` : "";
  const other = total ? "" : firstWrong();
  return `<span>TensorFlow: ${share} % of ${count.toLocaleString("en")} numbers bit-equal${jump}.${bad}${other}</span>`;
}

function firstWrong() {
  const step = numbers.data.verdicts.findIndex((v) => Object.keys(v.wrong).length);
  return step < 0 ? "" : ` <a class="wrong-note part" role="link" tabindex="0" data-step="${step}">wrong numbers in step ${step + 1}</a>`;
}

function unflat(name, flat) {
  const index = [];
  for (const size of numbers.shape(name, view.step).reverse()) {
    index.unshift(flat % size);
    flat = Math.floor(flat / size);
  }
  return index;
}

function openCard(name, index, keep = true) {
  if (!numbers.tensors.has(name)) return;
  index = index.map(Number);
  if (view.q && keep && placeText(view.q.name, view.q.index) !== placeText(name, index)) view.crumbs.push({ ...view.q, step: view.step });
  if (view.crumbs.length > 12) view.crumbs.shift();
  view.q = { name, index };
  if (numbers.tensor(name).indices[0]?.[0] === "n") view.row = index[0];
  if (view.tracing) view.marks = trace(numbers, view);
  draw();
}

function closeCard() {
  Object.assign(view, { q: null, crumbs: [], tracing: false, marks: new Map() });
  draw();
}

function back() {
  const last = view.crumbs.pop();
  if (!last) { closeCard(); return; }
  Object.assign(view, { q: { name: last.name, index: last.index }, step: last.step });
  draw();
}

function setStep(step) {
  view.step = Math.max(0, Math.min(numbers.steps - 1, step));
  view.row = Math.min(view.row, numbers.data.rows[view.step] - 1);
  if (view.tracing) view.marks = trace(numbers, view);
  draw();
}

// Walk forward, loss, backward, update; then the next step.
function walk() {
  const place = PHASES.indexOf(view.phase);
  if (place < PHASES.length - 1) view.phase = PHASES[place + 1];
  else if (view.step < numbers.steps - 1) Object.assign(view, { step: view.step + 1, phase: "forward" });
  else { play(false); return; }
  draw();
}

function play(on) {
  clearInterval(playing);
  playing = on ? setInterval(walk, matchMedia("(prefers-reduced-motion: reduce)").matches ? 2500 : 1200) : 0;
  $("play").textContent = on ? "pause" : "play";
  if (on) walk();
}

function onClick(event) {
  const why = event.target.closest?.(".why > summary");
  if (why) view.why = !why.parentElement.open; // "toggle" may come behind the next key
  const target = event.target.closest?.("[data-q], [data-step], [data-tab], [data-phase], [data-crumb], [data-row], button") ?? null;
  if (onHeatmap(event, numbers, view, openCard, (row) => { view.row = row; draw(); })) return;
  if (!target) return;
  const { q, i, step, tab, phase, crumb, row: chosen } = target.dataset;
  if (tab !== undefined) { view.tab = tab; draw(`[data-tab="${tab}"]`); return; }
  if (phase !== undefined) { view.phase = phase; draw(`[data-phase="${phase}"]`); return; }
  if (crumb !== undefined) { view.crumbs.length = Number(crumb) + 1; back(); return; }
  if (step !== undefined) view.step = Number(step);
  if (q !== undefined) { openCard(q, i === "" ? [] : i.split(",")); return; }
  if (step !== undefined) { setStep(view.step); return; }
  if (chosen !== undefined) { view.row = Number(chosen); draw(); return; }
  const act = {
    back, close: closeCard, play: () => play(!playing), sort: () => { view.sorted = !view.sorted; draw("#sort"); },
    copy: () => navigator.clipboard?.writeText(target.dataset.copy),
    predict: () => { view.predict = !view.predict; view.revealed = new Set(); draw("#predict"); },
    reveal: () => { view.revealed.add(placeText(view.q.name, view.q.index)); draw(); },
    trace: () => { view.tracing = !view.tracing; view.marks = view.tracing ? trace(numbers, view) : new Map(); draw("#trace"); },
    previous: () => setStep(view.step - 1), next: () => setStep(view.step + 1),
  }[target.id];
  if (act) act();
}

function onSubmit(event) {
  event.preventDefault();
  $("verdict").textContent = verdict(numbers, view, new FormData(event.target).get("number"));
}

function onKey(event) {
  if (event.target.matches?.("input")) return;
  if (onHeatmap(event, numbers, view, openCard, () => {})) return;
  const cellAt = event.target.closest?.("td[data-q]");
  const arrows = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (cellAt && arrows) {
    const row = cellAt.parentElement.parentElement.rows[cellAt.parentElement.rowIndex + arrows[0]];
    row?.cells[cellAt.cellIndex + arrows[1]]?.focus();
    event.preventDefault();
    return;
  }
  if ((event.key === "Enter" || event.key === " ") && event.target.matches?.("[data-q], [role=link]")) {
    onClick(event);
    event.preventDefault();
    return;
  }
  const key = {
    Escape: closeCard, Backspace: back, "[": () => setStep(view.step - 1), "]": () => setStep(view.step + 1),
    p: () => play(!playing), 1: () => phaseKey("forward"), 2: () => phaseKey("loss"), 3: () => phaseKey("backward"), 4: () => phaseKey("update"),
  }[event.key];
  if (key && !event.ctrlKey && !event.metaKey && !event.altKey) { key(); event.preventDefault(); }
}

function phaseKey(phase) { view.phase = phase; draw(); }

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const step = Number(given.get("step") ?? 1), row = Number(given.get("row") ?? 0), phase = given.get("phase");
  if (step >= 1 && step <= numbers.steps) view.step = step - 1;
  if (row >= 0 && row < numbers.data.rows[view.step]) view.row = row;
  if (PHASES.includes(phase)) view.phase = phase;
  const [name, ...index] = (given.get("q") ?? "").split(","), place = index.map(Number);
  const known = numbers.tensors.has(name) && place.length === numbers.shape(name, view.step).length
    && numbers.shape(name, view.step).every((size, axis) => place[axis] >= 0 && place[axis] < size);
  view.q = known ? { name, index: place } : null;
  if (known && numbers.tensor(name).indices[0]?.[0] === "n") view.row = place[0];
  if (!known && given.get("eq")) readFormula(given.get("eq"), phase);
}

// A formula's id, as the guide's page links to it: the first number that has it.
function readFormula(id, phase) {
  const tensor = [...numbers.tensors.values()].find((t) => t.equations.includes(id));
  if (!tensor) return;
  view.q = { name: tensor.name, index: tensor.indices.map(([letter]) => (letter === "n" ? view.row : 0)) };
  if (!phase) view.phase = "update";
}

async function start() {
  numbers = await Numbers.of(JSON.parse($("data").textContent));
  $("step").max = numbers.steps;
  readAddress();
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKey);
  document.addEventListener("submit", onSubmit);
  document.addEventListener("mousemove", (event) => { if (event.target.matches?.("canvas[data-map]")) onHeatmap(event, numbers, view, openCard, () => {}); });
  document.addEventListener("toggle", (event) => { if (event.target.matches?.("details:not(.why)")) { drawHeatmaps(numbers, view); document.querySelectorAll("svg.scatter").forEach((svg) => drawScatter(numbers, view, svg)); } }, true);
  window.addEventListener("hashchange", () => { readAddress(); draw(); });
  $("step").addEventListener("input", (event) => setStep(Number(event.target.value) - 1));
  $("row").addEventListener("input", (event) => { view.row = Number(event.target.value) || 0; setStep(view.step); });
  draw();
  document.body.dataset.ready = "yes";
}

start();
