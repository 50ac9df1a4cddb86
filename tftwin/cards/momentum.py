"""Momentum: the factor 1 − β, the place of the rate, the dtype of β, and Keras' own rules."""

from typing import Any

from tftwin.cards.adam import single
from tftwin.cards.card import Card

REFNN = "m = β m + (1 − β) g; w − lr m"


def without_factor(w: Any, g: Any, m: Any, learning_rate: float, beta: float) -> tuple[Any, Any]:
    """No 1 − β."""
    m = beta * m + g
    return w - learning_rate * m, m


def rate_inside(w: Any, g: Any, m: Any, learning_rate: float, beta: float) -> tuple[Any, Any]:
    """Each gradient keeps the rate of its own step."""
    m = beta * m - learning_rate * (1 - beta) * g
    return w + m, m


def float32_beta(w: Any, g: Any, m: Any, learning_rate: float, beta: float) -> tuple[Any, Any]:
    """β rounded to float32 in front of m."""
    m = single(beta) * m + (1 - beta) * g
    return w - learning_rate * m, m


def keras_momentum(w: Any, g: Any, m: Any, learning_rate: float, beta: float) -> tuple[Any, Any]:
    """All three, operation by operation as Keras 3."""
    m = m * single(beta) - g * learning_rate
    return w + m, m


def keras_nesterov(w: Any, g: Any, m: Any, learning_rate: float, beta: float) -> tuple[Any, Any]:
    """The same, one step ahead."""
    m = m * single(beta) - g * learning_rate
    return w + (m * single(beta) - g * learning_rate), m


def nesterov_without_factor(
    w: Any, g: Any, m: Any, learning_rate: float, beta: float
) -> tuple[Any, Any]:
    """No 1 − β."""
    m = beta * m + g
    return w - learning_rate * (beta * m + g), m


def nesterov_rate_inside(
    w: Any, g: Any, m: Any, learning_rate: float, beta: float
) -> tuple[Any, Any]:
    """Each gradient keeps the rate of its own step."""
    m = beta * m - learning_rate * (1 - beta) * g
    return w + (beta * m - learning_rate * (1 - beta) * g), m


def nesterov_float32_beta(
    w: Any, g: Any, m: Any, learning_rate: float, beta: float
) -> tuple[Any, Any]:
    """β rounded to float32 in front of m."""
    m = single(beta) * m + (1 - beta) * g
    return w - learning_rate * (single(beta) * m + (1 - beta) * g), m


MOMENTUM = (
    Card(
        name="momentum-one-minus-beta",
        of="momentum",
        kind="convention",
        function=without_factor,
        formula="m = β m + g; w − lr m",
        refnn=REFNN,
        who="Keras, PyTorch, optax, scikit-learn, MLX; Sutskever et al.",
        sentence="without 1 − β a step is 1 / (1 − β) times as long: ten times at β = 0.9",
        hints=(
            "Update: is your step as long as refnn's?",
            "refnn's momentum is a moving average of the gradients: its weights sum to 1.",
            "m = β m + (1 − β) g; yours has no 1 − β.",
        ),
        source="Sutskever, Martens, Dahl, Hinton, On the importance of initialization and "
        "momentum, ICML 2013, equation 1",
    ),
    Card(
        name="momentum-rate-inside",
        of="momentum",
        kind="convention",
        function=rate_inside,
        formula="m = β m − lr (1 − β) g; w + m",
        refnn=REFNN,
        who="Keras, TensorFlow's kernel ResourceApplyKerasMomentum, scikit-learn; Sutskever et al.",
        sentence="the rate is inside m, so that a decaying rate reaches old gradients late; at a "
        "constant rate both are equal",
        hints=(
            "Update: which rate does an old gradient have, its own or today's?",
            "Inside m each gradient keeps the rate of its step; outside, all have today's.",
            "w − lr m with m = β m + (1 − β) g; yours has the rate inside m.",
        ),
        source="keras/src/optimizers/sgd.py",
    ),
    Card(
        name="momentum-beta-float32",
        of="momentum",
        kind="convention",
        function=float32_beta,
        formula="float32(β) m",
        refnn="β m, β a Python float",
        who="Keras 3, also for float64 weights",
        sentence="β is rounded to float32: for float64 weights an error of 1e-8",
        hints=(
            "Slots: how many digits has β?",
            "0.9 in float32 is 0.89999998.",
            "Let β be a Python float: it takes the dtype of the array that it meets.",
        ),
        source="keras/src/optimizers/sgd.py: ops.cast(self.momentum, variable.dtype)",
    ),
)
"""The ways in which Keras' momentum is another one than refnn's."""

AHEAD = "m = β m + (1 − β) g; w − lr (β m + (1 − β) g)"
NESTEROV = (
    Card(
        name="nesterov-one-minus-beta",
        of="nesterov",
        kind="convention",
        function=nesterov_without_factor,
        formula="m = β m + g; w − lr (β m + g)",
        refnn=AHEAD,
        who="Keras, PyTorch, optax, scikit-learn; Sutskever et al.",
        sentence="without 1 − β a step is 1 / (1 − β) times as long: ten times at β = 0.9",
        hints=(
            "Update: is your step as long as refnn's?",
            "refnn's momentum is a moving average of the gradients: its weights sum to 1.",
            "Both places of g have the factor 1 − β; yours have none.",
        ),
        source="Sutskever, Martens, Dahl, Hinton, ICML 2013, section 2",
    ),
    Card(
        name="nesterov-rate-inside",
        of="nesterov",
        kind="convention",
        function=nesterov_rate_inside,
        formula="m = β m − lr (1 − β) g; w + β m − lr (1 − β) g",
        refnn=AHEAD,
        who="Keras, TensorFlow's kernel ResourceApplyKerasMomentum, scikit-learn",
        sentence="the rate is inside m, so that a decaying rate reaches old gradients late; at a "
        "constant rate both are equal",
        hints=(
            "Update: which rate does an old gradient have, its own or today's?",
            "Inside m each gradient keeps the rate of its step; outside, all have today's.",
            "w − lr (β m + (1 − β) g); yours has the rate inside m.",
        ),
        source="keras/src/optimizers/sgd.py",
    ),
    Card(
        name="nesterov-beta-float32",
        of="nesterov",
        kind="convention",
        function=nesterov_float32_beta,
        formula="float32(β) m",
        refnn="β m, β a Python float",
        who="Keras 3, also for float64 weights",
        sentence="β is rounded to float32: for float64 weights an error of 1e-8",
        hints=(
            "Slots: how many digits has β?",
            "0.9 in float32 is 0.89999998.",
            "Let β be a Python float: it takes the dtype of the array that it meets.",
        ),
        source="keras/src/optimizers/sgd.py: ops.cast(self.momentum, variable.dtype)",
    ),
)
"""The ways in which Keras' Nesterov momentum is another one than refnn's."""
