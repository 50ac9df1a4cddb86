"""A divergence leads to where it is made: step, stage, tensor, place; and it can be made again."""

import json
import shlex
from unittest import mock

import numpy as np
import pytest

from refnn import Adam, Model, SoftmaxCrossentropy, Tanh, multilayer
from refnn.training import train_step
from tests.lockstep.localise import KINDS, Fault, drawn, in_lockstep, in_records, is_right
from tftwin.__main__ import main
from tftwin.lockstep import Report, arbiter, resynchronised, run
from tftwin.running.command import command_of
from tftwin.running.settings import Settings


@pytest.mark.parametrize("number", range(10))
def test_a_fault_at_a_random_place_is_found_there_and_nothing_before_it(number):
    rng = np.random.default_rng([7, number])
    model, state, batches, rows = drawn(rng, longest=30)
    fault = Fault(rng, model, len(batches), rows)
    assert is_right(fault, in_lockstep(model, state, batches, fault), False), vars(fault)
    assert is_right(fault, in_records(model, state, batches, fault), True), vars(fault)
    assert in_lockstep(model, state, batches[:5]) is None


def test_every_kind_of_fault_is_drawn():
    kinds = set()
    for number in range(60):
        rng = np.random.default_rng(number)
        model, _, batches, rows = drawn(rng, longest=9)
        kinds.add(Fault(rng, model, len(batches), rows).kind)
    assert kinds == set(KINDS)


def a_fault(kind, step):
    rng = np.random.default_rng(0)
    model, state, batches, rows = drawn(rng, longest=9)
    while len(batches) < step:
        batches = batches + batches
    fault = Fault(rng, model, step, rows)
    while fault.kind != kind:
        fault = Fault(rng, model, step, rows)
    fault.step = step
    return model, state, batches, fault


def test_one_step_alone_shows_the_same_divergence():
    model, state, batches, fault = a_fault("gradient", 6)
    with mock.patch.object(run, "train_step", fault.train_step):
        whole = resynchronised(model, state, batches, mode="eager")
        alone = resynchronised(model, state, batches, mode="eager", only=6)
    assert alone.steps == 1
    assert alone.origin == whole.origin
    assert f"only={whole.origin.step})" in str(whole)
    with pytest.raises(ValueError, match="only = 99; expected the number of one of the batches"):
        resynchronised(model, state, batches, mode="eager", only=99)


def test_the_command_prints_the_command_that_repeats_the_step(tmp_path, capsys):
    """The printed line, executed under the same fault, gives the same divergence."""
    options = ["--layers", "5", "--steps", "8", "--mode", "eager", "--optimizer", "sgdm"]

    def faulty(model, state, x, y, masks=()):
        step = train_step(model, state, x, y, masks)
        if state.step == 4:
            step.gradients[1][2] *= np.float32(1.5)
        return step

    found = []
    with mock.patch.object(run, "train_step", faulty):
        for arguments in (["run", *options], None):
            if arguments is None:
                line = capsys.readouterr().out.strip().splitlines()[-1]
                assert line.startswith("Or: python -m tftwin run ")
                arguments = shlex.split(line)[4:]
            out = tmp_path / "out.json"
            assert main([*arguments, "--json", str(out)]) == 1
            found.append(json.loads(out.read_text(encoding="utf-8")))
    whole, alone = found
    assert (whole["steps"], alone["steps"]) == (8, 1)
    assert whole["origin"] == alone["origin"]
    assert whole["origin"]["step"] == 5
    assert whole["origin"]["index"] == [2]
    assert whole["again"] == alone["again"]


def test_the_command_says_all_settings():
    settings = Settings(layers=(3, 4), standardize=True, dropout=0.5, data="a b.csv", label="c")
    words = shlex.split(command_of(settings, 7))
    assert words[3:] == [
        "run", "--data", "a b.csv", "--label", "c", "--standardize", "--layers", "3", "4",
        "--dropout", "0.5", "--only", "7",
    ]  # fmt: skip


def test_a_wrong_activation_is_named_at_any_number_of_rows():
    class Wrong(Tanh):
        def backward(self, dy, x, y):
            return dy * (1 - y)

        def tensorflow(self, x):
            import tensorflow as tf

            return tf.tanh(x)

    for rows in (5, 13, 20, 150):
        for dtype in (np.float32, np.float64):
            for sizes in ([4, 5, 3], [4, 5, 5, 5, 5, 3]):
                rng = np.random.default_rng(rows)
                model = Model(multilayer(sizes, Wrong()), SoftmaxCrossentropy(), Adam())
                x = rng.standard_normal((rows, 4)).astype(dtype)
                y = np.eye(3, dtype=dtype)[rng.integers(3, size=rows)]
                state = model.initial_state(rng, dtype=dtype)
                report = resynchronised(model, state, [(x, y)], mode="eager")
                assert report.origin.name == f"dy{2 * len(sizes) - 5}"  # the last activation
                assert report.origin.wrong == "refnn", report.origin


def test_a_wrong_slot_is_blamed_on_its_side():
    """Of Adam's v, the second slot."""
    rng = np.random.default_rng(0)
    model = Model(multilayer([4, 3], Tanh()), SoftmaxCrossentropy(), Adam(0.01))
    x, y = (
        rng.standard_normal((5, 4)).astype(np.float32),
        np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1]],
    )

    def faulty(model, state, x, y, masks=()):
        step = train_step(model, state, x, y, masks)
        step.state.slots[1][2] *= np.float32(1.25)
        return step

    with mock.patch.object(run, "train_step", faulty):
        report = resynchronised(model, model.initial_state(rng), [(x, y)], mode="eager")
    assert (report.origin.name, report.origin.wrong) == ("v W1", "refnn")


@pytest.mark.parametrize("at", [0.0, 0.7, -300.0])
def test_the_difference_quotient_is_central(at):
    """Of x³: a one-sided one is off by 3 x h, a central one by h² alone."""
    x = np.full((2, 3), at, np.longdouble)
    value, error = arbiter._derivative(lambda a: (a**3).sum(), x, (1, 2))
    assert abs(value - 3 * at**2) <= error
    h = float(np.cbrt(np.finfo(np.longdouble).eps)) * max(1, abs(at)) / 2
    truncated = 3 * h**2  # (2 h)² of the first step less h² of the half
    cubes = (
        x.size * (abs(at) + 2 * h) ** 3
    )  # five roundings each, in four values; then over 2 h, 4 h
    rounded = 5 * float(np.finfo(np.longdouble).eps) * cubes * (1 / h + 1 / (2 * h))
    assert error <= 8 * (truncated + rounded) + np.finfo(np.float64).eps * (
        3 * at**2 + h**2 + rounded
    )


def test_joined_reports_keep_everything():
    rng = np.random.default_rng(1)
    model, state, batches, _ = drawn(rng, longest=4)
    one = resynchronised(model, state, batches[:1], mode="eager")
    other = Report(left_out="the layers in float64: TypeError")
    for joined in (Report.join([one, other]), Report.join([other, one])):
        assert joined.left_out == other.left_out
        assert joined.heat == one.heat
        assert len(joined.heat) == 1
        assert joined.seconds_refnn == one.seconds_refnn > 0
        assert joined.elements == one.elements
