"""Datasets: the known facts, the rules for data, and what files of others may hold.

Numbers are compared exactly; where a result is rounded, with the bound of its roundings.
"""

import csv
import io
import itertools
import math
import os
import re
import tracemalloc
import zipfile
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.datasets import load_iris

from refnn import datasets, npz
from refnn.datasets import (
    batches,
    dots,
    iris,
    load_csv,
    load_npz,
    one_hot,
    standardize,
    yoghurt,
)

DTYPES = [np.float32, np.float64]


def refused(message, error=ValueError):
    """Expect an error whose whole text is the message, but for a path in front."""
    return pytest.raises(error, match=f"^(/[^,:]*)?{re.escape(message)}$")


# ---- three sets -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_iris_is_that_of_scikit_learn(dtype):
    ours, theirs = iris(dtype), load_iris()
    assert ours.x.dtype == ours.y.dtype == dtype
    assert np.array_equal(ours.x, theirs.data.astype(dtype))
    assert ours.y.shape == (150, 3)
    assert np.array_equal(np.flatnonzero(ours.y), 3 * np.arange(150) + theirs.target)
    assert ours.y.sum() == 150
    assert ours.feature_names == tuple(theirs.feature_names)
    assert ours.class_names == tuple(theirs.target_names)


@pytest.mark.parametrize("dtype", DTYPES)
def test_yoghurt_follows_the_loop_of_the_tutorial(dtype):
    rdm = np.random.RandomState(seed=23455)
    x = rdm.rand(32, 2)
    y_ = [[x1 + x2 + (rdm.rand() / 10.0 - 0.05)] for (x1, x2) in x]
    ours = yoghurt(dtype)
    assert ours.x.dtype == ours.y.dtype == dtype
    assert np.array_equal(ours.x, x.astype(dtype))
    assert np.array_equal(ours.y, np.array(y_).astype(dtype))
    assert ours.class_names == ()


def test_yoghurt_has_its_first_rows_and_its_noise():
    ours = yoghurt(np.float64)
    assert [f"{value:.6f}" for value in ours.x[:2].ravel()] == [
        "0.834943",
        "0.114830",
        "0.668998",
        "0.465950",
    ]
    noise = ours.y - ours.x.sum(axis=1, keepdims=True)
    assert (noise >= -0.05).all()
    assert (noise < 0.05).all()
    assert noise.min() < -0.04
    assert noise.max() > 0.04


@pytest.mark.parametrize("dtype", DTYPES)
def test_dots_are_those_of_the_tutorial(dtype):
    rdm = np.random.RandomState(2)
    drawn = rdm.randn(300, 2)
    ours = dots(dtype)
    assert ours.x.dtype == ours.y.dtype == dtype
    assert ours.y.shape == (300, 1)
    assert ours.y.sum() == 188
    assert np.array_equal(ours.y[:, 0], [int(x0 * x0 + x1 * x1 < 2) for x0, x1 in drawn])
    written = [[float(f"{value:.9f}") for value in row] for row in drawn]
    assert np.array_equal(ours.x, np.array(written).astype(dtype))


@pytest.mark.parametrize("name", ["iris", "yoghurt", "dots"])
def test_no_global_seed_is_touched_and_other_dtypes_are_refused(name):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    dataset = getattr(datasets, name)
    assert len(dataset().feature_names) == dataset().x.shape[1]
    assert dataset().x.dtype == np.float32
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    with refused("dtype = <class 'int'>; expected np.float32 or np.float64", TypeError):
        dataset(int)


# ---- standardize ------------------------------------------------------------------------------


@st.composite
def tables(draw, dtypes=(np.float32, np.float64)):
    """Tables of eighths around an offset for each column, no column constant."""
    rows, columns = draw(st.integers(2, 30)), draw(st.integers(1, 4))
    eighths = draw(npst.arrays(np.int64, (rows, columns), elements=st.integers(-80, 80)))
    eighths[0] = eighths[1] + 1
    offsets = draw(npst.arrays(np.int64, columns, elements=st.sampled_from([0, 1, -100, 5000])))
    return (eighths / 8 + offsets).astype(draw(st.sampled_from(dtypes)))


@given(
    st.integers(1, 20),
    st.lists(
        st.tuples(st.integers(-1000, 1000), st.integers(1, 1000), st.integers(-20, 20)),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(DTYPES),
)
def test_standardize_is_exact_where_mean_and_deviation_are(pairs, columns, dtype):
    """Half the rows at c − d, half at c + d, scaled by 2ᵏ: mean c, population deviation d."""
    center, width, k = np.array(columns).T
    signs = np.where(np.arange(2 * pairs) % 2, 1.0, -1.0)[:, None]
    x = ((center + signs * width) * 2.0**k).astype(dtype)
    result = standardize(x)
    assert result.x.dtype == dtype
    assert np.array_equal(result.x, np.broadcast_to(signs, x.shape))
    assert np.array_equal(result.mean, center * 2.0**k)
    assert np.array_equal(result.deviation, width * 2.0**k)


@given(tables())
def test_standardize_gives_mean_0_and_deviation_1_up_to_its_roundings(x):
    """Judge in rational numbers.

    With u = 2⁻⁵³, m̂ = m + e, |e| ≤ γ_N mean|x|: z = (x − m̂)/d̂ · (1 + θ₂), and one rounding to
    x's dtype. So |mean z| ≤ e/d̂ + (γ₂ + u_x) mean|z|; and in mean z² − 1 the roundings of the sum
    and of each term count twice, as do those of z, next to (e/d̂)² from each of the two means.
    """
    result = standardize(x)
    u, u_x = Fraction(1, 2**53), Fraction(float(np.finfo(x.dtype).eps)) / 2
    n = len(x)
    gamma = (2 * n + 20) * u / (1 - (2 * n + 20) * u)
    for column in range(x.shape[1]):
        z = [Fraction(float(value)) for value in result.x[:, column]]
        sizes = [abs(Fraction(float(value))) for value in x[:, column]]
        e = gamma * sum(sizes) / n / Fraction(float(result.deviation[column]))
        assert abs(sum(z) / n) <= e + (gamma + 2 * u_x) * sum(map(abs, z)) / n
        squares = sum(value * value for value in z) / n
        assert abs(squares - 1) <= 4 * e * e + (gamma + 2 * u_x + u_x * u_x) * (1 + squares)


@given(tables(), st.integers(-30, 30))
def test_standardize_does_not_see_a_power_of_two(x, k):
    assert np.array_equal(standardize(x * x.dtype.type(2.0**k)).x, standardize(x).x)


@given(tables(), st.data())
def test_held_out_rows_take_the_statistics_of_the_training_rows(x, data):
    before = x.copy()
    train = standardize(x)
    rows = data.draw(st.lists(st.integers(0, len(x) - 1), min_size=1, max_size=5))
    held_out = standardize(x[rows], train.mean, train.deviation)
    assert np.array_equal(held_out.x, train.x[rows])
    assert held_out.mean is train.mean
    assert held_out.deviation is train.deviation
    assert np.array_equal(x, before)


@given(st.sampled_from([0.1, 1 / 3, 1e-30, 5.3e7]), st.integers(1, 200), st.sampled_from(DTYPES))
def test_a_constant_column_is_refused_even_where_its_mean_is_rounded(value, rows, dtype):
    x = np.stack([np.arange(rows), np.full(rows, value)], axis=1).astype(dtype)
    x[:, 0] += x[:, 0] == 0
    column = 0 if rows <= 2 else 1  # 1 and 1: the first column is constant, too
    name = ["width", "length"][column]
    with refused(
        f"x: column {column} ({name}) has deviation 0.0; expected one above 0: a constant column "
        "tells nothing and cannot be standardized, leave it out"
    ):
        standardize(x, feature_names=["width", "length"])


GOOD = np.array([[1.0, 2.0], [3.0, 5.0]])
BAD_TABLES = [
    (([[1.0]],), TypeError, "x is a list; expected a NumPy array"),
    ((GOOD[0],), ValueError, "x has shape (2,); expected (any, any)"),
    (
        (GOOD.astype(int),),
        TypeError,
        "x has dtype int64; expected float32 or float64: convert it with x.astype(np.float32)",
    ),
    (
        (np.array([[1.0, 2.0], [3.0, np.nan]]),),
        ValueError,
        "x holds nan at [1, 1]; expected finite numbers (1 of 4 are not)",
    ),
    (
        (np.array([[1.0, 2.0], [-np.inf, 2.0]]),),
        ValueError,
        "x holds -inf at [1, 0]; expected finite numbers (1 of 4 are not)",
    ),
    ((GOOD[:0],), ValueError, "x has shape (0, 2); expected at least one row and one column"),
    ((GOOD[:, :0],), ValueError, "x has shape (2, 0); expected at least one row and one column"),
    (
        (GOOD, np.zeros(2)),
        ValueError,
        "standardize takes both mean and deviation, or neither; one came",
    ),
    (
        (GOOD, None, np.ones(2)),
        ValueError,
        "standardize takes both mean and deviation, or neither; one came",
    ),
    ((GOOD, np.zeros(3), np.ones(2)), ValueError, "mean has shape (3,); expected (2)"),
    ((GOOD, np.zeros(2), np.ones(1)), ValueError, "deviation has shape (1,); expected (2)"),
    (
        (GOOD, np.array([0.0, np.nan]), np.ones(2)),
        ValueError,
        "mean holds nan at [1]; expected finite numbers (1 of 2 are not)",
    ),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD_TABLES, ids=lambda v: str(v)[:40])
def test_standardize_refuses(arguments, error, message):
    with refused(message, error):
        standardize(*arguments)


@pytest.mark.parametrize("deviation", [0.0, -1.0, math.nan, math.inf])
def test_standardize_refuses_a_deviation_that_is_not_positive(deviation):
    with pytest.raises(ValueError, match=rf"^x: column 1 has deviation {deviation}; expected"):
        standardize(GOOD, np.zeros(2), np.array([1.0, deviation]))


# ---- one_hot ----------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=30),
    st.sampled_from([None, 10, 13]),
    st.sampled_from(DTYPES),
    st.sampled_from([list, tuple, np.array, lambda labels: np.array(labels, np.uint8)]),
)
def test_one_hot_has_a_one_where_the_label_says_and_zeros_elsewhere(labels, classes, dtype, kind):
    y = one_hot(kind(labels), classes, dtype)
    assert y.dtype == dtype
    assert y.shape == (len(labels), max(labels) + 1 if classes is None else classes)
    for row, label in zip(y, labels, strict=True):
        assert [k for k, value in enumerate(row) if value != 0] == [label]
        assert row[label] == 1


BAD_LABELS = [
    ([0, 1, -1], None, "labels: row 2 is -1; expected a whole number 0, 1, 2, …"),
    ([0, 3, 1], 3, "labels: row 1 is 3; expected a whole number 0 to 2"),
    ([0, 1.0], 3, "labels: row 1 is 1.0; expected a whole number 0 to 2"),
    ([0, 2.5], None, "labels: row 1 is 2.5; expected a whole number 0, 1, 2, …"),
    ([0, 1, "2"], None, "labels: row 2 is '2'; expected a whole number 0, 1, 2, …"),
    ([True, 0], None, "labels: row 0 is True; expected a whole number 0, 1, 2, …"),
    ([0, None], None, "labels: row 1 is None; expected a whole number 0, 1, 2, …"),
    (
        np.array([0.0, 1.0]),
        None,
        "labels: row 0 is np.float64(0.0); expected a whole number 0, 1, 2, …",
    ),
    (
        np.array([False]),
        None,
        "labels: row 0 is np.False_; expected a whole number 0, 1, 2, …",
    ),
    (np.array([[1]]), None, "labels: row 0 is array([1]); expected a whole number 0, 1, 2, …"),
    ([], None, "labels is empty; expected at least one label"),
    ([], 3, "labels is empty; expected at least one label"),
    ([0], 0, "classes = 0; expected a whole number of at least 1"),
    ([0], True, "classes = True; expected a whole number of at least 1"),
    ([0], 2.0, "classes = 2.0; expected a whole number of at least 1"),
    ([0, 10**12], None, f"labels: 2 rows of {10**12 + 1} classes exceed {2**30} bytes"),
]


@pytest.mark.parametrize(("labels", "classes", "message"), BAD_LABELS, ids=lambda v: str(v)[:40])
def test_one_hot_refuses(labels, classes, message):
    with refused(message):
        one_hot(labels, classes)


# ---- batches ----------------------------------------------------------------------------------


@given(st.integers(1, 60), st.integers(1, 80), st.none() | st.integers(0, 100))
def test_batches_hold_every_row_once(n, batch_size, seed):
    rng = None if seed is None else np.random.default_rng(seed)
    parts = list(batches(n, batch_size, rng))
    rows = np.concatenate(parts)
    assert sorted(rows) == list(range(n))
    assert rng is not None or list(rows) == list(range(n))
    assert {len(part) for part in parts[:-1]} <= {batch_size}
    assert 1 <= len(parts[-1]) <= batch_size


def test_batches_are_shuffled_anew_by_the_generator_alone():
    rng = np.random.default_rng(3)
    epochs = [np.concatenate(list(batches(100, 32, rng))).tolist() for _ in range(20)]
    again = np.concatenate(list(batches(100, 32, np.random.default_rng(3)))).tolist()
    assert epochs[0] == again
    assert len({tuple(epoch) for epoch in [*epochs, range(100)]}) == 21


@pytest.mark.parametrize("value", [0, -1, True, 2.0, "3", None])
@pytest.mark.parametrize("name", ["n", "batch_size"])
def test_batches_refuses_at_the_call(name, value):
    with refused(f"{name} = {value!r}; expected a whole number of at least 1"):
        batches(**{"n": 10, "batch_size": 5, name: value})


def test_batches_takes_no_seed_for_a_generator():
    message = "rng = 3; expected numpy.random.default_rng(seed), or None"
    with refused(message, TypeError):
        batches(10, 5, 3)


# ---- load_csv ---------------------------------------------------------------------------------


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
@pytest.mark.parametrize("dtype", DTYPES)
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
    assert load_csv(write("1,a,2\n"), label=1).feature_names == ("0", "2")


def labelled(write, labels, **arguments):
    text = "v,w\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels))
    data = load_csv(write(text), label="w", dtype=np.float64, **arguments)
    return data.y.tolist(), data.class_names


def test_csv_labels_are_classes_or_targets(write):
    thirds = [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert labelled(write, ["c", "a", "b"]) == ([thirds[1], thirds[0], thirds[2]], ("a", "b", "c"))
    assert labelled(write, [-1, 10, 9]) == (thirds, ("-1", "9", "10"))
    assert labelled(write, ["1", "1.0", "2e0"]) == ([[1, 0], [1, 0], [0, 1]], ("1", "2"))
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
    read = load_csv(path, label=position, dtype=np.float64)
    assert read.x.tobytes() == x.tobytes()
    assert [read.class_names[k] for k in np.argmax(read.y, axis=1)] == labels
    assert set(read.class_names) == set(labels)


HEAD = "p,q,w\n1,2,0.5\n"
SIZE = "expected a finite float32 number"
BAD_CSV = {
    "missing": (HEAD + "3,,1\n", {}, ", line 3, column 'q': ''; expected a number"),
    "blank": (HEAD + "3,4,1\n , 4,1\n", {}, ", line 4, column 'p': ''; expected a number"),
    "text": (HEAD + "3,four,1\n", {}, ", line 3, column 'q': 'four'; expected a number"),
    "comma": (HEAD + '"3,5",4,1\n', {}, ", line 3, column 'p': '3,5'; expected a number"),
    "NaN": (HEAD + "\n3,nan,1\n", {}, f", line 4, column 'q': nan; {SIZE}"),
    "infinity": (HEAD + "-inf,4,1\n", {}, f", line 3, column 'p': -inf; {SIZE}"),
    "overflow": (HEAD + "3,1e300,1\n", {}, f", line 3, column 'q': 1e+300; {SIZE}"),
    "no header": ("1,2,0.5\n3,x,1\n", {"label": 2}, ", line 2, column '1': 'x'; expected a number"),
    "label before": (
        "1,0.5,2\n3,1,x\n",
        {"label": 1},
        ", line 2, column '2': 'x'; expected a number",
    ),
    "short row": (HEAD + "3,4\n", {}, ", line 3: 2 cells; expected 3"),
    "long row": (HEAD + "3,4,1,\n", {}, ", line 3: 4 cells; expected 3"),
    "commas only": (HEAD + ",,\n", {}, ", line 3, column 'p': ''; expected a number"),
    "no label": (
        HEAD + "3,4,\n",
        {},
        ", line 3, column 'w': ''; expected a name or a finite number",
    ),
    "NaN label": (
        HEAD + "3,4,NaN\n",
        {},
        ", line 3, column 'w': 'NaN'; expected a name or a finite number",
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
        HEAD + "," * 2**24,
        {},
        f", line 3: expected less than {2**24} bytes in a line",
    ),
}


@pytest.mark.parametrize(("content", "arguments", "message"), BAD_CSV.values(), ids=BAD_CSV)
def test_csv_refuses(write, content, arguments, message):
    path = write(content)
    if message == "label = 3; ":
        message += f"{path}, line 1 has the columns 0 to 2"
    with refused(message) as caught:
        load_csv(path, **{"label": "w", **arguments})
    assert len(str(caught.value)) < 300 + len(str(path))


def test_csv_with_a_class_a_row_does_not_fill_the_memory(write):
    text = "".join(f"1,{number}\n" for number in range(20_000))
    with refused(f"labels: 20000 rows of 20000 classes exceed {2**30} bytes"):
        load_csv(write(text), label=1)
    assert load_csv(write(text), label=1, task="regression").y.shape == (20_000, 1)


READERS = {"csv": lambda path: load_csv(path, label=0), "npz": load_npz}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_no_regular_file_of_bearable_size_is_refused(read, tmp_path):
    with refused(": no such file", FileNotFoundError):
        read(tmp_path / "missing")
    with refused(" is no regular file"):
        read(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with refused(" is no regular file"):
            read(tmp_path / "pipe")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**30 + 1)  # sparse: takes no space
    tracemalloc.start()
    with refused(f" has {2**30 + 1} bytes; expected at most {2**30}"):
        read(tmp_path / "huge")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


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


# ---- load_npz ---------------------------------------------------------------------------------

X, Y = np.arange(6.0).reshape(3, 2), np.eye(3)


def npy(array, **header):
    """Return the bytes of an .npy file, with some entries of its header replaced."""
    file = io.BytesIO()
    described = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(file, described | header)
    return file.getvalue() + array.tobytes()


@pytest.fixture
def pack(tmp_path):
    """Write members into an NPZ file, and return its path."""

    def pack(compression=zipfile.ZIP_STORED, **members):
        path = tmp_path / "data.npz"
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in members.items():
                archive.writestr(f"{name}.npy", content)
        return path

    return pack


@pytest.mark.parametrize("stored", [bool, np.uint8, np.int64, np.float16, ">f4", np.float64])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", DTYPES)
def test_npz_brings_back_what_was_saved(tmp_path, stored, save, dtype):
    save(
        tmp_path / "data.npz", x=np.asfortranarray(X.astype(stored)), y=Y.astype(stored), z="other"
    )
    data = load_npz(tmp_path / "data.npz", dtype)
    assert data.x.dtype == data.y.dtype == dtype
    assert np.array_equal(data.x, X.astype(stored))
    assert np.array_equal(data.y, Y)
    assert data.feature_names == ("0", "1")
    assert data.class_names == ()


def test_npz_takes_the_second_version_of_the_format(pack):
    file = io.BytesIO()
    np.lib.format.write_array(file, X, version=(2, 0))
    assert np.array_equal(load_npz(pack(x=file.getvalue(), y=npy(Y)), np.float64).x, X)


class Trap:
    """An object that, unpickled, would fail the test."""

    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def objects():
    file = io.BytesIO()
    np.lib.format.write_array(file, np.array([[Trap()]], dtype=object), allow_pickle=True)
    return file.getvalue()


WRONG = np.array([[0.0, 1.0], [2.0, np.nan], [4.0, 5.0]])
BAD_NPZ = {
    "no x": ({"y": npy(Y)}, ": x is missing; expected np.savez(path, x=x, y=y)"),
    "no y": ({"x": npy(X)}, ": y is missing; expected np.savez(path, x=x, y=y)"),
    "objects": ({"x": objects(), "y": npy(Y)}, ": x has dtype object; expected numbers"),
    "complex": ({"x": npy(X * 1j), "y": npy(Y)}, ": x has dtype complex128; expected numbers"),
    "text": ({"x": npy(X), "y": npy(Y.astype("U3"))}, ": y has dtype <U3; expected numbers"),
    "labels": ({"x": npy(X), "y": npy(np.arange(3))}, ": y has shape (3,); expected (N, K)"),
    "images": ({"x": npy(X[None]), "y": npy(Y)}, ": x has shape (1, 3, 2); expected (N, D)"),
    "no rows": ({"x": npy(X[:0]), "y": npy(Y[:0])}, ": x has shape (0, 2); expected (N, D)"),
    "rows": ({"x": npy(X), "y": npy(Y[:2])}, ": x has 3 rows and y 2; expected as many"),
    "NaN": (
        {"x": npy(WRONG), "y": npy(Y)},
        ": x as float32 holds nan at [1, 1]; expected finite numbers (1 of 6 are not)",
    ),
    "overflow": (
        {"x": npy(X), "y": npy(Y * 1e300)},
        ": y as float32 holds inf at [0, 0]; expected finite numbers (3 of 9 are not)",
    ),
    "absurd shape": (
        {"x": npy(X, shape=(2**40, 2**40)), "y": npy(Y)},
        f": x claims shape ({2**40}, {2**40}) of float64, but holds 48 bytes",
    ),
    "negative shape": (
        {"x": npy(X, shape=(-3, -2)), "y": npy(Y)},
        ": x has shape (-3, -2); expected (N, D)",
    ),
    "cut short": (
        {"x": npy(X)[:-1], "y": npy(Y)},
        ": x claims shape (3, 2) of float64, but holds 47 bytes",
    ),
    "more": (
        {"x": npy(X) + b"x", "y": npy(Y)},
        ": x claims shape (3, 2) of float64, but holds 49 bytes",
    ),
    "no header": (
        {"x": b"", "y": npy(Y)},
        ": x cannot be read (EOF: reading magic string, expected 8 bytes got 0); expected an array",
    ),
}


@pytest.mark.parametrize(("members", "message"), BAD_NPZ.values(), ids=BAD_NPZ)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_npz_refuses(pack, members, message, compression):
    with refused(message):
        load_npz(pack(compression, **members))


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n", npy(X)])
def test_npz_refuses_another_kind_of_file(write, content):
    with refused(" cannot be read (File is not a zip file); expected an NPZ file"):
        load_npz(write(content, "data.npz"))


def test_npz_bombs_are_refused_before_memory_is_taken(pack, monkeypatch):
    limit = 2**16
    monkeypatch.setattr(npz, "LIMIT", limit)
    zeros = np.zeros((2**11, 2**11), np.uint8)
    bombs = {
        "small when packed": npy(zeros),
        "a header of four megabytes": b"\x93NUMPY\x02\x00\x00\x00\x40\x00" + bytes(2**22),
        "small until cast": npy(zeros[: 2**5, : limit // 2**5 - 8]),
    }
    for name, content in bombs.items():
        path = pack(zipfile.ZIP_DEFLATED, x=content, y=npy(Y))
        tracemalloc.start()
        with pytest.raises(ValueError, match=rf": x has .*; expected at most {limit}"):
            load_npz(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**20, name


def test_npz_with_any_byte_changed_is_read_or_refused(pack):
    path = pack(zipfile.ZIP_DEFLATED, x=npy(X), y=npy(Y))
    sound, read, messages = path.read_bytes(), [], []
    for place, change in itertools.product(range(len(sound)), [1, 128]):
        damaged = bytearray(sound)
        damaged[place] ^= change
        path.write_bytes(damaged)
        try:
            read.append(load_npz(path, np.float64))
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) > len(read) > 0  # what may change is a date, say
    assert all(message.startswith(str(path)) for message in messages)
    assert all(np.array_equal(data.x, X) and np.array_equal(data.y, Y) for data in read)
