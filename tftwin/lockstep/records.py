"""Records of some steps in a file, .npz, which is read as if a stranger wrote it."""

import re
from collections.abc import Sequence
from os import PathLike
from reprlib import repr as short
from typing import Any

import numpy as np

from refnn.datasets import npz
from refnn.record import Entry
from refnn.typing import Array
from tftwin.lockstep.findings import STAGES

TABLE = 2**21
"""Bytes of a file's table of contents: some 30,000 arrays."""
NAME = 100
"""Characters of a name."""
EXPECTED = "a file written by lockstep"
KEY = re.compile(r"([0-9]{1,6})\|([0-9]{1,6})\|([^|]*)\|([^|]*)(\|bound)?")


def save(path: str | PathLike[str], steps: Sequence[Sequence[Entry]]) -> None:
    """Write the records of some steps to an .npz file, without pickle.

    Raises
    ------
    TypeError, ValueError
        If an entry is none that ``compare`` can compare, or there are too many.
    OSError
        If the file cannot be written.
    """
    arrays = dict[str, Array]()
    for number, entries in enumerate(steps):
        for place, entry in enumerate(entries):
            where = f"step {number + 1}, entry {place + 1}"
            array = np.asarray(entry.array)
            bound = None if entry.bound is None else np.asarray(entry.bound)
            _check(where, Entry(entry.stage, entry.name, array, bound=bound))
            key = f"{number}|{place}|{entry.stage}|{entry.name}"
            arrays[key] = array
            if bound is not None:
                arrays[f"{key}|bound"] = bound
    if (size := sum(len(key.encode()) + 50 for key in arrays)) > TABLE:
        raise ValueError(
            f"{path}: the names of {len(arrays)} arrays take {size} bytes; expected at most {TABLE}"
        )
    npz.write(path, arrays)


def load(path: str | PathLike[str]) -> list[list[Entry]]:
    """Read what ``save`` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file was not written by ``save``.
    """
    steps: list[list[Entry]] = []
    file = npz.regular_file(path)
    with npz.archive(file, EXPECTED, table=TABLE, stored=True) as members:
        for key in members.namelist():
            where, parts = f"{path}: {short(key)}", KEY.fullmatch(key.removesuffix(".npy"))
            if parts is None or not key.endswith(".npy"):
                raise ValueError(f"{where}; expected {EXPECTED}")
            number, place, stage, name, bound = parts.groups()
            if int(number) == len(steps) and not bound:
                steps.append([])
            last = len(steps[-1]) - bool(bound) if steps else -1
            if (int(number), int(place)) != (len(steps) - 1, last):
                raise ValueError(f"{where} is out of order; expected {EXPECTED}")
            array = _native(npz.member(members, key.removesuffix(".npy"), where, None))
            if bound:
                entry = steps[-1].pop()._replace(bound=array)
                if entry[:2] != (stage, name):
                    raise ValueError(f"{where} is out of order; expected {EXPECTED}")
            else:
                entry = Entry(stage, name, array)
            steps[-1].append(entry)
            try:
                _check(where, entry)
            except TypeError as error:
                raise ValueError(str(error)) from None
    if not steps:
        raise ValueError(f"{path} holds nothing; expected {EXPECTED}")
    return steps


def _native(array: Array) -> Array:
    """Return the numbers in this machine's order of bytes, in which their bits are compared."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _check(where: str, entry: Entry) -> None:
    """Refuse an entry that cannot be compared."""
    name: Any = entry.name
    if entry.stage not in STAGES:
        raise ValueError(f"{where}: stage {short(entry.stage)}; expected one of {STAGES[0]}, …")
    good = isinstance(name, str) and name.isprintable() and "|" not in name
    if not (good and 0 < len(name) <= NAME):
        raise ValueError(
            f"{where}: {short(name)}; expected a name of at most {NAME} printable characters but |"
        )
    for what, array in (("the array", entry.array), ("the bound", entry.bound)):
        if array is not None and array.dtype not in (np.float32, np.float64):
            raise TypeError(f"{where}: {what} has dtype {array.dtype}; expected float32 or float64")
    if entry.bound is not None:
        if entry.bound.shape not in ((), entry.array.shape):
            raise ValueError(
                f"{where}: the bound has shape {entry.bound.shape}; expected {entry.array.shape}"
            )
        if (bad := ~(entry.bound >= 0)).any():
            value = entry.bound.ravel()[int(np.argmax(bad))]
            raise ValueError(f"{where}: the bound holds {value}; expected numbers of at least 0")
