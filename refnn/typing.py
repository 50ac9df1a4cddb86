"""The one type alias of the package."""

from typing import Any, TypeAlias

import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
"""float32, float64, longdouble, or any array type that NumPy's functions dispatch on."""
