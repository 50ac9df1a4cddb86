"""A run that leaves the finite numbers stops, and says where and why."""

import re

import numpy as np
import pytest

from refnn import (
    L2,
    SGD,
    Adagrad,
    Adam,
    Asymmetric,
    CategoricalCrossentropy,
    Identity,
    MeanSquaredError,
    Model,
    NonFiniteError,
    Relu,
    RMSProp,
    Sigmoid,
    fit,
    multilayer,
)

RNG = np.random.default_rng(3)
X = RNG.standard_normal((24, 4)).astype(np.float32)
Y = RNG.standard_normal((24, 3)).astype(np.float32)


class BinaryCrossentropy:
    """As many write it: a sigmoid that is exactly 1 or 0 gives the logarithm of zero."""

    def value(self, t, p):
        tiny = np.square(np.float32(1e-30) * p)  # underflows, which is no cause
        return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p)) + np.mean(tiny)

    def gradient(self, t, p):
        return (p - t) / (p * (1 - p)) / p.size


class Root:
    """The root of what a network gives, which may be negative."""

    def forward(self, x):
        return np.sqrt(x)

    def backward(self, dy, x, y):
        return dy / (2 * y)


class Plain(Identity):
    """An output of the user's own, of which nobody knows whether it gives probabilities."""


RATE = r"the learning rate {} is too large for these data, or the data are not standardized"
NAN_OR_INF = r"(nan|-?inf)"
NO_CLASSES = np.zeros((3, 2), np.float32), np.eye(2, dtype=np.float32)[[0, 1, 0]]
ONES = np.ones((2, 1), np.float32)
CAUSES = {
    "learning rate": (
        multilayer([4, 5, 3], Relu()), MeanSquaredError(), SGD(1e25), None, X, Y,
        rf"step 2, forward: y3\[0, 0\] is {NAN_OR_INF}; its largest input is \S+e\+2\d, in (W3|y2)",
        RATE.format(r"1e\+25"),
    ),
    "square of the outputs": (
        multilayer([4, 3], Relu()), MeanSquaredError(), SGD(1e20), None, X, Y,
        r"step 2, loss: data is inf; its largest input is \S+e\+(19|20|21), in y1",
        RATE.format(r"1e\+20"),
    ),
    "penalty": (
        multilayer([1, 1], Relu(), use_bias=False), MeanSquaredError(), SGD(0.1), L2(1e30),
        ONES * 0, ONES,
        r"step 2, loss: penalty is inf; its largest input is \S+e\+\d\d, in W1",
        r"the penalty of L2\(rate=1e\+30\) is too large",
    ),
    "square of a gradient": (
        multilayer([1, 1], Relu(), use_bias=False), Asymmetric(1, 1e20), RMSProp(0.1), None,
        ONES, ONES * 1e9,
        r"step 1, slots: v W1\[0, 0\] is inf; its largest input is 2e\+20, in dW1",
        r"Asymmetric\(cost=1\.0, profit=1e\+20\) is too large: divide cost and profit by the same "
        "number",
    ),
    "epsilon of Adagrad": (
        multilayer([4, 3], Relu()), MeanSquaredError(), Adagrad(0.1, 0), None, X * [1, 0, 1, 1], Y,
        r"step 1, update: W1\[1, 0\] is nan; its largest input is \S+, in dW1",
        r"epsilon is 0, and so is the square of the gradient there \(0/0\): pass epsilon=1e-7 to "
        "Adagrad",
    ),
    "epsilon of Adam": (
        multilayer([4, 3], Relu()), MeanSquaredError(), Adam(0.1, epsilon=0), None,
        X * [1, 1, 1, 0], Y,
        r"step 1, update: W1\[3, 0\] is nan; its largest input is \S+, in dW1",
        r"epsilon is 0, and so is the square of the gradient there \(0/0\): pass epsilon=1e-7 to "
        "Adam",
    ),
    "epsilon of RMSProp": (
        multilayer([4, 3], Relu()), MeanSquaredError(), RMSProp(0.1, epsilon=0), None, X * 0, Y,
        r"step 1, update: W1\[0, 0\] is nan; its largest input is 0, in dW1",
        r"epsilon is 0, and so is the square of the gradient there \(0/0\): pass epsilon=1e-7 to "
        "RMSProp",
    ),
    "logarithm of zero": (
        multilayer([1, 1], Relu(), Sigmoid()), BinaryCrossentropy(), SGD(1), None,
        ONES * 1e4, ONES * 0,
        r"step 1, loss: data is (nan|inf); its largest input is 1, in y2",
        "a logarithm of zero or a division by zero in BinaryCrossentropy",
    ),
    "no probability": (
        multilayer([2, 2], Relu(), Plain()), CategoricalCrossentropy(), SGD(1), None, *NO_CLASSES,
        "step 1, loss: data is nan; its largest input is 0, in y2",
        "a logarithm of zero or a division by zero in CategoricalCrossentropy",
    ),
    "root of a negative number": (
        multilayer([1, 1], Relu(), Root(), use_bias=False), MeanSquaredError(), SGD(1), None,
        -ONES, ONES,
        r"step 1, forward: y2\[0, 0\] is nan; its largest input is \S+, in y1",
        "0/0, or the logarithm or root of a negative number, in layer 2",
    ),
    "division by zero on the way back": (
        multilayer([1, 1], Relu(), Root(), use_bias=False), MeanSquaredError(), SGD(1), None,
        ONES * 0, ONES,
        r"step 1, backward: dy1\[0, 0\] is -inf; its largest input is 1, in dy2",
        "a logarithm of zero or a division by zero in layer 2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CAUSES.values(), ids=CAUSES)
def test_a_run_that_leaves_the_finite_numbers_says_where_and_why(case):
    network, loss, optimizer, regularizer, x, y, where, cause = case
    x, y = x.astype(np.float32), y.astype(np.float32)
    model = Model(network, loss, optimizer, regularizer)
    start = model.state_at(np.abs(network.initial_theta(np.random.default_rng(1))))
    with pytest.raises(NonFiniteError) as caught:
        fit(model, start, x, y, epochs=9, batch_size=99, progress=False)
    error, message = caught.value, str(caught.value)
    end = r"The last finite state is kept in this error's \.state"
    assert re.fullmatch(rf"{where}\. Likely cause: {cause}\. {end}", message), message
    assert all(np.isfinite(a).all() for a in (error.state.theta, *error.state.slots))
    step, name = re.match(r"step (\d+), [a-z ]+: ([^\[]+?)(?:\[.*?\])? is ", message).groups()
    assert int(step) == error.state.step + 1
    assert name == error.tensor
    assert len(error.history.loss) == error.state.step


def test_the_last_finite_state_is_the_one_before_the_step():
    model = Model(multilayer([4, 3], Relu()), MeanSquaredError(), Adagrad(0.1, 0.0))
    zero = model.state_at(np.zeros(15, np.float32))
    with pytest.raises(NonFiniteError, match="pass epsilon=1e-7 to Adagrad") as caught:
        fit(model, zero, 0 * X, Y, epochs=5, progress=False)
    assert caught.value.state is zero
    assert caught.value.tensor == "W1"
