"""Training: one step, which returns everything that it computed, and ``fit``, which repeats it.

A training state is data: θ, the optimizer's slots (vectors as long as θ), the number of updates
done. A step makes a new state and leaves the old one as it was, so that saving, resuming,
injecting a state from the middle of a run, and handing it to another library are all the same.
"""

import math
import time
import zipfile
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from refnn import checks
from refnn.datasets import batches
from refnn.losses import Loss, check_targets
from refnn.network import Network
from refnn.optimizers import Optimizer, update
from refnn.progress import track
from refnn.regularizers import L2
from refnn.schedules import rate_at
from refnn.state import Evaluation, History, NonFiniteError, State, Step
from refnn.typing import Array


def initial_state(optimizer: Optimizer, theta: Array) -> State:
    """Return the state before the first update: every slot is 0."""
    checks.array("theta", theta, (None,))
    checks.floating("theta", theta)
    return State(theta, tuple(np.zeros_like(theta) for _ in optimizer.slot_names), 0)


def train_step(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    state: State,
    x: Array,
    y: Array,
    regularizer: L2 | None = None,
) -> Step:
    """Make one update: forward, loss, backward, rule.

    Parameters
    ----------
    network, loss, optimizer, regularizer
        What is trained, and how; values without state.
    state : State
        Before the step. It is not changed.
    x : Array, (N, inputs)
        A batch, of the dtype of ``state.theta``.
    y : Array, (N, outputs)
        Its targets, of the same dtype.

    Returns
    -------
    Step
        All of it; ``.state`` is the new state and ``.loss`` the loss before the update.

    Raises
    ------
    TypeError, ValueError
        If the dtypes or shapes do not fit each other.
    """
    check_step(network, optimizer, state, x, y)
    theta = state.theta

    outputs = network.forward(theta, x)
    data_loss = loss.value(y, outputs[-1])
    dy = loss.gradient(y, outputs[-1])
    output_gradients, gradients = network.backward(theta, outputs, dy)

    penalty: Any = 0.0
    if regularizer is not None:
        penalty = regularizer.value([p.of(theta) for p in network.parameters if p.is_weight])
        gradients = [
            g + regularizer.gradient(p.of(theta)) if p.is_weight else g
            for p, g in zip(network.parameters, gradients, strict=True)
        ]

    gradient = np.concatenate([g.reshape(-1) for g in gradients])
    learning_rate = rate_at(optimizer.learning_rate, state.step)
    t = state.step + 1
    theta, slots = update(optimizer, theta, gradient, state.slots, t, learning_rate)
    return Step(
        outputs,
        data_loss,
        penalty,
        data_loss + penalty,
        output_gradients,
        gradients,
        learning_rate,
        State(theta, slots, t),
    )


def check_step(network: Network, optimizer: Optimizer, state: State, x: Array, y: Array) -> None:
    """Refuse a state of another network or optimizer, and x or y of another shape or dtype."""
    network.check(state.theta, x)
    checks.array("y", y, (len(x), network.outputs), state.theta.dtype)
    check_state(network, optimizer, state)


def check_state(network: Network, optimizer: Optimizer, state: State) -> None:
    """Refuse a state of another network or optimizer."""
    checks.array("theta", state.theta, (network.size,))
    if len(state.slots) != len(optimizer.slot_names):
        raise ValueError(
            f"state has {len(state.slots)} slots; {type(optimizer).__name__} expects "
            f"{len(optimizer.slot_names)} {optimizer.slot_names}: start from "
            "refnn.training.initial_state(optimizer, theta)"
        )
    for name, slot in zip(optimizer.slot_names, state.slots, strict=True):
        checks.array(f"state: slot {name}", slot, state.theta.shape, state.theta.dtype)


def evaluate(network: Network, loss: Loss, theta: Array, x: Array, y: Array) -> Evaluation:
    """Return loss and accuracy over all rows at once."""
    y_pred = network.predict(theta, x)
    checks.array("y", y, y_pred.shape, y_pred.dtype)
    return Evaluation(float(loss.value(y, y_pred)), accuracy(y, y_pred))


def accuracy(y_true: Array, y_pred: Array) -> float | None:
    """Return the share of rows whose class is predicted, or None where y_true holds no classes.

    Several columns: every row of y_true is one-hot, and the largest column counts. One column:
    y_true holds zeros and ones, and 0.5 is the line.
    """
    if not np.all((y_true == 0) | (y_true == 1)):
        return None
    if y_true.shape[1] == 1:
        return float(np.mean((y_pred > 0.5) == (y_true > 0.5)))
    if not np.all(np.sum(y_true, axis=1) == 1):
        return None
    return float(np.mean(np.argmax(y_pred, axis=1) == np.argmax(y_true, axis=1)))


def fit(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    state: State,
    x: Array,
    y: Array,
    *,
    epochs: int,
    batch_size: int = 32,
    rng: np.random.Generator | None = None,
    regularizer: L2 | None = None,
    validation: tuple[Array, Array] | None = None,
    callback: Callable[[int, State, History], None] | None = None,
    progress: bool = True,
) -> tuple[State, History]:
    """Train for some epochs.

    Parameters
    ----------
    network, loss, optimizer, regularizer
        What is trained, and how.
    state : State
        Where to begin: ``initial_state``, or the state of an earlier run.
    x, y : Array, (N, inputs), (N, outputs)
        Training data, of the dtype of ``state.theta``.
    epochs, batch_size : int
        Passes over the data; rows a batch (the last batch may be shorter).
    rng : numpy.random.Generator, optional
        Shuffles the rows anew in each epoch; without it they keep their order.
    validation : (x, y), optional
        Held-out data, evaluated after each epoch.
    callback : callable, optional
        Called after each epoch with its number (from 1), the state and the history so far.
    progress : bool
        Whether to draw a progress bar, where rich is installed and a terminal is there.

    Returns
    -------
    (State, History)

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit; the message names it.
    NonFiniteError
        If the loss, a gradient or a parameter is no longer finite. It carries the last state.
    """
    epochs = checks.count("epochs", epochs, 0)
    batch_size = checks.count("batch_size", batch_size)
    check_step(network, optimizer, state, x, y)
    _check_data(loss, x, y)
    if validation is not None:
        check_step(network, optimizer, state, *validation)
        _check_data(loss, *validation)
    history, start = History(), time.perf_counter()
    with np.errstate(all="ignore"):  # a run that leaves the finite numbers ends in one clear error
        for epoch in track(range(1, epochs + 1), progress):
            losses = []
            for rows in batches(len(x), batch_size, rng):
                step = train_step(network, loss, optimizer, state, x[rows], y[rows], regularizer)
                if not (math.isfinite(step.loss) and np.isfinite(step.state.theta).all()):
                    raise _non_finite(network, optimizer, state, step, history)
                state = step.state
                losses.append(float(step.loss))
            history.loss.append(math.fsum(losses) / len(losses))
            history.learning_rate.append(step.learning_rate)
            history.seconds.append(time.perf_counter() - start)
            history.accuracy.append(evaluate(network, loss, state.theta, x, y).accuracy)
            if validation is not None:
                held_out = evaluate(network, loss, state.theta, *validation)
                history.validation_loss.append(held_out.loss)
                history.validation_accuracy.append(held_out.accuracy)
            if callback is not None:
                callback(epoch, state, history)
    return state, history


def _check_data(loss: Loss, x: Array, y: Array) -> None:
    checks.finite("x", x)
    checks.finite("y", y)
    check_targets(loss, y)


def _non_finite(
    network: Network, optimizer: Optimizer, state: State, step: Step, history: History
) -> NonFiniteError:
    """Find the first tensor of the step that is not finite, and the likely cause."""
    names = [p.name for p in network.parameters]
    tensors = [(f"y{i}", y) for i, y in enumerate(step.outputs[1:], 1)]
    tensors += [("loss", step.loss)]
    tensors += [(f"d{name}", g) for name, g in zip(names, step.gradients, strict=True)]
    tensors += [
        (f"{slot} of {p.name}", p.of(values))
        for slot, values in zip(optimizer.slot_names, step.state.slots, strict=True)
        for p in network.parameters
    ]
    tensors += [(p.name, p.of(step.state.theta)) for p in network.parameters]
    name, values = next((n, np.asarray(v)) for n, v in tensors if not np.isfinite(v).all())
    where = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
    if name in names and getattr(optimizer, "epsilon", None) == 0:
        cause = (
            f"epsilon is 0, and the gradient or its mean square is 0 there: pass "
            f"epsilon=1e-7 to {type(optimizer).__name__}"
        )
    else:
        cause = (
            f"the learning rate {step.learning_rate} is too large for these data, or the data "
            "are not standardized"
        )
    largest = float(np.max(np.abs(state.theta)))
    return NonFiniteError(
        f"step {step.state.step}: {name}{list(where) if where else ''} is {values[where]}; the "
        f"largest parameter before the step was {largest:.3g}. Likely cause: {cause}. The last "
        "finite state is kept in this error's .state",
        state,
        history,
        name,
    )


def save_state(path: str | PathLike[str], state: State) -> None:
    """Write the state to an .npz file, without pickle."""
    slots = {f"slot{i}": slot for i, slot in enumerate(state.slots)}
    with Path(path).open("wb") as file:
        np.savez(file, theta=state.theta, step=np.array(state.step), **slots)


def load_state(path: str | PathLike[str]) -> State:
    """Read what ``save_state`` wrote, bit for bit.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such file, or its arrays do not fit each other.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            slots = tuple(file[f"slot{i}"] for i in range(len(file.files) - 2))
            state = State(file["theta"], slots, int(file["step"]))
    except (KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: expected a file written by save_state ({error})") from None
    checks.array("theta", state.theta, (None,))
    checks.floating("theta", state.theta)
    checks.count("step", state.step, 0)
    for i, slot in enumerate(slots):
        checks.array(f"slot{i}", slot, state.theta.shape, state.theta.dtype)
    return state
