"""How far exp, log, tanh, sigmoid, 1/x are from exact, for NumPy's and TensorFlow's kernels.

The error of a result y, where f(x) is the exact value, in units of the last place:

    |y − f(x)| / ulp(f(x)),   ulp(t) = 2^⌊log₂ |t|⌋ · 2u

f(x) is the same formula at the next precision: float64 for float32, an 80-bit long double for
float64. Its own error is below 6 ulp of that precision (``TRUTH``). Its conventions:

- An infinite result counts as the power of two above the largest number. Where |f(x)| is in the
  last binade below that, or beyond, the error is told apart (``overflow``): the exponential that
  XLA compiles errs more there.
- Where |f(x)| is below the smallest normal number, the error is told apart, in units of that
  number (``underflow``): a result may be flushed to zero. For 1/x, below 2²³ of them, because
  there TensorFlow's Newton step r + r (1 − x r) loses its second term to the flush.
- A subnormal input that is taken for 0 is counted (``flushed``), any other told apart
  (``subnormal``): glibc's logf gives ln 2⁻¹⁵⁰ for all of them where TensorFlow calls it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnn.typing import Array
from tftwin.lockstep.kernels import FUNCTIONS, evaluator

TRUTH = {"float32": 6 * 2.0**-29, "float64": 6 * 2.0**-11}
"""How far the wider formula may itself be from exact, in ulp of the dtype that is measured."""


@dataclass
class Tally:
    """How often something was seen, and the first input where it was."""

    count: int = 0
    first: str = ""

    def add(self, seen: Array, x: Array) -> None:
        """Count where ``seen`` holds."""
        count = int(np.count_nonzero(seen))
        if count and not self.count:
            self.first = hexadecimal(x[np.argmax(seen)])
        self.count += count

    def join(self, later: "Tally") -> None:
        """Add what was seen later."""
        self.first = self.first or later.first
        self.count += later.count


@dataclass
class Worst:
    """The largest error, and the input where it occurs."""

    error: float = 0.0
    at: str = ""

    def add(self, errors: Array, x: Array, unit: float = 1.0) -> None:
        """Look at errors given in multiples of ``unit``."""
        i = int(np.argmax(errors))
        self.join(Worst(float(errors[i]) * unit, hexadecimal(x[i])))

    def join(self, later: "Worst") -> None:
        """Keep the larger."""
        if not self.at or later.error > self.error:
            self.error, self.at = later.error, later.at


@dataclass
class Finding:
    """What was measured of one function, by one kernel."""

    inputs: int = 0
    worst: Worst = field(default_factory=Worst)
    derivative: Worst = field(default_factory=Worst)
    underflow: Worst = field(default_factory=Worst)
    overflow: Worst = field(default_factory=Worst)
    subnormal: Worst = field(default_factory=Worst)
    flushed: Tally = field(default_factory=Tally)
    monotonicity: Tally = field(default_factory=Tally)
    symmetry: Tally = field(default_factory=Tally)
    range: Tally = field(default_factory=Tally)
    nan: Tally = field(default_factory=Tally)

    def join(self, later: "Finding") -> None:
        """Add what was measured on other inputs."""
        self.inputs += later.inputs
        for name in list(vars(self))[1:]:
            getattr(self, name).join(getattr(later, name))

    @classmethod
    def of(cls, data: dict[str, Any]) -> "Finding":
        """Return what ``dataclasses.asdict`` took apart."""
        kinds = {f.name: f.default_factory for f in cls.__dataclass_fields__.values()}
        return cls(
            data["inputs"],
            **{k: kinds[k](**v) for k, v in data.items() if k != "inputs"},  # type: ignore
        )


def hexadecimal(x: Any) -> str:
    """Return a number without rounding: as the language C writes it in hexadecimal."""
    return float(x).hex()


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
    """Measure kernels on inputs of both signs.

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
        for sign in (1, -1):
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


BREAKS = (
    *(k / 4 for k in range(1, 33)),
    *(np.log(2) / 2 * k for k in (1, 2, 3, 127, 128, 252, 254, 1023, 1024, 2044, 2046)),
    *(2.0**k for k in (-64, -54, -53, -28, -27, -25, -24, -13, -12, -11, -10, -9, -8)),
    *(1e-4, 4e-4, 2**0.5 / 2, 2**0.5, 0.55, 0.625, 1.2, 2.25, 7.90531, 7.99881, 9.01, 9.1),
    *(12.5, 16.63, 17.0, 18.02, 18.37, 19.06, 20.0, 22.0, 32.0, 37.0, 40.0, 64.0),
    *(87.33654, 87.68, 88.02, 88.37626, 88.72284, 89.0, 103.28, 103.9721, 104.0),
    *(708.3964, 709.4362, 709.7827, 710.5, 745.1332, 746.0),
)
"""Where kernels change their polynomial or saturate, and where results leave the range."""


def sample(dtype: str, size: int, seed: int) -> Array:
    """Return about ``size`` magnitudes, ascending: all scales, and the hard places.

    Uniform over intervals, uniform in the exponent, random bit patterns; all within 4 ulp of
    the break points and more within 2000; 0, the ends of the subnormal and normal ranges, ∞
    and NaN.
    """
    rng, kind = np.random.default_rng(seed), np.dtype(dtype).type
    integer, info = {"float32": np.uint32, "float64": np.uint64}[dtype], np.finfo(dtype)
    breaks = np.array(BREAKS, kind).view(integer)
    infinity = int(kind(np.inf).view(integer))
    near = rng.choice(breaks, size // 4) + rng.integers(0, 4000, size // 4, dtype=integer) - 2000
    at = (breaks[:, None] + np.arange(8, dtype=integer) - integer(4)).ravel()
    bits = [at, near, rng.integers(0, infinity, size // 8, dtype=integer)]
    tops = (1, 3, 10, 20, 40, 1.05 * np.log(info.max))
    intervals = [rng.uniform(0, top, size // 12) for top in tops]
    exponents = np.exp2(rng.uniform(info.minexp - info.nmant, info.maxexp, size // 8))
    x = np.concatenate([*intervals, exponents, np.abs(special_inputs(dtype))])
    with np.errstate(over="ignore"):
        x = np.unique(np.concatenate([x.astype(kind), *(b.view(kind) for b in bits)]))
    return np.pad(x, (0, -len(x) % 16), mode="edge")


def special_inputs(dtype: str) -> Array:
    """Return ±0, ±∞, ± least subnormal, ± least normal, ± largest, NaN; filled up to 16."""
    info = np.finfo(dtype)
    positive = np.array([0, info.smallest_subnormal, info.tiny, info.max, np.inf], dtype)
    return np.concatenate([positive, -positive, np.full(6, np.nan, dtype)])
