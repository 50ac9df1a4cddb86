"""Formulas that lose digits: the bound is bounded by that of the definition.

A derived bound comes from running refnn's own formula, and so it widens with the damage that the
formula does. Each formula here is right on paper.
"""

import numpy as np
import pytest
from hypothesis import given

from refnn import activations, layers, losses, regularizers
from refnn.activations import Identity, LeakyRelu, Sigmoid, Softmax, Tanh
from refnn.losses import (
    Asymmetric,
    CategoricalCrossentropy,
    MeanSquaredError,
    SoftmaxCrossentropy,
)
from refnn.network import multilayer
from refnn.optimizers import SGD
from refnn.regularizers import L2
from refnn.state import State
from refnn.training import Model, predict
from tests.lockstep.compare import compare
from tests.lockstep.planted import Planted, both_parts, planted, result, same
from tests.strategies import FLOATS, Case, cases, targets
from tftwin.lockstep.definitions import MULTIPLE

SHAPES = {
    "small": [4, 5, 3],
    "10 x 16": [6, *[16] * 10, 3],
    "wide": [100, 64, 10],
}
FAR, LARGE = 1e4, 1e6
NEAR_OVERFLOW = {np.float32: 80.0, np.float64: 600.0}
"""Of e^x: ln Σ e^z of logits so large loses their digits."""


def there_and_back(a):
    return (a + LARGE) - LARGE


def from_far_inputs(self, theta, x):
    """The inputs are moved, and the move is taken back from the sums."""
    W = self.weight(theta)
    return (x @ (W + LARGE) - LARGE * x.sum(axis=-1, keepdims=True)) + self.bias(theta)


def from_far_batch(self, x, dy):
    dW = (x + LARGE).T @ dy - LARGE * dy.sum(axis=0)
    return [dW, dy.sum(axis=0)]


def by_exponentials(self, x):
    return (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))


def complement(self, x):
    return 1 - 1 / (1 + np.exp(x))


def shifted_by_50(self, x):
    e = np.exp(x - 50)
    return e / e.sum(axis=-1, keepdims=True)


def by_halves(self, x):
    return (1 + self.alpha) / 2 * x + (1 - self.alpha) / 2 * np.abs(x)


def expanded(self, y_true, y_pred):
    squares = y_pred * y_pred - 2 * y_pred * y_true + y_true * y_true
    d = y_pred - y_true
    return squares.sum() / d.size, (1 / d.size) * (2 * d)


def distributed(self, y_true, y_pred):
    d = y_pred - y_true
    c = 1 / d.size
    return np.square(d).sum() / d.size, 2 * c * y_pred - 2 * c * y_true


def multiplied_out(self, y_true, y_pred):
    many = self.cost * y_pred - self.cost * y_true
    few = self.profit * y_true - self.profit * y_pred
    return np.where(y_pred > y_true, many, few).sum()


def unshifted(self, logits):
    """ln Σ e^z − z of logits that all are large."""
    e = np.exp(logits)
    return logits, e, e.sum(axis=-1, keepdims=True)


TANH, SQUARES = Tanh(), MeanSquaredError()
CLASSES, PROBABILITIES = SoftmaxCrossentropy(), CategoricalCrossentropy()
E = losses
FORMULAS = {
    # name: (fault, stage, hidden, output, loss, how far outputs and targets are from 0)
    "dx there and back": (
        Planted("", layers.Dense, "input_gradient", result(there_and_back)),
        "backward", TANH, None, CLASSES, 0),
    "x W there and back": (
        Planted("", layers.Dense, "forward", result(there_and_back)),
        "forward", TANH, None, CLASSES, 0),
    "x W from far inputs": (
        Planted("", layers.Dense, "forward", lambda old: from_far_inputs),
        "forward", TANH, None, CLASSES, 0),
    "dW from a far batch": (
        Planted("", layers.Dense, "parameter_gradients", lambda old: from_far_batch),
        "gradient", TANH, None, CLASSES, 0),
    "db there and back": (
        Planted("", layers.Dense, "parameter_gradients",
                result(lambda g: [g[0], there_and_back(g[1])])),
        "gradient", TANH, None, CLASSES, 0),
    "tanh by exponentials": (
        Planted("", activations.Tanh, "forward", lambda old: by_exponentials),
        "forward", TANH, None, CLASSES, 0),
    "tanh' there and back": (
        Planted("", activations.Tanh, "backward", result(there_and_back)),
        "backward", TANH, None, CLASSES, 0),
    "sigmoid as a complement": (
        Planted("", activations.Sigmoid, "forward", lambda old: complement),
        "forward", Sigmoid(), None, CLASSES, 0),
    "leaky relu by halves": (
        Planted("", activations.LeakyRelu, "forward", lambda old: by_halves),
        "forward", LeakyRelu(0.01), None, CLASSES, 0),
    "softmax of x - 50": (
        Planted("", activations.Softmax, "forward", lambda old: shifted_by_50),
        "forward", TANH, Softmax(), SQUARES, 0),
    "softmax' there and back": (
        Planted("", activations.Softmax, "backward", result(there_and_back)),
        "backward", TANH, Softmax(), SQUARES, 0),
    "squares expanded": (
        Planted("", E.MeanSquaredError, "value_and_gradient", lambda old: expanded),
        "loss", TANH, None, SQUARES, FAR),
    "squares' gradient distributed": (
        Planted("", E.MeanSquaredError, "value_and_gradient", lambda old: distributed),
        "backward", TANH, None, SQUARES, FAR),
    "asymmetric multiplied out": (
        Planted("", E.Asymmetric, "value", lambda old: multiplied_out),
        "loss", TANH, None, Asymmetric(1, 9), FAR),
    "logits unshifted": (
        Planted("", E.SoftmaxCrossentropy, "_shifted", lambda old: unshifted),
        "loss", TANH, None, CLASSES, NEAR_OVERFLOW),
    "logits' gradient there and back": (
        Planted("", E.SoftmaxCrossentropy, "value_and_gradient",
                both_parts(same, there_and_back)),
        "backward", TANH, None, CLASSES, 0),
    "crossentropy there and back": (
        Planted("", E.CategoricalCrossentropy, "per_sample", result(there_and_back)),
        "loss", TANH, Softmax(), PROBABILITIES, 0),
    "crossentropy' there and back": (
        Planted("", E.CategoricalCrossentropy, "gradient", result(there_and_back)),
        "backward", TANH, Softmax(), PROBABILITIES, 0),
    "L2 there and back": (
        Planted("", regularizers.L2, "value", result(there_and_back)),
        "loss", TANH, None, CLASSES, 0),
    "L2's gradient there and back": (
        Planted("", regularizers.L2, "gradient", result(there_and_back)),
        "gradient", TANH, None, CLASSES, 0),
    "identity there and back": (
        Planted("", activations.Identity, "forward", result(there_and_back)),
        "forward", Identity(), None, CLASSES, 0),
}  # fmt: skip


def case_of(name, sizes, dtype):
    """A step in which outputs lie near ``far``, and targets near the outputs.

    One row where the logits are large: the rounding of a long sum would hide what they lose.
    """
    _, _, hidden, output, loss, far = FORMULAS[name]
    rows = 33
    if far is NEAR_OVERFLOW:
        far, rows = far[dtype], 1
    rng = np.random.default_rng(5)
    network = multilayer(sizes, hidden, output)
    theta = network.initial_theta(rng, dtype=np.float64)
    theta += 0.05 * rng.standard_normal(theta.shape)
    theta[network.size - network.outputs :] += far
    model = Model(network, loss, SGD(0.1), L2(1e-3))
    state = State(theta.astype(dtype))
    x = rng.standard_normal((rows, network.inputs)).astype(dtype)
    y = targets(rng, loss, len(x), network.outputs, 1.0, False)
    if not getattr(loss, "takes_distributions", False):
        y = y + predict(model, state, x)
    return Case(model, state, [(x, y.astype(dtype))])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_that_loses_digits_is_seen(name, shape, dtype):
    fault, part = FORMULAS[name][:2]
    case = case_of(name, SHAPES[shape], dtype)
    assert compare(case).agreed
    with planted(fault):
        report = compare(case)
    assert not report.agreed
    seen = {lost.stage for lost in report.lost_digits} | {d.stage for d in report.divergences}
    assert f"layer {part}" in seen or f"float64 {part}" in seen
    assert report.lost_digits
    for lost in report.lost_digits:
        assert lost.factor > MULTIPLE
        assert "refnn's formula loses digits" in str(lost)
    assert not {d.wrong for d in report.divergences} & {"tftwin", "both"}


@given(cases(steps=1))
def test_healthy_formulas_lose_no_digits(case):
    assert compare(case).lost_digits == []
