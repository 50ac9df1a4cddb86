"""The bounds of a step: refnn's own code on arrays that carry their rounding error."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from refnn.activations import Function, Sigmoid, Softmax
from refnn.layers import Activation
from refnn.network import Network
from refnn.optimizers import update
from refnn.schedules import rate_at
from refnn.state import State, Step
from refnn.training import Model, train_step
from refnn.typing import Array
from tftwin.lockstep import ledger
from tftwin.lockstep.roundoff import Rounded, exact, largest, ulp

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
    error of the kernel, in ulp.
    """

    function: Function
    ulps: float

    def forward(self, x: Any) -> Any:
        y = self.function.forward(x)
        return Rounded(y.value, y.bound + self.ulps * ulp(largest(y), y.unit), y.unit)

    def backward(self, dy: Any, x: Any, y: Any) -> Any:
        return self.function.backward(dy, x, y)


def with_kernel(function: Function, dtype: str) -> Function:
    """Return an activation whose bounds are as wide as TensorFlow's kernel of it needs."""
    ulps = KERNELS.get(type(function))
    return function if ulps is None else KernelOf(function, ulps(dtype))


def with_kernels(model: Model, dtype: str) -> Model:
    """Return the model with every activation so widened."""
    layers = [
        Activation(with_kernel(layer.function, dtype)) if isinstance(layer, Activation) else layer
        for layer in model.network.layers
    ]
    return replace(model, network=Network(layers))


def bounds_of_step(model: Model, state: State, x: Array, y: Array) -> Step:
    """Return the step computed by refnn's own code on arrays that carry their bounds."""
    given = State(exact(state.theta), tuple(map(exact, state.slots)), state.step)
    return train_step(with_kernels(model, state.theta.dtype.name), given, exact(x), y)


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
