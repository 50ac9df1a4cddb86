"""Which columns a table has: their names, and what each is. What is unclear is asked."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from reprlib import repr as short
from typing import NamedTuple

from refnn import checks
from refnn.datasets import columns


class Header(NamedTuple):
    """The columns of a table.

    Attributes
    ----------
    names : list of str
        One for each column.
    label : int
        Position of the label's column.
    texts, numeric : list of int
        Positions of the features that are text, and of those that are numbers.
    in_doubt : bool
        Whether the first row, taken as data, may be a header.
    """

    names: list[str]
    label: int
    texts: list[int]
    numeric: list[int]
    in_doubt: bool


def read_header(
    path: Path,
    table: Iterator[tuple[int, list[str]]],
    label: str | int,
    header: bool | None,
    delimiter: str,
    decimal: str,
    categorical: Sequence[str | int],
) -> tuple[Header, Iterator[tuple[int, list[str]]]]:
    """Take the header from the rows of a table, and return it with the rows of data."""
    line, first = next(table, (1, []))
    where, names = f"{path}, line {line}", [name.strip() for name in first]
    if len(names) < 2:
        raise ValueError(
            f"{path}: {len(names)} columns; expected a label and at least one feature, "
            f"with {delimiter!r} between them"
        )
    position = _label_position(where, names, label)
    texts = _text_positions(where, names, position, categorical)
    numeric = [place for place in range(len(names)) if place != position and place not in texts]
    if not (header is None or isinstance(header, bool)):
        raise ValueError(f"header = {header!r}; expected True, False or None")
    if isinstance(label, str) and header is False:
        raise ValueError("label is a name and header is False; expected the column's position")
    in_doubt = False
    if header is None:
        header = isinstance(label, str) or _is_text(where, names, numeric, decimal)
        in_doubt = not header
    if header and "" in names:
        raise ValueError(
            f"{where}: column {names.index('')} has no name; expected one in each column (a "
            "column without a name often just counts the rows: remove it)"
        )
    if not header:
        table = chain([(line, first)], table)
        names = [str(column) for column in range(len(names))]
    check_names(where, names)
    return Header(names, position, texts, numeric, in_doubt), table


def check_doubt(where: str, header: Header, labels: Sequence[str]) -> None:
    """Refuse a first row of numbers that may be a header, such as years.

    It is none if its label is a text that stands in another row too: a name does not.
    """
    if header.in_doubt and (columns.number(labels[0]) is not None or labels.count(labels[0]) == 1):
        raise ValueError(
            f"{where}: numbers, and {short(labels[0])} as label; expected header=True if this "
            "names the columns, header=False if it is the first row of data"
        )


def check_names(where: str, names: Sequence[str]) -> None:
    """Refuse two columns of one name."""
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise ValueError(
            f"{where}: {count} columns are called {short(name)}; expected a name of its own for "
            "each"
        )


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


def _text_positions(
    where: str, first: list[str], label: int, categorical: Sequence[str | int]
) -> list[int]:
    if isinstance(categorical, str) or not isinstance(categorical, Sequence):
        raise TypeError(f"categorical = {short(categorical)}; expected a sequence of columns")
    positions = set[int]()
    for one in categorical:
        known = isinstance(one, int) and not isinstance(one, bool) and 0 <= one < len(first)
        if not known and one not in first:
            raise ValueError(
                f"categorical names {short(one)}; {where} has the columns 0 to {len(first) - 1}, "
                f"{short(first)}"
            )
        position = one if isinstance(one, int) else first.index(one)
        if position == label:
            raise ValueError(f"categorical names the label's column, {short(one)}")
        if position in positions:
            raise ValueError(f"categorical names column {short(first[position])} twice")
        positions.add(position)
    return sorted(positions)


def _is_text(where: str, first: list[str], numeric: list[int], decimal: str) -> bool:
    """Whether the first row is text where numbers will follow."""
    kinds = {columns.number(first[place], decimal) is None for place in numeric}
    if len(kinds) != 1:
        holds = "numbers and text" if kinds else "texts"
        raise ValueError(
            f"{where} holds {holds}, {short(first)}; expected header=True or header=False, to say "
            "whether it is a header"
        )
    return kinds == {True}
