"""tftwin: the computations of refnn on TensorFlow, derivatives by automatic differentiation.

The same file names and the same public names as refnn. ``tftwin.lockstep`` runs the two side by
side. A name is imported at its first use, and TensorFlow with it: comparing saved records works
without it.
"""

from importlib import import_module
from typing import Any

HOMES = {
    "twin": "counterparts",
    "Model": "training",
    "backpropagate": "training",
    "train_step": "training",
    "objective": "training",
    "predict": "training",
    "evaluate": "training",
    "accuracy": "training",
    "update": "optimizers",
    "Trainer": "trainer",
    "fit": "runs",
}
"""The module of each public name."""

__all__ = [*HOMES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
