"""``fit`` on TensorFlow, by the same loop over epochs as refnn's."""

from collections.abc import Sequence

import numpy as np

from refnn import guards
from refnn.datasets import batches
from refnn.labels import class_rows_of_run
from refnn.runs.checkpoints import Checkpoint
from refnn.runs.description import describe_data, describe_model
from refnn.runs.diagnosis import non_finite, why_not_finite
from refnn.runs.finite import all_finite, whole
from refnn.runs.history import History, NonFiniteError
from refnn.runs.interrupts import Pause
from refnn.runs.loop import Callback, Epoch, check_plan, draw_masks, repeat
from refnn.state import Gradients, State
from refnn.typing import Array, Masks
from tftwin.counterparts import original
from tftwin.network import Network
from tftwin.schedules import rate_at
from tftwin.tensorflow import tf
from tftwin.trainer import Trainer
from tftwin.training import Model, evaluate
from tftwin.typing import Tensor

MASKS = 2**24
"""Numbers of masks that are drawn before their steps are made: 64 MiB of float32."""


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
    """Train for some epochs, as ``refnn.fit``; each epoch runs inside a compiled graph.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit; the message names it.
    NonFiniteError
        If the loss, an output, a slot or a parameter is no longer finite. It carries the last
        finite state, and names the tensor and the likely cause as refnn's does.
    Interrupted, SaveError, FileExistsError
        As ``refnn.fit``. To continue a run that is in a file, give ``fit`` its state and history.
    """
    guards.check_model(model, "tftwin")
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
    start, trainer = state, Watched(model, state)

    def one_epoch(state: State, history: History, pause: Pause) -> Epoch:
        losses: list[float] = []
        for rows in together(model.network, list(batches(len(x), plan.batch_size, rng))):
            masks = [draw_masks(model.network, rng, len(batch), x.dtype) for batch in rows]
            values, finite = trainer.run(x, y, rows, masks).T
            after = trainer.state()
            with np.errstate(all="ignore"):
                if not all(map(all_finite, (values, finite, *after.slots, after.theta))):
                    raise _first(trainer, start, state, x, y, rows, masks, history)
            state = after
            losses += values.astype(np.float64).tolist()
            pause(state, history)
        return Epoch(state, losses, rate_at(model.optimizer.learning_rate, state.step - 1))

    return repeat(
        one_epoch,
        None if validation is None else lambda state: evaluate(model, state, *validation),
        state,
        plan,
        why=lambda state: why_not_finite(original(model), state, *(validation or (x, y))),
        rng=rng,
        callback=callback,
        checkpoint=checkpoint,
        description=describe_model(model, plan.batch_size) | describe_data(x, y, validation),
        progress=progress,
    )


def together(network: Network, rows: list[Array]) -> list[list[Array]]:
    """Return an epoch's batches in groups of at most ``MASKS`` numbers of masks; else in one."""
    width = sum(width for _, width, _ in network.dropouts)
    count = max(MASKS // (len(rows[0]) * width), 1) if width else len(rows)
    return [rows[first : first + count] for first in range(0, len(rows), count)]


class Watched(Trainer):
    """A trainer that looks at every output of every step: an activation may hide an infinity."""

    def _noted(self, step: Gradients) -> Tensor:
        """Return the loss, and 0 if the numbers beside it are finite, else NaN."""
        tensors = [*step.outputs[1:], *step.gradients]
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(a)) for a in tensors])
        return tf.stack([step.loss, tf.where(finite, tf.zeros_like(step.loss), np.nan)])


def _first(
    trainer: Trainer,
    start: State,
    state: State,
    x: Array,
    y: Array,
    rows: Sequence[Array],
    masks: Sequence[Masks],
    history: History,
) -> NonFiniteError:
    """Make the steps of an epoch again, one by one, up to the first that is not finite."""
    trainer.load(state)
    for batch, drawn in zip(rows, masks, strict=True):
        step = trainer.step(x[batch], y[batch], drawn)
        if not whole(step):
            model = original(trainer.model)
            return non_finite(model, start, state, y[batch], drawn, step, history)
        state = step.state
    return NonFiniteError(
        f"epoch {len(history.loss) + 1}: a number is not finite inside the compiled loop, and none "
        "in the same steps one by one. Likely cause: not determined",
        state,
        history,
        "loss",
    )
