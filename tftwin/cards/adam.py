"""Adam: where ε stands, in which dtype the corrections are computed, and Keras' own rule."""

from typing import Any

import numpy as np

from tftwin.cards.card import Card

Updated = tuple[Any, Any, Any]
REFNN = "m̂ = m / (1 − β₁ᵗ); v̂ = v / (1 − β₂ᵗ); w − lr m̂ / (√v̂ + ε)"
PAPER = "Kingma and Ba, Adam, ICLR 2015"


def single(number: float) -> float:
    """Return a number rounded to float32, as a Python float."""
    return float(np.float32(number))


def epsilon_hat(
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
    """ε at the root of the uncorrected v."""
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * np.square(g)
    alpha = learning_rate * (1 - beta_2**t) ** 0.5 / (1 - beta_1**t)
    return w - alpha * m / (np.sqrt(v) + epsilon), m, v


def float32_corrections(
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
    """1 − βᵗ from a β that was rounded to float32."""
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * np.square(g)
    m_hat = m / (1 - single(beta_1) ** t)
    v_hat = v / (1 - single(beta_2) ** t)
    return w - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v


def ema(
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
    """m + (g − m)(1 − β)."""
    m = m + (g - m) * (1 - beta_1)
    v = v + (np.square(g) - v) * (1 - beta_2)
    m_hat = m / (1 - beta_1**t)
    v_hat = v / (1 - beta_2**t)
    return w - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v


def keras_adam(
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
    """All three, operation by operation as Keras 3; its scalars have the dtype of w."""
    number = w.dtype.type
    power_1 = number(single(beta_1)) ** number(t)
    power_2 = number(single(beta_2)) ** number(t)
    alpha = number(learning_rate) * np.sqrt(1 - power_2) / (1 - power_1)
    m = m + (g - m) * (1 - beta_1)
    v = v + (np.square(g) - v) * (1 - beta_2)
    return w - m * alpha / (np.sqrt(v) + epsilon), m, v


ADAM = (
    Card(
        name="adam-epsilon-place",
        of="adam",
        kind="convention",
        function=epsilon_hat,
        formula="α = lr √(1 − β₂ᵗ) / (1 − β₁ᵗ); w − α m / (√v + ε)",
        refnn=REFNN,
        who="Keras 2 and 3, TensorFlow's kernel ResourceApplyAdam, scikit-learn's MLP",
        sentence="ε is added to the root of the uncorrected v: at t = 1 and β₂ = 0.999 it weighs "
        "31.6 times as much",
        hints=(
            "Update: is ε added before or after the correction of v?",
            "The paper has two forms. Algorithm 1 corrects v and then adds ε; the faster form at "
            "the end of its section 2 corrects the rate, so that its ε̂ meets the uncorrected v.",
            "w − lr m̂ / (√v̂ + ε) with v̂ = v / (1 − β₂ᵗ); yours is α m / (√v + ε).",
        ),
        source=f"{PAPER}: Algorithm 1, and the end of section 2",
    ),
    Card(
        name="adam-correction-precision",
        of="adam",
        kind="convention",
        function=float32_corrections,
        formula="1 − float32(β)ᵗ",
        refnn="1 − βᵗ in Python floats",
        who="Keras 3, also for float64 weights",
        sentence="β is rounded to float32 before 1 − βᵗ: the first move is off by 6.7e-6, and the "
        "difference fades within some thousand steps",
        hints=(
            "Update: how many digits has 1 − βᵗ?",
            "0.999 in float32 is off by 1.3e-8, and 1 − 0.999 is only 0.001: the difference has "
            "1.3e-5 of relative error.",
            "Compute 1 − β**t in Python floats, and round the quotient only.",
        ),
        source="keras/src/optimizers/adam.py: ops.cast(self.beta_2, variable.dtype)",
    ),
    Card(
        name="ema-form",
        of="adam",
        kind="form",
        function=ema,
        formula="m + (g − m)(1 − β)",
        refnn="β m + (1 − β) g",
        who="Keras 3, TensorFlow's kernel; PyTorch's lerp",
        sentence="the moving averages round otherwise: same value, other last bits",
        hints=(
            "Slots: is your moving average equal to refnn's but for the last bits?",
            "Two ways to write one average round at different places.",
            "β m + (1 − β) g, where yours is m + (g − m)(1 − β).",
        ),
        source="keras/src/optimizers/adam.py",
    ),
)
"""The ways in which Keras' Adam is another one than refnn's."""
