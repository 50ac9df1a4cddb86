"""Numbers worked out elsewhere, or by hand: refnn gives them, to the last digit that they have."""

from fractions import Fraction
from math import log

import numpy as np
import pytest

from refnn.activations import Sigmoid, Softmax, Tanh, derivative
from refnn.complexity import complexity
from refnn.losses import (
    Asymmetric,
    CategoricalCrossentropy,
    MeanSquaredError,
    SoftmaxCrossentropy,
)
from refnn.network import multilayer
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp
from refnn.regularizers import L2
from refnn.schedules import ExponentialDecay, PerEpoch
from refnn.training import Model, train_step
from tests.strategies import FLOATS
from tftwin.lockstep.roundoff import exact

each_dtype = pytest.mark.parametrize("dtype", FLOATS)
pytestmark = pytest.mark.filterwarnings("error")


def printed(value, digits):
    """Whether the value rounds to these printed digits: half a unit of the last at most."""
    decimals = len(digits.partition(".")[2])
    return abs(Fraction(float(value)) - Fraction(digits)) <= Fraction(1, 2 * 10**decimals)


def test_the_3_4_2_network_has_26_parameters_and_20_multiply_adds():
    sizes = complexity(multilayer([3, 4, 2], Sigmoid()))
    assert (sizes.parameters, sizes.multiply_adds, sizes.layers) == (26, 20, 2)
    assert multilayer([3, 4, 2], Sigmoid()).size == 26
    assert multilayer([3, 4, 2], Sigmoid(), use_bias=False).size == 20


# Schedules ---------------------------------------------------------------------------------------


def test_exponential_decay_from_0_2():
    """The tutorial's table: each value within the roundings of a power and a product."""
    schedule = ExponentialDecay(0.2, 0.99, 1)
    assert schedule(0) == 0.2
    for step, digits in [(1, "0.198"), (2, "0.19602"), (3, "0.1940598")]:
        assert printed(schedule(step), digits)
    for step in range(40):
        truth = Fraction(0.2) * Fraction(0.99) ** step
        assert abs(Fraction(schedule(step)) - truth) <= 3 * Fraction(2) ** -53 * truth
    stairs = ExponentialDecay(1.0, 0.5, 3, staircase=True)
    assert [stairs(i) for i in range(7)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    assert ExponentialDecay(1.0, 0.25, 2)(1) == 0.5
    epochs = PerEpoch(ExponentialDecay(1.0, 0.5), 4)
    assert [epochs(i) for i in (0, 3, 4, 7, 8)] == [1, 1, 0.5, 0.5, 0.25]


def test_one_weight_from_5_on_the_parabola():
    """The tutorial: w from 5, loss (w + 1)², rates 0.2, 0.198, …"""
    schedule, w = ExponentialDecay(0.2, 0.99, 1), np.array([5.0])
    for step, (digits, loss) in enumerate([("2.6", "12.96"), ("1.1744", "4.72801536")]):
        w, _ = SGD(schedule).rule(w, 2 * (w + 1), (), step + 1, schedule(step))
        assert abs(w[0] - float(digits)) <= 8 * 2.0**-53 * 6  # four roundings of numbers below 6
        assert printed((w[0] + 1) ** 2, loss)


# Activations -------------------------------------------------------------------------------------


@each_dtype
def test_sigmoid(dtype):
    x = np.linspace(-6, 6, 1201, dtype=dtype)
    slope = derivative(Sigmoid(), x)
    zero = np.zeros(1, dtype)
    assert Sigmoid().forward(zero)[0] == 0.5
    assert derivative(Sigmoid(), zero)[0] == 0.25
    assert np.all(slope <= 0.25)
    assert abs(x[np.argmax(slope)]) <= 0.01
    assert slope.dtype == dtype
    assert derivative(Tanh(), zero)[0] == 1


@each_dtype
@pytest.mark.parametrize("function", [Sigmoid(), Tanh(), Softmax()], ids=str)
def test_no_warning_however_large_the_input(function, dtype):
    """±1e4, ±inf and NaN; the filter of this file makes any warning an error."""
    inf, nan = np.inf, np.nan
    x = np.array([[1e4, -1e4, 0.0], [-inf, 0.0, 0.0], [88.0, -104.0, 710.0]], dtype)
    y = function.forward(x)
    assert y.dtype == dtype
    assert np.all((y >= -1) & (y <= 1))
    if isinstance(function, Softmax):
        assert y[0].tolist() == [1, 0, 0]
        assert y[1].tolist() == [0, 0.5, 0.5]
        assert np.isnan(function.forward(np.array([[0, inf], [nan, 1]], dtype))).all()
    else:
        low = -1 if isinstance(function, Tanh) else 0
        values = function.forward(np.array([1e4, -1e4, inf, -inf, nan], dtype))
        assert values[:4].tolist() == [1, low, 1, low]
        assert np.isnan(values[4])
        assert np.isfinite(derivative(function, x)).all()


@each_dtype
def test_softmax_is_stable(dtype):
    for shift in (-1e4, 0.0, 1e4):
        y = Softmax().forward(np.array([[shift, shift, shift, shift]], dtype))
        assert y.tolist() == [[0.25, 0.25, 0.25, 0.25]]
    y = Softmax().forward(np.log(np.array([[1.0, 2.0, 5.0]], dtype)))
    bound = Softmax().forward(np.log(exact(np.array([[1.0, 2.0, 5.0]], dtype)))).bound
    assert np.all(np.abs(y - np.array([0.125, 0.25, 0.625])) <= bound)


# Losses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("predicted", "digits"),
    [([0.6, 0.4], "0.51082562376599"), ([0.8, 0.2], "0.22314355131421")],
)
@each_dtype
def test_cross_entropy_of_the_tutorial(predicted, digits, dtype):
    loss, y_true, y_pred = (
        CategoricalCrossentropy(),
        np.array([[1, 0]], dtype),
        np.array([predicted]),
    )
    carried = exact(y_pred.astype(dtype))
    carried.bound[...] = np.abs(y_pred.astype(dtype) - y_pred) + 2.0**-54  # 0.6 is no binary number
    result = loss.per_sample(y_true, carried)
    assert loss.per_sample(y_true, y_pred.astype(dtype))[0] == result.value[0]
    assert abs(result.value[0] - float(digits)) <= result.bound[0] + 0.5e-14
    assert result.bound[0] < 1e-5 if dtype == np.float32 else result.bound[0] < 1e-14
    if dtype == np.float64:
        assert printed(result.value[0], digits)


@each_dtype
def test_losses_by_hand(dtype):
    y, p = np.array([[1.0, 2.0], [3.0, 4.0]], dtype), np.array([[1.5, 0.0], [3.0, 5.0]], dtype)
    loss = MeanSquaredError()
    assert loss.value(y, p) == (0.25 + 4 + 0 + 1) / 4
    assert loss.per_sample(y, p).tolist() == [2.125, 0.5]
    assert loss.gradient(y, p).tolist() == [[0.25, -1], [0, 0.5]]
    loss = Asymmetric(cost=8, profit=3)  # at the tie: the second branch
    assert loss.value(y, p) == 8 * 0.5 + 3 * 2 + 0 + 8 * 1
    assert loss.per_sample(y, p).tolist() == [10, 8]
    assert loss.gradient(y, p).tolist() == [[8, -3], [-3, 8]]
    l2 = L2(0.5)
    assert l2.value([y, p]) == 0.5 * (30 + 36.25) / 2
    assert l2.gradient(y).tolist() == [[0.5, 1], [1.5, 2]]


@each_dtype
def test_softmax_cross_entropy_by_hand(dtype):
    """Equal logits: ln K; and far apart: the gap itself, with no ε to stop it."""
    loss, eye = SoftmaxCrossentropy(), np.eye(4, dtype=dtype)
    logits = np.zeros((4, 4), dtype)
    bounded = loss.per_sample(eye, exact(logits))
    assert np.all(np.abs(bounded.value - log(4)) <= bounded.bound + 2.0**-53 * 2)
    assert loss.gradient(eye, logits).tolist() == ((0.25 - eye) / 4).tolist()
    apart = np.array([[0, 200.0]], dtype)
    assert loss.value(np.array([[1, 0]], dtype), apart) == 200
    assert loss.value(np.array([[0, 1]], dtype), apart) == 0
    assert loss.gradient(np.array([[1, 0]], dtype), apart)[0, 1] == 1


# The seven rules, where every operation is exact -------------------------------------------------

HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)


@each_dtype
@pytest.mark.parametrize(
    ("optimizer", "g", "slots", "t", "expected", "expected_slots"),
    [
        # 1 − ¼ · ½
        (SGD(0.25), HALF, [], 1, Fraction(7, 8), []),
        # m = ½ · ¼ + ½ · ½ = 3/8; 1 − ¼ · 3/8
        (SGDM(0.25, 0.5), HALF, [QUARTER], 1, Fraction(29, 32), [Fraction(3, 8)]),
        # from the start: m = ½ · ½
        (SGDM(0.25, 0.5), HALF, [0], 1, Fraction(15, 16), [QUARTER]),
        # m = 3/8 as above; ½ · 3/8 + ½ · ½ = 7/16; 1 − ¼ · 7/16
        (Nesterov(0.25, 0.5), HALF, [QUARTER], 1, Fraction(57, 64), [Fraction(3, 8)]),
        # v = 1 + 9/16 = (5/4)²; 1 − ¼ · ¾ / (5/4 + ¼)
        (Adagrad(0.25, 0.25), Fraction(3, 4), [1], 1, Fraction(7, 8), [Fraction(25, 16)]),
        # the first step is the rate, whatever the gradient: ε = 0
        (Adagrad(0.25, 0.0), Fraction(-3, 4), [0], 1, Fraction(5, 4), [Fraction(9, 16)]),
        # v = ½ · 7/2 + ½ · 1 = (3/2)²; 1 − ¼ · 1 / (3/2 + ½)
        (RMSProp(0.25, 0.5, 0.5), 1, [Fraction(7, 2)], 1, Fraction(7, 8), [Fraction(9, 4)]),
        # t = 1: m̂ = g, v̂ = g²; 1 − ¼ · (3/2) / (3/2 + ½)
        (
            Adam(0.25, 0.5, 0.75, 0.5), Fraction(3, 2), [0, 0], 1,
            Fraction(13, 16), [Fraction(3, 4), Fraction(9, 16)],
        ),
        # t = 2: m = 9/8, m̂ = m / (3/4) = 3/2; v = 63/64, v̂ = v / (7/16) = (3/2)²
        (
            Adam(0.25, 0.5, 0.75, 0.5), Fraction(3, 4), [Fraction(3, 2), Fraction(9, 8)], 2,
            Fraction(13, 16), [Fraction(9, 8), Fraction(63, 64)],
        ),
        # μ = ¼; t = 1: m = 15, m̂ = (15/4) / (15/16) + (3/2) / (3/4) = 6; v = 4, v̂ = 4²
        (
            Nadam(0.25, 0.5, 0.75, 4, 0), 2, [28, 4], 1, Fraction(13, 16), [15, 4],
        ),
    ],
)  # fmt: skip
def test_rules_by_hand(optimizer, g, slots, t, expected, expected_slots, dtype):
    def vector(number):
        return np.full(3, float(number), dtype)

    w, new = optimizer.rule(vector(1), vector(g), tuple(map(vector, slots)), t, 0.25)
    assert w.tolist() == vector(expected).tolist()
    assert [s.tolist() for s in new] == [vector(s).tolist() for s in expected_slots]
    assert {a.dtype for a in (w, *new)} == {np.dtype(dtype)}


# Matt Mazur's worked example ---------------------------------------------------------------------


class HalfSquares:
    """Σ ½ (target − output)², his loss."""

    def value(self, y_true, y_pred):
        return np.sum(np.square(y_pred - y_true)) / 2

    def gradient(self, y_true, y_pred):
        return y_pred - y_true


def test_matt_mazurs_2_2_2_network():
    """Mazur, *A Step by Step Backpropagation Example* (2015)."""
    network = multilayer([2, 2, 2], Sigmoid(), Sigmoid())
    theta = np.array([0.15, 0.25, 0.20, 0.30, 0.35, 0.35, 0.40, 0.50, 0.45, 0.55, 0.60, 0.60])
    model = Model(network, HalfSquares(), SGD(0.5))
    x, y = np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])
    step = train_step(model, model.state_at(theta), x, y)
    assert printed(step.loss, "0.298371109")
    (W1, W2) = (p.of(step.state.theta) for p in network.parameters if p.is_weight)
    assert printed(W2[0, 0], "0.35891648")
    assert printed(W1[0, 0], "0.149780716")
    assert printed(step.outputs[2][0, 0], "0.593269992")
    assert printed(step.outputs[4][0, 0], "0.75136507")


def test_adam_in_float32_moves_by_the_rate_in_its_first_step():
    """Whatever the gradient: m̂ / √v̂ is its sign. Of no step may the size grow with g."""
    g = np.array([1e-3, -1.0, 300.0], np.float32)
    w, _ = Adam(0.125, epsilon=0.0).rule(np.zeros(3, np.float32), g, (0 * g, 0 * g), 1, 0.125)
    moved = np.abs(w) / 0.125
    assert np.all(np.abs(moved - 1) <= 16 * 2.0**-24)  # nine roundings of 2⁻²⁴, one of them a root
    assert np.sign(w).tolist() == [-1, 1, -1]
