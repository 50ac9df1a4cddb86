"""Schedules: plain Python on both sides, because Keras' own compute in float32.

Keras does so with Python numbers, also for float64 weights; with ``np.float64`` it does not.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from refnn import checks

Schedule: TypeAlias = Callable[[int], float]


@dataclass(frozen=True)
class Constant:
    """The same rate at every step."""

    learning_rate: float

    def __call__(self, step: int) -> float:
        return self.learning_rate


@dataclass(frozen=True)
class ExponentialDecay:
    """lr₀ · r^(step / decay_steps); with ``staircase`` the exponent is rounded down."""

    initial_learning_rate: float
    decay_rate: float
    decay_steps: int = 1
    staircase: bool = False

    def __call__(self, step: int) -> float:
        exponent = step // self.decay_steps if self.staircase else step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate**exponent


@dataclass(frozen=True)
class PerEpoch:
    """Another schedule, counted in epochs."""

    schedule: Schedule
    steps_per_epoch: int

    def __call__(self, step: int) -> float:
        return self.schedule(step // self.steps_per_epoch)


def rate_at(learning_rate: float | Schedule, step: int) -> float:
    """Return the rate of this step, from a number or a schedule."""
    if not callable(learning_rate):
        return learning_rate
    try:
        return checks.scheduled(learning_rate(step), step)
    except OverflowError:
        return checks.scheduled(math.inf, step)
