"""L2 on TensorFlow."""

from collections.abc import Sequence
from dataclasses import dataclass

from tftwin.tensorflow import tf
from tftwin.typing import Tensor


@dataclass(frozen=True)
class L2:
    """λ Σ ``tf.nn.l2_loss(W)`` over all weights, never biases."""

    rate: float

    def value(self, weights: Sequence[Tensor]) -> Tensor:
        """Every W of the network → the penalty, a scalar."""
        return self.rate * sum(tf.nn.l2_loss(W) for W in weights)
