"""Records of some steps in a file, .npz, which is read as if a stranger wrote it."""

import re
from collections.abc import Sequence
from os import PathLike
from reprlib import repr as short

from refnn.datasets import npz
from refnn.record import Entry
from refnn.typing import Array
from tftwin.lockstep.verdict import check_entry, checked

TABLE = 2**21
"""Bytes of a file's table of contents: some 30,000 arrays."""
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
    for number, entries in enumerate(checked("steps", steps)):
        for place, entry in enumerate(entries):
            key = f"{number}|{place}|{entry.stage}|{entry.name}"
            arrays[key] = entry.array
            if entry.bound is not None:
                arrays[f"{key}|bound"] = entry.bound
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
                check_entry(where, entry)
            except TypeError as error:
                raise ValueError(str(error)) from None
    if not steps:
        raise ValueError(f"{path} holds nothing; expected {EXPECTED}")
    return steps


def _native(array: Array) -> Array:
    """Return the numbers in this machine's order of bytes, in which their bits are compared."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)
