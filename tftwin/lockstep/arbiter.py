"""Who is wrong? Both sides once more, at the next higher precision.

refnn's own code runs in float64 for a float32 step, and in longdouble for a float64 one;
TensorFlow has a float64 for a float32 step, and nothing above. A side that is farther from its
own result at higher precision than its bound has broken its bound: it loses digits. If each is
faithful to its own formula and they are still apart, the two formulas differ. For a float64 step
the formulas are compared in float32, where TensorFlow has two precisions too: what differs there
beyond float32's bound is no lost digit. For a gradient there is a witness that shares no
derivative with either: the difference quotient of the loss.
"""

import math
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from refnn.record import Entry, record, state_entries
from refnn.state import State, Step
from refnn.training import Model, objective, train_step
from refnn.typing import Array
from tftwin import optimizers, training
from tftwin.counterparts import twin
from tftwin.lockstep.bounds import bound_of, bounds_of_rule, bounds_of_step, rule_alone
from tftwin.lockstep.roundoff import NoBoundError
from tftwin.lockstep.verdict import RULE, Divergence

EXPLAINED = 100
"""So many divergences of a step are explained; the others follow from the first."""


class _Inputs(NamedTuple):
    """What a step starts from, and the gradient to which the rule alone is applied."""

    state: State
    x: Array
    y: Array
    gradient: Array

    def cast(self, dtype: Any) -> "_Inputs":
        """Return them in another dtype."""
        with np.errstate(all="ignore"):
            theta, *slots = (a.astype(dtype) for a in (self.state.theta, *self.state.slots))
            state = State(theta, tuple(slots), self.state.step)
            return _Inputs(state, *(a.astype(dtype) for a in self[1:]))


def explain(
    model: Model, state: State, x: Array, y: Array, gradient: Array, divergences: list[Divergence]
) -> list[Divergence]:
    """Return a step's divergences with what the higher precision says of each.

    Parameters
    ----------
    model, state, x, y
        The step, in refnn's values.
    gradient : Array, (size,)
        That to which the rule alone was applied.
    divergences : list of Divergence
        In the order of computation.
    """
    inputs = _Inputs(state, x, y, gradient)
    tftwin = apart = None
    if state.theta.dtype == np.float32:
        wide = inputs.cast(np.float64)
        tftwin = _on_tftwin(model, wide)
    else:
        wide, narrow = inputs.cast(np.longdouble), inputs.cast(np.float32)
        with suppress(NoBoundError):  # a sum that is too long for float32
            records = _on_refnn(model, narrow), _on_tftwin(model, narrow), _bounds(model, narrow)
            apart = {
                a[:2]: np.abs(np.asarray(a.array, np.float64) - b.array) > 2 * bound_of(c.array)
                for a, b, c in zip(*records, strict=True)
            }
    refnn = _on_refnn(model, wide)
    ruled = _rule_entries(model, bounds_of_rule(model, state, gradient))
    roundings = [e._replace(array=bound_of(e.array)) for e in ruled]

    def quotient(d: Divergence) -> float | None:
        return difference_quotient(model, wide, d) if d.stage == "gradient" else None

    def bound(d: Divergence) -> float:
        """How far a side may be from its exact value: of the rule alone, all of its roundings."""
        own = _find(roundings, d)
        return d.allowed / 2 if own is None else own

    def apart_in_float32(d: Divergence) -> bool | None:
        return None if apart is None else bool(np.asarray(apart[d.stage, d.name])[d.index])

    return [
        d
        if d.stage.startswith("layer")
        else replace(
            d,
            explanation=_explanation(
                d, bound(d), _find(refnn, d), _find(tftwin, d), apart_in_float32(d), quotient(d)
            ),
        )
        for d in divergences[:EXPLAINED]
    ] + divergences[EXPLAINED:]


def _on_refnn(model: Model, inputs: _Inputs) -> list[Entry]:
    state, x, y, gradient = inputs
    return _entries(model, train_step(model, state, x, y), rule_alone(model, state, gradient))


def _on_tftwin(model: Model, inputs: _Inputs) -> list[Entry]:
    (state, x, y, gradient), other = inputs, twin(model)
    ruled = rule_alone(other, state, gradient, optimizers.update)
    return _entries(model, training.train_step(other, state, x, y), ruled)


def _bounds(model: Model, inputs: _Inputs) -> list[Entry]:
    state, x, y, gradient = inputs
    ruled = bounds_of_rule(model, state, gradient, 0.0)
    return _entries(model, bounds_of_step(model, state, x, y), ruled)


def _entries(model: Model, step: Step, ruled: State) -> list[Entry]:
    names = model.optimizer.slot_names
    return record(model.network, names, step) + _rule_entries(model, ruled)


def _rule_entries(model: Model, ruled: State) -> list[Entry]:
    return state_entries(model.network, model.optimizer.slot_names, ruled, *RULE)


def _find(entries: list[Entry] | None, d: Divergence) -> float | None:
    """Return the element of a record that a divergence speaks of."""
    if entries is None:
        return None
    for e in entries:
        if (e.stage, e.name) == (d.stage, d.name):
            return float(np.asarray(e.array)[d.index])
    return None


def difference_quotient(model: Model, inputs: _Inputs, d: Divergence) -> float:
    """Return (L(θ + h) − L(θ − h)) / 2h in longdouble, in the direction of one parameter.

    Its error is of the order of h² and of ε/h: h is the cube root of longdouble's ε.
    """
    network = model.network
    (place,) = (
        np.arange(network.size)[p.place].reshape(p.shape)[d.index]
        for p in network.parameters
        if f"d{p.name}" == d.name
    )
    state, x, y, _ = inputs.cast(np.longdouble)
    theta = state.theta
    h = np.cbrt(np.finfo(np.longdouble).eps) * max(np.longdouble(1), abs(theta[place]))

    def value(shift: Any) -> Any:
        moved = theta.copy()
        moved[place] += shift
        return objective(model, moved, x, y)

    return float((value(h) - value(-h)) / (2 * h))


def _explanation(
    d: Divergence,
    bound: float,
    refnn: float | None,
    tftwin: float | None,
    apart_in_float32: bool | None,
    quotient: float | None,
) -> str:
    text = f"at higher precision refnn has {refnn!r}"
    broken = []
    if refnn is None or not abs(d.refnn - refnn) <= bound:
        broken.append("refnn")
    if tftwin is not None:
        text += f" and tftwin {tftwin!r}"
        one_formula = refnn is not None and abs(refnn - tftwin) <= d.allowed
        if not (abs(d.tftwin - tftwin) <= bound or (math.isfinite(tftwin) and not one_formula)):
            broken.append("tftwin")  # the bound is that of refnn's formula
    if broken:
        text += f": {' and '.join(broken)} broke {'its' if len(broken) == 1 else 'their'} own bound"
    elif apart_in_float32:
        text += ", to which it is faithful; in float32 too they are apart: the two formulas differ"
    elif apart_in_float32 is not None:
        text += (
            ", to which it is faithful, and float32 shows no difference: the two formulas differ "
            "by less than float32 shows, or tftwin loses digits"
        )
    else:
        text += ": each is faithful to its own formula, and the two formulas differ"
    if quotient is not None:
        near, far = sorted((abs(d.refnn - quotient), abs(d.tftwin - quotient)))
        right = "refnn" if abs(d.refnn - quotient) == near else "tftwin"
        text += f"; the difference quotient of the loss is {quotient!r}"
        if far > 10 * near:
            text += f", which is {right}'s value"
    return text
