"""Losses: value, and gradient by y_pred."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refnn import losses
from refnn.losses import CLIP
from refnn.typing import Array
from tftwin.lockstep.definitions.activations import exponentials, sigmoid, softmax
from tftwin.lockstep.definitions.terms import Arithmetic, Defined, flushed


def mean_squared_error(f: Any, a: Arithmetic, y_true: Array, y_pred: Array) -> tuple[Defined, ...]:
    """Σ d² / n of d = y_pred − y_true: d has one rounding, d² three, the mean two; d is 2 d / n."""
    d = y_pred - y_true
    n = d.size
    value = (d * d).sum() / n
    return (
        Defined(value, (n + 4) * a.u / (1 - (n + 4) * a.u) * value + 2 * a.tiny),
        Defined(2 * d / n, 4 * a.u * abs(2 * d / n) + 2 * a.tiny),
    )


def mean_absolute_error(f: Any, a: Arithmetic, y_true: Array, y_pred: Array) -> tuple[Defined, ...]:
    """Σ |d| / n, whose terms have one rounding each; the gradient is 1/n with the sign of d."""
    d = y_pred - y_true
    n = d.size
    value = abs(d).sum() / n
    unsure = np.where((d != 0) & (abs(d) < a.tiny), 2 / n, 0)
    return (
        Defined(value, (n + 3) * a.u / (1 - (n + 3) * a.u) * value + 2 * a.tiny),
        Defined(np.sign(d) / n, 2 * a.u * abs(np.sign(d)) / n + unsure + a.tiny),
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
    """−Σ y ln c / N with c = clip(q), q = p / Σ p; the gradient goes through q, 0 where clipped.

    Every evaluation of Σ p may be off by e, the one here too. Of 1 / Σ p something is known where
    4 e is well below Σ p.
    """
    (rows, k), u = y_pred.shape, a.u
    s = y_pred.sum(axis=-1, keepdims=True)
    with np.errstate(all="ignore"):
        of_sum = (k - 1) * u * abs(y_pred).sum(axis=-1, keepdims=True) + 2 * k * a.tiny
        of_sum = of_sum / abs(s)
        known = 8 * of_sum < 1
        room = np.maximum(1 - 4 * of_sum, 1 / 2)
        of_sum = of_sum / room**2
        q = y_pred / s
        e_q = (of_sum + 2 * u) * abs(q) + 2 * flushed(a, y_pred) / abs(s) + 2 * a.tiny
        c = np.clip(q, CLIP, 1 - CLIP)
        e_c = np.where((q + e_q < CLIP) | (q - e_q > 1 - CLIP), u * c, np.maximum(e_q, u * c))
        known = known & (4 * e_c < c).all(axis=-1, keepdims=True)
        e_log = e_c / np.maximum(c - e_c, CLIP / 2) + a.ulps("log") * u * abs(np.log(c))
        terms = abs(y_true * np.log(c)).sum(axis=-1)
        e_terms = (abs(y_true) * e_log).sum(axis=-1) + k * u * terms
        value = -(y_true * np.log(c)).sum() / rows
        bound = e_terms.sum() / rows + (rows + 2) * u * terms.sum() / rows + 2 * rows * a.tiny
        bound = np.where(known.all(), bound, np.inf)

        dc = -y_true / c / rows
        relative = e_c / np.maximum(c - e_c, CLIP / 2) + (a.ulps("reciprocal") + 4) * u
        inside = (q >= CLIP) & (q <= 1 - CLIP)
        near = (abs(q - CLIP) <= 2 * e_q) | (abs(q - 1 + CLIP) <= 2 * e_q)
        dq = np.where(inside, dc, 0 * dc)
        e_dq = relative * abs(dq) + np.where(near, abs(dc) * (1 + relative), 0)
        direct = dq / s
        e_direct = e_dq / abs(s) / room + (of_sum + 2 * u) * abs(direct)
        through = (dq * q).sum(axis=-1, keepdims=True) / s
        parts = abs(dq * q).sum(axis=-1, keepdims=True) / abs(s)
        e_through = (e_dq * abs(q) + abs(dq) * e_q).sum(axis=-1, keepdims=True) / abs(s) / room
        e_through = e_through + (of_sum + (k + 3) * u) * parts
        gradient = direct - through
        e_gradient = e_direct + e_through + u * abs(gradient) + 2 * k * a.tiny * (1 + 1 / abs(s))
        largest = 4 * (abs(dc).max(axis=-1, keepdims=True) + 1) / abs(s)
        known = known & (largest < np.finfo(a.dtype).max)
        e_gradient = np.where(known, e_gradient, np.inf)
    return Defined(value, bound), Defined(gradient, e_gradient)


def softmax_crossentropy(
    f: Any, a: Arithmetic, y_true: Array, logits: Array
) -> tuple[Defined, ...]:
    """Σ y (ln s − z) / N with z = logits − max, s = Σ e^z; the gradient is (softmax − y) / N."""
    (rows, k), u = logits.shape, a.u
    z, _, _, s, of_sum = exponentials(a, logits)
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


def edge(a: Arithmetic, value: float) -> float:
    """Return the error of converting an edge of the clip."""
    return abs(float(np.dtype(a.dtype).type(value)) - value)


def binary_crossentropy(f: Any, a: Arithmetic, y_true: Array, y_pred: Array) -> tuple[Defined, ...]:
    """−mean(y ln c + (1 − y) ln r) with c = clip(p), r = 1 − c; ((1 − y)/r − y/c) / n inside."""
    n, u = y_pred.size, a.u
    e_lo, e_hi = edge(a, CLIP), edge(a, 1 - CLIP)
    at_lo, at_hi = y_pred <= CLIP + 2 * e_lo, y_pred >= 1 - CLIP - 2 * e_hi
    c = np.clip(y_pred, CLIP, 1 - CLIP)
    r = 1 - c
    e_c = np.where(at_lo, e_lo, np.where(at_hi, e_hi, 0))
    e_r = e_c + u * r
    of_c, of_r = e_c / (c - e_c), e_r / (r - e_r)
    terms_c, terms_r = y_true * abs(np.log(c)), (1 - y_true) * abs(np.log(r))
    of_log = (a.ulps("log") + 3) * u
    e_terms = y_true * of_c + (1 - y_true) * of_r + of_log * (terms_c + terms_r)
    total = (terms_c + terms_r).sum()
    bound = (e_terms.sum() + (n + 4) * u / (1 - (n + 4) * u) * total) / n + 4 * n * a.tiny

    inside = (y_pred >= CLIP) & (y_pred <= 1 - CLIP)
    near = (abs(y_pred - CLIP) <= 2 * e_lo) | (abs(y_pred - 1 + CLIP) <= 2 * e_hi)
    slope_c, slope_r = y_true / c / n, (1 - y_true) / r / n
    roundings = (a.ulps("reciprocal") + 5) * u
    e = slope_c * (of_c + roundings) + slope_r * (of_r + roundings)
    jump = np.where(near, (slope_c + slope_r) * (1 + of_c + of_r), 0)
    gradient = np.where(inside, slope_r - slope_c, 0 * c)
    return Defined(total / n, bound), Defined(gradient, np.where(inside, e, 0) + jump + 4 * a.tiny)


def sigmoid_crossentropy(
    f: Any, a: Arithmetic, y_true: Array, logits: Array
) -> tuple[Defined, ...]:
    """mean(max(z, 0) − z y + ln(1 + e)) with e = e^(−|z|); the gradient is (σ(z) − y) / n."""
    n, u = logits.size, a.u
    e = np.exp(-abs(logits))
    direct = np.maximum(logits, 0) - logits * y_true
    smooth = np.log1p(e)
    terms = direct + smooth
    e_terms = (
        u * (abs(logits * y_true) + direct) + (a.ulps("exp") + a.ulps("log1p") + 1) * u * smooth
    )
    total = terms.sum()
    bound = (e_terms.sum() + (n + 3) * u / (1 - (n + 3) * u) * total) / n + 4 * n * a.tiny
    y, e_y = sigmoid(f, a, logits)
    in_terms = (a.ulps("exp") + a.ulps("reciprocal") + 3) / 2 + 4 + 2 * abs(y_true)
    e_gradient = (e_y + 3 * u * abs(y - y_true) + in_terms * u) / n + 2 * a.tiny
    return Defined(total / n, bound), Defined((y - y_true) / n, e_gradient)


LOSSES: dict[type, Callable[..., tuple[Defined, ...]]] = {
    losses.MeanSquaredError: mean_squared_error,
    losses.MeanAbsoluteError: mean_absolute_error,
    losses.Asymmetric: asymmetric,
    losses.BinaryCrossentropy: binary_crossentropy,
    losses.SigmoidCrossentropy: sigmoid_crossentropy,
    losses.CategoricalCrossentropy: categorical_crossentropy,
    losses.SoftmaxCrossentropy: softmax_crossentropy,
}


def loss(f: Any, a: Arithmetic, y_true: Array, y_pred: Array) -> tuple[Defined, ...] | None:
    """Return the definitions of a loss and of its gradient; None for a loss of the user's own."""
    define = LOSSES.get(type(f))
    return None if define is None else define(f, a, y_true, y_pred)
