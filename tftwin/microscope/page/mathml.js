// A formula as MathML: with its letters, or with the numbers put in; each number is a link.
"use strict";

const FEW = 6; // terms of a sum that are written out; more are a table

function escaped(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;");
}

function mo(sign) { return `<mo stretchy="false">${escaped(sign)}</mo>`; }
function row(...parts) { return `<mrow>${parts.join("")}</mrow>`; }
function bracketed(inner) { return row(mo("("), inner, mo(")")); }

const STRENGTH = { add: 1, sub: 1, sum: 1, neg: 2, mul: 3, chain: 3, where: 0 };

// `leaf` draws a reference at a place; `sum` draws a sum, or returns null: then it has its sign.
function mathml(tree, leaf, sum) {
  const draw = (node, at, above = 0) => {
    const inner = plain(node, at);
    const strength = Array.isArray(node) ? STRENGTH[node[0]] ?? 9 : node < 0 ? 2 : 9;
    return strength < above ? bracketed(inner) : inner;
  };
  const plain = (node, at) => {
    if (!Array.isArray(node)) return `<mn>${minus(node)}</mn>`;
    const [word, ...parts] = node;
    const part = (i, above) => draw(parts[i], at, above);
    const named = (name) => row(`<mi>${name}</mi>`, bracketed(part(0)));
    switch (word) {
      case "ref": return leaf.ref(parts[0], parts[1], at);
      case "const": return leaf.constant(parts[0], parts[1]);
      case "add": return row(part(0, 1), mo("+"), part(1, 2));
      case "sub": return row(part(0, 1), mo("−"), part(1, 2));
      case "mul": return row(part(0, 3), mo("·"), part(1, 4));
      case "chain": return row(part(0, 3), mo("·"), part(1, 4));
      case "div": return `<mfrac>${row(part(0))}${row(part(1))}</mfrac>`;
      case "pow": return `<msup>${row(part(0, 4))}${row(part(1))}</msup>`;
      case "neg": return row(mo("−"), part(0, 3));
      case "square": return `<msup>${row(part(0, 9))}<mn>2</mn></msup>`;
      case "sqrt": return `<msqrt>${part(0)}</msqrt>`;
      case "exp": return `<msup><mi>e</mi>${row(part(0))}</msup>`;
      case "expm1": return bracketed(row(`<msup><mi>e</mi>${row(part(0))}</msup>`, mo("−"), "<mn>1</mn>"));
      case "log": return named("ln");
      case "log1p": return row("<mi>ln</mi>", bracketed(row("<mn>1</mn>", mo("+"), part(0, 1))));
      case "tanh": return named("tanh");
      case "sigmoid": return named("σ");
      case "sign": return named("sign");
      case "abs": return row(mo("|"), part(0), mo("|"));
      case "maximum": case "minimum":
        return row(`<mi>${word.slice(0, 3)}</mi>`, bracketed(row(part(0), mo(","), part(1))));
      case "clip":
        return row("<mi>clip</mi>", bracketed(row(part(0), mo(","), part(1), mo(","), part(2))));
      case "where": return cases(parts, at);
      case "sum": case "max": return over(word, parts, at);
      case "call": {
        const given = parts.slice(1).map((_, i) => part(i + 1)).join(mo(","));
        return row(`<mtext>${escaped(parts[0])}</mtext>`, bracketed(given));
      }
      default: return `<mtext>${escaped(word)}</mtext>`;
    }
  };
  const over = (word, [letter, size, body], at) => {
    const own = word === "sum" && sum ? sum(letter, size, body, at, draw) : null;
    if (own !== null) return own;
    const sign = word === "sum" ? mo("∑") : "<mo>max</mo>";
    return row(`<munder>${sign}<mi>${letter}</mi></munder>`, draw(body, leaf.bind(at, letter), 2));
  };
  const cases = ([[comparison, ...sides], yes, no], at) => {
    const [a, b, c] = sides.map((side) => draw(side, at));
    const condition = comparison === "inside"
      ? row(b, mo("≤"), a, mo("≤"), c) : row(a, mo(comparison === ">=" ? "≥" : ">"), b);
    const line = (value, text) =>
      `<mtr><mtd>${value}</mtd><mtd><mrow>${text}</mrow></mtd></mtr>`;
    return row(mo("{"), `<mtable columnalign="left">${line(draw(yes, at), `<mtext>where&nbsp;</mtext>${condition}`)}` +
      `${line(draw(no, at), "<mtext>elsewhere</mtext>")}</mtable>`);
  };
  return draw(tree, leaf.start);
}

function asMath(inner) { return `<math displaystyle="true">${inner}</math>`; }

// "W1" with its place as an index below.
function symbol(numbers, name, letters) {
  const shown = `<mi>${escaped(display(name))}</mi>`;
  return letters.length ? `<msub>${shown}${row(letters.map((l) => `<mi>${l}</mi>`).join(mo(",")))}</msub>` : shown;
}

const SHOWN = { t_update: "t", losses: "loss" };

function display(name) {
  if (SHOWN[name]) return SHOWN[name];
  const root = numbers.tensors.has(name.replace(/^root /, "vhat ")) ? "√v̂+ε " : "√v+ε ";
  return name.replace(/^mhat /, "m̂ ").replace(/^vhat /, "v̂ ").replace(/^root /, root).replace(/^move /, "Δ ");
}

function symbolic(numbers, tree) {
  const leaf = {
    start: {}, bind: (at) => at,
    ref: (name, letters) => symbol(numbers, name, letters),
    constant: (name) => `<mi>${escaped(name)}</mi>`,
  };
  return asMath(mathml(tree, leaf, null));
}

// With the numbers put in. A long sum is an empty sign: its table stands below.
function numeric(numbers, tree, places, step) {
  const link = (name, index) => {
    const value = numbers.at(name, step, index), text = digits(value, numbers.single && !numbers.isWeak(name));
    const shown = `<mn class="part" role="link" tabindex="0" data-q="${escaped(name)}" data-i="${index}">${minus(text)}</mn>`;
    return value < 0 ? bracketed(shown) : shown;
  };
  const leaf = {
    start: places, bind: (at, letter) => ({ ...at, [letter]: undefined }),
    ref: (name, letters, at) => {
      const index = letters.map((letter) => at[letter]);
      if (!index.includes(undefined)) return link(name, index);
      const shown = letters.map((letter) => (at[letter] === undefined ? letter : at[letter]));
      return symbol(numbers, name, shown);
    },
    constant: (_, value) => (value < 0 ? bracketed(`<mn>${minus(value)}</mn>`) : `<mn>${minus(value)}</mn>`),
  };
  const sum = (letter, named, body, at, draw) => {
    const size = sizeOf(numbers, named, step);
    if (size > FEW || Object.values(at).includes(undefined)) return null;
    const terms = Array.from({ length: size }, (_, i) => draw(body, { ...at, [letter]: i }, 2));
    return size === 1 ? terms[0] : bracketed(terms.join(mo("+")));
  };
  return asMath(mathml(tree, leaf, sum));
}

// The outermost long sum of a formula, for the table; null if there is none.
function longSum(numbers, tree, step) {
  if (!Array.isArray(tree) || tree[0] === "ref") return null;
  if (tree[0] === "sum" && sizeOf(numbers, tree[2], step) > FEW) return tree;
  for (const part of tree.slice(1)) {
    const found = longSum(numbers, part, step);
    if (found) return found;
  }
  return null;
}
