"""The loop over epochs that ``refnn.fit`` and ``tftwin.fit`` share."""

import math
import numbers
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from refnn import checks, guards
from refnn.datasets.npz import as_path
from refnn.runs import interrupts
from refnn.runs.checkpoints import Checkpoint, keeping
from refnn.runs.history import History, NonFiniteError
from refnn.runs.interrupts import Pause
from refnn.runs.progress import track
from refnn.state import Evaluation, State
from refnn.typing import Array, Masks

Callback: TypeAlias = Callable[[int, State, History], None]


NOT_VALIDATED: list[Any] = [math.nan, None]
"""Loss and accuracy of an epoch without held-out data, among others that had some."""


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
    progress: bool,
) -> Plan:
    """Refuse arguments of ``fit`` that do not fit; return the numbers as Python ints."""
    guards.check_run(model, state, x, y, validation)
    checks.function("callback", callback, ("epoch", "state", "history"))
    if not isinstance(checkpoint, Checkpoint | None):
        raise TypeError(
            f"checkpoint = {checks.short(checkpoint)}; expected a refnn.Checkpoint, or None"
        )
    if not isinstance(history, History | None):
        raise TypeError(f"history is a {type(history).__name__}; expected a refnn.History, or None")
    checks.generator(rng, optional=True)
    if rng is None and model.network.dropouts:
        raise ValueError(
            "rng = None; expected numpy.random.default_rng(seed): the network has Dropout layers, "
            "and their masks are drawn from it"
        )
    checks.flag("progress", progress)
    history = History() if history is None else _checked(history, validation is not None)
    epochs = checks.count("epochs", epochs, len(history.loss))
    plan = Plan(epochs, checks.count("batch_size", batch_size), history)
    if checkpoint is not None:
        checkpoint.check_free()
    return plan


def draw_masks(network: Any, rng: np.random.Generator | None, rows: int, dtype: Any) -> Masks:
    """Draw the masks of a batch, if the network has Dropout layers."""
    if rng is None or not network.dropouts:
        return ()
    masks: Masks = network.draw_masks(rng, rows, dtype)
    return masks


def _checked(history: History, validated: bool) -> History:
    """Return a copy that has an entry an epoch, and refuse what has not."""
    epochs = len(history.loss) if isinstance(history.loss, list) else 0
    for name, column in vars(history).items():
        held_out = name.startswith("validation")
        if not isinstance(column, list) or not all(
            isinstance(number, numbers.Real) or (held_out and number is None) for number in column
        ):
            said = checks.short(column)
            raise TypeError(f"history: {name} is {said}; expected a list of numbers")
        if len(column) != epochs and not (held_out and not column):
            raise ValueError(f"history: {name} has {len(column)} entries; expected {epochs}")
    history = history.copy()
    if validated and not history.validation_loss:
        history.validation_loss += epochs * NOT_VALIDATED[:1]
        history.validation_accuracy += epochs * NOT_VALIDATED[1:]
    return history


def repeat(
    one_epoch: OneEpoch,
    held_out: Callable[[State], Evaluation] | None,
    state: State,
    plan: Plan,
    *,
    why: Callable[[State], str],
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
    why
        Gives the likely cause of a loss on these that is not finite.
    description
        The model and the data as texts, which a checkpoint compares (``refnn.runs.checkpoints``).
    """
    history = plan.history
    told = [list(column) for column in vars(history).values()]  # the callback may write into it
    start = time.perf_counter() - max(history.seconds, default=0.0)
    hint = "" if checkpoint is None else f"; refnn.resume continues from {as_path(checkpoint.path)}"
    with interrupts.deferred(hint) as pause, keeping(checkpoint, description) as keep:
        pause(state, history)
        keep(state, history, rng)
        for epoch in track(range(len(history.loss) + 1, plan.epochs + 1), progress):
            state, losses, learning_rate = one_epoch(state, history, pause)
            seconds = time.perf_counter() - start
            entry: list[Any] = [math.fsum(losses) / len(losses), learning_rate, seconds]
            if held_out is not None:
                found = held_out(state)
                if not math.isfinite(found.loss):
                    raise _validation_error(found.loss, epoch, state, history, why(state))
                entry += found
            elif history.validation_loss:
                entry += NOT_VALIDATED
            history.add(entry)
            if callback is not None:
                History(*told).add(entry)
                callback(epoch, state, History(*told))
            keep(state, history, rng)
    return state, history


def _validation_error(
    loss: float, epoch: int, state: State, history: History, cause: str
) -> NonFiniteError:
    """Return the error that ends a run whose loss on the held-out data is not finite."""
    return NonFiniteError(
        f"epoch {epoch}, validation: the loss is {loss}, of parameters that are finite. Likely "
        f"cause: {cause}. The state is kept in this error's .state",
        state,
        history,
        "validation loss",
    )
