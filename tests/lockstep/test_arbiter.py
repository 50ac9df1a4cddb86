"""Whom the arbiter blames for four faults. ``python -m tests.lockstep.test_arbiter`` prints it."""

import re

import numpy as np
import pytest

from refnn import Adam, Model, SoftmaxCrossentropy, Tanh, multilayer
from tests.faults import checks
from tests.faults.catalogue import FAULTS
from tests.faults.planting import planted
from tftwin.activations import Tanh as TwinTanh
from tftwin.lockstep import resynchronised
from tftwin.tensorflow import tf

OFF = r"the definition gives [-.\de]+: {} is off by [-.\de]+, allowed [-.\de]+"
"""What the arbiter says of one side."""


def in_half_precision(self, dy, x, y):
    """A derivative that loses digits in float16, in a float32 run alone."""
    if y.dtype != np.float32 or not isinstance(y, np.ndarray):
        return dy * (1 - y * y)
    return dy * (1 - (y.astype(np.float16) * y.astype(np.float16)).astype(y.dtype))


def in_bfloat16(self, x):
    """A kernel that loses digits in bfloat16, in a float32 run alone."""
    return (
        tf.cast(tf.tanh(tf.cast(x, tf.bfloat16)), x.dtype) if x.dtype == tf.float32 else tf.tanh(x)
    )


def one_minus_y(self, dy, x, y):
    """A wrong formula: tanh' = 1 − y."""
    return dy * (1 - y)


def first(monkeypatch, owner, name, function, dtype=np.float32, stage=None):
    """Plant, run two steps, and return the first divergence (of a stage)."""
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, function)
        rng = np.random.default_rng(0)
        model = Model(multilayer([4, 5, 3], Tanh()), SoftmaxCrossentropy(), Adam(0.1))
        state = model.initial_state(rng, dtype=dtype)
        x = rng.standard_normal((12, 4)).astype(dtype)
        y = np.eye(3, dtype=dtype)[rng.integers(3, size=12)]
        report = resynchronised(model, state, [(x, y)] * 2, mode="eager")
    return next(d for d in report.divergences if stage in (None, d.stage))


def test_refnn_is_blamed_for_digits_that_it_loses(monkeypatch):
    divergence = first(monkeypatch, Tanh, "backward", in_half_precision)
    assert (divergence.stage, divergence.name) == ("layer backward", "dy1")
    assert divergence.wrong == "refnn"
    assert re.fullmatch(OFF.format("refnn"), divergence.explanation)


def test_tftwin_is_blamed_for_digits_that_it_loses(monkeypatch):
    divergence = first(monkeypatch, TwinTanh, "forward", in_bfloat16)
    assert (divergence.stage, divergence.name) == ("layer forward", "y2")
    assert divergence.wrong == "tftwin"
    assert re.fullmatch(OFF.format("tftwin"), divergence.explanation)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_of_two_formulas_the_definition_names_the_wrong_one(monkeypatch, dtype):
    divergence = first(monkeypatch, Tanh, "backward", one_minus_y, dtype)
    assert (divergence.stage, divergence.name) == ("layer backward", "dy1")
    assert divergence.wrong == "refnn"
    assert re.fullmatch(OFF.format("refnn"), divergence.explanation)
    gradient = first(monkeypatch, Tanh, "backward", one_minus_y, dtype, "gradient")
    assert gradient.wrong == "refnn"
    assert gradient.explanation == "follows from layer backward, dy1"


def test_a_fault_on_both_sides_is_seen_by_another_witness():
    """ε inside RMSProp's root in refnn and in tftwin: lockstep agrees, the arithmetic does not."""
    fault = next(f for f in FAULTS if f.blind is not None and "rmsprop" in f.name)
    check, part = fault.caught_by
    blind, its_part = fault.blind
    with planted(fault):
        blind(np.float64, its_part)
        with pytest.raises(checks.CheckError):
            check(np.float64, part)


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as monkeypatch:
        for label, owner, name, function, stage in (
            ("refnn", Tanh, "backward", in_half_precision, None),
            ("tftwin", TwinTanh, "forward", in_bfloat16, None),
            ("formula", Tanh, "backward", one_minus_y, "gradient"),
        ):
            print(f"{label}: {first(monkeypatch, owner, name, function, stage=stage)}")
