"""L2: a price on large weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refnn.checks import Checked, NotNegative
from refnn.typing import Array


@dataclass(frozen=True)
class L2(Checked):
    """λ Σ ½ w² over all weights, never biases; the gradient is λ w; λ is ``rate``.

    The loss gets it once, not divided by the batch size. ``tf.nn.l2_loss`` has the ½ too;
    ``keras.regularizers.L2`` has no ½ (twice the gradient); scikit-learn's MLPClassifier and
    MLPRegressor have the ½, and divide by the rows of the batch.

    Guide: l2, l2-gradient.
    """

    rate: NotNegative

    def value(self, weights: Sequence[Array]) -> Any:
        """Every W of the network → the penalty, a scalar."""
        return self.rate * sum(np.square(W).sum() / 2 for W in weights)

    def gradient(self, W: Array) -> Array:
        """W (D_in, D_out) → ∂penalty/∂W (D_in, D_out)."""
        return self.rate * W
