"""Learning rates and the seven rules, for wider arithmetic."""

from typing import Any

import numpy as np

from refnn import optimizers, schedules
from refnn.typing import Array


def rate(learning_rate: Any, step: int) -> Any:
    """Return the learning rate of a step in longdouble; None for a schedule of the user's own."""
    if not callable(learning_rate):
        return np.longdouble(learning_rate)
    match learning_rate:
        case schedules.Constant(learning_rate=lr):
            return np.longdouble(lr)
        case schedules.PerEpoch(schedule=schedule, steps_per_epoch=n):
            return rate(schedule, step // n)
        case schedules.ExponentialDecay(
            initial_learning_rate=lr, decay_rate=r, decay_steps=s, staircase=stairs
        ):
            exponent = np.longdouble(step // s) if stairs else np.longdouble(step) / s
            return np.longdouble(lr) * np.longdouble(r) ** exponent
    return None


def rule(f: Any, t: int, lr: Any, w: Array, g: Array, *slots: Array) -> tuple[Array, ...] | None:
    """Return the new w and slots of a built-in rule; None for a rule of the user's own."""
    match f:
        case optimizers.SGD():
            return (w - lr * g,)
        case optimizers.SGDM(beta=beta):
            m = beta * slots[0] + (1 - beta) * g
            return w - lr * m, m
        case optimizers.Nesterov(beta=beta):
            m = beta * slots[0] + (1 - beta) * g
            return w - lr * (beta * m + (1 - beta) * g), m
        case optimizers.Adagrad(epsilon=epsilon):
            v = slots[0] + g * g
            return w - lr * g / (np.sqrt(v) + epsilon), v
        case optimizers.RMSProp(beta=beta, epsilon=epsilon):
            v = beta * slots[0] + (1 - beta) * g * g
            return w - lr * g / (np.sqrt(v) + epsilon), v
        case optimizers.Adam(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon):
            m = beta_1 * slots[0] + (1 - beta_1) * g
            v = beta_2 * slots[1] + (1 - beta_2) * g * g
            root = np.sqrt(v / (1 - beta_2**t))
            return w - lr * (m / (1 - beta_1**t)) / (root + epsilon), m, v
        case optimizers.Nadam(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, momentum_decay=decay):
            m = beta_1 * slots[0] + (1 - beta_1) * g
            v = beta_2 * slots[1] + (1 - beta_2) * g * g
            root = np.sqrt(v / (1 - beta_2**t))
            mu, mu_ahead, product = momenta(beta_1, decay, t)
            m_hat = (1 - mu) * g / (1 - product) + mu_ahead * m / (1 - product * mu_ahead)
            return w - lr * m_hat / (root + epsilon), m, v
    return None


SETTLED = 8192
"""From here on either μ is β₁, or nothing is left of the product of all μ so far."""


def momenta(beta_1: float, decay: float, t: int) -> tuple[Any, Any, Any]:
    """Return Nadam's μₜ, μₜ₊₁ and μ₁ ⋯ μₜ in longdouble."""
    t_ = np.arange(1, min(t, SETTLED) + 1, dtype=np.longdouble)
    product = np.prod(beta_1 * (1 - 0.96 ** (decay * t_) / 2)) * np.longdouble(beta_1) ** (
        t - len(t_)
    )
    mu, mu_ahead = (beta_1 * (1 - np.longdouble(0.96) ** (decay * s) / 2) for s in (t, t + 1))
    return mu, mu_ahead, product
