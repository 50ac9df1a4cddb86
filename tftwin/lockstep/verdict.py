"""The verdict on every element: bit-equal, within its bound, special, or divergent."""

import math
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from refnn import record
from refnn.checks import short
from refnn.record import Entry
from refnn.typing import Array
from tftwin.lockstep.findings import FILL_EDGES, STAGES, Divergence, Report, Row

NAME = 100
"""Characters of a tensor's name."""


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


def same_bits(one: Any, other: Any) -> bool:
    """Whether two arrays have one shape, one dtype and the same bits."""
    a, b = np.asarray(one), np.asarray(other)
    return a.shape == b.shape and a.dtype == b.dtype and bool((bits(a) == bits(b)).all())


def judge(row: Row, step: int, refnn: Any, tftwin: Any, bound: Any) -> list[Divergence]:
    """Add one tensor of one step to its row; return its worst divergence, if there is one.

    Numbers that are not finite are treated alike on both sides: two NaNs are equal, an infinity
    equals itself, and anything else differs, unless the bound is infinite.

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
    allowed = 2 * np.asarray(bound, np.float64)
    row.elements += a.size
    row.step_fill = 0.0
    with np.errstate(all="ignore"):
        if row.stage in record.STAGES:
            _count_what_says_little(row, a, b, allowed)
        differ = bits(a) != bits(b)
        count = int(np.count_nonzero(differ))
        row.bit_equal += a.size - count
        row.fills[0] += a.size - count
        if not count:
            return []
        places = np.flatnonzero(differ)
        one, other = a.reshape(-1)[places], b.reshape(-1)[places]
        allowed = np.broadcast_to(allowed, a.shape).reshape(-1)[places]
        apart = np.abs(one.astype(np.float64) - other.astype(np.float64))
        both_nan = np.isnan(one) & np.isnan(other)
        special = (one == 0) & (other == 0)
        finite = np.isfinite(apart)
        unbounded = ~both_nan & ~special & np.isinf(allowed)
        within = unbounded | (~special & finite & (apart <= allowed))
        divergent = ~(both_nan | special | within)
        fill = np.where(apart == 0, 0.0, apart / allowed)
    counted = fill[finite & np.isfinite(allowed)]
    row.bit_equal += int(both_nan.sum())
    row.special += int(special.sum())
    row.within += int(within.sum())
    row.divergent += int(divergent.sum())
    row.unbounded += int(unbounded.sum())
    row.fills += np.histogram(counted, FILL_EDGES)[0]
    row.step_fill = math.inf if divergent.any() else float(counted.max(initial=0.0))
    row.fill = max(row.fill, float(counted.max(initial=0.0)))

    def index(place: Any) -> tuple[int, ...]:
        found = np.unravel_index(int(places[place]), a.shape)
        return tuple(int(i) for i in found)[: np.ndim(refnn)]

    distance = ulp_distance(one, other)
    if distance.max() > row.ulp:
        farthest = int(distance.argmax())
        row.ulp, row.ulp_step, row.ulp_index = float(distance[farthest]), step, index(farthest)
        row.ulp_values = (float(one[farthest]), float(other[farthest]))
    if not divergent.any():
        return []
    worst = int(np.where(divergent, np.where(np.isnan(fill), np.inf, fill), -1.0).argmax())
    return [
        Divergence(
            step,
            row.stage,
            row.name,
            index(worst),
            float(one[worst]),
            float(other[worst]),
            float(allowed[worst]),
            int(divergent.sum()),
        )
    ]


def _count_what_says_little(row: Row, a: Array, b: Array, allowed: Array) -> None:
    """Count the numbers of the whole step that are vacuous, not finite, or subnormal."""
    magnitude = np.maximum(abs(a), abs(b))
    row.vacuous += int(np.count_nonzero((allowed >= magnitude) & (allowed > 0)))
    row.non_finite += int(np.count_nonzero(~np.isfinite(magnitude)))
    small = magnitude < np.finfo(a.dtype).tiny
    row.subnormal += int(np.count_nonzero(small & (magnitude > 0)))


def heat_of(rows: Iterable[Row]) -> dict[str, float]:
    """Return the largest fill of each stage in the step that was judged last."""
    heat: dict[str, float] = {}
    for row in rows:
        heat[row.stage] = max(heat.get(row.stage, 0.0), row.step_fill)
    return heat


def judge_records(
    rows: dict[tuple[str, str], Row],
    step: int,
    refnn: Sequence[Entry],
    tftwin: Sequence[Entry],
    names: tuple[str, str] = ("refnn", "tftwin"),
) -> list[Divergence]:
    """Add one step to the rows, tensor by tensor, and return its divergences, first one first.

    The bounds are those that refnn's entries carry; without one every difference is a divergence.

    Raises
    ------
    ValueError
        If the two records do not hold the same tensors, or hold none.
    """
    for a, b in zip_longest(refnn, tftwin):
        if a is None or b is None or a[:2] != b[:2]:
            ours, theirs = ("nothing" if e is None else f"{e.stage}, {e.name}" for e in (a, b))
            raise ValueError(
                f"step {step}: {names[0]} has {ours} where {names[1]} has {theirs}; expected the "
                "same tensors"
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
    TypeError
        If an argument holds no records.
    ValueError
        If they do not hold the same steps and tensors, or hold none.
    """
    one, other = checked("one", one), checked("other", other)
    if len(one) != len(other):
        raise ValueError(f"one has {len(one)} steps and other {len(other)}; expected as many")
    rows: dict[tuple[str, str], Row] = {}
    report = Report(steps=len(one))
    for number, (a, b) in enumerate(zip(one, other, strict=True), 1):
        report.divergences += judge_records(rows, number, a, b, ("one", "other"))
        report.heat.append(heat_of(rows.values()))
    report.rows = list(rows.values())
    if not report.steps:
        raise ValueError("nothing was compared: the records are empty")
    return report


def checked(name: str, steps: Sequence[Sequence[Entry]]) -> list[list[Entry]]:
    """Return the records of some steps with NumPy arrays; refuse what cannot be compared."""
    records = []
    for number, entries in enumerate(_listed(name, steps, "steps"), 1):
        where = f"{name}: step {number}"
        records.append(
            [_entry(f"{where}, entry {i}", e) for i, e in enumerate(_listed(where, entries, ""), 1)]
        )
    return records


def _listed(name: str, value: Any, what: str) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)) or isinstance(value, Entry):
        of = "lists of Entry, one for each step" if what else "a list of Entry"
        raise TypeError(f"{name} = {short(value)}; expected {of}")
    return value


def _entry(where: str, entry: Any) -> Entry:
    if not isinstance(entry, Entry):
        raise TypeError(f"{where} = {short(entry)}; expected an Entry of refnn.record")
    numbers = np.ndarray, np.generic, float
    if not isinstance(entry.array, numbers) or not isinstance(entry.bound, (*numbers, type(None))):
        raise TypeError(f"{where}: array or bound is no array of numbers; expected NumPy arrays")
    bound = None if entry.bound is None else np.asarray(entry.bound)
    checked_entry = Entry(*entry)._replace(array=np.asarray(entry.array), bound=bound)
    check_entry(where, checked_entry)
    return checked_entry


def check_entry(where: str, entry: Entry) -> None:
    """Refuse an entry that cannot be compared."""
    name: Any = entry.name
    if not isinstance(entry.stage, str) or entry.stage not in STAGES:
        raise ValueError(f"{where}: stage {short(entry.stage)}; expected one of {STAGES[0]}, …")
    good = isinstance(name, str) and name.isprintable() and "|" not in name
    if not (good and 0 < len(name) <= NAME):
        raise ValueError(
            f"{where}: {short(name)}; expected a name of at most {NAME} printable characters but |"
        )
    for what, array in (("the array", entry.array), ("the bound", entry.bound)):
        if array is not None and array.dtype not in (np.float32, np.float64):
            raise TypeError(f"{where}: {what} has dtype {array.dtype}; expected float32 or float64")
    if entry.bound is not None:
        if entry.bound.shape not in ((), entry.array.shape):
            raise ValueError(
                f"{where}: the bound has shape {entry.bound.shape}; expected {entry.array.shape}"
            )
        if (bad := ~(entry.bound >= 0)).any():
            value = entry.bound.ravel()[int(np.argmax(bad))]
            raise ValueError(f"{where}: the bound holds {value}; expected numbers of at least 0")
