"""Healthy networks that are hard to compare raise no alarm; 5,000 of them by hand, 150 here."""

import numpy as np
import pytest

from refnn.activations import Identity
from refnn.losses import CategoricalCrossentropy
from refnn.network import multilayer
from refnn.optimizers import SGD
from refnn.state import State
from refnn.training import Model
from tests.lockstep.compare import compare
from tests.lockstep.nasty import SignedProbabilities, nasty_case, outcome
from tests.strategies import FLOATS, Case
from tftwin.tensorflow import tf

COUNT, PARTS = 150, 5


@pytest.mark.parametrize("part", range(PARTS))
def test_no_alarm_is_false(part):
    said = [outcome(seed) for seed in range(part, COUNT, PARTS)]
    alarms = [text for text in said if text not in ("agreed", "stopped")]
    assert not alarms, "\n".join(alarms)
    assert said.count("agreed") > 0.8 * len(said)


class Linear:
    """An activation of the user's own: its values are no probabilities either."""

    def forward(self, x):
        return x

    def backward(self, dy, x, y):
        return dy

    def tensorflow(self, x):
        return tf.identity(x)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("output", [SignedProbabilities(), Linear()], ids=["tanh", "linear"])
def test_probabilities_that_nearly_cancel_raise_no_alarm(output, dtype):
    """The crossentropy divides by their sum, of which rounding may leave nothing."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        rows, columns = rng.integers(1, 30), rng.integers(2, 7)
        network = multilayer([2, int(columns)], Identity(), output)
        model = Model(network, CategoricalCrossentropy(), SGD(0.1))
        W, b = rng.standard_normal((2, columns)), rng.standard_normal(columns)
        apart = np.finfo(dtype).eps * 10 ** rng.uniform(-1, 4)
        W[:, -1], b[-1] = -W[:, :-1].sum(axis=1) * (1 + apart), -b[:-1].sum()
        x = rng.standard_normal((rows, 2)).astype(dtype)
        y = np.eye(columns, dtype=dtype)[rng.integers(columns, size=rows)]
        state = State(np.concatenate([W, b], axis=None).astype(dtype))
        report = compare(Case(model, state, [(x, y)]))
        assert report.agreed or report.stopped, seed
        assert report.divergences == report.lost_digits == [], seed


def test_they_are_nasty():
    """Both dtypes, one unit and two hundred, one row and many, large steps, all scales."""
    drawn = [nasty_case(seed) for seed in range(COUNT)]
    assert {case.dtype.name for case in drawn} == {"float32", "float64"}
    widths = [case.network.inputs for case in drawn]
    rows = [len(case.batches[0][0]) for case in drawn]
    assert min(widths) == min(rows) == 1
    assert max(widths) > 100
    assert max(rows) > 100
    assert max(case.state.step for case in drawn) > 2**32
    sizes = [abs(case.batches[0][0]).max() for case in drawn]
    assert min(sizes) < 1e-9
    assert max(sizes) > 1e6
