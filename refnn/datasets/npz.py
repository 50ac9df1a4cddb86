"""NPZ files, written and read safely.

If the process is killed while it writes, the old file stays whole. A file may come from a stranger:
reading executes nothing that it holds, and checks its sizes before it takes memory.
"""

import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from refnn import checks
from refnn.datasets.dataset import Dataset
from refnn.datasets.files import as_path as as_path
from refnn.datasets.files import regular_file as regular_file
from refnn.datasets.files import replacing
from refnn.datasets.preparation import LIMIT, float_type
from refnn.typing import Array

END = 22
"""Bytes of the record that ends an archive without a comment; NumPy writes none."""
TABLE = 2**16
"""Bytes. An archive of a few arrays has no longer table of contents."""
HEADER = 10_000
"""Bytes. An array with a longer header is refused, as by NumPy."""
ROOM = 2**25
"""Bytes that a compressed archive may hold, whatever its own size."""
RATIO = 50
"""So many times its own size a larger one may hold; images and tables reach 20, bombs 1000."""


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
        If it is no NPZ file, x or y is missing or damaged, no array of numbers of rank 2, larger
        than 1 GiB or not finite in this dtype, or their numbers of rows differ; or if the file
        is compressed by another method than deflate, or more than any data are.
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

    The bytes go to a file of another name in the same folder, each writer to its own, and reach
    the disk before it takes the name ``path``. A symbolic link is followed.

    Raises
    ------
    OSError
        If the file cannot be written.
    TypeError
        If an array holds Python objects.
    ValueError
        If it would be too large to be read again, or no regular file has that name.
    """
    path = as_path(path)
    for name, array in arrays.items():
        if array.dtype.hasobject:  # NumPy would pickle it
            raise TypeError(f"{name} has dtype {array.dtype}; expected numbers")
    if (size := sum(array.nbytes + 2**10 for array in arrays.values())) > LIMIT:
        raise ValueError(f"{path} would have {size} bytes; expected at most {LIMIT}")
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is no regular file")
    with replacing(path) as file:
        _save(file, arrays)


def _save(file: IO[bytes], arrays: Mapping[str, Array]) -> None:
    """Write the archive; of a failed write say what the system said, and not what zipfile did."""
    try:
        np.savez(file, **arrays)
    except ValueError as error:  # "Can't close the ZIP file", after the disk was full
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


@contextmanager
def reading(where: str, expected: str) -> Iterator[None]:
    """Turn the errors that zipfile, zlib or NumPy raise on a damaged file into one clear error."""
    try:
        yield
    except Exception as error:
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f"{where} cannot be read ({why}); expected {expected}") from error


def archive(
    path: Path, expected: str = "an NPZ file", *, table: int = TABLE, stored: bool = False
) -> zipfile.ZipFile:
    """Open an archive after its table of contents has been found harmless.

    A table may name millions of members, and zipfile makes an object of each. Members may have
    one name, lie on top of each other, or grow a thousandfold when they are inflated.

    Parameters
    ----------
    path : Path
        Of a regular file.
    expected : str
        For the error messages.
    table : int
        Bytes that the table may have.
    stored : bool
        Whether no member may be compressed, as in every file of refnn's own.
    """
    with reading(f"{path}", expected), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(-min(size, END + 20), os.SEEK_END)
        locator, end = (tail := file.read())[:-END], tail[-END:]
        if not end.startswith(b"PK\5\6"):
            raise zipfile.BadZipFile("File is not a zip file")
        if locator.startswith(b"PK\6\7") or int.from_bytes(end[12:16], "little") > table:
            raise zipfile.BadZipFile("File names too many members")
        members = zipfile.ZipFile(path)
    try:
        if int.from_bytes(end[10:12], "little") != len(members.infolist()):
            raise ValueError("its table of contents names another number of members than it has")
        _check_table(members, size, stored)
    except ValueError as error:
        members.close()
        raise ValueError(f"{path}: {error}; expected {expected}") from None
    return members


def _check_table(members: zipfile.ZipFile, size: int, stored: bool) -> None:
    """Refuse members that ``np.savez`` and ``np.savez_compressed`` do not write."""
    infos = sorted(members.infolist(), key=lambda info: info.header_offset)
    held = sum(info.file_size for info in infos)
    if stored and (held > size or any(info.compress_type for info in infos)):
        raise ValueError("its members are compressed or overlap")
    if len({info.filename for info in infos}) != len(infos):
        raise ValueError("it holds two members of one name")
    ends = [*(info.header_offset for info in infos[1:]), size][: len(infos)]
    for info, end in zip(infos, ends, strict=True):
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("a member is compressed by another method than deflate")
        if info.header_offset + info.compress_size > end:
            raise ValueError("its members overlap")
    if held > max(ROOM, RATIO * size):
        raise ValueError(
            f"its {size} bytes claim to hold {held}, more than {RATIO} times as many: save it "
            "without compression"
        )


def names(members: zipfile.ZipFile) -> list[str]:
    """Return the names of the arrays, in alphabetical order."""
    return sorted(name.removesuffix(".npy") for name in members.namelist())


def member(
    members: zipfile.ZipFile,
    name: str,
    where: str,
    axes: tuple[str, ...] | None,
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
    axes : tuple of str, or None
        What the lengths are called, one for each axis; None takes any shape.
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
        shape, stored = _header(file)
        held = info.file_size - file.tell()
    if stored.kind not in "biuf":
        raise ValueError(f"{where} has dtype {stored}; expected numbers")
    if axes is None:
        axes, least = ("…",) * len(shape), 0
    if len(shape) != len(axes) or min(shape, default=least) < least:
        raise ValueError(f"{where} has shape {checks.short(shape)}; expected ({', '.join(axes)})")
    if math.prod(shape) * stored.itemsize != held:
        raise ValueError(
            f"{where} claims shape {checks.short(shape)} of {stored}, but holds {held} bytes"
        )
    kept = stored if dtype is None else dtype
    if (size := math.prod(shape) * kept.itemsize) > LIMIT:
        raise ValueError(f"{where} has {size} bytes as {kept}; expected at most {LIMIT}")
    with reading(where, "an array"), members.open(info) as file:
        values = npy.read_array(file, allow_pickle=False)
    with np.errstate(over="ignore"):
        return values.astype(kept, copy=False)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype of an .npy file; no more is read than a header may have."""
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"version {version} of the format")
    length = file.read(2 if version == (1, 0) else 4)
    if (size := int.from_bytes(length, "little")) > HEADER:
        raise ValueError(f"a header of {size} bytes, more than {HEADER}")
    header = BytesIO(length + file.read(size))
    old = version == (1, 0)
    shape, _, dtype = (npy.read_array_header_1_0 if old else npy.read_array_header_2_0)(header)
    return shape, dtype
