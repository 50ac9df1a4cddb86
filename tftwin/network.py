"""A network on TensorFlow: the same layers; θ is a list of variables for each layer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np

from refnn.typing import Array, Masks
from tftwin.layers import Dense, Dropout, Layer
from tftwin.tensorflow import tf
from tftwin.typing import Tensor, Variable


@dataclass(frozen=True)
class Network:
    """Dense, Activation and Dropout layers in a row."""

    layers: Sequence[Layer]

    @cached_property
    def inputs(self) -> int:
        """Width of x."""
        return next(layer.inputs for layer in self.layers if isinstance(layer, Dense))

    @cached_property
    def outputs(self) -> int:
        """Width of the last layer's output."""
        return next(layer.outputs for layer in self.layers[::-1] if isinstance(layer, Dense))

    @cached_property
    def dropouts(self) -> tuple[tuple[int, int, Dropout], ...]:
        """Each Dropout layer: its place in ``layers``, its width, and itself."""
        dropouts, width = [], self.inputs
        for place, layer in enumerate(self.layers):
            if isinstance(layer, Dense):
                width = layer.outputs
            elif isinstance(layer, Dropout):
                dropouts.append((place, width, layer))
        return tuple(dropouts)

    @cached_property
    def size(self) -> int:
        """Length of θ."""
        return sum(math.prod(shape) for layer in self.layers for shape in layer.shapes().values())

    def weights(self, theta: Sequence[Sequence[Variable]]) -> list[Variable]:
        """The variables of each layer → each W (D_in, D_out)."""
        return [part[0] for part in theta if part]

    def draw_masks(self, rng: np.random.Generator, rows: int, dtype: Any = None) -> Masks:
        """Draw the masks that refnn draws: a NumPy array (rows, width) for each Dropout layer."""
        dtype = np.float32 if dtype is None else dtype
        return tuple(layer.draw(rng, (rows, width), dtype) for _, width, layer in self.dropouts)

    def parts(self, theta: Sequence[Sequence[Variable]], masks: Sequence[Tensor] = ()) -> list[Any]:
        """Return what each layer is given besides x: its variables, or its mask."""
        parts: list[Any] = list(theta)
        for (place, _, _), mask in zip(self.dropouts, masks or repeat(None), strict=False):
            parts[place] = mask
        return parts

    def forward(
        self, theta: Sequence[Sequence[Variable]], x: Tensor, masks: Sequence[Tensor] = ()
    ) -> list[Tensor]:
        """The variables of each layer, x (N, inputs), masks → [x, y₁, …, yₙ]."""
        outputs = [x]
        for layer, part in zip(self.layers, self.parts(theta, masks), strict=True):
            outputs.append(layer.forward(part, outputs[-1]))
        return outputs

    def tensors(self, theta: Array) -> list[list[Tensor]]:
        """θ (size,) → [W (D_in, D_out), b (D_out,)] of each layer."""
        tensors, start = [], 0
        for layer in self.layers:
            parts = []
            for shape in layer.shapes().values():
                stop = start + math.prod(shape)
                parts.append(tf.constant(theta[start:stop].reshape(shape)))
                start = stop
            tensors.append(parts)
        return tensors
