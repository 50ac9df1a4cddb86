"""Files: which may be read, and how one is written so that a failure leaves the one before."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO

from refnn.datasets.preparation import LIMIT


def as_path(path: str | PathLike[str]) -> Path:
    """Return a path, and refuse what is none."""
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"path = {path!r}; expected a path")
    return Path(path)


def regular_file(path: str | PathLike[str], limit: int = LIMIT) -> Path:
    """Return the path of a regular file of at most this many bytes."""
    path = as_path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if not path.is_file():
        raise ValueError(f"{path} is no regular file")
    if (size := path.stat().st_size) > limit:
        raise ValueError(f"{path} has {size} bytes; expected at most {limit}")
    return path


@contextmanager
def replacing(path: str | PathLike[str]) -> Iterator[IO[bytes]]:
    """Give a file to write to, which takes the place of the one before when all is written.

    At every instant there is the old file or the new one. The bytes go to a file of its own in
    the same folder, and reach the disk first. A link stays a link; a device or a pipe is written
    to as it is.

    Raises
    ------
    OSError
        If the file cannot be written; it names the path.
    """
    path = as_path(path)
    path = Path(os.path.realpath(path)) if path.is_symlink() else path
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
            return
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        try:
            with part.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
