"""The bounds of a step: refnn's own code on arrays that carry their rounding error."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refnn.activations import Function, Sigmoid, Softmax
from refnn.layers import Activation
from refnn.losses import Loss
from refnn.network import Network
from refnn.optimizers import Optimizer, update
from refnn.regularizers import L2
from refnn.schedules import rate_at
from refnn.state import State, Step
from refnn.training import train_step
from refnn.typing import Array
from tftwin.lockstep import ledger
from tftwin.lockstep.roundoff import Rounded, exact, largest, ulp
from tftwin.training import Alone


@dataclass(frozen=True)
class KernelOf:
    """An activation whose TensorFlow kernel is no composition of refnn's operations.

    The value and the derivative are the activation's own; the bound is widened by the worst
    error of the kernel, in ulp.
    """

    function: Function
    ulps: float

    def forward(self, x: Any) -> Any:
        y = self.function.forward(x)
        return Rounded(y.value, y.bound + self.ulps * ulp(largest(y), y.unit), y.unit)

    def backward(self, dy: Any, x: Any, y: Any) -> Any:
        return self.function.backward(dy, x, y)


def with_kernels(network: Network, dtype: str) -> Network:
    """Return the network with its bounds widened where TensorFlow rounds more often.

    Sigmoid is one kernel. Softmax multiplies by a reciprocal where refnn divides: the
    reciprocal's error and one rounding more.
    """
    sigmoid, reciprocal = ledger.worst("sigmoid", dtype), ledger.worst("reciprocal", dtype)
    layers = [
        Activation(KernelOf(layer.function, sigmoid))
        if isinstance(layer, Activation) and isinstance(layer.function, Sigmoid)
        else Activation(KernelOf(layer.function, reciprocal + 0.5))
        if isinstance(layer, Activation) and isinstance(layer.function, Softmax)
        else layer
        for layer in network.layers
    ]
    return Network(layers)


def bounds_of_step(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    regularizer: L2 | None,
    state: State,
    x: Array,
    y: Array,
) -> Step:
    """Return the step computed by refnn's own code on arrays that carry their bounds."""
    rounded_state = State(exact(state.theta), tuple(map(exact, state.slots)), state.step)
    return train_step(
        with_kernels(network, state.theta.dtype.name),
        loss,
        optimizer,
        rounded_state,
        exact(x),
        y,
        regularizer,
    )


def bounds_of_rule(
    optimizer: Optimizer, state: State, gradients: Sequence[Array], unit: float | None = None
) -> State:
    """Return the state after the optimizer's rule alone, given the gradient exactly.

    With ``unit`` 0 for evaluations that round identically, and differ in what they flush to zero.
    """
    gradient = np.concatenate(gradients, axis=None)
    theta, g, *slots = (exact(a, unit) for a in (state.theta, gradient, *state.slots))
    rate, t = rate_at(optimizer.learning_rate, state.step), state.step + 1
    return State(*update(optimizer, theta, g, tuple(slots), t, rate), t)


def layers_alone(network: Network, loss: Loss, theta: Array, step: Step, y_true: Array) -> Alone:
    """Return every layer and the loss alone, from a step's own outputs and output gradients.

    On plain arrays; on arrays with bounds, where each layer's inputs are exact.
    """
    inputs = [step.outputs[0], *step.outputs[1:-1]]
    outputs, dxs, gradients = [], [], []
    places = zip(network.layers, network.slices, inputs, step.output_gradients, strict=True)
    for number, (layer, place, x, dy) in enumerate(places):
        y = layer.forward(theta[place], x)
        outputs.append(y)
        gradients += layer.parameter_gradients(x, dy)
        if number:
            dxs.append(layer.input_gradient(theta[place], x, y, dy))
    y_pred = step.outputs[-1]
    value, dy = loss.value(y_true, y_pred), loss.gradient(y_true, y_pred)
    return Alone(outputs, value, dy, dxs, gradients)


def bounds_of_layers(
    network: Network, loss: Loss, state: State, step: Step, y_true: Array
) -> Alone:
    """Return the bounds of every layer alone: they do not grow with the depth of the network."""
    given = step._replace(
        outputs=[exact(a) for a in step.outputs],
        output_gradients=[exact(a) for a in step.output_gradients],
    )
    widened = with_kernels(network, state.theta.dtype.name)
    return layers_alone(widened, loss, exact(state.theta), given, y_true)
