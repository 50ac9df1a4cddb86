"""CSV files: as people have them, and as they should not be."""

import csv
import io

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from refnn.datasets import load_csv
from tests.helpers import refused_with
from tests.strategies import FLOATS


@pytest.fixture
def write(tmp_path):
    """Write a file, and return its path."""

    def write(content, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


PLAIN = "1,2.5,b\n3,4,a\n-1e-3,0,b\n"
VALUES = [[1.0, 2.5], [3.0, 4.0], [-1e-3, 0.0]]
SAME = {
    "header, by name": ("p,q,kind\n" + PLAIN, {"label": "kind"}),
    "header, by position": ("p,q,kind\n" + PLAIN, {"label": 2}),
    "header, by NumPy's position": ("p,q,kind\n" + PLAIN, {"label": np.int64(2)}),
    "header of numbers, by name": ("p,0,kind\n" + PLAIN, {"label": "kind"}),
    "header of numbers, by argument": ("p,0,kind\n" + PLAIN, {"label": 2, "header": True}),
    "no header": (PLAIN, {"label": 2}),
    "no header, said so": (PLAIN, {"label": 2, "header": False}),
    "label first": ("kind,p,q\nb,1,2.5\na,3,4\nb,-1e-3,0\n", {"label": "kind"}),
    "label in the middle": ("1,b,2.5\n3,a,4\n-1e-3,b,0\n", {"label": 1}),
    "byte order mark": (
        b"\xef\xbb\xbf" + b"kind,p,q\nb,1,2.5\na,3,4\nb,-1e-3,0",
        {"label": "kind"},
    ),
    "Windows line ends": (PLAIN.replace("\n", "\r\n"), {"label": 2}),
    "no last line end": (PLAIN[:-1], {"label": 2}),
    "blank lines": ("\n" + PLAIN.replace("\n", "\n \n\n"), {"label": 2}),
    "blanks": (" p , q , kind \n1, 2.5 ,b \n 3,4, a\n-1e-3,0,\tb\n", {"label": "kind"}),
    "quotes": ('"p, in cm", "q", "kind"\n"1",2.5,"b"\n3,4,"a"\n-1e-3,0,b\n', {"label": "kind"}),
    "semicolons": (PLAIN.replace(",", ";"), {"label": 2, "delimiter": ";"}),
}


@pytest.mark.parametrize(("content", "arguments"), SAME.values(), ids=SAME)
@pytest.mark.parametrize("dtype", FLOATS)
def test_csv_as_people_have_it(write, content, arguments, dtype):
    data = load_csv(write(content), **arguments, dtype=dtype)
    assert data.x.dtype == data.y.dtype == dtype
    assert np.array_equal(data.x, np.array(VALUES).astype(dtype))
    assert np.array_equal(data.y, [[0, 1], [1, 0], [0, 1]])
    assert data.class_names == ("a", "b")
    assert len(data.feature_names) == 2


def test_csv_names_the_columns(write):
    by_name = load_csv(write("p,kind,q\n1,a,2\n"), label="kind")
    assert by_name.feature_names == ("p", "q")
    assert load_csv(write("1,a,2\n"), label=1, header=False).feature_names == ("0", "2")


def labelled(write, labels, **arguments):
    text = "v,w\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels))
    data = load_csv(write(text), label="w", dtype=np.float64, **arguments)
    return data.y.tolist(), data.class_names


def test_csv_labels_are_classes_or_targets(write):
    thirds = [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert labelled(write, ["c", "a", "b"]) == ([thirds[1], thirds[0], thirds[2]], ("a", "b", "c"))
    assert labelled(write, [-1, 10, 9], task="classification") == (thirds, ("-1", "9", "10"))
    assert labelled(write, [0.5, 2, -1]) == ([[0.5], [2.0], [-1.0]], ())


def test_csv_task_decides(write):
    assert labelled(write, [7, 9], task="regression") == ([[7.0], [9.0]], ())
    assert labelled(write, [7, 9], task="classification") == ([[1, 0], [0, 1]], ("7", "9"))
    assert labelled(write, [0.5, 2.5], task="classification") == ([[1, 0], [0, 1]], ("0.5", "2.5"))
    assert labelled(write, ["x", 2], task="classification") == ([[0, 1], [1, 0]], ("2", "x"))


@given(
    npst.arrays(
        np.float64,
        st.tuples(st.integers(1, 5), st.integers(1, 4)),
        elements=st.floats(allow_nan=False, allow_infinity=False),
    ),
    st.data(),
)
def test_csv_brings_back_what_was_written(tmp_path_factory, x, data):
    names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=5)
    classes = st.sampled_from(data.draw(st.lists(names.map("class ".__add__), min_size=1)))
    labels = data.draw(st.lists(classes, min_size=len(x), max_size=len(x)))
    position = data.draw(st.integers(0, x.shape[1]))
    text = io.StringIO()
    for row, label in zip(x.tolist(), labels, strict=True):
        csv.writer(text).writerow(row[:position] + [label] + row[position:])
    path = tmp_path_factory.getbasetemp() / "written.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    read = load_csv(path, label=position, header=False, dtype=np.float64)
    assert read.x.tobytes() == x.tobytes()
    assert [read.class_names[k] for k in np.argmax(read.y, axis=1)] == labels
    assert set(read.class_names) == set(labels)


HEAD = "p,q,w\n1,2,0.5\n"
SIZE = "expected a finite float32 number"
HOLE = "(missing='drop' leaves such rows out, missing='mean' puts the column's mean)"


def of_texts(name):
    return f"expected a number (categorical=['{name}'] makes a column for each of its texts)"


BAD_CSV = {
    "missing": (HEAD + "3,,1\n", {}, f", line 3, column 'q': ''; expected a number {HOLE}"),
    "blank": (HEAD + "3,4,1\n , 4,1\n", {}, f", line 4, column 'p': ''; expected a number {HOLE}"),
    "text": (HEAD + "3,four,1\n", {}, f", line 3, column 'q': 'four'; {of_texts('q')}"),
    "comma": (
        HEAD + '"3,5",4,1\n',
        {},
        ", line 3, column 'p': '3,5'; expected a number (decimal=',' reads it)",
    ),
    "NaN": (HEAD + "\n3,nan,1\n", {}, f", line 4, column 'q': 'nan'; expected a number {HOLE}"),
    "infinity": (HEAD + "-inf,4,1\n", {}, f", line 3, column 'p': -inf; {SIZE}"),
    "overflow": (HEAD + "3,1e300,1\n", {}, f", line 3, column 'q': 1e+300; {SIZE}"),
    "no header": ("1,2,0.5\n3,x,1\n", {"label": 2}, f", line 2, column '1': 'x'; {of_texts(1)}"),
    "label before": (
        "1,0.5,2\n3,1,x\n",
        {"label": 1},
        f", line 2, column '2': 'x'; {of_texts(2)}",
    ),
    "short row": (HEAD + "3,4\n", {}, ", line 3: 2 cells; expected 3"),
    "long row": (HEAD + "3,4,1,\n", {}, ", line 3: 4 cells; expected 3"),
    "commas only": (HEAD + ",,\n", {}, f", line 3, column 'p': ''; expected a number {HOLE}"),
    "no label": (
        HEAD + "3,4,\n",
        {},
        ", line 3, column 'w': ''; expected a label (missing='drop' leaves such rows out)",
    ),
    "NaN label": (
        HEAD + "3,4,NaN\n",
        {},
        ", line 3, column 'w': 'NaN'; expected a label (missing='drop' leaves such rows out)",
    ),
    "infinite label": (
        HEAD + "3,4,1e999\n",
        {},
        ", line 3, column 'w': '1e999'; expected a name or a finite number",
    ),
    "mixed labels": (
        HEAD + "3,4,a\n",
        {},
        f", line 3, column 'w': 'a'; {SIZE} (task='classification' takes labels as names)",
    ),
    "text as target": (
        "p,q,w\n1,2,a\n",
        {"task": "regression"},
        f", line 2, column 'w': 'a'; {SIZE} (task='classification' takes labels as names)",
    ),
    "large target": (
        HEAD + "3,4,1e39\n",
        {},
        f", line 3, column 'w': '1e39'; {SIZE} (task='classification' takes labels as names)",
    ),
    "empty": (
        "",
        {},
        ": 0 columns; expected a label and at least one feature, with ',' between them",
    ),
    "blank file": (
        "\n \n",
        {},
        ": 0 columns; expected a label and at least one feature, with ',' between them",
    ),
    "one column": (
        "p;w\n1;2\n",
        {},
        ": 1 columns; expected a label and at least one feature, with ',' between them",
    ),
    "header only": ("p,w\n", {}, ": a header and no rows; expected at least one row"),
    "no such name": (
        "p,q\n1,2\n",
        {},
        ", line 1: 0 columns are called 'w'; expected one of ['p', 'q'], or the position of the "
        "label's column",
    ),
    "name twice": (
        "w,w\n1,2\n",
        {},
        ", line 1: 2 columns are called 'w'; expected one of ['w', 'w'], or the position of the "
        "label's column",
    ),
    "no such position": (HEAD, {"label": 3}, "label = 3; "),
    "negative": (HEAD, {"label": -1}, "label = -1; expected a whole number of at least 0"),
    "bool": (HEAD, {"label": True}, "label = True; expected a whole number of at least 0"),
    "None": (HEAD, {"label": None}, "label = None; expected a whole number of at least 0"),
    "name, no header": (
        HEAD,
        {"header": False},
        "label is a name and header is False; expected the column's position",
    ),
    "header=0": (HEAD, {"header": 0}, "header = 0; expected True, False or None"),
    "half a header": (
        "1,q,0.5\n",
        {"label": 2},
        ", line 1 holds numbers and text, ['1', 'q', '0.5']; expected header=True or header=False, "
        "to say whether it is a header",
    ),
    "missing in the first row": (
        ",2,0.5\n",
        {"label": 2},
        ", line 1 holds numbers and text, ['', '2', '0.5']; expected header=True or header=False, "
        "to say whether it is a header",
    ),
    "index column": (
        ",p,w\n0,1,2\n",
        {},
        ", line 1: column 0 has no name; expected one in each column (a column without a name "
        "often just counts the rows: remove it)",
    ),
    "task": (
        HEAD,
        {"task": "sort"},
        "task = 'sort'; expected 'classification', 'regression' or None",
    ),
    "NUL": (HEAD + "3,\0,1\n", {}, ", line 3: a NUL byte; expected UTF-8 text"),
    "Latin-1": (HEAD.encode() + b"3,4,\xe9\n", {}, ", line 3: byte 0xe9; expected UTF-8 text"),
    "UTF-16": (HEAD.encode("utf-16"), {}, ", line 1: a NUL byte; expected UTF-8 text"),
    "open quote": (HEAD + '3,"4,1\n', {}, ", line 3: unexpected end of data"),
    "long cell": (
        HEAD + f"3,{'4' * 200_000},1\n",
        {},
        ", line 3: field larger than field limit (131072)",
    ),
    "long line": (
        HEAD + "," * 2**20,
        {},
        f", line 3: expected less than {2**20} bytes in a line",
    ),
}


@pytest.mark.parametrize(("content", "arguments", "message"), BAD_CSV.values(), ids=BAD_CSV)
def test_csv_refuses(write, content, arguments, message):
    path = write(content)
    if message == "label = 3; ":
        message += f"{path}, line 1 has the columns 0 to 2"
    with refused_with(message) as caught:
        load_csv(path, **{"label": "w", **arguments})
    assert len(str(caught.value)) < 300 + len(str(path))


def test_csv_with_a_class_a_row_does_not_fill_the_memory(write):
    text = "".join(f"1,{number}\n" for number in range(20_000))
    with refused_with(f"labels: 20000 rows of 20000 classes exceed {2**30} bytes"):
        load_csv(write(text), label=1, header=False, task="classification")
    regression = load_csv(write(text), label=1, header=False, task="regression")
    assert regression.y.shape == (20_000, 1)


CELLS = st.sampled_from(
    [*"abw,,,,;\"'\n\n\n\r\t .0123456789", "nan", "1e999", "-1", "0.5", "\0", "é", "\ufeff", "_"]
)


@given(
    st.binary(max_size=60) | st.lists(CELLS, max_size=60).map(lambda c: "".join(c).encode()),
    st.sampled_from(["a", "w", 0, 1]),
)
@example(b"a,b\n1,2\n", "a")
def test_csv_is_read_or_refused(tmp_path_factory, content, label):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    try:
        data, message = load_csv(path, label=label), None
    except ValueError as error:
        data, message = None, str(error)
    if data is None:
        assert message.startswith((str(path), "label"))
    else:
        assert np.isfinite(data.x).all()
        assert np.isfinite(data.y).all()
        assert data.x.shape == (len(data.y), len(data.feature_names))
        assert data.y.shape[1] == (len(data.class_names) or 1)
