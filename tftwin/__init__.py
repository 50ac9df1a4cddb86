"""tftwin: the computations of refnn on TensorFlow, derivatives by automatic differentiation.

Its rooms have the file names and the public names of refnn. ``tftwin.lockstep`` runs the two
libraries side by side. A name imports TensorFlow at its first use: saved records can be compared
without TensorFlow.

The doors are the names in ``__all__``: each answers a wrong argument in one line that names it, in
the words of refnn. The methods of a ``Trainer`` are doors too. The formulas behind the doors check
nothing: ``accuracy``, and all rooms of the mirror. ``twin`` makes them from values of refnn, which
are checked where they are made.
"""

import sys
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
    "compare_keras": "keras_lockstep",
    "compare_function": "lockstep",
}
"""The module of each public name."""

__all__ = [*HOMES]  # noqa: PLE0604

if sys.argv[:1] == ["-m"]:  # python -m tftwin: Ctrl-C during the imports is one line, too
    from tftwin import terminal

    terminal.begin(__name__)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("refnn").__version__
    if name in HOMES:
        return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
