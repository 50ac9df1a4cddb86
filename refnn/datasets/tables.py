"""Tables: CSV files as people have them.

Reading executes nothing that a file holds, and checks its sizes before it takes memory.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from reprlib import repr as short
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from refnn.datasets import columns, npz
from refnn.datasets.dataset import Dataset
from refnn.datasets.headers import Header, check_doubt, check_names, read_header
from refnn.datasets.preparation import LIMIT, float_type
from refnn.datasets.rows import rows
from refnn.typing import Array

TASKS = (None, "classification", "regression")
DROP = "missing='drop' leaves such rows out"
HOLES = f"({DROP}, missing='mean' puts the column's mean)"


def load_csv(
    path: str | PathLike[str],
    *,
    label: str | int,
    task: Literal["classification", "regression"] | None = None,
    header: bool | None = None,
    delimiter: str = ",",
    decimal: Literal[".", ","] = ".",
    categorical: Sequence[str | int] = (),
    missing: Literal["refuse", "drop", "mean"] = "refuse",
    dtype: npt.DTypeLike = np.float32,
) -> Dataset:
    """Read a table: one row a sample, one column the label, the others its features.

    Only plain decimal numbers such as 12, -0.5 and 1e-3 are numbers. Nothing is guessed that a
    number or a class could be lost by: a file in doubt is refused, and the message says what to
    add.

    Parameters
    ----------
    path : path
        A UTF-8 file of at most 1 GiB. Blank lines are skipped.
    label : str or int
        The name of the label's column (then the first row is a header), or its position, from 0.
    task : "classification" or "regression", optional
        Texts are classes, and numbers with decimals regression targets. Whole numbers can be
        either, classes 0 and 1 or prices, and so it must be said. y is one-hot for classes, which
        are sorted, numbers by value. Two classes are the same if their texts are.
    header : bool, optional
        By default the first row is a header if its cells besides the label's are text, and data
        if they are numbers and its label is a text that stands in another row too. Otherwise it
        must be said: a header of years looks like data.
    delimiter : str
        What stands between cells.
    decimal : "." or ","
        What stands before the decimals.
    categorical : sequence of str or int
        Names or positions of features that are text, or codes. Each becomes a column for each of
        its texts, with 1 where it stands, called "city=Rome".
    missing : {"refuse", "drop", "mean"}
        What is done where a cell is empty or NA, N/A, NaN, null or ?: refuse the file, leave out
        the row, or take the mean of the feature's column. A label has no mean.
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
        With the line, and the column's name: if a cell is missing or no number finite in this
        dtype, a row has too few or too many cells, the label's column does not exist, two columns
        have one name, or the file is too large or no such text at all.
    """
    dtype, path = float_type(dtype), npz.regular_file(path)
    if task not in TASKS:
        raise ValueError(f"task = {task!r}; expected 'classification', 'regression' or None")
    if missing not in ("refuse", "drop", "mean"):
        raise ValueError(f"missing = {missing!r}; expected 'refuse', 'drop' or 'mean'")
    _check_characters(delimiter, decimal)
    table = rows(path, delimiter)
    found, table = read_header(path, table, label, header, delimiter, decimal, categorical)
    data = _read(path, found, table, decimal, missing)
    data.check_range(dtype)
    if missing == "drop":
        data = data.without_holes()
    y, class_names = columns.targets(data.labels, task, decimal, dtype, data.where(found.label))
    x, names = data.features()
    if missing == "mean":
        x = _filled(path, names, x)
    return Dataset(x.astype(dtype), y, tuple(names), class_names)


class Table(NamedTuple):
    """What was read: numbers, NaN where one is missing, and texts; with the lines of the file."""

    path: Path
    header: Header
    x: Array
    texts: dict[int, list[str]]
    labels: list[str]
    lines: Sequence[int]

    def where(self, column: int) -> Callable[[int], str]:
        """Return what tells the place in the file of a row of this column."""
        name = short(self.header.names[column])
        return lambda row: f"{self.path}, line {self.lines[row]}, column {name}"

    def check_range(self, dtype: np.dtype[Any]) -> None:
        """Refuse a number that is too large for the dtype."""
        bad = np.abs(self.x) > np.finfo(dtype).max
        if bad.any():
            row, place = np.argwhere(bad)[0]
            raise ValueError(
                f"{self.where(self.header.numeric[place])(row)}: {self.x[row, place]}; expected a "
                f"finite {dtype} number"
            )

    def without_holes(self) -> "Table":
        """Return the rows in which nothing is missing."""
        kept = ~np.isnan(self.x).any(axis=1)
        for column in (self.labels, *self.texts.values()):
            kept &= [not columns.is_missing(text) for text in column]
        if not kept.any():
            raise ValueError(f"{self.path}: no row without a missing value; expected at least one")
        stay = np.flatnonzero(kept).tolist()
        return self._replace(
            x=self.x[kept],
            texts={place: [texts[row] for row in stay] for place, texts in self.texts.items()},
            labels=[self.labels[row] for row in stay],
            lines=[self.lines[row] for row in stay],
        )

    def features(self) -> tuple[Array, list[str]]:
        """Return all features as numbers, and their names, in the order of the file."""
        parts, names = list[Array](), list[str]()
        for place in sorted([*self.header.numeric, *self.header.texts]):
            name = self.header.names[place]
            if place in self.texts:
                part, heading = columns.encoded(name, self.texts[place], self.where(place))
            else:
                part, heading = self.x[:, self.header.numeric.index(place), None], [name]
            parts.append(part)
            names += heading
        check_names(f"{self.path}", names)
        return (np.concatenate(parts, axis=1) if self.texts else self.x), names


def _read(
    path: Path,
    header: Header,
    table: Iterator[tuple[int, list[str]]],
    decimal: str,
    missing: str,
) -> Table:
    """Read the rows of data."""
    values, labels, lines = array("d"), list[str](), array("q")
    texts: dict[int, list[str]] = {place: [] for place in header.texts}
    data = Table(path, header, np.array(()), texts, labels, lines)
    for line, cells in table:
        if len(cells) != len(header.names):
            raise ValueError(
                f"{path}, line {line}: {len(cells)} cells; expected {len(header.names)}"
            )
        lines.append(line)
        labels.append(cells[header.label].strip())
        for place, column in texts.items():
            column.append(text := cells[place].strip())
            if missing == "refuse" and columns.is_missing(text):
                raise ValueError(f"{data.where(place)(-1)}: {text!r}; expected a text {HOLES}")
        picked = [cells[place] for place in header.numeric]
        if (found := columns.numbers(picked, decimal)) is None:
            found = [
                _number(data, place, cells[place], decimal, missing) for place in header.numeric
            ]
        values.extend(found)
        if 8 * len(values) > LIMIT:
            raise ValueError(f"{path}, line {line}: the numbers so far exceed {LIMIT} bytes")
    if not lines:
        raise ValueError(f"{path}: a header and no rows; expected at least one row")
    check_doubt(f"{path}, line {lines[0]}", header, labels)
    return data._replace(x=np.array(values).reshape(len(lines), len(header.numeric)))


def _number(data: Table, place: int, cell: str, decimal: str, missing: str) -> float:
    """Return the number in a cell of the last row, NaN where it is missing, or refuse it."""
    value, name = columns.number(cell, decimal), short(data.header.names[place])
    if value is not None:
        return value
    if not columns.is_missing(cell):
        hint = f"categorical=[{name}] makes a column for each of its texts"
        if decimal == "." and columns.number(cell, ",") is not None:
            hint = "decimal=',' reads it"
        raise ValueError(
            f"{data.where(place)(-1)}: {short(cell.strip())}; expected a number ({hint})"
        )
    if missing == "refuse":
        raise ValueError(f"{data.where(place)(-1)}: {cell.strip()!r}; expected a number {HOLES}")
    return float("nan")


def _filled(path: Path, names: Sequence[str], x: Array) -> Array:
    """Return the features with each missing value replaced by the mean of its column."""
    holes = np.isnan(x)
    if holes.all(axis=0).any():
        name = names[int(np.argmax(holes.all(axis=0)))]
        raise ValueError(f"{path}, column {short(name)}: every value is missing")
    mean = np.where(holes, 0, x).sum(axis=0) / (~holes).sum(axis=0)
    return np.where(holes, mean, x)


def _check_characters(delimiter: str, decimal: str) -> None:
    if not (isinstance(delimiter, str) and len(delimiter) == 1):
        raise ValueError(f"delimiter = {short(delimiter)}; expected one character")
    if decimal not in (".", ","):
        raise ValueError(f"decimal = {short(decimal)}; expected '.' or ','")
    if decimal == delimiter:
        raise ValueError(f"decimal and delimiter are both {decimal!r}; expected two characters")
