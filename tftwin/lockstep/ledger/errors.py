"""The entries of the ledger, and the worst error that follows from them for each function."""

import json
import math
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from reprlib import repr as short
from typing import Any

from refnn.datasets.files import regular_file, replacing
from tftwin.lockstep.ledger.findings import TRUTH

CAPS = {
    "exp": {"float32": 2.75, "float64": 2.0},
    "log": {"float32": 4.0, "float64": 2.0},
    "tanh": {"float32": 6.5, "float64": 12.0},
    "sigmoid": {"float32": 7.0, "float64": 3.0},
    "reciprocal": {"float32": 3.0, "float64": 0.5},
    "expm1": {"float32": 6.5, "float64": 4.5},
    "log1p": {"float32": 4.5, "float64": 3.0},
    "softplus": {"float32": 8.5, "float64": 9.0},
}
"""No entry may exceed these, in ulp: a worse kernel is looked at before it widens the bounds."""

DERIVATIVE_CAPS = {
    "tanh": {"float32": 13.0, "float64": 24.0},
    "sigmoid": {"float32": 2.0, "float64": 2.0},
}
"""The same for 1 − y² and y (1 − y): the absolute error, in units of u."""

SIZE = 2**24
"""Bytes. A larger ledger is refused."""
WORST = ("worst", "derivative", "underflow", "overflow", "subnormal")


def shipped() -> Path:
    """Return where the ledger is kept."""
    with as_file(files("tftwin.lockstep.ledger").joinpath("ledger.json")) as path:
        return path


def load(path: Path) -> list[dict[str, Any]]:
    """Read a ledger's entries, as if a stranger wrote them.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a ledger.
    """
    regular_file(path, SIZE)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["entries"]
        if not isinstance(found, list):
            raise TypeError(f"entries: {short(found)}")
        known = {_checked(entry) for entry in found}
        if len(known) != len(found):
            raise ValueError("two entries on one kernel")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        why = " ".join(repr(error).split())[:200]
        raise ValueError(f"{path}: not a ledger of tftwin ({why})") from None
    return list(found)


def _checked(entry: dict[str, Any]) -> tuple[str, ...]:
    """Return the key of an entry, or refuse what is none."""
    texts = [*key(entry), *(entry[what]["at"] for what in WORST)]
    if not all(isinstance(text, str) and len(text) < 100 for text in texts):
        raise TypeError("a name that is no text")
    if not "".join(texts).isprintable() or entry["dtype"] not in TRUTH:
        raise ValueError("an unknown name")
    for what in WORST:
        error = entry[what]["error"]
        if not (isinstance(error, (int, float)) and 0 <= error < math.inf):
            raise ValueError(f"{what}: {short(error)}")
    inputs, exhaustive = entry["inputs"], entry["exhaustive"]
    if type(inputs) is not int or not 16 < inputs <= 2**64 or not isinstance(exhaustive, bool):
        raise ValueError(f"{short(inputs)} inputs")
    return key(entry)


def update(path: Path, new: list[dict[str, Any]]) -> int:
    """Write entries into a ledger, in place of those of the same kernel from fewer inputs.

    Returns how many were written. A failure leaves the ledger as it was.
    """
    old = load(path) if path.exists() else []
    merged = {key(e): e for e in old}
    better = [e for e in new if e["inputs"] >= merged.get(key(e), e)["inputs"]]
    merged |= {key(e): e for e in better}
    lines = ",\n".join(json.dumps(merged[k]) for k in sorted(merged))
    with replacing(path) as file:
        file.write(f'{{"entries": [\n{lines}\n]}}\n'.encode())
    return len(better)


@cache
def entries() -> list[dict[str, Any]]:
    """Return the shipped ledger's entries."""
    return load(shipped())


def key(entry: dict[str, Any]) -> tuple[str, ...]:
    """Return what an entry is about: no ledger has two of these."""
    names = ("function", "dtype", "library", "kernel", "version", "instruction_set")
    return tuple(entry[name] for name in names)


def bound(entry: dict[str, Any], what: str = "worst") -> float:
    """Return what an entry says of all inputs.

    An exhaustive one says it itself. From a sample of n of all N inputs it is extrapolated: the
    last rounding errs by ½ ulp at most, and the sample shows that; what is above is a sum of
    earlier errors, and the largest of m such sums grows as √(2 ln m) if they are Gaussian
    (Cramér, *Mathematical Methods of Statistics*, ch. 28). Hence, if a sixteenth of the sample
    is where the error is large,

        ½ + (e − ½) √(ln N / ln (n/16)).

    A model and no proof; the tests try it where all inputs are known. Why it is needed: of
    TensorFlow's tanh in float64, 3e7 inputs show 8.5 ulp, and 5e9 between 9 and 19 show 10.5.
    The own error of the truth is added.
    """
    error = float(entry[what]["error"])
    if not entry["exhaustive"] and error > 0.5:
        every = {"float32": 32, "float64": 64}[entry["dtype"]] * math.log(2)
        error = 0.5 + (error - 0.5) * math.sqrt(every / math.log(entry["inputs"] / 16))
    return error + TRUTH[entry["dtype"]]


def _about(function: str, dtype: str) -> list[dict[str, Any]]:
    found = [e for e in entries() if key(e)[:2] == (function, dtype)]
    if not found:
        raise ValueError(f"the ledger has no {function} in {dtype}")
    return found


@cache
def worst(function: str, dtype: str) -> float:
    """Return the worst error in ulp that any kernel may make."""
    return max(bound(e) for e in _about(function, dtype))


@cache
def overflow(function: str, dtype: str) -> float:
    """Return the worst error in ulp of a result in the last binade below infinity."""
    return max(bound(e, "overflow") for e in _about(function, dtype))


@cache
def underflow(function: str, dtype: str) -> float:
    """Return the worst absolute error of a small result, in units of the least normal number.

    Small is below one least normal number, and for the reciprocal below 2²³ of them.
    """
    return max(float(e["underflow"]["error"]) for e in _about(function, dtype))


def exceeding(candidates: list[dict[str, Any]]) -> list[str]:
    """Return a line for each entry that exceeds its cap."""
    lines = []
    for e in candidates:
        for what, caps, unit in (("worst", CAPS, "ulp"), ("derivative", DERIVATIVE_CAPS, "u")):
            cap = caps.get(e["function"], {}).get(e["dtype"])
            if cap is not None and e[what]["error"] > cap:
                name = e["function"] + ("'" if what == "derivative" else "")
                by = f"{e['library']} {e['kernel']} on {e['instruction_set']}"
                found = f"{e[what]['error']:.4g} {unit} at {e[what]['at']}"
                lines.append(f"{name} in {e['dtype']} by {by}: {found} exceeds the cap {cap}")
    return lines
