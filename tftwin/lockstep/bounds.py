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
    gradient = np.concatenate([g.reshape(-1) for g in gradients])
    theta, g, *slots = (exact(a, unit) for a in (state.theta, gradient, *state.slots))
    rate, t = rate_at(optimizer.learning_rate, state.step), state.step + 1
    return State(*update(optimizer, theta, g, tuple(slots), t, rate), t)
