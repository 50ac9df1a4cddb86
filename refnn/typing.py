"""Two type aliases."""

from typing import Any, TypeAlias

Array: TypeAlias = Any
"""float32, float64 or longdouble ndarray, or any array type that NumPy's functions dispatch on.

No narrower type is true: the formulas also run on arrays that are no ndarrays (such as those of
``tftwin.lockstep.roundoff``, which carry a bound on their rounding error).
"""

Slots: TypeAlias = tuple[Array, ...]
"""An optimizer's memory: vectors as long as θ."""
