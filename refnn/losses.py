"""Losses: value and gradient under one normalisation, next to each other.

Of y_true (N, K) and y_pred (N, K), ``per_sample`` gives one number a row, (N,); ``value`` the
scalar that training minimises; ``gradient`` is ∂value/∂y_pred, (N, K). The factor 1/N (or 1/(N K))
multiplies last in the chain, as in TensorFlow's order. Where value and gradient share work,
``value_and_gradient`` computes both, and each of the two is its half.

A loss of your own is a class with ``value`` and ``gradient``, or with ``value_and_gradient`` alone.
If its targets must be distributions, it says ``takes_distributions = True``. A method
``tensorflow(y_true, y_pred)`` gives it a twin: the same scalar in TensorFlow's operations.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from refnn import checks
from refnn.checks import Checked, NotNegative
from refnn.typing import Array

CLIP = 1e-7
"""Probabilities are clipped to [CLIP, 1 − CLIP] before the logarithm, Keras' epsilon."""


class Loss(Protocol):
    """What a training step asks of a loss."""

    def value(self, y_true: Array, y_pred: Array) -> Any:
        """Return the scalar that training minimises."""

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return ∂value/∂y_pred."""


@dataclass(frozen=True)
class MeanSquaredError:
    """Mean over all N·K elements of (y_pred − y_true)²; gradient 2 (y_pred − y_true) / (N K).

    As ``tf.reduce_mean(tf.square(y_ - y))``. Textbooks often divide by 2N instead, and some
    average over the batch only: a factor of K in the learning rate.
    """

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        checks.same_shape(y_true, y_pred)
        return np.square(y_pred - y_true).sum(axis=-1) / y_pred.shape[-1]

    def value(self, y_true: Array, y_pred: Array) -> Any:
        return self.value_and_gradient(y_true, y_pred)[0]

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        return self.value_and_gradient(y_true, y_pred)[1]

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Any, Array]:
        checks.same_shape(y_true, y_pred)
        d = y_pred - y_true
        return np.square(d).sum() / d.size, (1 / d.size) * (2 * d)


@dataclass(frozen=True)
class Asymmetric(Checked):
    """Σ cost · (y_pred − y_true) where y_pred > y_true, Σ profit · (y_true − y_pred) elsewhere.

    The tutorial's loss for a shop: a unit too many costs its cost, a unit too few its profit.
    A sum, not a mean. At y_pred = y_true the second branch holds: derivative −profit.

    Parameters
    ----------
    cost, profit : float
        Price of predicting one too many, and one too few; at least 0.
    """

    cost: NotNegative = 1.0
    profit: NotNegative = 1.0

    def _elements(self, y_true: Array, y_pred: Array) -> Array:
        checks.same_shape(y_true, y_pred)
        return np.where(
            y_pred > y_true, self.cost * (y_pred - y_true), self.profit * (y_true - y_pred)
        )

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        return self._elements(y_true, y_pred).sum(axis=-1)

    def value(self, y_true: Array, y_pred: Array) -> Any:
        return self._elements(y_true, y_pred).sum()

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        checks.same_shape(y_true, y_pred)
        return np.where(y_pred > y_true, np.full_like(y_pred, self.cost), -self.profit)


@dataclass(frozen=True)
class CategoricalCrossentropy:
    """−Σ_k y_k ln c_k per sample, from probabilities; the mean over the batch.

    Each row is renormalised, q = p / Σ p, then clipped, c = clip(q, 1e-7, 1 − 1e-7). The
    gradient goes through both and is 0 where clipped. Keras' formula
    (``keras.losses.categorical_crossentropy`` on plain arrays); scikit-learn clips to the
    dtype's epsilon. From logits use ``SoftmaxCrossentropy``, which needs no clipping.
    """

    takes_distributions: ClassVar[bool] = True

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        checks.same_shape(y_true, y_pred)
        q = y_pred / y_pred.sum(axis=-1, keepdims=True)
        return -(y_true * np.log(np.clip(q, CLIP, 1 - CLIP))).sum(axis=-1)

    def value(self, y_true: Array, y_pred: Array) -> Any:
        return self.per_sample(y_true, y_pred).sum() / len(y_pred)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        checks.same_shape(y_true, y_pred)
        s = y_pred.sum(axis=-1, keepdims=True)
        q = y_pred / s
        dc = (1 / len(y_pred)) * -y_true * (1 / np.clip(q, CLIP, 1 - CLIP))
        dq = np.where((q >= CLIP) & (q <= 1 - CLIP), dc, 0)
        return dq / s + (dq * (-q / s)).sum(axis=-1, keepdims=True)


@dataclass(frozen=True)
class SoftmaxCrossentropy:
    """−Σ_k y_k ln softmax(z)_k per sample, from logits z; the mean over the batch.

    ln softmax(z) = z − ln Σ e^z, from z − max z: no overflow, and no ε inside the logarithm.
    The gradient is (softmax(z) − y) / N, which is true only where each row of y sums to 1.
    As ``tf.nn.softmax_cross_entropy_with_logits``.
    """

    takes_distributions: ClassVar[bool] = True

    def per_sample(self, y_true: Array, logits: Array) -> Array:
        checks.same_shape(y_true, logits)
        z, _, s = self._shifted(logits)
        return (y_true * (np.log(s) - z)).sum(axis=-1)

    def value(self, y_true: Array, logits: Array) -> Any:
        return self.value_and_gradient(y_true, logits)[0]

    def gradient(self, y_true: Array, logits: Array) -> Array:
        return self.value_and_gradient(y_true, logits)[1]

    def value_and_gradient(self, y_true: Array, logits: Array) -> tuple[Any, Array]:
        checks.same_shape(y_true, logits)
        z, e, s = self._shifted(logits)
        value = (y_true * (np.log(s) - z)).sum() / len(z)
        return value, (1 / len(z)) * (e / s - y_true)

    def _shifted(self, logits: Array) -> tuple[Array, Array, Array]:
        """Return z − max z, its exponential, and the sum of that over each row."""
        with np.errstate(invalid="ignore"):
            z = logits - logits.max(axis=-1, keepdims=True)
        e = np.exp(z)
        return z, e, e.sum(axis=-1, keepdims=True)


def value_and_gradient(loss: Loss, y_true: Array, y_pred: Array) -> tuple[Any, Array]:
    """Return the loss and ∂loss/∂y_pred: of a loss that computes both together, or one by one."""
    if hasattr(loss, "value_and_gradient"):
        both: tuple[Any, Array] = loss.value_and_gradient(y_true, y_pred)
        return both
    return loss.value(y_true, y_pred), loss.gradient(y_true, y_pred)


def value_of(loss: Loss, y_true: Array, y_pred: Array) -> Any:
    """Return the loss alone."""
    if hasattr(loss, "value_and_gradient"):
        return loss.value_and_gradient(y_true, y_pred)[0]
    return loss.value(y_true, y_pred)
