"""The inputs on which kernels are measured."""

import numpy as np

from refnn.typing import Array

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
