"""A .keras file: a ZIP archive of config.json, metadata.json and model.weights.h5.

It may come from a stranger. Its sizes are checked before anything is inflated; no path that it
names is ever opened, and nothing in it is executed. What config.json says is for ``config.py`` to
judge, and the HDF5 file for ``weights.py``.
"""

import json
import math
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from refnn.checks import short
from refnn.datasets.files import as_path, regular_file
from refnn.datasets.npz import archive, reading
from refnn.datasets.preparation import LIMIT

EXPECTED = "a file that model.save('name.keras') of Keras 3 wrote"
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
TEXT = 2**20
"""Bytes. A chain of a thousand layers has a shorter config.json."""
DEPTH = 40
"""Objects inside objects; a Keras chain has about twelve."""
OTHERS = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, Keras' old format or weights alone",
    b"\x80": "a pickle",
    b"\x93NUMPY": "an .npy file",
    b"\x1f\x8b": "compressed by gzip",
}


class Content(NamedTuple):
    """What a .keras file holds: config.json as Python data, and the bytes of the HDF5 file."""

    config: Any
    weights: bytes


def read_archive(path: str | PathLike[str]) -> Content:
    """Read the members of a .keras file.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it is a folder, a pipe, another file, or one that is damaged or too large.
    """
    path = as_path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; expected {EXPECTED}")
    path = regular_file(path)
    _refuse_others(path)
    with archive(path, EXPECTED) as members:
        names = members.namelist()
        for name in (CONFIG, WEIGHTS):
            if name not in names:
                raise ValueError(f"{path}: {name} is missing; expected {EXPECTED}")
        for name in names:
            if name not in (CONFIG, METADATA, WEIGHTS):
                raise ValueError(
                    f"{path} holds {short(name)}; expected {CONFIG}, {METADATA}, {WEIGHTS} alone"
                )
        for info in members.infolist():
            most = LIMIT if info.filename == WEIGHTS else TEXT
            if info.file_size > most:
                raise ValueError(
                    f"{path}: {info.filename} has {info.file_size} bytes; expected at most {most}"
                )
        with reading(f"{path}", EXPECTED):
            held = {name: members.read(name) for name in names}
    if METADATA in held:
        _check_version(path, _json(path, METADATA, held[METADATA]))
    return Content(_json(path, CONFIG, held[CONFIG]), held[WEIGHTS])


def _refuse_others(path: Path) -> None:
    """Refuse files of other formats by their first bytes, with the remedy."""
    with path.open("rb") as file:
        start = file.read(8)
    for magic, kind in OTHERS.items():
        if start.startswith(magic):
            raise ValueError(
                f"{path} is {kind}; expected {EXPECTED}: save the model again under such a name"
            )


def _check_version(path: Path, metadata: Any) -> None:
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    if not (isinstance(version, str) and version.startswith("3.")):
        raise ValueError(
            f"{path} is of Keras version {short(version)}; expected 3: open the model with "
            "Keras 3 and save it again"
        )


def _json(path: Path, name: str, text: bytes) -> Any:
    """Return a JSON text as Python data; no key twice, no NaN, no deep nesting."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError(f"a key twice among {short([key for key, _ in pairs])}")
        return found

    def number(digits: str) -> float:
        value = float(digits)
        if not math.isfinite(value):
            raise ValueError(f"the number {short(digits)}")
        return value

    with reading(f"{path}: {name}", "JSON"):
        found = json.loads(
            text.decode(), object_pairs_hook=once, parse_constant=number, parse_float=number
        )
        _check_depth(found, DEPTH)
    return found


def _check_depth(value: Any, left: int) -> None:
    inside = value.values() if isinstance(value, dict) else value
    if isinstance(value, (dict, list)):
        if not left:
            raise ValueError(f"more than {DEPTH} objects inside each other")
        for one in inside:
            _check_depth(one, left - 1)
