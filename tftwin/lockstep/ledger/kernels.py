"""The functions that are not rounded right, and the kernels that compute them.

NumPy chooses its instructions when a process starts. TensorFlow computes the same function by
several kernels: the elements that fill whole packets (*vector*), those left over (*scalar*), and
what XLA compiles (*xla*). A fourth kind, fused with the matrix product before it, is switched
off in ``tftwin.tensorflow``.
"""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from refnn.activations import Sigmoid, Softplus, Tanh
from refnn.typing import Array

KERNELS = (
    "numpy",
    "tensorflow vector",
    "tensorflow xla",
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
    signs : tuple of {1, -1}
        Of which inputs it is measured. ln(1 + x) below 0 is another function to its kernels: near
        x = −0.41 XLA's is off by 129 ulp in float64. refnn takes it of e^(−|z|) alone.
    low : float
        A result below ``low`` smallest normal numbers is judged by its absolute error.
    """

    formula: Callable[[Array], Array]
    tensorflow: str
    derivative: Callable[[Array], Array] | None = None
    direction: int = 1
    odd: bool = False
    least: float = -np.inf
    greatest: float = np.inf
    signs: tuple[int, ...] = (1, -1)
    low: float = 1


FUNCTIONS = {
    "tanh": Function(Tanh().forward, "tanh", lambda y: 1 - y * y, odd=True, least=-1, greatest=1),
    "exp": Function(np.exp, "exp", least=0),
    "sigmoid": Function(Sigmoid().forward, "sigmoid", lambda y: y * (1 - y), least=0, greatest=1),
    "log": Function(np.log, "log"),
    "expm1": Function(np.expm1, "expm1", least=-1),
    "log1p": Function(np.log1p, "log1p", signs=(1,)),
    "softplus": Function(Softplus().forward, "softplus", least=0),
    "reciprocal": Function(lambda x: 1 / x, "reciprocal", direction=-1, odd=True, low=2**23),
}


def instruction_set(kernel: str = "numpy") -> str:
    """Return the instructions that a kernel uses on this machine: AVX512, AVX2, SSE, AVX, …

    TensorFlow's own kernels are compiled for AVX on x86-64, whatever the machine offers; XLA
    compiles for the machine at hand.
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


@cache
def lower_instruction_sets() -> dict[str, str]:
    """Return NumPy's instruction sets below this machine's, by what must be disabled for them.

    The environment variable NPY_DISABLE_CPU_FEATURES disables features for a new process.
    """
    umath = np._core._multiarray_umath  # type: ignore[attr-defined]
    features = [f for f in umath.__cpu_dispatch__ if umath.__cpu_features__.get(f)]
    largest = [f for f in features if f == "X86_V4" or f.startswith("AVX512")]
    best = instruction_set()
    if best == "AVX512":
        return {" ".join(largest): "AVX2", " ".join(features): "SSE"}
    return {" ".join(features): "SSE"} if best == "AVX2" else {}


def version(kernel: str) -> str:
    """Return the version of a kernel's library."""
    if kernel == "numpy":
        return np.__version__
    from tftwin.tensorflow import tf

    return str(tf.__version__)


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
    compiled = tf.function(f, jit_compile=True) if kernel == "tensorflow xla" else f
    return lambda x: np.asarray(compiled(tf.constant(x)))
