"""The ledger: the worst errors of exp, log, tanh, sigmoid that were measured, as data."""

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def _ledger() -> dict[str, Any]:
    text = files("tftwin.lockstep").joinpath("ledger.json").read_text(encoding="utf-8")
    ledger: dict[str, Any] = json.loads(text)
    return ledger


@cache
def worst(function: str, dtype: str) -> float:
    """Return the worst error in ulp that either library was measured to make."""
    return float(max(_ledger()["worst"][function][dtype].values()))
