"""Losses on TensorFlow, from its primitives; their gradients are TensorFlow's own."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from tftwin.tensorflow import tf
from tftwin.typing import Tensor

CLIP = 1e-7


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


@dataclass(frozen=True)
class CategoricalCrossentropy:
    """``keras.losses.categorical_crossentropy``, written out.

    If a tensor comes from ``keras.activations.softmax``, ``keras.ops.softmax`` or a model's softmax
    layer, or inside a ``tf.function`` from any softmax directly before, Keras' function takes the
    logits instead, and silently computes another formula.
    """

    takes_distributions: ClassVar[bool] = True

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        q = y_pred / tf.reduce_sum(y_pred, axis=-1, keepdims=True)
        return -tf.reduce_sum(y_true * tf.math.log(tf.clip_by_value(q, CLIP, 1 - CLIP)), axis=-1)

    def value(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return tf.reduce_mean(self.per_sample(y_true, y_pred))


@dataclass(frozen=True)
class SoftmaxCrossentropy:
    """``tf.nn.softmax_cross_entropy_with_logits``, TensorFlow's fused kernel."""

    takes_distributions: ClassVar[bool] = True

    def per_sample(self, y_true: Tensor, logits: Tensor) -> Tensor:
        return tf.nn.softmax_cross_entropy_with_logits(labels=y_true, logits=logits)

    def value(self, y_true: Tensor, logits: Tensor) -> Tensor:
        return tf.reduce_mean(self.per_sample(y_true, logits))
