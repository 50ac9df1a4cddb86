"""TensorFlow's side of the steps: its numbers, their bounds, and which of ours are wrong."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from refnn.record import STAGES, Entry
from refnn.state import State
from refnn.training import Model
from refnn.typing import Array
from tftwin.lockstep import Report, resynchronised
from tftwin.lockstep.verdict import same_bits
from tftwin.microscope.steps import Batch, Numbers, named
from tftwin.trainer import Mode

ALONE = ("layer ", "rule ")
"""The comparisons in which each number is computed from refnn's numbers beside it: so a mistake
shows where it is made, and nowhere else."""


def add_twin(
    model: Model, state: State, batches: Sequence[Batch], steps: Sequence[Numbers], mode: Mode
) -> Report:
    """Run lockstep over the same batches, and put what it sees into the steps."""
    seen: list[tuple[list[Entry], list[Entry]]] = []
    given: Any = [(x, y, masks) if masks else (x, y) for x, y, masks in batches]
    report = resynchronised(
        model, state, given, mode=mode, observe=lambda ours, theirs: seen.append((ours, theirs))
    )
    for step, (ours, theirs) in zip(steps, seen, strict=False):
        step.theirs = named(theirs)
        for entry, name in zip((e for e in ours if e.stage in STAGES), step.theirs, strict=True):
            bound = entry.bound if entry.bound is not None else 0.0
            step.bounds[name] = np.broadcast_to(bound, np.shape(entry.array))
        for one, other in zip(ours, theirs, strict=True):
            if one.stage.startswith(ALONE):
                name = f"{one.name}'" if one.stage.startswith("rule ") else one.name
                step.wrong[name] = differs(one, other)
    return report


def differs(one: Entry, other: Entry) -> Array:
    """Return which numbers are outside the bound of both sides."""
    a, b = np.asarray(one.array), np.asarray(other.array)
    if same_bits(a, b):
        return np.zeros(a.shape, bool)
    allowed = 0.0 if one.bound is None else 2 * np.asarray(one.bound, np.float64)
    with np.errstate(all="ignore"):
        apart = np.abs(a.astype(np.float64) - b)
        within = (a == b) | (apart <= allowed) | np.isinf(allowed) | (np.isnan(a) & np.isnan(b))
    return np.broadcast_to(~within, a.shape)
