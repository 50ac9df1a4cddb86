"""Layers: forward, and two questions on the way back.

A layer is a value that knows its shape and holds no weights. Its parameters are a slice of the
network's flat vector θ, which it reads as W and b. On the way back it is asked

- what does the loss say about my parameters? (``parameter_gradients``)
- what does the loss say about my input? (``input_gradient``)

Shapes: x (N, D_in), y and dy (N, D_out), W (D_in, D_out), b (D_out,), as TensorFlow has them;
PyTorch keeps W transposed.
"""

from dataclasses import dataclass
from typing import TypeAlias

from refnn import checks
from refnn.activations import Function
from refnn.typing import Array

LARGEST = 2**31
"""Numbers in one W."""


@dataclass(frozen=True)
class Dense:
    """y = x W + b.

    Parameters
    ----------
    inputs, outputs : int
        D_in and D_out.
    use_bias : bool
        Whether there is a b.
    """

    inputs: int
    outputs: int
    use_bias: bool = True

    def __post_init__(self) -> None:
        checks.count("Dense: inputs", self.inputs)
        checks.count("Dense: outputs", self.outputs)
        if self.inputs * self.outputs > LARGEST:
            raise ValueError(
                f"Dense: inputs · outputs = {self.inputs} · {self.outputs}; expected at most "
                f"{LARGEST}"
            )
        if not isinstance(self.use_bias, bool):
            raise ValueError(f"Dense: use_bias = {self.use_bias!r}; expected True or False")

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of W and, with a bias, b, in the order in which θ holds them."""
        shapes: dict[str, tuple[int, ...]] = {"W": (self.inputs, self.outputs)}
        if self.use_bias:
            shapes["b"] = (self.outputs,)
        return shapes

    def weight(self, theta: Array) -> Array:
        """Return W, a view into this layer's slice of θ."""
        return theta[: self.inputs * self.outputs].reshape(self.inputs, self.outputs)

    def bias(self, theta: Array) -> Array:
        """Return b, a view into this layer's slice of θ."""
        return theta[self.inputs * self.outputs :]

    def forward(self, theta: Array, x: Array) -> Array:
        z = x @ self.weight(theta)
        return z + self.bias(theta) if self.use_bias else z

    def parameter_gradients(self, x: Array, dy: Array) -> list[Array]:
        dW = x.T @ dy
        return [dW, dy.sum(axis=0)] if self.use_bias else [dW]

    def input_gradient(self, theta: Array, x: Array, y: Array, dy: Array) -> Array:
        return dy @ self.weight(theta).T


@dataclass(frozen=True)
class Activation:
    """y = f(x) with one of ``refnn.activations``, or a function of your own.

    Parameters
    ----------
    function
        An object with ``forward(x)`` and ``backward(dy, x, y)``.
    """

    function: Function

    def __post_init__(self) -> None:
        if isinstance(self.function, type) or not (
            hasattr(self.function, "forward") and hasattr(self.function, "backward")
        ):
            raise TypeError(
                f"Activation: function = {self.function!r}; expected an object with forward(x) and "
                "backward(dy, x, y), such as refnn.activations.Relu()"
            )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return no shapes: an activation has no parameters."""
        return {}

    def forward(self, theta: Array, x: Array) -> Array:
        return self.function.forward(x)

    def parameter_gradients(self, x: Array, dy: Array) -> list[Array]:
        return []

    def input_gradient(self, theta: Array, x: Array, y: Array, dy: Array) -> Array:
        return self.function.backward(dy, x, y)


Layer: TypeAlias = Dense | Activation
