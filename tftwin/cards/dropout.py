"""Cards of dropout."""

from typing import Any

from tftwin.cards.card import Card
from tftwin.cards.makers import dropout, dropout_back


def unscaled(x: Any, kept: Any, rate: float) -> Any:
    """x where it is kept, not scaled."""
    return (x * kept,)


def divided(x: Any, kept: Any, rate: float) -> Any:
    """x ⊙ kept / (1 − rate), divided at the end."""
    return (x * kept / (1 - rate),)


def scaled_by_rate(x: Any, kept: Any, rate: float) -> Any:
    """Divided by the rate: it was taken for the share that is kept."""
    return (x * (kept * (1 / rate)),)


def scaled_down(x: Any, kept: Any, rate: float) -> Any:
    """Multiplied by 1 − rate."""
    return (x * (kept * (1 - rate)),)


def other_side(x: Any, kept: Any, rate: float) -> Any:
    """What is kept is dropped."""
    return (x * ((1 - kept) * (1 / (1 - rate))),)


def not_dropped(dy: Any, kept: Any, rate: float) -> Any:
    """dy, as if nothing had been dropped."""
    return (dy,)


def _of_dy(forward: Any) -> Any:
    def function(dy: Any, kept: Any, rate: float) -> Any:
        return forward(dy, kept, rate)

    return function


MEAN = ("is the mean of the output that of the input?", "1 − rate of the numbers are kept.")
PAPER = "Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, Dropout, 2014"
CONVENTION: Any = {"kind": "convention", "who": "Srivastava et al. (2014)", "source": PAPER}

CARDS: list[Card] = [
    dropout("dropout-unscaled", unscaled, "x ⊙ kept",
            "Not scaled in training: then evaluation multiplies by 1 − rate.", *MEAN,
            **CONVENTION),
    dropout("dropout-divided", divided, "(x ⊙ kept) / (1 − rate)", "The same values.",
            "is it more than a way to write it?", "The order of · and /.", kind="form",
            who="many"),
    dropout("dropout-rate-for-kept", scaled_by_rate, "x ⊙ kept / rate",
            "The rate is the share that is dropped, not kept.", *MEAN),
    dropout("dropout-scaled-down", scaled_down, "x ⊙ kept · (1 − rate)",
            "Scaled down in training: it belongs up in training, or down in evaluation.", *MEAN),
    dropout("dropout-other-side", other_side, "x ⊙ (1 − kept) / (1 − rate)",
            "What is kept is dropped.", "which numbers are 0?", "kept is 1 where x stays."),
    dropout_back("dropout-back-unscaled", _of_dy(unscaled), "dy ⊙ kept",
                 "Right if the forward pass does not scale.", *MEAN, **CONVENTION),
    dropout_back("dropout-back-missing", not_dropped, "dy",
                 "What was dropped gets a gradient, and nothing is scaled.",
                 "what moves the loss, if x was dropped?",
                 "A dropped number has the derivative 0."),
    dropout_back("dropout-back-rate-for-kept", _of_dy(scaled_by_rate), "dy ⊙ kept / rate",
                 "The rate is the share that is dropped, not kept.", *MEAN),
]  # fmt: skip
