"""Cards of losses: other normalisations, other clips, and mistakes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tftwin.cards.card import MEASURED
from tftwin.cards.makers import CONVENTION, DIVIDE, cce, cce_back, fused, fused_back, mse, mse_back


def _squares(y_true: Any, y_pred: Any) -> Any:
    return np.square(y_pred - y_true).sum()


def mse_over(divisor: Callable[[int, int], float]) -> Any:
    """Return Σ d² over another divisor of N and C."""

    def function(y_true: Any, y_pred: Any) -> Any:
        return (_squares(y_true, y_pred) / divisor(*y_pred.shape),)

    return function


def mse_gradient_over(factor: Callable[[int, int], float]) -> Any:
    """Return d times another factor of N and C."""

    def function(y_true: Any, y_pred: Any) -> Any:
        return (factor(*y_pred.shape) * (y_pred - y_true),)

    return function


def root(y_true: Any, y_pred: Any) -> Any:
    """√ of the mean."""
    return (np.sqrt(_squares(y_true, y_pred) / y_pred.size),)


def absolute(y_true: Any, y_pred: Any) -> Any:
    """The mean of |d|."""
    return (np.abs(y_pred - y_true).sum() / y_pred.size,)


def cce_plain(y_true: Any, y_pred: Any) -> Any:
    """−Σ y ln p / N, without renormalising and without a clip."""
    return (-(y_true * np.log(y_pred)).sum() / len(y_pred),)


def cce_clip_dtype(y_true: Any, y_pred: Any) -> Any:
    """−Σ y ln c / N, c = clip(p, ε, 1 − ε), with the ε of the dtype."""
    epsilon = float(np.finfo(y_pred.dtype).eps)
    return (-(y_true * np.log(np.clip(y_pred, epsilon, 1 - epsilon))).sum() / len(y_pred),)


def cce_log10(y_true: Any, y_pred: Any) -> Any:
    """−Σ y log₁₀ c / N."""
    q = y_pred / y_pred.sum(axis=-1, keepdims=True)
    logs = np.log(np.clip(q, 1e-7, 1 - 1e-7)) / np.log(10.0)
    return (-(y_true * logs).sum() / len(y_pred),)


def fused_log10(y_true: Any, logits: Any) -> Any:
    """−Σ y log₁₀ softmax(z) / N."""
    z = logits - logits.max(axis=-1, keepdims=True)
    logs = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return (-(y_true * logs).sum() / np.log(10.0) / len(z),)


def fused_gradient_of_sum(y_true: Any, logits: Any) -> Any:
    """(Σ y · softmax(z) − y) / N."""
    whole = y_true.sum(axis=-1, keepdims=True)
    return ((whole * _softmax(logits) - y_true) / len(logits),)


def cce_plain_gradient(y_true: Any, y_pred: Any) -> Any:
    """−y / p / N."""
    return (-y_true / y_pred / len(y_pred),)


def cce_sum_gradient(y_true: Any, y_pred: Any) -> Any:
    """−y / p."""
    return (-y_true / y_pred,)


def cce_fused_gradient(y_true: Any, y_pred: Any) -> Any:
    """(p − y) / N: the gradient by the logits."""
    return ((y_pred - y_true) / len(y_pred),)


def cce_epsilon(epsilon: float) -> Any:
    """Return −Σ y ln(p + ε) / N."""

    def function(y_true: Any, y_pred: Any) -> Any:
        return (-(y_true * np.log(y_pred + epsilon)).sum() / len(y_pred),)

    return function


def cce_over(divisor: Callable[[int, int], float]) -> Any:
    """Return −Σ y ln p over another divisor."""

    def function(y_true: Any, y_pred: Any) -> Any:
        return (-(y_true * np.log(y_pred)).sum() / divisor(*y_pred.shape),)

    return function


def cce_sign(y_true: Any, y_pred: Any) -> Any:
    """Σ y ln p / N."""
    return ((y_true * np.log(y_pred)).sum() / len(y_pred),)


def cce_binary(y_true: Any, y_pred: Any) -> Any:
    """Both halves of the binary crossentropy, summed over the classes."""
    both = y_true * np.log(y_pred) + (1 - y_true) * np.log(1 - y_pred)
    return (-both.sum() / len(y_pred),)


def _softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def fused_composed(y_true: Any, logits: Any) -> Any:
    """−Σ y ln softmax(z) / N, the logarithm of a probability: infinite where it underflows."""
    return (-(y_true * np.log(_softmax(logits))).sum() / len(logits),)


def fused_over(divisor: Callable[[int, int], float]) -> Any:
    """Return the sum over another divisor."""

    def function(y_true: Any, logits: Any) -> Any:
        z = logits - logits.max(axis=-1, keepdims=True)
        s = np.exp(z).sum(axis=-1, keepdims=True)
        return ((y_true * (np.log(s) - z)).sum() / divisor(*logits.shape),)

    return function


def fused_gradient_over(divisor: Callable[[int, int], float]) -> Any:
    """Return softmax − y over another divisor."""

    def function(y_true: Any, logits: Any) -> Any:
        return ((_softmax(logits) - y_true) / divisor(*logits.shape),)

    return function


def fused_gradient_of_logits(y_true: Any, logits: Any) -> Any:
    """(z − y) / N: softmax is missing."""
    return ((logits - y_true) / len(logits),)


def fused_squashed(y_true: Any, logits: Any) -> Any:
    """Softmax of a softmax."""
    z = _softmax(logits)
    return ((y_true * (np.log(np.exp(z).sum(axis=-1, keepdims=True)) - z)).sum() / len(z),)


def fused_gradient_squashed(y_true: Any, logits: Any) -> Any:
    """Softmax of a softmax, minus y."""
    e = np.exp(_softmax(logits))
    return ((e / e.sum(axis=-1, keepdims=True) - y_true) / len(logits),)


def fused_gradient_not_shifted(y_true: Any, logits: Any) -> Any:
    """Softmax without a shift: NaN where e^z overflows."""
    e = np.exp(logits)
    return ((1 / len(logits)) * (e / e.sum(axis=-1, keepdims=True) - y_true),)


def _shifted_by_column(logits: Any) -> tuple[Any, Any, Any]:
    z = logits - logits.max(axis=0, keepdims=True)
    e = np.exp(z)
    return z, e, e.sum(axis=-1, keepdims=True)


def fused_by_column(y_true: Any, logits: Any) -> Any:
    """Shifted by the column's maximum: each class by another number."""
    z, _, s = _shifted_by_column(logits)
    return ((y_true * (np.log(s) - z)).sum() / len(z),)


def fused_gradient_by_column(y_true: Any, logits: Any) -> Any:
    """Shifted by the column's maximum: each class by another number."""
    z, e, s = _shifted_by_column(logits)
    return ((1 / len(z)) * (e / s - y_true),)


def fused_gradient_of_class(y_true: Any, logits: Any) -> Any:
    """p − y where y > 0, else 0."""
    return (np.where(y_true > 0, _softmax(logits) - y_true, 0) / len(logits),)


def fused_gradient_hard(y_true: Any, logits: Any) -> Any:
    """The largest of y is taken for 1, the others for 0."""
    largest = y_true.max(axis=-1, keepdims=True)
    hard = np.where(y_true >= largest, np.ones_like(y_true), 0 * y_true)
    return ((1 / len(logits)) * (_softmax(logits) - hard),)


def fused_gradient_again(y_true: Any, logits: Any) -> Any:
    """(p − y) p (1 − p) / N: softmax' once more."""
    p = _softmax(logits)
    return ((p - y_true) * (p * (1 - p)) / len(logits),)


SHIFT = (
    "are all logits of a row shifted by the same number?",
    "Softmax stays the same under a shift of the whole row: take the row's maximum.",
)
CLIP = ("what is the loss where p = 0?", "The logarithm of 0 is −∞: a clip or an ε keeps it away.")

CARDS = [
    mse("mse-half-n", mse_over(lambda n, c: 2 * n), "Σ d² / (2 N)",
        "Divided by 2 N: textbooks do so, because the gradient is then d / N.", *DIVIDE,
        who="textbooks", source=MEASURED, **CONVENTION),
    mse("mse-over-rows", mse_over(lambda n, c: n), "Σ d² / N",
        "Divided by the rows alone, and not by the outputs.", *DIVIDE,
        who="some textbooks", source=MEASURED, **CONVENTION),
    mse("mse-half-mean", mse_over(lambda n, c: 2 * n * c), "½ mean d²", "Half of the mean.",
        *DIVIDE, who="scikit-learn's MLPRegressor, optax.l2_loss", source=MEASURED, **CONVENTION),
    mse("mse-sum", mse_over(lambda n, c: 1), "Σ d²", "A sum, not a mean.", *DIVIDE),
    mse("mse-half-sum", mse_over(lambda n, c: 2), "½ Σ d²", "Half of the sum, not a mean.",
        *DIVIDE,
        who="textbooks", **CONVENTION),
    mse("mse-root", root, "√(mean d²)", "The root of the mean.",
        "what is the loss if every error is 2?", "The mean squared error has no root."),
    mse("mse-absolute", absolute, "mean |d|", "This is the mean absolute error.",
        "what is the loss if every error is 2?", "The errors are squared."),
    mse_back("mse-gradient-no-two", mse_gradient_over(lambda n, c: 1 / (n * c)), "d / (N C)",
             "The factor 2 is missing: this is the gradient of ½ mean d².",
             "of which loss is this the gradient?", "The derivative of d² is 2 d.",
             who="code whose loss has a ½", **CONVENTION),
    mse_back("mse-gradient-over-rows", mse_gradient_over(lambda n, c: 2 / n), "2 d / N",
             "Divided by the rows alone.", *DIVIDE, who="some textbooks", **CONVENTION),
    mse_back("mse-gradient-rows-no-two", mse_gradient_over(lambda n, c: 1 / n), "d / N",
             "The gradient of Σ d² / (2 N), or of ½ mean d² times C.", *DIVIDE,
             who="textbooks, scikit-learn's MLPRegressor", source=MEASURED, **CONVENTION),
    mse_back("mse-gradient-raw", mse_gradient_over(lambda n, c: 1), "d",
             "The raw error: neither 2 nor the mean.", *DIVIDE),
    mse_back("mse-gradient-sum", mse_gradient_over(lambda n, c: 2), "2 d",
             "The gradient of the sum, not of the mean.", *DIVIDE),
    mse_back("mse-gradient-sign", mse_gradient_over(lambda n, c: -2 / (n * c)),
             "2 (y_true − y_pred) / (N C)", "The sign is wrong: training climbs.",
             "in which direction does the loss grow?", "d = y_pred − y_true."),
    mse_back("mse-gradient-sign-no-two", mse_gradient_over(lambda n, c: -1 / (n * c)),
             "(y_true − y_pred) / (N C)", "The sign is wrong, and the 2 is missing.",
             "in which direction does the loss grow?", "d = y_pred − y_true."),
    cce("cce-plain", cce_plain, "−Σ y ln p / N",
        "The same values for probabilities that sum to 1; infinite or NaN where p = 0.", *CLIP,
        who="textbooks, scikit-learn's log_loss", kind="form", source=MEASURED),
    cce("cce-epsilon-7", cce_epsilon(1e-7), "−Σ y ln(p + 1e-7) / N",
        "ε is added, and not clipped to.", *CLIP, who="from-scratch code", **CONVENTION),
    cce("cce-epsilon-8", cce_epsilon(1e-8), "−Σ y ln(p + 1e-8) / N",
        "ε is added, and not clipped to.", *CLIP, who="from-scratch code", **CONVENTION),
    cce("cce-epsilon-15", cce_epsilon(1e-15), "−Σ y ln(p + 1e-15) / N",
        "ε is added, and not clipped to.", *CLIP, who="from-scratch code", **CONVENTION),
    cce("cce-clip-dtype", cce_clip_dtype, "−Σ y ln clip(p, ε_dtype, 1 − ε_dtype) / N",
        "Clipped to the epsilon of the dtype.", *CLIP, who="scikit-learn's log_loss",
        source=MEASURED, **CONVENTION),
    cce("cce-log10", cce_log10, "−Σ y log₁₀ c / N", "The logarithm has the base 10.",
        "which logarithm has the derivative 1/x?", "The natural logarithm, np.log."),
    cce("cce-sum", cce_over(lambda n, c: 1), "−Σ y ln p", "A sum, not a mean over the batch.",
        *DIVIDE),
    cce("cce-over-elements", cce_over(lambda n, c: n * c), "−mean(y ln p)",
        "Divided by the classes too.", *DIVIDE),
    cce("cce-sign", cce_sign, "Σ y ln p / N", "The minus is missing.", "can the loss be negative?",
        "ln p is negative."),
    cce("cce-binary", cce_binary, "−Σ (y ln p + (1 − y) ln(1 − p)) / N",
        "This is the binary crossentropy of each class.", "how many terms has a one-hot row?",
        "With one-hot targets the class alone counts."),
    cce_back("cce-gradient-plain", cce_plain_gradient, "−y / p / N",
             "p is not renormalised here: refnn's gradient is the same plus 1/N in each class.",
             "what does the loss do when all p of a row double?",
             "refnn and Keras divide p by its sum, so that the gradient goes through it.",
             who="textbooks, scikit-learn's log_loss", source=MEASURED, **CONVENTION),
    cce_back("cce-gradient-sum", cce_sum_gradient, "−y / p",
             "The mean over the batch and the renormalisation are missing.", *DIVIDE),
    cce_back("cce-gradient-fused", cce_fused_gradient, "(p − y) / N",
             "This is the gradient by the logits, and not by the probabilities.",
             "by which variable is this the derivative?",
             "∂/∂p of −ln p is −1/p; p − y belongs to softmax and loss together."),
    fused("fused-composed", fused_composed, "−Σ y ln(softmax(z)) / N",
          "The same values on ordinary logits; infinite or NaN where a probability underflows.",
          "what is the loss at the logits (1000, 0) for the second class?",
          "The logarithm must meet the sum before anything underflows.",
          kind="form", who="many", source=MEASURED),
    fused("fused-log10", fused_log10, "−Σ y log₁₀ softmax(z) / N",
          "The logarithm has the base 10.", "which logarithm has the derivative 1/x?",
          "The natural logarithm, np.log."),
    fused("fused-sum", fused_over(lambda n, c: 1), "−Σ y ln softmax(z)",
          "A sum, not a mean over the batch.", *DIVIDE),
    fused("fused-over-elements", fused_over(lambda n, c: n * c), "−mean(y ln softmax(z))",
          "Divided by the classes too.", *DIVIDE),
    fused_back("fused-gradient-sum", fused_gradient_over(lambda n, c: 1), "softmax(z) − y",
               "The gradient of the sum: the mean's 1/N is missing.", *DIVIDE),
    fused_back("fused-gradient-over-elements", fused_gradient_over(lambda n, c: n * c),
               "(softmax(z) − y) / (N C)", "Divided by the classes too.", *DIVIDE),
    fused_back("fused-gradient-of-sum", fused_gradient_of_sum, "(Σ y · softmax(z) − y) / N",
               "The same values where each row of y sums to 1; elsewhere this is the true "
               "gradient, and refnn refuses such labels.", "what is the sum of a row of y?",
               "With Σ y = 1 the factor is 1.", kind="form", who="PyTorch, optax",
               source=MEASURED),
    fused("fused-squashed", fused_squashed, "−Σ y ln softmax(softmax(z)) / N",
          "The network's output was a softmax already.", "are these logits?",
          "This loss takes logits, and makes the softmax itself."),
    fused_back("fused-gradient-squashed", fused_gradient_squashed, "(softmax(softmax(z)) − y) / N",
               "The network's output was a softmax already.", "are these logits?",
               "This loss takes logits, and makes the softmax itself."),
    fused_back("fused-gradient-not-shifted", fused_gradient_not_shifted, "e^z / Σ e^z − y",
               "The same values, until e^z overflows.", "what is e^1000?",
               "Subtract the row's maximum first.", kind="form", who="many"),
    fused("fused-shifted-by-column", fused_by_column, "from z − the column's maximum",
          "Each class is shifted by another number: that changes softmax.", *SHIFT),
    fused_back("fused-gradient-shifted-by-column", fused_gradient_by_column,
               "from z − the column's maximum",
               "Each class is shifted by another number: that changes softmax.", *SHIFT),
    fused_back("fused-gradient-of-class", fused_gradient_of_class, "(p − y) / N where y > 0",
               "The other classes get no gradient.", "does the loss change with a wrong logit?",
               "Every logit of a row is in the sum."),
    fused_back("fused-gradient-hard", fused_gradient_hard, "(p − the largest class) / N",
               "Soft labels are taken for hard ones.", "what if y = (0.6, 0.4)?",
               "The gradient is p − y, for soft labels too."),
    fused_back("fused-gradient-sign", fused_gradient_over(lambda n, c: -n), "(y − softmax(z)) / N",
               "The sign is wrong: training climbs.", "in which direction does the loss grow?",
               "The gradient is prediction minus target."),
    fused_back("fused-gradient-of-logits", fused_gradient_of_logits, "(z − y) / N",
               "Softmax is missing.", "are the numbers probabilities?",
               "The gradient is softmax(z) − y."),
    fused_back("fused-gradient-again", fused_gradient_again, "(p − y) p (1 − p) / N",
               "The derivative of softmax is multiplied once more: p − y has it already.",
               "where did softmax' go?", "In softmax with crossentropy it cancels."),
]  # fmt: skip
