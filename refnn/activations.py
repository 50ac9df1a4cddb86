"""Activations: each forward, and its derivative on the next lines.

``backward`` is the chain rule: dx = dy · f'(x), where dy is ∂loss/∂y and dx is ∂loss/∂x. It also
takes x and y, because the forward pass has them already. Both methods keep the dtype.

An activation of your own is a class with these two methods. A third one, ``tensorflow(x)``, gives
it a twin: the same function in TensorFlow's operations.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from refnn.checks import Checked, Finite
from refnn.typing import Array


class Function(Protocol):
    """The methods of an activation."""

    def forward(self, x: Array) -> Array:
        """x (N, D) → y = f(x), (N, D)."""

    def backward(self, dy: Array, x: Array, y: Array) -> Array:
        """dy, x, y (N, D) → dx (N, D)."""


@dataclass(frozen=True)
class Identity:
    """y = x; dx = dy."""

    def forward(self, x: Array) -> Array:  # x (N, D) → y (N, D)
        return x

    def backward(self, dy: Array, x: Array, y: Array) -> Array:  # dy (N, D) → dx (N, D)
        return dy


@dataclass(frozen=True)
class Sigmoid:
    """σ(x) = 1 / (1 + e⁻ˣ), in (0, 1); σ' = σ (1 − σ), at most 0.25, at x = 0.

    forward computes e^(−|x|), which cannot overflow: for x < 0, σ(x) = eˣ / (1 + eˣ). The common
    form ``1 / (1 + exp(-x))`` overflows. dy · (y (1 − y)) is in TensorFlow's order, and so has its
    bits; (dy · y) · (1 − y) has other bits.

    Guide: sigmoid, sigmoid-slope.
    """

    def forward(self, x: Array) -> Array:  # x (N, D) → y (N, D)
        e = np.exp(-np.abs(x))
        return np.where(x >= 0, 1, e) / (1 + e)

    def backward(self, dy: Array, x: Array, y: Array) -> Array:  # dy (N, D) → dx (N, D)
        return dy * (y * (1 - y))


@dataclass(frozen=True)
class Tanh:
    """tanh(x) = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), in (−1, 1); tanh' = 1 − tanh², at most 1, at x = 0.

    TensorFlow also computes 1 − y²; (1 − y)(1 + y) has other bits.

    Guide: tanh, tanh-slope.
    """

    def forward(self, x: Array) -> Array:  # x (N, D) → y (N, D)
        return np.tanh(x)

    def backward(self, dy: Array, x: Array, y: Array) -> Array:  # dy (N, D) → dx (N, D)
        return dy * (1 - y * y)


@dataclass(frozen=True)
class Relu:
    """max(x, 0); the derivative is 1 where x > 0, else 0.

    At x = 0 it is 0, as in the relu of TensorFlow, PyTorch and JAX. The derivative of a maximum is
    another: ``jnp.maximum(x, 0)`` gives 0.5 there, ``tf.maximum(x, 0)`` 1.

    Guide: relu, relu-slope.
    """

    def forward(self, x: Array) -> Array:  # x (N, D) → y (N, D)
        return np.maximum(x, 0)

    def backward(self, dy: Array, x: Array, y: Array) -> Array:  # dy (N, D) → dx (N, D)
        return dy * (x > 0)


@dataclass(frozen=True)
class LeakyRelu(Checked):
    """x where x > 0, else α x; the derivative is 1 where x > 0, else α.

    α = 0.2 as in ``tf.nn.leaky_relu``, which rounds it to float32 even for float64 arrays. Keras'
    layer has 0.3, PyTorch 0.01.

    Guide: leaky-relu, leaky-relu-slope.
    """

    alpha: Finite = 0.2

    def forward(self, x: Array) -> Array:  # x (N, D) → y (N, D)
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, dy: Array, x: Array, y: Array) -> Array:  # dy (N, D) → dx (N, D)
        return np.where(x > 0, dy, self.alpha * dy)


@dataclass(frozen=True)
class Elu(Checked):
    """x where x > 0, else α (eˣ − 1); the derivative is 1 where x > 0, else α eˣ = y + α.

    Clevert, Unterthiner, Hochreiter (2016). ``np.expm1`` keeps the digits of eˣ − 1 near 0;
    TensorFlow's kernel subtracts 1 from eˣ, and is off by as much as a rounding of 1 there.

    Guide: elu, elu-slope.
    """

    alpha: Finite = 1.0

    def forward(self, x: Array) -> Array:  # x (N, D) → y (N, D)
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def backward(self, dy: Array, x: Array, y: Array) -> Array:  # dy (N, D) → dx (N, D)
        return np.where(x > 0, dy, dy * (y + self.alpha))


@dataclass(frozen=True)
class Selu:
    """λ x where x ≥ 0, else λ α (eˣ − 1); the derivative is λ where x ≥ 0, else y + λ α.

    λ and α keep the mean 0 and the variance 1 from layer to layer: Klambauer, Unterthiner, Mayr,
    Hochreiter (2017), section 2. At x = 0 the derivative is λ, as in TensorFlow; PyTorch has λ α.

    Guide: selu, selu-slope.
    """

    scale: ClassVar[float] = 1.0507009873554804934193349852946
    scale_alpha: ClassVar[float] = 1.7580993408473768599402175208123

    def forward(self, x: Array) -> Array:  # x (N, D) → y (N, D)
        return np.where(x >= 0, self.scale * x, self.scale_alpha * np.expm1(np.minimum(x, 0)))

    def backward(self, dy: Array, x: Array, y: Array) -> Array:  # dy (N, D) → dx (N, D)
        return np.where(x >= 0, dy * self.scale, dy * (y + self.scale_alpha))


@dataclass(frozen=True)
class Softplus:
    """ln(1 + eˣ), a smooth relu; the derivative is σ(x).

    forward computes max(x, 0) + ln(1 + e^(−|x|)), which cannot overflow. TensorFlow's kernel
    returns x or eˣ where the rest is below a rounding.

    Guide: softplus, softplus-slope.
    """

    def forward(self, x: Array) -> Array:  # x (N, D) → y (N, D)
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))

    def backward(self, dy: Array, x: Array, y: Array) -> Array:  # dy (N, D) → dx (N, D)
        return dy * Sigmoid().forward(x)


@dataclass(frozen=True)
class Softmax:
    """y_i = e^(x_i) / Σ_j e^(x_j) over the last axis: positive, with sum 1.

    forward subtracts max x first: y is the same, and nothing overflows. Every output depends on
    every input of its row: ∂y_i/∂x_j = y_i (δ_ij − y_j). So dx = y ⊙ (dy − Σ dy ⊙ y). A row
    that holds +inf or NaN gives NaN.

    Guide: softmax, softmax-inputs.
    """

    def forward(self, x: Array) -> Array:  # x (N, D) → y (N, D)
        with np.errstate(invalid="ignore"):
            e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def backward(self, dy: Array, x: Array, y: Array) -> Array:  # dy (N, D) → dx (N, D)
        return (dy - (dy * y).sum(axis=-1, keepdims=True)) * y


def derivative(function: Function, x: Array) -> Array:
    """Return f'(x), in the shape of x, for an activation that acts on each element by itself.

    Softmax raises TypeError: its derivative is a matrix for each row.
    """
    if isinstance(function, Softmax):
        raise TypeError(
            "function is Softmax, whose derivative is a matrix; expected an elementwise one"
        )
    return function.backward(np.ones_like(x), x, function.forward(x))
