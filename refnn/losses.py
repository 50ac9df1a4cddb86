"""Losses: value and gradient next to each other, under one normalisation.

``per_sample`` gives one number for each row; ``value`` is the scalar that training minimises;
``gradient`` is ∂value/∂y_pred, computed in TensorFlow's order. If the two share work,
``value_and_gradient`` computes both, and ``value`` and ``gradient`` each return one of them. The
losses of probabilities and of logits follow in ``crossentropies``.

A loss of your own is a class with ``value`` and ``gradient``, or with ``value_and_gradient`` alone.
If its targets must be distributions, it says ``takes_distributions = True``; if they must lie in
[0, 1], ``takes_probabilities = True``. A method ``tensorflow(y_true, y_pred)`` gives it a twin: the
same scalar in TensorFlow's operations.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from refnn import checks
from refnn.checks import Checked, NotNegative
from refnn.crossentropies import CLIP as CLIP
from refnn.crossentropies import BinaryCrossentropy as BinaryCrossentropy
from refnn.crossentropies import CategoricalCrossentropy as CategoricalCrossentropy
from refnn.crossentropies import SigmoidCrossentropy as SigmoidCrossentropy
from refnn.crossentropies import SoftmaxCrossentropy as SoftmaxCrossentropy
from refnn.typing import Array


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

    Guide: mse, mse-gradient.
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
class MeanAbsoluteError:
    """Mean over all N·K elements of |y_pred − y_true|; gradient sign(y_pred − y_true) / (N K).

    At y_pred = y_true the derivative is 0, as in Keras and PyTorch; JAX gives 1/(N K) there.

    Guide: mae, mae-gradient.
    """

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:  # (N, K) → (N,)
        checks.same_shape(y_true, y_pred)
        return np.abs(y_pred - y_true).sum(axis=-1) / y_pred.shape[-1]

    def value(self, y_true: Array, y_pred: Array) -> Any:  # (N, K) → a scalar
        return self.value_and_gradient(y_true, y_pred)[0]

    def gradient(self, y_true: Array, y_pred: Array) -> Array:  # (N, K) → (N, K)
        return self.value_and_gradient(y_true, y_pred)[1]

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Any, Array]:  # both
        checks.same_shape(y_true, y_pred)
        d = y_pred - y_true
        return np.abs(d).sum() / d.size, (1 / d.size) * np.sign(d)


@dataclass(frozen=True)
class Asymmetric(Checked):
    """Σ cost · (y_pred − y_true) where y_pred > y_true, Σ profit · (y_true − y_pred) elsewhere.

    The tutorial's loss for a shop: each unit too many loses its cost, each unit too few its profit.
    It is a sum, not a mean. At y_pred = y_true the derivative is −profit.

    Guide: asymmetric, asymmetric-gradient.
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


def threshold_of(loss: Loss) -> float:
    """Return above which prediction a loss of yes or no says yes."""
    return float(getattr(loss, "threshold", 0.5))
