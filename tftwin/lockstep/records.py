"""Records of some steps in a file: saved and loaded as .npz."""

import zipfile
from collections.abc import Sequence
from os import PathLike

import numpy as np

from refnn.datasets import npz
from refnn.record import Entry


def save(path: str | PathLike[str], steps: Sequence[Sequence[Entry]]) -> None:
    """Write the records of some steps to an .npz file, without pickle."""
    arrays = {}
    for number, entries in enumerate(steps):
        for place, entry in enumerate(entries):
            key = f"{number}|{place}|{entry.stage}|{entry.name}"
            arrays[key] = np.asarray(entry.array)
            if entry.bound is not None:
                arrays[f"{key}|bound"] = np.asarray(entry.bound)
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
    try:
        with np.load(path, allow_pickle=False) as file:
            for key in file.files:
                number, _, stage, name, *bound = key.split("|")
                if int(number) == len(steps):
                    steps.append([])
                if bound:
                    steps[-1][-1] = steps[-1][-1]._replace(bound=file[key])
                else:
                    steps[int(number)].append(Entry(stage, name, file[key]))
    except (ValueError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: expected a file written by lockstep ({error})") from None
    return steps
