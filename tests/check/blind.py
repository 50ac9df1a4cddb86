"""Blind identification: a card is drawn, its numbers are diagnosed, and nobody says which it was.

``python -m tests.check.blind 1000 300`` prints the tables of tests/README.md.
"""

import sys
from collections import Counter

import numpy as np

from tftwin.cards import CARDS
from tftwin.check import prove
from tftwin.check.diagnose import cards_of, diagnose
from tftwin.check.judge import Case
from tftwin.check.task import Draw, Sizes
from tftwin.check.tasks import TASKS

SINGLE = [c for c in CARDS if c.of in TASKS and c.kind != "form"]
PAIRS = [c for c in cards_of("backpropagate") if " and " in c.name]


def cases_of(card, rng, dtype):
    """Calls with other sizes and other numbers each, in one dtype, as a person would make them."""
    task, cases = TASKS[card.of], []
    for flavour in task.flavours * 6:
        sizes = Sizes(*rng.permutation(np.arange(3, 9))[:4].tolist())
        draw = Draw(sizes, int(rng.integers(2**32)), flavour, dtype)
        given = task.draw(draw)
        with np.errstate(all="ignore"):
            found = card.function(**given)
        numbers = [np.asarray(getattr(one, "value", one)) for one in found]
        results = dict(zip((r.name for r in task.results), numbers, strict=True))
        cases.append(Case(draw, given, results))
    return cases


def identified(card, rng):
    """Return "right", "wrong", "unknown", or "not seen": no number of the draws shows it."""
    task, dtype = TASKS[card.of], str(rng.choice(["float64", "float32"]))
    cases = cases_of(card, rng, dtype)
    names = prove.wrong_results(task, cases)
    if not names:
        return "not seen"
    found = diagnose(task, names, cases)
    if all(card in d.cards for d in found.values()):
        return "right"
    if all(not d.known for d in found.values()):
        return "unknown"
    return "wrong"


def main(singles, pairs):
    """Print both tables: by function, and of the pairs."""
    rng = np.random.default_rng(2026)
    counts = {}
    for card in rng.choice(np.array(SINGLE, object), singles):
        counts.setdefault(TASKS[card.of].group, Counter())[identified(card, rng)] += 1
    for card in rng.choice(np.array(PAIRS, object), pairs):
        counts.setdefault("pairs in a step", Counter())[identified(card, rng)] += 1
    print("| functions | trials | right class | unknown | wrong | not seen |")
    print("|---|---|---|---|---|---|")
    for group, found in counts.items():
        cells = [
            sum(found.values()),
            *(found[k] for k in ("right", "unknown", "wrong", "not seen")),
        ]
        print(f"| {group} | " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
