"""A network on TensorFlow: the same layers; θ is a list of variables for each layer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from refnn.typing import Array
from tftwin.layers import Dense, Layer
from tftwin.tensorflow import tf
from tftwin.typing import Tensor, Variable


@dataclass(frozen=True)
class Network:
    """Dense and Activation layers in a row."""

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
    def size(self) -> int:
        """Length of θ."""
        return sum(math.prod(shape) for layer in self.layers for shape in layer.shapes().values())

    def weights(self, theta: Sequence[Sequence[Variable]]) -> list[Variable]:
        """The variables of each layer → each W (D_in, D_out)."""
        return [part[0] for part in theta if part]

    def forward(self, theta: Sequence[Sequence[Variable]], x: Tensor) -> list[Tensor]:
        """The variables of each layer, x (N, inputs) → [x, y₁, …, yₙ]."""
        outputs = [x]
        for layer, variables in zip(self.layers, theta, strict=True):
            outputs.append(layer.forward(variables, outputs[-1]))
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
