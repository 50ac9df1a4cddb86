"""The loop over epochs that ``refnn.fit`` and ``tftwin.fit`` share."""

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from refnn import checks, guards
from refnn.datasets.npz import as_path
from refnn.runs import interrupts
from refnn.runs.checkpoints import Checkpoint, keeping
from refnn.runs.history import History
from refnn.runs.interrupts import Pause
from refnn.runs.progress import track
from refnn.state import Evaluation, State
from refnn.typing import Array

Callback: TypeAlias = Callable[[int, State, History], None]


class Epoch(NamedTuple):
    """The state after an epoch, the loss of each of its steps, and the rate of the last one."""

    state: State
    losses: list[float]
    learning_rate: float


OneEpoch: TypeAlias = Callable[[State, History, Pause], Epoch]


class Plan(NamedTuple):
    """The arguments of a run, checked."""

    epochs: int
    batch_size: int
    history: History


def check_plan(
    model: Any,
    state: State,
    x: Array,
    y: Array,
    *,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator | None,
    validation: tuple[Array, Array] | None,
    callback: Callback | None,
    checkpoint: Checkpoint | None,
    history: History | None,
) -> Plan:
    """Refuse arguments of ``fit`` that do not fit; return the numbers as Python ints."""
    guards.check_run(model, state, x, y, validation)
    if not (callback is None or callable(callback)):
        raise TypeError(f"callback = {callback!r}; expected a function, or None")
    if not isinstance(checkpoint, Checkpoint | None):
        raise TypeError(f"checkpoint = {checkpoint!r}; expected a refnn.Checkpoint, or None")
    if not isinstance(history, History | None):
        raise TypeError(f"history is a {type(history).__name__}; expected a refnn.History, or None")
    checks.generator(rng, optional=True)
    history = History() if history is None else history.copy()
    epochs = checks.count("epochs", epochs, len(history.loss))
    return Plan(epochs, checks.count("batch_size", batch_size), history)


def repeat(
    one_epoch: OneEpoch,
    held_out: Callable[[State], Evaluation] | None,
    state: State,
    plan: Plan,
    *,
    rng: np.random.Generator | None,
    callback: Callback | None,
    checkpoint: Checkpoint | None,
    description: dict[str, str],
    progress: bool,
) -> tuple[State, History]:
    """Run the epochs that are left, and write their history.

    Parameters
    ----------
    one_epoch
        Makes the steps of an epoch, and calls ``pause`` between two of them.
    held_out
        Evaluates a state on the held-out data, if there are any.
    description
        The model and the data as texts, which a checkpoint compares (``refnn.runs.checkpoints``).
    """
    history = plan.history
    start = time.perf_counter() - max(history.seconds, default=0.0)
    hint = "" if checkpoint is None else f"; refnn.resume continues from {as_path(checkpoint.path)}"
    with interrupts.deferred(hint) as pause, keeping(checkpoint, description) as keep:
        pause(state, history)
        keep(state, history, rng)
        for epoch in track(range(len(history.loss) + 1, plan.epochs + 1), progress):
            state, losses, learning_rate = one_epoch(state, history, pause)
            history.loss.append(math.fsum(losses) / len(losses))
            history.learning_rate.append(learning_rate)
            history.seconds.append(time.perf_counter() - start)
            if held_out is not None:
                loss, accuracy = held_out(state)
                history.validation_loss.append(loss)
                history.validation_accuracy.append(accuracy)
            if callback is not None:
                callback(epoch, state, history)
            keep(state, history, rng)
    return state, history
