"""Training: the loss and the gradient of a batch, and the step that uses them.

``Model`` says what is trained, and how. ``State`` says where training stands: θ, the optimizer's
slots, the number of updates done. A step makes a new state and does not change the old one. So any
state can be saved, resumed, or handed to another library. ``refnn.runs.fit`` repeats steps.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from refnn import checks, guards, own
from refnn.initializers import Initializer
from refnn.labels import class_rows
from refnn.losses import Loss, threshold_of, value_and_gradient, value_of
from refnn.network import Network
from refnn.optimizers import SGD, Optimizer, update
from refnn.regularizers import L2
from refnn.schedules import rate_at
from refnn.state import Evaluation, Gradients, State, Step
from refnn.typing import Array, Masks


@dataclass(frozen=True)
class Model:
    """What is trained, and how: a value without state.

    The network is f_θ(x). The loss is one of ``refnn.losses`` or your own, the optimizer one of
    ``refnn.optimizers``, the regularizer an ``L2`` or None. A part without their methods raises
    TypeError.
    """

    network: Network
    loss: Loss
    optimizer: Optimizer = SGD()
    regularizer: L2 | None = None

    def __post_init__(self) -> None:
        guards.check_parts(self)

    @cached_property
    def asked_rule(self) -> Any:
        """The optimizer as a step asks it: your own stands behind a guard."""
        return own.GuardedRule(self.optimizer) if own.is_own(self.optimizer) else self.optimizer

    @cached_property
    def asked(self) -> tuple[Network, Loss, Any]:
        """Network, loss and regularizer as a step asks them: your own stand behind a guard."""
        return own.guarded(self.network, self.loss, self.regularizer)

    def initial_state(
        self, rng: np.random.Generator, initializer: Initializer | None = None, dtype: Any = None
    ) -> State:
        """Return the state before the first update, with θ from ``network.initial_theta``."""
        return self.state_at(self.network.initial_theta(rng, initializer, dtype))

    def state_at(self, theta: Array) -> State:
        """θ (size,) → the state before the first update: every slot is 0."""
        checks.array("theta", theta, (self.network.size,))
        checks.floating("theta", theta)
        return State(theta, tuple(np.zeros_like(theta) for _ in self.optimizer.slot_names))


def backpropagate(model: Model, theta: Array, x: Array, y: Array, masks: Masks = ()) -> Gradients:
    """Return the loss of a batch, and its gradient: the chain rule, from the loss to layer 1.

    θ (size,), x (N, inputs) and the targets y (N, outputs) have one dtype. A network with Dropout
    layers also takes ``masks``, drawn by ``network.draw_masks(rng, N, x.dtype)``. TypeError or
    ValueError says which shape or dtype does not fit.
    """
    guards.check_model(model)
    guards.check_batch(model.network, theta, x, y)
    if type(masks) is not tuple or masks or model.network.dropouts:
        guards.check_masks(model.network, masks, len(x), x.dtype)
    network, loss, regularizer = model.asked
    outputs = network.forward(theta, x, masks)
    data_loss, dy = value_and_gradient(loss, y, outputs[-1])
    output_gradients, gradients = network.backward(theta, outputs, dy, masks)
    penalty: Any = 0.0
    if regularizer is not None:
        penalty = regularizer.value(network.weights(theta))
        gradients = [
            g + regularizer.gradient(p.of(theta)) if p.is_weight else g
            for p, g in zip(network.parameters, gradients, strict=True)
        ]
    return Gradients(outputs, data_loss, penalty, data_loss + penalty, output_gradients, gradients)


def train_step(model: Model, state: State, x: Array, y: Array, masks: Masks = ()) -> Step:
    """Make one update: backpropagate, then the optimizer's rule; x (N, inputs), y (N, outputs).

    In the ``Step`` that it returns, ``.state`` is the new state and ``.loss`` is the loss before
    the update. The old ``state`` is not changed. ``masks`` and errors are those of
    ``backpropagate``.
    """
    guards.check_state(model, state)
    found = backpropagate(model, state.theta, x, y, masks)
    learning_rate = rate_at(model.optimizer.learning_rate, state.step)
    gradient = np.concatenate(found.gradients, axis=None)  # each of them flat
    return Step(*found, learning_rate, update(model.asked_rule, state, gradient, learning_rate))


def objective(model: Model, theta: Array, x: Array, y: Array) -> Any:
    """θ (size,), x (N, inputs), y (N, outputs) → loss + penalty, which training minimises."""
    value = value_of(model.loss, y, model.network.forward(theta, x)[-1])
    if model.regularizer is not None:
        value = value + model.regularizer.value(model.network.weights(theta))
    return value


def predict(model: Model, state: State | Array, x: Array) -> Array:
    """A state or θ, x (N, inputs) → the output (N, outputs), nothing dropped.

    Errors are those of ``backpropagate``.
    """
    guards.check_model(model)
    theta = state.theta if isinstance(state, State) else state
    guards.check_inputs(model.network, theta, x)
    return model.asked[0].forward(theta, x)[-1]


def evaluate(model: Model, state: State | Array, x: Array, y: Array) -> Evaluation:
    """A state or θ, x (N, inputs), y (N, outputs) → data loss and accuracy over all rows at once.

    TypeError or ValueError says which shape or dtype does not fit, or which number is not finite.
    """
    guards.check_model(model)
    theta = state.theta if isinstance(state, State) else state
    y = class_rows(model, theta, y)
    guards.check_data(model, theta, x, y)
    checks.finite("theta", theta)
    network, loss, _ = model.asked
    y_pred = network.forward(theta, x)[-1]
    return Evaluation(
        float(value_of(loss, y, y_pred)), accuracy(y, y_pred, threshold_of(model.loss))
    )


def accuracy(y_true: Array, y_pred: Array, threshold: float = 0.5) -> float | None:
    """y_true, y_pred (N, K) → the share of rows whose class is right; None without classes.

    K > 1: each row of y_true is one-hot, and the largest number of a row is its class. K = 1:
    y_true holds zeros and ones, and a prediction above the threshold is a one: 0.5 for
    probabilities, 0 for the logits of ``SigmoidCrossentropy``.
    """
    if not np.all((y_true == 0) | (y_true == 1)):
        return None
    if y_true.shape[1] == 1:
        return float(np.mean((y_pred > threshold) == (y_true > 0.5)))
    if not np.all(np.sum(y_true, axis=1) == 1):
        return None
    return float(np.mean(np.argmax(y_pred, axis=1) == np.argmax(y_true, axis=1)))
