"""Functions of your own, behind a guard: each array that they give must fit, in shape and dtype.

A float64 number in a float32 run would silently turn the whole run into float64. refnn's own
functions keep the dtype, so a model without a part of your own is asked directly.
"""

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refnn import checks
from refnn.losses import Loss, value_and_gradient
from refnn.network import Network
from refnn.typing import Array


def is_own(part: Any) -> bool:
    """Whether a part of a model is the user's own."""
    return part is not None and not type(part).__module__.startswith(("refnn.", "builtins"))


def guarded(network: Network, loss: Loss, regularizer: Any) -> tuple[Network, Loss, Any]:
    """Return the three, each behind a guard if it is, or holds, something of the user's own."""
    if any(is_own(getattr(layer, "function", None)) for layer in network.layers):
        network = GuardedNetwork(network.layers)
    if is_own(loss):
        loss = GuardedLoss(loss, len(network.layers))
    return network, loss, GuardedRegularizer(regularizer) if is_own(regularizer) else regularizer


class GuardedNetwork(Network):
    """A network that looks at what the user's own activations give."""

    def forward(self, theta: Array, x: Array) -> list[Array]:
        """As ``Network.forward``."""
        outputs = super().forward(theta, x)
        for i, name in self._own():
            of = f"the forward of {name} (layer {i})"
            check_like(f"y{i}", outputs[i], outputs[i - 1].shape, theta.dtype, of)
        return outputs

    def backward(
        self, theta: Array, outputs: list[Array], dy: Array
    ) -> tuple[list[Array], list[Array]]:
        """As ``Network.backward``."""
        output_gradients, gradients = super().backward(theta, outputs, dy)
        for i, name in self._own():
            if i > 1:
                of = f"the backward of {name} (layer {i})"
                dx, x = output_gradients[i - 2], outputs[i - 1]
                check_like(f"dy{i - 1}", dx, x.shape, theta.dtype, of)
        return output_gradients, gradients

    def _own(self) -> list[tuple[int, str]]:
        functions = [getattr(layer, "function", None) for layer in self.layers]
        return [(i, type(f).__name__) for i, f in enumerate(functions, 1) if is_own(f)]


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
        value, dy = value_and_gradient(self.loss, y_true, y_pred)
        name = type(self.loss).__name__
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
