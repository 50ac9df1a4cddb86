"""``fit`` on TensorFlow, by the same loop over epochs as refnn's."""

import numpy as np

from refnn.datasets import batches
from refnn.runs.checkpoints import Checkpoint
from refnn.runs.description import describe_data, describe_model
from refnn.runs.history import History, NonFiniteError
from refnn.runs.interrupts import Pause
from refnn.runs.loop import Callback, Epoch, check_plan, repeat
from refnn.state import State
from refnn.typing import Array
from tftwin.schedules import rate_at
from tftwin.trainer import Trainer
from tftwin.training import Model, evaluate


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
        If a loss, a slot or a parameter is no longer finite. It carries the state before that
        epoch.
    Interrupted, SaveError, FileExistsError
        As ``refnn.fit``. To continue a run that is in a file, give ``fit`` its state and history.
    """
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
    trainer = Trainer(model, state)

    def one_epoch(state: State, history: History, pause: Pause) -> Epoch:
        losses = trainer.run(x, y, list(batches(len(x), plan.batch_size, rng)))
        after = trainer.state()
        slots = zip(model.optimizer.slot_names, after.slots, strict=True)
        for tensor, values in (("loss", losses), *slots, ("theta", after.theta)):
            if not np.isfinite(values).all():
                step = state.step + (int(np.argmin(np.isfinite(losses))) + 1)
                where = f"step {step}" if tensor == "loss" else f"epoch {len(history.loss) + 1}"
                raise NonFiniteError(f"{where}: {tensor} is not finite", state, history, tensor)
        pause(after, history)
        rate = rate_at(model.optimizer.learning_rate, after.step - 1)
        return Epoch(after, losses.astype(np.float64).tolist(), rate)

    return repeat(
        one_epoch,
        None if validation is None else lambda state: evaluate(model, state, *validation),
        state,
        plan,
        rng=rng,
        callback=callback,
        checkpoint=checkpoint,
        description=describe_model(model, plan.batch_size) | describe_data(x, y, validation),
        progress=progress,
    )
