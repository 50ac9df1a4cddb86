"""The columns of a table: texts become numbers, classes, or targets, and none becomes another."""

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from reprlib import repr as short
from typing import Any

import numpy as np

from refnn.datasets.preparation import LIMIT, one_hot
from refnn.typing import Array

MISSING = frozenset({"", "na", "n/a", "nan", "null", "?"})
"""What stands for a value that is not there, in small or capital letters."""
PLAIN = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")
SLOW = re.compile(r"[^\x20-\x7e]|[_nN]")
"""What a row of plain decimal numbers does not hold: ``float`` takes 1_0, ٣, nan and inf too."""


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value."""
    return cell.strip().lower() in MISSING


def number(cell: str, decimal: str = ".") -> float | None:
    """Return a plain decimal number, ±∞ where it or its name is too large, or None."""
    if decimal == ",":
        cell = cell.replace(".", "_").replace(",", ".")
    if PLAIN.fullmatch(cell) or cell.strip().lower().lstrip("+-") in ("inf", "infinity"):
        return float(cell)
    return None


def numbers(cells: Sequence[str], decimal: str) -> list[float] | None:
    """Return a row of plain decimal numbers at once, or None where a closer look is needed."""
    if decimal == ".":
        try:
            return None if SLOW.search("".join(cells)) else list(map(float, cells))
        except ValueError:
            return None
    return None


def distinct(texts: Sequence[str], where: Callable[[int], str]) -> list[str]:
    """Return the distinct texts in order: by value if all are plain decimal numbers.

    Raises
    ------
    ValueError
        If two texts are one number in two spellings, such as 7 and 007.
    """
    found = dict(zip(reversed(texts), reversed(range(len(texts))), strict=True))
    try:
        value = {text: Decimal(text) for text in found if PLAIN.fullmatch(text)}
    except InvalidOperation:  # an exponent of twenty digits
        value = {}
    if len(value) < len(found):
        return sorted(found)
    ordered = sorted(found, key=lambda text: (value[text], text))
    for one, other in zip(ordered, ordered[1:], strict=False):
        if value[one] == value[other]:
            row = max(found[one], found[other])
            raise ValueError(
                f"{where(row)}: {short(one)} and {short(other)} are one number; expected one "
                "spelling for each class"
            )
    return ordered


def encoded(name: str, texts: Sequence[str], where: Callable[[int], str]) -> tuple[Array, Any]:
    """Return a column for each text of a feature, 1 where it stands, and their names.

    A row without a text is NaN throughout.
    """
    there = [row for row, text in enumerate(texts) if not is_missing(text)]
    chosen = [texts[row] for row in there]
    names = distinct(chosen, lambda row: where(there[row]))
    if 8 * len(texts) * len(names) > LIMIT:
        raise ValueError(
            f"{where(0)}: {len(names)} texts in {len(texts)} rows exceed {LIMIT} bytes"
        )
    x = np.full((len(texts), len(names)), math.nan)
    if there:
        place = {text: k for k, text in enumerate(names)}
        x[there] = one_hot([place[text] for text in chosen], len(names), np.float64)
    return x, [f"{name}={text}" for text in names]


def targets(
    labels: Sequence[str],
    task: str | None,
    decimal: str,
    dtype: np.dtype[Any],
    where: Callable[[int], str],
) -> tuple[Array, tuple[str, ...]]:
    """Return y and the names of the classes; ``where`` tells a row's place in the file."""
    parsed = [number(label, decimal) for label in labels]
    for row, (label, value) in enumerate(zip(labels, parsed, strict=True)):
        if is_missing(label):
            raise ValueError(
                f"{where(row)}: {short(label)}; expected a label (missing='drop' leaves such rows "
                "out)"
            )
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{where(row)}: {short(label)}; expected a name or a finite number")
    values = np.array(parsed, dtype=np.float64)  # None, which is text, becomes NaN
    other = "," if decimal == "." else "."
    text = bool(np.isnan(values).all())
    if task is None and text and all(number(label, other) is not None for label in labels):
        raise ValueError(
            f"{where(0)}: {short(labels[0])}; expected decimal={other!r} if this is a number, "
            "task='classification' if it is a class"
        )
    if task is None and np.all(values == np.floor(values)):
        raise ValueError(
            f"{where(0)}: whole numbers, such as {short(labels[0])}; expected task='regression' if "
            "they are quantities, task='classification' if they are classes"
        )
    if task == "regression" or (task is None and not text):
        bad = ~(np.abs(values) <= np.finfo(dtype).max)
        if bad.any():
            row = int(np.argmax(bad))
            raise ValueError(
                f"{where(row)}: {short(labels[row])}; expected a finite {dtype} number "
                "(task='classification' takes labels as names)"
            )
        return values[:, None].astype(dtype), ()
    classes = distinct(labels, where)
    place = {name: k for k, name in enumerate(classes)}
    return one_hot([place[label] for label in labels], len(classes), dtype), tuple(classes)
