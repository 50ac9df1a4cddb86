"""A network on TensorFlow: the same layers, with θ as a list of variables per layer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from refnn.typing import Array
from tftwin.layers import Layer
from tftwin.tensorflow import tf
from tftwin.typing import Tensor, Variable


@dataclass(frozen=True)
class Network:
    """Layers in a row.

    Parameters
    ----------
    layers : sequence of Dense and Activation
    """

    layers: Sequence[Layer]

    def forward(self, theta: Sequence[Sequence[Variable]], x: Tensor) -> list[Tensor]:
        """Return [x, y₁, …, yₙ]; ``theta`` holds the variables of each layer."""
        outputs = [x]
        for layer, variables in zip(self.layers, theta, strict=True):
            outputs.append(layer.forward(variables, outputs[-1]))
        return outputs

    def predict(self, theta: Array, x: Array) -> Tensor:
        """Return the last layer's output, for a flat θ."""
        return self.forward(self.tensors(theta), tf.constant(x))[-1]

    def tensors(self, theta: Array) -> list[list[Tensor]]:
        """Cut a flat θ, as refnn has it, into each layer's W and b."""
        tensors, start = [], 0
        for layer in self.layers:
            parts = []
            for shape in layer.shapes().values():
                stop = start + math.prod(shape)
                parts.append(tf.constant(theta[start:stop].reshape(shape)))
                start = stop
            tensors.append(parts)
        return tensors
