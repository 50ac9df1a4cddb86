"""Losses: value, and gradient by y_pred."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refnn import losses
from refnn.losses import CLIP
from refnn.typing import Array
from tftwin.lockstep.definitions.activations import exponentials, softmax
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
