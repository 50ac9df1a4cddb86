"""How a check says no."""

from typing import Any

import numpy as np


class CheckError(AssertionError):
    """A check does not hold: where, what was seen, and the report of a comparison."""

    def __init__(self, stage: str, message: Any = "", report: Any = None) -> None:
        super().__init__(f"{stage}: {message}")
        self.stage, self.report = stage, report


def demand(condition: Any, stage: str, message: Any = "") -> None:
    if not condition:
        raise CheckError(stage, message)


def demand_equal(stage: str, one: Any, other: Any) -> None:
    """Equal numbers, of one shape and dtype; +0 equals −0."""
    one, other = np.asarray(one), np.asarray(other)
    same = one.dtype == other.dtype and one.shape == other.shape and (one == other).all()
    demand(same, stage, f"{one!r} is not {other!r}")
