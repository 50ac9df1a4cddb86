"""The bounds of a step: refnn's own code on arrays that carry their rounding error."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refnn import guards
from refnn.activations import Elu, Function, Selu, Sigmoid, Softmax, Softplus
from refnn.layers import Activation, Dense, Layer
from refnn.losses import Loss, SigmoidCrossentropy, value_and_gradient
from refnn.network import Network
from refnn.optimizers import update
from refnn.schedules import rate_at
from refnn.state import State, Step
from refnn.training import Model, train_step
from refnn.typing import Array, Masks
from tftwin.lockstep import ledger
from tftwin.lockstep.roundoff import Rounded, exact, gamma, largest, plain, ulp

KERNELS: dict[type, Callable[[str], float]] = {
    Sigmoid: lambda dtype: ledger.worst("sigmoid", dtype),
    Softmax: lambda dtype: ledger.worst("reciprocal", dtype) + 0.5,
    Softplus: lambda dtype: ledger.worst("softplus", dtype),
}
"""The ulps by which TensorFlow's kernel of an activation errs more than refnn's operations.

Sigmoid and softplus are one kernel each. Softmax multiplies by a reciprocal where refnn divides:
the reciprocal's error and one rounding more.
"""


@dataclass(frozen=True)
class KernelOf:
    """An activation whose TensorFlow kernel is no composition of refnn's operations.

    The value and the derivative are the activation's own; the bound is widened by the worst
    error of the kernel, in ulp; for sigmoid and softmax never more than 1 (and some roundings),
    the width of their range.
    """

    function: Function
    ulps: float

    def forward(self, x: Any) -> Any:
        y = self.function.forward(x)
        bound = y.bound + self.ulps * ulp(largest(y), y.unit)
        width = np.inf if type(self.function) is Softplus else 1 + 8 * y.unit
        bound = np.where(np.isfinite(y.value), np.fmin(bound, width), np.inf)
        return Rounded(y.value, bound, y.unit)

    def backward(self, dy: Any, x: Any, y: Any) -> Any:
        return self.function.backward(dy, x, y)


@dataclass(frozen=True)
class LessOne:
    """Elu or selu as TensorFlow computes it: eˣ − 1 by a subtraction, where refnn has expm1.

    The exponential is off by its worst error, and the difference rounds once: below 0 this is an
    error of a few roundings of 1, times ``scale``. Where eˣ rounds to 1 the kernel of selu takes
    the slope from above 0: the jump is added.
    """

    function: Function
    scale: float
    ulps: float
    jump: float

    def forward(self, x: Any) -> Any:
        y = self.function.forward(x)
        below = x.value - 2 * x.bound < 0
        added = self.scale * (2 * self.ulps + 4) * y.unit
        return Rounded(y.value, y.bound + np.where(below, added, 0), y.unit)

    def backward(self, dy: Any, x: Any, y: Any) -> Any:
        dx = self.function.backward(dy, x, y)
        reach = 2 * x.bound + (2 * self.ulps + 4) * dx.unit
        near = (x.value < 2 * x.bound) & (x.value > -reach) & (self.jump > 0)  # 0 · ∞ is NaN
        return Rounded(dx.value, dx.bound + np.where(near, self.jump * largest(dy), 0), dx.unit)


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


@dataclass(frozen=True)
class InTerms:
    """The sigmoid crossentropy, whose gradient TensorFlow adds up from three terms.

    It differentiates max(z, 0) − z y + ln(1 + e^(−|z|)) term by term: 1 or 0, −y, and ± e / (1 + e)
    with e = e^(−|z|). The terms are at most 1, 1 and ½, and round where σ(z) − y does not.
    """

    loss: Loss
    of_exp: float
    of_reciprocal: float

    def value_and_gradient(self, y_true: Any, logits: Any) -> tuple[Any, Any]:
        value, gradient = value_and_gradient(self.loss, y_true, logits)
        u = gradient.unit
        terms = (2 * self.of_exp + 2 * self.of_reciprocal + 3) / 2 + 4 + 2 * np.abs(plain(y_true))
        bound = gradient.bound + terms * u * (1 + 4 * u) / gradient.size
        return value, Rounded(gradient.value, bound, u)


def with_loss_kernel(loss: Loss, dtype: str) -> Any:
    """Return a loss whose bounds are as wide as TensorFlow's derivative of it needs."""
    if type(loss) is not SigmoidCrossentropy:
        return loss
    return InTerms(loss, ledger.worst("exp", dtype), ledger.worst("reciprocal", dtype))


def with_kernel(function: Function, dtype: str) -> Function:
    """Return an activation whose bounds are as wide as TensorFlow's kernel of it needs."""
    ulps = KERNELS.get(type(function))
    of_exp = ledger.worst("exp", dtype)
    if type(function) is Elu:
        return LessOne(function, abs(function.alpha), of_exp, 0.0)
    if type(function) is Selu:
        return LessOne(function, function.scale_alpha, of_exp, Selu.scale_alpha - Selu.scale)
    return function if ulps is None else KernelOf(function, ulps(dtype))


def with_kernels(model: Model, dtype: str) -> Model:
    """Return the model with every layer, and the loss, so widened."""
    layers: list[Layer] = [
        Activation(with_kernel(layer.function, dtype))
        if isinstance(layer, Activation)
        else AnyOrder(layer.inputs, layer.outputs, layer.use_bias)
        if isinstance(layer, Dense)
        else layer
        for layer in model.network.layers
    ]
    loss = with_loss_kernel(model.loss, dtype)
    return replace(model, network=Network(layers), loss=loss)


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
