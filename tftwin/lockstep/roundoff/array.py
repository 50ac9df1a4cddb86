"""The array that carries a bound, and the table that says which rule bounds which operation."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from refnn.typing import Array
from tftwin.lockstep.roundoff import arithmetic, choices, functions, sums
from tftwin.lockstep.roundoff.operands import (
    Bounded,
    NoBoundError,
    Outcome,
    input_bound,
    operand,
    plain,
    values,
)

UFUNCS: dict[Any, Callable[..., Array]] = {
    np.add: arithmetic.add,
    np.subtract: arithmetic.subtract,
    np.multiply: arithmetic.multiply,
    np.divide: arithmetic.divide,
    np.square: arithmetic.square,
    np.sqrt: arithmetic.sqrt,
    np.absolute: choices.unchanged,
    np.negative: choices.unchanged,
    np.maximum: choices.maximum,
    np.minimum: choices.minimum,
    np.sign: choices.sign,
    np.exp: functions.exp,
    np.log: functions.log,
    np.tanh: functions.tanh,
    np.expm1: functions.expm1,
    np.log1p: functions.log1p,
    np.greater: choices.compare,
    np.greater_equal: choices.compare,
    np.less: choices.compare,
    np.less_equal: choices.compare,
    np.matmul: sums.matmul,
}
"""A rule takes the result's value and the operands."""

LEAST: dict[Any, Callable[..., float]] = {
    np.add: arithmetic.least_of_sum,
    np.sqrt: arithmetic.least_of_root,
}
"""Functions of the operands: no evaluation of the result is below this number."""

FUNCTIONS: dict[Any, Callable[..., Array]] = {
    np.sum: sums.sum_,
    np.mean: sums.mean,
    np.max: choices.max_,
    np.clip: choices.clip,
    np.where: choices.where,
    np.concatenate: choices.concatenate,
    np.zeros_like: choices.filled,
    np.ones_like: choices.filled,
    np.full_like: choices.filled,
    np.empty_like: choices.filled,
}
"""A rule takes the result's value, the array that gives dtype and unit, and NumPy's arguments."""

KNOWN = (
    "there are bounds for "
    + ", ".join(f"np.{f.__name__}" for f in (*UFUNCS, *FUNCTIONS))
    + ", and for x ** n with a whole number n ≥ 0"
)
"""The remedy that a refusal names."""


class Rounded(Bounded, NDArrayOperatorsMixin):
    """A value and its bound (see ``Bounded``) on which NumPy's operations work."""

    T = property(lambda self: self._view(lambda a: a.T))

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return f"Rounded({self.value!r}, bound={self.bound!r})"

    def __getitem__(self, index: Any) -> "Rounded":
        return self._view(lambda a: a[index])

    def __setitem__(self, index: Any, part: "Rounded") -> None:
        self.value[index], self.bound[index] = part.value, part.bound

    def reshape(self, *shape: Any) -> "Rounded":
        """Return the same elements in another shape."""
        return self._view(lambda a: a.reshape(*shape))

    def sum(self, axis: int | None = None, keepdims: bool = False) -> "Rounded":
        """Return the sum, as ``np.sum``."""
        return self._call(np.sum, self, axis, keepdims=keepdims)

    def mean(self, axis: int | None = None, keepdims: bool = False) -> "Rounded":
        """Return the mean, as ``np.mean``."""
        return self._call(np.mean, self, axis, keepdims=keepdims)

    def max(self, axis: int | None = None, keepdims: bool = False) -> "Rounded":
        """Return the largest element, as ``np.max``."""
        return self._call(np.max, self, axis, keepdims=keepdims)

    def __pow__(self, exponent: Any) -> "Rounded":
        """Return x ** n. NumPy computes x ** 2 as a square, and so do the bounds."""
        if type(exponent) is not int or exponent < 0:
            raise NoBoundError(f"x ** {exponent!r} has no derived bound; {KNOWN}")
        if exponent == 2:
            return self._ufunc(np.square)
        with np.errstate(all="ignore"):
            value = self.value**exponent
            return Rounded(value, arithmetic.power(value, self, exponent), self.unit)

    def __float__(self) -> float:
        raise NoBoundError(
            "the functions of Python's math take one number, and have no derived bound; write "
            f"NumPy's: {KNOWN}"
        )

    def _ufunc(self, ufunc: Any) -> "Rounded":
        result: Rounded = ufunc(self)
        return result

    def _view(self, view: Callable[[Array], Array]) -> "Rounded":
        return Rounded(view(self.value), view(self.bound), self.unit)

    def _call(self, function: Any, *args: Any, **options: Any) -> "Rounded":
        """Apply a function of the table to the values, and its rule to the arguments."""
        with np.errstate(all="ignore"):
            value = function(*[values(a) for a in args], **options)
            return Rounded(value, FUNCTIONS[function](value, self, *args, **options), self.unit)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        unknown = sorted(options.keys() - {"axis", "keepdims"})
        if function not in FUNCTIONS or unknown:
            name = " with ".join((function.__name__, *unknown))
            raise NoBoundError(f"np.{name} has no derived bound; {KNOWN}")
        return self._call(function, *args, **options)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **options: Any) -> Any:
        if method != "__call__" or options or ufunc not in UFUNCS:
            raise NoBoundError(f"np.{ufunc.__name__} ({method}) has no derived bound; {KNOWN}")
        operands = [operand(a, self) for a in args]
        with np.errstate(all="ignore"):
            value = ufunc(*[plain(a) for a in args])
            result = UFUNCS[ufunc](value, *operands)
            if UFUNCS[ufunc] is choices.compare:
                return Mask(value, result)
            least = LEAST[ufunc](*operands) if ufunc in LEAST else -np.inf
            return Rounded(value, result, self.unit, least)


class Mask(Outcome, NDArrayOperatorsMixin):
    """The outcome of a comparison (see ``Outcome``), by which a ``Rounded`` array is chosen."""

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **options: Any) -> Any:
        if ufunc is np.bitwise_and and method == "__call__":
            one, other = args
            return Mask(one.value & other.value, one.undecided | other.undecided)
        rounded = [a for a in args if isinstance(a, Rounded)]
        if not rounded:
            raise NoBoundError(f"np.{ufunc.__name__} of a comparison has no derived bound")
        return rounded[0].__array_ufunc__(ufunc, method, *args, **options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        rounded = [a for a in args if isinstance(a, Rounded)]
        if function is not np.where or not rounded:
            raise NoBoundError(f"np.{function.__name__} of a comparison has no derived bound")
        return rounded[0].__array_function__(function, types, args, options)


def exact(array: Array, unit: float | None = None) -> Rounded:
    """Return an array of inputs, without error but for subnormal numbers, which may be flushed."""
    own = np.finfo(array.dtype).eps / 2 if unit is None else unit
    return Rounded(array, input_bound(array), own)
