"""Run refnn and TensorFlow side by side, both from the same state at every step."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from refnn import checks, guards
from refnn.record import Entry, record, state_entries
from refnn.runs.memory import keep_freed_memory
from refnn.state import State, Step
from refnn.training import Model, train_step
from refnn.typing import Array
from tftwin.counterparts import twin
from tftwin.lockstep import alone, ledger
from tftwin.lockstep.arbiter import explain
from tftwin.lockstep.bounds import bound_of, bounds_of_rule, bounds_of_step, rule_alone
from tftwin.lockstep.verdict import RULE, Report, Row, judge_records
from tftwin.optimizers import update as tf_update
from tftwin.trainer import Mode, Trainer


def resynchronised(
    model: Model,
    state: State,
    batches: Iterable[tuple[Array, Array]],
    *,
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
    model : Model
        Of refnn; its twin is made here.
    state : State
        Where to begin.
    batches : iterable of (x, y)
        One for each step.
    mode : {"function", "eager", "xla"}
        How TensorFlow computes a step.
    every : int
        Compare one step, then let refnn alone make the next ``every`` − 1 steps.
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
    keep_freed_memory()
    guards.check_model(model)
    guards.check_state(model, state)
    every = checks.count("every", every)
    lockstep = _Lockstep(model, state, mode, observe)
    for number, (x, y) in enumerate(batches):
        with np.errstate(all="ignore"):
            guards.check_data(model, state.theta, x, y)
            step = (
                train_step(model, state, x, y) if number % every else lockstep.compare(state, x, y)
            )
        state = step.state
        if callback is not None:
            callback(number + 1)
    report = lockstep.report
    if not report.steps:
        raise ValueError("batches is empty: nothing was compared")
    report.rows, report.state = list(lockstep.rows.values()), state
    return report


class _Lockstep:
    """One model, both sides of it, and the account of what was compared."""

    def __init__(
        self,
        model: Model,
        state: State,
        mode: Mode,
        observe: Callable[[list[Entry], list[Entry]], None] | None,
    ) -> None:
        self.model, self.twin, self.observe = model, twin(model), observe
        self.trainer = Trainer(self.twin, state, mode)
        self.layers = alone.OnTensorflow(self.twin, "eager" if mode == "eager" else "function")
        self.report = Report()
        self.rows: dict[tuple[str, str], Row] = {}

    def compare(self, state: State, x: Array, y: Array) -> Step:
        """Make one step on both sides, judge all of it, and return refnn's."""
        model = self.model
        start = time.perf_counter()
        one = train_step(model, state, x, y)
        self.report.seconds_refnn += time.perf_counter() - start
        self.trainer.load(state)
        start = time.perf_counter()
        other = self.trainer.step(x, y)
        self.report.seconds_tftwin += time.perf_counter() - start

        gradient = np.concatenate(one.gradients, axis=None)
        given = rule_alone(self.twin, state, gradient, tf_update)
        refnn = self._entries(one, one.state, alone.on_refnn(model, state.theta, one, y))
        tftwin = self._entries(other, given, self.layers(state.theta, one, y))
        bounds = self._entries(
            bounds_of_step(model, state, x, y),
            bounds_of_rule(model, state, gradient, 0.0),
            alone.bounds_of_layers(model, state.theta, one, y),
        )
        refnn = [
            e._replace(array=np.asarray(e.array, _dtype(e, state)), bound=bound_of(b.array))
            for e, b in zip(refnn, bounds, strict=True)
        ]
        self.report.steps += 1
        divergences = judge_records(self.rows, state.step + 1, refnn, tftwin)
        if divergences:
            divergences = explain(model, state, x, y, gradient, divergences)
        self.report.divergences += divergences
        if self.observe is not None:
            self.observe(refnn, tftwin)
        return one

    def _entries(self, step: Step, ruled: State, layers: alone.Alone) -> list[Entry]:
        network, names = self.model.network, self.model.optimizer.slot_names
        return [
            *record(network, names, step),
            *state_entries(network, names, ruled, *RULE),
            *alone.alone_entries(self.model, layers),
        ]


def _dtype(entry: Entry, state: State) -> Any:
    """Return an entry's dtype; a penalty of 0, which is a Python float, has that of θ."""
    return getattr(entry.array, "dtype", state.theta.dtype)
