"""Training on TensorFlow: the same step; ``tf.GradientTape`` finds the derivatives.

``differentiate`` computes on tensors and variables; ``backpropagate`` and ``train_step`` take and
return the NumPy arrays of refnn. The compiled step is in ``tftwin.trainer``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refnn import checks, guards
from refnn.labels import class_rows
from refnn.state import Evaluation, Gradients, State, Step
from refnn.typing import Array, Masks
from tftwin.losses import Loss, threshold_of
from tftwin.network import Network
from tftwin.optimizers import SGD, Optimizer, update
from tftwin.regularizers import L2
from tftwin.schedules import rate_at
from tftwin.tensorflow import tf
from tftwin.typing import Tensor, Variable


@dataclass(frozen=True)
class Model:
    """What is trained, and how; ``tftwin.twin`` makes it from a refnn model.

    A part that is not of tftwin raises TypeError. Your own may be any object with the methods of
    ``tftwin.losses``, ``tftwin.optimizers``, ``tftwin.regularizers``.
    """

    network: Network
    loss: Loss
    optimizer: Optimizer = SGD()
    regularizer: L2 | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.network, Network):
            raise TypeError(
                f"network = {checks.short(self.network)}; expected a Network of tftwin: "
                "tftwin.twin makes it from a refnn.Network"
            )
        _check_part("loss", self.loss, "MeanSquaredError()", "value")
        guards.check_pair(self.network, self.loss)
        needs = ("rule", "corrections", "slot_names", "learning_rate")
        _check_part("optimizer", self.optimizer, "SGD()", *needs)
        if self.regularizer is not None:
            _check_part("regularizer", self.regularizer, "L2(0.01)", "value")


def _check_part(name: str, part: Any, example: str, *needs: str) -> None:
    """Refuse what is no part of a model of tftwin, and what is refnn's."""
    example = f"tftwin.twin(refnn.{example})"
    if type(part).__module__.startswith("refnn."):
        raise TypeError(f"{name} = {checks.short(part)}, of refnn; expected its twin: {example}")
    checks.provides(name, part, example, *needs)


def differentiate(
    model: Model,
    theta: Sequence[Sequence[Variable]],
    x: Tensor,
    y: Tensor,
    masks: Sequence[Tensor] = (),
) -> Gradients:
    """Return the loss of a batch and its gradient as tensors; θ lists each layer's variables."""
    variables = [w for part in theta for w in part]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        if not theta[0]:
            tape.watch(x)  # an activation in front of all parameters has a gradient too
        outputs = model.network.forward(theta, x, masks)
        data_loss = model.loss.value(y, outputs[-1])
        penalty = tf.zeros((), x.dtype)
        if model.regularizer is not None:
            penalty = model.regularizer.value(model.network.weights(theta))
        loss = data_loss + penalty
    derivatives = tape.gradient(loss, outputs[1:] + variables)
    count = len(outputs) - 1
    return Gradients(outputs, data_loss, penalty, loss, derivatives[:count], derivatives[count:])


def backpropagate(model: Model, theta: Array, x: Array, y: Array, masks: Masks = ()) -> Gradients:
    """Return the loss of a batch, and its gradient, computed eagerly."""
    guards.check_twin(model, theta)
    guards.check_batch(model.network, theta, x, y)
    guards.check_masks(model.network, masks, len(x), x.dtype)
    tensors = model.network.tensors(theta)
    batch = tf.constant(x), tf.constant(y), [tf.constant(mask) for mask in masks]
    return as_arrays(differentiate(model, tensors, *batch))


def as_arrays(found: Gradients) -> Gradients:
    """Return ``found`` with NumPy arrays in the place of tensors."""
    numbers: Gradients = tf.nest.map_structure(lambda tensor: tensor.numpy(), found)
    return numbers


def train_step(model: Model, state: State, x: Array, y: Array, masks: Masks = ()) -> Step:
    """Make one update, eagerly; the state before it is not changed."""
    guards.check_model(model, "tftwin")
    guards.check_state(model, state)
    found = backpropagate(model, state.theta, x, y, masks)
    learning_rate = rate_at(model.optimizer.learning_rate, state.step)
    gradient = np.concatenate(found.gradients, axis=None)
    return Step(*found, learning_rate, update(model.optimizer, state, gradient, learning_rate))


def objective(model: Model, theta: Array, x: Array, y: Array) -> Tensor:
    """θ (size,), x (N, inputs), y (N, outputs) → loss + penalty, which training minimises."""
    guards.check_twin(model, theta)
    guards.check_batch(model.network, theta, x, y)
    tensors = model.network.tensors(theta)
    value = model.loss.value(tf.constant(y), model.network.forward(tensors, tf.constant(x))[-1])
    if model.regularizer is not None:
        value = value + model.regularizer.value(model.network.weights(tensors))
    return value


def predict(model: Model, state: State | Array, x: Array) -> Array:
    """Return the network's output, (N, outputs), of a state or of a θ."""
    theta = state.theta if isinstance(state, State) else state
    guards.check_twin(model, theta)
    guards.check_inputs(model.network, theta, x)
    outputs = model.network.forward(model.network.tensors(theta), tf.constant(x))
    return outputs[-1].numpy()


def evaluate(model: Model, state: State | Array, x: Array, y: Array) -> Evaluation:
    """Return the data loss and the accuracy over all rows at once, of a state or of a θ."""
    theta = state.theta if isinstance(state, State) else state
    guards.check_twin(model, theta)
    y = class_rows(model, theta, y)
    guards.check_data(model, theta, x, y)
    checks.finite("theta", theta)
    y_pred = predict(model, theta, x)
    value = model.loss.value(tf.constant(y), tf.constant(y_pred))
    return Evaluation(float(value), accuracy(y, y_pred, threshold_of(model.loss)))


def accuracy(y_true: Array, y_pred: Array, threshold: float = 0.5) -> float | None:
    """y_true, y_pred (N, K) → the share of rows whose class is right; None without classes."""
    if not np.all((y_true == 0) | (y_true == 1)):
        return None
    if y_true.shape[1] == 1:
        right = tf.equal(y_pred > threshold, y_true > 0.5)
    elif not np.all(np.sum(y_true, axis=1) == 1):
        return None
    else:
        right = tf.equal(tf.argmax(y_pred, axis=1), tf.argmax(y_true, axis=1))
    return float(tf.reduce_mean(tf.cast(right, tf.float64)))
