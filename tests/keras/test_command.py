"""``python -m tftwin keras``: data of both kinds, and one line for whatever is wrong."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tftwin.__main__ import main
from tftwin.keras_lockstep.data import read_data
from tftwin.keras_models import inspect
from tftwin.keras_models.library import keras

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models and data."""
    found = tmp_path_factory.mktemp("keras")
    rng = np.random.default_rng(1)
    x, labels = rng.standard_normal((20, 3)).astype(np.float32), np.arange(20) % 4
    for name, loss in (("classes", "sparse_categorical_crossentropy"), ("numbers", "mse")):
        layers = [keras.Input((3,)), keras.layers.Dense(4, activation="softmax")]
        if name == "numbers":
            layers[1] = keras.layers.Dense(1)
        model = keras.Sequential(layers)
        model.compile("sgd", loss)
        model.save(found / f"{name}.keras")
    model.compile("sgd", "huber")
    model.save(found / "huber.keras")
    np.savez(found / "data.npz", x=x, y=labels)
    np.savez(found / "no_y.npz", x=x)
    np.savez(found / "narrow.npz", x=x[:, :2], y=labels)
    np.savez(found / "class_7.npz", x=x, y=labels + 7)
    np.savez(found / "nan.npz", x=np.full_like(x, np.nan), y=labels)
    np.savez(found / "short.npz", x=x, y=labels[:3])
    rows = [",".join(map(str, [*row, label])) for row, label in zip(x, labels, strict=True)]
    (found / "data.csv").write_text("\n".join(["a,b,c,label", *rows]))
    names = ["red", "green", "blue", "white"]
    texts = [f"{row.rpartition(',')[0]},{names[int(row[-1])]}" for row in rows]
    (found / "texts.csv").write_text("\n".join(["a,b,c,label", *texts]))
    (found / "text.npz").write_text("no archive")
    return found


def run(folder, model, data, *options):
    return main(["keras", str(folder / model), "--data", str(folder / data), *options])


def test_both_kinds_of_data_are_read_alike(folder):
    model = inspect(folder / "classes.keras")
    x, y = read_data(folder / "data.npz", model)
    for name, labels in (("data.csv", y), ("texts.csv", np.array([2, 1, 0, 3] * 5))):
        for column in ("label", "3"):
            if (name, column) == ("texts.csv", "3"):
                continue  # a number of a column needs no header
            read, found = read_data(folder / name, model, column)
            np.testing.assert_array_equal(read, x)
            np.testing.assert_array_equal(np.ravel(found), labels)


@pytest.mark.parametrize("data", ["data.npz", "data.csv", "texts.csv"])
def test_a_model_and_its_data_agree(folder, data, capsys):
    options = [] if data.endswith("npz") else ["--label", "label"]
    assert run(folder, "classes.keras", data, *options, "--batch-size", "7") == 0
    assert capsys.readouterr().out.startswith("agrees, number by number, in 1 step of 7 rows")


def test_what_refnn_lacks_is_status_2_with_the_rest_compared(folder, capsys):
    assert run(folder, "huber.keras", "data.npz") == 2
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("agrees as far as refnn goes (forward), in 1 step of 20 rows")
    assert "loss 'huber', which refnn lacks" in said


WRONG = {
    "no such model": (["none.keras", "data.npz"], "no such file"),
    "no such data": (["classes.keras", "none.npz"], "no such file"),
    "data as a model": (["data.npz", "data.npz"], "expected a file that model.save"),
    "a model as data": (["classes.keras", "classes.keras"], "x is missing"),
    "a text named .npz": (["classes.keras", "text.npz"], "File is not a zip file"),
    "no y": (["classes.keras", "no_y.npz"], "y is missing"),
    "too few columns": (["classes.keras", "narrow.npz"], "x has shape (20, 2); expected (any, 3)"),
    "a class that does not exist": (["classes.keras", "class_7.npz"], "row 0 is 7"),
    "not a number": (["classes.keras", "nan.npz"], "x holds nan"),
    "too few labels": (["classes.keras", "short.npz"], "x has 20 rows and y has 3"),
    "no label": (["classes.keras", "data.csv"], "--label"),
    "no such label": (["classes.keras", "data.csv", "--label", "colour"], "colour"),
    "text as a number": (["numbers.keras", "texts.csv", "--label", "label"], "'red'"),
    "no steps": (["classes.keras", "data.npz", "--steps", "0"], "argument --steps: 0"),
    "half a step": (["classes.keras", "data.npz", "--steps", "0.5"], "argument --steps"),
    "no rows": (["classes.keras", "data.npz", "--batch-size", "-1"], "argument --batch-size: -1"),
    "a page that cannot be": (
        ["classes.keras", "data.npz", "--html", "/proc/none/page.html"],
        "/proc/none",
    ),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_one_line(folder, arguments, said, capsys):
    with pytest.raises(SystemExit) as end:
        run(folder, *arguments)
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error


def test_help_loads_neither_tensorflow_nor_keras():
    code = (
        "import atexit, runpy, sys; sys.argv = ['x', 'keras', '--help']; "
        "atexit.register(lambda: print({'tensorflow', 'keras', 'h5py'} & {*sys.modules})); "
        "runpy.run_module('tftwin', run_name='__main__')"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "--batch-size" in result.stdout
    assert result.stdout.endswith("set()\n")
