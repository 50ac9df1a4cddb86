"""The rows of a CSV file: text of any line end, taken line by line, so that nothing is too long."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import IO

LINE = 2**20
"""Bytes. A file with a longer line is refused."""
BLANK = 2**17
"""A file with more blank lines than this and than rows is refused: it is no table."""
BLOCK = 2**16


def rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of each row that is not blank.

    Raises
    ------
    ValueError
        With the line, if the file is no such text.
    """
    blank = count = 0
    with path.open("rb") as file:
        reader = csv.reader(
            _lines(path, file), delimiter=delimiter, skipinitialspace=True, strict=True
        )
        try:
            for cells in reader:
                if len(cells) > 1 or "".join(cells).strip():
                    count += 1
                    yield reader.line_num, cells
                elif (blank := blank + 1) > max(BLANK, count):
                    raise ValueError(
                        f"{path}, line {reader.line_num}: more than {BLANK} blank lines; expected "
                        "a table"
                    )
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: {error}") from None


def _lines(path: Path, file: IO[bytes]) -> Iterator[str]:
    """Yield the lines of a text file, and refuse what is none."""
    for number, line in enumerate(_split(path, file), 1):
        if b"\0" in line:
            raise ValueError(f"{path}, line {number}: a NUL byte; expected UTF-8 text")
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            byte = f"byte {line[error.start]:#x}"
            raise ValueError(f"{path}, line {number}: {byte}; expected UTF-8 text") from None
        yield text


def _split(path: Path, file: IO[bytes]) -> Iterator[bytes]:
    r"""Yield lines that end in \n, \r\n or \r."""
    number, rest = 0, b""
    while block := file.read(BLOCK):
        lines = (rest + block).splitlines(keepends=True)
        rest = b"" if lines[-1].endswith(b"\n") else lines.pop()  # a \n may follow a \r
        yield from lines
        number += len(lines)
        if len(rest) >= LINE:
            raise ValueError(
                f"{path}, line {number + 1}: expected less than {LINE} bytes in a line"
            )
    if rest:
        yield rest
