"""Run refnn and TensorFlow side by side, both from the same state at every step."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from refnn import checks, guards
from refnn.layers import Activation
from refnn.record import Entry, record, state_entries
from refnn.runs.memory import keep_freed_memory
from refnn.state import State, Step
from refnn.training import Model, train_step
from refnn.typing import Array, Masks
from tftwin.counterparts import twin
from tftwin.lockstep import alone, ledger
from tftwin.lockstep.arbiter import Evidence, explain
from tftwin.lockstep.batches import Batch, checked
from tftwin.lockstep.bounds import bound_of, bounds_of_rule, bounds_of_step, rule_alone
from tftwin.lockstep.digits import lost_digits
from tftwin.lockstep.findings import (
    MIRROR,
    RULE,
    Report,
    Row,
)
from tftwin.lockstep.roundoff import usual
from tftwin.lockstep.verdict import heat_of, judge_records, same_bits
from tftwin.optimizers import update as tf_update
from tftwin.tensorflow import tf
from tftwin.trainer import Mode, Trainer


def resynchronised(
    model: Model,
    state: State,
    batches: Iterable[Batch],
    *,
    mode: Mode = "function",
    every: int = 1,
    only: int | None = None,
    callback: Callable[[int], None] | None = None,
    observe: Callable[[list[Entry], list[Entry]], None] | None = None,
) -> Report:
    """Run both from the same state at every step: each step's own fault, nothing accumulates.

    A step is compared in seven ways (``verdict.STAGES`` has their names, tftwin's README their
    reasons): the whole step; the optimizer's rule alone; each number of refnn's step against
    TensorFlow's layer, given the numbers beside it ("layer"), and against refnn's own layer
    ("walk"); each number of TensorFlow's step against refnn's layer ("mirror"); for a float32
    step the layers of both once more in float64 ("float64"); and what surrounds the step
    ("inputs"): inputs byte-equal before and after, the step count.

    The run stops after a step in which a side leaves the finite numbers.

    Parameters
    ----------
    model : Model
        Of refnn; its twin is made here.
    state : State
        Where to begin.
    batches : iterable of (x, y) or (x, y, masks)
        One for each step; ``masks`` for a network with Dropout layers.
    mode : {"function", "eager", "xla"}
        How TensorFlow computes a step.
    every : int
        Compare one step, then let refnn alone make the next ``every`` − 1 steps.
    only : int, optional
        Compare this step alone, 1 the first; refnn alone makes those before it. So a divergence
        at step 700 is there again without 699 comparisons.
    callback : callable, optional
        Called after each step with the number of steps done.
    observe : callable, optional
        Called with both records of each step that was compared; refnn's carries the bounds.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit, or has no twin, is not finite, or nothing was compared.
    NoBoundError
        If a function of the user's own uses an operation that has no derived bound.
    """
    guards.check_model(model)
    guards.check_state(model, state)
    guards.check_finite(model, state)
    every = checks.count("every", every)
    only = None if only is None else checks.count("only", only)
    checks.function("callback", callback, ("steps",))
    checks.function("observe", observe, ("refnn", "tftwin"))
    pairs = checks.iterator("batches", batches, "pairs (x, y), one for each step")
    ledger.check_machine()
    keep_freed_memory()
    lockstep = _Lockstep(model, state, mode, observe)
    report = lockstep.report
    for number, batch in enumerate(pairs, 1):
        x, y, masks = checked(model, state, number, batch)
        with np.errstate(all="ignore"):
            if (number - 1) % every if only is None else number != only:
                step = train_step(model, state, x, y, masks)
                report.stopped = left_the_finite("refnn", model, step)
            else:
                step = lockstep.compare(state, x, y, masks)
        state = step.state
        if callback is not None:
            callback(number)
        if report.stopped or number == only:
            break
    if not report.steps and only is not None and not report.stopped:
        raise ValueError(f"only = {only}; expected the number of one of the batches")
    if not report.steps:
        raise ValueError("batches is empty: nothing was compared")
    report.rows, report.state = list(lockstep.rows.values()), state
    return report


def left_the_finite(side: str, model: Model, step: Step) -> str:
    """Return what in a step is not finite, or ""."""
    for entry in record(model.network, model.optimizer.slot_names, step):
        bad = ~np.isfinite(entry.array)
        if bad.any():
            where = [int(i) for i in np.argwhere(bad)[0]]
            value = np.asarray(entry.array)[tuple(where)]
            return f"step {step.state.step}: {side}'s {entry.name}{where or ''} is {value}"
    return ""


class Judge:
    """The account of what was compared: steps of refnn, and those that another side made of them.

    Parameters
    ----------
    model : Model
        Of refnn.
    bounded : Model
        What the bounds are computed with: ``model``, or one that rounds as the other side does.
    layers : callable, optional
        The other side's layers alone: ``Given`` → ``Alone``.
    rule : callable, optional
        The other side's rule alone: a state and a gradient → the state after it.
    roundings : int
        By how many roundings the other side's numbers may be off where a layer takes them.
    float64 : bool
        Whether the layers are compared in float64 too.
    """

    def __init__(
        self,
        model: Model,
        bounded: Model | None = None,
        layers: Callable[[alone.Given], alone.Alone] | None = None,
        rule: Callable[[State, Array], State] | None = None,
        roundings: int = 0,
        float64: bool = False,
    ) -> None:
        self.model, self.bounded = model, model if bounded is None else bounded
        self.layers, self.rule = layers, rule
        self.roundings, self.in_float64 = roundings, float64
        self.report = Report()
        self.rows: dict[tuple[str, str], Row] = {}

    def judge(
        self,
        state: State,
        batch: tuple[Array, Array, Masks],
        one: Step,
        other: Step,
        surroundings: Callable[[], tuple[list[Entry], list[Entry]]] = lambda: ([], []),
        keep: Callable[[Entry], bool] = lambda entry: True,
    ) -> tuple[list[Entry], list[Entry]]:
        """Judge a step that both sides made from one state, and return both records.

        ``surroundings`` gives what else to compare; ``keep`` says which entries.
        """
        model, (_, y, masks) = self.model, batch
        self.report.steps += 1
        evidence = Evidence(
            model,
            state,
            np.concatenate(one.gradients, axis=None),
            np.concatenate(other.gradients, axis=None),
            alone.given_by(one, state.theta, y, masks),
            alone.given_by(other, state.theta, y, masks),
        )
        refnn, tftwin = self._whole(one, other, state, batch)
        for pair in (
            self._rule(evidence, one, other),
            *self._layers(evidence, one, other),
            surroundings(),
        ):
            refnn, tftwin = refnn + pair[0], tftwin + pair[1]
        refnn, tftwin = list(filter(keep, refnn)), list(filter(keep, tftwin))
        divergences = judge_records(self.rows, state.step + 1, refnn, tftwin)
        self.report.heat.append(heat_of(self.rows.values()))
        self.report.divergences += explain(evidence, divergences)
        self.report.stopped = left_the_finite("refnn", model, one) or left_the_finite(
            "tftwin", model, other
        )
        return refnn, tftwin

    def _whole(
        self, one: Step, other: Step, state: State, batch: tuple[Array, Array, Masks]
    ) -> tuple[list[Entry], list[Entry]]:
        network, names = self.model.network, self.model.optimizer.slot_names
        bounds = bounds_of_step(self.bounded, state, *batch)
        sides = [record(network, names, step) for step in (one, other, bounds)]
        if self.report.steps == 1:
            with usual():
                distances = bounds_of_step(self.bounded, state, *batch)
            sides.append(record(network, names, distances))
            self.report.usual = usual_distance(sides[0], sides[1], sides[3])
        return _bounded(sides[0], sides[2], state.theta.dtype), sides[1]

    def _rule(self, evidence: Evidence, one: Step, other: Step) -> tuple[list[Entry], list[Entry]]:
        """The rule alone on refnn's gradient, without rounding; TensorFlow's own, with it."""
        model, state = self.model, evidence.state
        mirror = rule_alone(model, state, evidence.tf_gradient)
        pairs: list[tuple[State, State, tuple[str, str], float | None]]
        pairs = [(mirror, other.state, MIRROR, None)]
        if self.rule is not None:
            pairs.insert(0, (one.state, self.rule(state, evidence.gradient), RULE, 0.0))
        refnn: list[Entry] = []
        tftwin: list[Entry] = []
        for ours, theirs, stages, unit in pairs:
            entries = [self._state_entries(side, stages) for side in (ours, theirs)]
            if not _all_same(*entries):
                gradient = evidence.tf_gradient if unit is None else evidence.gradient
                bounds = bounds_of_rule(model, state, gradient, unit)
                entries[0] = _bounded(entries[0], self._state_entries(bounds, stages))
            refnn, tftwin = refnn + entries[0], tftwin + entries[1]
        return refnn, tftwin

    def _state_entries(self, state: State, stages: tuple[str, str]) -> list[Entry]:
        names = self.model.optimizer.slot_names
        return state_entries(self.model.network, names, state, *stages)

    def _layers(
        self, evidence: Evidence, one: Step, other: Step
    ) -> list[tuple[list[Entry], list[Entry]]]:
        """Each number of both steps against the layers of the other side, and of its own."""
        model, given, tf_given = self.model, evidence.given, evidence.tf_given
        step = alone.of_step(one)
        families: list[tuple[str, Any, Any, Any]] = [
            ("walk", step, alone.on_refnn(model, given), None),
            ("mirror", alone.on_refnn(model, tf_given), alone.of_step(other), tf_given),
        ]
        if self.layers is not None:
            families.insert(0, ("layer", step, self.layers(given), given))
        if self.layers is not None and self.in_float64:
            wide = given.cast(np.float64)
            try:
                both = alone.on_refnn(model, wide), self.layers(wide)
                families.append(("float64", *both, wide))
            except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
                if not _has_own_functions(model):
                    raise
                self.in_float64 = False
                self.report.left_out = f"the layers in float64: {type(error).__name__}"
        return [self._family(*family, one.state.step) for family in families]

    def _family(
        self, family: str, ours: Any, theirs: Any, given: Any, step: int
    ) -> tuple[list[Entry], list[Entry]]:
        model, dtype = self.model, ours.outputs[0].dtype
        refnn, tftwin = (alone.alone_entries(model, side, family) for side in (ours, theirs))
        if given is None or _all_same(refnn, tftwin):
            return _bounded(refnn, None, dtype), _bounded(tftwin, None, dtype)
        fused = self.roundings if family == "mirror" else 0
        found = alone.bounds_of_layers(self.bounded, given, fused)
        bounds = alone.alone_entries(model, found, family)
        if family != "mirror":
            defined = alone.alone_entries(model, alone.on_definitions(model, given), family)
            self.report.lost_digits += lost_digits(step, bounds, defined)
        return _bounded(refnn, bounds, dtype), tftwin


class _Lockstep(Judge):
    """A model and its twin."""

    def __init__(
        self,
        model: Model,
        state: State,
        mode: Mode,
        observe: Callable[[list[Entry], list[Entry]], None] | None,
    ) -> None:
        self.twin, self.observe = twin(model), observe
        self.trainer = Trainer(self.twin, state, mode)
        super().__init__(
            model,
            layers=alone.OnTensorflow(self.twin, mode),
            rule=lambda state, gradient: rule_alone(self.twin, state, gradient, tf_update),
            roundings=2 if mode == "xla" else 0,
            float64=state.theta.dtype == np.float32,
        )

    def compare(self, state: State, x: Array, y: Array, masks: Masks) -> Step:
        """Make one step on both sides, judge all of it, and return refnn's."""
        batch = x, y, masks
        (mine, my_batch), (theirs, their_batch) = _copies(state, batch), _copies(state, batch)
        start = time.perf_counter()
        one = train_step(self.model, mine, *my_batch)
        self.report.seconds_refnn += time.perf_counter() - start
        self.trainer.load(theirs)
        start = time.perf_counter()
        other = self.trainer.step(*their_batch)
        self.report.seconds_tftwin += time.perf_counter() - start

        def surroundings() -> tuple[list[Entry], list[Entry]]:
            before, after = [], []
            for side, own_state, own_batch, step in (
                ("refnn", mine, my_batch, one),
                ("tftwin", theirs, their_batch, other),
            ):
                before += _inputs(side, state, batch, state.step + 1)
                after += _inputs(side, own_state, own_batch, step.state.step)
            return before, after

        refnn, tftwin = self.judge(state, batch, one, other, surroundings)
        if self.observe is not None:
            self.observe(refnn, tftwin)
        return one


def usual_distance(refnn: list[Entry], tftwin: list[Entry], distances: list[Entry]) -> float:
    """Return the largest difference over twice the usual error of one side."""
    largest = 0.0
    for one, other, distance in zip(refnn, tftwin, distances, strict=True):
        apart = np.abs(np.asarray(one.array, np.float64) - other.array)
        share = np.where(apart == 0, 0, apart / (2 * np.asarray(bound_of(distance.array))))
        largest = max(largest, float(np.max(np.nan_to_num(share, posinf=0), initial=0.0)))
    return largest


def _has_own_functions(model: Model) -> bool:
    """Whether something in the model is the user's own, and may know one dtype only."""
    parts: list[Any] = [model.loss, model.optimizer, model.regularizer, *model.network.layers]
    parts += [layer.function for layer in model.network.layers if isinstance(layer, Activation)]
    return any(not type(p).__module__.startswith("refnn.") for p in parts if p is not None)


def _copies(
    state: State, batch: tuple[Array, Array, Masks]
) -> tuple[State, tuple[Array, Array, Masks]]:
    slots, (x, y, masks) = tuple(slot.copy() for slot in state.slots), batch
    own = x.copy(), y.copy(), tuple(mask.copy() for mask in masks)
    return State(state.theta.copy(), slots, state.step), own


def _inputs(side: str, state: State, batch: tuple[Array, Array, Masks], step: int) -> list[Entry]:
    """Return what surrounds a step: its inputs after it, and the number of updates done."""
    slots = [(f"slot {i}", slot) for i, slot in enumerate(state.slots)]
    x, y, masks = batch
    drawn = [(f"mask {i}", mask) for i, mask in enumerate(masks)]
    arrays = [("theta", state.theta), *slots, ("x", x), ("y", y), *drawn]
    entries = [Entry("inputs", f"{side}'s {name}", array) for name, array in arrays]
    return [*entries, Entry("inputs", f"{side}'s step count", np.asarray(step, np.float64))]


def _bounded(entries: list[Entry], bounds: list[Entry] | None, dtype: Any = None) -> list[Entry]:
    """Return entries with their bounds; a Python number (a penalty of 0) becomes an array."""
    return [
        e._replace(
            array=np.asarray(e.array, getattr(e.array, "dtype", dtype)),
            bound=None if bounds is None else bound_of(bounds[i].array),
        )
        for i, e in enumerate(entries)
    ]


def _all_same(one: list[Entry], other: list[Entry]) -> bool:
    return all(same_bits(a.array, b.array) for a, b in zip(one, other, strict=True))
