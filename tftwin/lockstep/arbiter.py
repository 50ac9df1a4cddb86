"""Who is wrong?

Each number of a step was computed by one layer (or the loss, or the rule) from the numbers beside
it. The definition of that layer, evaluated from the same numbers in wider arithmetic, is a third
witness: float64 for a float32 step, longdouble for a float64 one. A side that is farther from it
than its bound is wrong.

A function of the user's own has no definition. There each side's own function at higher precision
says whether the side loses digits; where the two functions differ, a derivative is tried by the
difference quotient of its function. What no witness settles is called undecided.
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from refnn.checks import short
from refnn.layers import Activation
from refnn.record import Entry
from refnn.state import State
from refnn.training import Model
from refnn.typing import Array
from tftwin.counterparts import twin
from tftwin.lockstep import alone, definitions
from tftwin.lockstep.alone import Alone, Given
from tftwin.lockstep.findings import MIRROR, RULE, Divergence

EXPLAINED = 12
"""Divergences of a step and a stage that are explained, each of another tensor; the others follow
from them."""


@dataclass(frozen=True)
class Evidence:
    """One step, and what each side's numbers give to the parts of the step."""

    model: Model
    state: State
    gradient: Array
    tf_gradient: Array
    given: Given
    tf_given: Given

    def wide(self, family: str) -> Any:
        """Return the dtype of the witness."""
        narrow = self.state.theta.dtype == np.float32 and family != "float64"
        return np.float64 if narrow else np.longdouble

    def of(self, family: str) -> Given:
        """Return what the layers of a family were given."""
        if family == "mirror":
            return self.tf_given
        return self.given.cast(np.float64) if family == "float64" else self.given

    @cached_property
    def _defined(self) -> dict[str, list[Entry]]:
        return {}

    def defined(self, family: str) -> list[Entry]:
        """Return the definitions of a family's numbers, in wide arithmetic."""
        if family not in self._defined:
            found = alone.on_definitions(self.model, self.of(family), self.wide(family))
            self._defined[family] = alone.alone_entries(self.model, found, family)
        return self._defined[family]


def explain(evidence: Evidence, divergences: list[Divergence]) -> list[Divergence]:
    """Return a step's divergences with who is wrong, the parts before the whole.

    Parameters
    ----------
    evidence
        The step.
    divergences : list of Divergence
        One for each tensor.
    """
    if not isinstance(evidence, Evidence):
        raise TypeError(f"evidence is a {type(evidence).__name__}; expected an arbiter.Evidence")
    if not isinstance(divergences, list) or not all(isinstance(d, Divergence) for d in divergences):
        raise TypeError(f"divergences = {short(divergences)}; expected a list of Divergence")
    parts = [d for d in divergences if _is_part(d)]
    asked: Counter[str] = Counter()
    explained = []
    for d in parts:
        asked[d.stage] += 1
        explained.append(_explained(evidence, d) if asked[d.stage] <= EXPLAINED else d)
    first = next((d for d in explained if d.wrong), explained[0] if explained else None)
    whole = [_consequence(d, first) for d in divergences if not _is_part(d)]
    return explained + whole


def _is_part(d: Divergence) -> bool:
    """Whether it is of a part that was given its inputs, and not of the whole step."""
    return " " in d.stage and d.stage != "learning rate" or d.stage in ("inputs", "learning rate")


def _consequence(d: Divergence, first: Divergence | None) -> Divergence:
    if first is None:
        return replace(d, explanation="undecided: every part agrees, given the numbers beside it")
    return replace(d, wrong=first.wrong, explanation=f"follows from {first.stage}, {first.name}")


def _explained(evidence: Evidence, d: Divergence) -> Divergence:
    """Ask the witnesses about one divergence; a witness that fails says nothing."""
    with np.errstate(all="ignore"):
        try:
            wrong, explanation = _ask(evidence, d)
        except Exception as error:  # a user's own function may raise anything in wider arithmetic
            wrong, explanation = "", f"undecided: {type(error).__name__} in wider arithmetic"
    return replace(d, wrong=wrong, explanation=explanation)


def _ask(evidence: Evidence, d: Divergence) -> tuple[str, str]:
    family = d.stage.split()[0]
    if d.stage == "inputs":
        side = d.name.split("'")[0]
        return side, f"{side} changed it during the step" if "count" not in d.name else (
            f"{side} counts another number of updates"
        )
    if d.stage in (*RULE, *MIRROR) or d.stage == "learning rate":
        return _ask_rule(evidence, d)
    entry = next(e for e in evidence.defined(family) if (e.stage, e.name) == (d.stage, d.name))
    if family == "walk":
        return "refnn", "refnn's own layer computes another number from the same inputs"
    if entry.array is None:
        return _ask_functions(evidence, d, entry, family)
    defined = entry.array.value
    value = np.asarray(defined() if callable(defined) else defined)[d.index]
    bound = float(np.asarray(entry.array.bound)[d.index])
    return _compare(d, value, max(bound, d.allowed / 2), "the definition")


def _compare(d: Divergence, value: Any, bound: float, witness: str) -> tuple[str, str]:
    """A side is wrong that is farther from the witness than its bound."""
    apart = {
        side: abs(type(value)(own) - value)
        for side, own in (("refnn", d.refnn), ("tftwin", d.tftwin))
    }
    wrong = [side for side, distance in apart.items() if not distance <= bound]
    text = f"{witness} gives {float(value)!r}"
    if not math.isfinite(float(value)):
        return "", f"undecided: {text}"
    if not wrong:
        return "", f"undecided: {text}, and each side is within its bound of that"
    distances = " and ".join(f"{side} is off by {float(apart[side]):.3g}" for side in wrong)
    return "both" if len(wrong) == 2 else wrong[0], f"{text}: {distances}, allowed {bound:.3g}"


def _ask_rule(evidence: Evidence, d: Divergence) -> tuple[str, str]:
    """The rule of a built-in optimizer, written again, on the elements of one tensor."""
    optimizer, state = evidence.model.optimizer, evidence.state
    rate = definitions.rate(optimizer.learning_rate, state.step)
    if d.stage == "learning rate":
        if rate is None:
            return "", "undecided: the schedule is the user's own"
        bound = 4 * float(np.finfo(np.float64).eps) * abs(float(rate))
        return _compare(d, rate, bound, "the schedule's definition")
    wide = np.longdouble
    gradient = evidence.tf_gradient if d.stage in MIRROR else evidence.gradient
    arrays = [a.astype(wide) for a in (state.theta, gradient, *state.slots)]
    after = None if rate is None else definitions.rule(optimizer, state.step + 1, rate, *arrays)
    if after is None:
        return "", "undecided: the optimizer or its schedule is the user's own"
    slot, _, name = d.name.rpartition(" ")
    (p,) = (p for p in evidence.model.network.parameters if p.name == name)
    vector = after[1 + optimizer.slot_names.index(slot)] if slot else after[0]
    unit = float(np.finfo(state.theta.dtype).eps)
    value = p.of(vector)[d.index]
    before = p.of(arrays[0])[d.index]
    scale = max(abs(float(value)), abs(float(before)), abs(float(value - before)))
    return _compare(d, value, max(16 * unit * scale, d.allowed / 2), "the rule's definition")


def _ask_functions(evidence: Evidence, d: Divergence, entry: Entry, family: str) -> tuple[str, str]:
    """A function of the user's own: each side at higher precision, then the difference quotient."""
    model, given = evidence.model, evidence.of(family)
    wide = given.cast(evidence.wide(family))
    bound = d.allowed / 2
    refnn = _element(model, alone.on_refnn(model, wide), d, family)
    tftwin = None
    if evidence.wide(family) is np.float64:
        tftwin = _element(model, alone.OnTensorflow(twin(model), "eager")(wide), d, family)
    off = [
        side
        for side, own, high in (("refnn", d.refnn, refnn), ("tftwin", d.tftwin, tftwin))
        if high is not None and not abs(own - high) <= bound
    ]
    one_formula = tftwin is None or abs(refnn - tftwin) <= bound
    if off and one_formula:
        return "both" if len(off) == 2 else off[0], (
            f"at higher precision refnn has {refnn!r}"
            + ("" if tftwin is None else f" and tftwin {tftwin!r}")
            + f": {' and '.join(off)} lost digits"
        )
    quotient = _quotient(model, given, d, entry)
    if quotient is None:
        return "", "undecided: the two formulas differ, and nothing else knows this function"
    value, error = quotient
    text = f"the difference quotient of refnn's own function is {float(value)!r}"
    sides = {"refnn": abs(d.refnn - value), "tftwin": abs(d.tftwin - value)}
    far, near = sorted(sides, key=sides.__getitem__, reverse=True)
    if sides[far] > 10 * max(float(sides[near]), bound, error):
        return far, f"{text}, which is {near}'s value"
    return "", f"undecided: {text}"


def _element(model: Model, found: Alone, d: Divergence, family: str) -> float:
    entries = alone.alone_entries(model, found, family)
    (entry,) = (e for e in entries if (e.stage, e.name) == (d.stage, d.name))
    return float(np.asarray(entry.array)[d.index])


def _quotient(model: Model, given: Given, d: Divergence, entry: Entry) -> tuple[Any, float] | None:
    """Return the difference quotient of an own function or loss, and its own error.

    The derivative by one input in longdouble: of the row's Σ dy · f(x), or of the loss.
    """
    if not d.stage.endswith("backward") or entry.layer is None:
        return None
    wide, (row, column) = given.cast(np.longdouble), d.index
    if entry.layer == len(model.network.layers):
        at, y = wide.outputs[-1], wide.y_true

        def value(x: Array) -> Any:
            return model.loss.value(y, x)
    else:
        layer, dy = model.network.layers[entry.layer], wide.output_gradients[entry.layer]
        if not isinstance(layer, Activation):
            return None
        at, f = wide.outputs[entry.layer], layer.function

        def value(x: Array) -> Any:
            return (dy[row] * f.forward(x)[row]).sum()

    return _derivative(value, at, (row, column))


def _derivative(
    value: Callable[[Array], Any], at: Array, index: tuple[int, int]
) -> tuple[Any, float]:
    """Return a central difference, and how far one of half its step is from it."""

    def slope(h: Any) -> Any:
        ahead, behind = at.copy(), at.copy()
        ahead[index] += h
        behind[index] -= h
        return (value(ahead) - value(behind)) / (ahead[index] - behind[index])

    h = np.cbrt(np.finfo(np.longdouble).eps) * max(np.longdouble(1), abs(at[index]))
    one, other = slope(h), slope(h / 2)
    return other, 8 * float(abs(one - other)) + float(np.finfo(np.float64).eps * abs(other))
