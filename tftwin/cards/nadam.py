"""Nadam: Adam with Nesterov's look-ahead, as Keras 3 computes it."""

from typing import Any

import numpy as np

from tftwin.cards.adam import Updated, single

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
