"""Adagrad and RMSProp: where ε stands, and where v starts."""

from typing import Any

import numpy as np

from tftwin.cards.card import Card

DUCHI = "Duchi, Hazan, Singer, Adaptive subgradient methods, JMLR 12, 2011"
START = 0.1
"""Keras' and TensorFlow's default ``initial_accumulator_value``."""


def adagrad_epsilon_inside(
    w: Any, g: Any, v: Any, learning_rate: float, epsilon: float
) -> tuple[Any, Any]:
    """ε inside the root: Keras 3's rule, operation by operation."""
    v = v + np.square(g)
    return w - learning_rate * g / np.sqrt(v + epsilon), v


def adagrad_start(
    w: Any, g: Any, v: Any, learning_rate: float, epsilon: float, start: float = START
) -> tuple[Any, Any]:
    """v₀ = 0.1; the slot is v − v₀, which starts at 0 as refnn's."""
    v = v + np.square(g)
    return w - learning_rate * g / (np.sqrt(v + start) + epsilon), v


def rmsprop_epsilon_inside(
    w: Any, g: Any, v: Any, learning_rate: float, beta: float, epsilon: float
) -> tuple[Any, Any]:
    """ε inside the root: Keras 3's rule, operation by operation."""
    v = beta * v + (1 - beta) * np.square(g)
    return w - learning_rate * g / np.sqrt(v + epsilon), v


ADAGRAD = (
    Card(
        name="adagrad-epsilon-place",
        of="adagrad",
        kind="convention",
        function=adagrad_epsilon_inside,
        formula="w − lr g / √(v + ε)",
        refnn="w − lr g / (√v + ε)",
        who="Keras 3, optax",
        sentence="ε is inside the root: √1e-7 = 3e-4 where refnn adds 1e-7",
        hints=(
            "Update: what is added to what, before the division?",
            "ε keeps the divisor away from 0. Inside the root it weighs √ε.",
            "√v + ε; yours is √(v + ε).",
        ),
        source="keras/src/optimizers/adagrad.py",
    ),
    Card(
        name="adagrad-start",
        of="adagrad",
        kind="convention",
        function=adagrad_start,
        formula="v₀ = 0.1",
        refnn="v₀ = 0",
        who="Keras 2 and 3, TensorFlow 1, optax",
        sentence="v starts at 0.1: small gradients move little, and the first move is no longer lr",
        hints=(
            "Slots: where does v start?",
            "With v₀ = 0 the first move is lr for every parameter. Another start changes that.",
            "v₀ = 0; yours starts at 0.1.",
        ),
        source=f"keras/src/optimizers/adagrad.py: initial_accumulator_value; {DUCHI}, has δ in "
        "the place of ε",
    ),
)
"""The ways in which Keras' Adagrad is another one than refnn's."""

RMSPROP = (
    Card(
        name="rmsprop-epsilon-place",
        of="rmsprop",
        kind="convention",
        function=rmsprop_epsilon_inside,
        formula="w − lr g / √(v + ε)",
        refnn="w − lr g / (√v + ε)",
        who="Keras 3, TensorFlow's kernel ResourceApplyRMSProp, optax by default",
        sentence="ε is inside the root: √1e-7 = 3e-4 where refnn adds 1e-7",
        hints=(
            "Update: what is added to what, before the division?",
            "ε keeps the divisor away from 0. Inside the root it weighs √ε.",
            "√v + ε; yours is √(v + ε).",
        ),
        source="keras/src/optimizers/rmsprop.py",
    ),
)
"""The way in which Keras' RMSprop is another one than refnn's."""
