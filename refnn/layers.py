"""Layers: forward, and two questions on the way back.

A layer knows its shape and holds no weights. Besides x it is given its *part*: a Dense its slice of
the network's flat vector θ, from which it reads W and b; a Dropout its mask; an Activation nothing
that it needs. On the way back it answers two questions:

- what is the derivative of the loss by my parameters? (``parameter_gradients``)
- what is the derivative of the loss by my input? (``input_gradient``)

W is (D_in, D_out), as in TensorFlow; PyTorch keeps W transposed.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from refnn import checks
from refnn.activations import Function
from refnn.checks import Checked, Count, Flag, Share
from refnn.typing import Array

LARGEST = 2**31
"""No W and no mask has more numbers."""


@dataclass(frozen=True)
class Dense(Checked):
    """y = x W + b; dW = xᵀ dy, db = Σ dy over the batch, dx = dy Wᵀ.

    D_in is ``inputs``, D_out is ``outputs``. Without ``use_bias`` there is no b.

    Guide: dense-forward, dense-weights, dense-biases, dense-inputs.
    """

    inputs: Count
    outputs: Count
    use_bias: Flag = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.inputs * self.outputs > LARGEST:
            raise ValueError(
                f"Dense: inputs · outputs = {checks.short(self.inputs)} · "
                f"{checks.short(self.outputs)}; expected at most {LARGEST}"
            )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of W and b (if there is one), in the order of θ."""
        shapes: dict[str, tuple[int, ...]] = {"W": (self.inputs, self.outputs)}
        if self.use_bias:
            shapes["b"] = (self.outputs,)
        return shapes

    def weight(self, theta: Array) -> Array:
        """θ, this layer's slice → W (D_in, D_out), a view."""
        return theta[: self.inputs * self.outputs].reshape(self.inputs, self.outputs)

    def bias(self, theta: Array) -> Array:
        """θ, this layer's slice → b (D_out,), a view."""
        return theta[self.inputs * self.outputs :]

    def forward(self, part: Array, x: Array) -> Array:
        """x (N, D_in) → y (N, D_out); ``part`` is this layer's slice of θ."""
        z = x @ self.weight(part)
        return z + self.bias(part) if self.use_bias else z

    def parameter_gradients(self, x: Array, dy: Array) -> list[Array]:
        """x (N, D_in), dy (N, D_out) → [dW (D_in, D_out), db (D_out,)]."""
        dW = x.T @ dy
        return [dW, dy.sum(axis=0)] if self.use_bias else [dW]

    def input_gradient(self, part: Array, x: Array, y: Array, dy: Array) -> Array:
        """dy (N, D_out) → dx (N, D_in)."""
        return dy @ self.weight(part).T


@dataclass(frozen=True)
class Activation:
    """y = f(x), with f from ``refnn.activations`` or of your own.

    Guide: activation-chain.
    """

    function: Function

    def __post_init__(self) -> None:
        checks.provides(
            "Activation: function",
            self.function,
            "refnn.Relu(): forward(x) gives y, backward(dy, x, y) gives dx",
            *("forward", "backward"),
        )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return no shapes: an activation has no parameters."""
        return {}

    def forward(self, part: Array, x: Array) -> Array:
        """x (N, D) → y (N, D)."""
        return self.function.forward(x)

    def parameter_gradients(self, x: Array, dy: Array) -> list[Array]:
        """Return no gradients: an activation has no parameters."""
        return []

    def input_gradient(self, part: Array, x: Array, y: Array, dy: Array) -> Array:
        """dy (N, D) → dx (N, D)."""
        return self.function.backward(dy, x, y)


@dataclass(frozen=True)
class Dropout(Checked):
    """y = x ⊙ mask; dx = dy ⊙ mask. Without a mask, in evaluation: y = x.

    A mask (N, D) holds 0 with probability ``rate``, else 1 / (1 − rate): so the mean of y is x, and
    evaluation has nothing to scale. The mask is an input of the step, drawn by the caller: a step
    stays a pure function, and TensorFlow is given the same mask.

    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, *Dropout* (2014). The paper, and
    Hinton et al. (2012) before it, do not scale in training; they multiply by 1 − rate in
    evaluation. TensorFlow, Keras and PyTorch scale in training, as here.

    Guide: dropout, dropout-inputs.
    """

    rate: Share

    @property
    def scale(self) -> float:
        """What the numbers that are kept are multiplied by."""
        return 1 / (1 - self.rate)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
        """Draw a mask (N, D). It is drawn in float64: every dtype drops the same numbers."""
        kept = rng.random(shape) >= self.rate
        return kept * np.dtype(dtype).type(self.scale)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return no shapes: a dropout has no parameters."""
        return {}

    def forward(self, part: Array | None, x: Array) -> Array:
        """x (N, D) → y (N, D); ``part`` is the mask (N, D)."""
        return x if part is None else x * part

    def parameter_gradients(self, x: Array, dy: Array) -> list[Array]:
        """Return no gradients: a dropout has no parameters."""
        return []

    def input_gradient(self, part: Array | None, x: Array, y: Array, dy: Array) -> Array:
        """dy (N, D) → dx (N, D)."""
        return dy if part is None else dy * part


Layer: TypeAlias = Dense | Activation | Dropout
