"""NPZ files: written so that a kill leaves the last whole one, read as if a stranger wrote them.

Reading executes nothing that a file holds, and takes memory only for what has been found
harmless.
"""

import errno
import glob
import math
import os
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from refnn import checks
from refnn.datasets.dataset import Dataset
from refnn.datasets.preparation import LIMIT, float_type
from refnn.typing import Array

END = 22
"""Bytes of the record that ends an archive without a comment; NumPy writes none."""

HOUR = 3600.0
"""Seconds. No write lasts so long."""


def load_npz(path: str | PathLike[str], dtype: npt.DTypeLike = np.float32) -> Dataset:
    """Read the arrays x (N, D) and y (N, K) of an NPZ file, as ``np.savez(path, x=x, y=y)`` makes.

    Nothing is unpickled, and sizes are checked before memory is taken. Integers and other floats
    become ``dtype``. The columns are called "0", "1", …; what those of y mean the file cannot
    say, so ``class_names`` is empty. Labels such as 0, 1, 2 need ``one_hot`` before saving.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no NPZ file, x or y is missing or damaged, no array of numbers of rank 2, larger
        than 1 GiB or not finite in this dtype, or their numbers of rows differ.
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
    """Write an .npz file without pickle; at every instant there is the old one or the new one.

    The bytes go to a file of another name in the same folder, each writer to its own, and reach
    the disk before it takes the name ``path``. A symbolic link is followed.

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError
        If it would be too large to be read again, or no regular file has that name.
    """
    path = as_path(path)
    if (size := sum(array.nbytes + 2**10 for array in arrays.values())) > LIMIT:
        raise ValueError(f"{path} would have {size} bytes; expected at most {LIMIT}")
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, "a loop of symbolic links", f"{path}")
    if target.exists() and not target.is_file():
        raise ValueError(f"{path} is no regular file")
    _remove_left_over(target)
    part = target.with_name(f"{target.name}.{token_hex(6)}.part")
    try:
        with part.open("xb") as file:
            _save(file, arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):  # Windows cannot open a folder
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _save(file: BinaryIO, arrays: Mapping[str, Array]) -> None:
    """Write the archive; of a failed write say what the system said, and not what zipfile did."""
    try:
        np.savez(file, **arrays)
    except ValueError as error:  # "Can't close the ZIP file", after the disk was full
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def _remove_left_over(target: Path) -> None:
    """Remove what writers of this file left behind that were killed more than an hour ago."""
    pattern = f"{glob.escape(target.name)}.{12 * '[0-9a-f]'}.part"
    for part in target.parent.glob(pattern):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > HOUR:
                part.unlink()


def as_path(path: str | PathLike[str]) -> Path:
    """Return a path, and refuse what is none, or what no system takes for one."""
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"path = {checks.short(path)}; expected a path")
    made = Path(path)
    long = len(f"{made}") > 4000 or any(len(os.fsencode(part)) > 255 for part in made.parts)
    if long or any(letter in f"{made}" for letter in "\0\r\n"):
        raise ValueError(
            f"path = {checks.short(path)}; expected names of at most 255 bytes, in one line"
        )
    return made


@contextmanager
def reading(where: str, expected: str) -> Iterator[None]:
    """Turn whatever a damaged file makes zipfile, zlib or NumPy raise into one clear error."""
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
    """Open an archive whose table of contents is no larger than that of a few arrays.

    A table may name millions of members, and zipfile makes an object of each.
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
    """Read one array of numbers, after its header has been found harmless.

    Parameters
    ----------
    members, name
        An archive, and the name of an array that it holds.
    where : str
        For the error messages.
    axes : tuple of str
        What the lengths are called, one for each axis.
    least : int
        The smallest length.
    dtype : numpy.dtype, optional
        What the numbers become; by default they stay what they are.

    Raises
    ------
    ValueError
        If it is no such array, or larger than LIMIT, or its header claims what it does not hold.
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
