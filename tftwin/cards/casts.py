"""Numbers that a library rounds to float32 on their way to float64 arrays."""

from typing import Any

import numpy as np

from tftwin.cards.adam import single
from tftwin.cards.card import Card


def leaky_relu(x: Any, alpha: float) -> tuple[Any]:
    """The slope rounded to float32."""
    return (np.where(x > 0, x, single(alpha) * x),)


def l2_penalty(W: Any, rate: float) -> tuple[Any]:
    """λ rounded to float32."""
    return (single(rate) * (np.square(W).sum() / 2),)


CASTS = (
    Card(
        name="leaky-slope-float32",
        of="leaky_relu",
        kind="convention",
        function=leaky_relu,
        formula="x > 0 ? x : float32(α) x",
        refnn="x > 0 ? x : α x",
        who="tf.nn.leaky_relu, keras.activations.leaky_relu, also for float64 arrays",
        sentence="the slope is rounded to float32: 0.2 is 0.20000000298",
        hints=(
            "Forward: how many digits has the slope?",
            "TensorFlow's kernel keeps the slope as a float32 attribute.",
            "α x with α a Python float; 0.2 in float32 is 0.20000000298.",
        ),
        source="tensorflow/core/ops/nn_ops.cc: alpha: float = 0.2",
    ),
    Card(
        name="l2-rate-float32",
        of="l2_penalty",
        kind="convention",
        function=l2_penalty,
        formula="float32(λ) ½ Σ w²",
        refnn="λ ½ Σ w²",
        who="Keras 3, also for float64 weights",
        sentence="λ is rounded to float32: 0.01 is 0.00999999978",
        hints=(
            "Penalty: how many digits has λ?",
            "A Python number that is cast to float64 by way of float32 has 7 digits.",
            "λ ½ Σ w² with λ a Python float.",
        ),
        source="keras/src/regularizers/regularizers.py: ops.cast(self.l2, dtype=x.dtype)",
    ),
)
"""Keras' casts of Python numbers."""
