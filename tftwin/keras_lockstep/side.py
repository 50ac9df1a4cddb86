"""Keras' side of a step, in the form of a step of refnn."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from refnn.state import State, Step
from refnn.typing import Array, Masks
from tftwin.keras_lockstep.live import INNER, OUT, compute, forward, numbers_of, rate_of, slots_of
from tftwin.keras_models import Inspection
from tftwin.tensorflow import tf


class KerasSide:
    """A live model beside its inspection: its steps, with refnn's names.

    Parameters
    ----------
    model
        Of Keras, the person's own.
    inspection
        What it is in refnn.
    """

    def __init__(self, model: Any, inspection: Inspection) -> None:
        self.model, self.inspection = model, inspection
        layers = {layer.name: layer for layer in model.layers}
        self.variables = []
        self.keys: list[tuple[str, str]] = []
        for place, layer in zip(inspection.places, inspection.description.layers, strict=True):
            if layer.shapes():
                live = layers[place.name]
                self.variables += [live.kernel, live.bias][: len(layer.shapes())]
            kinds = [INNER, OUT] if layer.shapes() else [OUT]
            self.keys += [(place.name, kind) for kind in kinds[: len(place.numbers)]]

    def state(self) -> State:
        """Return θ, Keras' slots and its count of updates, as they are now."""
        optimizer = self.model.optimizer
        slots = slots_of(optimizer, self.variables)
        return State(_flat(self.variables), tuple(map(_flat, slots)), int(optimizer.iterations))

    def theta(self) -> Array:
        """Return θ as it is now."""
        return _flat(self.variables)

    def forward(self, x: Array) -> list[Array]:
        """Return [y₁, …, yₙ] of refnn's layers, as Keras computes them in evaluation."""
        tensors = forward(self.model, x)
        return [tensors[key] for key in self.keys]

    def step(self, x: Array, y: Array, inputs: Array, update: bool) -> tuple[Step, Masks]:
        """Make one update, and return all that Keras computed, and the masks that it drew.

        ``x`` and ``y`` are the person's arrays, ``inputs`` is x as refnn's first layer gets it.
        Without ``update`` the weights stay as they are.
        """
        found = compute(self.model, x, y, self.variables)
        gradients = [
            _given(g, numbers_of(variable))
            for g, variable in zip(found.gradients, self.variables, strict=True)
        ]
        rate, after = 0.0, State(self.theta())
        if update:
            rate = rate_of(self.model.optimizer)
            self.model.optimizer.apply([tf.constant(g) for g in gradients], self.variables)
            after = self.state()
        step = Step(
            [inputs, *(found.tensors[key] for key in self.keys)],
            found.data_loss,
            found.penalty,
            found.loss,
            [_given(found.derivatives[key], found.tensors[key]) for key in self.keys],
            gradients,
            rate,
            after,
        )
        masks = tuple(
            _legal(found.masks.get(layer.name), found.tensors[layer.name, OUT], layer.arguments)
            for layer in self.inspection.description.layers
            if layer.kind == "Dropout"
        )
        return step, masks


def _flat(variables: Sequence[Any]) -> Array:
    arrays = [one if isinstance(one, np.ndarray) else numbers_of(one) for one in variables]
    return np.concatenate(arrays, axis=None)


def _given(derivative: Array | None, like: Array) -> Array:
    """Return a derivative; 0 where the loss does not come from this number."""
    return np.zeros_like(like) if derivative is None else derivative


def _legal(mask: Array | None, like: Array, arguments: dict[str, Any]) -> Array:
    """Return the mask that drops the same numbers, with refnn's factor; all are kept by None."""
    kept = np.ones_like(like) if mask is None else mask != 0
    return (kept * like.dtype.type(1 / (1 - arguments["rate"]))).astype(like.dtype)
