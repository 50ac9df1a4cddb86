"""Run refnn and TensorFlow from one state, each with its own numbers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from refnn import checks, guards
from refnn.labels import class_rows
from refnn.runs.memory import keep_freed_memory
from refnn.state import State
from refnn.training import Model, train_step
from refnn.typing import Array, Masks
from tftwin.counterparts import twin
from tftwin.trainer import Mode, Trainer, check_drawn, check_rows


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


def run_free(
    model: Model,
    state: State,
    x: Array,
    y: Array,
    rows: Sequence[Array],
    masks: Sequence[Masks] = (),
    *,
    mode: Mode = "function",
    looks: int = 100,
    callback: Callable[[int], None] | None = None,
) -> Drift:
    """Run both from one state, each with its own numbers, and look at them now and then.

    Parameters
    ----------
    model : Model
        Of refnn; its twin is made here.
    state : State
        Where to begin.
    x, y : Array
        The whole data set.
    rows : sequence of int Array
        The rows of each step's batch.
    masks : sequence of tuple of Array
        The masks of each step, if the network has Dropout layers.
    mode : {"function", "eager", "xla"}
        How TensorFlow computes a step.
    looks : int
        How often to compare the parameters, evenly spread.
    callback : callable, optional
        Called after each look with the number of steps done.
    """
    guards.check_model(model)
    guards.check_state(model, state)
    y = class_rows(model, state.theta, y)
    guards.check_data(model, state.theta, x, y)
    guards.check_finite(model, state)
    check_rows(rows, len(x))
    check_drawn(model.network, masks, rows, x.dtype)
    looks = checks.count("looks", looks)
    checks.function("callback", callback, ("steps",))
    keep_freed_memory()
    trainer = Trainer(twin(model), state, mode)
    stops = np.unique(np.linspace(0, len(rows), min(looks, len(rows)) + 1).astype(int))
    losses: list[Any] = []
    tf_losses: list[Array] = []
    thetas, tf_thetas = [state.theta], [state.theta]
    seconds = tf_seconds = 0.0
    with np.errstate(all="ignore"):
        for start, stop in zip(stops, stops[1:], strict=False):
            began = time.perf_counter()
            drawn = masks[start:stop]
            for batch, kept in zip_longest(rows[start:stop], drawn, fillvalue=()):
                step = train_step(model, state, x[batch], y[batch], kept)
                losses.append(step.loss)
                state = step.state
            middle = time.perf_counter()
            tf_losses.append(trainer.run(x, y, rows[start:stop], drawn))
            tf_seconds += time.perf_counter() - middle
            seconds += middle - began
            thetas.append(state.theta)
            tf_thetas.append(trainer.state().theta)
            if callback is not None:
                callback(int(stop))
        one, other = np.array(thetas), np.array(tf_thetas)
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
