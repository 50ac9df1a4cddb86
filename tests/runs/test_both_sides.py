"""What refnn refuses, tftwin refuses in the same words; and it neither returns nor saves NaN."""

from dataclasses import replace

import numpy as np
import pytest

from refnn import (
    SGDM,
    Asymmetric,
    Checkpoint,
    Dense,
    MeanSquaredError,
    Model,
    Network,
    NonFiniteError,
    Relu,
    RMSProp,
    State,
    load_state,
    multilayer,
)
from tests.helpers import refused
from tftwin import backpropagate, evaluate, fit, predict, train_step, twin

RNG = np.random.default_rng(3)
X = RNG.standard_normal((12, 4)).astype(np.float32)
Y = RNG.standard_normal((12, 3)).astype(np.float32)
FIT = {"epochs": 1, "batch_size": 4, "progress": False}


def start_of(model):
    return model.initial_state(np.random.default_rng(1))


def twins():
    model = Model(multilayer([4, 5, 3], Relu()), MeanSquaredError(), SGDM(0.1))
    return twin(model), start_of(model)


BAD = {
    "one column": ({"y": Y[:, :1]}, ValueError, "y has shape (12, 1); expected (12, 3)"),
    "theta too long": ({"theta": 1}, ValueError, "theta has shape (44,); expected (43)"),
    "another dtype": ({"x": X.astype(float)}, TypeError, "x has dtype float64; expected float32"),
    "no rows": ({"x": X[:0], "y": Y[:0]}, ValueError, "x has shape (0, 4); expected at least one"),
    "a list": ({"x": X.tolist()}, TypeError, "x is a list; expected a NumPy array"),
}


@pytest.mark.parametrize("name", BAD)
def test_the_guards_serve_both_sides(name):
    (model, start), (wrong, error, message) = twins(), BAD[name]
    x, y = wrong.get("x", X), wrong.get("y", Y)
    if "theta" in wrong:
        start = State(np.append(start.theta, np.float32(0)), start.slots, 0)
    for call in (
        lambda: fit(model, start, x, y, **FIT),
        lambda: train_step(model, start, x, y),
        lambda: backpropagate(model, start.theta, x, y),
        lambda: evaluate(model, start, x, y),
        lambda: evaluate(model, start.theta, x, y),
    ):
        with refused(message, error=error):
            call()
    if "y" not in wrong:
        with refused(message, error=error):
            predict(model, start, x)


@pytest.mark.parametrize("mode", ["NaN in theta", "huge rate", "inf in a slot"])
def test_tfnever_returns_or_saves_nan(tmp_path, mode):
    model, start = twins()
    path = tmp_path / "run.npz"
    if mode == "NaN in theta":
        start.theta[3] = np.nan
        with refused("theta holds nan at [3]"):
            fit(model, start, X, Y, **FIT)
        return
    if mode == "inf in a slot":  # v of RMSProp overflows, and w − lr g / ∞ stays finite
        refnn_model = Model(Network([Dense(4, 3)]), Asymmetric(1e25, 1e25), RMSProp(0.1))
        model, start = twin(refnn_model), start_of(refnn_model)
    else:
        model = replace(model, optimizer=twin(SGDM(1e30)))
    with pytest.raises(NonFiniteError) as caught:
        fit(model, start, X, Y, checkpoint=Checkpoint(path), **FIT | {"epochs": 3})
    for state in (caught.value.state, load_state(path)):
        assert all(np.isfinite(a).all() for a in (state.theta, *state.slots))
