"""Schedules: the learning rate as a function of the number of updates done so far.

A schedule is called with ``step``, the updates done *before* this one (0 at the first), and
answers with a Python float, which adapts to the dtype of the arrays it meets. Keras computes
its schedules in float32.
"""

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from refnn import checks

Schedule: TypeAlias = Callable[[int], float]


@dataclass(frozen=True)
class Constant:
    """The same rate at every step."""

    learning_rate: float

    def __post_init__(self) -> None:
        checks.number(self, "learning_rate", "a number of at least 0", lambda r: r >= 0)

    def __call__(self, step: int) -> float:
        return self.learning_rate


@dataclass(frozen=True)
class ExponentialDecay:
    """lr₀ · r^(step / decay_steps); with ``staircase`` the exponent is rounded down.

    ``step`` counts updates, one per batch; for epochs see ``PerEpoch``.

    Parameters
    ----------
    initial_learning_rate : float
        lr₀, at least 0.
    decay_rate : float
        r, above 0.
    decay_steps : int
        Updates until the rate has fallen by the factor r.
    staircase : bool
        Whether the rate falls in steps.
    """

    initial_learning_rate: float
    decay_rate: float
    decay_steps: int = 1
    staircase: bool = False

    def __post_init__(self) -> None:
        checks.number(self, "initial_learning_rate", "a number of at least 0", lambda r: r >= 0)
        checks.number(self, "decay_rate", "a number above 0", lambda r: r > 0)
        checks.count("ExponentialDecay: decay_steps", self.decay_steps)

    def __call__(self, step: int) -> float:
        exponent = step // self.decay_steps if self.staircase else step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate**exponent


@dataclass(frozen=True)
class PerEpoch:
    """Another schedule, counted in epochs: schedule(step // steps_per_epoch).

    Parameters
    ----------
    schedule : Schedule
        Called with the number of whole epochs done.
    steps_per_epoch : int
        Updates an epoch: ⌈samples / batch size⌉.
    """

    schedule: Schedule
    steps_per_epoch: int

    def __post_init__(self) -> None:
        if not callable(self.schedule):
            raise TypeError(f"PerEpoch: schedule = {self.schedule!r}; expected a schedule")
        checks.count("PerEpoch: steps_per_epoch", self.steps_per_epoch)

    def __call__(self, step: int) -> float:
        return self.schedule(step // self.steps_per_epoch)


def rate_at(learning_rate: float | Schedule, step: int) -> float:
    """Return the rate of this step, of a number or of a schedule."""
    if not callable(learning_rate):
        return learning_rate
    try:
        rate = learning_rate(step)
    except OverflowError:
        rate = math.inf
    if not (isinstance(rate, numbers.Real) and 0 <= rate < math.inf):
        raise ValueError(
            f"learning_rate: the schedule gave {rate!r} at step {step}; expected a finite number "
            "of at least 0"
        )
    return float(rate)
