"""What is remembered of a measurement: worst errors and counts, and where they occur."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnn.typing import Array

TRUTH = {"float32": 6 * 2.0**-29, "float64": 6 * 2.0**-11}
"""How far the wider formula may itself be from exact, in ulp of the dtype that is measured."""


@dataclass
class Tally:
    """How often something was seen, and the first input where it was."""

    count: int = 0
    first: str = ""

    def add(self, seen: Array, x: Array) -> None:
        """Count where ``seen`` holds."""
        count = int(np.count_nonzero(seen))
        if count and not self.count:
            self.first = hexadecimal(x[np.argmax(seen)])
        self.count += count

    def join(self, later: "Tally") -> None:
        """Add what was seen later."""
        self.first = self.first or later.first
        self.count += later.count


@dataclass
class Worst:
    """The largest error, and the input where it occurs."""

    error: float = 0.0
    at: str = ""

    def add(self, errors: Array, x: Array, unit: float = 1.0) -> None:
        """Look at errors given in multiples of ``unit``."""
        i = int(np.argmax(errors))
        self.join(Worst(float(errors[i]) * unit, hexadecimal(x[i])))

    def join(self, later: "Worst") -> None:
        """Keep the larger."""
        if not self.at or later.error > self.error:
            self.error, self.at = later.error, later.at


@dataclass
class Finding:
    """What was measured of one function, by one kernel."""

    inputs: int = 0
    worst: Worst = field(default_factory=Worst)
    derivative: Worst = field(default_factory=Worst)
    underflow: Worst = field(default_factory=Worst)
    overflow: Worst = field(default_factory=Worst)
    subnormal: Worst = field(default_factory=Worst)
    flushed: Tally = field(default_factory=Tally)
    monotonicity: Tally = field(default_factory=Tally)
    symmetry: Tally = field(default_factory=Tally)
    range: Tally = field(default_factory=Tally)
    nan: Tally = field(default_factory=Tally)

    def join(self, later: "Finding") -> None:
        """Add what was measured on other inputs."""
        self.inputs += later.inputs
        for name in list(vars(self))[1:]:
            getattr(self, name).join(getattr(later, name))

    @classmethod
    def of(cls, data: dict[str, Any]) -> "Finding":
        """Return what ``dataclasses.asdict`` took apart."""
        kinds = {f.name: f.default_factory for f in cls.__dataclass_fields__.values()}
        return cls(
            data["inputs"],
            **{k: kinds[k](**v) for k, v in data.items() if k != "inputs"},  # type: ignore
        )


def hexadecimal(x: Any) -> str:
    """Return a number without rounding: as the language C writes it in hexadecimal."""
    return float(x).hex()
