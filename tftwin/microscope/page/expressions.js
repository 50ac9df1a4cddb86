// The value of a formula at one place, rounded after each operation as NumPy rounds.
"use strict";

const OPERATIONS = {
  add: (a, b) => a + b, sub: (a, b) => a - b, mul: (a, b) => a * b, chain: (a, b) => a * b,
  div: (a, b) => a / b, pow: (a, b) => a ** b, neg: (a) => -a, square: (a) => a * a,
  sqrt: Math.sqrt, exp: Math.exp, expm1: Math.expm1, log: Math.log, log1p: Math.log1p,
  tanh: Math.tanh, abs: Math.abs, sign: Math.sign, maximum: Math.max, minimum: Math.min,
  sigmoid: (a) => 1 / (1 + Math.exp(-a)),
  clip: (a, low, high) => Math.min(Math.max(a, low), high),
};
const COMPARISONS = {
  ">": (a, b) => a > b, ">=": (a, b) => a >= b, inside: (a, low, high) => a >= low && a <= high,
};

// A number is weak, as in NumPy, if it is no array's: it takes the dtype that it meets.
function evaluate(numbers, tree, places, step) {
  const round = (value) => (numbers.single ? Math.fround(value) : value);
  const operate = (operation, parts) => {
    const weak = parts.every((part) => part.weak);
    const given = parts.map((part) => (weak ? part.value : round(part.value)));
    const value = operation(...given);
    return { value: weak ? value : round(value), weak };
  };
  const visit = (node, at) => {
    if (!Array.isArray(node)) return { value: node, weak: true };
    const [word, ...parts] = node;
    if (word === "ref") {
      const value = numbers.at(parts[0], step, parts[1].map((letter) => at[letter]));
      return { value, weak: numbers.isWeak(parts[0]) };
    }
    if (word === "const") return { value: parts[1], weak: true };
    if (word === "sum" || word === "max") {
      const [letter, named, body] = parts, size = sizeOf(numbers, named, step);
      const terms = Array.from({ length: size }, (_, i) => visit(body, { ...at, [letter]: i }));
      return terms.reduce((a, b) => operate(word === "sum" ? OPERATIONS.add : Math.max, [a, b]));
    }
    if (word === "where") {
      const [[comparison, ...sides], yes, no] = parts;
      const truth = COMPARISONS[comparison](...sides.map((side) => visit(side, at).value));
      return { value: round(visit(truth ? yes : no, at).value), weak: false };
    }
    return operate(OPERATIONS[word], parts.map((part) => visit(part, at)));
  };
  return visit(tree, places);
}

function sizeOf(numbers, size, step) { return typeof size === "string" ? numbers.data.scalars[step][size] : size; }

// Whether nothing in it is a function of the user's own.
function isOpen(tree) {
  if (!Array.isArray(tree) || tree[0] === "ref") return true;
  return tree[0] !== "call" && tree.slice(1).every(isOpen);
}

// Every number that a formula reads at a place: [name, index], each once.
function partsOf(numbers, tree, places, step) {
  const found = new Map();
  const visit = (node, at) => {
    if (!Array.isArray(node)) return;
    const [word, ...parts] = node;
    if (word === "ref") {
      const index = parts[1].map((letter) => at[letter]);
      if (!index.includes(undefined)) found.set(placeText(parts[0], index), [parts[0], index]);
    } else if (word === "sum" || word === "max") {
      const [letter, size, body] = parts;
      for (let i = 0; i < sizeOf(numbers, size, step); i++) visit(body, { ...at, [letter]: i });
    } else parts.forEach((part) => visit(part, at));
  };
  visit(tree, places);
  return [...found.values()];
}
