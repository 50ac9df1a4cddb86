"""CSV files: nothing is read as another number, no class is lost, and what is unclear is asked."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnn.datasets import load_csv
from tests.helpers import refused, refused_with


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "data.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


# Numbers -----------------------------------------------------------------------------------------

NO_NUMBERS = [
    "1_000",
    "٣",
    "１",
    "1e٣",
    "0x10",
    "1,5",
    "1.5.2",
    "e5",
    ".",
    "+",
    "--1",
    "1 000",
    "1e",
]
NUMBERS = [
    "0",
    "-0",
    "+1",
    "1.",
    ".5",
    "1e3",
    "1E-3",
    "-1.5e+07",
    "007",
    " 2 ",
    "9" * 400 + "e-400",
]


@pytest.mark.parametrize("cell", NO_NUMBERS)
def test_only_plain_decimal_numbers_are_numbers(write, cell):
    text = f'p,w\n1,0.5\n"{cell}",0.5\n'
    with refused(f", line 3, column 'p': '{cell}'; expected a number"):
        load_csv(write(text), label="w")
    with refused(f", line 3, column 'w': '{cell}'; expected a finite float32 number"):
        load_csv(write(f'p,w\n1,0.5\n1,"{cell}"\n'), label="w")


def test_plain_decimal_numbers_are_numbers(write):
    text = "p,w\n" + "".join(f"{cell},0.5\n" for cell in NUMBERS)
    assert load_csv(write(text), label="w", dtype=np.float64).x[:, 0].tolist() == [
        float(cell) for cell in NUMBERS
    ]


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.sampled_from("fge"))
def test_a_decimal_comma_is_read_by_request(tmp_path_factory, value, form):
    path = tmp_path_factory.getbasetemp() / "comma.csv"
    path.write_text(f"p;w\n{value:.9{form}};-0,5\n1;2,25\n".replace(".", ","), encoding="utf-8")
    options = {"label": "w", "delimiter": ";", "decimal": ","}
    data = load_csv(path, **options, dtype=np.float64)
    assert data.x[0, 0] == float(f"{value:.9{form}}")
    assert data.y.tolist() == [[-0.5], [2.25]]


def test_a_comma_that_is_none_is_refused(write):
    path = write("p;w\n1,5;0.5\n")
    with refused("'1,5'; expected a number (decimal=',' reads it)"):
        load_csv(path, label="w", delimiter=";")
    comma = {"label": "w", "decimal": ","}
    with refused("column 'w': '0.5'; expected decimal='.' if this is a number"):
        load_csv(write("p;w\n1,5;0.5\n"), delimiter=";", **comma)
    with refused("column 'w': '0,5'; expected decimal=',' if this is a number"):
        load_csv(write("p;w\n1;0,5\n2;1,5\n"), label="w", delimiter=";")
    with refused("'1.234,5'; expected a number"):
        load_csv(write("p;w\n1.234,5;0,5\n"), delimiter=";", **comma)
    with refused("decimal and delimiter are both ','; expected two characters"):
        load_csv(path, **comma)
    with refused("decimal = '٫'; expected '.' or ','"):
        load_csv(path, **comma | {"decimal": "٫"})
    with refused("delimiter = 'ab'; expected one character"):
        load_csv(path, label="w", delimiter="ab")


# Classes -----------------------------------------------------------------------------------------


def labelled(write, labels, **arguments):
    text = "v,w\n" + "".join(f'{i},"{label}"\n' for i, label in enumerate(labels))
    return load_csv(write(text), label="w", **arguments)


def test_distinct_labels_stay_distinct(write):
    wide = [str(2**53), str(2**53 + 1), str(2**64), str(2**64 + 1), "-3"]
    data = labelled(write, wide, task="classification")
    assert data.class_names == ("-3", *wide[:4])
    assert np.array_equal(data.y, np.eye(5)[[1, 2, 3, 4, 0]])
    texts = ["a", "A", "ä", "a\u0308", "1_0", "٣", "None", "10"]  # noqa: RUF001
    data = labelled(write, texts, task="classification")
    assert data.class_names == tuple(sorted(texts))
    assert sorted(np.argmax(data.y, axis=1)) == [*range(8)]


@pytest.mark.parametrize(
    ("one", "other"), [("007", "7"), ("1", "1.0"), ("2e0", "2"), ("0", "-0"), ("+1", "1")]
)
def test_one_number_in_two_spellings_is_refused(write, one, other):
    with refused(f"{min(one, other)!r}", f"{max(one, other)!r}", "are one number"):
        labelled(write, [one, "3", other], task="classification")


def test_whole_numbers_are_classes_or_quantities_as_the_caller_says(write):
    prices = [250, 310, 250, 199, 420, 275, 260, 245]
    message = (
        ", line 2, column 'w': whole numbers, such as '250'; expected task='regression' if they "
        "are quantities, task='classification' if they are classes"
    )
    with refused_with(message):
        labelled(write, prices)
    assert labelled(write, prices, task="regression").y.ravel().tolist() == prices
    assert len(labelled(write, prices, task="classification").class_names) == 7
    assert labelled(write, ["no", "yes"]).class_names == ("no", "yes")  # in no doubt
    assert labelled(write, [0.5, 2]).class_names == ()


# Headers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["0,1,2", "2019,2020,2021", "1.5,2.5,species", "5.1,3.5,setosa"])
def test_a_first_row_of_numbers_is_asked_about(write, first):
    path = write(f"{first}\n1,2,a\n3,4,b\n")
    with refused(", line 1: numbers, and ", "header=True", "header=False"):
        load_csv(path, label=2)
    assert len(load_csv(path, label=2, header=True, task="classification").x) == 2
    assert len(load_csv(path, label=2, header=False, task="classification").x) == 3
    known = load_csv(write("1,2,b\n1,2,a\n3,4,b\n"), label=2)  # b is a class, and no name
    assert len(known.x) == 3


def test_names_that_come_twice_are_refused(write):
    with refused_with(", line 1: 2 columns are called 'p'; expected a name of its own for each"):
        load_csv(write("p,q,p,w\n1,2,3,a\n"), label="w")
    with refused(": 2 columns are called 'p=a'"):
        load_csv(write("p,p=a,w\na,1,a\n"), label="w", categorical=["p"])


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\n\r"])
def test_every_kind_of_line_end_is_one(write, end):
    rows = [f"{i},{i / 7},k{i % 3}" for i in range(30_000)]  # longer than what is read at once
    data = load_csv(write(end.join(["p,q,w", *rows])), label="w", dtype=np.float64)
    assert data.x[:, 1].tolist() == [i / 7 for i in range(30_000)]
    line = 11 if end == "\n\r" else 6  # there every other line is blank
    with refused(f", line {line}, column 'q': 'x'"):
        load_csv(write(end.join(["p,q,w", *rows[:4], "1,x,a", *rows])), label="w")


# Missing values ----------------------------------------------------------------------------------

HOLES = "p,q,w\n1,10,a\nNA,20,b\n3,,a\n4,40,NA\n6,60,b\n"


@pytest.mark.parametrize("mark", ["", "NA", "na", "N/A", "n/a", "NaN", "nan", "null", "NULL", "?"])
def test_missing_values_are_refused_unless_something_is_said(write, mark):
    hint = "(missing='drop' leaves such rows out, missing='mean' puts the column's mean)"
    with refused_with(f", line 2, column 'p': {mark!r}; expected a number {hint}"):
        load_csv(write(f"p,w\n{mark},a\n"), label="w")
    with refused_with(
        f", line 2, column 'w': {mark!r}; expected a label (missing='drop' leaves such rows out)"
    ):
        load_csv(write(f"p,w\n1,{mark}\n2,b\n"), label="w")
    with refused(", line 2, column 'w'", "expected a label"):
        load_csv(write(f"p,w\n1,{mark}\n2,b\n"), label="w", missing="mean")


def test_rows_with_holes_are_left_out(write):
    data = load_csv(write(HOLES), label="w", missing="drop")
    assert data.x.tolist() == [[1, 10], [6, 60]]
    assert data.y.tolist() == [[1, 0], [0, 1]]
    with refused(": no row without a missing value"):
        load_csv(write("p,w\nNA,a\n1,\n"), label="w", missing="drop")


def test_holes_take_the_mean_of_their_column(write):
    data = load_csv(write(HOLES.replace("40,NA", "40,c")), label="w", missing="mean")
    assert data.x.tolist() == [[1, 10], [3.5, 20], [3, 32.5], [4, 40], [6, 60]]
    with refused(", column 'p': every value is missing"):
        load_csv(write("p,q,w\nNA,1,a\n,2,b\n"), label="w", missing="mean")
    with refused_with("missing = 'zero'; expected 'refuse', 'drop' or 'mean'"):
        load_csv(write(HOLES), label="w", missing="zero")


# Text features -----------------------------------------------------------------------------------

CITIES = "city,p,zip,w\nRom,1,01,0.5\nBonn,2,02,1.5\nRom,3,01,2.5\n"


@pytest.mark.parametrize("chosen", [["city", "zip"], (0, 2), ["zip", 0]])
def test_text_features_become_a_column_for_each_text(write, chosen):
    data = load_csv(write(CITIES), label="w", categorical=chosen)
    assert data.feature_names == ("city=Bonn", "city=Rom", "p", "zip=01", "zip=02")
    assert data.x.tolist() == [[0, 1, 1, 1, 0], [1, 0, 2, 0, 1], [0, 1, 3, 1, 0]]
    assert data.y.ravel().tolist() == [0.5, 1.5, 2.5]


def test_a_text_feature_with_holes(write):
    path = write(CITIES + "?,4,02,3.5\n")
    chosen = {"label": "w", "categorical": ["city", "zip"]}
    with refused(", line 5, column 'city': '?'; expected a text (missing='drop'"):
        load_csv(path, **chosen)
    assert len(load_csv(path, **chosen, missing="drop").x) == 3
    x = load_csv(path, **chosen, missing="mean", dtype=np.float64).x
    assert x[3].tolist() == [1 / 3, 2 / 3, 4, 0, 1]


def test_a_text_that_nobody_announced_is_refused(write):
    with refused_with(
        ", line 2, column 'city': 'Rom'; expected a number (categorical=['city'] makes a column "
        "for each of its texts)"
    ):
        load_csv(write(CITIES), label="w")


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["town"], "categorical names 'town'; "),
        (["w"], "categorical names the label's column, 'w'"),
        (["city", 0], "categorical names column 'city' twice"),
        ([4], "categorical names 4; "),
        ([-1], "categorical names -1; "),
        ([True], "categorical names True; "),
        ("city", "categorical = 'city'; expected a sequence of columns"),
        (3, "categorical = 3; expected a sequence of columns"),
    ],
)
def test_categorical_names_columns(write, chosen, message):
    with refused(message, error=TypeError if "sequence" in message else ValueError):
        load_csv(write(CITIES), label="w", categorical=chosen)


def test_a_table_of_texts_alone_may_have_no_header(write):
    path = write("a,b,0.5\nc,d,1.5\n")
    with refused(", line 1 ", "header=True", "header=False"):
        load_csv(path, label=2, categorical=[0, 1])
    data = load_csv(path, label=2, categorical=[0, 1], header=False)
    assert data.feature_names == ("0=a", "0=c", "1=b", "1=d")


# Hostile files -----------------------------------------------------------------------------------

HOSTILE = {
    "300 MB of blank lines": lambda: b"\n" * 3 * 10**8,
    "30 MB of blank lines with Windows ends": lambda: b"\r\n" * 15 * 10**6,
    "blanks": lambda: b" \n" * 15 * 10**6,
    "blank lines behind a row": lambda: b"p,w\n1,a\n" + b"\n" * 10**7,
    "one line of commas": lambda: b"," * 10**7,
    "one line of carriage returns": lambda: b"p,w\r1,a" + b"\r" * 10**7,
    "a wide header": lambda: b"," * (2**21 - 2) + b"\n1,2",
    "a wide header of one name": lambda: b"a," * (2**20 - 2) + b"w\n1,2",
    "an open quote": lambda: b'p,w\n1,"' + b"\n" * 10**7,
    "quotes": lambda: b'"' * 10**7,
    "a wide row": lambda: b"p,w\n" + b"1," * (2**20 - 2) + b"1\n",
    "a text feature with a class a row": lambda: (
        b"p,w\n" + b"".join(b"%d,a\n" % i for i in range(30_000))
    ),
    "a number of 100,000 digits": lambda: b"p,w\n" + b"9" * 100_000 + b",a\n",
    "an exponent of 100,000 digits": lambda: b"p,w\n1e" + b"9" * 100_000 + b",a\n",
    "labels with huge exponents": lambda: b"p,w\n1,1e-99999999999999999999\n2,1e99999999999999\n",
    "nothing but NUL": lambda: bytes(10**7),
    "an archive": lambda: b"PK\3\4" + bytes(100),
    "broken UTF-8": lambda: b"p,w\n1,\xed\xa0\x80\n",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_table_is_refused_cheaply(write, content):
    text = content()
    path, label = write(text), "w" if b"w" in text[:8] else 0
    chosen = [0] if text[:5] == b"p,w\n0" else []
    del text
    tracemalloc.start()
    start = time.process_time()
    with refused() as caught:
        load_csv(path, label=label, categorical=chosen)
    seconds, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(str(caught.value)) < 400 + len(str(path))
    assert seconds < 10  # of the processor; tracemalloc slows it down threefold, a busy core twice
    assert peak < 2**26
