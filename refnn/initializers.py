"""Initializers: where the weights start.

``sample(shape, rng)`` draws a float64 array from the caller's ``numpy.random.Generator``. So the
same seed gives the same weights in every dtype, up to one rounding. W is (fan_in, fan_out). Biases
always start at 0.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from refnn.checks import Checked, NotNegative
from refnn.typing import Array


class Initializer(Protocol):
    """The method of an initializer."""

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Return a float64 array of this shape."""


@dataclass(frozen=True)
class Zeros:
    """w = 0, for biases. Weights that start equal stay equal, because their gradients are equal."""

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return np.zeros(shape)


@dataclass(frozen=True)
class Normal(Checked):
    """w ~ N(0, stddev²), as ``tf.random.normal``."""

    stddev: NotNegative = 1.0

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return self.stddev * rng.standard_normal(shape)


@dataclass(frozen=True)
class TruncatedNormal(Checked):
    """w ~ N(0, stddev²); a number beyond 2 stddev is drawn again.

    As ``tf.random.truncated_normal``. The cut narrows the result: its standard deviation is 0.8796
    stddev. Keras' variance scaling divides by this factor where it draws from a truncated normal
    (``HeNormal``); ``tf.random.truncated_normal`` and this class do not.
    """

    stddev: NotNegative = 1.0

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        w = rng.standard_normal(shape)
        while (beyond := np.abs(w) > 2).any():
            w[beyond] = rng.standard_normal(np.count_nonzero(beyond))
        return self.stddev * w


@dataclass(frozen=True)
class He:
    """w ~ N(0, 2 / fan_in), fan_in = shape[0]: the signal keeps its size through relu layers.

    He, Zhang, Ren, Sun (2015), section 2.2. Keras' ``HeNormal`` draws from a truncated normal with
    the same standard deviation.

    Guide: he.
    """

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        if not shape or shape[0] < 1:
            raise ValueError(f"He: shape = {shape}; expected (fan_in, …) with fan_in at least 1")
        return math.sqrt(2 / shape[0]) * rng.standard_normal(shape)
