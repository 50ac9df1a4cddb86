"""Who is wrong? Both sides once more, at the next higher precision.

refnn's own code runs in float64 for a float32 step, and in longdouble for a float64 one;
TensorFlow has a float64 for a float32 step, and nothing above. A side that is farther from its
own result at higher precision than its bound has broken its bound: it loses digits. If each is
faithful to its own formula and they are still apart, the two formulas differ. For a gradient
there is a witness that shares no derivative with either: the difference quotient of the loss.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from refnn.losses import Loss
from refnn.network import Network
from refnn.optimizers import Optimizer, update
from refnn.regularizers import L2
from refnn.schedules import rate_at
from refnn.state import State, Step
from refnn.training import train_step
from refnn.typing import Array
from tftwin.lockstep.record import Entry, record, state_entries
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
    dtype = np.float64 if state.theta.dtype == np.float32 else np.longdouble
    names = optimizer.slot_names
    wide, wide_gradients = in_dtype(state, dtype), [g.astype(dtype) for g in gradients]
    x, y = x.astype(dtype), y.astype(dtype)
    step = train_step(network, loss, optimizer, wide, x, y, regularizer)
    given = np.concatenate([g.reshape(-1) for g in wide_gradients])
    rate = rate_at(optimizer.learning_rate, wide.step)
    t = wide.step + 1
    ruled = State(*update(optimizer, wide.theta, given, wide.slots, t, rate), t)
    refnn = record(network, names, step) + state_entries(network, names, ruled, *RULE)

    tftwin = None
    if dtype == np.float64:
        parts = twin(network), twin(loss), twin(optimizer), wide, twin(regularizer)
        other: Step = Trainer(*parts, "eager").step(x, y)
        after = Trainer(*parts, "eager").update(wide_gradients)
        tftwin = record(network, names, other) + state_entries(network, names, after, *RULE)

    def quotient(d: Divergence) -> float | None:
        if d.stage != "gradient":
            return None
        return difference_quotient(network, loss, regularizer, wide.theta, x, y, d)

    return [
        replace(d, explanation=_explanation(d, _find(refnn, d), _find(tftwin, d), quotient(d)))
        for d in divergences[:EXPLAINED]
    ] + divergences[EXPLAINED:]


def in_dtype(state: State, dtype: Any) -> State:
    """Return a state in another dtype."""
    return State(state.theta.astype(dtype), tuple(s.astype(dtype) for s in state.slots), state.step)


def _find(entries: list[Entry] | None, d: Divergence) -> float | None:
    """Return the element of a record that a divergence speaks of."""
    if entries is None:
        return None
    (array,) = (e.array for e in entries if (e.stage, e.name) == (d.stage, d.name))
    return float(np.asarray(array)[d.index])


def difference_quotient(
    network: Network,
    loss: Loss,
    regularizer: L2 | None,
    theta: Array,
    x: Array,
    y: Array,
    d: Divergence,
) -> float:
    """Return (L(θ + h) − L(θ − h)) / 2h in longdouble, in the direction of one parameter.

    Its error is of the order of h² and of ε/h: h is the cube root of longdouble's ε.
    """
    (place,) = (
        np.arange(network.size)[p.place].reshape(p.shape)[d.index]
        for p in network.parameters
        if f"d{p.name}" == d.name
    )
    theta, x, y = (a.astype(np.longdouble) for a in (theta, x, y))
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
    d: Divergence, refnn: float | None, tftwin: float | None, quotient: float | None
) -> str:
    bound = d.allowed / 2
    text = f"at higher precision refnn has {refnn!r}"
    broken = []
    if refnn is None or not abs(d.refnn - refnn) <= bound:
        broken.append("refnn")
    if tftwin is not None:
        text += f" and tftwin {tftwin!r}"
        if not abs(d.tftwin - tftwin) <= bound:
            broken.append("tftwin")
    if broken:
        text += f": {' and '.join(broken)} broke {'its' if len(broken) == 1 else 'their'} own bound"
    elif tftwin is None:
        text += ", to which refnn is faithful: tftwin broke its bound, or the two formulas differ"
    else:
        text += ": each is faithful to its own formula, and the two formulas differ"
    if quotient is not None:
        near, far = sorted((abs(d.refnn - quotient), abs(d.tftwin - quotient)))
        right = "refnn" if abs(d.refnn - quotient) == near else "tftwin"
        text += f"; the difference quotient of the loss is {quotient!r}"
        if far > 10 * near:
            text += f", which is {right}'s value"
    return text
