"""Cards of Nesterov's momentum and of Nadam: forms, other schedules, and mistakes."""

from typing import Any

import numpy as np

from refnn.optimizers import Nadam
from tftwin.cards.card import Card
from tftwin.cards.makers import nadam, nesterov

Updated = tuple[Any, Any, Any]


def nesterov_not_ahead(w: Any, g: Any, m: Any, learning_rate: float, beta: float) -> Any:
    """w − lr m: momentum."""
    m = beta * m + (1 - beta) * g
    return w - learning_rate * m, m


def nesterov_of_old(w: Any, g: Any, m: Any, learning_rate: float, beta: float) -> Any:
    """Ahead from the old m, which is m itself."""
    after = beta * m + (1 - beta) * g
    return w - learning_rate * (beta * m + g), after


def nesterov_without_g(w: Any, g: Any, m: Any, learning_rate: float, beta: float) -> Any:
    """w − lr β m."""
    m = beta * m + (1 - beta) * g
    return w - learning_rate * (beta * m), m


def nesterov_whole_g(w: Any, g: Any, m: Any, learning_rate: float, beta: float) -> Any:
    """w − lr (β m + g): 1 − β is missing ahead."""
    m = beta * m + (1 - beta) * g
    return w - learning_rate * (beta * m + g), m


def nesterov_swapped(w: Any, g: Any, m: Any, learning_rate: float, beta: float) -> Any:
    """β and 1 − β exchanged."""
    m = (1 - beta) * m + beta * g
    return w - learning_rate * ((1 - beta) * m + beta * g), m


def _moments(g: Any, m: Any, v: Any, beta_1: float, beta_2: float) -> tuple[Any, Any]:
    return beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * np.square(g)


class _Rates:
    """The arguments of nadam but for its arrays."""

    def __init__(
        self, t: int, learning_rate: float, beta_1: float, beta_2: float, epsilon: float,
        momentum_decay: float,
    ) -> None:  # fmt: skip
        self.t, self.lr, self.epsilon = t, learning_rate, epsilon
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.schedule = Nadam(learning_rate, beta_1, beta_2, epsilon, momentum_decay)

    def mu(self, t: int) -> float:
        """Return μₜ."""
        return self.schedule.momentum(t)

    def left(self, t: int) -> float:
        """Return 1 − μ₁ ⋯ μₜ."""
        return 1 - self.schedule.product(t)

    def moments(self, g: Any, m: Any, v: Any) -> tuple[Any, Any]:
        """Return m and v after this gradient."""
        return _moments(g, m, v, self.beta_1, self.beta_2)

    def moved(self, w: Any, m_hat: Any, m: Any, v: Any) -> Updated:
        """Return w − lr m̂ / (√v̂ + ε), and the memory."""
        v_hat = v / (1 - self.beta_2**self.t)
        return w - self.lr * m_hat / (np.sqrt(v_hat) + self.epsilon), m, v


def nadam_is_adam(w: Any, g: Any, m: Any, v: Any, **rates: Any) -> Updated:
    """Adam's m̂."""
    r = _Rates(**rates)
    m, v = r.moments(g, m, v)
    return r.moved(w, m / (1 - r.beta_1**r.t), m, v)


def nadam_constant(w: Any, g: Any, m: Any, v: Any, **rates: Any) -> Updated:
    """μₜ = β₁ in every step."""
    r = _Rates(**rates)
    m, v = r.moments(g, m, v)
    ahead = r.beta_1 * m / (1 - r.beta_1 ** (r.t + 1))
    return r.moved(w, ahead + (1 - r.beta_1) * g / (1 - r.beta_1**r.t), m, v)


def nadam_decay_of_one(w: Any, g: Any, m: Any, v: Any, **rates: Any) -> Updated:
    """ψ = 1, whatever is given."""
    r = _Rates(**{**rates, "momentum_decay": 1.0})
    m, v = r.moments(g, m, v)
    ahead = r.mu(r.t + 1) * m / r.left(r.t + 1)
    return r.moved(w, ahead + (1 - r.mu(r.t)) * g / r.left(r.t), m, v)


def nadam_g_uncorrected(w: Any, g: Any, m: Any, v: Any, **rates: Any) -> Updated:
    """(1 − μₜ) g is not divided."""
    r = _Rates(**rates)
    m, v = r.moments(g, m, v)
    ahead = r.mu(r.t + 1) * m / r.left(r.t + 1)
    return r.moved(w, ahead + (1 - r.mu(r.t)) * g, m, v)


def nadam_one_product(w: Any, g: Any, m: Any, v: Any, **rates: Any) -> Updated:
    """Both terms over 1 − μ₁ ⋯ μₜ."""
    r = _Rates(**rates)
    m, v = r.moments(g, m, v)
    both = r.mu(r.t + 1) * m + (1 - r.mu(r.t)) * g
    return r.moved(w, both / r.left(r.t), m, v)


def nadam_not_ahead(w: Any, g: Any, m: Any, v: Any, **rates: Any) -> Updated:
    """μₜ in the place of μₜ₊₁."""
    r = _Rates(**rates)
    m, v = r.moments(g, m, v)
    ahead = r.mu(r.t) * m / r.left(r.t + 1)
    return r.moved(w, ahead + (1 - r.mu(r.t)) * g / r.left(r.t), m, v)


AHEAD = ("which m makes the move?", "The move is that of the next m, if g came once more.")
PRODUCT = ("by what is each term divided?",
           "m will be corrected in the next step, g in this one.")  # fmt: skip

CARDS: list[Card] = [
    nesterov("nesterov-not-ahead", nesterov_not_ahead, "w − lr m",
             "This is momentum: it does not look ahead.", *AHEAD),
    nesterov("nesterov-old", nesterov_of_old, "w − lr (β m_old + g)",
             "It looks ahead from the old m, and 1 − β is missing.", *AHEAD),
    nesterov("nesterov-gradient-missing", nesterov_without_g, "w − lr β m",
             "The gradient's own part is missing ahead.", *AHEAD),
    nesterov("nesterov-whole-gradient", nesterov_whole_g, "w − lr (β m + g)",
             "1 − β is missing ahead.", *AHEAD),
    nesterov("nesterov-swapped", nesterov_swapped, "m = (1 − β) m + β g",
             "β and 1 − β are exchanged.", "which of both is large?",
             "β is how much of the average stays."),
    nadam("nadam-is-adam", nadam_is_adam, "m̂ = m / (1 − β₁ᵗ)",
          "This is Adam: it does not look ahead.", *AHEAD),
    nadam("nadam-constant", nadam_constant, "μₜ = β₁",
          "The momentum has no warm-up.", "does the momentum change with t?",
          "Dozat lets it grow from β₁/2 to β₁.", kind="convention", who="optax"),
    nadam("nadam-decay-of-one", nadam_decay_of_one, "μₜ = β₁ (1 − ½ · 0.96ᵗ)",
          "The exponent is t: ψ = 1. Dozat and PyTorch have ψ = 1/250.",
          "how fast does the momentum grow?", "ψ is momentum_decay.", kind="convention",
          who="Keras 3"),
    nadam("nadam-gradient-uncorrected", nadam_g_uncorrected, "(1 − μₜ) g",
          "The gradient's term is not corrected for the start.", *PRODUCT),
    nadam("nadam-one-product", nadam_one_product, "both over 1 − μ₁ ⋯ μₜ",
          "m's term belongs to the next step: 1 − μ₁ ⋯ μₜ₊₁.", *PRODUCT),
    nadam("nadam-momentum-of-now", nadam_not_ahead, "μₜ m / (1 − μ₁ ⋯ μₜ₊₁)",
          "m's term has the momentum of this step, not of the next.", *AHEAD),
]  # fmt: skip
