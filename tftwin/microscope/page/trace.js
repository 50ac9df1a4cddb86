// Trace a path: what a number influences on the way forward, and what comes back to it.
"use strict";

const TRACEABLE = 128; // a wider layer has too many links to be followed by eye

function trace(numbers, view) {
  const { name, index } = view.q, marks = new Map();
  if (numbers.data.tensors.some((t) => t.indices.some(([, size]) => size > TRACEABLE))) return marks;
  const reached = new Set([placeText(name, index)]);
  const visitRow = (tensor, mark) => {
    const shape = numbers.shape(tensor.name, view.step), perRow = tensor.indices[0]?.[0] === "n";
    if (!perRow) return;
    const width = shape[1] ?? 1;
    for (let j = 0; j < width; j++) {
      const at = shape.length === 1 ? [view.row] : [view.row, j];
      const parts = partsOf(numbers, tensor.formula, numbers.places(tensor.name, at), view.step);
      if (parts.some(([n, i]) => reached.has(placeText(n, i)))) {
        reached.add(placeText(tensor.name, at));
        marks.set(placeText(tensor.name, at), mark);
      }
    }
  };
  for (const tensor of numbers.tensors.values()) {
    if (tensor.formula && (tensor.kind === "output" || tensor.kind === "loss")) visitRow(tensor, "influenced");
  }
  const back = (q, at) => {
    const tensor = numbers.tensor(q);
    if (!tensor.formula || !["gradient", "upstream"].includes(tensor.kind)) return;
    for (const [part, place] of partsOf(numbers, tensor.formula, numbers.places(q, at), view.step)) {
      const text = placeText(part, place), ofRow = numbers.tensor(part).indices[0]?.[0] !== "n" || place[0] === view.row;
      if (numbers.tensor(part).kind !== "upstream" || !ofRow || marks.get(text) === "comes-back") continue;
      marks.set(text, "comes-back");
      back(part, place);
    }
  };
  const parameter = parameterOf(numbers, name), start = parameter ? `d${parameter}` : numbers.tensors.has(`d${name}`) ? `d${name}` : name;
  back(start, index);
  if (numbers.tensors.has(start)) marks.set(placeText(start, index), "comes-back");
  return marks;
}
