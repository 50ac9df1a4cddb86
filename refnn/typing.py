"""Three type aliases."""

from collections.abc import Sequence
from typing import Any, TypeAlias

Array: TypeAlias = Any
"""An ndarray of float32, float64 or longdouble, or an array type that NumPy dispatches on.

The formulas also run on arrays that are not ndarrays, for example those of
``tftwin.lockstep.roundoff``, which carry a bound on their rounding error. So no narrower type fits.
"""

Slots: TypeAlias = tuple[Array, ...]
"""An optimizer's memory: vectors as long as θ."""

Masks: TypeAlias = Sequence[Array]
"""What each Dropout layer keeps: a mask (N, width) for each of them, in their order."""
