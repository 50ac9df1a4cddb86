"""Run refnn and TensorFlow side by side: re-synchronised, or each free to go its own way."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refnn import checks
from refnn.losses import Loss, check_targets
from refnn.network import Network
from refnn.optimizers import Optimizer
from refnn.regularizers import L2
from refnn.state import State, Step
from refnn.training import check_parts, check_state, check_step, train_step
from refnn.typing import Array
from tftwin.lockstep import ledger
from tftwin.lockstep.arbiter import RULE, explain
from tftwin.lockstep.bounds import (
    bounds_of_layers,
    bounds_of_rule,
    bounds_of_step,
    layers_alone,
)
from tftwin.lockstep.record import Entry, alone_entries, record, state_entries
from tftwin.lockstep.roundoff import Rounded
from tftwin.lockstep.verdict import Report, Row, judge_records
from tftwin.training import Mode, Trainer
from tftwin.twin import twin


def check_data(loss: Loss, x: Array, y: Array) -> None:
    """Refuse data that are not finite, or targets that the loss does not take."""
    checks.finite("x", x)
    checks.finite("y", y)
    check_targets(loss, y)


def resynchronised(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    state: State,
    batches: Iterable[tuple[Array, Array]],
    *,
    regularizer: L2 | None = None,
    mode: Mode = "function",
    every: int = 1,
    callback: Callable[[int], None] | None = None,
    observe: Callable[[list[Entry], list[Entry]], None] | None = None,
) -> Report:
    """Run both from the same state at every step: each step's own fault, nothing accumulates.

    Besides the whole step, its parts are compared alone: the optimizer's rule, given refnn's
    gradient, which has no sums and no functions and so must give the same bits (but for numbers
    that TensorFlow flushes to zero); and every layer and the loss, given refnn's outputs and
    output gradients. The bounds of the whole step grow from layer to layer and say little of a
    deep network; those of a layer alone do not.

    Parameters
    ----------
    network, loss, optimizer, regularizer
        Of refnn; their twins are made here.
    state : State
        Where to begin.
    batches : iterable of (x, y)
        One for each step.
    mode : {"function", "eager", "xla"}
        How TensorFlow computes a step.
    every : int
        Compare the first of so many steps; refnn alone makes the others.
    callback : callable, optional
        Called after each step with the number of steps done.
    observe : callable, optional
        Called with both records of each step that was compared; refnn's carries the bounds.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit, or has no twin, or nothing was compared.
    NoBoundError
        If a function of the user's own uses an operation that has no derived bound.
    """
    ledger.check_machine()
    every = checks.count("every", every)
    check_parts(network, loss, optimizer, regularizer)
    trainer = make_trainer(network, loss, optimizer, state, regularizer, mode)
    lockstep = _Lockstep(network, loss, optimizer, regularizer, trainer, mode, observe)
    for number, (x, y) in enumerate(batches):
        with np.errstate(all="ignore"):
            check_step(network, optimizer, state, x, y)
            check_data(loss, x, y)
            if number % every:
                step = train_step(network, loss, optimizer, state, x, y, regularizer)
            else:
                step = lockstep.compare(state, x, y)
        state = step.state
        if callback is not None:
            callback(number + 1)
    report = lockstep.report
    if not report.steps:
        raise ValueError("batches is empty: nothing was compared")
    report.rows, report.state = list(lockstep.rows.values()), state
    return report


def make_trainer(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    state: State,
    regularizer: L2 | None = None,
    mode: Mode = "function",
) -> Trainer:
    """Return the TensorFlow side of a run, from refnn's values."""
    check_state(network, optimizer, state)
    if state.theta.dtype not in (np.float32, np.float64):
        raise TypeError(f"theta has dtype {state.theta.dtype}; TensorFlow has float32 and float64")
    return Trainer(twin(network), twin(loss), twin(optimizer), state, twin(regularizer), mode)


class _Lockstep:
    """One network, both sides of it, and the account of what was compared."""

    def __init__(
        self,
        network: Network,
        loss: Loss,
        optimizer: Optimizer,
        regularizer: L2 | None,
        trainer: Trainer,
        mode: Mode,
        observe: Callable[[list[Entry], list[Entry]], None] | None,
    ) -> None:
        self.network, self.loss, self.optimizer = network, loss, optimizer
        self.regularizer, self.trainer, self.observe = regularizer, trainer, observe
        self.report = Report()
        self.rows: dict[tuple[str, str], Row] = {}

    def compare(self, state: State, x: Array, y: Array) -> Step:
        """Make one step on both sides, judge all of it, and return refnn's."""
        parts = self.network, self.loss, self.optimizer
        start = time.perf_counter()
        one = train_step(*parts, state, x, y, self.regularizer)
        self.report.seconds_refnn += time.perf_counter() - start
        self.trainer.load(state)
        start = time.perf_counter()
        other = self.trainer.step(x, y)
        self.report.seconds_tftwin += time.perf_counter() - start
        bounded = bounds_of_step(*parts, self.regularizer, state, x, y)

        self.trainer.load(state)
        given = self.trainer.update(one.gradients)
        ruled = bounds_of_rule(self.optimizer, state, one.gradients, 0.0)

        self.trainer.load(state)
        alone = (
            layers_alone(self.network, self.loss, state.theta, one, y),
            self.trainer.alone(one.outputs, one.output_gradients, y),
            bounds_of_layers(self.network, self.loss, state, one, y),
        )

        names = self.optimizer.slot_names
        steps = (one, one.state), (other, given), (bounded, ruled)
        sides = [
            record(self.network, names, step)
            + state_entries(self.network, names, after, *RULE)
            + alone_entries(self.network, layers)
            for (step, after), layers in zip(steps, alone, strict=True)
        ]
        refnn, tftwin, bounds = ([_as_array(e, state.theta.dtype) for e in s] for s in sides)
        self.report.steps += 1
        divergences = judge_records(
            self.rows, state.step + 1, refnn, tftwin, [_bound(entry) for entry in bounds]
        )
        if divergences:
            divergences = explain(*parts, self.regularizer, state, x, y, one.gradients, divergences)
        self.report.divergences += divergences
        if self.observe is not None:
            carrying = [e._replace(bound=_bound(b)) for e, b in zip(refnn, bounds, strict=True)]
            self.observe(carrying, tftwin)
        return one


def _as_array(entry: Entry, dtype: Any) -> Entry:
    """Return the entry with a Python float (a penalty of 0) as an array of this dtype."""
    return (
        entry
        if hasattr(entry.array, "dtype")
        else entry._replace(array=np.asarray(entry.array, dtype))
    )


def _bound(entry: Entry) -> Any:
    return entry.array.bound if isinstance(entry.array, Rounded) else 0.0


@dataclass(frozen=True)
class Drift:
    """How far two free runs part, which is no fault: each of their steps may be clean.

    Attributes
    ----------
    steps : Array of int
        Updates done at each look.
    normwise : Array
        max |θ_refnn − θ_tftwin| / max |θ_refnn| there.
    refnn_loss, tftwin_loss : Array
        Loss of every step, before its update.
    refnn_thetas, tftwin_thetas : Array, (looks, size)
        The parameters at each look.
    seconds_refnn, seconds_tftwin : float
        Time spent in the steps of each side.
    """

    steps: Array
    normwise: Array
    refnn_loss: Array
    tftwin_loss: Array
    refnn_thetas: Array
    tftwin_thetas: Array
    seconds_refnn: float
    seconds_tftwin: float


def free(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    state: State,
    x: Array,
    y: Array,
    rows: Sequence[Array],
    *,
    regularizer: L2 | None = None,
    mode: Mode = "function",
    looks: int = 100,
    callback: Callable[[int], None] | None = None,
) -> Drift:
    """Run both from one state, each with its own numbers, and look at them now and then.

    Parameters
    ----------
    x, y : Array
        The whole data set.
    rows : sequence of int Array
        The rows of each step's batch.
    looks : int
        How often to compare the parameters, evenly spread.
    callback : callable, optional
        Called after each look with the number of steps done.
    """
    if not len(rows):
        raise ValueError("rows is empty: nothing was compared")
    looks = checks.count("looks", looks)
    check_step(network, optimizer, state, x, y)
    check_data(loss, x, y)
    trainer = make_trainer(network, loss, optimizer, state, regularizer, mode)
    stops = np.unique(np.linspace(0, len(rows), min(looks, len(rows)) + 1).astype(int))
    losses: list[Any] = []
    tf_losses: list[Array] = []
    thetas, tf_thetas = [state.theta], [state.theta]
    seconds = tf_seconds = 0.0
    with np.errstate(all="ignore"):
        for start, stop in zip(stops, stops[1:], strict=False):
            began = time.perf_counter()
            for batch in rows[start:stop]:
                step = train_step(network, loss, optimizer, state, x[batch], y[batch], regularizer)
                losses.append(step.loss)
                state = step.state
            middle = time.perf_counter()
            tf_losses.append(trainer.run(x, y, rows[start:stop]))
            tf_seconds += time.perf_counter() - middle
            seconds += middle - began
            thetas.append(state.theta)
            tf_thetas.append(trainer.state().theta)
            if callback is not None:
                callback(int(stop))
    one, other = np.array(thetas), np.array(tf_thetas)
    with np.errstate(all="ignore"):
        normwise = np.max(np.abs(one - other), axis=1) / np.max(np.abs(one), axis=1)
    return Drift(
        stops,
        normwise,
        np.array(losses),
        np.concatenate(tf_losses),
        one,
        other,
        seconds,
        tf_seconds,
    )
