"""Functions of your own, behind a guard: each array that they give must fit, in shape and dtype.

A float64 number in a float32 run would silently turn the whole run into float64. refnn's own
functions keep the dtype, so a model without a part of your own is asked directly.
"""

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from refnn import checks
from refnn.layers import Dropout
from refnn.losses import Loss, value_and_gradient
from refnn.network import Network
from refnn.typing import Array


def is_own(part: Any) -> bool:
    """Whether a part of a model is the user's own."""
    return part is not None and not type(part).__module__.startswith(("refnn.", "builtins"))


def guarded(network: Network, loss: Loss, regularizer: Any) -> tuple[Network, Loss, Any]:
    """Return the three, each behind a guard if it is, or holds, something of the user's own."""
    if any(map(_has_own, network.layers)):
        network = GuardedNetwork(network.layers)
    if is_own(loss):
        loss = GuardedLoss(loss, len(network.layers))
    return network, loss, GuardedRegularizer(regularizer) if is_own(regularizer) else regularizer


class GuardedNetwork(Network):
    """A network that looks at what the user's own activations and layers give, one by one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        layers = [
            GuardedLayer(layer, number) if _has_own(layer) else layer
            for number, layer in enumerate(self.layers, 1)
        ]
        object.__setattr__(self, "layers", tuple(layers))

    @cached_property
    def dropouts(self) -> tuple[tuple[int, int, Dropout], ...]:
        """As those of the layers without their guards."""
        layers = [one.layer if isinstance(one, GuardedLayer) else one for one in self.layers]
        return Network(layers).dropouts


@dataclass(frozen=True)
class GuardedLayer:
    """A layer that is, or holds, the user's own, and its number from 1."""

    layer: Any
    number: int

    @property
    def name(self) -> str:
        """Whose functions these are."""
        whose = self.layer if is_own(self.layer) else self.layer.function
        return f"{type(whose).__name__} (layer {self.number})"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """As the layer's."""
        shapes: dict[str, tuple[int, ...]] = self.layer.shapes()
        return shapes

    def forward(self, part: Array, x: Array) -> Array:
        """x (N, D_in) → y (N, D_out)."""
        y = self.layer.forward(part, x)
        width = getattr(self.layer, "outputs", x.shape[1])
        of = f"the forward of {self.name}"
        check_like(f"y{self.number}", y, (len(x), width), x.dtype, of)
        return y

    def parameter_gradients(self, x: Array, dy: Array) -> list[Array]:
        """x (N, D_in), dy (N, D_out) → the gradient of each parameter, in its shape."""
        shapes, of = self.shapes(), f"the parameter_gradients of {self.name}"
        gradients = self.layer.parameter_gradients(x, dy)
        if not isinstance(gradients, list) or len(gradients) != len(shapes):
            raise TypeError(
                f"{of} is {checks.short(gradients)}; expected a list of {len(shapes)} arrays"
            )
        for (letter, shape), gradient in zip(shapes.items(), gradients, strict=True):
            check_like(f"d{letter}{self.number}", gradient, shape, x.dtype, of)
        return gradients

    def input_gradient(self, part: Array, x: Array, y: Array, dy: Array) -> Array:
        """x (N, D_in), y, dy (N, D_out) → dx (N, D_in)."""
        dx = self.layer.input_gradient(part, x, y, dy)
        function = "input_gradient" if is_own(self.layer) else "backward"
        of = f"the {function} of {self.name}"
        check_like(f"dy{self.number - 1}", dx, x.shape, x.dtype, of)
        return dx


def _has_own(layer: Any) -> bool:
    return is_own(layer) or is_own(getattr(layer, "function", None))


@dataclass(frozen=True)
class GuardedLoss:
    """A loss behind a network of n layers that looks at what the user's own loss gives."""

    loss: Loss
    layers: int

    def value(self, y_true: Array, y_pred: Array) -> Any:
        """y_true, y_pred (N, K) → the value."""
        return self.value_and_gradient(y_true, y_pred)[0]

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """y_true, y_pred (N, K) → the gradient (N, K)."""
        return self.value_and_gradient(y_true, y_pred)[1]

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Any, Array]:
        """y_true, y_pred (N, K) → both."""
        name, both = type(self.loss).__name__, value_and_gradient(self.loss, y_true, y_pred)
        value, dy = pair(f"the value_and_gradient of {name}", both, "a loss and an array")
        if not _is_number(value):
            raise TypeError(
                f"the value of {name} is {checks.short(value)}; expected one real number"
            )
        of = f"the gradient of {name}"
        check_like(f"dy{self.layers}", dy, y_pred.shape, y_pred.dtype, of)
        return value, dy


@dataclass(frozen=True)
class GuardedRegularizer:
    """A regularizer of the user's own that must keep the shape and the dtype of W."""

    regularizer: Any

    def value(self, weights: Sequence[Array]) -> Any:
        """Each W (D_in, D_out) → the penalty."""
        return self.regularizer.value(weights)

    def gradient(self, W: Array) -> Array:
        """W (D_in, D_out) → ∂penalty/∂W (D_in, D_out)."""
        dW = self.regularizer.gradient(W)
        check_like("dW", dW, W.shape, W.dtype, f"the gradient of {type(self.regularizer).__name__}")
        return dW


@dataclass(frozen=True)
class GuardedRule:
    """A rule of the user's own that must keep the shape and the dtype of w."""

    optimizer: Any

    def rule(self, w: Array, g: Array, slots: Any, t: int, lr: float) -> tuple[Array, Any]:
        """w, g, each slot (D,) → w after update t, and the slots."""
        of, names = f"the rule of {type(self.optimizer).__name__}", self.optimizer.slot_names
        after, parts = pair(of, self.optimizer.rule(w, g, slots, t, lr), "w and a tuple of slots")
        check_like("theta", after, w.shape, w.dtype, of)
        if not isinstance(parts, tuple) or len(parts) != len(names):
            raise TypeError(
                f"{of} gives {checks.short(parts)} as slots; expected a tuple of {len(names)}"
            )
        for name, part in zip(names, parts, strict=True):
            check_like(f"slot {name}", part, w.shape, w.dtype, of)
        return after, parts


def pair(of: str, value: Any, expected: str) -> tuple[Any, Any]:
    """Return what a function gives as a pair, and refuse what is none."""
    if not isinstance(value, tuple) or len(value) != 2:
        raise TypeError(f"{of} is {checks.short(value)}; expected {expected}")
    return value


def check_like(name: str, value: Array, shape: tuple[int, ...], dtype: Any, of: str) -> None:
    """Refuse an array of another shape or dtype, and say which function gives it."""
    if type(value) is np.ndarray and value.dtype == dtype and value.shape == shape:
        return
    try:
        checks.array(name, value, shape)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{error}: {of} gives it") from None
    if value.dtype != dtype:
        raise TypeError(
            f"{name} has dtype {value.dtype}; expected {dtype}: {of} gives it. Let it compute with "
            "Python's numbers, which adapt, or end in .astype(y_pred.dtype)"
        )


def _is_number(value: Any) -> bool:
    if getattr(value, "shape", ()) != ():
        return False
    return isinstance(value, numbers.Real) or getattr(value, "dtype", 0) in checks.FLOATS
