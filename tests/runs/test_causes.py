"""Every number that is not finite stops the run; a cause is named if its removal helps."""

import numpy as np
import pytest

from refnn import (
    L2,
    SGD,
    SGDM,
    Activation,
    Adagrad,
    Adam,
    Asymmetric,
    Dense,
    LeakyRelu,
    MeanSquaredError,
    Model,
    Network,
    NonFiniteError,
    Normal,
    Relu,
    RMSProp,
    Sigmoid,
    Softmax,
    SoftmaxCrossentropy,
    State,
    Tanh,
    fit,
    multilayer,
    train_step,
)
from refnn.runs.finite import tame_up_to, watch

F32, F64 = np.float32, np.float64
RNG = np.random.default_rng(3)
X = RNG.standard_normal((24, 4))
Y = RNG.standard_normal((24, 3))
CLASSES = np.eye(3)[RNG.integers(3, size=24)]
MSE = MeanSquaredError()


@pytest.fixture(params=["refnn", "tftwin"])
def side(request):
    return request.param


def run(model, x=X, y=Y, dtype=F32, start=None, epochs=60, **options):
    if start is None:
        start = model.initial_state(np.random.default_rng(1), dtype=dtype)
    options = {"batch_size": 8, "progress": False} | options
    train = fit
    if options.pop("side", "refnn") == "tftwin":
        import tftwin

        model, train = tftwin.twin(model), tftwin.fit
    return train(model, start, x.astype(dtype), y.astype(dtype), epochs=epochs, **options)


# Nothing goes unseen ------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [Relu(), Tanh(), Sigmoid(), Softmax()], ids=repr)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("deep", [False, True])
def test_an_infinity_before_an_activation_stops_the_run(function, sign, deep, side):
    layers = [Dense(1, 1, False), Activation(function)]
    network = Network([*layers, Dense(1, 1, False), Activation(Tanh())] if deep else layers)
    model = Model(network, MSE, SGD(1e-3))
    theta = np.ones(network.size, F32)
    theta[0] = sign * 1e30
    one = np.full((2, 1), 1e20)
    with pytest.raises(NonFiniteError) as caught:
        run(model, one, one * 0, start=model.state_at(theta), epochs=1, side=side)
    assert caught.value.tensor == "y1"
    assert caught.value.state.step == 0
    assert "step 1, forward: y1[0, 0] is " in str(caught.value)
    assert "Likely cause: " in str(caught.value)


class Mine:
    """A rule with three slots; the chosen one becomes infinite in the third step."""

    learning_rate, slot_names = 0.01, ("a", "b", "c")

    def __init__(self, bad):
        self.bad = bad

    def rule(self, w, g, slots, t, lr):
        slots = [slot + 1 for slot in slots]
        if t == 3 and self.bad is not None:
            slots[self.bad][0] = np.inf
        return w - lr * np.sign(g), tuple(slots)


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_an_infinity_in_any_slot_of_an_own_rule_stops_the_run(bad):
    with pytest.raises(NonFiniteError, match="step 3, slots") as caught:
        run(Model(multilayer([4, 3], Tanh()), MSE, Mine(bad)))
    assert caught.value.tensor == f"{'abc'[bad]} W1"
    assert "learning rate" not in str(caught.value)
    run(Model(multilayer([4, 3], Tanh()), MSE, Mine(None)))


def test_an_infinite_gradient_that_an_own_rule_swallows_stops_the_run():
    class Steep:
        def value(self, t, p):
            return np.mean(p)

        def gradient(self, t, p):
            return np.full_like(p, np.inf)

    with pytest.raises(NonFiniteError, match="step 1, backward: dy1"):
        run(Model(Network([Dense(4, 3)]), Steep(), Mine(None)), abs(X))


class Barrier:
    """The square, minus the logarithm of the distance from 0."""

    def value(self, t, p):
        return np.mean(np.square(p - t)) - np.mean(np.log(np.abs(p)))

    def gradient(self, t, p):
        return (2 * (p - t) - 1 / p) / p.size

    def tensorflow(self, t, p):
        from tftwin.tensorflow import tf

        return tf.reduce_mean(tf.square(p - t)) - tf.reduce_mean(tf.math.log(tf.abs(p)))


class Edge:
    """x, but 0 from 1e3 on."""

    def forward(self, x):
        return np.where(x > 1e3, x.dtype.type(0), x)

    def backward(self, dy, x, y):
        return np.where(x > 1e3, 0 * dy, dy)

    def tensorflow(self, x):
        from tftwin.tensorflow import tf

        return tf.where(x > 1e3, tf.zeros_like(x), x)


STEEP = Model(multilayer([4, 5, 3], LeakyRelu(1e18)), MSE, SGD(0.0))
HELD_OUT = {
    "x 1e30": (Model(multilayer([4, 3], Relu()), MSE, SGD(0.01)), 1e30 * X, Y, "x holds numbers"),
    "y 1e30": (Model(multilayer([4, 3], Relu()), MSE, SGD(0.01)), X, 1e30 * Y, "y holds numbers"),
    "α": (STEEP, 25 * X, Y, "alpha = 1e+18 of LeakyRelu is too large"),
    "both": (Model(multilayer([4, 3], Relu()), MSE, SGD(0.01)), 1e30 * X, 1e30 * Y, "not determ"),
    "ln 0": (
        Model(Network([Dense(4, 3), Activation(Edge())]), Barrier(), SGD(0.0)),
        np.where(X > 0, 9e3, X), Y, "a logarithm of zero or a division by zero in Barrier"),
}  # fmt: skip


@pytest.mark.parametrize("name", HELD_OUT)
@pytest.mark.filterwarnings("ignore")
def test_an_infinite_validation_loss_stops_the_run(side, name):
    model, x, y, cause = HELD_OUT[name]
    few = 1e-3 if name == "α" else 1.0
    with pytest.raises(NonFiniteError, match="^epoch 1, validation: the loss is inf") as caught:
        run(model, few * X, Y, epochs=3, side=side, validation=(x.astype(F32), y.astype(F32)))
    said = str(caught.value).split("Likely cause: ")[1]
    assert said.startswith(cause), said
    assert ", or " not in said
    assert caught.value.state.step == 3
    assert np.isfinite(caught.value.state.theta).all()
    assert caught.value.history.loss == []


@pytest.mark.parametrize("dtype", [F32, F64, np.longdouble])
@pytest.mark.parametrize(
    "network",
    [
        multilayer([4, 5, 3], Tanh(), Softmax()),
        multilayer([4, 30, 30, 3], Relu()),
        multilayer([4, 5, 3], LeakyRelu(-3.0), Sigmoid()),
        multilayer([4, 5, 3], Sigmoid(), use_bias=False),
    ],
)
def test_below_the_limit_no_output_can_overflow(network, dtype):
    """At the limit itself, with the worst θ that points along the data."""
    x = np.full((2, 4), 1e3, dtype)
    limit = tame_up_to(network, x)
    assert limit > 1
    rng = np.random.default_rng(1)
    for _ in range(200):
        theta = rng.random(network.size) ** rng.integers(1, 40)
        theta *= np.sqrt(limit / theta.dot(theta))
        outputs = network.forward(theta.astype(dtype), x)
        assert all(np.isfinite(y).all() for y in outputs)


def test_above_the_limit_every_output_is_looked_at():
    model = Model(multilayer([4, 3], Tanh(), Tanh()), MSE, SGD(0.0))
    start = model.state_at(np.full(15, 1e30, F32))
    with np.errstate(all="ignore"):
        finite = watch(model, start, X.astype(F32))
        step = train_step(model, start, X.astype(F32), Y.astype(F32))
        assert finite(step)
        step.outputs[1][3, 2] = -np.inf
        assert not finite(step)


# Causes -------------------------------------------------------------------------------------------

DEEP, FLAT = multilayer([4, 5, 3], Relu()), Network([Dense(4, 3)])
RATE, EPSILON, TARGETS, INPUTS = "the learning rate", "epsilon", "y holds", "x holds"
COST, PENALTY, ALPHA, THETA = "Asymmetric(", "the penalty of L2(", "alpha = ", "the first theta"
LEAKY = multilayer([4, 5, 3], LeakyRelu(1e25))
DEAD = X * [1, 0, 1, 1]  # a column whose gradient is 0


class Naive:
    """A softmax as many write it."""

    def forward(self, x):
        e = np.exp(x)
        return e / e.sum(axis=1, keepdims=True)

    def backward(self, dy, x, y):
        return (dy - (dy * y).sum(axis=1, keepdims=True)) * y

    def tensorflow(self, x):
        from tftwin.tensorflow import tf

        e = tf.exp(x)
        return e / tf.reduce_sum(e, axis=1, keepdims=True)


class HarmlessLog:
    """Squares, and an entropy whose log(0) is multiplied away."""

    def value(self, t, p):
        with np.errstate(all="ignore"):
            entropy = np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0) + 0 * (1 / (p == p))
            np.log(np.zeros_like(p))
        return np.mean(np.square(p - t)) + 0 * np.mean(np.minimum(entropy, 1))

    def gradient(self, t, p):
        np.log(0 * p)
        return 2 * (p - t) / p.size

    def tensorflow(self, t, p):
        from tftwin.tensorflow import tf

        return tf.reduce_mean(tf.square(p - t))


class Log:
    """The mean of −ln p."""

    def value(self, t, p):
        return -np.mean(np.log(p))

    def gradient(self, t, p):
        return -1 / p / p.size

    def tensorflow(self, t, p):
        from tftwin.tensorflow import tf

        return -tf.reduce_mean(tf.math.log(p))


class Cube:
    """p³, an activation that grows fast."""

    def forward(self, x):
        return x * x * x

    def backward(self, dy, x, y):
        return 3 * dy * x * x

    def tensorflow(self, x):
        return x * x * x


CAUSES = {
    # ε
    "ε 0, Adam": (Model(FLAT, MSE, Adam(0.1, epsilon=0)), {"x": DEAD}, EPSILON),
    "ε 0, Adagrad": (Model(FLAT, MSE, Adagrad(0.1, 0)), {"x": DEAD}, EPSILON),
    "ε 0, RMSProp, f64": (
        Model(FLAT, MSE, RMSProp(0.1, epsilon=0)), {"x": DEAD, "dtype": F64}, EPSILON),
    "ε 1e-50 in f32, Adam": (Model(FLAT, MSE, Adam(0.1, epsilon=1e-50)), {"x": DEAD}, EPSILON),
    "ε 1e-50 in f32, Adagrad": (Model(FLAT, MSE, Adagrad(0.1, 1e-50)), {"x": DEAD}, EPSILON),
    "ε 1e-46 in f32, RMSProp": (
        Model(FLAT, MSE, RMSProp(0.1, epsilon=1e-46)), {"x": DEAD}, EPSILON),
    # targets
    "y 1e20 in f32": (Model(DEEP, MSE, SGD(0.1)), {"y": 1e20 * Y}, TARGETS),
    "y 1e25, Adam": (Model(DEEP, MSE, Adam(0.1)), {"y": 1e25 * Y}, TARGETS),
    "y 1e200 in f64": (Model(FLAT, MSE, SGD(0.1)), {"y": 1e200 * Y, "dtype": F64}, TARGETS),
    "y 1e15, RMSProp in f32": (
        Model(FLAT, MSE, RMSProp(0.1)), {"y": np.where(Y > 2, 1e30, Y)}, TARGETS),
    "y 1e12, deep": (Model(DEEP, MSE, SGD(0.01)), {"y": 1e12 * Y}, TARGETS),
    # cost
    "profit 1e20, RMSProp": (Model(FLAT, Asymmetric(1, 1e20), RMSProp(0.1)), {}, COST),
    "cost 1e25, Adam": (Model(FLAT, Asymmetric(1e25, 1), Adam(0.1)), {}, COST),
    "cost 1e38, SGD": (Model(DEEP, Asymmetric(1e38, 1e38), SGD(0.1)), {}, COST),
    "profit 1e200 in f64": (
        Model(FLAT, Asymmetric(1, 1e200), Adagrad(0.1)), {"dtype": F64}, COST),
    # L2
    "L2 1e30": (Model(FLAT, MSE, SGD(0.1), L2(1e30)), {}, PENALTY),
    "L2 1e10": (Model(DEEP, MSE, SGD(0.1), L2(1e10)), {}, PENALTY),
    "L2 1e25, Adam": (Model(FLAT, MSE, Adam(0.1), L2(1e25)), {}, PENALTY),
    "L2 1e3": (Model(FLAT, MSE, SGDM(0.1), L2(1e3)), {}, PENALTY),
    # α
    "α 1e25": (Model(LEAKY, MSE, SGD(0.1)), {}, ALPHA),
    "α 1e25, Adam": (Model(LEAKY, MSE, Adam(0.1)), {}, ALPHA),
    "α −1e25": (Model(multilayer([4, 5, 3], LeakyRelu(-1e25)), MSE, SGD(0.1)), {}, ALPHA),
    "α 1e12": (Model(multilayer([4, 5, 5, 3], LeakyRelu(1e12)), MSE, SGD(0.1)), {}, ALPHA),
    # inputs
    "x 1e25": (Model(DEEP, MSE, SGD(0.1)), {"x": 1e25 * X}, INPUTS),
    "x 1e4, SGD": (Model(FLAT, MSE, SGD(0.1)), {"x": 1e4 * X}, INPUTS),
    "x 1e30, tanh": (Model(multilayer([4, 5, 3], Tanh()), MSE, RMSProp(0.1)),
                     {"x": np.where(X > 1, 1e38, X)}, INPUTS),
    # the first θ
    "θ 1e25": (Model(DEEP, MSE, SGD(0.1)), {"initializer": Normal(1e25)}, THETA),
    "θ 1e30 before tanh": (
        Model(multilayer([4, 5, 3], Tanh()), MSE, Adam(0.1)), {"initializer": Normal(1e25)}, THETA),
    # learning rate
    "lr 1e25": (Model(DEEP, MSE, SGD(1e25)), {}, RATE),
    "lr 1e30, Adam": (Model(DEEP, MSE, Adam(1e30)), {}, RATE),
    "lr 100": (Model(FLAT, MSE, SGD(100)), {}, RATE),
    "lr 5, deep": (Model(DEEP, MSE, SGD(5)), {}, RATE),
    "lr 30, momentum, f64": (Model(DEEP, MSE, SGDM(30, 0.5)), {"dtype": F64}, RATE),
    "lr 1e20, cross-entropy": (
        Model(DEEP, SoftmaxCrossentropy(), SGD(1e20)), {"y": CLASSES}, RATE),
    "lr 1e25, prices of 1e4": (Model(DEEP, MSE, SGD(1e25)), {"y": 1e4 * Y}, RATE),
    "lr 5 and a harmless log(0)": (Model(DEEP, HarmlessLog(), SGD(5)), {}, RATE),
    # functions of the user's own
    "ln 0": (
        Model(multilayer([4, 5, 3], Tanh(), Relu()), Log(), SGD(0.1)), {}, "a logarithm of zero"),
    "ln of a negative number": (Model(FLAT, Log(), SGD(0.1)), {}, "0/0, or the logarithm"),
    "lr 5 and a cube": (Model(multilayer([4, 5, 3], Cube()), MSE, SGD(5)), {}, RATE),
    "naive softmax of 1e3 x": (
        Model(multilayer([4, 3], Tanh(), Naive()), MSE, SGD(0.1)), {"x": 1e3 * X}, INPUTS),
}  # fmt: skip


ON_BOTH = [(side, name) for side in ("refnn", "tftwin") for name in CAUSES]


@pytest.mark.parametrize(("side", "name"), ON_BOTH)
@pytest.mark.filterwarnings("ignore")
def test_the_cause_that_was_planted_is_named_and_no_other(side, name):
    model, options, cause = CAUSES[name]
    options = options | {"side": side}
    if initializer := options.pop("initializer", None):
        options["start"] = model.initial_state(np.random.default_rng(1), initializer)
    with pytest.raises(NonFiniteError) as caught:
        run(model, **options)
    said = str(caught.value).split("Likely cause: ")[1]
    assert said.startswith(cause), said
    for other in (RATE, EPSILON, TARGETS, INPUTS, COST, PENALTY, ALPHA, THETA):
        assert other == cause or other not in said, said


class Spike:
    """A rule of the user's own that breaks for no reason that can be removed."""

    learning_rate, slot_names = 0.01, ()

    def rule(self, w, g, slots, t, lr):
        return w * (np.inf if t == 7 else 1), ()


def test_two_causes_at_once_and_a_cause_of_the_user_s_own_are_not_determined():
    for model, options in (
        (Model(DEEP, MSE, SGD(0.1)), {"x": 1e30 * X, "y": 1e30 * Y}),
        (Model(FLAT, MSE, Spike()), {}),
    ):
        with pytest.raises(NonFiniteError, match="Likely cause: not determined"):
            run(model, **options)


def test_a_late_failure_of_ordinary_data_is_not_blamed_on_anything():
    model = Model(FLAT, MSE, Spike())
    start = model.initial_state(np.random.default_rng(1))
    with pytest.raises(NonFiniteError, match="not determined"):
        run(model, start=State(start.theta, (), 5))


def test_a_long_run_is_not_repeated_for_ever():
    """The steps that are repeated are at most 500, and fewer for large networks."""

    class Late(Spike):
        def rule(self, w, g, slots, t, lr):
            return w * (np.inf if t == 3000 else 1), ()

    calls = []

    class Counted(MeanSquaredError):  # noqa: N818
        def value_and_gradient(self, y_true, y_pred):
            calls.append(1)
            return super().value_and_gradient(y_true, y_pred)

    with pytest.raises(NonFiniteError, match="step 3000"):
        run(Model(FLAT, Counted(), Late()), epochs=2000)
    assert len(calls) < 3100
