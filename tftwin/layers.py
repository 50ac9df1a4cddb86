"""Layers on TensorFlow: forward alone. ``theta`` is the list of the layer's variables, [W, b]."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

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

    def forward(self, theta: Sequence[Variable], x: Tensor) -> Tensor:
        """x (N, D_in) → y (N, D_out)."""
        z = tf.matmul(x, theta[0])
        return z + theta[1] if self.use_bias else z


@dataclass(frozen=True)
class Activation:
    """y = f(x)."""

    function: Function

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return no shapes: an activation has no parameters."""
        return {}

    def forward(self, theta: Sequence[Variable], x: Tensor) -> Tensor:
        """x (N, D) → y (N, D)."""
        return self.function.forward(x)


Layer: TypeAlias = Dense | Activation
