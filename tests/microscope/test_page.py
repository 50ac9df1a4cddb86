"""The page as a file: what is packed is what was recorded; the command and its refusals."""

import base64
import json
import re
import subprocess
import sys
import zlib
from fractions import Fraction

import numpy as np
import pytest

from refnn import SGD, Model, SoftmaxCrossentropy, Tanh, load_model, multilayer, save_model
from refnn.datasets import dots, iris
from refnn.training import predict
from tests.check.test_check import ROOT
from tests.helpers import same_bits
from tests.microscope.test_formulas import MODELS, a_model, a_run
from tftwin.__main__ import main
from tftwin.cards import CARDS
from tftwin.microscope import page
from tftwin.microscope.mistakes import CELLS, mistakes, sentences
from tftwin.microscope.payload import INFINITE, STEPS_OF_LOG, ZERO, payload
from tftwin.microscope.surface import SIDE, classes, surface
from tftwin.microscope.twin import add_twin

FAULT = np.array([1, 1.01, 1, 1, 1], np.float32)


def unpacked(text, dtype):
    raw = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    return raw.reshape(np.dtype(dtype).itemsize, -1).T.copy().view(dtype).reshape(-1)


def data_of(html):
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    return json.loads(text)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_packed_is_what_was_recorded(dtype):
    model = a_model(*MODELS[2])
    tensors, batches, numbers, states = a_run(model, dtype)
    add_twin(model, states[0], batches, numbers, "function")
    data = payload(model, tensors, numbers)
    ours, place = unpacked(data["ours"], dtype), 0
    for name in data["first"]:
        size = numbers[0].ours[name].size
        assert same_bits(ours[place : place + size], np.ravel(numbers[0].ours[name]))
        place += size
    for step in numbers:
        for name in data["stored"]:
            size = np.size(step.ours[name])
            assert same_bits(ours[place : place + size], np.ravel(step.ours[name]).astype(dtype))
            place += size
    assert place == ours.size
    ulps, codes, place = unpacked(data["ulps"], np.float64), unpacked(data["bounds"], np.int16), 0
    assert not data["escapes"]
    integer = f"int{8 * np.dtype(dtype).itemsize}"
    differ = 0
    for step in numbers:
        for name in data["both"]:
            one, other = np.ravel(step.ours[name]), np.ravel(step.theirs[name])
            part = slice(place, place + one.size)
            order = one.view(integer).astype(object)
            lowest = int(np.iinfo(integer).min)
            moved = [(lowest - i if i < 0 else i) + int(u)
                     for i, u in zip(order, ulps[part], strict=True)]  # fmt: skip
            back = np.array([lowest - i if i < 0 else i for i in moved], integer).view(dtype)
            assert np.array_equal(back, other), name  # −0 is 0
            differ += np.count_nonzero(ulps[part])
            bound = np.ravel(step.bounds[name])
            some = (codes[part] != INFINITE) & (codes[part] != ZERO)
            for code, exactly in zip(codes[part][some].tolist(), bound[some].tolist(), strict=True):
                power = Fraction(exactly) ** STEPS_OF_LOG  # exact: the code is ⌈log₂ of it⌉
                assert Fraction(2) ** (code - 1) < power <= Fraction(2) ** code
            assert np.array_equal(codes[part] == ZERO, bound == 0)
            place += one.size
    assert 0 < differ < place


def test_a_planted_fault_is_wrong_in_its_own_tensor_and_in_no_other():
    class Mine(Tanh):
        """tanh' of the wrong number, in one unit."""

        def backward(self, dy, x, y):
            return super().backward(dy, x, y) * FAULT.astype(y.dtype)

        def tensorflow(self, x):
            import tensorflow as tf

            return tf.tanh(x)

    model = a_model(Mine(), *MODELS[2][1:])
    tensors, batches, numbers, states = a_run(model, np.float32)
    report = add_twin(model, states[0], batches, numbers, "function")
    assert not report.agreed
    for verdict, step in zip(payload(model, tensors, numbers)["verdicts"], numbers, strict=True):
        width, rows = 5, step.ours["N"]
        assert list(verdict["wrong"]) == ["dy1"]
        places = verdict["wrong"]["dy1"]["places"]
        assert {p % width for p in places} == {1}
        assert len(places) <= rows


def test_the_mistakes_are_those_of_the_catalogue():
    for model in (a_model(*m) for m in MODELS):
        _, _, numbers, _ = a_run(model, np.float64)
        found = [mistakes(model, step, i) for i, step in enumerate(numbers)]
        assert any(found)
        for step, cells in zip(numbers, found, strict=True):
            for name, places in cells.items():
                assert len(places) <= CELLS
                right = np.ravel(step.ours[name])
                for flat, said in places.items():
                    for value, card in said:
                        assert value != right[int(flat)]
                        assert CARDS[card].kind != "form"
        assert all(CARDS[i].name == name for i, (name, _) in sentences(found).items())


def test_the_surface_is_the_networks_prediction():
    model = Model(multilayer([2, 11, 1], Tanh()), MODELS[-1][1], SGD())
    data, rng = dots(), np.random.default_rng(0)
    states = [model.initial_state(rng), model.initial_state(rng)]
    found = surface(model, states, data.x, data.y)
    left, right, bottom, top = found["corners"]
    maps = unpacked(found["maps"], np.uint8).reshape(2, SIDE, SIDE)
    for i, j in ((0, 0), (3, 40), (SIDE - 1, 7)):
        at = np.array([[np.linspace(left, right, SIDE)[j], np.linspace(bottom, top, SIDE)[i]]])
        for state, drawn in zip(states, maps, strict=True):
            y = predict(model, state, at.astype(np.float32))
            assert drawn[i, j] == classes(y, 0.5)[0]
    assert len(set(maps.ravel())) == 2
    assert surface(a_model(*MODELS[0]), states, data.x, data.y) is None


def test_the_page_stands_alone_and_is_small():
    network = multilayer([4, 16, 16, 3], Tanh())
    model = Model(network, SoftmaxCrossentropy(), MODELS[0][2])
    rng, data = np.random.default_rng(0), iris()
    batches = [(data.x[rows], data.y[rows]) for rows in rng.integers(150, size=(20, 32))]
    for dtype in (np.float32, np.float64):
        given = [(x.astype(dtype), y.astype(dtype)) for x, y in batches]
        html = page(model, model.initial_state(rng, dtype=dtype), given, title="<a> & b")
        assert len(html.encode()) < 2e6
        assert "&lt;a&gt; &amp; b" in html
        assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", html)
        assert "http" not in re.sub(r"\\u003c", "<", html).replace("http-equiv", "")
        assert data_of(html)["title"] == "<a> & b"


def test_the_command_takes_a_network_a_saved_model_and_a_checkpoint(tmp_path, capsys):
    from refnn import Checkpoint, fit

    out = tmp_path / "out.html"
    options = ["--html", str(out), "--steps", "2", "--no-tensorflow"]
    assert (
        main(["microscope", "--data", "dots", "--layers", "3", "--hidden", "relu", *options]) == 0
    )
    assert [t["name"] for t in data_of(out.read_text())["tensors"][:2]] == ["x", "t"]
    data, rng = iris(), np.random.default_rng(0)
    model = Model(multilayer([4, 7, 3], Tanh()), SoftmaxCrossentropy(), SGD(0.05))
    start = model.initial_state(rng)
    state, _ = fit(model, start, data.x, data.y, epochs=2, rng=rng,
                   checkpoint=Checkpoint(tmp_path / "c.npz"))  # fmt: skip
    save_model(tmp_path / "m.npz", model, state, mean=data.x.mean(axis=0),
               deviation=data.x.std(axis=0))  # fmt: skip
    assert main(["microscope", "--model", str(tmp_path / "m.npz"), *options]) == 0
    found = data_of(out.read_text())
    saved = load_model(tmp_path / "m.npz").state
    first = unpacked(found["ours"], np.float32)[: saved.theta.size]
    assert same_bits(first, saved.theta)
    network = ["--layers", "7", "--optimizer", "sgd:learning_rate=0.05"]
    run = ["microscope", "--checkpoint", str(tmp_path / "c.npz"), *network, *options]
    assert main(run) == 0
    assert same_bits(unpacked(data_of(out.read_text())["ours"], np.float32)[:28], state.theta[:28])
    assert "2 steps" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "{m}", "--layers", "3"], "--layers: the file says it already"),
        (["--model", "{m}", "--keras", "k.keras"], "not allowed with argument"),
        (["--model", "nowhere.npz"], "nowhere.npz"),
        (["--checkpoint", "{m}"], "expected a checkpoint written by fit"),
        (["--keras", "{m}"], "m.npz"),
        (["--data", "nowhere.csv", "--label", "a"], "nowhere.csv"),
        (["--steps", "0"], "steps = 0"),
        (["--batch-size", "0"], "batch_size"),
        (["--layers", "900", "900"], "expected at most 4,000,000: take fewer"),
        (["--html", "{folder}"], "{folder}"),
    ],
)
def test_a_wrong_command_is_one_line(tmp_path, capsys, arguments, said):
    model = Model(multilayer([4, 3], Tanh()), SoftmaxCrossentropy())
    save_model(tmp_path / "m.npz", model, model.initial_state(np.random.default_rng(0)))
    names = {"m": tmp_path / "m.npz", "folder": tmp_path}
    given = [a.format(**names) for a in arguments]
    with pytest.raises(SystemExit) as stop:
        main(["microscope", "--no-tensorflow", "--html", str(tmp_path / "out.html"), *given])
    assert stop.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert said.format(**names) in lines[-1]
    assert "Traceback" not in "".join(lines)


def test_it_works_without_tensorflow_and_says_what_is_missing(tmp_path):
    code = (
        "import sys\nfrom tftwin.__main__ import main\n"
        "for name in sys.argv[2].split(): sys.modules[name] = None\n"
        "sys.exit(main(['microscope', '--steps', '1', '--html', sys.argv[1], *sys.argv[3:]]))"
    )

    def run(missing, *more):
        out = str(tmp_path / "o.html")
        command = [sys.executable, "-c", code, out, missing, *more]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)

    assert run("tensorflow keras", "--no-tensorflow").returncode == 0
    found = run("tensorflow keras")
    assert found.returncode == 2
    assert "--no-tensorflow shows refnn's numbers alone" in found.stderr
    found = run("jinja2", "--no-tensorflow")
    assert found.returncode == 2
    assert "pip install -e '.[page]'" in found.stderr
    assert found.stderr.count("\n") == 1
