"""Files: which may be read, and how one is written so that a failure leaves the one before."""

import errno
import glob
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from secrets import token_hex
from typing import IO

from refnn import checks
from refnn.datasets.preparation import LIMIT

HOUR = 3600.0
"""Seconds. No write lasts so long."""


def as_path(path: str | PathLike[str]) -> Path:
    """Return ``path`` as a Path, and refuse anything that no system takes for one."""
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"path = {checks.short(path)}; expected a path")
    made = Path(path)
    long = len(f"{made}") > 4000 or any(len(os.fsencode(part)) > 255 for part in made.parts)
    if long or any(letter in f"{made}" for letter in "\0\r\n"):
        raise ValueError(
            f"path = {checks.short(path)}; expected names of at most 255 bytes, in one line"
        )
    return made


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

    At every instant there is the old file or the new one. The bytes go to a file of another name
    in the same folder, each writer to its own, and reach the disk first. A symbolic link is
    followed; a device or a pipe is written to as it is.

    Raises
    ------
    OSError
        If the file cannot be written; it names the path.
    """
    path = as_path(path)
    try:
        target = Path(os.path.realpath(path))
        if target.is_symlink():
            raise OSError(errno.ELOOP, "a loop of symbolic links", f"{path}")
        if target.exists() and not target.is_file():
            with target.open("wb") as file:
                yield file
            return
        _remove_left_over(target)
        part = target.with_name(f"{target.name}.{token_hex(6)}.part")
        try:
            with part.open("xb") as file:
                yield file
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
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None


def _remove_left_over(target: Path) -> None:
    """Remove what writers of this file left behind that were killed more than an hour ago."""
    pattern = f"{glob.escape(target.name)}.{12 * '[0-9a-f]'}.part"
    for part in target.parent.glob(pattern):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > HOUR:
                part.unlink()
