"""The verdict on every element: bit-equal, within its bound, special, or divergent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnn import record
from refnn.record import Entry
from refnn.state import State
from refnn.typing import Array

RULE = ("rule slots", "rule update")
"""The optimizer's rule alone, given refnn's gradient."""
LAYER = ("layer forward", "layer loss", "layer backward", "layer gradient")
"""Every layer and the loss alone, given refnn's outputs and output gradients."""
STAGES = (*record.STAGES, *RULE, *LAYER)
"""In the order of computation."""

FILL_EDGES = np.concatenate([[0.0], np.logspace(-6, 0, 61), [np.inf]])
"""Edges of the fill histogram: ten bins a decade from 1e-6 to 1, one below and one above."""


@dataclass(frozen=True)
class Divergence:
    """One element that is outside its bound, and what the higher precision says of it."""

    step: int
    stage: str
    name: str
    index: tuple[int, ...]
    refnn: float
    tftwin: float
    allowed: float
    explanation: str = ""

    def __str__(self) -> str:
        place = f"{self.name}{list(self.index)}" if self.index else self.name
        return (
            f"step {self.step}, stage {self.stage}, {place}: refnn {self.refnn!r}, "
            f"tftwin {self.tftwin!r}, apart by {abs(self.refnn - self.tftwin):.3g}, allowed "
            f"{self.allowed:.3g}" + (f"; {self.explanation}" if self.explanation else "")
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
        Numbers within an infinite bound, which says nothing about them.
    ulp : float
        Largest distance in units in the last place; where and between which values:
        ``ulp_step``, ``ulp_index``, ``ulp_values``.
    fill : float
        Largest difference over bound.
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
    ulp: float = 0.0
    ulp_step: int = 0
    ulp_index: tuple[int, ...] = ()
    ulp_values: tuple[float, float] = (0.0, 0.0)
    fill: float = 0.0
    fills: Array = field(default_factory=lambda: np.zeros(len(FILL_EDGES) - 1, np.int64))

    def add(self, other: "Row") -> None:
        """Count another row's numbers too."""
        self.elements += other.elements
        self.bit_equal += other.bit_equal
        self.within += other.within
        self.special += other.special
        self.divergent += other.divergent
        self.unbounded += other.unbounded
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


@dataclass
class Report:
    """What a lockstep run found.

    Attributes
    ----------
    steps : int
        Steps compared.
    rows : list of Row
        One for each tensor, in the order of computation.
    divergences : list of Divergence
        Every element outside its bound, in the order of computation.
    seconds_refnn, seconds_tftwin : float
        Time spent in the steps of each side.
    state : State
        refnn's, after the last step.
    """

    steps: int = 0
    rows: list[Row] = field(default_factory=list)
    divergences: list[Divergence] = field(default_factory=list)
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
            joined.seconds_refnn += report.seconds_refnn
            joined.seconds_tftwin += report.seconds_tftwin
            for row in report.rows:
                rows.setdefault((row.stage, row.name), Row(row.stage, row.name)).add(row)
        joined.rows = list(rows.values())
        return joined

    @property
    def agreed(self) -> bool:
        """Whether something was compared and no element is outside its bound."""
        return self.elements > 0 and not self.divergences

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
    def ulp(self) -> float:
        """Largest distance in units in the last place."""
        return max((row.ulp for row in self.rows), default=0.0)

    @property
    def fill(self) -> float:
        """Largest difference over bound."""
        return max((row.fill for row in self.rows), default=0.0)


def ulp_distance(a: Array, b: Array) -> Array:
    """Return how many floating-point numbers lie between a and b: 0 for ±0, inf for one NaN."""
    integer = np.dtype(f"int{8 * a.dtype.itemsize}")
    lowest = np.iinfo(integer).min

    def place(x: Array) -> Array:
        bits = np.ascontiguousarray(x).view(integer)
        return np.where(bits < 0, lowest - bits, bits).astype(np.float64)

    exact = place(a) - place(b)
    if integer.itemsize == 8:  # float64 cannot hold all 64-bit distances, but small ones it must
        bits_a, bits_b = (np.ascontiguousarray(x).view(integer) for x in (a, b))
        one_sign = (bits_a < 0) == (bits_b < 0)
        exact = np.where(one_sign, (bits_a - bits_b * one_sign).astype(np.float64), exact)
    distance = np.abs(exact)
    one_nan = np.isnan(a) != np.isnan(b)
    return np.where(one_nan, np.inf, np.where(np.isnan(a), 0.0, distance))


def bits(a: Array) -> Array:
    """Return the bits of floating-point numbers as integers."""
    return np.ascontiguousarray(a).view(np.dtype(f"int{8 * a.dtype.itemsize}"))


def judge(row: Row, step: int, refnn: Any, tftwin: Any, bound: Any) -> list[Divergence]:
    """Add one tensor of one step to its row, and return its divergences.

    Parameters
    ----------
    row : Row
        Where it is counted.
    step : int
        Number of the step, from 1.
    refnn, tftwin : Array
        Both sides' values, of one shape and dtype.
    bound : Array
        How far each of them may be from the exact value: they may be twice that apart.

    Raises
    ------
    ValueError
        If shapes or dtypes differ.
    """
    a, b = np.atleast_1d(refnn), np.atleast_1d(tftwin)
    if a.shape != b.shape or a.dtype != b.dtype:
        raise ValueError(
            f"{row.stage} {row.name}: refnn has {a.shape} {a.dtype}, tftwin {b.shape} {b.dtype}; "
            "expected one shape and one dtype"
        )
    allowed = 2 * np.broadcast_to(np.asarray(bound, np.float64), a.shape)
    with np.errstate(all="ignore"):
        apart = np.abs(a.astype(np.float64) - b.astype(np.float64))
        same = (bits(a) == bits(b)) | (np.isnan(a) & np.isnan(b))
        special = ~same & (a == 0) & (b == 0)
        finite = np.isfinite(a) & np.isfinite(b)
        unbounded = ~same & ~special & np.isfinite(a) & np.isinf(allowed)
        within = unbounded | (~same & ~special & finite & (apart <= allowed))
        divergent = ~(same | special | within)
        fill = np.where(apart == 0, 0.0, apart / allowed)[finite & np.isfinite(allowed)]
    distance = ulp_distance(a, b)

    row.elements += a.size
    row.bit_equal += int(same.sum())
    row.special += int(special.sum())
    row.within += int(within.sum())
    row.divergent += int(divergent.sum())
    row.unbounded += int(unbounded.sum())
    row.fills += np.histogram(fill, FILL_EDGES)[0]
    row.fill = max(row.fill, float(fill.max(initial=0.0)))
    if a.size and distance.max() > row.ulp:
        index = np.unravel_index(int(distance.argmax()), a.shape)
        row.ulp, row.ulp_step = float(distance[index]), step
        row.ulp_index = tuple(int(i) for i in index)[: np.ndim(refnn)]
        row.ulp_values = (float(a[index]), float(b[index]))
    return [
        Divergence(
            step,
            row.stage,
            row.name,
            tuple(int(i) for i in index)[: np.ndim(refnn)],
            float(a[tuple(index)]),
            float(b[tuple(index)]),
            float(allowed[tuple(index)]),
        )
        for index in np.argwhere(divergent)
    ]


def judge_records(
    rows: dict[tuple[str, str], Row],
    step: int,
    refnn: Sequence[Entry],
    tftwin: Sequence[Entry],
) -> list[Divergence]:
    """Add one step to the rows, tensor by tensor, and return its divergences, first one first.

    The bounds are those that refnn's entries carry; without one every difference is a divergence.

    Raises
    ------
    ValueError
        If the two records do not hold the same tensors, or hold none.
    """
    if [e[:2] for e in refnn] != [e[:2] for e in tftwin]:
        raise ValueError(
            f"refnn recorded {[e[:2] for e in refnn]}, tftwin {[e[:2] for e in tftwin]}; expected "
            "the same tensors"
        )
    if not sum(np.size(e.array) for e in refnn):
        raise ValueError("nothing was compared: the records are empty")
    divergences = []
    for one, other in zip(refnn, tftwin, strict=True):
        row = rows.setdefault(one[:2], Row(one.stage, one.name))
        bound = 0.0 if one.bound is None else one.bound
        divergences += judge(row, step, one.array, other.array, bound)
    return divergences


def compare(one: Sequence[Sequence[Entry]], other: Sequence[Sequence[Entry]]) -> Report:
    """Compare two saved runs, step by step, under the bounds that the first one carries.

    Raises
    ------
    ValueError
        If they do not hold the same steps and tensors, or hold none.
    """
    if len(one) != len(other):
        raise ValueError(f"one record has {len(one)} steps and the other {len(other)}")
    rows: dict[tuple[str, str], Row] = {}
    report = Report(steps=len(one))
    for number, (a, b) in enumerate(zip(one, other, strict=True), 1):
        report.divergences += judge_records(rows, number, a, b)
    report.rows = list(rows.values())
    if not report.steps:
        raise ValueError("nothing was compared: the records are empty")
    return report
