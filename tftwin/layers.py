"""Layers on TensorFlow: forward alone.

A layer's part is the list of its variables, [W, b]; of a Dropout, its mask.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from refnn.typing import Array
from tftwin.activations import Function
from tftwin.tensorflow import tf
from tftwin.typing import Tensor, Variable


@dataclass(frozen=True)
class Dense:
    """y = x W + b."""

    inputs: int
    outputs: int
    use_bias: bool = True

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of W and b (if there is one), in the order of θ."""
        shapes: dict[str, tuple[int, ...]] = {"W": (self.inputs, self.outputs)}
        if self.use_bias:
            shapes["b"] = (self.outputs,)
        return shapes

    def forward(self, part: Sequence[Variable], x: Tensor) -> Tensor:
        """x (N, D_in) → y (N, D_out)."""
        z = tf.matmul(x, part[0])
        return z + part[1] if self.use_bias else z


@dataclass(frozen=True)
class Activation:
    """y = f(x)."""

    function: Function

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return no shapes: an activation has no parameters."""
        return {}

    def forward(self, part: Sequence[Variable], x: Tensor) -> Tensor:
        """x (N, D) → y (N, D)."""
        return self.function.forward(x)


@dataclass(frozen=True)
class Dropout:
    """y = x ⊙ mask; without a mask, in evaluation: y = x.

    ``tf.nn.dropout`` draws its own mask; given the same one, it has the same numbers.
    """

    rate: float

    @property
    def scale(self) -> float:
        """What the numbers that are kept are multiplied by."""
        return 1 / (1 - self.rate)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
        """Draw a mask (N, D), the same as refnn's."""
        return np.where(rng.random(shape) < self.rate, 0, self.scale).astype(dtype)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return no shapes: a dropout has no parameters."""
        return {}

    def forward(self, part: Tensor | None, x: Tensor) -> Tensor:
        """x (N, D) → y (N, D); ``part`` is the mask (N, D)."""
        return x if part is None else x * part


Layer: TypeAlias = Dense | Activation | Dropout
