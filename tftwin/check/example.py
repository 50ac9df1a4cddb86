"""Both numbers of a card: refnn's and the other's, computed for one small call."""

import numpy as np

from tftwin.cards import Card
from tftwin.check.answer import Failure
from tftwin.check.judge import Case
from tftwin.check.task import Draw, Sizes
from tftwin.check.tasks import TASKS
from tftwin.check.words import number

SIZES = Sizes(3, 4, 5, 6)
TRIES = 20
"""Seeds for each kind of numbers; some cards differ at a kink, or in the first step, alone."""


def both_numbers(card: Card) -> str:
    """Return one number of refnn and of the card, with its arguments; "" if none differs."""
    task = TASKS.get(card.of)
    if task is None or card.kind == "form":
        return ""
    best: tuple[float, str] = (0.0, "")
    for flavour in task.flavours:
        for seed in range(TRIES):
            given = task.draw(Draw(SIZES, seed, flavour, "float64"))
            with np.errstate(all="ignore"):
                sides = task.right(**given), card.function(**given)
            for result, one, other in zip(task.results, *sides, strict=True):
                a, b = (np.asarray(getattr(x, "value", x), np.float64) for x in (one, other))
                if a.shape != b.shape:
                    return f"{result.name} has shape {a.shape}; the other {b.shape}"
                with np.errstate(all="ignore"):
                    apart = np.abs(a - b) / (np.abs(a) + np.abs(b))
                apart = np.where(np.isnan(b) & ~np.isnan(a), 1.0, np.nan_to_num(apart))
                if apart.max(initial=0.0) > best[0]:
                    where = tuple(map(int, np.unravel_index(int(apart.argmax()), apart.shape)))
                    case = Case(Draw(SIZES, seed, flavour, "float64"), given, {result.name: b})
                    found = Failure(task, case, result.name, where, float(b[where]),
                                    float(a[where]), 0.0)  # fmt: skip
                    best = float(apart.max()), _said(found)
        if best[1]:
            return best[1]
    return best[1]


def _said(found: Failure) -> str:
    numbers = [f"{k} = {number(v)}" for k, v in found.inputs().items() if np.ndim(v) == 0]
    at = f"  (at {', '.join(numbers)})" if numbers else ""
    place = f"{found.result}{list(found.index)}" if found.index else found.result
    digits = next((d for d in (7, 12) if f"{found.ours:.{d}g}" != f"{found.theirs:.{d}g}"), 17)
    return f"{place}: refnn {found.ours:.{digits}g}, other {found.theirs:.{digits}g}{at}"
