"""Schedules: the learning rate as a function of the number of updates done so far.

``schedule(step)`` takes the number of updates done *before* this one (0 at the first) and returns a
Python float, which adapts to the dtype of the arrays. Keras computes
its schedules in float32 if they are given Python numbers.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from refnn import checks
from refnn.checks import Checked, Count, Flag, NotNegative, Positive

Schedule: TypeAlias = Callable[[int], float]


def _rate(name: str, value: Any) -> Any:
    if callable(value) and not isinstance(value, type):
        return value
    return checks.number(name, value, "a number of at least 0, or a schedule", lambda r: r >= 0)


def _schedule(name: str, value: Any) -> Any:
    if not callable(value) or isinstance(value, type):
        raise TypeError(f"{name} = {checks.short(value)}; expected a schedule")
    return value


Rate: TypeAlias = Annotated[float | Schedule, _rate]
"""A learning rate: a number, or a schedule."""


@dataclass(frozen=True)
class Constant(Checked):
    """The same rate at every step."""

    learning_rate: NotNegative

    def __call__(self, step: int) -> float:
        return self.learning_rate


@dataclass(frozen=True)
class ExponentialDecay(Checked):
    """lr₀ · r^(step / decay_steps); with ``staircase`` the exponent is rounded down.

    lr₀ is ``initial_learning_rate``, r is ``decay_rate``: in ``decay_steps`` updates the rate falls
    by the factor r. A step is an update, one for each batch; for epochs see ``PerEpoch``.

    Guide: decay.
    """

    initial_learning_rate: NotNegative
    decay_rate: Positive
    decay_steps: Count = 1
    staircase: Flag = False

    def __call__(self, step: int) -> float:
        exponent = step // self.decay_steps if self.staircase else step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate**exponent


@dataclass(frozen=True)
class PerEpoch(Checked):
    """Another schedule, counted in epochs: schedule(step // steps_per_epoch).

    ``steps_per_epoch`` is the number of batches in an epoch: ⌈samples / batch size⌉.
    """

    schedule: Annotated[Schedule, _schedule]
    steps_per_epoch: Count

    def __call__(self, step: int) -> float:
        return self.schedule(step // self.steps_per_epoch)


def rate_at(learning_rate: float | Schedule, step: int) -> float:
    """Return the rate of this step, from a number or a schedule: finite, and at least 0."""
    if not callable(learning_rate):
        return learning_rate
    try:
        rate = learning_rate(step)
    except OverflowError:
        rate = math.inf
    return checks.scheduled(rate, step)
