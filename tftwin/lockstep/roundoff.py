"""Arrays that carry a bound on their own rounding error.

A ``Rounded`` array is a value, computed by the same NumPy operation as ever, and a bound e ≥ 0
for each element, such that

    |a − a*| ≤ e   for every correct evaluation a at this precision (the value is one of them),

where a* is the exact result, in real arithmetic, of the operations applied so far. Correct
evaluations may sum in any order, contract a·b + c, flush subnormal numbers to zero, and use any
exp, log or tanh within the ledger. Two of them are therefore at most 2 e apart.

The unchanged code of refnn runs on these arrays, because NumPy's operators and functions
dispatch on them. Notation below: ``v`` a value, ``e`` its bound, ``p`` the error that comes
from the operands (propagated), u the unit roundoff. An evaluation's operand lies within 2 e of
the value v at hand, so that its magnitude is at most |v| + 2 e.

- + − × ÷ √: u |result| (Higham, *Accuracy and Stability of Numerical Algorithms*, ch. 2).
- Sums and products of matrices, n terms: γₙ = n u / (1 − n u) times the sum of the absolute
  terms (Higham, ch. 3), refused where n u > 0.01.
- exp, log, tanh, 1/x: the ledger's worst error, in ulp.
- A comparison that the bounds leave undecided: the jump between its two branches is added.
- Results below the smallest normal number: they may be flushed to zero.

An operation that is not here is refused: there is no bound without a derivation.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from refnn.typing import Array
from tftwin.lockstep import ledger

OWN_ROUNDING = 1 + 2.0**-44
"""A bound is itself computed in float64, by fewer than 2⁸ roundings of 2⁻⁵³ and its sums' own."""


class NoBoundError(TypeError):
    """There is no derived bound for this operation."""


class Rounded(NDArrayOperatorsMixin):
    """A value and, for each element, a bound on its rounding error.

    Parameters
    ----------
    value : Array
        float32 or float64.
    bound : Array
        float64, of the same shape.
    unit : float
        The unit roundoff u: 2⁻²⁴ or 2⁻⁵³. With 0 the bound holds for evaluations that round
        identically and differ only in what they flush to zero.
    least : float
        No evaluation is below it. A square root is at least 0, so that √v + ε is at least ε,
        however uncertain v is.
    """

    def __init__(self, value: Any, bound: Any, unit: float, least: float = -np.inf) -> None:
        self.value, self.bound, self.unit, self.least = value, bound, unit, least

    dtype = property(lambda self: self.value.dtype)
    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
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
        return sum_(self, self, axis, keepdims)

    def mean(self, axis: int | None = None, keepdims: bool = False) -> "Rounded":
        """Return the mean, as ``np.mean``."""
        return mean(self, self, axis, keepdims)

    def max(self, axis: int | None = None, keepdims: bool = False) -> "Rounded":
        """Return the largest element, as ``np.max``."""
        return max_(self, self, axis, keepdims)

    def _view(self, view: Callable[[Array], Array]) -> "Rounded":
        return Rounded(view(self.value), view(self.bound), self.unit)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **options: Any) -> Any:
        if method != "__call__" or options or ufunc not in UFUNCS:
            raise NoBoundError(f"np.{ufunc.__name__} ({method}) has no derived bound; {KNOWN}")
        operands = [operand(a, self) for a in args]
        with np.errstate(all="ignore"):
            value = ufunc(*[plain(a) for a in args])
            return UFUNCS[ufunc](value, *operands)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if function not in FUNCTIONS:
            raise NoBoundError(f"np.{function.__name__} has no derived bound; {KNOWN}")
        with np.errstate(all="ignore"):
            return FUNCTIONS[function](self, *args, **options)


class Mask(NDArrayOperatorsMixin):
    """The outcome of a comparison, and where the bounds leave it undecided."""

    def __init__(self, value: Any, undecided: Any) -> None:
        self.value, self.undecided = value, undecided

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
    magnitude = np.abs(array).astype(np.float64)
    bound = np.where(magnitude < np.finfo(array.dtype).tiny, magnitude, 0)
    return Rounded(array, bound, np.finfo(array.dtype).eps / 2 if unit is None else unit)


def plain(a: Any) -> Any:
    """Return what NumPy computes with: the value of a Rounded or a Mask, anything else as it is."""
    return a.value if isinstance(a, (Rounded, Mask)) else a


Operand: TypeAlias = Any
"""A Rounded, or a Mask."""


def operand(a: Any, like: Rounded) -> Operand:
    """Return any argument as a Rounded; a Python scalar carries the error of its conversion."""
    if isinstance(a, Mask) or (isinstance(a, Rounded) and a.dtype == like.dtype):
        return a
    if isinstance(a, (bool, int, float)):
        value = like.dtype.type(a)
        error = abs(float(value) - float(a)) if like.unit else 0.0
        if abs(value) < np.finfo(like.dtype).tiny:  # it may be flushed to zero
            return Rounded(
                value, np.float64(error + abs(float(value))), like.unit, min(float(a), 0.0)
            )
        return Rounded(value, np.float64(error), like.unit, float(value))
    if a.dtype != like.dtype:
        raise NoBoundError(f"a {a.dtype} array meets a {like.dtype} array; expected one dtype")
    return exact(np.asarray(a), like.unit)


def largest(a: Rounded) -> Array:
    """Return |v| + 2 e, the largest magnitude that an evaluation's operand can have."""
    magnitude: Array = np.abs(a.value).astype(np.float64) + 2 * a.bound
    return magnitude


def ulp(magnitude: Array, unit: float) -> Array:
    """Return the spacing of floating-point numbers of this magnitude."""
    spacing = np.ldexp(2 * unit, np.frexp(magnitude * (1 + 2.0**-20))[1] - 1)
    return np.where(magnitude > 0, spacing, 0.0)


def rounded(
    value: Any,
    p: Any,
    like: Rounded,
    *,
    roundings: float = 1,
    ulps: float = 0,
    exact_zero: Any = False,
) -> Rounded:
    """Return a result: propagated error, own rounding, underflow.

    Parameters
    ----------
    value, p
        The value and the propagated error.
    roundings : float
        How often the operation rounds: u times the result's magnitude each.
    ulps : float
        The ledger's worst error of the function.
    exact_zero : bool Array
        Where a value of 0 is exact because an operand is an exact 0.
    """
    magnitude = np.abs(value).astype(np.float64) + 2 * p
    e = p + roundings * like.unit * (1 + like.unit) * magnitude
    if ulps:
        e = e + ulps * ulp(magnitude, like.unit)
    tiny = np.finfo(value.dtype).tiny
    flushed = (np.abs(value) < 2 * (tiny + p)) & ~((value == 0) & ((p == 0) & exact_zero))
    if np.any(flushed):
        e = np.where(flushed, e + tiny, e)
    e = np.where(np.isnan(e) | ~np.isfinite(value), np.inf, e * OWN_ROUNDING)
    return Rounded(value, e, like.unit)


def is_zero(a: Rounded) -> Array:
    """Where an operand is an exact 0."""
    return (a.value == 0) & (a.bound == 0)


def is_power_of_two(a: Rounded) -> bool:
    """Whether an operand is one exact power of two, by which products and quotients are exact."""
    return bool(a.ndim == 0 and a.bound == 0 and abs(np.frexp(a.value)[0]) == 0.5)


def is_count(a: Rounded) -> bool:
    """Whether an operand is one exact whole number."""
    return bool(a.ndim == 0 and a.bound == 0 and a.value == np.trunc(a.value))


# + − × ÷ and the elementwise functions -----------------------------------------------------


def add(value: Any, a: Rounded, b: Rounded) -> Rounded:
    """|(a' + b') − (a* + b*)| ≤ e_a + e_b."""
    result = subtract(value, a, b)
    result.least = (a.least + b.least) * (1 - 4 * a.unit)
    return result


def subtract(value: Any, a: Rounded, b: Rounded) -> Rounded:
    """As a sum."""
    return rounded(value, a.bound + b.bound, a, exact_zero=True)


def multiply(value: Any, a: Operand, b: Operand) -> Rounded:
    """|a' b' − a* b*| ≤ |a*| e_b + |b*| e_a + e_a e_b; a Mask selects a or 0."""
    if isinstance(b, Mask):
        a, b = b, a
    if isinstance(a, Mask):
        e = np.where(a.value, b.bound, 0)
        return Rounded(value, np.where(a.undecided, largest(b) * OWN_ROUNDING, e), b.unit)
    p = largest(a) * b.bound + largest(b) * a.bound
    roundings = 0 if is_power_of_two(a) or is_power_of_two(b) else 1
    return rounded(value, p, a, roundings=roundings, exact_zero=is_zero(a) | is_zero(b))


def divide(value: Any, a: Rounded, b: Rounded) -> Rounded:
    """|a'/b' − a*/b*| ≤ (e_a + |a*/b*| e_b) / |b'|, with |b'| ≥ |v_b| − 2 e_b and ≥ its least.

    TensorFlow differentiates the logarithm through a reciprocal that it approximates. A sum over
    a count n is a mean, which a library may compute as a multiplication by 1/n: two roundings.
    """
    smallest = np.maximum(np.abs(b.value).astype(np.float64) - 2 * b.bound, b.least)
    p = a.bound / smallest + largest(a) / smallest * (b.bound / smallest)
    p = np.where(smallest > 0, p, np.inf)
    if is_power_of_two(b):
        return rounded(value, p, a, roundings=0, exact_zero=is_zero(a))
    if a.ndim == 0 and a.value == 1 and a.bound == 0 and a.unit:
        tiny, name = np.finfo(value.dtype).tiny, value.dtype.name
        p = p + np.where(
            np.abs(value) < 2**23 * tiny, ledger.underflow("reciprocal", name) * tiny, 0
        )
        return rounded(value, p, a, ulps=ledger.worst("reciprocal", name))
    return rounded(value, p, a, roundings=2 if is_count(b) else 1, exact_zero=is_zero(a))


def square(value: Any, a: Rounded) -> Rounded:
    """As a · a."""
    return multiply(value, a, a)


def sqrt(value: Any, a: Rounded) -> Rounded:
    """|√a' − √a*| ≤ e / √a* and ≤ √e."""
    least = np.sqrt(np.maximum(a.value.astype(np.float64) - a.bound, 0))
    p = np.where(a.bound == 0, 0, np.minimum(a.bound / least, np.sqrt(a.bound)))
    result = rounded(value, p, a, exact_zero=is_zero(a))
    result.least = 0.0
    return result


def unchanged(value: Any, a: Rounded) -> Rounded:
    """|a| and −a round nothing."""
    return Rounded(value, a.bound, a.unit)


def maximum(value: Any, a: Rounded, b: Rounded) -> Rounded:
    """|max(a', b') − max(a*, b*)| ≤ max(e_a, e_b); nothing is rounded."""
    return Rounded(value, np.maximum(a.bound, b.bound), a.unit)


def exp(value: Any, a: Rounded) -> Rounded:
    """|e^a' − e^a*| ≤ e^a* (e^e − 1) ≤ e^v e^e (e^e − 1).

    In the last binade below infinity a kernel may scale in two parts, and err more.
    """
    name, last = value.dtype.name, np.finfo(value.dtype).max / 2
    least = np.maximum(np.abs(value).astype(np.float64), np.finfo(value.dtype).tiny)
    p = np.where(a.bound > 0, least * (1 + 16 * a.unit) * np.exp(a.bound) * np.expm1(a.bound), 0.0)
    ulps = ledger.worst("exp", name)
    if np.any(np.abs(value) + 2 * p > last):
        ulps = max(ulps, ledger.overflow("exp", name))
    return rounded(value, p, a, roundings=0, ulps=ulps)


def log(value: Any, a: Rounded) -> Rounded:
    """|ln a' − ln a*| ≤ e / min(a', a*), both at least v − 2 e."""
    smallest = a.value.astype(np.float64) - 2 * a.bound
    p = np.where(a.bound == 0, 0, np.where(smallest > 0, a.bound / smallest, np.inf))
    ulps = ledger.worst("log", value.dtype.name)
    return rounded(value, p, a, roundings=0, ulps=ulps, exact_zero=True)


def tanh(value: Any, a: Rounded) -> Rounded:
    """|tanh a' − tanh a*| ≤ e · max tanh', and tanh' = 1 − tanh² is largest nearest to 0."""
    ulps = ledger.worst("tanh", value.dtype.name)
    least = np.abs(value).astype(np.float64) * (1 - 2 * ulps * a.unit) - 2 * a.bound
    p = a.bound * (1 - np.square(np.maximum(least, 0)))
    return rounded(value, p, a, roundings=0, ulps=ulps, exact_zero=is_zero(a))


def compare(value: Any, a: Rounded, b: Rounded) -> Mask:
    """Decided for every evaluation where |v_a − v_b| > 2 (e_a + e_b)."""
    slack = 2 * (a.bound + b.bound)
    gap = np.abs(a.value.astype(np.float64) - b.value.astype(np.float64))
    return Mask(value, (gap <= slack) & (slack > 0))


UFUNCS: dict[Any, Callable[..., Any]] = {
    np.add: add,
    np.subtract: subtract,
    np.multiply: multiply,
    np.divide: divide,
    np.square: square,
    np.sqrt: sqrt,
    np.absolute: unchanged,
    np.negative: unchanged,
    np.maximum: maximum,
    np.exp: exp,
    np.log: log,
    np.tanh: tanh,
    np.greater: compare,
    np.greater_equal: compare,
    np.less: compare,
    np.less_equal: compare,
    np.matmul: lambda value, a, b: matmul(value, a, b),
}


# Sums and products of n terms ----------------------------------------------------------------


def gamma(n: int, unit: float) -> float:
    """γₙ = n u / (1 − n u) (Higham, lemma 3.1).

    Raises
    ------
    NoBoundError
        If n u > 0.01: the bound would say little.
    """
    if n * unit > 0.01:
        raise NoBoundError(f"a sum of {n} terms at unit roundoff {unit:.3g}: expected n u <= 0.01")
    return n * unit / (1 - n * unit)


def matmul(value: Any, a: Rounded, b: Rounded) -> Rounded:
    """γ_k |a| |b| + e_a |b| + |a| e_b, with the largest magnitudes; k products, k − 1 sums."""
    k = a.shape[-1]
    one, other = largest(a), largest(b)
    e = one @ (gamma(k, a.unit) * other + b.bound) + a.bound @ other
    underflow = 2 * k * np.finfo(value.dtype).tiny
    absolute = one @ other
    e = np.where(absolute > 0, e + underflow, e) * (OWN_ROUNDING + k * 2.0**-51)
    e = np.where(absolute > np.finfo(value.dtype).max, np.inf, e)  # in another order it overflows
    return Rounded(value, np.where(np.isnan(e) | ~np.isfinite(value), np.inf, e), a.unit)


def sum_(like: Rounded, a: Rounded, axis: int | None = None, keepdims: bool = False) -> Rounded:
    """Σ e + γ_(n−1) Σ |a|."""
    value = np.sum(a.value, axis=axis, keepdims=keepdims)
    n = a.size // max(value.size, 1)
    absolute = np.sum(largest(a), axis=axis, keepdims=keepdims)
    p = np.sum(a.bound, axis=axis, keepdims=keepdims) + gamma(n - 1, a.unit) * absolute
    p = p * (1 + n * 2.0**-51) + n * np.finfo(value.dtype).tiny * ((absolute > 0) & (n > 1))
    p = np.where(absolute > np.finfo(value.dtype).max, np.inf, p)  # in another order it overflows
    return rounded(value, p, a, roundings=0, exact_zero=True)


def mean(like: Rounded, a: Rounded, axis: int | None = None, keepdims: bool = False) -> Rounded:
    """The sum over n; dividing rounds once, multiplying by 1/n twice."""
    total = sum_(like, a, axis, keepdims)
    value = np.mean(a.value, axis=axis, keepdims=keepdims)
    n = a.size // max(value.size, 1)
    return rounded(value, total.bound / n, a, roundings=2 * (n > 1), exact_zero=True)


def max_(like: Rounded, a: Rounded, axis: int | None = None, keepdims: bool = False) -> Rounded:
    """|max a' − max a*| ≤ max e; nothing is rounded."""
    return Rounded(
        np.max(a.value, axis=axis, keepdims=keepdims),
        np.max(a.bound, axis=axis, keepdims=keepdims),
        a.unit,
    )


def clip(like: Rounded, a: Rounded, low: float, high: float) -> Rounded:
    """The error of a, and that of an edge where a may lie at or beyond it."""
    value, (lo, hi) = np.clip(a.value, low, high), (operand(low, a), operand(high, a))
    least, most = a.value - 2 * a.bound, a.value + 2 * a.bound
    beyond_lo, beyond_hi = most < lo.value - 2 * lo.bound, least > hi.value + 2 * hi.bound
    near_lo, near_hi = least <= lo.value + 2 * lo.bound, most >= hi.value - 2 * hi.bound
    e = np.where(beyond_lo | beyond_hi, 0, a.bound)
    e = np.maximum(e, np.where(near_lo, lo.bound, 0))
    e = np.maximum(e, np.where(near_hi, hi.bound, 0))
    return Rounded(value, e, a.unit)


def where(like: Rounded, condition: Any, a: Any, b: Any) -> Rounded:
    """The bound of the branch taken; where undecided, the jump to the other one is added.

    |b' − a*| ≤ |b' − b*| + |b* − v_b| + |v_b − v_a| + |v_a − a*| ≤ 2 e_b + jump + e_a.
    """
    value = np.where(plain(condition), plain(a), plain(b))
    a, b = operand(a, like), operand(b, like)
    taken = np.where(plain(condition), a.bound, b.bound)
    if isinstance(condition, Mask):
        jump = np.abs(a.value.astype(np.float64) - b.value.astype(np.float64))
        either = (jump + a.bound + b.bound + np.maximum(a.bound, b.bound)) * OWN_ROUNDING
        taken = np.where(condition.undecided, either, taken)
    return Rounded(value, taken, like.unit)


def concatenate(like: Rounded, arrays: Any, axis: int | None = 0) -> Rounded:
    """One after the other."""
    parts = [operand(a, like) for a in arrays]
    values, bounds = [p.value for p in parts], [p.bound for p in parts]
    return Rounded(np.concatenate(values, axis), np.concatenate(bounds, axis), like.unit)


def filled(make: Callable[..., Array]) -> Callable[..., Rounded]:
    """Return zeros_like, ones_like, full_like, empty_like for these arrays."""

    def make_like(like: Rounded, a: Rounded, *fill: float) -> Rounded:
        error = operand(fill[0], a).bound if fill else 0.0
        return Rounded(make(a.value, *fill), np.full(a.shape, error), a.unit)

    return make_like


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: sum_,
    np.mean: mean,
    np.max: max_,
    np.clip: clip,
    np.where: where,
    np.concatenate: concatenate,
    np.zeros_like: filled(np.zeros_like),
    np.ones_like: filled(np.ones_like),
    np.full_like: filled(np.full_like),
    np.empty_like: filled(np.empty_like),
}

KNOWN = (
    "there are bounds for "
    + ", ".join(f"np.{f.__name__}" for f in (*UFUNCS, *FUNCTIONS))
    + "; write x * x for a square, and np.where for a sign"
)
"""What a message names as the remedy."""
