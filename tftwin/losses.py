"""Losses on TensorFlow, from its primitives; their gradients are TensorFlow's own."""

from dataclasses import dataclass
from typing import Protocol

from tftwin.crossentropies import CLIP as CLIP
from tftwin.crossentropies import BinaryCrossentropy as BinaryCrossentropy
from tftwin.crossentropies import CategoricalCrossentropy as CategoricalCrossentropy
from tftwin.crossentropies import SigmoidCrossentropy as SigmoidCrossentropy
from tftwin.crossentropies import SoftmaxCrossentropy as SoftmaxCrossentropy
from tftwin.tensorflow import tf
from tftwin.typing import Tensor


class Loss(Protocol):
    """The method of a loss."""

    def value(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """y_true, y_pred (N, K) → the scalar that training minimises."""


@dataclass(frozen=True)
class MeanSquaredError:
    """``tf.reduce_mean(tf.square(...))`` over all elements."""

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return tf.reduce_mean(tf.square(y_pred - y_true), axis=-1)

    def value(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return tf.reduce_mean(tf.square(y_pred - y_true))


@dataclass(frozen=True)
class MeanAbsoluteError:
    """``tf.reduce_mean(tf.abs(...))`` over all elements."""

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return tf.reduce_mean(tf.abs(y_pred - y_true), axis=-1)

    def value(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return tf.reduce_mean(tf.abs(y_pred - y_true))


@dataclass(frozen=True)
class Asymmetric:
    """``tf.reduce_sum(tf.where(y > y_, cost (y − y_), profit (y_ − y)))``."""

    cost: float = 1.0
    profit: float = 1.0

    def _elements(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return tf.where(
            tf.greater(y_pred, y_true),
            self.cost * (y_pred - y_true),
            self.profit * (y_true - y_pred),
        )

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return tf.reduce_sum(self._elements(y_true, y_pred), axis=-1)

    def value(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return tf.reduce_sum(self._elements(y_true, y_pred))


def threshold_of(loss: Loss) -> float:
    """Return above which prediction a loss of yes or no says yes."""
    return float(getattr(loss, "threshold", 0.5))
