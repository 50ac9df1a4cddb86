"""What a lockstep run finds, as plain data: rows, divergences, lost digits, the report."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module

import numpy as np

from refnn import record
from refnn.state import State
from refnn.typing import Array

RULE = ("rule slots", "rule update")
"""The optimizer's rule alone, given refnn's gradient."""
MIRROR = ("mirror slots", "mirror update")
"""TensorFlow's own update against refnn's rule, given TensorFlow's gradient."""
PARTS = ("forward", "loss", "backward", "gradient")
LAYERS = tuple(
    f"{family} {part}" for family in ("layer", "walk", "mirror", "float64") for part in PARTS
)
"""Every layer and the loss alone. Given refnn's numbers: refnn's step against TensorFlow's layers
("layer") and against refnn's own ("walk"), and the layers of both in float64 ("float64"). Given
TensorFlow's numbers: refnn's layers against TensorFlow's step ("mirror")."""
ALONE = ("inputs", "layer ", "walk ", "mirror ", "rule ", "float64 ")
"""How the stages begin in which each number is computed from the numbers beside it."""
STAGES = ("inputs", *record.STAGES, *RULE, *LAYERS, *MIRROR)
"""All stages, in the order of a report."""

FILL_EDGES = np.concatenate([[0.0], np.logspace(-6, 0, 61), [np.inf]])
"""Edges of the fill histogram: ten bins a decade from 1e-6 to 1, one below and one above."""


@dataclass(frozen=True)
class Divergence:
    """One element that is outside its bound, and who is wrong.

    Attributes
    ----------
    step, stage, name, index
        Where.
    refnn, tftwin : float
        Both values (of stage "walk": refnn's step, and refnn's own layer).
    allowed : float
        How far they may be apart.
    count : int
        Elements of this tensor outside their bounds; this one is farthest outside.
    wrong : {"", "refnn", "tftwin", "both"}
        Who is wrong; "" if that is undecided.
    explanation : str
        Why.
    """

    step: int
    stage: str
    name: str
    index: tuple[int, ...]
    refnn: float
    tftwin: float
    allowed: float
    count: int = 1
    wrong: str = ""
    explanation: str = ""

    def __str__(self) -> str:
        place = f"{self.name}{list(self.index)}" if self.index else self.name
        return (
            f"step {self.step}, stage {self.stage}, {place}: refnn {self.refnn!r}, "
            f"tftwin {self.tftwin!r}, apart by {abs(self.refnn - self.tftwin):.3g}, allowed "
            f"{self.allowed:.3g}"
            + (f" ({self.count:,} elements of this tensor)" if self.count > 1 else "")
            + (f"; {self.explanation}" if self.explanation else "")
        )


@dataclass(frozen=True)
class LostDigits:
    """A formula of refnn that loses digits: its derived bound is far above the definition's."""

    step: int
    stage: str
    name: str
    index: tuple[int, ...]
    value: float
    factor: float

    def __str__(self) -> str:
        return (
            f"step {self.step}, stage {self.stage}, {self.name}{list(self.index) or ''} = "
            f"{self.value!r}: refnn's formula loses digits, its rounding error may be "
            f"{self.factor:.3g} times that of the definition"
        )


@dataclass
class Row:
    """All that was compared of one tensor, over all steps.

    Attributes
    ----------
    elements : int
        Numbers compared; each is one of the next four.
    bit_equal : int
        The same bits, or NaN on both sides.
    within : int
        Apart by at most the bound.
    special : int
        +0 on one side and −0 on the other.
    divergent : int
        Anything else.
    unbounded : int
        Numbers that differ within an infinite bound, which says nothing about them.
    vacuous : int
        Numbers, equal or not, whose bound allows as much as their own size, or more.
    non_finite, subnormal : int
        Numbers that are so on either side.
    ulp : float
        Largest distance in units in the last place; where and between which values:
        ``ulp_step``, ``ulp_index``, ``ulp_values``.
    fill : float
        Largest difference over bound.
    step_fill : float
        The same of the step that was judged last; infinite if a number diverged.
    fills : Array
        Histogram of difference over bound, over ``FILL_EDGES``.
    """

    stage: str
    name: str
    elements: int = 0
    bit_equal: int = 0
    within: int = 0
    special: int = 0
    divergent: int = 0
    unbounded: int = 0
    vacuous: int = 0
    non_finite: int = 0
    subnormal: int = 0
    ulp: float = 0.0
    ulp_step: int = 0
    ulp_index: tuple[int, ...] = ()
    ulp_values: tuple[float, float] = (0.0, 0.0)
    fill: float = 0.0
    step_fill: float = 0.0
    fills: Array = field(default_factory=lambda: np.zeros(len(FILL_EDGES) - 1, np.int64))

    def add(self, other: "Row") -> None:
        """Count another row's numbers too."""
        self.elements += other.elements
        self.bit_equal += other.bit_equal
        self.within += other.within
        self.special += other.special
        self.divergent += other.divergent
        self.unbounded += other.unbounded
        self.vacuous += other.vacuous
        self.non_finite += other.non_finite
        self.subnormal += other.subnormal
        self.fill = max(self.fill, other.fill)
        self.fills = self.fills + other.fills
        if other.ulp > self.ulp:
            self.ulp, self.ulp_step = other.ulp, other.ulp_step
            self.ulp_index, self.ulp_values = other.ulp_index, other.ulp_values

    @property
    def median_fill(self) -> float:
        """Upper edge of the histogram's bin in which half of the elements are reached."""
        total = np.cumsum(self.fills)
        if total[-1] == 0:
            return 0.0
        return float(FILL_EDGES[int(np.searchsorted(total, total[-1] / 2)) + 1])


def _computed(d: Divergence) -> tuple[int, int]:
    """Where a number stands in the order of computation: the stage, then the layer."""
    stage = d.stage.rpartition(" ")[2] if d.stage != "learning rate" else d.stage
    order = ("inputs", *record.STAGES)
    layer = int(re.findall("[0-9]+", d.name)[-1]) if re.search("[0-9]", d.name) else 0
    return order.index(stage), -layer if stage in ("backward", "gradient") else layer


@dataclass
class Report:
    """What a lockstep run found. ``print`` shows it in brief; ``text`` is the whole table.

    Attributes
    ----------
    steps : int
        Steps compared.
    rows : list of Row
        One for each tensor, in the order of computation.
    divergences : list of Divergence
        One for each tensor of each step with an element outside its bound; the parts that decide
        who is wrong come first.
    lost_digits : list of LostDigits
        Formulas of refnn whose rounding error is far above that of the definition.
    stopped : str
        What left the finite numbers, after which the run stopped; else "".
    usual : float
        Largest difference of the first whole step over its usual distance, with which sums of n
        terms err like √n: a figure for reading, and no verdict. Above 1 is rare.
    heat : list of dict
        For each step compared, the largest fill of each stage: what the heat map shows.
    left_out : str
        What could not be compared, because a function of the user's own knows one dtype only.
    seconds_refnn, seconds_tftwin : float
        Time spent in the steps of each side.
    state : State
        refnn's, after the last step.
    """

    steps: int = 0
    rows: list[Row] = field(default_factory=list)
    divergences: list[Divergence] = field(default_factory=list)
    lost_digits: list[LostDigits] = field(default_factory=list)
    stopped: str = ""
    usual: float = 0.0
    heat: list[dict[str, float]] = field(default_factory=list)
    left_out: str = ""
    seconds_refnn: float = 0.0
    seconds_tftwin: float = 0.0
    state: State | None = None

    @classmethod
    def join(cls, reports: Iterable["Report"]) -> "Report":
        """Return one report on all of them; rows of one stage and name become one row."""
        joined, rows = cls(), dict[tuple[str, str], Row]()
        for report in reports:
            joined.steps += report.steps
            joined.divergences += report.divergences
            joined.lost_digits += report.lost_digits
            joined.stopped = joined.stopped or report.stopped
            joined.heat += report.heat
            joined.usual = max(joined.usual, report.usual)
            joined.left_out = joined.left_out or report.left_out
            joined.seconds_refnn += report.seconds_refnn
            joined.seconds_tftwin += report.seconds_tftwin
            for row in report.rows:
                rows.setdefault((row.stage, row.name), Row(row.stage, row.name)).add(row)
        joined.rows = list(rows.values())
        return joined

    def __str__(self) -> str:
        return str(import_module("tftwin.lockstep.report").brief(self))

    @property
    def text(self) -> str:
        """The table of every tensor, and the verdict."""
        return str(import_module("tftwin.lockstep.report").text(self))

    @property
    def agreed(self) -> bool:
        """Whether something was compared, all of it finite, and nothing speaks against it."""
        return self.elements > 0 and not (self.divergences or self.lost_digits or self.stopped)

    @property
    def origin(self) -> Divergence | None:
        """The number at which it went wrong: of the first step the first one in computation.

        Only comparisons count in which each number is computed from the numbers beside it, if they
        show anything: what follows from a mistake is computed rightly from wrong numbers.
        """
        if not self.divergences:
            return None
        step = min(d.step for d in self.divergences)
        here = [d for d in self.divergences if d.step == step]
        return min([d for d in here if d.stage.startswith(ALONE)] or here, key=_computed)

    @property
    def elements(self) -> int:
        """Numbers compared."""
        return sum(row.elements for row in self.rows)

    @property
    def bit_equal(self) -> int:
        """Numbers that have the same bits on both sides."""
        return sum(row.bit_equal for row in self.rows)

    @property
    def unbounded(self) -> int:
        """Numbers that differ under an infinite bound, which says nothing of them."""
        return sum(row.unbounded for row in self.rows)

    @property
    def vacuous(self) -> float:
        """Share of the whole step's numbers whose bound says nothing about them."""
        rows = [row for row in self.rows if row.stage in record.STAGES]
        return sum(row.vacuous for row in rows) / max(sum(row.elements for row in rows), 1)

    @property
    def subnormal(self) -> int:
        """Numbers below the smallest normal one."""
        return sum(row.subnormal for row in self.rows)

    @property
    def ulp(self) -> float:
        """Largest distance in units in the last place."""
        return max((row.ulp for row in self.rows), default=0.0)

    @property
    def fill(self) -> float:
        """Largest difference over bound."""
        return max((row.fill for row in self.rows), default=0.0)
