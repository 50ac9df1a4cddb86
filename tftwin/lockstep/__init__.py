"""refnn and TensorFlow side by side, every number held against a derived bound.

``from tftwin.lockstep import resynchronised``. A name is imported at its first use, so that saved
records can be compared without TensorFlow.

The doors are the names in ``__all__``, and ``records.save`` and ``records.load``: each answers a
wrong argument in one line that names it. What is behind the doors checks nothing. Plain data take
any value: ``Drift``, ``Report``, ``Divergence``, ``LostDigits``, the error ``NoBoundError`` and the
warning ``LedgerWarning``.
"""

from importlib import import_module
from typing import Any

HOMES = {
    "resynchronised": "run",
    "run_free": "free",
    "Drift": "free",
    "compare_function": "functions",
    "bounds_of_step": "bounds",
    "explain": "arbiter",
    "compare": "verdict",
    "Report": "findings",
    "Divergence": "findings",
    "LostDigits": "findings",
    "NoBoundError": "roundoff",
    "LedgerWarning": "ledger",
}
"""The module of each public name."""

__all__ = [*HOMES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
