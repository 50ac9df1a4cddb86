// Predict, then reveal: the reader types a number; a wrong one that a known mistake gives is named.
"use strict";

function mistakesAt(numbers, view, name, flat) { return numbers.data.mistakes[view.step]?.[name]?.[flat] ?? []; }

function chosenForMistakes(numbers, view, name, flat) { return mistakesAt(numbers, view, name, flat).length > 0; }

function question(numbers, view) {
  const { name, index } = view.q, tensor = numbers.tensor(name), places = numbers.places(name, index);
  const known = mistakesAt(numbers, view, name, numbers.flat(name, view.step, index)).length;
  return `${formulaOf(numbers, tensor)}<div class="formula" data-role="numbers">${numeric(numbers, tensor.formula, places, view.step)}</div>
    <form id="prediction"><label>Your number <input name="number" inputmode="decimal" autocomplete="off" required></label>
    <button>check</button> <button type="button" id="reveal">reveal</button></form>
    <p id="verdict" role="status">${known ? `${known} known mistakes are recognised here.` : "At the cells with a frame, known mistakes are recognised too."}</p>`;
}

// Half a unit of the last digit that was typed: all numbers that round to it. The typed number and the half
// unit are rounded to 53 bits: a tie does not depend on these roundings.
function typed(text) {
  const plain = text.trim().replace(/−/g, "-").replace(",", ".");
  const parts = plain.match(/^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i);
  if (!parts || !(parts[2] || parts[3])) return null;
  const half = 0.5 * 10 ** (Number(parts[4] ?? 0) - parts[3].length), value = Number(plain);
  return { value, fits: (number) => Math.abs(number - value) <= half * (1 + 2 ** -51) + 2 ** -52 * Math.abs(value), significant: (parts[2] + parts[3]).replace(/^0+/, "").length };
}

function verdict(numbers, view, text) {
  const { name, index } = view.q, given = typed(text);
  if (!given) return "That is no number: type digits, as −0.012 or 1.2e-5.";
  const right = numbers.at(name, view.step, index);
  if (right === 0) return given.value === 0 ? "Right." : "No: it is another number. Why would it be 0?";
  if (given.fits(right)) return given.significant > 1 ? "Right." : "Right so far: give two digits.";
  if (given.fits(-right)) return "The size is right, the sign is not.";
  const known = mistakesAt(numbers, view, name, numbers.flat(name, view.step, index)).filter(([value]) => given.fits(value));
  if (known.length && given.significant > 1) {
    const said = known.map(([, card]) => numbers.data.cards[card]);
    return said.map(([card, sentence]) => `That is what a known mistake gives: ${sentence} (${card})`).join(" ");
  }
  const ratio = given.value / right;
  const factors = [["N", numbers.data.rows[view.step]], ["1/N", 1 / numbers.data.rows[view.step]], ["2", 2], ["½", 0.5]];
  const factor = factors.find(([, value]) => given.fits(value * right));
  if (factor && given.significant > 1) return `It is ${factor[0]} times the right number.`;
  return ratio > 0 && ratio > 0.5 && ratio < 2 ? "Near, but not it." : "No.";
}
