"""``run`` and ``record``: a network in words, and the files that compare takes."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import refnn
from refnn import activations, losses, optimizers, schedules
from tftwin.__main__ import main
from tftwin.lockstep import records
from tftwin.running import names, settings
from tftwin.running.settings import Settings, made_of

README = Path(__file__).parents[2] / "tftwin" / "README.md"


def test_every_class_of_the_rooms_has_a_name():
    for known, room in (
        (names.ACTIVATIONS, activations), (names.LOSSES, losses),
        (names.OPTIMIZERS, optimizers), (names.SCHEDULES, schedules),
    ):  # fmt: skip
        assert len(known) >= 3
        for name in refnn.__all__:
            kind = getattr(refnn, name)
            if isinstance(kind, type) and kind.__module__ == room.__name__:
                assert known[names.snake(name)] is kind
    assert names.LOSSES["softmax_crossentropy"] is refnn.SoftmaxCrossentropy
    assert names.made("optimizer", "adam:beta_1=0.5", names.OPTIMIZERS) == refnn.Adam(beta_1=0.5)
    assert names.made("loss", "mse", names.LOSSES) == refnn.MeanSquaredError()


def test_the_settings_make_what_they_say():
    run = made_of(
        Settings(
            data="yoghurt", layers=(8, 4), hidden="leaky_relu:alpha=0.3", dropout=0.5, l2=0.1,
            optimizer="nesterov:beta=0.8", schedule="exponential_decay:initial_learning_rate=0.1,"
            "decay_rate=0.9", dtype="float64", batch_size=30, steps=7, seed=3,
        )
    )  # fmt: skip
    kinds = [type(layer).__name__ for layer in run.model.network.layers]
    assert kinds == ["Dense", "Activation", "Dropout"] * 2 + ["Dense"]
    assert run.model.network.layers[1].function == refnn.LeakyRelu(0.3)
    assert run.model.loss == refnn.MeanSquaredError()
    decay = refnn.ExponentialDecay(0.1, 0.9)
    assert run.model.optimizer == refnn.Nesterov(decay, beta=0.8)
    assert run.model.regularizer == refnn.L2(0.1)
    assert run.state.theta.dtype == np.float64
    assert [len(x) for x, _, _ in run.batches] == [30, 2] * 3 + [30]
    assert all(len(masks) == 2 for _, _, masks in run.batches)
    classes = made_of(Settings(standardize=True))
    assert classes.model.loss == refnn.SoftmaxCrossentropy()


def test_the_readme_s_toml_is_read_and_runs(tmp_path, capsys):
    (text,) = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    file, out = tmp_path / "mine.toml", tmp_path / "out.json"
    file.write_text(text, encoding="utf-8")
    page = tmp_path / "out.html"
    status = main(["run", "--config", str(file), "--steps", "2", "--json", str(out),
                   "--html", str(page)])  # fmt: skip
    assert status == 0
    assert capsys.readouterr().out.startswith("agreed: ")
    found = json.loads(out.read_text(encoding="utf-8"))
    assert (found["schema"], found["steps"], found["agreed"]) == ("refnn-report-1", 2, True)
    assert "agreed" in page.read_text(encoding="utf-8")


def test_two_records_are_compared(tmp_path, capsys):
    one, other = str(tmp_path / "one.npz"), str(tmp_path / "other.npz")
    small = ["--steps", "2", "--layers", "3"]
    assert main(["record", "--output", one, *small]) == 0
    assert main(["record", "--output", other, "--side", "tftwin", *small]) == 0
    assert main(["compare", one, other]) == 0
    assert "agreed" in capsys.readouterr().out
    steps = records.load(one)
    assert len(steps) == 2
    assert all(entry.bound is not None for entry in steps[0] if entry.stage == "forward")
    assert [e[:2] for e in steps[0]] == [e[:2] for e in records.load(other)[0]]
    steps[1][0].array[...] += 1e-3  # a fault in the record is seen
    wrong = str(tmp_path / "wrong.npz")
    records.save(wrong, steps)
    assert main(["compare", wrong, other]) == 1


def test_a_free_run_prints_its_drift(capsys):
    assert main(["run", "--free", "--steps", "4", "--layers", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("steps")
    assert [int(line.split()[0]) for line in lines[1:-1]] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--hidden nothing", "hidden = 'nothing'; expected one of identity, sigmoid"),
        ("--optimizer adam:lr=3", "'lr=3'; expected learning_rate=, beta_1="),
        ("--optimizer adam:beta_1=x", "expected a number, true or false"),
        ("--optimizer adam:beta_1=2", "expected a number in [0, 1)"),
        ("--data nix", "data = 'nix'; expected iris, yoghurt, dots"),
        ("--data a.csv", "label: expected the name or the number"),
        ("--data a.npz", "a.npz"),
        ("--config absent.toml", "absent.toml"),
        ("--steps 0", "steps = 0; expected at least 1"),
        ("--mode fast", "mode = 'fast'; expected"),
        ("--dtype float16", "dtype = 'float16'; expected"),
        ("--layers 0", "Dense: outputs = 0"),
        ("--dropout 1", "rate = 1.0"),
        ("--free --dropout 0.5", "--free takes no dropout"),
        ("--loss sigmoid_crossentropy --last sigmoid", "expects logits"),
    ],
)
def test_a_wrong_setting_is_one_line(arguments, said, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["run", *arguments.split()])
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steps = 'many'", "steps = 'many'; expected int"),
        ("nothing = 1", "nothing; expected one of data, label"),
        ("steps = ", "no TOML"),
        ("standardize = 1", "standardize = 1; expected bool"),
        ("layers = 3", "layers = 3; expected list"),
    ],
)
def test_a_wrong_toml_is_one_line(text, said, tmp_path):
    file = tmp_path / "wrong.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(said)):
        settings.read_toml(file)
