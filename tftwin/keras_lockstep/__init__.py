"""A person's own Keras model beside refnn, number by number.

    report = compare_keras(model, x, y)
    print(report)

Keras computes each step with its own layers, compiled loss and optimizer (``live``). refnn makes
the same step from the same numbers, with Keras' rule in NumPy in the place of its own (``rules``):
so everything is held under a derived bound. How far refnn's own rule is from Keras' is measured
beside it, and has a name (``conventions``).
"""

from importlib import import_module
from typing import Any

HOMES = {"compare_keras": "comparison", "KerasReport": "report"}
"""The module of each public name; both import TensorFlow."""

__all__ = [*HOMES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
