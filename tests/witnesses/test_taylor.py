"""The remainder of a Taylor step falls by 4 when the step is halved: no TensorFlow needed.

For the gradient g of f and any direction d, r(h) = |f(θ + h d) − f(θ) − h g·d| is of order h². For
any other g it is of order h: halving h halves it. Between the two lies no tolerance: the order
is the logarithm of a ratio, and is rounded to a whole number.

The steps are computed in longdouble. What rounding may do to r is known: refnn's own code, run
on arrays that carry their bound, bounds it in float64, and longdouble rounds 2¹¹ times finer
(its exp, log and tanh are within 3 ulp; those of the float64 ledger, each with its margin, are
taken as they are and so are at most as tight). The smallest h is taken at which r is still
well above that noise, so that terms of higher order do not matter.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from refnn.activations import Elu, LeakyRelu, Relu, Selu, Sigmoid, Softmax, Tanh, derivative
from refnn.layers import Activation, Dense
from refnn.losses import (
    CLIP,
    Asymmetric,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
)
from refnn.network import multilayer
from refnn.regularizers import L2
from refnn.training import Model, backpropagate, objective
from tests.strategies import (
    Case,
    activations,
    cases,
    losses,
    networks,
    numbers,
    seeds,
    smooth,
    targets,
)
from tftwin.lockstep.roundoff import exact

EXTENDED = np.longdouble
FINER = 2.0**-11 * 2
"""From float64's unit roundoff to longdouble's, and 2 for the float64 rounding of θ + h d."""
STEPS = [4.0**-k for k in range(1, 25)]
NOISE = 32
"""r must be so many times its noise: then the noise moves the order by less than a tenth."""
moderate = st.sampled_from([1e-2, 1.0, 10.0])
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@dataclass
class Taylor:
    """A function f of a vector, at one point, along one direction."""

    f: object
    """Maps a vector to a number, in any number system."""
    branches: object
    """Maps a vector to the sides of all kinks, as one bool array."""
    point: np.ndarray
    direction: np.ndarray
    gradient: np.ndarray
    gradient_bound: np.ndarray

    def __post_init__(self):
        sides, here = self.branches(self.point), self.f(self.point)
        bound_here = self.f(exact(self.point.astype(np.float64))).bound
        self.differences = []  # (h, f(θ + h d) − f(θ), its noise), where no kink is crossed
        for h in STEPS:
            there = self.point + EXTENDED(h) * self.direction
            if np.array_equal(self.branches(there), sides):
                bound = bound_here + self.f(exact(there.astype(np.float64))).bound
                self.differences.append((h, self.f(there) - here, bound * FINER))

    def order(self, gradient):
        """The order of the remainder; None where it is nothing but noise at every step."""
        slope = gradient @ self.direction
        slope_noise = self.gradient_bound @ np.abs(self.direction) * FINER
        remainders = []
        for h, difference, noise in self.differences:
            remainder = abs(difference - h * slope)
            if not remainder > NOISE * (noise + h * slope_noise + abs(h * slope) * 2.0**-62):
                break
            remainders.append((h, remainder))
        if len(remainders) < 2:
            return None
        (h, one), (less, other) = remainders[-2:]
        return round(float(np.log2(one / other) / np.log2(h / less)))

    def visible(self, gradient):
        """Whether an error of this gradient is far above the noise at two steps."""
        error = abs((gradient - self.gradient) @ self.direction)
        slope_noise = self.gradient_bound @ np.abs(self.direction) * FINER
        return len(self.differences) > 2 and all(
            h * error > 2**12 * (noise + h * slope_noise) for h, _, noise in self.differences[:3]
        )


def check(taylor):
    """The right gradient passes; nothing, twice, the opposite and a permutation do not."""
    order = taylor.order(taylor.gradient)
    assert order is None or order >= 2
    g = taylor.gradient
    wrong = {
        "nothing": 0 * g,
        "twice": 2 * g,
        "opposite": -g,
        "reversed": g[::-1],
        "+ 0.1 %": g * (1 + EXTENDED(1e-3)),
    }
    for name, gradient in wrong.items():
        if taylor.visible(gradient):
            assert taylor.order(gradient) == 1, name
    return order


def of_a_step(case, rng):
    """The training loss as a function of θ."""
    model, state, x, y, *drawn = case.step
    network, loss = model.network, model.loss
    masks = drawn[0] if drawn else ()
    narrow = [mask.astype(np.float64) for mask in masks]
    wide_x, wide_y = exact(x.astype(np.float64)), y.astype(np.float64)

    def f(theta):
        plain = isinstance(theta, np.ndarray)
        data = (x, y) if plain else (wide_x, exact(wide_y))
        if not masks:
            return objective(model, theta, *data)
        outputs = network.forward(theta, data[0], masks if plain else narrow)
        value = loss.value(data[1], outputs[-1])
        if model.regularizer is not None:
            value = value + model.regularizer.value(network.weights(theta))
        return value

    def branches(theta):
        outputs = network.forward(theta, x, masks)
        sides = [
            z.ravel() > 0
            for z, layer in zip(outputs, network.layers, strict=False)
            if isinstance(layer, Activation) and isinstance(layer.function, KINKED)
        ]
        last = outputs[-1]
        if isinstance(loss, (Asymmetric, MeanAbsoluteError)):
            sides.append((last > y).ravel())
        if isinstance(loss, BinaryCrossentropy):
            sides += [(last >= CLIP).ravel(), (last <= 1 - CLIP).ravel()]
        if isinstance(loss, CategoricalCrossentropy):
            q = last / np.sum(last, axis=-1, keepdims=True)
            sides += [(q >= CLIP).ravel(), (q <= 1 - CLIP).ravel()]
        return np.concatenate([*sides, np.zeros(0, bool)])

    found = backpropagate(model, state.theta, x, y, masks)
    bounded = backpropagate(model, exact(state.theta.astype(np.float64)), wide_x, wide_y, narrow)
    return Taylor(
        f,
        branches,
        state.theta,
        rng.standard_normal(len(state.theta)).astype(EXTENDED),
        np.concatenate(found.gradients, axis=None),
        np.concatenate([g.bound.ravel() for g in bounded.gradients]),
    )


KINKED = (Relu, LeakyRelu, Elu, Selu)
NOT_SMOOTH = (Asymmetric, CategoricalCrossentropy, MeanAbsoluteError, BinaryCrossentropy)
extended = st.just(np.longdouble)
no_grid = st.just(False)


@given(cases(extended, steps=1, scales=moderate, grids=no_grid), seeds)
def test_the_gradient_of_a_training_step(case, seed):
    with np.errstate(under="ignore"):
        check(of_a_step(case, np.random.default_rng(seed)))


@given(cases(extended, smooth, steps=1, scales=st.just(1.0), grids=no_grid), seeds)
def test_the_gradient_of_a_smooth_network_is_of_order_two(case, seed):
    """Here the remainder must be seen: not one of these cases may pass by being noise."""
    assume(not isinstance(case.loss, NOT_SMOOTH))
    assume(case.network.outputs > 1 or isinstance(case.loss, MeanSquaredError))
    assume(not case.network.dropouts)  # a mask of zeros leaves nothing to be seen
    assume(not isinstance(getattr(case.network.layers[-1], "function", None), Softmax))
    with np.errstate(under="ignore"):
        assert check(of_a_step(case, np.random.default_rng(seed))) >= 2


@given(activations, seeds, st.sampled_from([(1, 1), (1, 5), (3, 4), (2, 1)]))
def test_the_derivative_of_an_activation(function, seed, shape):
    """Of Σ dy · f(x), with a random dy: for softmax a dy of ones would give 0 whatever it does."""
    rng = np.random.default_rng(seed)
    x, dy = (numbers(rng, shape).astype(EXTENDED) for _ in range(2))
    kinked = isinstance(function, KINKED)

    def f(v):
        upstream = dy if isinstance(v, np.ndarray) else exact(dy.astype(np.float64))
        return np.sum(upstream * function.forward(v.reshape(shape)))

    def gradient(x, dy):
        return function.backward(dy, x, function.forward(x)).reshape(-1)

    bounded = gradient(exact(x.astype(np.float64)), exact(dy.astype(np.float64)))
    check(
        Taylor(
            f,
            lambda v: v > 0 if kinked else np.zeros(1, bool),
            x.ravel(),
            rng.standard_normal(x.size).astype(EXTENDED),
            gradient(x, dy),
            bounded.bound,
        )
    )


@given(losses, seeds, st.integers(1, 5), st.sampled_from([1, 2, 5]))
def test_the_gradient_of_a_loss_for_one_two_and_five_outputs(loss, seed, rows, columns):
    rng = np.random.default_rng(seed)
    y = targets(rng, loss, rows, columns, 1.0, False).astype(EXTENDED)
    y_pred = numbers(rng, y.shape).astype(EXTENDED)
    if isinstance(loss, CategoricalCrossentropy):  # unnormalised, positive
        y_pred = np.abs(y_pred) + EXTENDED(0.1)
    if isinstance(loss, BinaryCrossentropy):
        y_pred = EXTENDED(0.5) + np.tanh(y_pred) * EXTENDED(0.4)

    def f(v):
        labels = y if isinstance(v, np.ndarray) else exact(y.astype(np.float64))
        return loss.value(labels, v.reshape(y.shape))

    def branches(v):
        if isinstance(loss, (Asymmetric, MeanAbsoluteError)):
            return v > y.ravel()
        if isinstance(loss, BinaryCrossentropy):
            return np.concatenate([v >= CLIP, v <= 1 - CLIP])
        if isinstance(loss, CategoricalCrossentropy):
            p = v.reshape(y.shape)
            q = p / np.sum(p, axis=-1, keepdims=True)
            return np.concatenate([(p > 0).ravel(), (q >= CLIP).ravel(), (q <= 1 - CLIP).ravel()])
        return np.zeros(1, bool)

    gradient = loss.gradient(y, y_pred)
    assert gradient.shape == y_pred.shape
    bounded = loss.gradient(y.astype(np.float64), exact(y_pred.astype(np.float64)))
    direction = rng.standard_normal(y.size).astype(EXTENDED)
    if isinstance(loss, CategoricalCrossentropy):
        direction = np.abs(direction)  # p stays positive
    check(Taylor(f, branches, y_pred.ravel(), direction, gradient.ravel(), bounded.bound.ravel()))


@given(st.sampled_from([1e-4, 0.3, 2.0]), seeds)
def test_the_gradient_of_l2_is_that_of_its_value(rate, seed):
    rng = np.random.default_rng(seed)
    W, d = (numbers(rng, (3, 2)).astype(EXTENDED) for _ in range(2))
    l2 = L2(rate)
    check(
        Taylor(
            lambda v: l2.value([v.reshape(3, 2)]),
            lambda v: np.zeros(1, bool),
            W.ravel(),
            d.ravel(),
            l2.gradient(W).ravel(),
            l2.gradient(exact(W.astype(np.float64))).bound.ravel(),
        )
    )


@given(networks(smooth, dropouts=None), seeds, st.integers(1, 4))
def test_the_gradients_by_every_layers_output(network, seed, rows):
    """∂(Σ dy · yₙ)/∂yᵢ, by a step of yᵢ alone through the layers behind it."""
    rng = np.random.default_rng(seed)
    theta = numbers(rng, network.size, 0.5).astype(EXTENDED)
    x = numbers(rng, (rows, network.inputs)).astype(EXTENDED)
    outputs = network.forward(theta, x)
    dy = numbers(rng, outputs[-1].shape).astype(EXTENDED)
    carried = exact(theta.astype(np.float64))
    bounded_outputs = network.forward(carried, exact(x.astype(np.float64)))
    bounded, _ = network.backward(carried, bounded_outputs, exact(dy.astype(np.float64)))
    dys, _ = network.backward(theta, outputs, dy)
    assert len(dys) == len(network.layers)
    with np.errstate(under="ignore"):
        for i, (y, dy_i) in enumerate(zip(outputs[1:], dys, strict=True)):

            def f(v, i=i, shape=y.shape):
                plain = isinstance(v, np.ndarray)
                t, upstream = (theta, dy) if plain else (carried, exact(dy.astype(np.float64)))
                v = v.reshape(shape)
                for layer, place in list(zip(network.layers, network.slices, strict=True))[i + 1 :]:
                    v = layer.forward(t[place], v)
                return np.sum(upstream * v)

            check(
                Taylor(
                    f,
                    lambda v: np.zeros(1, bool),
                    y.ravel(),
                    rng.standard_normal(y.size).astype(EXTENDED),
                    dy_i.ravel(),
                    bounded[i].bound.ravel(),
                )
            )


@pytest.mark.parametrize("function", [Sigmoid(), Tanh()], ids=str)
def test_the_derivative_for_plots_is_of_order_two_everywhere(function):
    """Each point by itself: f(x + h) − f(x) − h f'(x) over h², halved, stays put."""
    x = np.linspace(-4, 4, 101).astype(EXTENDED)
    x = x[np.abs(x) > 0.05]  # at 0 the second derivative is 0
    slope = derivative(function, x)
    for wrong, expected in ((1, 2), (1 + EXTENDED(1e-3), 1)):
        remainders = [
            np.abs(function.forward(x + h) - function.forward(x) - h * wrong * slope)
            for h in (EXTENDED(2.0**-20), EXTENDED(2.0**-21))
        ]
        assert np.all(np.round(np.log2(remainders[0] / remainders[1])) == expected)


def test_a_transposed_weight_in_backward_is_seen(monkeypatch):
    """A square W, whose transpose has the same shape."""
    rng = np.random.default_rng(0)
    theta, x, y = (numbers(rng, s).astype(EXTENDED) for s in (24, (4, 3), (4, 3)))
    model = Model(multilayer([3, 3, 3], Tanh()), MeanSquaredError())
    case = Case(model, model.state_at(theta), [(x, y)])
    with np.errstate(under="ignore"):
        assert of_a_step(case, rng).order(of_a_step(case, rng).gradient) == 2
        monkeypatch.setattr(
            Dense, "input_gradient", lambda self, theta, x, y, dy: dy @ self.weight(theta)
        )
        taylor = of_a_step(case, rng)
        assert taylor.order(taylor.gradient) == 1
