"""Layers and L2: products of matrices, and whichever activation a layer has."""

from typing import Any

import numpy as np

from refnn.layers import Dense, Dropout, Layer
from refnn.regularizers import L2
from refnn.typing import Array
from tftwin.lockstep.definitions.activations import BACKWARD, FORWARD
from tftwin.lockstep.definitions.terms import Arithmetic, Defined, flushed


def dense_forward(layer: Dense, a: Arithmetic, theta: Array, x: Array) -> Defined:
    """y = x W + b: a sum of k products and b, so γ_(k+1) of the absolute terms."""
    W, b = weight_and_bias(layer, theta)
    y = _product(a, x, W, abs(b) if layer.use_bias else 0.0)
    return Defined(lambda: y.value() + b, y.bound + flushed(a, b))


def dense_parameter_gradients(layer: Dense, a: Arithmetic, x: Array, dy: Array) -> list[Defined]:
    """dW = xᵀ dy and db = Σ dy: sums over the batch."""
    dW = _product(a, x.T, dy)
    if not layer.use_bias:
        return [dW]
    ones = np.ones((1, len(x)), x.dtype)
    return [dW, Defined(dy.sum(axis=0), _product(a, ones, dy).bound[0])]


def dense_input_gradient(layer: Dense, a: Arithmetic, theta: Array, dy: Array) -> Defined:
    """dx = dy Wᵀ: a sum over the outputs."""
    W, _ = weight_and_bias(layer, theta)
    return _product(a, dy, W.T)


def dropout_forward(layer: Dropout, a: Arithmetic, mask: Array, x: Array) -> Defined:
    """y = x ⊙ mask: one product; where the mask is 0, so is y. dx = dy ⊙ mask is the same."""
    y = x * mask
    return Defined(y, a.u * abs(y) + mask * flushed(a, x) + a.tiny * (y != 0))


def weight_and_bias(layer: Dense, theta: Array) -> tuple[Array, Array]:
    """A layer's slice of θ → W, row by row, and then b (0 without a bias)."""
    cut = layer.inputs * layer.outputs
    b = theta[cut:] if layer.use_bias else np.zeros(layer.outputs, theta.dtype)
    return np.reshape(theta[:cut], (layer.inputs, layer.outputs)), b


def _product(a: Arithmetic, one: Array, other: Array, and_then: Array | float = 0.0) -> Defined:
    """Sums of n products, γ_n of the absolute terms; operands and partial sums may be flushed."""
    terms = one.shape[-1] + (np.ndim(and_then) > 0)
    absolute = abs(one).astype(a.dtype) @ abs(other).astype(a.dtype) + and_then
    touched = np.any(one != 0, axis=1)[:, None] & np.any(other != 0, axis=0)
    bound = terms * a.u / (1 - terms * a.u) * absolute + 2 * terms * a.tiny * touched
    for left, right in ((flushed(a, one), abs(other)), (abs(one), flushed(a, other))):
        if left.any() and right.any():
            bound = bound + left @ right
    overflow = absolute * (1 + terms * a.u) > float(np.finfo(a.dtype).max)
    return Defined(lambda: one @ other, np.where(overflow, np.inf, bound))


def forward(layer: Layer, a: Arithmetic, part: Array, x: Array) -> Defined | None:
    """Return the definition of a layer's output; None for a function of the user's own."""
    if isinstance(layer, Dense):
        return dense_forward(layer, a, part, x)
    if isinstance(layer, Dropout):
        return dropout_forward(layer, a, part, x)
    define = FORWARD.get(type(layer.function))
    return None if define is None else define(layer.function, a, x)


def input_gradient(layer: Layer, a: Arithmetic, part: Array, x: Array, dy: Array) -> Any:
    """Return the definition of ∂loss/∂x; None for a function of the user's own."""
    if isinstance(layer, Dense):
        return dense_input_gradient(layer, a, part, dy)
    if isinstance(layer, Dropout):
        return dropout_forward(layer, a, part, dy)
    define = BACKWARD.get(type(layer.function))
    return None if define is None else define(layer.function, a, dy, x)


def with_penalty(a: Arithmetic, gradient: Defined, rate: float, W: Array) -> Defined:
    """dW + λ W: two roundings of λ W, one of the sum."""
    value = gradient.value() + rate * W
    own = a.u * (abs(value) + 2 * abs(rate * W)) + 3 * a.tiny
    return Defined(value, gradient.bound + own + rate * flushed(a, W))


def penalty(a: Arithmetic, rate: float, weights: list[Array]) -> Defined:
    """λ Σ ½ w²: squares are not negative, so n sums and three roundings more are relative."""
    value = rate * sum((W * W).sum() for W in weights) / 2
    n = sum(W.size for W in weights)
    return Defined(value, (n + 4) * a.u / (1 - (n + 4) * a.u) * value + (rate + 1) * n * a.tiny)


def is_l2(regularizer: Any) -> bool:
    """Whether a regularizer is refnn's own, which has a definition here."""
    return type(regularizer) is L2
