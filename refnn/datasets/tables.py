"""Tables: CSV files as people have them.

Reading executes nothing that a file holds, and checks its sizes before it takes memory.
"""

import csv
import math
from array import array
from collections.abc import Callable, Iterator
from itertools import chain
from os import PathLike
from pathlib import Path
from reprlib import repr as short
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

from refnn import checks
from refnn.datasets import npz
from refnn.datasets.dataset import Dataset
from refnn.datasets.preparation import float_type, one_hot
from refnn.typing import Array

LINE = 2**24
"""Bytes. A CSV file with a longer line is refused."""


def load_csv(
    path: str | PathLike[str],
    *,
    label: str | int,
    task: Literal["classification", "regression"] | None = None,
    header: bool | None = None,
    delimiter: str = ",",
    dtype: npt.DTypeLike = np.float32,
) -> Dataset:
    """Read a table of numbers: each row is a sample, one column is the label.

    Parameters
    ----------
    path : path
        A UTF-8 file of at most 1 GiB. Blank lines are skipped.
    label : str or int
        The name of the label's column (then the first row is a header), or its position, from 0.
    task : "classification" or "regression", optional
        By default labels are classes if all of them are text, or all are whole numbers; other
        numbers are regression targets. Say "regression" if your targets, such as prices, are whole
        numbers. Classes are sorted, whole numbers by value, and y is one-hot.
    header : bool, optional
        By default the first row is a header if no cell but the label's is a number.
    delimiter : str
        The character between cells.
    dtype
        float32 or float64.

    Returns
    -------
    Dataset
        Without a header the columns are called "0", "1", … by position.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        With the line and the column's name: if a cell is missing or is not a number that is finite
        in this dtype; if a row has too few or too many cells; if there is no label's column; if it
        is unclear whether there is a header; if the file is too large, or is not UTF-8 text.
    """
    dtype, path = float_type(dtype), npz.regular_file(path)
    if task not in (None, "classification", "regression"):
        raise ValueError(f"task = {task!r}; expected 'classification', 'regression' or None")
    rows = _csv_rows(path, delimiter)
    line, first = next(rows, (1, []))
    names = [name.strip() for name in first]
    if len(names) < 2:
        raise ValueError(
            f"{path}: {len(names)} columns; expected a label and at least one feature, "
            f"with {delimiter!r} between them"
        )
    position = _label_position(f"{path}, line {line}", names, label)
    if not _has_header(f"{path}, line {line}", names, position, isinstance(label, str), header):
        rows = chain([(line, first)], rows)
        names = [str(column) for column in range(len(names))]
    names = [name for column, name in enumerate(names) if column != position]

    numbers, labels, lines = array("d"), list[str](), list[int]()
    for line, cells in rows:
        if len(cells) != len(names) + 1:
            raise ValueError(f"{path}, line {line}: {len(cells)} cells; expected {len(names) + 1}")
        labels.append(cells.pop(position).strip())
        lines.append(line)
        try:
            numbers.extend(map(float, cells))
        except ValueError:
            name, cell = next(
                pair for pair in zip(names, cells, strict=True) if _number(pair[1]) is None
            )
            raise ValueError(
                f"{path}, line {line}, column {short(name)}: {short(cell)}; expected a number"
            ) from None
    if not lines:
        raise ValueError(f"{path}: a header and no rows; expected at least one row")
    x = np.array(numbers).reshape(len(lines), len(names))
    bad = ~(np.abs(x) <= np.finfo(dtype).max)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"{path}, line {lines[row]}, column {short(names[column])}: {x[row, column]}; "
            f"expected a finite {dtype} number"
        )
    y, class_names = _targets(
        labels, task, dtype, lambda row: f"{path}, line {lines[row]}, column {label!r}"
    )
    return Dataset(x.astype(dtype), y, tuple(names), class_names)


def _csv_rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the cells of each row that is not blank."""
    with path.open("rb") as file:
        reader = csv.reader(
            _lines(path, file), delimiter=delimiter, skipinitialspace=True, strict=True
        )
        try:
            for cells in reader:
                if len(cells) > 1 or "".join(cells).strip():
                    yield reader.line_num, cells
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: {error}") from None


def _lines(path: Path, file: IO[bytes]) -> Iterator[str]:
    """Yield the lines of a file, and refuse a file that is not UTF-8 text."""
    for number, line in enumerate(iter(lambda: file.readline(LINE), b""), 1):
        if len(line) == LINE:
            raise ValueError(f"{path}, line {number}: expected less than {LINE} bytes in a line")
        if b"\0" in line:
            raise ValueError(f"{path}, line {number}: a NUL byte; expected UTF-8 text")
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            byte = f"byte {line[error.start]:#x}"
            raise ValueError(f"{path}, line {number}: {byte}; expected UTF-8 text") from None
        yield text


def _label_position(where: str, first: list[str], label: str | int) -> int:
    if isinstance(label, str):
        if first.count(label) != 1:
            raise ValueError(
                f"{where}: {first.count(label)} columns are called {label!r}; expected one of "
                f"{short(first)}, or the position of the label's column"
            )
        return first.index(label)
    if checks.count("label", label, 0) >= len(first):
        raise ValueError(f"label = {label}; {where} has the columns 0 to {len(first) - 1}")
    return label


def _has_header(
    where: str, first: list[str], position: int, named: bool, header: bool | None
) -> bool:
    """Decide by the argument, by a label that has a name, or by the cells of the first row."""
    if not (header is None or isinstance(header, bool)):
        raise ValueError(f"header = {header!r}; expected True, False or None")
    if named and header is False:
        raise ValueError("label is a name and header is False; expected the column's position")
    if header is None and not named:
        text = [_number(cell) is None for i, cell in enumerate(first) if i != position]
        if any(text) != all(text):
            raise ValueError(
                f"{where} holds numbers and text, {short(first)}; expected header=True or "
                "header=False, to say whether it is a header"
            )
        header = all(text)
    if header is not False and "" in first:
        raise ValueError(
            f"{where}: column {first.index('')} has no name; expected one in each column (a "
            "column without a name often just counts the rows: remove it)"
        )
    return header is not False


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _targets(
    labels: list[str], task: str | None, dtype: np.dtype[Any], where: Callable[[int], str]
) -> tuple[Array, tuple[str, ...]]:
    """Return y (N, K) and the names of the classes; ``where`` tells a row's place."""
    parsed = [_number(label) for label in labels]
    for row, (label, number) in enumerate(zip(labels, parsed, strict=True)):
        if not label or (number is not None and not math.isfinite(number)):
            raise ValueError(f"{where(row)}: {short(label)}; expected a name or a finite number")
    numbers = np.array(parsed, dtype=np.float64)  # None, which is text, becomes NaN
    whole = bool(np.all(numbers == np.floor(numbers)))
    if task == "regression" or (task is None and not whole and not np.all(np.isnan(numbers))):
        bad = ~(np.abs(numbers) <= np.finfo(dtype).max)
        if bad.any():
            row = int(np.argmax(bad))
            raise ValueError(
                f"{where(row)}: {short(labels[row])}; expected a finite {dtype} number "
                "(task='classification' takes labels as names)"
            )
        return numbers[:, None].astype(dtype), ()
    names = [str(int(number)) for number in numbers] if whole else labels
    classes = sorted(set(names), key=int if whole else str)
    column = {name: k for k, name in enumerate(classes)}
    return one_hot([column[name] for name in names], len(classes), dtype), tuple(classes)
