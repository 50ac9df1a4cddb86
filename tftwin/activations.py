"""Activations on TensorFlow; their derivatives are TensorFlow's own."""

from dataclasses import dataclass
from typing import Protocol

from tftwin.tensorflow import tf
from tftwin.typing import Tensor


class Function(Protocol):
    """The method of an activation."""

    def forward(self, x: Tensor) -> Tensor:
        """x (N, D) → y = f(x), (N, D)."""


@dataclass(frozen=True)
class Identity:
    """y = x."""

    def forward(self, x: Tensor) -> Tensor:
        return tf.identity(x)


@dataclass(frozen=True)
class Sigmoid:
    """``tf.sigmoid``."""

    def forward(self, x: Tensor) -> Tensor:
        return tf.sigmoid(x)


@dataclass(frozen=True)
class Tanh:
    """``tf.tanh``."""

    def forward(self, x: Tensor) -> Tensor:
        return tf.tanh(x)


@dataclass(frozen=True)
class Relu:
    """``tf.nn.relu``; its derivative is 0 at x = 0."""

    def forward(self, x: Tensor) -> Tensor:
        return tf.nn.relu(x)


@dataclass(frozen=True)
class LeakyRelu:
    """x where x > 0, else α x.

    It is written out, because ``tf.nn.leaky_relu`` rounds α to float32, even for float64 tensors.
    """

    alpha: float = 0.2

    def forward(self, x: Tensor) -> Tensor:
        return tf.where(x > 0, x, self.alpha * x)


@dataclass(frozen=True)
class Elu:
    """``tf.nn.elu``, times α below 0, as ``keras.activations.elu``."""

    alpha: float = 1.0

    def forward(self, x: Tensor) -> Tensor:
        y = tf.nn.elu(x)
        return y if self.alpha == 1 else tf.where(x > 0, y, self.alpha * y)


@dataclass(frozen=True)
class Selu:
    """``tf.nn.selu``; its derivative at x = 0 is λ."""

    def forward(self, x: Tensor) -> Tensor:
        return tf.nn.selu(x)


@dataclass(frozen=True)
class Softplus:
    """``tf.nn.softplus``."""

    def forward(self, x: Tensor) -> Tensor:
        return tf.nn.softplus(x)


@dataclass(frozen=True)
class Softmax:
    """``tf.nn.softmax`` over the last axis."""

    def forward(self, x: Tensor) -> Tensor:
        return tf.nn.softmax(x)


def derivative(function: Function, x: Tensor) -> Tensor:
    """Return f'(x), in the shape of x, for an activation that acts on each element by itself."""
    if isinstance(function, Softmax):
        raise TypeError(
            "function is Softmax, whose derivative is a matrix; expected an elementwise one"
        )
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function.forward(x)
    return tape.gradient(y, x)
