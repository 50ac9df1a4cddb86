"""The definition of each layer and each loss, with an error bound that is written by hand.

The bounds of lockstep come from running refnn's own formulas, so a formula that loses digits would
widen its own bound. Here the textbook definition of each layer and loss stands a second time,
beside the error that a careful evaluation makes at unit roundoff u, to first order. Two things
rest on it:

- refnn's derived bound is at most ``MULTIPLE`` times the bound here; above it, refnn loses digits;
- where refnn and TensorFlow differ, the definition in wider arithmetic says who is wrong.

A user's own activation or loss has no definition here; its bound is not bounded.

Notation: ``v`` a value, ``e`` a bound on its error, u the unit roundoff, γ n = n u. What is given
(x, W, b, y_true, y_pred, dy) is exact.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from refnn import activations, losses, optimizers, schedules
from refnn.layers import Dense, Layer
from refnn.losses import CLIP
from refnn.regularizers import L2
from refnn.typing import Array
from tftwin.lockstep import ledger

MULTIPLE = 2.0
"""refnn's derived bound is at most this multiple of the definition's. On healthy networks it is at
most 1.001 times as large; the rest is room for the second order, which is not written here."""


class Defined(NamedTuple):
    """A definition's value, and the bound of a careful evaluation."""

    value: Any
    """An array, or, where that is dear, a function that computes it."""
    bound: Array


class Arithmetic(NamedTuple):
    """The arithmetic that is judged: its unit roundoff, its least normal number, its kernels."""

    dtype: str

    @property
    def u(self) -> float:
        """The unit roundoff."""
        return float(np.finfo(self.dtype).eps) / 2

    @property
    def tiny(self) -> float:
        """The least normal number: smaller results may be flushed to zero."""
        return float(np.finfo(self.dtype).tiny)

    def ulps(self, function: str) -> float:
        """Return the worst error of a function in units of u, relative to its result."""
        return 2 * ledger.worst(function, self.dtype)


def _flushed(a: Arithmetic, v: Array) -> Array:
    """A subnormal number may be flushed to zero."""
    return np.where(abs(v) < a.tiny, abs(v), 0)


# Layers ----------------------------------------------------------------------------------------


def dense_forward(layer: Dense, a: Arithmetic, theta: Array, x: Array) -> Defined:
    """y = x W + b: a sum of k products and b, so γ_(k+1) of the absolute terms."""
    W, b = weight_and_bias(layer, theta)
    y = _product(a, x, W, abs(b) if layer.use_bias else 0.0)
    return Defined(lambda: y.value() + b, y.bound + _flushed(a, b))


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
    for left, right in ((_flushed(a, one), abs(other)), (abs(one), _flushed(a, other))):
        if left.any() and right.any():
            bound = bound + left @ right
    overflow = absolute * (1 + terms * a.u) > float(np.finfo(a.dtype).max)
    return Defined(lambda: one @ other, np.where(overflow, np.inf, bound))


# Activations: f(x), and f'(x) dy from y = f(x) that is off by its own bound ---------------------


def identity(f: Any, a: Arithmetic, x: Array) -> Defined:
    """Nothing is rounded."""
    return Defined(x, _flushed(a, x))


def relu(f: Any, a: Arithmetic, x: Array) -> Defined:
    """Nothing is rounded."""
    return Defined(np.where(x > 0, x, 0 * x), _flushed(a, x))


def leaky_relu(f: Any, a: Arithmetic, x: Array) -> Defined:
    """α x has two roundings, that of α and its own."""
    y = np.where(x > 0, x, f.alpha * x)
    return Defined(y, np.where(x > 0, _flushed(a, x), 2 * a.u * abs(y) + 2 * a.tiny))


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


def _exponentials(a: Arithmetic, x: Array) -> tuple[Array, Array, Array, Array, Array]:
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
    _, e, own, s, of_sum = _exponentials(a, x)
    y, room = e / s, np.maximum(1 - 2 * of_sum, 0)
    bound = (own / s + (y + 2 * own / s) * of_sum / room) / room
    bound = bound + (2 * a.ulps("reciprocal") + 2) * a.u * (y + bound) + 2 * x.shape[-1] * a.tiny
    return Defined(y, np.fmin(bound, 1 + 8 * a.u))


def _unsure(a: Arithmetic, x: Array, jump: Array) -> Array:
    """A subnormal x may be flushed to zero, to the other side of the kink."""
    return np.where((x != 0) & (abs(x) < a.tiny), abs(jump), 0)


def identity_back(f: Any, a: Arithmetic, dy: Array, x: Array) -> Defined:
    """dx = dy."""
    return Defined(dy, _flushed(a, dy))


def relu_back(f: Any, a: Arithmetic, dy: Array, x: Array) -> Defined:
    """dx = dy where x > 0, else 0."""
    return Defined(
        np.where(x > 0, dy, 0 * dy), np.where(x > 0, 1, 0) * _flushed(a, dy) + _unsure(a, x, dy)
    )


def leaky_relu_back(f: Any, a: Arithmetic, dy: Array, x: Array) -> Defined:
    """dx = dy where x > 0, else α dy."""
    dx = np.where(x > 0, dy, f.alpha * dy)
    bound = np.where(x > 0, _flushed(a, dy), 2 * a.u * abs(dx) + 2 * a.tiny)
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
    activations.Sigmoid: sigmoid,
    activations.Tanh: tanh,
    activations.Softmax: softmax,
}
BACKWARD: dict[type, Callable[..., Defined]] = {
    activations.Identity: identity_back,
    activations.Relu: relu_back,
    activations.LeakyRelu: leaky_relu_back,
    activations.Sigmoid: sigmoid_back,
    activations.Tanh: tanh_back,
    activations.Softmax: softmax_back,
}


def forward(layer: Layer, a: Arithmetic, theta: Array, x: Array) -> Defined | None:
    """Return the definition of a layer's output; None for a function of the user's own."""
    if isinstance(layer, Dense):
        return dense_forward(layer, a, theta, x)
    define = FORWARD.get(type(layer.function))
    return None if define is None else define(layer.function, a, x)


def input_gradient(layer: Layer, a: Arithmetic, theta: Array, x: Array, dy: Array) -> Any:
    """Return the definition of ∂loss/∂x; None for a function of the user's own."""
    if isinstance(layer, Dense):
        return dense_input_gradient(layer, a, theta, dy)
    define = BACKWARD.get(type(layer.function))
    return None if define is None else define(layer.function, a, dy, x)


def with_penalty(a: Arithmetic, gradient: Defined, rate: float, W: Array) -> Defined:
    """dW + λ W: two roundings of λ W, one of the sum."""
    value = gradient.value() + rate * W
    own = a.u * (abs(value) + 2 * abs(rate * W)) + 3 * a.tiny
    return Defined(value, gradient.bound + own + rate * _flushed(a, W))


def penalty(a: Arithmetic, rate: float, weights: list[Array]) -> Defined:
    """λ Σ ½ w²: squares are not negative, so n sums and three roundings more are relative."""
    value = rate * sum((W * W).sum() for W in weights) / 2
    n = sum(W.size for W in weights)
    return Defined(value, (n + 4) * a.u / (1 - (n + 4) * a.u) * value + (rate + 1) * n * a.tiny)


# Losses: value and gradient by y_pred -----------------------------------------------------------


def mean_squared_error(f: Any, a: Arithmetic, y_true: Array, y_pred: Array) -> tuple[Defined, ...]:
    """Σ d² / n of d = y_pred − y_true: d has one rounding, d² three, the mean two; d is 2 d / n."""
    d = y_pred - y_true
    n = d.size
    value = (d * d).sum() / n
    return (
        Defined(value, (n + 4) * a.u / (1 - (n + 4) * a.u) * value + 2 * a.tiny),
        Defined(2 * d / n, 4 * a.u * abs(2 * d / n) + 2 * a.tiny),
    )


def asymmetric(f: Any, a: Arithmetic, y_true: Array, y_pred: Array) -> tuple[Defined, ...]:
    """Σ of terms that are not negative, with three roundings each."""
    d = y_pred - y_true
    terms = np.where(d > 0, f.cost * d, -f.profit * d)
    slope = np.where(d > 0, f.cost + 0 * d, -f.profit)
    n = d.size
    bound = (n + 2) * a.u / (1 - (n + 2) * a.u) * terms.sum() + 2 * n * a.tiny
    return Defined(terms.sum(), bound), Defined(slope, a.u * abs(slope) + a.tiny)


def categorical_crossentropy(
    f: Any, a: Arithmetic, y_true: Array, y_pred: Array
) -> tuple[Defined, ...]:
    """−Σ y ln c / N with c = clip(q), q = p / Σ p; the gradient goes through q, 0 where clipped."""
    (rows, k), u = y_pred.shape, a.u
    s = y_pred.sum(axis=-1, keepdims=True)
    with np.errstate(all="ignore"):
        of_sum = (k - 1) * u * abs(y_pred).sum(axis=-1, keepdims=True) / abs(s)
        q = y_pred / s
        e_q = (of_sum + 2 * u) * abs(q) + 2 * a.tiny
        c = np.clip(q, CLIP, 1 - CLIP)
        e_c = np.where((q + e_q < CLIP) | (q - e_q > 1 - CLIP), u * c, np.maximum(e_q, u * c))
        e_log = e_c / np.maximum(c - e_c, CLIP / 2) + a.ulps("log") * u * abs(np.log(c))
        terms = abs(y_true * np.log(c)).sum(axis=-1)
        e_terms = (abs(y_true) * e_log).sum(axis=-1) + k * u * terms
        value = -(y_true * np.log(c)).sum() / rows
        bound = e_terms.sum() / rows + (rows + 2) * u * terms.sum() / rows + 2 * rows * a.tiny

        dc = -y_true / c / rows
        relative = e_c / np.maximum(c - e_c, CLIP / 2) + (a.ulps("reciprocal") + 4) * u
        inside = (q >= CLIP) & (q <= 1 - CLIP)
        near = (abs(q - CLIP) <= 2 * e_q) | (abs(q - 1 + CLIP) <= 2 * e_q)
        dq = np.where(inside, dc, 0 * dc)
        e_dq = relative * abs(dq) + np.where(near, abs(dc) * (1 + relative), 0)
        direct = dq / s
        e_direct = e_dq / abs(s) + (of_sum + 2 * u) * abs(direct)
        through = (dq * q).sum(axis=-1, keepdims=True) / s
        parts = abs(dq * q).sum(axis=-1, keepdims=True) / abs(s)
        e_through = (e_dq * abs(q) + abs(dq) * e_q).sum(axis=-1, keepdims=True) / abs(s)
        e_through = e_through + (of_sum + (k + 3) * u) * parts
        gradient = direct - through
        e_gradient = e_direct + e_through + u * abs(gradient) + 2 * k * a.tiny * (1 + 1 / abs(s))
    return Defined(value, bound), Defined(gradient, e_gradient)


def softmax_crossentropy(
    f: Any, a: Arithmetic, y_true: Array, logits: Array
) -> tuple[Defined, ...]:
    """Σ y (ln s − z) / N with z = logits − max, s = Σ e^z; the gradient is (softmax − y) / N."""
    (rows, k), u = logits.shape, a.u
    z, _, _, s, of_sum = _exponentials(a, logits)
    p, e_p = softmax(f, a, logits)
    e_log = of_sum / np.maximum(1 - 2 * of_sum, 0) + a.ulps("log") * u * np.log(s)
    terms = y_true * (np.log(s) - z)
    e_terms = abs(y_true) * (e_log + u * abs(z) + u * abs(np.log(s) - z)) + u * abs(terms)
    value = terms.sum() / rows
    n = rows * k
    bound = (e_terms.sum() + (n + 2) * u * abs(terms).sum()) / rows + 2 * n * a.tiny
    gradient = (p - y_true) / rows
    e_p = np.where(2 * of_sum < 1, e_p, np.inf)
    e_gradient = (e_p + 3 * u * abs(p - y_true)) / rows + 2 * a.tiny
    return Defined(value, bound), Defined(gradient, e_gradient)


LOSSES: dict[type, Callable[..., tuple[Defined, ...]]] = {
    losses.MeanSquaredError: mean_squared_error,
    losses.Asymmetric: asymmetric,
    losses.CategoricalCrossentropy: categorical_crossentropy,
    losses.SoftmaxCrossentropy: softmax_crossentropy,
}


def loss(f: Any, a: Arithmetic, y_true: Array, y_pred: Array) -> tuple[Defined, ...] | None:
    """Return the definitions of a loss and of its gradient; None for a loss of the user's own."""
    define = LOSSES.get(type(f))
    return None if define is None else define(f, a, y_true, y_pred)


def is_l2(regularizer: Any) -> bool:
    """Whether a regularizer is refnn's own, which has a definition here."""
    return type(regularizer) is L2


# Rates and rules -------------------------------------------------------------------------------


def rate(learning_rate: Any, step: int) -> Any:
    """Return the learning rate of a step in longdouble; None for a schedule of the user's own."""
    if not callable(learning_rate):
        return np.longdouble(learning_rate)
    match learning_rate:
        case schedules.Constant(learning_rate=lr):
            return np.longdouble(lr)
        case schedules.PerEpoch(schedule=schedule, steps_per_epoch=n):
            return rate(schedule, step // n)
        case schedules.ExponentialDecay(
            initial_learning_rate=lr, decay_rate=r, decay_steps=s, staircase=stairs
        ):
            exponent = np.longdouble(step // s) if stairs else np.longdouble(step) / s
            return np.longdouble(lr) * np.longdouble(r) ** exponent
    return None


def rule(f: Any, t: int, lr: Any, w: Array, g: Array, *slots: Array) -> tuple[Array, ...] | None:
    """Return the new w and slots of a built-in rule; None for a rule of the user's own."""
    match f:
        case optimizers.SGD():
            return (w - lr * g,)
        case optimizers.SGDM(beta=beta):
            m = beta * slots[0] + (1 - beta) * g
            return w - lr * m, m
        case optimizers.Adagrad(epsilon=epsilon):
            v = slots[0] + g * g
            return w - lr * g / (np.sqrt(v) + epsilon), v
        case optimizers.RMSProp(beta=beta, epsilon=epsilon):
            v = beta * slots[0] + (1 - beta) * g * g
            return w - lr * g / (np.sqrt(v) + epsilon), v
        case optimizers.Adam(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon):
            m = beta_1 * slots[0] + (1 - beta_1) * g
            v = beta_2 * slots[1] + (1 - beta_2) * g * g
            root = np.sqrt(v / (1 - beta_2**t))
            return w - lr * (m / (1 - beta_1**t)) / (root + epsilon), m, v
    return None
