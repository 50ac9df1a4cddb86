"""Training: one step, which returns everything that it computed, and ``fit``, which repeats it.

A training state is data: θ, the optimizer's slots (vectors as long as θ), the number of updates
done. A step makes a new state and leaves the old one as it was, so that saving, resuming,
injecting a state from the middle of a run, and handing it to another library are all the same.
"""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from refnn import checks, interrupts
from refnn.checkpoints import Checkpoint, check_same, describe, keeping, load_run
from refnn.diagnosis import non_finite
from refnn.losses import Loss, check_targets, value_and_gradient
from refnn.network import Network
from refnn.optimizers import SGD, Optimizer, update
from refnn.preparation import check_generator
from refnn.progress import track
from refnn.regularizers import L2
from refnn.schedules import rate_at
from refnn.state import Evaluation, History, State, Step
from refnn.typing import Array


def initial_state(optimizer: Optimizer, theta: Array) -> State:
    """Return the state before the first update: every slot is 0."""
    checks.provides("optimizer", optimizer, "refnn.SGD()", "rule", "slot_names", "learning_rate")
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
    check_parts(network, loss, optimizer, regularizer)
    check_step(network, optimizer, state, x, y)
    return _step(network, loss, optimizer, state, x, y, regularizer)


def _step(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    state: State,
    x: Array,
    y: Array,
    regularizer: L2 | None,
) -> Step:
    """Forward, loss, backward, rule."""
    theta = state.theta
    outputs = network.forward(theta, x)
    data_loss, dy = value_and_gradient(loss, y, outputs[-1])
    output_gradients, gradients = network.backward(theta, outputs, dy)

    penalty: Any = 0.0
    if regularizer is not None:
        penalty = regularizer.value([p.of(theta) for p in network.parameters if p.is_weight])
        gradients = [
            g + regularizer.gradient(p.of(theta)) if p.is_weight else g
            for p, g in zip(network.parameters, gradients, strict=True)
        ]

    gradient = np.concatenate(gradients, axis=None)  # each of them flat
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


def check_parts(network: Network, loss: Loss, optimizer: Optimizer, regularizer: L2 | None) -> None:
    """Refuse what is no network, loss, optimizer or regularizer, such as a name or a class."""
    if not isinstance(network, Network):
        raise TypeError(f"network = {network!r}; expected a refnn.Network")
    checks.provides("loss", loss, "refnn.MeanSquaredError()", "value", "gradient")
    checks.provides("optimizer", optimizer, "refnn.SGD()", "rule", "slot_names", "learning_rate")
    if regularizer is not None:
        checks.provides("regularizer", regularizer, "refnn.L2(0.01)", "value", "gradient")


def check_step(network: Network, optimizer: Optimizer, state: State, x: Array, y: Array) -> None:
    """Refuse a state of another network or optimizer, and x or y of another shape or dtype."""
    if not isinstance(state, State):
        raise TypeError(f"state is a {type(state).__name__}; expected refnn.initial_state(…)")
    if _fits(network, optimizer, state, x, y):
        return
    network.check(state.theta, x)
    checks.array("y", y, (len(x), network.outputs), state.theta.dtype)
    check_state(network, optimizer, state)


def _fits(network: Network, optimizer: Optimizer, state: State, x: Array, y: Array) -> bool:
    """Whether there is nothing to refuse, in the usual case: found out in a microsecond."""
    theta, slots = state.theta, state.slots
    if not type(theta) is type(x) is type(y) is np.ndarray or type(slots) is not tuple:
        return False
    shape, dtype = theta.shape, theta.dtype
    for slot in slots:
        if type(slot) is not np.ndarray or slot.shape != shape or slot.dtype != dtype:
            return False
    return (
        shape == (network.size,)
        and x.dtype == dtype == y.dtype
        and dtype in checks.FLOATS
        and x.shape[1:] == (network.inputs,)
        and y.shape == (len(x), network.outputs)
        and len(x) > 0
        and len(slots) == len(optimizer.slot_names)
        and type(state.step) is int
        and state.step >= 0
    )


def check_state(network: Network, optimizer: Optimizer, state: State) -> None:
    """Refuse a state of another network or optimizer."""
    checks.array("theta", state.theta, (network.size,))
    checks.count("state: step", state.step, 0)
    if not isinstance(state.slots, tuple):
        raise TypeError(f"state: slots is a {type(state.slots).__name__}; expected a tuple")
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
    check_parts(network, loss, SGD(), None)
    network.check(theta, x)
    checks.array("y", y, (len(x), network.outputs), theta.dtype)
    checks.finite("theta", theta)
    _check_data(loss, x, y)
    return _evaluate(network, loss, theta, x, y)


def _evaluate(network: Network, loss: Loss, theta: Array, x: Array, y: Array) -> Evaluation:
    y_pred = network.forward(theta, x)[-1]
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
    checkpoint: Checkpoint | None = None,
    history: History | None = None,
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
        Passes over the data, in all; rows a batch (the last batch may be shorter).
    rng : numpy.random.Generator, optional
        Shuffles the rows anew in each epoch; without it they keep their order.
    validation : (x, y), optional
        Held-out data, evaluated after each epoch.
    callback : callable, optional
        Called after each epoch with its number (from 1), the state and the history so far.
    checkpoint : Checkpoint, optional
        Where and how often the run is saved, for ``resume``.
    history : History, optional
        Of the epochs that ``state`` has behind it, if this continues a run; it is not changed.
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
        If the loss, a slot or a parameter is no longer finite. It carries the last finite state.
    Interrupted
        After the step in which Ctrl-C was pressed, which is a KeyboardInterrupt that carries the
        state. A second Ctrl-C acts at once.
    """
    _check_run(network, loss, optimizer, regularizer, state, x, y, validation)
    if not (callback is None or callable(callback)):
        raise TypeError(f"callback = {callback!r}; expected a function, or None")
    if not isinstance(checkpoint, Checkpoint | None):
        raise TypeError(f"checkpoint = {checkpoint!r}; expected a refnn.Checkpoint, or None")
    if not isinstance(history, History | None):
        raise TypeError(f"history is a {type(history).__name__}; expected a refnn.History, or None")
    history = History(*(list(column) for column in vars(history or History()).values()))
    epochs = checks.count("epochs", epochs, len(history.loss))
    batch_size = checks.count("batch_size", batch_size)
    check_generator(rng)
    start = time.perf_counter() - max(history.seconds, default=0.0)
    run = network, loss, optimizer, regularizer, batch_size, x, y, validation
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    hint = "" if checkpoint is None else f"; refnn.resume continues from {checkpoint.path}"
    with (
        interrupts.deferred(hint) as pause,
        keeping(checkpoint, *run) as keep,
        np.errstate(all="ignore"),  # a run that leaves the finite numbers ends in one clear error
    ):
        pause(state, history)
        keep(state, history, rng)
        for epoch in track(range(len(history.loss) + 1, epochs + 1), progress):
            losses = []
            for x_batch, y_batch in _epoch(x, y, batch_size, rng):
                step = _step(network, loss, optimizer, state, x_batch, y_batch, regularizer)
                if not (math.isfinite(step.loss) and _finite(step.state)):
                    raise non_finite(network, loss, optimizer, state, y_batch, step, history)
                state = step.state
                losses.append(float(step.loss))
                pause(state, history)
            history.loss.append(math.fsum(losses) / len(losses))
            history.learning_rate.append(step.learning_rate)
            history.seconds.append(time.perf_counter() - start)
            if validation is not None:
                held_out = _evaluate(network, loss, state.theta, *validation)
                history.validation_loss.append(held_out.loss)
                history.validation_accuracy.append(held_out.accuracy)
            if callback is not None:
                callback(epoch, state, history)
            keep(state, history, rng)
    return state, history


def resume(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    checkpoint: Checkpoint,
    x: Array,
    y: Array,
    *,
    epochs: int,
    batch_size: int = 32,
    regularizer: L2 | None = None,
    validation: tuple[Array, Array] | None = None,
    callback: Callable[[int, State, History], None] | None = None,
    progress: bool = True,
) -> tuple[State, History]:
    """Continue a run that was saved by ``fit(…, checkpoint=checkpoint)``, as if it never stopped.

    State, history (but for the seconds, which are counted on) and the order of the rows are bit
    for bit those of a run that was not interrupted. The arguments are those of ``fit``, with the
    checkpoint in the place of the state; ``epochs`` may be another number.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no checkpoint, or of a run with another network, loss, optimizer, regularizer,
        batch size or other data; the message names the first that differs.
    """
    if not isinstance(checkpoint, Checkpoint):
        raise TypeError(f"checkpoint = {checkpoint!r}; expected a refnn.Checkpoint")
    run = load_run(checkpoint.path)
    check_parts(network, loss, optimizer, regularizer)
    like = initial_state(optimizer, np.zeros(network.size, run.state.theta.dtype))
    _check_run(network, loss, optimizer, regularizer, like, x, y, validation)
    now = describe(network, loss, optimizer, regularizer, batch_size, x, y, validation)
    check_same(checkpoint.path, run.description, now)
    return fit(
        network,
        loss,
        optimizer,
        run.state,
        x,
        y,
        epochs=epochs,
        batch_size=batch_size,
        rng=run.rng(),
        regularizer=regularizer,
        validation=validation,
        callback=callback,
        checkpoint=checkpoint,
        history=run.history,
        progress=progress,
    )


def _epoch(
    x: Array, y: Array, batch_size: int, rng: np.random.Generator | None
) -> Iterator[tuple[Array, Array]]:
    """Yield the batches of an epoch, in the order of ``batches(len(x), batch_size, rng)``.

    Rows that keep their order are cut, others gathered, about a MiB at a time, and then cut.
    """
    n = len(x)
    if rng is not None:
        order = rng.permutation(n)
        together = max(2**20 // x[0].nbytes // batch_size, 1) * batch_size
        for first in range(0, n, together):
            rows = order[first : first + together]
            yield from _epoch(x.take(rows, axis=0), y.take(rows, axis=0), batch_size, None)
        return
    for start in range(0, n, batch_size):
        stop = start + batch_size
        yield x[start:stop], y[start:stop]


def _finite(state: State) -> bool:
    """Whether θ is finite, and the last slot, where an overflow shows first.

    A sum of squares is finite only if every element is; where it overflows, each is looked at.
    """
    theta = state.theta
    if not (math.isfinite(theta.dot(theta)) or np.isfinite(theta).all()):
        return False
    if not state.slots:
        return True
    last = state.slots[-1]
    return math.isfinite(last.dot(last)) or bool(np.isfinite(last).all())


def _check_run(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    regularizer: L2 | None,
    state: State,
    x: Array,
    y: Array,
    validation: tuple[Array, Array] | None,
) -> None:
    """Refuse what does not fit together, and data and states that are not finite."""
    check_parts(network, loss, optimizer, regularizer)
    check_step(network, optimizer, state, x, y)
    _check_data(loss, x, y)
    checks.finite("theta", state.theta)
    for name, slot in zip(optimizer.slot_names, state.slots, strict=True):
        checks.finite(f"state: slot {name}", slot)
    if validation is None:
        return
    if not (isinstance(validation, (tuple, list)) and len(validation) == 2):
        raise TypeError(f"validation is a {type(validation).__name__}; expected a pair (x, y)")
    try:
        check_step(network, optimizer, state, *validation)
        _check_data(loss, *validation)
    except (TypeError, ValueError) as error:
        raise type(error)(f"validation: {error}") from None


def _check_data(loss: Loss, x: Array, y: Array) -> None:
    checks.finite("x", x)
    checks.finite("y", y)
    check_targets(loss, y)
