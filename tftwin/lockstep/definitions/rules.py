"""Learning rates and the five rules, for wider arithmetic."""

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
    return None
