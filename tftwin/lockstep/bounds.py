"""The bounds of a step: refnn's own code on arrays that carry their rounding error."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refnn import guards
from refnn.activations import Function, Sigmoid, Softmax
from refnn.layers import Activation, Dense, Layer
from refnn.network import Network
from refnn.optimizers import update
from refnn.schedules import rate_at
from refnn.state import State, Step
from refnn.training import Model, train_step
from refnn.typing import Array, Masks
from tftwin.lockstep import ledger
from tftwin.lockstep.roundoff import Rounded, exact, gamma, largest, ulp

KERNELS: dict[type, Callable[[str], float]] = {
    Sigmoid: lambda dtype: ledger.worst("sigmoid", dtype),
    Softmax: lambda dtype: ledger.worst("reciprocal", dtype) + 0.5,
}
"""The ulps by which TensorFlow's kernel of an activation errs more than refnn's operations.

Sigmoid is one kernel. Softmax multiplies by a reciprocal where refnn divides: the reciprocal's
error and one rounding more.
"""


@dataclass(frozen=True)
class KernelOf:
    """An activation whose TensorFlow kernel is no composition of refnn's operations.

    The value and the derivative are the activation's own; the bound is widened by the worst
    error of the kernel, in ulp, and never more than 1 (and some roundings), the width of the range
    of sigmoid and softmax.
    """

    function: Function
    ulps: float

    def forward(self, x: Any) -> Any:
        y = self.function.forward(x)
        bound = y.bound + self.ulps * ulp(largest(y), y.unit)
        bound = np.where(np.isfinite(y.value), np.fmin(bound, 1 + 8 * y.unit), np.inf)
        return Rounded(y.value, bound, y.unit)

    def backward(self, dy: Any, x: Any, y: Any) -> Any:
        return self.function.backward(dy, x, y)


@dataclass(frozen=True)
class AnyOrder(Dense):
    """A Dense layer of which b may be the first summand: γ_k |b| more than its operations say.

    XLA begins a product of one row with the bias.
    """

    def forward(self, theta: Any, x: Any) -> Any:
        y = super().forward(theta, x)
        if not self.use_bias:
            return y
        bound = y.bound + gamma(self.inputs, y.unit) * largest(self.bias(theta))
        return Rounded(y.value, bound, y.unit)


def with_kernel(function: Function, dtype: str) -> Function:
    """Return an activation whose bounds are as wide as TensorFlow's kernel of it needs."""
    ulps = KERNELS.get(type(function))
    return function if ulps is None else KernelOf(function, ulps(dtype))


def with_kernels(model: Model, dtype: str) -> Model:
    """Return the model with every layer so widened."""
    layers: list[Layer] = [
        Activation(with_kernel(layer.function, dtype))
        if isinstance(layer, Activation)
        else AnyOrder(layer.inputs, layer.outputs, layer.use_bias)
        if isinstance(layer, Dense)
        else layer
        for layer in model.network.layers
    ]
    return replace(model, network=Network(layers))


def bounds_of_step(model: Model, state: State, x: Array, y: Array, masks: Masks = ()) -> Step:
    """Return the step computed by refnn's own code on arrays that carry their bounds."""
    guards.check_model(model)
    guards.check_state(model, state)
    guards.check_batch(model.network, state.theta, x, y)
    given = State(exact(state.theta), tuple(map(exact, state.slots)), state.step)
    return train_step(with_kernels(model, state.theta.dtype.name), given, exact(x), y, masks)


def bounds_of_rule(model: Model, state: State, gradient: Array, unit: float | None = None) -> State:
    """Return the state after the optimizer's rule alone, given the gradient exactly.

    With ``unit`` 0 for evaluations that round identically, and differ in what they flush to zero.
    """
    theta, g, *slots = (exact(a, unit) for a in (state.theta, gradient, *state.slots))
    return rule_alone(model, State(theta, tuple(slots), state.step), g)


def rule_alone(model: Any, state: State, gradient: Array, update: Any = update) -> State:
    """Return the state after the optimizer's rule alone; ``update`` is refnn's or tftwin's."""
    rate = rate_at(model.optimizer.learning_rate, state.step)
    after: State = update(model.optimizer, state, gradient, rate)
    return after


def bound_of(array: Any) -> Any:
    """Return the bound that an array carries; a plain number is exact."""
    return array.bound if isinstance(array, Rounded) else 0.0
