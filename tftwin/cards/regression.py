"""Cards of the mean absolute error."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tftwin.cards.card import MEASURED, Card
from tftwin.cards.makers import CONVENTION, DIVIDE, mae, mae_back


def mae_over(divisor: Callable[[int, int], float]) -> Any:
    """Return Σ |d| over another divisor of N and K."""

    def function(y_true: Any, y_pred: Any) -> Any:
        return (np.abs(y_pred - y_true).sum() / divisor(*y_pred.shape),)

    return function


def mae_gradient_over(factor: Callable[[int, int], float]) -> Any:
    """Return sign(d) times another factor of N and K."""

    def function(y_true: Any, y_pred: Any) -> Any:
        return (factor(*y_pred.shape) * np.sign(y_pred - y_true),)

    return function


def mae_squared(y_true: Any, y_pred: Any) -> Any:
    """The mean of d²."""
    return (np.square(y_pred - y_true).sum() / y_pred.size,)


def mae_signed(y_true: Any, y_pred: Any) -> Any:
    """The mean of d: errors of both signs cancel."""
    return ((y_pred - y_true).sum() / y_pred.size,)


def mae_gradient_one(y_true: Any, y_pred: Any) -> Any:
    """1/(N K) where d = 0 too."""
    d = y_pred - y_true
    return ((1 / d.size) * np.where(d >= 0, np.ones_like(d), -np.ones_like(d)),)


def mae_gradient_minus(y_true: Any, y_pred: Any) -> Any:
    """−1/(N K) where d = 0 too."""
    d = y_pred - y_true
    return ((1 / d.size) * np.where(d > 0, np.ones_like(d), -np.ones_like(d)),)


def mae_gradient_of_square(y_true: Any, y_pred: Any) -> Any:
    """d / (N K)."""
    d = y_pred - y_true
    return ((1 / d.size) * d,)


KINK = ("what is the derivative where they are equal?", "At a kink each library chooses.")

CARDS: list[Card] = [
    mae("mae-over-rows", mae_over(lambda n, k: n), "Σ |d| / N", "Divided by the rows alone.",
        *DIVIDE, who="courses with one output", **CONVENTION),
    mae("mae-sum", mae_over(lambda n, k: 1), "Σ |d|", "A sum, not a mean.", *DIVIDE),
    mae("mae-squared", mae_squared, "mean d²", "This is the mean squared error.",
        "is an error of 2 twice or four times an error of 1?", "Absolute values, not squares."),
    mae("mae-signed", mae_signed, "mean d", "The absolute value is missing: errors cancel.",
        "can the loss be negative?", "A distance has no sign."),
    mae_back("mae-gradient-over-rows", mae_gradient_over(lambda n, k: 1 / n), "sign(d) / N",
             "Divided by the rows alone.", *DIVIDE, who="courses with one output", **CONVENTION),
    mae_back("mae-gradient-raw", mae_gradient_over(lambda n, k: 1), "sign(d)",
             "The gradient of the sum: 1/(N K) is missing.", *DIVIDE),
    mae_back("mae-gradient-sign", mae_gradient_over(lambda n, k: -1 / (n * k)), "−sign(d) / (N K)",
             "The sign is wrong: training climbs.", "in which direction does the loss grow?",
             "d = y_pred − y_true."),
    mae_back("kink-mae-one", mae_gradient_one, "1 / (N K) where d = 0",
             "Where prediction and target are equal, JAX gives 1/(N K); refnn, Keras and PyTorch "
             "give 0.", *KINK, who="JAX", source=MEASURED,
             **CONVENTION),
    mae_back("kink-mae-minus", mae_gradient_minus, "−1 / (N K) where d = 0",
             "Where they are equal the derivative from the left is taken.", *KINK,
             who="code with np.where(d > 0, 1, -1)", **CONVENTION),
    mae_back("mae-gradient-of-square", mae_gradient_of_square, "d / (N K)",
             "This is half the gradient of the mean squared error.",
             "does the gradient grow with the error?", "|d|' is 1 or −1."),
]  # fmt: skip
