"""Nadam: Adam with Nesterov's look-ahead, as Keras 3 computes it."""

from typing import Any

import numpy as np

from tftwin.cards.adam import Updated, single
from tftwin.cards.card import Card

DECAY = 0.96
"""Of the schedule of β₁: μ_t = β₁ (1 − ½ · 0.96ᵗ)."""


def keras_nadam(
    w: Any,
    g: Any,
    m: Any,
    v: Any,
    t: int,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> Updated:
    """m̂ = μ_(t+1) m / (1 − Π_(t+1)) + (1 − μ_t) g / (1 − Π_t), where Π_t = μ₁ … μ_t.

    Operation by operation as Keras 3: its scalars have the dtype of w, and both β, and 0.96 but in
    Π, were rounded to float32 before.
    """
    number = w.dtype.type
    beta, beta_v, decay = (number(single(a)) for a in (beta_1, beta_2, DECAY))
    mu = beta * (1.0 - 0.5 * decay ** number(t))
    mu_next = beta * (1.0 - 0.5 * decay ** number(t + 1))
    product = number(1)
    for step in range(1, t + 1):
        product = product * beta_1 * (1.0 - 0.5 * number(DECAY) ** number(step))
    m = m + (g - m) * (1 - beta)
    v = v + (np.square(g) - v) * (1 - beta_v)
    m_hat = mu_next * m / (1 - product * mu_next) + (1 - mu) * g / (1 - product)
    v_hat = v / (1 - beta_v ** number(t))
    return w - m_hat * number(learning_rate) / (np.sqrt(v_hat) + epsilon), m, v


def float32_betas(
    w: Any,
    g: Any,
    m: Any,
    v: Any,
    t: int,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    momentum_decay: float = 1.0,
) -> Updated:
    """β₁, β₂ and 0.96 rounded to float32, but not in Π."""

    def mu(step: int, beta: float, decay: float) -> float:
        share: float = decay ** (momentum_decay * step)
        return beta * (1 - 0.5 * share)

    product = 1.0
    for step in range(1, t + 1):
        product *= mu(step, beta_1, DECAY)
    beta_1, beta_2, decay = single(beta_1), single(beta_2), single(DECAY)
    now, ahead = mu(t, beta_1, decay), mu(t + 1, beta_1, decay)
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * np.square(g)
    m_hat = ahead * m / (1 - product * ahead) + (1 - now) * g / (1 - product)
    v_hat = v / (1 - beta_2**t)
    return w - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v


NADAM = (
    Card(
        name="nadam-beta-float32",
        of="nadam",
        kind="convention",
        function=float32_betas,
        formula="float32(β₁), float32(β₂), float32(0.96)",
        refnn="β₁, β₂ and 0.96 as Python floats",
        who="Keras 3, also for float64 weights",
        sentence="both β and 0.96 are rounded to float32: for float64 weights an error of 1e-8",
        hints=(
            "Slots: how many digits has β?",
            "0.999 in float32 is 0.99900001.",
            "Let β be a Python float: it takes the dtype of the array that it meets.",
        ),
        source="keras/src/optimizers/nadam.py: ops.cast(self.beta_2, var_dtype)",
    ),
)
"""The way in which Keras' Nadam is another one than refnn's with momentum_decay = 1."""
