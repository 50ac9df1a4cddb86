"""How far exp, log, tanh, sigmoid, 1/x are from exact, for NumPy's and TensorFlow's kernels.

The error of a result y, where f(x) is the exact value, in units of the last place:

    |y − f(x)| / ulp(f(x)),   ulp(t) = 2^⌊log₂ |t|⌋ · 2u

f(x) is the same formula at the next precision: float64 for float32, an 80-bit long double for
float64. The error of this formula is below 6 ulp of that precision (``TRUTH``). Conventions:

- An infinite result counts as the power of two above the largest number. Where |f(x)| is in the
  last binade below that, or beyond, the error is kept apart (``overflow``): the exponential that
  XLA compiles errs more there.
- Where |f(x)| is below the smallest normal number, the error is kept apart, in units of that
  number (``underflow``): a result may be flushed to zero. For 1/x the limit is 2²³ of them, because
  below it TensorFlow's Newton step r + r (1 − x r) loses its second term to the flush.
- A subnormal input that is taken for 0 is counted (``flushed``). The error at any other subnormal
  input is kept apart (``subnormal``): glibc's logf gives ln 2⁻¹⁵⁰ for all of them where TensorFlow
  calls it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from refnn.typing import Array
from tftwin.lockstep.ledger.findings import Finding, Tally
from tftwin.lockstep.ledger.kernels import FUNCTIONS, evaluator


def wider(dtype: Any) -> Any:
    """Return the type in which the exact value is computed.

    Raises
    ------
    TypeError
        If long double has no more digits than float64 (Windows, macOS on ARM).
    """
    if dtype == np.float32:
        return np.float64
    if np.finfo(np.longdouble).nmant < 63:
        raise TypeError("dtype float64: this machine has no long double of 80 bits to measure with")
    return np.longdouble


def binade(t: Array) -> Array:
    """Return 2^⌊log₂ |t|⌋ of numbers that are not 0."""
    if t.dtype == np.float64:
        return (t.view(np.int64) & 0x7FF0000000000000).view(np.float64)
    return np.ldexp(np.longdouble(0.5), np.frexp(t)[1])


def measure(
    function: str,
    magnitudes: Array,
    kernels: Sequence[str],
    before: Array | None = None,
) -> dict[str, Finding]:
    """Measure kernels on inputs of both signs, or of those that the function states.

    Parameters
    ----------
    function : str
        Of ``FUNCTIONS``.
    magnitudes : Array
        |x|, ascending, NaN last; a multiple of 16 of them.
    kernels : sequence of str
        Of ``KERNELS``.
    before : Array, optional
        The 16 magnitudes below: the monotonicity is tested across.
    """
    f, dtype = FUNCTIONS[function], magnitudes.dtype
    findings = {kernel: Finding() for kernel in kernels}
    values: dict[str, list[Array]] = {kernel: [] for kernel in kernels}
    with np.errstate(all="ignore"):
        for sign in f.signs:
            x = magnitudes if sign == 1 else -magnitudes
            exact = f.formula(x.astype(wider(dtype)))
            slope = f.derivative(exact) if f.derivative else None
            for kernel in kernels:
                evaluate, finding = evaluator(function, kernel), findings[kernel]
                y = evaluate(x)
                values[kernel].append(y)
                finding.inputs += len(x)
                _judge(finding, evaluate, x, y, exact, f.low)
                if f.derivative is not None:
                    u = float(np.finfo(dtype).eps) / 2
                    error = np.abs(f.derivative(y) - slope)
                    if np.isnan(error[-1]):
                        error = np.where(np.isnan(error), 0, error)
                    finding.derivative.add(error, x, 1 / u)
                if f.least > -np.inf:
                    finding.range.add((y < f.least) | (y > f.greatest), x)
                _ascending(finding.monotonicity, y, x, f.direction * sign)
                if before is not None:
                    seam = np.array([evaluate(sign * before)[-1], y[0]])
                    _ascending(finding.monotonicity, seam, x[:2], f.direction * sign)
        if f.odd:
            for kernel, (y, mirrored) in values.items():
                finding = findings[kernel]
                finding.symmetry.add((y != -mirrored) & (y == y), magnitudes)
    return findings


def _ascending(tally: Tally, y: Array, x: Array, direction: int) -> None:
    tally.add(y[1:] < y[:-1] if direction > 0 else y[1:] > y[:-1], x[1:])


def _judge(
    finding: Finding,
    evaluate: Callable[[Array], Array],
    x: Array,
    y: Array,
    exact: Array,
    low: float,
) -> None:
    """Measure the error of y, in ulp."""
    info = np.finfo(x.dtype)
    top = 2 * exact.dtype.type(2) ** (info.maxexp - 1)
    exact = np.clip(exact, -top, top)
    scale = binade(exact)
    error = np.clip(y.astype(exact.dtype), -top, top)
    error -= exact
    np.abs(error, out=error)
    small = np.abs(x[0]) < info.tiny
    middle = np.min(scale) >= low * info.tiny and np.max(scale) < top / 2
    if small or np.isnan(exact[-1]) or not middle:
        nan, below, above = np.isnan(exact), np.abs(exact) < low * info.tiny, scale >= top / 2
        subnormal = (np.abs(x) < info.tiny) & (x != 0)
        flushed = np.zeros(len(x), bool)
        if small:
            at_zero = evaluate(np.copysign(np.zeros(16, x.dtype), x[0]))[0]
            flushed = subnormal & (y == at_zero) & (y != exact.astype(x.dtype))
        finding.flushed.add(flushed, x)
        finding.nan.add((nan != np.isnan(y)) & ~flushed, x)
        if np.any(below):
            finding.underflow.add(np.where(below, error, 0), x, 1 / float(info.tiny))
        ulps = np.where(nan | below, 0, error / np.where(below, 1, scale)) / info.eps
        if small:
            finding.subnormal.add(np.where(subnormal & ~flushed, ulps, 0), x)
        if np.any(above & ~subnormal):
            finding.overflow.add(np.where(above & ~subnormal, ulps, 0), x)
        error = np.where(nan | below | above | subnormal, 0, error)
        scale = np.where(nan | below, 1, scale)
    error /= scale
    finding.worst.add(error, x, 1 / float(info.eps))
