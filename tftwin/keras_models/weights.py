"""Arrays from model.weights.h5: each at its expected name, of its expected shape and dtype.

HDF5 can do much that a file of weights does not need: links to other names and to other files,
data that stand elsewhere or are computed, filters that inflate. All of it is refused before it is
followed. Only paths that config.json implies are looked at, link by link; no array is read before
its shape, its dtype and its size on disk are those expected.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np

from refnn.checks import short
from refnn.typing import Array

SIGNATURE = b"\x89HDF\r\n\x1a\n"
EXPECTED = "plain arrays, as model.save writes them"


class File(NamedTuple):
    """An open HDF5 file, and what to call it in messages."""

    group: Any
    where: str


@contextmanager
def opened(content: bytes, where: str) -> Iterator[File]:
    """Open an HDF5 file that stands in memory.

    Raises
    ------
    ImportError
        If h5py is not installed.
    ValueError
        If it is no HDF5 file.
    """
    h5py = _h5py()
    if not content.startswith(SIGNATURE):
        raise ValueError(f"{where} is no HDF5 file; expected {EXPECTED}")
    with _one_error(where):
        file = h5py.File(BytesIO(content), "r")
    with file:
        yield File(file.id, where)


def has(file: File, path: str) -> bool:
    """Whether the file holds this name; no link is followed."""
    try:
        _open(file, path)
    except KeyError:
        return False
    return True


def size(file: File, path: str) -> int:
    """Return the number of names in a group; no link is followed."""
    h5py = _h5py()
    group = _found(file, path)
    if not isinstance(group, h5py.h5g.GroupID):
        raise ValueError(f"{file.where}: {path} is no group; expected {EXPECTED}")
    with _one_error(f"{file.where}: {path}"):
        return int(group.get_num_objs())


def shape_of(file: File, path: str) -> tuple[int, ...] | None:
    """Return the shape of an array; None for what is none. No link is followed."""
    found = _found(file, path)
    with _one_error(f"{file.where}: {path}"):
        return tuple(found.shape) if isinstance(found, _h5py().h5d.DatasetID) else None


def read_array(file: File, path: str, shape: tuple[int, ...], *dtypes: np.dtype[Any]) -> Array:
    """Read one array, which must have exactly this shape and one of these dtypes.

    Raises
    ------
    ValueError
        If it is missing, or a link, or another array, or not stored as it is.
    """
    h5py = _h5py()
    dataset, where = _found(file, path), f"{file.where}: {path}"
    if not isinstance(dataset, h5py.h5d.DatasetID):
        raise ValueError(f"{where} is no array; expected {EXPECTED}")
    with _one_error(where):
        found, kind, held = dataset.shape, dataset.get_type(), dataset.get_storage_size()
        layout = dataset.get_create_plist()
        plain = layout.get_layout() == h5py.h5d.CONTIGUOUS
        packed, outside = layout.get_nfilters(), layout.get_external_count()
    if found != shape:
        raise ValueError(f"{where} has shape {short(found)}; config.json expects {shape}")
    dtype = next((one for one in dtypes if kind.equal(h5py.h5t.py_create(one))), None)
    if dtype is None:
        with _one_error(where):
            name = " ".join(str(kind.dtype).split())[:80]
        raise ValueError(f"{where} has dtype {name}; expected {' or '.join(map(str, dtypes))}")
    if not plain or outside:
        how = "in another file" if outside else "compressed" if packed else "in pieces, or virtual"
        raise ValueError(f"{where} is {how}; expected {EXPECTED}")
    if held != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{where} holds {held} bytes for shape {shape}; expected {EXPECTED}")
    values = np.empty(shape, dtype)
    with _one_error(where):
        dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return values


def _found(file: File, path: str) -> Any:
    try:
        return _open(file, path)
    except KeyError:
        raise ValueError(f"{file.where}: {path} is missing; expected {EXPECTED}") from None


def _open(file: File, path: str) -> Any:
    """Open an object, step by step; KeyError if it is missing, ValueError behind a link."""
    h5py = _h5py()
    at, current = [], file.group
    for part in path.split("/"):
        at.append(part)
        where = f"{file.where}: {'/'.join(at)}"
        with _one_error(where):
            group = isinstance(current, h5py.h5g.GroupID)
            there = group and current.links.exists(part.encode())
            kind = current.links.get_info(part.encode()).type if there else None
        if not there:
            raise KeyError(path)
        if kind != h5py.h5l.TYPE_HARD:
            raise ValueError(f"{where} is a link to elsewhere; expected {EXPECTED}")
        with _one_error(where):
            current = h5py.h5o.open(current, part.encode())
    return current


@contextmanager
def _one_error(where: str) -> Iterator[None]:
    """Turn whatever the HDF5 library says of a damaged file into one line."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"{where} is damaged ({_why(error)}); expected {EXPECTED}") from None


def _why(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            f"a .keras file needs h5py ({error}): pip install '.[tf]' in the folder of "
            "pyproject.toml"
        ) from None
    return h5py
