"""A user's Keras model, read without executing anything, and refnn's model as Keras'.

    model, state, preparation = read("digits.keras")     # or a keras.Model
    found = inspect("digits.keras")                       # both sides, with all that was mapped
    theirs = construct(found.description, found.keras_state)
    theirs = write(model, state)

A file is read in this order: archive, allowlist, config (chain, compiled), weights, state, mapping.
Keras is imported where it is used: by ``construct`` and ``write``.
"""

from typing import Any

from tftwin.keras_models.inspection import Inspection, Place, Preparation, ReadModel
from tftwin.keras_models.reading import inspect, read
from tftwin.keras_models.writing import write

__all__ = [
    "Inspection",
    "Place",
    "Preparation",
    "ReadModel",
    "construct",
    "inspect",
    "read",
    "write",
]


def __getattr__(name: str) -> Any:
    if name == "construct":
        from tftwin.keras_models.building import construct

        return construct
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
