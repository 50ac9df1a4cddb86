"""Activations and losses of the user's own: compared, or refused with what to add."""

import numpy as np
import pytest

from refnn.network import multilayer
from refnn.optimizers import SGDM
from refnn.regularizers import L2
from refnn.training import Model, predict, train_step
from tests.lockstep.compare import agrees, compare, expected_elements
from tests.strategies import Case, numbers
from tftwin.lockstep import NoBoundError
from tftwin.tensorflow import tf


class Softsign:
    """x / (1 + |x|)."""

    def forward(self, x):
        return x / (1 + np.abs(x))

    def backward(self, dy, x, y):
        return dy / np.square(1 + np.abs(x))


class SoftsignWithTwin(Softsign):
    def tensorflow(self, x):
        return x / (1 + tf.abs(x))


class HalfSquares:
    """Σ ½ (y_pred − y_true)²."""

    def value(self, y_true, y_pred):
        return np.sum(np.square(y_pred - y_true)) / 2

    def gradient(self, y_true, y_pred):
        return y_pred - y_true


class HalfSquaresWithTwin(HalfSquares):
    def tensorflow(self, y_true, y_pred):
        return tf.reduce_sum(tf.square(y_pred - y_true)) / 2


class WrongDerivative(SoftsignWithTwin):
    def backward(self, dy, x, y):
        return dy / (1 + np.abs(x))


class WrongGradient(HalfSquaresWithTwin):
    def gradient(self, y_true, y_pred):
        return 2 * (y_pred - y_true)


class NoBound(SoftsignWithTwin):
    def forward(self, x):
        return np.arctan(x)

    def tensorflow(self, x):
        return tf.atan(x)


def own_case(function, loss, dtype=np.float64):
    rng = np.random.default_rng(1)
    model = Model(multilayer([3, 4, 2], function), loss, SGDM(0.1), L2(0.1))
    state = model.initial_state(rng, dtype=dtype)
    batch = numbers(rng, (5, 3)).astype(dtype), numbers(rng, (5, 2)).astype(dtype)
    return Case(model, state, [batch])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_functions_of_your_own_are_compared(dtype):
    case = own_case(SoftsignWithTwin(), HalfSquaresWithTwin(), dtype)
    report = compare(case)
    agrees(report)
    assert report.elements == expected_elements(case)


def first_stage(report):
    return report.divergences[0].stage


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_wrong_derivative_of_your_own_is_seen_and_blamed(dtype):
    """The difference quotient of refnn's own function is TensorFlow's value."""
    report = compare(own_case(WrongDerivative(), HalfSquaresWithTwin(), dtype))
    assert (first_stage(report), report.divergences[0].name) == ("layer backward", "dy1")
    assert "which is tftwin's value" in report.divergences[0].explanation
    assert {d.wrong for d in report.divergences} == {"refnn"}
    report = compare(own_case(SoftsignWithTwin(), WrongGradient(), dtype))
    assert (first_stage(report), report.divergences[0].name) == ("layer backward", "dy3")
    assert {d.wrong for d in report.divergences} == {"refnn"}
    names = {d.name for d in report.divergences if d.stage == "backward"}
    assert names == {"dy1", "dy2", "dy3"}


def test_functions_without_a_twin_train_and_say_what_to_add():
    case = own_case(Softsign(), HalfSquaresWithTwin())
    state, (x, y) = case.state, case.batches[0]
    before = HalfSquares().value(y, predict(case.model, state, x))
    for _ in range(50):
        step = train_step(case.model, state, x, y)
        state = step.state
    assert step.data_loss < before / 2
    with pytest.raises(TypeError, match=r"Softsign has no twin: give it a method tensorflow\(x\)"):
        compare(case)
    with pytest.raises(
        TypeError, match=r"HalfSquares has no twin: .* tensorflow\(y_true, y_pred\)"
    ):
        compare(own_case(SoftsignWithTwin(), HalfSquares()))


def test_an_operation_without_a_derived_bound_is_refused():
    with pytest.raises(NoBoundError, match=r"np.arctan \(__call__\) has no derived bound"):
        compare(own_case(NoBound(), HalfSquaresWithTwin()))
