"""Keras' own forms of what refnn computes otherwise: the model that its numbers are held against.

The values are those of refnn's code. What differs: the optimizer is Keras' rule in NumPy; a slope
of leaky relu has passed through float32; and the bounds allow for Keras' order of operations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refnn.activations import LeakyRelu
from refnn.layers import Activation, Layer
from refnn.losses import Loss, value_and_gradient
from refnn.network import Network
from refnn.optimizers import SGD
from refnn.regularizers import L2
from refnn.training import Model
from refnn.typing import Array
from tftwin.keras_lockstep.rules import keras_rule
from tftwin.keras_models import Inspection
from tftwin.lockstep.roundoff import Rounded

MEANS = 2
"""Keras divides by K, the mean over the outputs, and then by N: two roundings, where refnn divides
by K N, and its gradient multiplies twice."""


@dataclass(frozen=True)
class InKerasOrder:
    """A loss whose bounds allow for some roundings more."""

    loss: Loss
    roundings: int

    def value_and_gradient(self, y_true: Array, y_pred: Array) -> tuple[Any, Array]:
        """y_true, y_pred (N, K) → value and gradient, as the loss."""
        value, dy = value_and_gradient(self.loss, y_true, y_pred)
        return widened(value, self.roundings), widened(dy, MEANS)

    def value(self, y_true: Array, y_pred: Array) -> Any:
        """y_true, y_pred (N, K) → the value."""
        return self.value_and_gradient(y_true, y_pred)[0]

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """y_true, y_pred (N, K) → the gradient (N, K)."""
        return self.value_and_gradient(y_true, y_pred)[1]


@dataclass(frozen=True)
class Penalties:
    """L2 whose bound allows for one penalty a layer, added in any order."""

    penalty: L2

    def value(self, weights: Sequence[Array]) -> Any:
        """Every W of the network → the penalty, a scalar."""
        return widened(self.penalty.value(weights), len(weights))

    def gradient(self, W: Array) -> Array:
        """W (D_in, D_out) → ∂penalty/∂W (D_in, D_out)."""
        return self.penalty.gradient(W)


def widened(array: Any, roundings: int) -> Any:
    """Return an array whose bound allows for some roundings more; a plain one as it is."""
    if not isinstance(array, Rounded):
        return array
    magnitude = np.abs(array.value).astype(np.float64) + 2 * array.bound
    bound = array.bound + roundings * array.unit * (1 + 2.0**-20) * magnitude
    return Rounded(array.value, bound, array.unit)


def model_of(inspection: Inspection) -> Model:
    """Return refnn's model with Keras' forms in it; the loss must be known."""
    described, loss = inspection.description.optimizer, inspection.loss
    assert loss is not None
    updates = "update" in inspection.stages and described is not None
    single = inspection.keras_state.floatx == "float32"
    optimizer: Any = keras_rule(described, single) if updates and described else SGD()
    network = network_of(inspection)
    return Model(network, loss, optimizer, inspection.regularizer)


def network_of(inspection: Inspection) -> Network:
    """Return the network; in float64 each slope is one that has passed through float32."""
    if inspection.description.dtype == "float32":
        return inspection.network

    def in_float32(layer: Layer) -> Layer:
        function = getattr(layer, "function", None)
        if not isinstance(function, LeakyRelu):
            return layer
        return Activation(LeakyRelu(float(np.float32(function.alpha))))

    return Network([in_float32(layer) for layer in inspection.network.layers])


def for_bounds(model: Model) -> Model:
    """Return the model whose bounds hold for Keras' order of operations."""
    penalties = 0
    if model.regularizer is not None:
        penalties = sum(p.is_weight for p in model.network.parameters)
    loss: Any = InKerasOrder(model.loss, MEANS + penalties)
    regularizer: Any = None if model.regularizer is None else Penalties(model.regularizer)
    return replace(model, loss=loss, regularizer=regularizer)
