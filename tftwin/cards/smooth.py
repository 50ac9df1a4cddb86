"""Cards of elu, selu and softplus."""

from typing import Any

import numpy as np

from refnn.activations import Selu
from tftwin.cards.card import MEASURED, Card
from tftwin.cards.makers import (
    FORM,
    UPSTREAM,
    elu,
    elu_back,
    selu,
    selu_back,
    softplus,
    softplus_back,
)

SCALE, BOTH = Selu.scale, Selu.scale_alpha
ALPHA = BOTH / SCALE


def _sigma(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def _below(x: Any) -> Any:
    return np.expm1(np.minimum(x, 0))


def elu_by_exp(x: Any, alpha: float) -> Any:
    """α (eˣ − 1) with exp: it cancels near 0."""
    return (np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1)),)


def elu_without_alpha(x: Any, alpha: float) -> Any:
    """eˣ − 1: α is missing."""
    return (np.where(x > 0, x, _below(x)),)


def elu_without_one(x: Any, alpha: float) -> Any:
    """α eˣ below 0: it jumps at 0."""
    return (np.where(x > 0, x, alpha * np.exp(np.minimum(x, 0))),)


def elu_of_alpha(x: Any, alpha: float) -> Any:
    """e^(α x) − 1."""
    return (np.where(x > 0, x, np.expm1(np.minimum(alpha * x, 0))),)


def elu_back_by_exp(dy: Any, x: Any, y: Any, alpha: float) -> Any:
    """dy α eˣ below 0, from x."""
    return (np.where(x > 0, dy, dy * (alpha * np.exp(np.minimum(x, 0)))),)


def elu_back_of_y(dy: Any, x: Any, y: Any, alpha: float) -> Any:
    """dy y below 0: + α is missing."""
    return (np.where(x > 0, dy, dy * y),)


def elu_back_plus_one(dy: Any, x: Any, y: Any, alpha: float) -> Any:
    """dy (y + 1) below 0: right for α = 1 alone."""
    return (np.where(x > 0, dy, dy * (y + 1)),)


def elu_back_of_relu(dy: Any, x: Any, y: Any, alpha: float) -> Any:
    """0 below 0."""
    return (dy * (x > 0),)


def elu_back_without_dy(dy: Any, x: Any, y: Any, alpha: float) -> Any:
    """The bare slope."""
    return (np.where(x > 0, np.ones_like(dy), y + alpha),)


def elu_back_one_at_zero(dy: Any, x: Any, y: Any, alpha: float) -> Any:
    """1 where x ≥ 0."""
    return (np.where(x >= 0, dy, dy * (y + alpha)),)


def selu_by_exp(x: Any) -> Any:
    """λ α (eˣ − 1) with exp."""
    return (np.where(x >= 0, SCALE * x, BOTH * (np.exp(np.minimum(x, 0)) - 1)),)


def selu_without_scale(x: Any) -> Any:
    """Elu with selu's α: λ is missing."""
    return (np.where(x >= 0, x, ALPHA * _below(x)),)


def selu_scale_above(x: Any) -> Any:
    """λ above 0 alone."""
    return (np.where(x >= 0, SCALE * x, ALPHA * _below(x)),)


def selu_rounded(x: Any) -> Any:
    """λ = 1.0507 and α = 1.6733, as they are often typed."""
    return (np.where(x >= 0, 1.0507 * x, 1.0507 * 1.6733 * _below(x)),)


def selu_back_by_exp(dy: Any, x: Any, y: Any) -> Any:
    """dy λ α eˣ below 0, from x."""
    return (np.where(x >= 0, dy * SCALE, dy * (BOTH * np.exp(np.minimum(x, 0)))),)


def selu_back_at_zero(dy: Any, x: Any, y: Any) -> Any:
    """λ α at 0."""
    return (np.where(x > 0, dy * SCALE, dy * (y + BOTH)),)


def selu_back_of_elu(dy: Any, x: Any, y: Any) -> Any:
    """1 above 0: λ is missing there."""
    return (np.where(x >= 0, dy, dy * (y + BOTH)),)


def selu_back_without_dy(dy: Any, x: Any, y: Any) -> Any:
    """The bare slope."""
    return (np.where(x >= 0, SCALE * np.ones_like(dy), y + BOTH),)


def softplus_plain(x: Any) -> Any:
    """ln(1 + eˣ) as it is written: infinite where eˣ overflows, 0 where it is below a rounding."""
    return (np.log(1 + np.exp(x)),)


def softplus_log10(x: Any) -> Any:
    """log₁₀(1 + eˣ)."""
    return ((np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))) / np.log(10.0),)


def softplus_of_minus(x: Any) -> Any:
    """ln(1 + e⁻ˣ)."""
    return (np.maximum(-x, 0) + np.log1p(np.exp(-np.abs(x))),)


def softplus_back_of_sigmoid(dy: Any, x: Any, y: Any) -> Any:
    """dy σ (1 − σ): the second derivative."""
    s = _sigma(x)
    return (dy * (s * (1 - s)),)


def softplus_back_of_y(dy: Any, x: Any, y: Any) -> Any:
    """dy σ(y)."""
    return (dy * _sigma(y),)


def softplus_back_of_relu(dy: Any, x: Any, y: Any) -> Any:
    """1 above 0, 0 below."""
    return (dy * (x > 0),)


def softplus_back_from_y(dy: Any, x: Any, y: Any) -> Any:
    """dy (1 − e⁻ʸ): the same function, from the output."""
    return (dy * -np.expm1(-y),)


def softplus_back_by_tanh(dy: Any, x: Any, y: Any) -> Any:
    """dy ½ (1 + tanh(x/2)): it cancels for large negative x."""
    return (dy * (0.5 * (1 + np.tanh(0.5 * x))),)


def softplus_back_without_dy(dy: Any, x: Any, y: Any) -> Any:
    """The bare slope."""
    return (_sigma(x),)


CANCELS = ("how many digits has the result at x = −1e-6?", "eˣ − 1 cancels near 0: np.expm1.")
BELOW = ("what is the slope at x = −1?", "Below 0 the derivative of α (eˣ − 1) is α eˣ.")
CONVENTION: Any = {"kind": "convention", "source": MEASURED}

CARDS: list[Card] = [
    elu("elu-by-exp", elu_by_exp, "α (eˣ − 1) by a subtraction",
        "The same values; near 0 they lose digits.", *CANCELS,
        kind="form", who="TensorFlow's kernel"),
    elu("elu-alpha-missing", elu_without_alpha, "eˣ − 1 below 0", "α is missing.",
        "does the result change with α?", "α is the depth below 0."),
    elu("elu-one-missing", elu_without_one, "α eˣ below 0", "The − 1 is missing: it jumps at 0.",
        "what is elu just below 0?", "elu is continuous: 0 at 0."),
    elu("elu-alpha-inside", elu_of_alpha, "e^(α x) − 1 below 0",
        "α stands in the exponent, and belongs in front.", "where does elu go for x → −∞?",
        "It goes to −α."),
    elu_back("elu-back-by-exp", elu_back_by_exp, "dy α eˣ below 0",
             "The same values, from x and not from y.", *BELOW, **FORM),
    elu_back("elu-alpha-not-added", elu_back_of_y, "dy y below 0", "+ α is missing.", *BELOW),
    elu_back("elu-one-for-alpha", elu_back_plus_one, "dy (y + 1) below 0",
             "This is right for α = 1 alone.", "does the slope change with α?",
             "y = α eˣ − α, so α eˣ = y + α."),
    elu_back("elu-derivative-of-relu", elu_back_of_relu, "0 below 0",
             "Below 0 elu has a slope.", *BELOW),
    elu_back("elu-dy-ignored", elu_back_without_dy, "1, or y + α",
             "The upstream gradient dy is missing.", *UPSTREAM),
    elu_back("kink-elu-one", elu_back_one_at_zero, "dy where x ≥ 0",
             "At x = 0 the slope from the right is taken: 1. refnn and TensorFlow take α.",
             "what is the slope at exactly 0?", "At a kink each library chooses.",
             who="code with np.where(x >= 0, …)", kind="convention"),
    selu("selu-by-exp", selu_by_exp, "λ α (eˣ − 1) by a subtraction",
         "The same values; near 0 they lose digits.", *CANCELS,
         kind="form", who="TensorFlow's kernel"),
    selu("selu-scale-missing", selu_without_scale, "x, or α (eˣ − 1)", "λ is missing.",
         "what is the slope above 0?", "Above 0 it is λ = 1.0507…"),
    selu("selu-scale-above", selu_scale_above, "λ x, or α (eˣ − 1)",
         "λ is missing below 0.", "where does selu go for x → −∞?", "It goes to −λ α."),
    selu("selu-rounded", selu_rounded, "λ = 1.0507, α = 1.6733",
         "The constants have five digits, so the result has five.",
         "how many digits have λ and α?", "They have as many as the dtype holds."),
    selu_back("selu-back-by-exp", selu_back_by_exp, "dy λ α eˣ below 0",
              "The same values, from x and not from y.", *BELOW, **FORM),
    selu_back("kink-selu-below", selu_back_at_zero, "dy λ where x > 0, else dy (y + λ α)",
              "At x = 0 the slope from the left is taken: λ α. refnn and TensorFlow take λ.",
              "what is the slope at exactly 0?", "At a kink each library chooses.",
              who="PyTorch", **CONVENTION),
    selu_back("selu-scale-not-above", selu_back_of_elu, "dy above 0", "λ is missing above 0.",
              "what is the slope above 0?", "Above 0 it is λ."),
    selu_back("selu-dy-ignored", selu_back_without_dy, "λ, or y + λ α",
              "The upstream gradient dy is missing.", *UPSTREAM),
    softplus("softplus-plain", softplus_plain, "ln(1 + eˣ) as it is written",
             "The same values on ordinary numbers; infinite where eˣ overflows.",
             "what is softplus(1000)?", "For large x it is x: take max(x, 0) out.", **FORM),
    softplus("softplus-log10", softplus_log10, "log₁₀(1 + eˣ)", "The logarithm has the base 10.",
             "what is softplus(0)?", "It is ln 2 = 0.693…: the natural logarithm."),
    softplus("softplus-sign", softplus_of_minus, "ln(1 + e⁻ˣ)", "The sign of x is wrong.",
             "does softplus rise or fall?", "It is a smooth relu: it rises."),
    softplus_back("softplus-second-derivative", softplus_back_of_sigmoid, "dy σ(x)(1 − σ(x))",
                  "This is σ', the second derivative.", "what is the slope for large x?",
                  "It goes to 1: the slope is σ itself."),
    softplus_back("softplus-derivative-of-y", softplus_back_of_y, "dy σ(y)",
                  "σ is taken of the output.", "of which number is σ taken?",
                  "The derivative is σ(x)."),
    softplus_back("softplus-derivative-of-relu", softplus_back_of_relu, "1 above 0, else 0",
                  "This is relu's derivative.", "what is the slope at 0?", "It is ½."),
    softplus_back("softplus-from-y", softplus_back_from_y, "dy (1 − e⁻ʸ)",
                  "The same values, from y and not from x.", "is it more than a way to write it?",
                  "1 − e^(−ln(1 + eˣ)) = σ(x).", **FORM),
    softplus_back("softplus-back-by-tanh", softplus_back_by_tanh, "dy ½ (1 + tanh(x/2))",
                  "The same values; small results lose digits, because 1 + tanh cancels.",
                  "how many digits has σ(−30)?", "A difference of near numbers loses digits.",
                  **FORM),
    softplus_back("softplus-dy-ignored", softplus_back_without_dy, "σ(x)",
                  "The upstream gradient dy is missing.", *UPSTREAM),
]  # fmt: skip
