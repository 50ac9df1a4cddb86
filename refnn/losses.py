"""Losses: value and gradient next to each other, under one normalisation.

``per_sample`` gives one number for each row; ``value`` is the scalar that training minimises;
``gradient`` is ∂value/∂y_pred, computed in TensorFlow's order. If the two share work,
``value_and_gradient`` computes both, and ``value`` and ``gradient`` each return one of them.

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
"""Probabilities are clipped to [CLIP, 1 − CLIP] before the logarithm. It is Keras' epsilon."""


class Loss(Protocol):
    """The methods of a loss."""

    def value(self, y_true: Array, y_pred: Array) -> Any:
        """y_true, y_pred (N, K) → a scalar."""

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """y_true, y_pred (N, K) → ∂value/∂y_pred (N, K)."""


@dataclass(frozen=True)
class MeanSquaredError:
    """Mean over all N·K elements of (y_pred − y_true)²; gradient 2 (y_pred − y_true) / (N K).

    As ``tf.reduce_mean(tf.square(y_ - y))``. Textbooks often divide by 2N. Some average over the
    batch only, which multiplies the gradient by K.
    """

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:  # (N, K) → (N,)
        checks.same_shape(y_true, y_pred)
        return np.square(y_pred - y_true).sum(axis=-1) / y_pred.shape[-1]

    def value(self, y_true: Array, y_pred: Array) -> Any:  # (N, K) → a scalar
        return self.value_and_gradient(y_true, y_pred)[0]

    def gradient(self, y_true: Array, y_pred: Array) -> Array:  # (N, K) → (N, K)
        return self.value_and_gradient(y_true, y_pred)[1]

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Any, Array]:  # both
        checks.same_shape(y_true, y_pred)
        d = y_pred - y_true
        return np.square(d).sum() / d.size, (1 / d.size) * (2 * d)


@dataclass(frozen=True)
class Asymmetric(Checked):
    """Σ cost · (y_pred − y_true) where y_pred > y_true, Σ profit · (y_true − y_pred) elsewhere.

    The tutorial's loss for a shop: each unit too many loses its cost, each unit too few its profit.
    It is a sum, not a mean. At y_pred = y_true the derivative is −profit.
    """

    cost: NotNegative = 1.0
    profit: NotNegative = 1.0

    def _elements(self, y_true: Array, y_pred: Array) -> Array:  # (N, K) → (N, K)
        checks.same_shape(y_true, y_pred)
        return np.where(
            y_pred > y_true, self.cost * (y_pred - y_true), self.profit * (y_true - y_pred)
        )

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:  # (N, K) → (N,)
        return self._elements(y_true, y_pred).sum(axis=-1)

    def value(self, y_true: Array, y_pred: Array) -> Any:  # (N, K) → a scalar
        return self._elements(y_true, y_pred).sum()

    def gradient(self, y_true: Array, y_pred: Array) -> Array:  # (N, K) → (N, K)
        checks.same_shape(y_true, y_pred)
        return np.where(y_pred > y_true, np.full_like(y_pred, self.cost), -self.profit)


@dataclass(frozen=True)
class CategoricalCrossentropy:
    """−Σ_k y_k ln c_k per sample, from probabilities; the mean over the batch.

    Each row is renormalised, q = p / Σ p, then clipped, c = clip(q, 1e-7, 1 − 1e-7). The gradient
    goes through both, and is 0 where q is clipped. ``keras.losses.categorical_crossentropy`` does
    the same on plain arrays; scikit-learn clips to the dtype's epsilon. For logits use
    ``SoftmaxCrossentropy``, which needs no clipping.
    """

    takes_distributions: ClassVar[bool] = True

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:  # (N, K) → (N,)
        checks.same_shape(y_true, y_pred)
        q = y_pred / y_pred.sum(axis=-1, keepdims=True)
        return -(y_true * np.log(np.clip(q, CLIP, 1 - CLIP))).sum(axis=-1)

    def value(self, y_true: Array, y_pred: Array) -> Any:  # (N, K) → a scalar
        return self.per_sample(y_true, y_pred).sum() / len(y_pred)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:  # (N, K) → (N, K)
        checks.same_shape(y_true, y_pred)
        s = y_pred.sum(axis=-1, keepdims=True)
        q = y_pred / s
        dc = (1 / len(y_pred)) * -y_true * (1 / np.clip(q, CLIP, 1 - CLIP))
        dq = np.where((q >= CLIP) & (q <= 1 - CLIP), dc, 0)
        return dq / s + (dq * (-q / s)).sum(axis=-1, keepdims=True)


@dataclass(frozen=True)
class SoftmaxCrossentropy:
    """−Σ_k y_k ln softmax(z)_k per sample, from logits z; the mean over the batch.

    ln softmax(z) = z − ln Σ e^z, computed from z − max z: nothing overflows, and the logarithm
    needs no ε. The gradient is (softmax(z) − y) / N, but only if each row of y sums to 1. As
    ``tf.nn.softmax_cross_entropy_with_logits``.
    """

    takes_distributions: ClassVar[bool] = True

    def per_sample(self, y_true: Array, logits: Array) -> Array:  # (N, K) → (N,)
        checks.same_shape(y_true, logits)
        z, _, s = self._shifted(logits)
        return (y_true * (np.log(s) - z)).sum(axis=-1)

    def value(self, y_true: Array, logits: Array) -> Any:  # (N, K) → a scalar
        return self.value_and_gradient(y_true, logits)[0]

    def gradient(self, y_true: Array, logits: Array) -> Array:  # (N, K) → (N, K)
        return self.value_and_gradient(y_true, logits)[1]

    def value_and_gradient(self, y_true: Array, logits: Array) -> tuple[Any, Array]:  # both
        checks.same_shape(y_true, logits)
        z, e, s = self._shifted(logits)
        value = (y_true * (np.log(s) - z)).sum() / len(z)
        return value, (1 / len(z)) * (e / s - y_true)

    def _shifted(self, logits: Array) -> tuple[Array, Array, Array]:
        """z (N, K) → d = z − max z (N, K), e^d (N, K), Σ e^d over each row (N, 1)."""
        with np.errstate(invalid="ignore"):
            z = logits - logits.max(axis=-1, keepdims=True)
        e = np.exp(z)
        return z, e, e.sum(axis=-1, keepdims=True)


def value_and_gradient(loss: Loss, y_true: Array, y_pred: Array) -> tuple[Any, Array]:
    """y_true, y_pred (N, K) → loss and ∂loss/∂y_pred (N, K), together where the loss can."""
    if hasattr(loss, "value_and_gradient"):
        both: tuple[Any, Array] = loss.value_and_gradient(y_true, y_pred)
        return both
    return loss.value(y_true, y_pred), loss.gradient(y_true, y_pred)


def value_of(loss: Loss, y_true: Array, y_pred: Array) -> Any:
    """y_true, y_pred (N, K) → the loss alone."""
    if hasattr(loss, "value_and_gradient"):
        return loss.value_and_gradient(y_true, y_pred)[0]
    return loss.value(y_true, y_pred)
