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
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from refnn.losses import Loss
from refnn.network import Network
from refnn.optimizers import Optimizer, update
from refnn.regularizers import L2
from refnn.schedules import rate_at
from refnn.state import State, Step
from refnn.training import train_step
from refnn.typing import Array
from tftwin.lockstep.bounds import bounds_of_rule, bounds_of_step
from tftwin.lockstep.record import Entry, record, state_entries
from tftwin.lockstep.roundoff import NoBoundError, Rounded
from tftwin.lockstep.verdict import Divergence
from tftwin.training import Trainer
from tftwin.twin import twin

RULE = ("rule slots", "rule update")
EXPLAINED = 100
"""So many divergences of a step are explained; the others follow from the first."""


def explain(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    regularizer: L2 | None,
    state: State,
    x: Array,
    y: Array,
    gradients: Sequence[Array],
    divergences: list[Divergence],
) -> list[Divergence]:
    """Return a step's divergences with what the higher precision says of each.

    Parameters
    ----------
    network, loss, optimizer, regularizer, state, x, y
        The step, in refnn's values.
    gradients : sequence of Array
        Those to which the rule alone was applied.
    divergences : list of Divergence
        In the order of computation.
    """
    sides = _Sides(network, loss, optimizer, regularizer)
    inputs = _Inputs(state, x, y, list(gradients))
    tftwin = apart = None
    if state.theta.dtype == np.float32:
        wide = inputs.cast(np.float64)
        tftwin = sides.tftwin(wide)
    else:
        wide, narrow = inputs.cast(np.longdouble), inputs.cast(np.float32)
        with suppress(NoBoundError):  # a sum that is too long for float32
            records = sides.refnn(narrow), sides.tftwin(narrow), sides.bounds(narrow)
            apart = {
                a[:2]: np.abs(np.asarray(a.array, np.float64) - b.array) > 2 * _bound_of(bound)
                for a, b, bound in zip(*records, strict=True)
            }
    refnn = sides.refnn(wide)

    def quotient(d: Divergence) -> float | None:
        if d.stage != "gradient":
            return None
        return difference_quotient(network, loss, regularizer, wide, d)

    def apart_in_float32(d: Divergence) -> bool | None:
        return None if apart is None else bool(np.asarray(apart[d.stage, d.name])[d.index])

    return [
        d
        if d.stage.startswith("layer")
        else replace(
            d,
            explanation=_explanation(
                d, _find(refnn, d), _find(tftwin, d), apart_in_float32(d), quotient(d)
            ),
        )
        for d in divergences[:EXPLAINED]
    ] + divergences[EXPLAINED:]


class _Inputs(NamedTuple):
    """What a step starts from, and the gradients to which the rule alone is applied."""

    state: State
    x: Array
    y: Array
    gradients: list[Array]

    def cast(self, dtype: Any) -> "_Inputs":
        """Return them in another dtype."""
        with np.errstate(all="ignore"):
            theta, *slots = (a.astype(dtype) for a in (self.state.theta, *self.state.slots))
            state = State(theta, tuple(slots), self.state.step)
            gradients = [g.astype(dtype) for g in self.gradients]
            return _Inputs(state, self.x.astype(dtype), self.y.astype(dtype), gradients)


@dataclass(frozen=True)
class _Sides:
    """Both libraries' records of a step and of the rule alone, from the same inputs."""

    network: Network
    loss: Loss
    optimizer: Optimizer
    regularizer: L2 | None

    def refnn(self, inputs: _Inputs) -> list[Entry]:
        state, x, y, gradients = inputs
        step = train_step(self.network, self.loss, self.optimizer, state, x, y, self.regularizer)
        given = np.concatenate([g.reshape(-1) for g in gradients])
        rate, t = rate_at(self.optimizer.learning_rate, state.step), state.step + 1
        ruled = update(self.optimizer, state.theta, given, state.slots, t, rate)
        return self._records(step, State(*ruled, t))

    def tftwin(self, inputs: _Inputs) -> list[Entry]:
        state, x, y, gradients = inputs
        parts = twin(self.network), twin(self.loss), twin(self.optimizer)
        trainer = Trainer(*parts, state, twin(self.regularizer), "eager")
        step = trainer.step(x, y)
        trainer.load(state)
        return self._records(step, trainer.update(gradients))

    def bounds(self, inputs: _Inputs) -> list[Entry]:
        state, x, y, gradients = inputs
        parts = self.network, self.loss, self.optimizer, self.regularizer
        step = bounds_of_step(*parts, state, x, y)
        return self._records(step, bounds_of_rule(self.optimizer, state, gradients, 0.0))

    def _records(self, step: Step, ruled: State) -> list[Entry]:
        names = self.optimizer.slot_names
        after = state_entries(self.network, names, ruled, *RULE)
        return record(self.network, names, step) + after


def _bound_of(entry: Entry) -> Any:
    return entry.array.bound if isinstance(entry.array, Rounded) else 0.0


def _find(entries: list[Entry] | None, d: Divergence) -> float | None:
    """Return the element of a record that a divergence speaks of."""
    if entries is None:
        return None
    for e in entries:
        if (e.stage, e.name) == (d.stage, d.name):
            return float(np.asarray(e.array)[d.index])
    return None


def difference_quotient(
    network: Network, loss: Loss, regularizer: L2 | None, inputs: _Inputs, d: Divergence
) -> float:
    """Return (L(θ + h) − L(θ − h)) / 2h in longdouble, in the direction of one parameter.

    Its error is of the order of h² and of ε/h: h is the cube root of longdouble's ε.
    """
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
        total = loss.value(y, network.forward(moved, x)[-1])
        if regularizer is not None:
            total = total + regularizer.value(
                [p.of(moved) for p in network.parameters if p.is_weight]
            )
        return total

    return float((value(h) - value(-h)) / (2 * h))


def _explanation(
    d: Divergence,
    refnn: float | None,
    tftwin: float | None,
    apart_in_float32: bool | None,
    quotient: float | None,
) -> str:
    bound = d.allowed / 2
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
