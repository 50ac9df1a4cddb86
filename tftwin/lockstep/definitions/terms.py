"""What every definition is made of: a value with its bound, and the arithmetic that is judged."""

from typing import Any, NamedTuple

import numpy as np

from refnn.typing import Array
from tftwin.lockstep import ledger

MULTIPLE = 2.0
"""refnn's derived bound is at most this multiple of the definition's. On healthy networks it is at
most 1.001 times as large; the rest is room for the second order, which is not written here."""


class Defined(NamedTuple):
    """A definition's value, and the bound of a careful evaluation."""

    value: Any
    """An array, or, where that is dear, a function that computes it."""
    bound: Array


class Arithmetic(NamedTuple):
    """The arithmetic that is judged: its unit roundoff, its least normal number, its kernels."""

    dtype: str

    @property
    def u(self) -> float:
        """The unit roundoff."""
        return float(np.finfo(self.dtype).eps) / 2

    @property
    def tiny(self) -> float:
        """The least normal number: smaller results may be flushed to zero."""
        return float(np.finfo(self.dtype).tiny)

    def ulps(self, function: str) -> float:
        """Return the worst error of a function in units of u, relative to its result."""
        return 2 * ledger.worst(function, self.dtype)


def flushed(a: Arithmetic, v: Array) -> Array:
    """A subnormal number may be flushed to zero."""
    return np.where(abs(v) < a.tiny, abs(v), 0)
