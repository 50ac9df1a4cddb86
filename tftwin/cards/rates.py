"""Learning rates: the dtype in which a library keeps or computes them."""

import numpy as np

from tftwin.cards.adam import single
from tftwin.cards.card import Card


def rounded_rate(learning_rate: float) -> tuple[float]:
    """A constant rate, in float32."""
    return (single(learning_rate),)


def decay_in_float32(
    step: int,
    initial_learning_rate: float,
    decay_rate: float,
    decay_steps: int,
    staircase: bool,
) -> tuple[float]:
    """Every number in float32, as Keras computes Python numbers."""
    exponent = np.float32(step) / np.float32(decay_steps)
    if staircase:
        exponent = np.floor(exponent)
    return (float(np.float32(initial_learning_rate) * np.float32(decay_rate) ** exponent),)


RATES = (
    Card(
        name="rate-dtype",
        of="constant",
        kind="convention",
        function=rounded_rate,
        formula="float32(lr)",
        refnn="lr, a Python float",
        who="Keras: the rate is a variable of floatx, which is float32 unless you change it",
        sentence="the rate is a float32 variable: 0.1 is 0.10000000149, also for float64 weights",
        hints=(
            "Learning rate: how many digits has it?",
            "A number that is stored in float32 has 7 digits, whatever it is multiplied with.",
            "Let the rate be a Python float, or call keras.config.set_floatx('float64').",
        ),
        source="keras/src/optimizers/base_optimizer.py: dtype=backend.floatx()",
    ),
    Card(
        name="decay-float32",
        of="exponential_decay",
        kind="convention",
        function=decay_in_float32,
        formula="lr₀ · r^(t / s), all in float32",
        refnn="lr₀ · r^(t / s) in Python floats",
        who="Keras, TensorFlow 1: for Python numbers; in float64 if lr₀ is one of NumPy",
        sentence="the schedule is computed in float32: an error of about 1e-7, and more after many "
        "steps",
        hints=(
            "Learning rate: how many digits has the schedule's power?",
            "r^x multiplies the rounding error of r by x.",
            "Compute the schedule in Python floats.",
        ),
        source="keras/src/optimizers/schedules/learning_rate_schedule.py",
    ),
)
"""The ways in which Keras' rates are others than refnn's."""
