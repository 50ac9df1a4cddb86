"""Activations: each forward, its derivative on the next lines.

``forward``: x (N, D) → y (N, D). ``backward`` is the chain rule: it takes dy = ∂loss/∂y (N, D), and
x and y, which forward has already computed, and gives dx = ∂loss/∂x (N, D). The arrays have any
floating dtype, which is kept.

An activation of your own is a class with these two methods. A third, ``tensorflow(x)``, gives
it a twin: the same function in TensorFlow's operations.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from refnn.checks import Checked, Finite
from refnn.typing import Array


class Function(Protocol):
    """What a layer asks of an activation."""

    def forward(self, x: Array) -> Array:
        """Return y = f(x)."""

    def backward(self, dy: Array, x: Array, y: Array) -> Array:
        """Return ∂loss/∂x from ∂loss/∂y."""


@dataclass(frozen=True)
class Identity:
    """y = x; dx = dy."""

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dy: Array, x: Array, y: Array) -> Array:
        return dy


@dataclass(frozen=True)
class Sigmoid:
    """σ(x) = 1 / (1 + e⁻ˣ), in (0, 1); σ' = σ (1 − σ), at most 0.25, at x = 0.

    Only e^(−|x|) is computed, which cannot overflow: for x < 0, σ(x) = eˣ / (1 + eˣ).
    The derivative is taken from y, in TensorFlow's order dy · (y (1 − y)), and so is bit-equal
    to it; (dy · y) · (1 − y) is not. ``1 / (1 + exp(-x))``, as many write it, overflows.
    """

    def forward(self, x: Array) -> Array:
        e = np.exp(-np.abs(x))
        return np.where(x >= 0, 1, e) / (1 + e)

    def backward(self, dy: Array, x: Array, y: Array) -> Array:
        return dy * (y * (1 - y))


@dataclass(frozen=True)
class Tanh:
    """tanh(x) = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), in (−1, 1); tanh' = 1 − tanh², at most 1, at x = 0.

    The derivative is taken from y, as TensorFlow does; (1 − y)(1 + y) has other bits.
    """

    def forward(self, x: Array) -> Array:
        return np.tanh(x)

    def backward(self, dy: Array, x: Array, y: Array) -> Array:
        return dy * (1 - y * y)


@dataclass(frozen=True)
class Relu:
    """max(x, 0); the derivative is 1 where x > 0 and 0 elsewhere, at x = 0 too.

    At 0 TensorFlow and PyTorch agree with this; ``jax.grad`` of max(x, 0) gives 0.5 there.
    """

    def forward(self, x: Array) -> Array:
        return np.maximum(x, 0)

    def backward(self, dy: Array, x: Array, y: Array) -> Array:
        return dy * (x > 0)


@dataclass(frozen=True)
class LeakyRelu(Checked):
    """Leaky relu: x where x > 0, α x elsewhere; the derivative is 1 where x > 0 and α elsewhere.

    Parameters
    ----------
    alpha : float
        The slope for x ≤ 0; 0.2 as in ``tf.nn.leaky_relu`` (Keras' layer has 0.3, PyTorch
        0.01). That kernel keeps α in float32, also for float64 arrays; here α is α.
    """

    alpha: Finite = 0.2

    def forward(self, x: Array) -> Array:
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, dy: Array, x: Array, y: Array) -> Array:
        return np.where(x > 0, dy, self.alpha * dy)


@dataclass(frozen=True)
class Softmax:
    """y_i = e^(x_i) / Σ_j e^(x_j) over the last axis: positive, with sum 1.

    Computed from x − max x, which changes nothing mathematically and cannot overflow. Every
    output depends on every input of its row, ∂y_i/∂x_j = y_i (δ_ij − y_j), and so
    dx = y ⊙ (dy − Σ dy ⊙ y). A row that holds +inf or NaN gives NaN.
    """

    def forward(self, x: Array) -> Array:
        with np.errstate(invalid="ignore"):
            e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def backward(self, dy: Array, x: Array, y: Array) -> Array:
        return (dy - (dy * y).sum(axis=-1, keepdims=True)) * y


def derivative(function: Function, x: Array) -> Array:
    """Return f'(x) as a function of x alone, for an activation that acts on each element by itself.

    Raises
    ------
    TypeError
        For softmax, whose derivative is a matrix per row.
    """
    if isinstance(function, Softmax):
        raise TypeError(
            "function is Softmax, whose derivative is a matrix; expected an elementwise one"
        )
    return function.backward(np.ones_like(x), x, function.forward(x))
