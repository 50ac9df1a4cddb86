"""Cards of the binary crossentropies: from probabilities, and from logits."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tftwin.cards.card import MEASURED, Card
from tftwin.cards.makers import CONVENTION, DIVIDE, FORM, bce, bce_back, logits, logits_back

CLIP = 1e-7


def _clipped(p: Any) -> Any:
    return np.clip(p, CLIP, 1 - CLIP)


def _elements(y: Any, c: Any) -> Any:
    return y * np.log(c) + (1 - y) * np.log(1 - c)


def _sigma(z: Any) -> Any:
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def _from_logits(y: Any, z: Any) -> Any:
    return np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))


def bce_over(divisor: Callable[[int, int], float]) -> Any:
    """Return the sum over another divisor of N and K."""

    def function(y_true: Any, y_pred: Any) -> Any:
        return (-_elements(y_true, _clipped(y_pred)).sum() / divisor(*y_pred.shape),)

    return function


def bce_plain(y_true: Any, y_pred: Any) -> Any:
    """Without a clip: infinite or NaN at 0 and 1."""
    return (-_elements(y_true, y_pred).sum() / y_pred.size,)


def bce_epsilon(y_true: Any, y_pred: Any) -> Any:
    """Clipped, and 1e-7 inside the logarithm too."""
    c = _clipped(y_pred)
    elements = y_true * np.log(c + CLIP) + (1 - y_true) * np.log(1 - c + CLIP)
    return (-elements.sum() / c.size,)


def bce_epsilon_of_yes(y_true: Any, y_pred: Any) -> Any:
    """1e-7 inside the logarithm of the yes alone."""
    c = _clipped(y_pred)
    elements = y_true * np.log(c + CLIP) + (1 - y_true) * np.log(1 - c)
    return (-elements.sum() / c.size,)


def bce_gradient_clipped_fused(y_true: Any, y_pred: Any) -> Any:
    """(c − y) / (N K), 0 where clipped."""
    dc = (1 / y_pred.size) * (_clipped(y_pred) - y_true)
    return (np.where((y_pred >= CLIP) & (y_pred <= 1 - CLIP), dc, 0),)


def logits_without_absolute(y_true: Any, logits: Any) -> Any:
    """The stable form without |z|."""
    elements = np.maximum(logits, 0) - logits * y_true + np.log1p(np.exp(-logits))
    return (elements.sum() / logits.size,)


def bce_log_clamped(y_true: Any, y_pred: Any) -> Any:
    """No logarithm below −100."""
    with np.errstate(divide="ignore"):
        one, other = np.log(y_pred), np.log(1 - y_pred)
    elements = y_true * np.maximum(one, -100) + (1 - y_true) * np.maximum(other, -100)
    return (-elements.sum() / y_pred.size,)


def bce_clipped_at(edge: float) -> Any:
    """Return the loss with another clip."""

    def function(y_true: Any, y_pred: Any) -> Any:
        c = np.clip(y_pred, edge, 1 - edge)
        return (-_elements(y_true, c).sum() / c.size,)

    return function


def bce_of_yes(y_true: Any, y_pred: Any) -> Any:
    """−y ln c alone: nothing pulls down where y is 0."""
    return (-(y_true * np.log(_clipped(y_pred))).sum() / y_pred.size,)


def bce_sign(y_true: Any, y_pred: Any) -> Any:
    """The minus is missing."""
    return (_elements(y_true, _clipped(y_pred)).sum() / y_pred.size,)


def bce_swapped(y_true: Any, y_pred: Any) -> Any:
    """y and p exchanged."""
    return (-_elements(y_pred, _clipped(y_true)).sum() / y_pred.size,)


def _bce_slope(y: Any, c: Any) -> Any:
    return (1 - y) * (1 / (1 - c)) - y * (1 / c)


def bce_gradient_over(factor: Callable[[int, int], float]) -> Any:
    """Return the gradient with another factor of N and K."""

    def function(y_true: Any, y_pred: Any) -> Any:
        dc = factor(*y_pred.shape) * _bce_slope(y_true, _clipped(y_pred))
        return (np.where((y_pred >= CLIP) & (y_pred <= 1 - CLIP), dc, 0),)

    return function


def bce_gradient_through_clip(y_true: Any, y_pred: Any) -> Any:
    """Not 0 where p was clipped."""
    return ((1 / y_pred.size) * _bce_slope(y_true, _clipped(y_pred)),)


def bce_gradient_in_one(y_true: Any, y_pred: Any) -> Any:
    """(c − y) / (c (1 − c)) / (N K), 0 where clipped: the same, in one fraction."""
    c = _clipped(y_pred)
    dc = (c - y_true) / (c * (1 - c)) / c.size
    return (np.where((y_pred >= CLIP) & (y_pred <= 1 - CLIP), dc, 0),)


def bce_gradient_fused(y_true: Any, y_pred: Any) -> Any:
    """(p − y) / (N K): by the logits."""
    return ((1 / y_pred.size) * (y_pred - y_true),)


def bce_gradient_of_yes(y_true: Any, y_pred: Any) -> Any:
    """−y / c alone."""
    dc = -(1 / y_pred.size) * (y_true * (1 / _clipped(y_pred)))
    return (np.where((y_pred >= CLIP) & (y_pred <= 1 - CLIP), dc, 0),)


def logits_over(divisor: Callable[[int, int], float]) -> Any:
    """Return the sum over another divisor of N and K."""

    def function(y_true: Any, logits: Any) -> Any:
        return (_from_logits(y_true, logits).sum() / divisor(*logits.shape),)

    return function


def logits_composed(y_true: Any, logits: Any) -> Any:
    """σ, then the logarithm: infinite where σ rounds to 0 or 1."""
    return (-_elements(y_true, _sigma(logits)).sum() / logits.size,)


def logits_sign(y_true: Any, logits: Any) -> Any:
    """+ z y."""
    elements = np.maximum(logits, 0) + logits * y_true + np.log1p(np.exp(-np.abs(logits)))
    return (elements.sum() / logits.size,)


def logits_not_squashed(y_true: Any, logits: Any) -> Any:
    """The logits taken for probabilities."""
    return (-_elements(y_true, _clipped(logits)).sum() / logits.size,)


def logits_gradient_over(factor: Callable[[int, int], float]) -> Any:
    """Return σ(z) − y with another factor of N and K."""

    def function(y_true: Any, logits: Any) -> Any:
        return (factor(*logits.shape) * (_sigma(logits) - y_true),)

    return function


def logits_gradient_again(y_true: Any, logits: Any) -> Any:
    """(p − y) p (1 − p) / (N K)."""
    p = _sigma(logits)
    return ((1 / p.size) * ((p - y_true) * (p * (1 - p))),)


def logits_gradient_of_logits(y_true: Any, logits: Any) -> Any:
    """(z − y) / (N K)."""
    return ((1 / logits.size) * (logits - y_true),)


ZERO = ("what is the loss where p = 0 or p = 1?", "A clip or an ε keeps the logarithm from 0.")
YES = ("what is the loss of a wrong yes?", "Where y is 0, −ln(1 − p) is the loss.")

CARDS: list[Card] = [
    bce("bce-plain", bce_plain, "without a clip",
        "The same values for ordinary probabilities; infinite or NaN at 0 and 1.", *ZERO,
        kind="form", who="textbooks"),
    bce("bce-epsilon", bce_epsilon, "ln(c + 1e-7) and ln(1 − c + 1e-7)",
        "Keras 2 clips and adds ε inside the logarithm.", *ZERO, who="Keras 2", source=MEASURED,
        **CONVENTION),
    bce("bce-epsilon-of-yes", bce_epsilon_of_yes, "ln(c + 1e-7) for the yes alone",
        "ε is inside one of the two logarithms.", *ZERO),
    bce("bce-log-clamped", bce_log_clamped, "max(ln p, −100)",
        "PyTorch stops the logarithm at −100: the same values for ordinary probabilities.", *ZERO,
        kind="form", who="PyTorch", source=MEASURED),
    bce("bce-clip-8", bce_clipped_at(1e-8), "c = clip(p, 1e-8, 1 − 1e-8)",
        "Clipped at 1e-8; Keras and refnn have 1e-7.", *ZERO, who="from-scratch code",
        **CONVENTION),
    bce("bce-clip-12", bce_clipped_at(1e-12), "c = clip(p, 1e-12, 1 − 1e-12)",
        "Clipped at 1e-12: in float32 this is no clip above.", *ZERO, who="from-scratch code",
        **CONVENTION),
    bce("bce-clip-15", bce_clipped_at(1e-15), "c = clip(p, 1e-15, 1 − 1e-15)",
        "Clipped at 1e-15: in float32 this is no clip above.", *ZERO, who="from-scratch code",
        **CONVENTION),
    bce("bce-sum", bce_over(lambda n, k: 1), "the sum", "A sum, not a mean.", *DIVIDE),
    bce("bce-over-rows", bce_over(lambda n, k: n), "the sum / N", "Divided by the rows alone.",
        *DIVIDE, who="courses with one output", **CONVENTION),
    bce("bce-of-yes", bce_of_yes, "−mean(y ln c)", "The term of the noes is missing.", *YES),
    bce("bce-sign", bce_sign, "+mean(…)", "The minus is missing.", "can the loss be negative?",
        "ln p is negative."),
    bce("bce-swapped", bce_swapped, "−mean(p ln y + (1 − p) ln(1 − y))",
        "Targets and predictions are exchanged.", "of which number is the logarithm taken?",
        "The logarithm is of the prediction."),
    bce_back("bce-gradient-in-one", bce_gradient_in_one, "(c − y) / (c (1 − c)) / (N K)",
             "The same values, in one fraction.", "is it more than a way to write it?",
             "(1 − y)/(1 − c) − y/c has this common denominator.", **FORM),
    bce_back("bce-gradient-through-clip", bce_gradient_through_clip, "not 0 where clipped",
             "Where p is clipped, c does not move with p: the derivative is 0.",
             "what is the slope of a clip beyond its end?", "A clipped number is a constant.",
             who="code that clips in the forward pass alone", **CONVENTION),
    bce_back("bce-gradient-sum", bce_gradient_over(lambda n, k: 1), "(1 − y)/(1 − c) − y/c",
             "The gradient of the sum: 1/(N K) is missing.", *DIVIDE),
    bce_back("bce-gradient-over-rows", bce_gradient_over(lambda n, k: 1 / n),
             "((1 − y)/(1 − c) − y/c) / N", "Divided by the rows alone.", *DIVIDE,
             who="courses with one output", **CONVENTION),
    bce_back("bce-gradient-sign", bce_gradient_over(lambda n, k: -1 / (n * k)),
             "(y/c − (1 − y)/(1 − c)) / (N K)", "The sign is wrong: training climbs.",
             "in which direction does the loss grow?", "Where y = 1 the loss falls with p."),
    bce_back("bce-gradient-fused", bce_gradient_fused, "(p − y) / (N K)",
             "This is the gradient by the logits, and not by the probabilities.",
             "by which variable is this the derivative?",
             "p − y belongs to sigmoid and loss together."),
    bce_back("bce-gradient-clipped-fused", bce_gradient_clipped_fused,
             "(c − y) / (N K); 0 where clipped",
             "This is the gradient by the logits, and not by the probabilities.",
             "by which variable is this the derivative?",
             "p − y belongs to sigmoid and loss together."),
    bce_back("bce-gradient-of-yes", bce_gradient_of_yes, "−y / c / (N K)",
             "The term of the noes is missing.", *YES),
    logits("logits-composed", logits_composed, "−mean(y ln σ(z) + (1 − y) ln(1 − σ(z)))",
           "The same values on ordinary logits; infinite or NaN where σ rounds to 0 or 1.",
           "what is the loss at z = 1000, y = 0?",
           "The logarithm must meet the exponential before it rounds.", **FORM),
    logits("logits-absolute-missing", logits_without_absolute, "the stable form without |z|",
           "Below 0 the exponential is e^(−z).", "what becomes of it for z = −1000?",
           "|z| keeps the exponential at most 1."),
    logits("logits-sum", logits_over(lambda n, k: 1), "the sum", "A sum, not a mean.", *DIVIDE),
    logits("logits-over-rows", logits_over(lambda n, k: n), "the sum / N",
           "Divided by the rows alone.", *DIVIDE, who="courses with one output", **CONVENTION),
    logits("logits-sign", logits_sign, "max(z, 0) + z y + …", "The sign of z y is wrong.",
           "what is the loss at z = 1000, y = 1?", "A sure and right yes costs nothing."),
    logits("logits-not-squashed", logits_not_squashed, "the formula of probabilities, of z",
           "The logits are taken for probabilities: the sigmoid is missing.",
           "are these numbers between 0 and 1?", "σ(z) is the probability."),
    logits_back("logits-gradient-sum", logits_gradient_over(lambda n, k: 1), "σ(z) − y",
                "The gradient of the sum: 1/(N K) is missing.", *DIVIDE),
    logits_back("logits-gradient-over-rows", logits_gradient_over(lambda n, k: 1 / n),
                "(σ(z) − y) / N", "Divided by the rows alone.", *DIVIDE,
                who="courses with one output", **CONVENTION),
    logits_back("logits-gradient-sign", logits_gradient_over(lambda n, k: -1 / (n * k)),
                "(y − σ(z)) / (N K)", "The sign is wrong: training climbs.",
                "in which direction does the loss grow?",
                "The gradient is prediction minus target."),
    logits_back("logits-gradient-again", logits_gradient_again, "(p − y) p (1 − p) / (N K)",
                "σ' is multiplied once more: p − y has it already.", "where did σ' go?",
                "In sigmoid with crossentropy it cancels."),
    logits_back("logits-gradient-of-logits", logits_gradient_of_logits, "(z − y) / (N K)",
                "The sigmoid is missing.", "are the numbers probabilities?",
                "The gradient is σ(z) − y."),
]  # fmt: skip
