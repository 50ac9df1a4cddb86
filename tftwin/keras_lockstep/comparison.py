"""Compare a Keras model with refnn: N steps of Keras, each number of each under its bound."""

import time
from collections.abc import Callable
from os import PathLike
from typing import Any

import numpy as np

from refnn import checks, guards
from refnn.losses import MeanSquaredError
from refnn.record import Entry
from refnn.runs.memory import keep_freed_memory
from refnn.schedules import rate_at
from refnn.state import State
from refnn.training import Model, train_step
from refnn.typing import Array
from tftwin.keras_lockstep.conventions import Account
from tftwin.keras_lockstep.explain import Case, explain
from tftwin.keras_lockstep.findings import Explanation, in_order
from tftwin.keras_lockstep.forms import conventions_of, for_bounds, model_of, network_of
from tftwin.keras_lockstep.live import rate_dtype_of, seed, unchanged
from tftwin.keras_lockstep.report import KerasReport
from tftwin.keras_lockstep.side import KerasSide
from tftwin.keras_models import Inspection, construct, inspect
from tftwin.keras_models.description import STAGES
from tftwin.keras_models.rules import rate_of
from tftwin.lockstep import ledger
from tftwin.lockstep.bounds import with_kernels
from tftwin.lockstep.findings import Report, Row
from tftwin.lockstep.roundoff import exact
from tftwin.lockstep.run import Judge
from tftwin.lockstep.verdict import heat_of, judge_records

ROWS = 32
"""Rows of a step, if nothing else is asked for: Keras' default in fit."""


def compare_keras(
    model: str | PathLike[str] | Any,
    x: Array,
    y: Array,
    *,
    steps: int = 1,
    batch_size: int | None = None,
    callback: Callable[[int], None] | None = None,
) -> KerasReport:
    """Hold a Keras model against refnn, number by number, in training.

    Keras makes ``steps`` updates with its own layers, compiled loss and optimizer, from the weights
    and slots that the model has. refnn makes each of them too, from the same numbers. The model is
    as it was before, when this returns. Keras computes eagerly. Steps are counted as its optimizer
    counts its updates: the next one of a trained model is not step 1.

    Parameters
    ----------
    model : path or keras.Model
        A .keras file, of which nothing is executed, or a compiled model in memory.
    x, y : Array
        As for ``fit``: x (N, …), y (N, K), or class numbers for a sparse loss. Rows are taken in
        their order, ``batch_size`` for each step, from the first row again behind the last one.
    steps : int
        How many updates.
    batch_size : int, optional
        32, as in ``fit``.
    callback : callable, optional
        Called after each step with the number of steps done.

    Returns
    -------
    KerasReport
        Printed, it is brief; ``status`` is 0 if Keras computes what its configuration says.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        If the model, or an array, is none that can be compared: one line says which and why.
    """
    steps = checks.count("steps", steps)
    size = ROWS if batch_size is None else checks.count("batch_size", batch_size)
    inspection = inspect(model)
    x, y = np.asarray(x), np.asarray(y)
    preparation = inspection.preparation
    inputs = preparation.inputs(x)
    with np.errstate(all="ignore"):
        checks.finite("x", inputs)
    ledger.check_machine()
    keep_freed_memory()
    live = model
    if isinstance(model, (str, PathLike)):
        live = construct(inspection.description, inspection.keras_state)
        seed(live)
    batches = [
        np.arange(step * size, (step + 1) * size) % len(x) if len(x) > size else np.arange(len(x))
        for step in range(steps)
    ]
    with unchanged(live, inspection.keras_state.floatx):
        if inspection.loss is None:
            return _forward(inspection, live, x[batches[0]], inputs[batches[0]])
        targets = preparation.targets(y)
        if len(targets) != len(inputs):
            raise ValueError(f"x has {len(inputs)} rows and y has {len(targets)}; expected as many")
        compared = _Comparison(inspection, live)
        for number, rows in enumerate(batches, 1):
            compared.step(x[rows], y[rows], inputs[rows], targets[rows])
            if callback is not None:
                callback(number)
            if compared.judge.report.stopped or compared.case is not None:
                break
        return compared.report()


def scope(inspection: Inspection) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the stages that can be compared, and what stands in the way of the others.

    Keras' rule is here in NumPy, so that its update needs no rule of refnn.
    """
    description = inspection.description
    known = description.optimizer is not None and "gradient" in inspection.stages
    if known and not any(lack.stage == "update" for lack in description.lacks):
        return STAGES, ()
    return inspection.stages, inspection.lacks


class _Judge(Judge):
    """Keras adds the data loss and one penalty for each layer with L2, in any order."""

    def _family(
        self, family: str, ours: Any, theirs: Any, given: Any, step: int
    ) -> tuple[list[Entry], list[Entry]]:
        refnn, keras = super()._family(family, ours, theirs, given, step)
        return [self._in_any_order(e) if e.name == "total" else e for e in refnn], keras

    def _in_any_order(self, total: Entry) -> Entry:
        """k roundings of k + 1 numbers ≥ 0, and k − 1 of the penalties that refnn was given."""
        count = 0
        if self.model.regularizer is not None:
            count = sum(p.is_weight for p in self.model.network.parameters)
        if total.bound is None or not count:
            return total
        unit = float(np.finfo(total.array.dtype).eps) / 2
        return total._replace(bound=total.bound + 2 * count * unit * np.abs(total.array))


class _Comparison:
    """A live model, its inspection, and the account of what was compared."""

    def __init__(self, inspection: Inspection, live: Any) -> None:
        self.inspection, self.side = inspection, KerasSide(live, inspection)
        self.stages, self.lacks = scope(inspection)
        self.updates = "update" in self.stages
        rate_dtype = rate_dtype_of(live.optimizer) if self.updates else "float32"
        self.model = model_of(inspection, rate_dtype, self.updates)
        self.judge = _Judge(self.model, for_bounds(self.model))
        self.rows = 0
        self.case: Case | None = None
        self.account: Account | None = None
        optimizer = inspection.description.optimizer
        if self.updates and optimizer is not None:
            self.account = Account(optimizer, self.side.state())
            self.own_rate = rate_of(
                optimizer.arguments["learning_rate"], inspection.keras_state.floatx
            )

    def step(self, x: Array, y: Array, inputs: Array, targets: Array) -> None:
        """Let Keras make a step, make it again, and hold the two against each other."""
        with np.errstate(all="ignore"):
            state = self.side.state() if self.updates else State(self.side.theta())
            guards.check_data(self.model, state.theta, inputs, targets)
            found, start = self.judge.report, time.perf_counter()
            theirs, masks = self.side.step(x, y, inputs, self.updates)
            middle = time.perf_counter()
            batch = inputs, targets, masks
            ours = train_step(self.model, state, *batch)
            found.seconds_tftwin += middle - start
            found.seconds_refnn += time.perf_counter() - middle
            if not self.updates:
                theirs = theirs._replace(learning_rate=ours.learning_rate, state=ours.state)
            self.judge.judge(state, batch, ours, theirs, keep=self._keep)
            if self.account is not None:
                gradient = np.concatenate(theirs.gradients, axis=None)
                own = rate_at(self.own_rate, state.step)
                self.account.add(gradient, state.step + 1, theirs.learning_rate, own)
        self.rows = len(inputs)
        if self.judge.report.divergences:
            self.case = Case(self.model, self.judge.bounded, state, batch, theirs, self.inspection)

    def _keep(self, entry: Entry) -> bool:
        """Whether a number belongs to what can be compared."""
        stages, part = self.stages, entry.stage.split()[-1]
        if part == "forward":
            return True
        if "gradient" not in stages:
            return part == "loss" and entry.name == "data"
        return self.updates or part in ("loss", "backward", "gradient")

    def report(self) -> KerasReport:
        """Return what was found."""
        found = self.judge.report
        found.rows = list(self.judge.rows.values())
        explained = [] if self.case is None else explain(self.case, found.divergences)
        account = self.account
        return KerasReport(
            inspection=self.inspection,
            stages=self.stages,
            lacks=self.lacks,
            found=found,
            rows=self.rows,
            conventions=conventions_of(self.inspection)
            + ([] if account is None else account.conventions()),
            apart=None if account is None else account.apart,
            explanations=explained,
        )


def _forward(inspection: Inspection, live: Any, x: Array, inputs: Array) -> KerasReport:
    """Compare the layers' outputs alone, in evaluation: refnn lacks the loss."""
    network, side = network_of(inspection), KerasSide(live, inspection)
    theta = side.theta()
    widened = with_kernels(Model(network, MeanSquaredError()), theta.dtype.name).network
    theirs, given = side.forward(x), exact(theta)
    with np.errstate(all="ignore"):
        whole = widened.forward(given, exact(inputs))[1:]
        alone = [
            layer.forward(part, exact(array))
            for layer, part, array in zip(
                widened.layers, widened.parts(given), [inputs, *theirs[:-1]], strict=True
            )
        ]
    ours, keras = [], []
    for stage, arrays in (("forward", whole), ("mirror forward", alone)):
        for i, (one, other) in enumerate(zip(arrays, theirs, strict=True), 1):
            ours.append(Entry(stage, f"y{i}", one.value, i, bound=one.bound))
            keras.append(Entry(stage, f"y{i}", other, i))
    rows: dict[tuple[str, str], Row] = {}
    found = Report(steps=1, divergences=judge_records(rows, 1, ours, keras))
    found.heat.append(heat_of(rows.values()))
    found.rows = list(rows.values())
    explanations = [Explanation(d) for d in in_order(found.divergences)]
    stages, lacks = scope(inspection)
    return KerasReport(inspection, stages, lacks, found, len(inputs), explanations=explanations)
