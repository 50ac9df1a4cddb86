"""Crossentropies: of classes and of yes or no, from probabilities and from logits.

A softmax or a sigmoid with its crossentropy is best computed together, from the logits: nothing
overflows, no logarithm meets a 0, and the gradient is a difference, p − y.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from refnn import checks
from refnn.activations import Sigmoid
from refnn.typing import Array

CLIP = 1e-7
"""Probabilities are clipped to [CLIP, 1 − CLIP] before the logarithm. It is Keras' epsilon."""


@dataclass(frozen=True)
class CategoricalCrossentropy:
    """−Σ_k y_k ln c_k per sample, from probabilities; the mean over the batch.

    Each row is renormalised, q = p / Σ p, then clipped, c = clip(q, 1e-7, 1 − 1e-7). The gradient
    goes through both, and is 0 where q is clipped. ``keras.losses.categorical_crossentropy`` does
    the same on plain arrays; scikit-learn clips to the dtype's epsilon. For logits use
    ``SoftmaxCrossentropy``, which needs no clipping.

    Guide: crossentropy, crossentropy-gradient.
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

    Guide: softmax-crossentropy, softmax-crossentropy-gradient.
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


@dataclass(frozen=True)
class BinaryCrossentropy:
    """Mean over all N·K elements of −(y ln c + (1 − y) ln(1 − c)), from probabilities p.

    Each p is clipped, c = clip(p, 1e-7, 1 − 1e-7). The gradient goes through it: ((1 − y)/(1 − c)
    − y/c) / (N K), and 0 where p is clipped. As Keras 3; Keras 2 also adds 1e-7 inside the
    logarithm, PyTorch stops the logarithm at −100. For logits use ``SigmoidCrossentropy``.

    Guide: binary-crossentropy, binary-crossentropy-gradient.
    """

    takes_probabilities: ClassVar[bool] = True

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:  # (N, K) → (N,)
        checks.same_shape(y_true, y_pred)
        c = np.clip(y_pred, CLIP, 1 - CLIP)
        elements = y_true * np.log(c) + (1 - y_true) * np.log(1 - c)
        return -elements.sum(axis=-1) / y_pred.shape[-1]

    def value(self, y_true: Array, y_pred: Array) -> Any:  # (N, K) → a scalar
        return self.per_sample(y_true, y_pred).sum() / len(y_pred)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:  # (N, K) → (N, K)
        checks.same_shape(y_true, y_pred)
        c = np.clip(y_pred, CLIP, 1 - CLIP)
        dc = (1 / y_pred.size) * ((1 - y_true) * (1 / (1 - c)) - y_true * (1 / c))
        return np.where((y_pred >= CLIP) & (y_pred <= 1 - CLIP), dc, 0)


@dataclass(frozen=True)
class SigmoidCrossentropy:
    """Mean over all N·K elements of −(y ln σ(z) + (1 − y) ln(1 − σ(z))), from logits z.

    Each is max(z, 0) − z y + ln(1 + e^(−|z|)): nothing overflows, and the logarithm needs no ε. The
    gradient is (σ(z) − y) / (N K). As ``tf.nn.sigmoid_cross_entropy_with_logits``, and as Keras'
    ``binary_crossentropy`` of the output of a sigmoid, whose logits it finds.

    Guide: sigmoid-crossentropy, sigmoid-crossentropy-gradient.
    """

    takes_probabilities: ClassVar[bool] = True
    threshold: ClassVar[float] = 0.0
    """A logit above it is a yes."""

    def per_sample(self, y_true: Array, logits: Array) -> Array:  # (N, K) → (N,)
        checks.same_shape(y_true, logits)
        elements = np.maximum(logits, 0) - logits * y_true + np.log1p(np.exp(-np.abs(logits)))
        return elements.sum(axis=-1) / logits.shape[-1]

    def value(self, y_true: Array, logits: Array) -> Any:  # (N, K) → a scalar
        return self.per_sample(y_true, logits).sum() / len(logits)

    def gradient(self, y_true: Array, logits: Array) -> Array:  # (N, K) → (N, K)
        checks.same_shape(y_true, logits)
        return (1 / logits.size) * (Sigmoid().forward(logits) - y_true)
