"""Activations: f(x), and dx = f'(x) dy from y = f(x) that is off by its own bound."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refnn import activations
from refnn.typing import Array
from tftwin.lockstep.definitions.terms import Arithmetic, Defined, flushed


def identity(f: Any, a: Arithmetic, x: Array) -> Defined:
    """Nothing is rounded."""
    return Defined(x, flushed(a, x))


def relu(f: Any, a: Arithmetic, x: Array) -> Defined:
    """Nothing is rounded."""
    return Defined(np.where(x > 0, x, 0 * x), flushed(a, x))


def leaky_relu(f: Any, a: Arithmetic, x: Array) -> Defined:
    """α x has two roundings, that of α and its own."""
    y = np.where(x > 0, x, f.alpha * x)
    return Defined(y, np.where(x >= a.tiny, 0, 2 * a.u * abs(y) + 3 * a.tiny))


def sigmoid(f: Any, a: Arithmetic, x: Array) -> Defined:
    """One kernel, or an exponential, a sum and a quotient."""
    e = np.exp(-abs(x))
    y = np.where(x >= 0, 1, e) / (1 + e)
    roundings = a.ulps("sigmoid") + 2 * a.ulps("exp") + 3
    return Defined(y, roundings * a.u * y + 3 * a.tiny)


def tanh(f: Any, a: Arithmetic, x: Array) -> Defined:
    """One kernel."""
    y = np.tanh(x)
    return Defined(y, a.ulps("tanh") * a.u * abs(y) + a.tiny * (x != 0))


def less_one(a: Arithmetic, x: Array, scale: float) -> tuple[Array, Array]:
    """Return s (eˣ − 1) where x < 0, and its error: of the exponential, the difference, s."""
    y = scale * np.expm1(np.minimum(x, 0))
    below = abs(y) + abs(scale)
    bound = (a.ulps("exp") + a.ulps("expm1") + 4) * a.u * below + 3 * a.tiny
    return y, np.where(x < 0, bound, 0)


def elu(f: Any, a: Arithmetic, x: Array) -> Defined:
    """x, or α (eˣ − 1)."""
    y, e = less_one(a, x, f.alpha)
    return Defined(np.where(x > 0, x, y), e + flushed(a, x))


def selu(f: Any, a: Arithmetic, x: Array) -> Defined:
    """λ x, or λ α (eˣ − 1)."""
    y, e = less_one(a, x, f.scale_alpha)
    y = np.where(x >= 0, f.scale * x, y)
    return Defined(y, np.where(x < 0, e, 2 * a.u * y) + 3 * a.tiny * (x != 0))


def softplus(f: Any, a: Arithmetic, x: Array) -> Defined:
    """One kernel, or a maximum, an exponential, a logarithm and a sum."""
    y = np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))
    roundings = a.ulps("softplus") + a.ulps("exp") + a.ulps("log1p") + 2
    return Defined(y, roundings * a.u * y + 3 * a.tiny)


def exponentials(a: Arithmetic, x: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Return z = x − max x, e^z, its relative error, Σ e^z, and its relative error.

    z is off by δ = u |z|, and so e^z by e^2δ − 1 at most, of an e^z that may be flushed.
    """
    z = x - x.max(axis=-1, keepdims=True)
    e = np.exp(z)
    s = e.sum(axis=-1, keepdims=True)
    own = (a.ulps("exp") * a.u + np.expm1(2 * a.u * abs(z))) * np.maximum(e, a.tiny)
    return z, e, own, s, own.sum(axis=-1, keepdims=True) / s + (x.shape[-1] - 1) * a.u


def softmax(f: Any, a: Arithmetic, x: Array) -> Defined:
    """e^z / Σ e^z: the errors of both, and of a quotient; in [0, 1], and so never off by more."""
    _, e, own, s, of_sum = exponentials(a, x)
    y, room = e / s, np.maximum(1 - 2 * of_sum, 0)
    bound = (own / s + (y + 2 * own / s) * of_sum / room) / room
    bound = bound + (2 * a.ulps("reciprocal") + 2) * a.u * (y + bound) + 2 * x.shape[-1] * a.tiny
    return Defined(y, np.fmin(bound, 1 + 8 * a.u))


def _unsure(a: Arithmetic, x: Array, jump: Array) -> Array:
    """A subnormal x may be flushed to zero, to the other side of the kink."""
    return np.where((x != 0) & (abs(x) < a.tiny), abs(jump), 0)


def identity_back(f: Any, a: Arithmetic, dy: Array, x: Array) -> Defined:
    """dx = dy."""
    return Defined(dy, flushed(a, dy))


def relu_back(f: Any, a: Arithmetic, dy: Array, x: Array) -> Defined:
    """dx = dy where x > 0, else 0; or NaN, as 0 · dy, if dy is not finite."""
    nothing = np.where(np.isfinite(dy), 0, np.inf)
    bound = np.where(x > 0, flushed(a, dy), nothing) + _unsure(a, x, dy)
    return Defined(np.where(x > 0, dy, 0 * dy), bound)


def leaky_relu_back(f: Any, a: Arithmetic, dy: Array, x: Array) -> Defined:
    """dx = dy where x > 0, else α dy."""
    dx = np.where(x > 0, dy, f.alpha * dy)
    bound = np.where(x >= a.tiny, flushed(a, dy), 2 * a.u * abs(dx) + 3 * a.tiny)
    return Defined(dx, bound + _unsure(a, x, (1 - f.alpha) * dy))


def sigmoid_back(f: Any, a: Arithmetic, dy: Array, x: Array) -> Defined:
    """dx = dy y (1 − y): the errors of y and of 1 − y, each times the other factor, add up to e."""
    _, e = sigmoid(f, a, x)
    dx = dy * np.exp(-abs(x)) / (1 + np.exp(-abs(x))) ** 2
    return Defined(dx, abs(dy) * (e + e * e) + 3 * a.u * abs(dx) + 3 * a.tiny)


def tanh_back(f: Any, a: Arithmetic, dy: Array, x: Array) -> Defined:
    """dx = dy (1 − y²), whose derivative by y is −2 dy y; 1 − y² cancels near |y| = 1."""
    y, e = tanh(f, a, x)
    slope = 1 - y * y
    own = a.u * (y * y + 2 * slope)
    return Defined(dy * slope, abs(dy) * (2 * abs(y) * e + e * e + own) + 3 * a.tiny)


def elu_back(f: Any, a: Arithmetic, dy: Array, x: Array) -> Defined:
    """dx = dy where x > 0, else dy (y + α), of a y that is off by its own error."""
    y, e = less_one(a, x, f.alpha)
    slope = np.where(x > 0, 1, y + f.alpha)
    own = np.where(x > 0, 0, e + 2 * a.u * (abs(slope) + abs(f.alpha)))
    bound = abs(dy) * own + np.where(x > 0, flushed(a, dy), 0) + 3 * a.tiny * (x <= 0)
    return Defined(dy * slope, bound + _unsure(a, x, (1 - f.alpha) * dy))


def selu_back(f: Any, a: Arithmetic, dy: Array, x: Array) -> Defined:
    """dx = λ dy where x ≥ 0, else dy (y + λ α); where eˣ rounds to 1 either slope may be taken."""
    y, e = less_one(a, x, f.scale_alpha)
    slope = np.where(x >= 0, f.scale, y + f.scale_alpha)
    own = np.where(x >= 0, 2 * a.u * slope, e + 2 * a.u * (slope + f.scale_alpha))
    near = (x < 0) & (x > -(a.ulps("exp") + 4) * a.u)
    jump = np.where(near, (f.scale_alpha - f.scale) * abs(dy), 0)
    return Defined(dy * slope, abs(dy) * own + jump + 3 * a.tiny)


def softplus_back(f: Any, a: Arithmetic, dy: Array, x: Array) -> Defined:
    """dx = dy σ(x)."""
    e = np.exp(-abs(x))
    dx = dy * np.where(x >= 0, 1, e) / (1 + e)
    return Defined(dx, (a.ulps("exp") + 4) * a.u * abs(dx) + (2 + abs(dy)) * a.tiny)


def softmax_back(f: Any, a: Arithmetic, dy: Array, x: Array) -> Defined:
    """dx = y (dy − s) with s = Σ dy y."""
    (y, e), n = softmax(f, a, x), x.shape[-1]
    products = abs(dy) * y
    s = (dy * y).sum(axis=-1, keepdims=True)
    e_s = (abs(dy) * e).sum(axis=-1, keepdims=True)
    e_s = e_s + n * a.u * products.sum(axis=-1, keepdims=True) + 2 * n * a.tiny
    d = dy - s
    bound = abs(d) * e + (y + 4 * e) * (e_s + a.u * abs(d)) + a.u * abs(d * y) + 3 * a.tiny
    return Defined(d * y, bound)


FORWARD: dict[type, Callable[..., Defined]] = {
    activations.Identity: identity,
    activations.Relu: relu,
    activations.LeakyRelu: leaky_relu,
    activations.Elu: elu,
    activations.Selu: selu,
    activations.Softplus: softplus,
    activations.Sigmoid: sigmoid,
    activations.Tanh: tanh,
    activations.Softmax: softmax,
}
BACKWARD: dict[type, Callable[..., Defined]] = {
    activations.Identity: identity_back,
    activations.Relu: relu_back,
    activations.LeakyRelu: leaky_relu_back,
    activations.Elu: elu_back,
    activations.Selu: selu_back,
    activations.Softplus: softplus_back,
    activations.Sigmoid: sigmoid_back,
    activations.Tanh: tanh_back,
    activations.Softmax: softmax_back,
}
