"""How far exp, log, tanh, sigmoid, 1/x are from exact, for NumPy's and TensorFlow's kernels.

The error of a result y, where f(x) is the exact value, in units of the last place:

    |y − f(x)| / ulp(f(x)),   ulp(t) = 2^⌊log₂ |t|⌋ · 2u

f(x) is the same formula at the next precision: float64 for float32, an 80-bit long double for
float64. Its own error is below 1e-8 ulp and 0.003 ulp. Three conventions:

- An infinite result counts as the power of two above the largest number.
- Where |f(x)| is below the smallest normal number, the error is told apart, in units of that
  number (``underflow``): a result may be flushed to zero. For 1/x, below 2²³ of them, because
  there TensorFlow's Newton step r + r (1 − x r) loses its second term to the flush.
- A subnormal input that is taken for 0 is counted (``flushed``), not judged.

TensorFlow computes the same function by several kernels (NUMERICS: position dependence): the
elements that fill whole packets (*vector*), those left over (*scalar*), a tanh or sigmoid that
is fused with the matrix product before it (*fused*), and what XLA compiles (*xla*).
"""

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from refnn.activations import Sigmoid, Tanh
from refnn.typing import Array

KERNELS = (
    "numpy",
    "tensorflow vector",
    "tensorflow xla",
    "tensorflow fused",
    "tensorflow scalar",
)


@dataclass(frozen=True)
class Function:
    """A function, and what is known of it.

    Attributes
    ----------
    formula : callable
        As refnn computes it.
    tensorflow : str
        Its name in ``tf.math``.
    derivative : callable, optional
        From y, as refnn computes it; TensorFlow gives the same bits from the same y.
    direction : {1, -1}
        Whether it increases or decreases, on either side of 0.
    odd : bool
        Whether f(−x) = −f(x).
    least, greatest : float
        The closed range.
    low : float
        Below so many smallest normal numbers a result is judged by its absolute error.
    """

    formula: Callable[[Array], Array]
    tensorflow: str
    derivative: Callable[[Array], Array] | None = None
    direction: int = 1
    odd: bool = False
    least: float = -np.inf
    greatest: float = np.inf
    low: float = 1


FUNCTIONS = {
    "tanh": Function(Tanh().forward, "tanh", lambda y: 1 - y * y, odd=True, least=-1, greatest=1),
    "exp": Function(np.exp, "exp", least=0),
    "sigmoid": Function(Sigmoid().forward, "sigmoid", lambda y: y * (1 - y), least=0, greatest=1),
    "log": Function(np.log, "log"),
    "reciprocal": Function(lambda x: 1 / x, "reciprocal", direction=-1, odd=True, low=2**23),
}


def instruction_set(kernel: str = "numpy") -> str:
    """Return the instructions that a kernel uses on this machine: AVX512, AVX2, SSE, AVX, …

    TensorFlow's own kernels are compiled for AVX on x86-64, whatever the machine offers; XLA
    and the fused kernels (oneDNN) choose when they run, as NumPy does.
    """
    machine = platform.machine().lower().replace("amd64", "x86_64")
    if machine != "x86_64":
        return machine
    if kernel in ("tensorflow vector", "tensorflow scalar"):
        return "AVX"
    found = np._core._multiarray_umath.__cpu_features__  # type: ignore[attr-defined]
    names = ("X86_V4", "X86_V3") if "X86_V3" in found else ("AVX512_SKX", "AVX2")
    for name, feature in zip(("AVX512", "AVX2"), names, strict=True):
        if found.get(feature):
            return name
    return "SSE"


def version(kernel: str) -> str:
    """Return the version of a kernel's library."""
    if kernel == "numpy":
        return np.__version__
    from tftwin.tensorflow import tf

    return str(tf.__version__)


def has_kernel(function: str, dtype: str, kernel: str) -> bool:
    """Whether TensorFlow fuses this: tanh and sigmoid, in float32."""
    return kernel != "tensorflow fused" or (function in ("tanh", "sigmoid") and dtype == "float32")


@cache
def evaluator(function: str, kernel: str) -> Callable[[Array], Array]:
    """Return what computes a function by a kernel, for arrays of a multiple of 16 elements."""
    if kernel == "numpy":
        return FUNCTIONS[function].formula
    from tftwin.tensorflow import tf

    f = getattr(tf.math, FUNCTIONS[function].tensorflow)
    if kernel == "tensorflow scalar":

        def scalar(x: Array) -> Array:
            few = 32 // x.itemsize - 1  # one less than a packet of 256 bits holds
            parts = [f(x[i : i + few]).numpy() for i in range(0, len(x), few)]
            return np.concatenate(parts)

        return scalar
    if kernel == "tensorflow fused":
        fused = tf.function(lambda x: f(tf.matmul(x, tf.ones((1, 1))) + tf.zeros(1)))
        return lambda x: np.ravel(fused(x[:, None]).numpy())
    compiled = tf.function(f, jit_compile=True) if kernel == "tensorflow xla" else f
    return lambda x: np.asarray(compiled(tf.constant(x)))


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
    subnormal = np.abs(x[0]) < info.tiny
    if subnormal or np.isnan(exact[-1]) or np.min(scale) < low * info.tiny:
        nan, below = np.isnan(exact), np.abs(exact) < low * info.tiny
        flushed = np.zeros(len(x), bool)
        if subnormal:
            at_zero = evaluate(np.copysign(np.zeros(16, x.dtype), x[0]))[0]
            flushed = (np.abs(x) < info.tiny) & (y == at_zero) & (y != exact.astype(x.dtype))
        finding.flushed.add(flushed, x)
        finding.nan.add((nan != np.isnan(y)) & ~flushed, x)
        if np.any(below):
            finding.underflow.add(np.where(below, error, 0), x, 1 / float(info.tiny))
        error = np.where(nan | below | flushed, 0, error)
        scale = np.where(nan | below, 1, scale)
    error /= scale
    finding.worst.add(error, x, 1 / float(info.eps))
