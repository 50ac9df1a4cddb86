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
from tftwin.cards.adam import single
from tftwin.cards.casts import CASTS
from tftwin.keras_lockstep.conventions import Convention
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


def model_of(inspection: Inspection, rate_dtype: str, updates: bool) -> Model:
    """Return refnn's model with Keras' forms in it; the loss must be known.

    ``rate_dtype`` is that of Keras' learning rate; without ``updates`` nobody asks the rule.
    """
    described, loss = inspection.description.optimizer, inspection.loss
    assert loss is not None
    optimizer: Any = keras_rule(described, rate_dtype) if updates and described else SGD()
    regularizer = inspection.regularizer
    if regularizer is not None and inspection.description.dtype == "float64":
        regularizer = L2(single(regularizer.rate))
    return Model(network_of(inspection), loss, optimizer, regularizer)


def network_of(inspection: Inspection) -> Network:
    """Return the network; in float64 each slope is one that has passed through float32."""
    if inspection.description.dtype == "float32":
        return inspection.network

    def in_float32(layer: Layer) -> Layer:
        function = getattr(layer, "function", None)
        if not isinstance(function, LeakyRelu):
            return layer
        return Activation(LeakyRelu(single(function.alpha)))

    return Network([in_float32(layer) for layer in inspection.network.layers])


def conventions_of(inspection: Inspection) -> list[Convention]:
    """Return what a float64 model has of numbers that passed through float32."""
    if inspection.description.dtype == "float32":
        return []
    functions = [getattr(layer, "function", None) for layer in inspection.network.layers]
    numbers = [
        ("forward", "leaky-slope-float32", f.alpha) for f in functions if isinstance(f, LeakyRelu)
    ]
    if inspection.regularizer is not None:
        numbers.append(("loss", "l2-rate-float32", inspection.regularizer.rate))
    sentences = {card.name: card.sentence for card in CASTS}
    found = {
        name: Convention(stage, name, abs(single(number) - number) / number, sentences[name])
        for stage, name, number in numbers
        if single(number) != number
    }
    return list(found.values())


def for_bounds(model: Model) -> Model:
    """Return the model whose bounds hold for Keras' order of operations."""
    penalties = 0
    if model.regularizer is not None:
        penalties = sum(p.is_weight for p in model.network.parameters)
    loss: Any = InKerasOrder(model.loss, MEANS + penalties)
    regularizer: Any = None if model.regularizer is None else Penalties(model.regularizer)
    return replace(model, loss=loss, regularizer=regularizer)
