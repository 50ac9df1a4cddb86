// The card of one number: its formula, the numbers put in, its parts, TensorFlow's number.
"use strict";

const KINDS = {
  input: "input", target: "target", mask: "dropout mask", parameter: "parameter", slot: "the optimizer's memory",
  output: "output", loss: "of the loss", upstream: "upstream gradient", gradient: "gradient", scalar: "of the step", move: "on the way to the update",
};

function linkTo(numbers, name, index, text) {
  return `<a class="part" role="link" tabindex="0" data-q="${escaped(name)}" data-i="${index}">${escaped(text ?? placeText(display(name), index))}</a>`;
}

function drawCard(numbers, view) {
  const { name, index } = view.q, tensor = numbers.tensor(name), place = placeText(display(name), index);
  const crumbs = view.crumbs.map((c, i) => `<a role="link" tabindex="0" class="crumb" data-crumb="${i}">${escaped(placeText(display(c.name), c.index))}</a> › `).join("");
  const head = `<nav class="crumbs" aria-label="the way here">${crumbs}<b>${escaped(place)}</b></nav>
    <h2 id="card-title">${escaped(place)} <small>${KINDS[tensor.kind]}${tensor.layer ? ` of layer ${tensor.layer}` : ""}, step ${view.step + 1}</small>
    <span class="buttons"><button id="back" title="Backspace">back</button><button id="close" title="Escape">close</button></span></h2>`;
  if (!isShown(numbers, view, name)) {
    return `${head}<p>It does not exist yet: it comes to be in the phase “${tensor.phase}”.</p>`;
  }
  const asked = view.predict && tensor.phase !== "before" && !view.revealed.has(placeText(name, index));
  const body = asked ? question(numbers, view) : answerOf(numbers, view, tensor);
  return head + body;
}

function formulaOf(numbers, tensor) {
  const left = symbol(numbers, tensor.name, tensor.indices.map(([letter]) => letter));
  return `<div class="formula" data-role="symbols">${symbolic(numbers, tensor.formula).replace("<math displaystyle=\"true\">", `<math displaystyle="true">${left}${mo("=")}`)}</div>`;
}

function answerOf(numbers, view, tensor) {
  const { name, index } = view.q, { step } = view, value = numbers.at(name, step, index);
  const single = numbers.single && !numbers.isWeak(name), text = digits(value, single);
  const result = `<p class="result"><output data-role="result" data-value="${text}">= ${minus(text)}</output>
    <small>${numbers.isWeak(name) ? "Python number" : numbers.data.dtype}</small>
    <button id="copy" data-copy="${numbers.isWeak(name) ? text : `np.${numbers.data.dtype}(${text})`}">copy as Python</button>
    <details class="hex"><summary>hex</summary><code>${hexadecimal(value)}</code></details></p>`;
  if (!tensor.formula) {
    const made = step && numbers.tensors.has(`${name}'`) && tensor.phase === "before"
      ? `<p>Made in step ${step}: <a class="part" role="link" tabindex="0" data-step="${step - 1}" data-q="${escaped(name)}'" data-i="${index}">${escaped(placeText(`${display(name)}'`, index))}</a></p>` : "";
    return `<p class="note">${escaped(tensor.note)}</p>${result}${made}${rest(numbers, view, tensor)}`;
  }
  const places = numbers.places(name, index);
  const open = isOpen(tensor.formula);
  const filled = `<div class="formula" data-role="numbers" data-tree="${escaped(JSON.stringify(printed(numbers, tensor.formula, places, step)))}">${numeric(numbers, tensor.formula, places, step)}</div>`;
  const dead = tensor.kind === "output" && isDead(numbers, name, step, index.at(-1))
    ? `<p class="dead-note">This unit is 0 in all ${numbers.data.rows[step]} rows: x is below 0 everywhere, the slope is 0, and no gradient passes. Its weights cannot learn from this batch.</p>` : "";
  return `${formulaOf(numbers, tensor)}${filled}${result}${dead}
    ${open ? chainOf(numbers, tensor.formula, places, step) + table(numbers, view, tensor, places) : ""}
    <p class="note">${escaped(tensor.note)}</p>${lineOf(numbers, view, tensor)}${rest(numbers, view, tensor)}`;
}

function lineOf(numbers, view, tensor) {
  return guideOf(numbers, view, tensor.equations) + lineOfCode(tensor);
}

// The guide's passages that derive the formulas; they stay open from card to card.
function guideOf(numbers, view, names) {
  if (!names.length) return "";
  const codes = names.map((name) => `<code>${name}</code>`).join(" and ");
  const said = `<p class="equation"><small>the formula${names.length > 1 ? "s" : ""} ${codes} of the guide, refnn/guide.md</small></p>`;
  const passages = names.map((name) => numbers.data.guide[name]).filter((passage) => passage);
  if (!passages.length) return said;
  const html = names.reduce((text, name) => text.replace(`<figure class="box" data-formula="${name}"`, `<figure class="box this" data-formula="${name}"`),
    [...new Set(passages.map((passage) => passage.html))].join(""));
  return `${said}<details class="why" ${view.why ? "open" : ""}><summary>Why? (guide, section ${escaped(passages[0].section)})</summary><div class="passage">${html}</div></details>`;
}

function lineOfCode(tensor) {
  return tensor.line ? `<p class="line"><code>${escaped(tensor.line[2])}</code> <small>${escaped(tensor.line[0])}, line ${tensor.line[1]}</small></p>` : "";
}

// The tree with the numbers that are printed, for whoever wants to check the page.
function printed(numbers, tree, places, step) {
  const visit = (node, at) => {
    if (!Array.isArray(node)) return node;
    const [word, ...parts] = node;
    if (word === "ref") {
      const index = parts[1].map((letter) => at[letter]);
      const value = index.includes(undefined) ? "" : digits(numbers.at(parts[0], step, index), numbers.single && !numbers.isWeak(parts[0]));
      return ["number", value, numbers.isWeak(parts[0])];
    }
    if (word === "sum" || word === "max") {
      const [letter, size, body] = parts;
      return [word, ...Array.from({ length: sizeOf(numbers, size, step) }, (_, i) => visit(body, { ...at, [letter]: i }))];
    }
    if (word === "const") return node;
    if (word === "call") return ["call"];
    return [word, ...parts.map((part) => (Array.isArray(part) && typeof part[0] === "string" && COMPARISONS[part[0]]
      ? [part[0], ...part.slice(1).map((side) => visit(side, at))] : visit(part, at)))];
  };
  return visit(tree, places);
}

// The chain rule's two parts, named.
function chainOf(numbers, tree, places, step) {
  if (tree[0] !== "chain") return "";
  const [, upstream, local] = tree, name = upstream[1], index = upstream[2].map((letter) => places[letter]);
  const slope = evaluate(numbers, local, places, step).value;
  return `<dl class="chain"><dt>upstream gradient</dt><dd>${linkTo(numbers, name, index)} = ${minus(digits(numbers.at(name, step, index), numbers.single))}</dd>
    <dt>local derivative</dt><dd data-role="local" data-value="${digits(slope, numbers.single)}">${minus(digits(slope, numbers.single))}</dd></dl>`;
}

// A long sum opened: a row for each term, with its factors.
function table(numbers, view, tensor, places) {
  const sum = longSum(numbers, tensor.formula, view.step);
  if (!sum) return "";
  const [, letter, named, body] = sum, size = sizeOf(numbers, named, view.step);
  const factors = body[0] === "mul" && body[1][0] === "ref" && body[2][0] === "ref" ? [body[1], body[2]] : body[0] === "ref" ? [body] : [];
  const rows = Array.from({ length: size }, (_, i) => {
    const at = { ...places, [letter]: i };
    return { i, at, value: evaluate(numbers, body, at, view.step).value };
  });
  const total = rows.reduce((a, row) => a + row.value, 0);
  if (view.sorted) rows.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const largest = Math.max(...rows.map((row) => Math.abs(row.value))) || 1;
  const bar = (value) => `<td class="bar ${value < 0 ? "negative" : "positive"}"><span style="width:${(100 * Math.abs(value) / largest).toFixed(1)}%"></span></td>`;
  const factor = ([, name, letters], at) => {
    const index = letters.map((l) => at[l]), value = numbers.at(name, view.step, index);
    return `<td class="part" role="link" tabindex="0" data-q="${escaped(name)}" data-i="${index}" title="${escaped(placeText(display(name), index))}">${minus(digits(value, numbers.single))}</td>`;
  };
  const head = factors.map(([, name, letters]) => `<th>${escaped(display(name))}[${letters.map((l) => (l === letter ? l : places[l])).join(", ")}]</th>`).join("");
  const product = factors.length === 1 ? "" : `<th>${factors.length ? "product" : "term"}</th>`;
  const lines = rows.map(({ i, at, value }) => `<tr data-term="${i}"><th class="row-link" role="link" tabindex="0" ${letter === "n" ? `data-row="${i}"` : ""}>${i}</th>${
    factors.map((f) => factor(f, at)).join("")}${factors.length === 1 ? "" : `<td data-role="term">${minus(digits(value, numbers.single))}</td>`}${bar(value)}</tr>`).join("");
  return `<div class="sum"><table><caption>the sum over ${letter}: ${size} terms <button id="sort">${view.sorted ? "in order" : "by size"}</button></caption>
    <thead><tr><th>${letter}</th>${head}${product}<th></th></tr></thead><tbody>${lines}</tbody>
    <tfoot><tr><th>Σ</th><td colspan="${Math.max(1, factors.length + (factors.length === 1 ? 0 : 1)) + 1}">${minus(digits(numbers.single ? Math.fround(total) : total, numbers.single))} <small>added here in float64, then rounded; refnn's own order may differ in the last bit</small></td></tr></tfoot></table></div>`;
}

// What stands on every card: TensorFlow, the optimizer's row, the history, where it goes.
function rest(numbers, view, tensor) {
  return twinOf(numbers, view) + optimizerRow(numbers, view, tensor) + historyOf(numbers, view, tensor) + usersOf(numbers, view);
}

function twinOf(numbers, view) {
  const { name, index } = view.q, twin = numbers.twin(name, view.step, index);
  if (!twin) return "";
  const ours = numbers.at(name, view.step, index), apart = Math.abs(ours - twin.value), allowed = 2 * twin.bound;
  const wrong = numbers.isWrong(name, view.step, numbers.flat(name, view.step, index));
  const said = wrong ? "refnn's number is not what TensorFlow makes of refnn's numbers beside it"
    : apart === 0 ? "the same number" : "within what rounding allows";
  const fill = apart === 0 ? "0" : allowed === Infinity ? "no finite bound" : allowed === 0 ? "beyond" : (apart / allowed).toPrecision(2);
  return `<table class="twin ${wrong ? "wrong" : ""}"><caption>TensorFlow: ${said}</caption>
    <tr><th>TensorFlow</th><td data-role="tensorflow" data-value="${digits(twin.value, numbers.single)}">${minus(digits(twin.value, numbers.single))}</td></tr>
    <tr><th>apart</th><td>${minus(twin.ulps)} ulp</td></tr>
    <tr><th>allowed</th><td data-role="allowed" data-value="${allowed}">${allowed === Infinity ? "no finite bound" : minus(Number(allowed.toPrecision(3)).toExponential())} <small>both sides' rounding, derived for the whole step</small></td></tr>
    <tr><th>fill</th><td data-role="fill">${fill}</td></tr></table>`;
}

function parameterOf(numbers, name) {
  const found = name.match(/([Wb][0-9]+)'?$/);
  return found && numbers.tensors.has(found[1]) ? found[1] : "";
}

function optimizerRow(numbers, view, tensor) {
  const parameter = parameterOf(numbers, tensor.name), { index } = view.q;
  if (!parameter || view.predict || !isShown(numbers, view, `${parameter}'`)) return "";
  const names = ["", "d", "λ", "m ", "m '", "mhat ", "v ", "v '", "vhat ", "root ", "ahead ", "move ", "'"]
    .map((pattern) => (pattern.endsWith("'") ? `${pattern.slice(0, -1)}${parameter}'` : pattern + parameter))
    .filter((name) => numbers.tensors.has(name));
  const heads = names.map((name) => `<th>${escaped(display(name).replace(parameter, "").trim().replace(/^'$/, "w'").replace(/^$/, "w").replace(/^d$/, "g").replace(/^λ$/, "λw"))}</th>`).join("");
  const cells = names.map((name) => cell(numbers, view, name, index)).join("");
  const w = numbers.at(parameter, view.step, index), g = numbers.at(`d${parameter}`, view.step, index);
  const lr = numbers.data.scalars[view.step].lr;
  const plain = numbers.single ? Math.fround(w - Math.fround(Math.fround(lr) * g)) : w - lr * g;
  return `<div class="optimizer"><h3>${escaped(numbers.data.optimizer)}</h3><div class="scroll"><table><tr>${heads}</tr><tr>${cells}</tr></table></div>
    <p><small>Plain gradient descent would have made w − lr g = <span data-role="sgd" data-value="${digits(plain, numbers.single)}">${minus(digits(plain, numbers.single))}</span>.</small></p></div>`;
}

function historyOf(numbers, view, tensor) {
  const ofRow = tensor.indices[0]?.[0] === "n"; // another batch has other rows
  if (ofRow || numbers.steps < 2 || view.predict) return "";
  return `<div class="history"><h3>over the steps</h3>${overSteps(numbers, view)}</div>`;
}

// The tensors whose formula reads this number, at the places that it reaches.
function usersOf(numbers, view) {
  const { name, index } = view.q, mine = numbers.tensor(name).indices.map(([letter]) => letter), found = [];
  for (const user of numbers.tensors.values()) {
    const visit = (node) => {
      if (!Array.isArray(node)) return false;
      if (node[0] === "ref") return node[1] === name && node;
      return node.slice(1).map(visit).find(Boolean);
    };
    const reference = user.formula && visit(user.formula);
    if (!reference || mine.length !== reference[2].length) continue;
    const at = Object.fromEntries(reference[2].map((letter, axis) => [letter, index[axis]]));
    const place = user.indices.map(([letter]) => at[letter] ?? (letter === "n" ? view.row : 0));
    found.push(linkTo(numbers, user.name, place));
  }
  return found.length ? `<p class="users"><b>goes into</b> ${found.join(", ")}</p>` : "";
}
