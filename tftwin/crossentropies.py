"""Crossentropies on TensorFlow; their gradients are TensorFlow's own."""

from dataclasses import dataclass
from typing import ClassVar

from tftwin.tensorflow import tf
from tftwin.typing import Tensor

CLIP = 1e-7


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


@dataclass(frozen=True)
class BinaryCrossentropy:
    """``keras.losses.binary_crossentropy``, written out, as ``CategoricalCrossentropy`` is."""

    takes_probabilities: ClassVar[bool] = True

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        c = tf.clip_by_value(y_pred, CLIP, 1 - CLIP)
        elements = y_true * tf.math.log(c) + (1 - y_true) * tf.math.log(1 - c)
        return tf.reduce_mean(-elements, axis=-1)

    def value(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return tf.reduce_mean(self.per_sample(y_true, y_pred))


@dataclass(frozen=True)
class SigmoidCrossentropy:
    """``tf.nn.sigmoid_cross_entropy_with_logits``."""

    takes_probabilities: ClassVar[bool] = True
    threshold: ClassVar[float] = 0.0

    def per_sample(self, y_true: Tensor, logits: Tensor) -> Tensor:
        elements = tf.nn.sigmoid_cross_entropy_with_logits(labels=y_true, logits=logits)
        return tf.reduce_mean(elements, axis=-1)

    def value(self, y_true: Tensor, logits: Tensor) -> Tensor:
        return tf.reduce_mean(self.per_sample(y_true, logits))
