"""NPZ files, written and read safely.

If the process is killed while it writes, the old file stays whole. A file may come from a stranger:
reading executes nothing that it holds, and checks its sizes before it takes memory.
"""

import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from refnn import checks
from refnn.datasets.dataset import Dataset
from refnn.datasets.preparation import LIMIT, float_type
from refnn.typing import Array

END = 22
"""Bytes of the record that ends an archive without a comment; NumPy writes no comment."""


def load_npz(path: str | PathLike[str], dtype: npt.DTypeLike = np.float32) -> Dataset:
    """Read the arrays x (N, D) and y (N, K) of a file that ``np.savez(path, x=x, y=y)`` wrote.

    Nothing is unpickled. Integers and other floats become ``dtype``. The columns of x are called
    "0", "1", …; ``class_names`` is empty, because the file does not say what the columns of y mean.
    Labels such as 0, 1, 2 need ``one_hot`` before saving.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it is not an NPZ file; if x or y is missing, damaged, not an array of numbers of rank 2,
        larger than 1 GiB, or not finite in this dtype; or if their numbers of rows differ.
    """
    dtype, path = float_type(dtype), regular_file(path)
    with archive(path) as members:
        for name in ("x", "y"):
            if name not in names(members):
                raise ValueError(f"{path}: {name} is missing; expected np.savez(path, x=x, y=y)")
        x = member(members, "x", f"{path}: x", ("N", "D"), dtype=dtype)
        y = member(members, "y", f"{path}: y", ("N", "K"), dtype=dtype)
    checks.finite(f"{path}: x as {dtype}", x)
    checks.finite(f"{path}: y as {dtype}", y)
    if len(x) != len(y):
        raise ValueError(f"{path}: x has {len(x)} rows and y {len(y)}; expected as many")
    return Dataset(x, y, tuple(str(column) for column in range(x.shape[1])))


def write(path: str | PathLike[str], arrays: Mapping[str, Array]) -> None:
    """Write an .npz file without pickle; at every instant there is the old file or the new one.

    The bytes go to ``path`` + ".part" in the same folder. They reach the disk before the file gets
    its name.

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError
        If it would be too large to be read again.
    """
    path = as_path(path)
    if (size := sum(array.nbytes + 2**10 for array in arrays.values())) > LIMIT:
        raise ValueError(f"{path} would have {size} bytes; expected at most {LIMIT}")
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):  # Windows cannot open a folder
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def as_path(path: str | PathLike[str]) -> Path:
    """Return ``path`` as a Path, and refuse anything else."""
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"path = {path!r}; expected a path")
    return Path(path)


@contextmanager
def reading(where: str, expected: str) -> Iterator[None]:
    """Turn the errors that zipfile, zlib or NumPy raise on a damaged file into one clear error."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"{where} cannot be read ({error}); expected {expected}") from error


def regular_file(path: str | PathLike[str]) -> Path:
    """Return the path of a regular file of at most LIMIT bytes."""
    path = as_path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if not path.is_file():
        raise ValueError(f"{path} is no regular file")
    if (size := path.stat().st_size) > LIMIT:
        raise ValueError(f"{path} has {size} bytes; expected at most {LIMIT}")
    return path


def archive(path: Path, expected: str = "an NPZ file") -> zipfile.ZipFile:
    """Open an archive, and refuse a table of contents that is larger than a few arrays need.

    A table may name millions of members, and zipfile makes an object for each.
    """
    with reading(f"{path}", expected), path.open("rb") as file:
        file.seek(-min(path.stat().st_size, END + 20), os.SEEK_END)
        locator, end = (tail := file.read())[:-END], tail[-END:]
        if not end.startswith(b"PK\5\6"):
            raise zipfile.BadZipFile("File is not a zip file")
        if locator.startswith(b"PK\6\7") or int.from_bytes(end[12:16], "little") > 2**16:
            raise zipfile.BadZipFile("File names too many members")
        return zipfile.ZipFile(path)


def names(members: zipfile.ZipFile) -> list[str]:
    """Return the names of the arrays, in alphabetical order."""
    return sorted(name.removesuffix(".npy") for name in members.namelist())


def member(
    members: zipfile.ZipFile,
    name: str,
    where: str,
    axes: tuple[str, ...],
    *,
    least: int = 1,
    dtype: np.dtype[Any] | None = None,
) -> Array:
    """Check the header of one array of numbers, then read it.

    Parameters
    ----------
    members, name
        An archive, and the name of an array that it holds.
    where : str
        For the error messages.
    axes : tuple of str
        The name of each axis, for the error messages.
    least : int
        The smallest length of an axis.
    dtype : numpy.dtype, optional
        The dtype of the result; by default that of the file.

    Raises
    ------
    ValueError
        If it is another array, or larger than LIMIT, or its header does not fit its bytes.
    """
    info = members.getinfo(f"{name}.npy")
    if info.file_size > LIMIT:
        raise ValueError(f"{where} has {info.file_size} bytes; expected at most {LIMIT}")
    with reading(where, "an array"), members.open(info) as file:
        old = npy.read_magic(file) == (1, 0)
        shape, _, stored = (npy.read_array_header_1_0 if old else npy.read_array_header_2_0)(file)
        held = info.file_size - file.tell()
    if stored.kind not in "biuf":
        raise ValueError(f"{where} has dtype {stored}; expected numbers")
    if len(shape) != len(axes) or min(shape, default=least) < least:
        raise ValueError(f"{where} has shape {shape}; expected ({', '.join(axes)})")
    if math.prod(shape) * stored.itemsize != held:
        raise ValueError(f"{where} claims shape {shape} of {stored}, but holds {held} bytes")
    kept = stored if dtype is None else dtype
    if (size := math.prod(shape) * kept.itemsize) > LIMIT:
        raise ValueError(f"{where} has {size} bytes as {kept}; expected at most {LIMIT}")
    with reading(where, "an array"), members.open(info) as file:
        values = npy.read_array(file, allow_pickle=False)
    with np.errstate(over="ignore"):
        return values.astype(kept, copy=False)
