"""``fit`` repeats training steps over epochs; ``resume`` continues a run from its checkpoint."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from refnn import checks, guards
from refnn.labels import class_rows_of_run
from refnn.runs.checkpoints import Checkpoint, load_run
from refnn.runs.description import (
    check_rates,
    check_same,
    describe_computed,
    describe_data,
    describe_model,
)
from refnn.runs.diagnosis import non_finite, why_not_finite
from refnn.runs.finite import watch
from refnn.runs.history import History
from refnn.runs.interrupts import Pause
from refnn.runs.loop import Callback, Epoch, check_plan, draw_masks, repeat
from refnn.runs.memory import keep_freed_memory
from refnn.state import State
from refnn.training import Model, evaluate, train_step
from refnn.typing import Array


def fit(
    model: Model,
    state: State,
    x: Array,
    y: Array,
    *,
    epochs: int,
    batch_size: int = 32,
    rng: np.random.Generator | None = None,
    validation: tuple[Array, Array] | None = None,
    callback: Callback | None = None,
    checkpoint: Checkpoint | None = None,
    history: History | None = None,
    progress: bool = True,
) -> tuple[State, History]:
    """Train for some epochs.

    Parameters
    ----------
    model : Model
        What is trained, and how.
    state : State
        The start: ``model.initial_state(rng)``, or the state of an earlier run.
    x, y : Array, (N, inputs), (N, outputs)
        Training data, of the dtype of ``state.theta``. For a loss that takes distributions y may
        be class numbers, (N,) or (N, 1) of an integer dtype.
    epochs, batch_size : int
        Passes over the data, those of ``history`` included; rows in a batch (or fewer in the last).
    rng : numpy.random.Generator, optional
        Shuffles the rows again in each epoch, and draws the masks of Dropout layers; without it
        the rows keep their order.
    validation : (x, y), optional
        Held-out data, evaluated after each epoch.
    callback : callable, optional
        Called after each epoch with its number (from 1), the state and the history so far.
    checkpoint : Checkpoint, optional
        Where and how often the run is saved, for ``resume``.
    history : History, optional
        The epochs before ``state``, if this continues a run. It is not changed.
    progress : bool
        Whether to draw a progress bar. It needs a terminal, and rich.

    Returns
    -------
    (State, History)

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit; the message names it.
    NonFiniteError
        If the loss, a slot or a parameter is no longer finite. It carries the last finite state.
    Interrupted
        After the step in which Ctrl-C was pressed. It is a KeyboardInterrupt that carries the
        state. A second Ctrl-C acts at once.
    SaveError
        If a checkpoint cannot be written, which is an OSError that carries the state.
    FileExistsError
        If there is a file already where the checkpoint goes, and it may not be overwritten.

    Notes
    -----
    Whatever ends a run that has begun, also an error of the callback or of a loss of your own,
    has the last state in ``.state`` and the whole epochs in ``.history``, unless its class takes
    no attributes or has these already. If the checkpoint could not be saved then, a note says so.
    """
    guards.check_model(model)
    y, validation = class_rows_of_run(model, state, y, validation)
    plan = check_plan(
        model,
        state,
        x,
        y,
        epochs=epochs,
        batch_size=batch_size,
        rng=rng,
        validation=validation,
        callback=callback,
        checkpoint=checkpoint,
        history=history,
        progress=progress,
    )
    keep_freed_memory()
    description = {}
    if checkpoint is not None:
        description = describe_model(model, plan.batch_size) | describe_data(x, y, validation)
        description |= describe_computed(model, y)
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    start = state
    with np.errstate(all="ignore"):
        finite = watch(model, state, x)

    def one_epoch(state: State, history: History, pause: Pause) -> Epoch:
        losses = []
        for x_batch, y_batch in cut(x, y, plan.batch_size, rng):
            masks = draw_masks(model.network, rng, len(x_batch), x.dtype)
            step = train_step(model, state, x_batch, y_batch, masks)
            if not (math.isfinite(step.loss) and finite(step)):
                raise non_finite(model, start, state, y_batch, masks, step, history)
            state = step.state
            losses.append(float(step.loss))
            pause(state, history)
        return Epoch(state, losses, step.learning_rate)

    with np.errstate(all="ignore"):  # a run that leaves the finite numbers ends in one clear error
        return repeat(
            one_epoch,
            None if validation is None else lambda state: evaluate(model, state, *validation),
            state,
            plan,
            why=lambda state: why_not_finite(model, state, *(validation or (x, y))),
            rng=rng,
            callback=callback,
            checkpoint=checkpoint,
            description=description,
            progress=progress,
        )


def resume(
    model: Model,
    checkpoint: Checkpoint,
    x: Array,
    y: Array,
    *,
    epochs: int,
    batch_size: int = 32,
    validation: tuple[Array, Array] | None = None,
    callback: Callback | None = None,
    progress: bool = True,
) -> tuple[State, History]:
    """Continue a run that was saved by ``fit(…, checkpoint=checkpoint)``, as if it never stopped.

    The state, the history, the order of the rows and the masks are bit for bit those of a run that
    was not interrupted; only the seconds of the history differ. The arguments are those of ``fit``,
    with the checkpoint in the place of the state; ``epochs`` may be another number.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it is no checkpoint, or of a run with another model, batch size or other data; the
        message names the first that differs. What has no repr of its own is compared by what it
        computes.
    """
    if not isinstance(checkpoint, Checkpoint):
        raise TypeError(f"checkpoint = {checks.short(checkpoint)}; expected a refnn.Checkpoint")
    guards.check_model(model)
    run, batch_size = load_run(checkpoint.path), checks.count("batch_size", batch_size)
    check_same(checkpoint.path, run.description, describe_model(model, batch_size))
    y, validation = class_rows_of_run(model, run.state, y, validation)
    guards.check_run(model, run.state, x, y, validation)
    check_same(checkpoint.path, run.description, describe_data(x, y, validation))
    check_same(checkpoint.path, run.description, describe_computed(model, y))
    check_rates(checkpoint.path, model, run.state, run.history, -(-len(x) // batch_size))
    return fit(
        model,
        run.state,
        x,
        y,
        epochs=epochs,
        batch_size=batch_size,
        rng=run.rng(),
        validation=validation,
        callback=callback,
        checkpoint=replace(checkpoint, overwrite=True),
        history=run.history,
        progress=progress,
    )


def cut(
    x: Array, y: Array, batch_size: int, rng: np.random.Generator | None
) -> Iterator[tuple[Array, Array]]:
    """Yield the batches of an epoch, in the order of ``batches(len(x), batch_size, rng)``.

    Rows that keep their order are cut without a copy; others are first gathered, a MiB at a time.
    """
    n = len(x)
    if rng is not None:
        order = rng.permutation(n)
        together = max(2**20 // x[0].nbytes // batch_size, 1) * batch_size
        for first in range(0, n, together):
            rows = order[first : first + together]
            yield from cut(x.take(rows, axis=0), y.take(rows, axis=0), batch_size, None)
        return
    for start in range(0, n, batch_size):
        stop = start + batch_size
        yield x[start:stop], y[start:stop]
