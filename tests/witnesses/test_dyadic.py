"""Networks on which nothing is rounded: refnn, TensorFlow and exact rationals give the same bits.

Weights and data lie on coarse dyadic grids, so that every product and every sum is a floating-point
number, whatever the order. The third witness has no backward pass: it evaluates the loss in
``fractions.Fraction`` on dual numbers a + b ε, once for each parameter, and reads the derivative
from ε. Kinks and ties occur, because the grids are coarse.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refnn import (
    L2,
    SGD,
    SGDM,
    Asymmetric,
    LeakyRelu,
    MeanSquaredError,
    Model,
    Nesterov,
    Network,
    Relu,
    State,
    backpropagate,
    train_step,
)
from refnn.layers import Activation, Dense
from tests.strategies import seeds
from tftwin.counterparts import twin
from tftwin.trainer import Trainer


@dataclass(frozen=True)
class Dual:
    """a + b ε with ε² = 0, in rationals: f(a + b ε) = f(a) + f'(a) b ε."""

    a: Fraction
    b: Fraction = Fraction(0)

    def __add__(self, other):
        return Dual(self.a + other.a, self.b + other.b)

    def __sub__(self, other):
        return Dual(self.a - other.a, self.b - other.b)

    def __mul__(self, other):
        return Dual(self.a * other.a, self.a * other.b + self.b * other.a)


def constant(number):
    return Dual(Fraction(float(number)))


def piece(function, z):
    """Relu and leaky relu, one number: slope 1 above 0, and 0 or α at 0 and below."""
    slope = Fraction(getattr(function, "alpha", 0.0))
    return z if z.a > 0 else constant(slope) * z


def network_output(network, parameters, row):
    values = [constant(v) for v in row]
    remaining = iter(parameters)
    for layer in network.layers:
        if isinstance(layer, Activation):
            values = [piece(layer.function, v) for v in values]
            continue
        W = [[next(remaining) for _ in range(layer.outputs)] for _ in range(layer.inputs)]
        b = [next(remaining) for _ in range(layer.outputs if layer.use_bias else 0)]
        values = [
            sum((v * W[d][k] for d, v in enumerate(values)), b[k] if b else Dual(Fraction(0)))
            for k in range(layer.outputs)
        ]
    return values


def exact_loss(model, parameters, x, y):
    network, loss, regularizer = model.network, model.loss, model.regularizer
    total = Dual(Fraction(0))
    for row, targets in zip(x, y, strict=True):
        for value, target in zip(network_output(network, parameters, row), targets, strict=True):
            error = value - constant(target)
            if isinstance(loss, MeanSquaredError):
                total += error * error * constant(1 / y.size)
            elif error.a > 0:
                total += constant(loss.cost) * error
            else:
                total -= constant(loss.profit) * error
    if regularizer is not None:
        flat = np.zeros(network.size, bool)
        for p in network.parameters:
            flat[p.place] = p.is_weight
        for parameter, is_weight in zip(parameters, flat, strict=True):
            if is_weight:
                total += constant(regularizer.rate) * constant(0.5) * parameter * parameter
    return total


def exact_gradient(model, theta, x, y):
    """The loss, and each of its derivatives by a forward pass of its own."""
    gradient = []
    for i in range(len(theta)):
        parameters = [Dual(Fraction(float(w)), Fraction(int(i == j))) for j, w in enumerate(theta)]
        total = exact_loss(model, parameters, x, y)
        gradient.append(total.b)
    return total.a, gradient


@st.composite
def dyadic_runs(draw):
    inputs, hidden, outputs = (
        draw(st.integers(1, 3)),
        draw(st.integers(1, 4)),
        draw(st.integers(1, 2)),
    )
    function = draw(st.sampled_from([Relu(), LeakyRelu(0.25), LeakyRelu(0.5)]))
    bias = draw(st.booleans())
    network = Network(
        [Dense(inputs, hidden, bias), Activation(function), Dense(hidden, outputs, bias)]
    )
    loss = draw(st.sampled_from([MeanSquaredError(), Asymmetric(1.0, 2.0), Asymmetric(3.0, 0.5)]))
    regularizer = draw(st.sampled_from([None, L2(0.25), L2(0.5)]))
    optimizer = draw(
        st.sampled_from([SGD(0.25), SGDM(0.5, 0.5), SGDM(0.25, 0.75), Nesterov(0.5, 0.5)])
    )
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    rng = np.random.default_rng(draw(seeds))
    theta = rng.choice([-1, -0.5, 0, 0.5, 1], network.size).astype(dtype)
    rows = draw(st.sampled_from([1, 2, 4]))
    x = (rng.integers(-4, 5, (rows, inputs)) / 4).astype(dtype)
    y = (rng.integers(-4, 5, (rows, outputs)) / 4).astype(dtype)
    slots = tuple(
        (rng.integers(-4, 5, network.size) / 4).astype(dtype) for _ in optimizer.slot_names
    )
    return Model(network, loss, optimizer, regularizer), State(theta, slots, 3), x, y


def exactly(values):
    """Rationals as the floating-point numbers that they are."""
    values = list(values)
    assert all(Fraction(float(np.float32(float(v)))) == v for v in values), "the grid is too fine"
    return [float(v) for v in values]


@settings(max_examples=100)
@given(dyadic_runs())
def test_three_witnesses_give_the_same_numbers(run):
    model, state, x, y = run
    optimizer = model.optimizer
    value, gradient = exact_gradient(model, state.theta, x, y)
    (value,), gradient = exactly([value]), exactly(gradient)

    one = train_step(model, state, x, y)
    other = Trainer(twin(model), state, "eager").step(x, y)
    for step in (one, other):
        assert step.loss == value
        flat = np.concatenate([g.reshape(-1) for g in step.gradients])
        assert flat.tolist() == gradient

    rate = Fraction(optimizer.learning_rate)
    w = [Fraction(float(v)) for v in state.theta]
    g = [Fraction(v) for v in gradient]
    if isinstance(optimizer, (SGDM, Nesterov)):
        beta = Fraction(optimizer.beta)
        m = [
            beta * Fraction(float(a)) + (1 - beta) * b
            for a, b in zip(state.slots[0], g, strict=True)
        ]
        for step in (one, other):
            assert step.state.slots[0].tolist() == exactly(m)
        ahead = [beta * a + (1 - beta) * b for a, b in zip(m, g, strict=True)]
        g = ahead if isinstance(optimizer, Nesterov) else m
    for step in (one, other):
        assert step.state.theta.tolist() == exactly(a - rate * b for a, b in zip(w, g, strict=True))


@pytest.mark.parametrize(("function", "slope"), [(Relu(), 0.0), (LeakyRelu(0.25), 0.25)])
def test_the_grids_have_kinks(function, slope):
    """A unit whose input is exactly 0 in every row passes on its slope at 0, and nothing else."""
    network = Network([Dense(1, 1, use_bias=False), Activation(function), Dense(1, 1, False)])
    theta, x, y = np.array([0.0, 1.0]), np.array([[1.0]]), np.array([[2.0]])
    model = Model(network, MeanSquaredError())
    assert backpropagate(model, theta, x, y).gradients[0].item() == -4 * slope
    assert exact_gradient(model, theta, x, y)[1][0] == -4 * slope


def test_at_a_tie_the_asymmetric_loss_takes_its_second_branch():
    loss = Asymmetric(cost=3.0, profit=0.5)
    y = np.array([[1.0, 2.0]])
    assert loss.gradient(y, np.array([[1.0, 3.0]])).tolist() == [[-0.5, 3.0]]
