"""A bound is bounded: formulas of refnn that lose digits."""

import numpy as np

from refnn.record import Entry
from tftwin.lockstep.bounds import bound_of
from tftwin.lockstep.definitions import MULTIPLE
from tftwin.lockstep.findings import LostDigits


def lost_digits(step: int, bounds: list[Entry], defined: list[Entry]) -> list[LostDigits]:
    """Return the tensors whose derived bound is above ``MULTIPLE`` times the definition's."""
    found = []
    for derived, definition in zip(bounds, defined, strict=True):
        if definition.array is None:
            continue
        bound = np.asarray(bound_of(derived.array), np.float64)
        limit = np.asarray(definition.array.bound, np.float64)
        value = np.asarray(derived.array.value)
        room = np.finfo(value.dtype).max - 2 * MULTIPLE * limit  # above it a result may overflow
        above = (bound > MULTIPLE * limit) & (np.isfinite(bound) | ~(np.abs(value) >= room))
        if above.any():
            with np.errstate(all="ignore"):
                factor = np.where(above, bound / limit, 0)
            index = np.unravel_index(int(np.argmax(factor)), factor.shape)
            where = tuple(int(i) for i in index)
            place = (derived.stage, derived.name, where)
            found.append(LostDigits(step, *place, float(value[index]), float(factor[index])))
    return found
