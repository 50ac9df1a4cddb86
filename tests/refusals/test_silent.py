"""What trained, computed or continued in silence, and is refused by name."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from refnn import (
    L2,
    SGD,
    Activation,
    Adam,
    Asymmetric,
    CategoricalCrossentropy,
    Checkpoint,
    Dense,
    Identity,
    LeakyRelu,
    MeanSquaredError,
    Model,
    Network,
    PerEpoch,
    Relu,
    Sigmoid,
    Softmax,
    SoftmaxCrossentropy,
    Tanh,
    backpropagate,
    evaluate,
    fit,
    multilayer,
    predict,
    resume,
    train_step,
)
from tests.helpers import refused, run_bits

RNG = np.random.default_rng(3)
X = RNG.standard_normal((12, 4)).astype(np.float32)
Y = RNG.standard_normal((12, 3)).astype(np.float32)
NETWORK = multilayer([4, 5, 3], Tanh())
FIT = {"epochs": 1, "batch_size": 4, "progress": False}

# The dtype and the shape of what is the user's own ------------------------------------------------


class Squares:
    """A loss of the user's own, whose gradient may be changed."""

    def __init__(self, change=lambda g: g, change_value=lambda v: v):
        self.change, self.change_value = change, change_value

    def value(self, y_true, y_pred):
        return self.change_value(np.mean(np.square(y_pred - y_true)))

    def gradient(self, y_true, y_pred):
        return self.change(2 * (y_pred - y_true) / y_pred.size)


class Softsign:
    """An activation of the user's own, each half of which may be changed."""

    def __init__(self, change_y=lambda y: y, change_dx=lambda dx: dx):
        self.change_y, self.change_dx = change_y, change_dx

    def forward(self, x):
        return self.change_y(x / (1 + np.abs(x)))

    def backward(self, dy, x, y):
        return self.change_dx(dy / np.square(1 + np.abs(x)))


def as_type(dtype):
    return lambda array: array.astype(dtype)


OTHER = [np.float64, np.float16, np.complex64, object, np.int64, np.int8, bool, np.longdouble]


def every_door(model, start):
    options = {"epochs": 1, "progress": False}
    return {
        "backpropagate": lambda: backpropagate(model, start.theta, X, Y),
        "train_step": lambda: train_step(model, start, X, Y),
        "fit": lambda: fit(model, start, X, Y, **options),
    }


def start_of(model, dtype=np.float32):
    return model.initial_state(np.random.default_rng(1), dtype=dtype)


@pytest.mark.parametrize("dtype", OTHER, ids=lambda d: np.dtype(d).name)
def test_a_gradient_of_another_dtype(dtype):
    name = np.dtype(dtype).name
    for own, tensor, of in (
        (Model(NETWORK, Squares(as_type(dtype))), "dy3", "the gradient of Squares"),
        (
            Model(multilayer([4, 5, 3], Softsign(change_dx=as_type(dtype))), MeanSquaredError()),
            "dy1", "the backward of Softsign (layer 2)",
        ),
        (
            Model(multilayer([4, 5, 3], Softsign(as_type(dtype))), MeanSquaredError()),
            "y2", "the forward of Softsign (layer 2)",
        ),
    ):  # fmt: skip
        for call in every_door(own, start_of(own)).values():
            with refused(
                f"{tensor} has dtype {name}; expected float32", of, ".astype(", error=TypeError
            ):
                call()


def test_in_float64_too():
    model = Model(NETWORK, Squares(as_type(np.float32)))
    with refused("dy3 has dtype float32; expected float64", error=TypeError):
        train_step(model, start_of(model, np.float64), X.astype(float), Y.astype(float))


@pytest.mark.parametrize("change", [lambda g: g[:, :1], lambda g: g.T, lambda g: g[None]])
def test_a_gradient_of_another_shape(change):
    model = Model(NETWORK, Squares(change))
    for call in every_door(model, start_of(model)).values():
        with refused("dy3 has shape ", "expected (12, 3)", "the gradient of Squares"):
            call()


def test_a_gradient_that_is_no_array():
    for change in (np.ndarray.tolist, np.sum, repr):
        model = Model(NETWORK, Squares(change))
        with refused("dy3 is a ", "the gradient of Squares", error=TypeError):
            train_step(model, start_of(model), X, Y)


@pytest.mark.parametrize("value", [None, "x", 1j, np.ones(3), np.ones((1, 1)), [1.0]], ids=repr)
def test_a_value_that_is_no_number(value):
    model = Model(NETWORK, Squares(change_value=lambda v: value))
    for call in every_door(model, start_of(model)).values():
        with refused("the value of Squares is ", "expected one real number", error=TypeError):
            call()


def test_a_penalty_and_a_rule_of_another_dtype():
    class Wide:
        slot_names = ("m",)
        learning_rate = 0.1

        def value(self, weights):
            return 0.0

        def gradient(self, W):
            return W.astype(np.float64)

        def rule(self, w, g, slots, t, lr):
            return w, (g.astype(np.float64),)

    model = Model(NETWORK, MeanSquaredError(), SGD(), Wide())
    with refused("dW has dtype float64; expected float32", "the gradient of Wide", error=TypeError):
        train_step(model, start_of(model), X, Y)
    model = Model(NETWORK, MeanSquaredError(), Wide())
    with refused("slot m has dtype float64; expected float32", error=TypeError):
        train_step(model, start_of(model), X, Y)


NO_ARRAY = {
    "None": lambda a: None,
    "a list": np.ndarray.tolist,
    "a text": repr,
    "a number": np.sum,
    "a pair": lambda a: (a, a),
    "turned": lambda a: a.T,
    "one column": lambda a: a[:, :1],
    "a row less": lambda a: a[1:],
    "one axis more": lambda a: a[None],
}


class OwnDense(Dense):
    """A layer of the user's own, whose functions may be changed."""

    def changed(self, name, change):
        object.__setattr__(self, name, lambda *a: change(getattr(Dense, name)(self, *a)))
        return self


@pytest.mark.parametrize("change", NO_ARRAY.values(), ids=NO_ARRAY)
@pytest.mark.parametrize("place", [1, 2, 3])
def test_an_own_activation_that_gives_no_array_of_the_shape(change, place):
    """In front, in the middle, at the end: the layers behind it never see what it gives."""
    layers = [Dense(4, 5), Dense(5, 3)]
    for half, name in ((0, "forward"), (1, "backward")):
        if half and place == 1:
            continue  # nobody asks for ∂loss/∂x
        own = Softsign(*[change if i == half else lambda a: a for i in range(2)])
        network = Network([*layers[: place - 1], Activation(own), *layers[place - 1 :]])
        model = Model(network, MeanSquaredError())
        calls = every_door(model, start_of(model))
        if not half:
            calls |= {
                "predict": lambda model=model: predict(model, start_of(model), X),
                "evaluate": lambda model=model: evaluate(model, start_of(model), X, Y),
            }
        for call in calls.values():
            with refused(
                f"{'dy' if half else 'y'}{place - half} ",
                f"the {name} of Softsign (layer {place}) gives it",
                error=(TypeError, ValueError),
            ):
                call()


@pytest.mark.parametrize("change", NO_ARRAY.values(), ids=NO_ARRAY)
def test_an_own_layer_that_gives_no_array_of_the_shape(change):
    def parameters(gradients):
        return [gradients[0], change(gradients[1][:, None])]

    for name, changed in (
        ("forward", change),
        ("input_gradient", change),
        ("parameter_gradients", change if change(np.ones((2, 3))) is None else parameters),
    ):
        network = Network([Dense(4, 5), OwnDense(5, 3).changed(name, changed), Activation(Tanh())])
        model = Model(network, MeanSquaredError())
        for call in every_door(model, start_of(model)).values():
            with refused(f"the {name} of OwnDense (layer 2)", error=(TypeError, ValueError)):
                call()


@pytest.mark.parametrize("change", [*NO_ARRAY.values(), lambda a: 3], ids=[*NO_ARRAY, "3"])
def test_an_own_loss_and_an_own_rule_that_give_something_else(change):
    class Both:
        def value_and_gradient(self, y_true, y_pred):
            given = change(y_pred)
            return given if not isinstance(given, tuple) else (*given, 3)

    class Rule:
        learning_rate, slot_names = 0.1, ("m",)

        def rule(self, w, g, slots, t, lr):
            given = change(w[:, None])
            return given if isinstance(given, tuple) else (given, slots)

    class Slots(Rule):
        def rule(self, w, g, slots, t, lr):
            return w, change(w[:, None])

    for model, of in (
        (Model(NETWORK, Both()), "the value_and_gradient of Both is "),
        (Model(NETWORK, Squares(change)), "the gradient of Squares gives it"),
        (Model(NETWORK, MeanSquaredError(), Rule()), "the rule of Rule gives"),
        (Model(NETWORK, MeanSquaredError(), Slots()), "the rule of Slots gives"),
    ):
        for name, call in every_door(model, start_of(model)).items():
            if model.optimizer == SGD() or name != "backpropagate":
                with refused(of, error=(TypeError, ValueError)):
                    call()


def test_the_user_s_own_that_is_right_is_not_refused():
    for loss in (Squares(), Squares(change_value=float), Squares(change_value=np.asarray)):
        model = Model(multilayer([4, 5, 3], Softsign()), loss)
        for call in every_door(model, start_of(model)).values():
            call()


# Another run --------------------------------------------------------------------------------------


def schedule(rate):
    return lambda step: rate


class Rate:
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, step):
        return self.rate


def constant(rate, step):
    return rate


SCHEDULES = {
    "closure": schedule,
    "object": Rate,
    "partial": lambda rate: functools.partial(constant, rate),
    "per epoch": lambda rate: PerEpoch(schedule(rate), 3),
    "the past": lambda rate: lambda step: 0.1 if step >= 3 else rate,
}


@pytest.mark.parametrize("kind", SCHEDULES)
@pytest.mark.parametrize("epochs", [1, 2, 5])
def test_a_changed_schedule_is_not_continued(tmp_path, kind, epochs):
    checkpoint = Checkpoint(tmp_path / "run.npz")
    model = Model(NETWORK, MeanSquaredError(), SGD(SCHEDULES[kind](0.1)))
    fit(model, start_of(model), X, Y, checkpoint=checkpoint, **FIT | {"epochs": epochs})
    again, more = Model(NETWORK, MeanSquaredError(), SGD(SCHEDULES[kind](0.1))), {"epochs": 7}
    expected = fit(model, start_of(model), X, Y, **FIT | more)
    before = checkpoint.path.read_bytes()
    for rate in (99, 0.1 * (1 + 1e-15)):
        other = replace(model, optimizer=SGD(SCHEDULES[kind](rate)))
        with refused("is ", "had ", "optimizer" if kind == "partial" else "learning_rate"):
            resume(other, checkpoint, X, Y, **FIT | more)
    assert checkpoint.path.read_bytes() == before
    assert run_bits(*resume(again, checkpoint, X, Y, **FIT | more)) == run_bits(*expected)


class Weighted:
    """A loss without a repr."""

    def __init__(self, weight):
        self.weight = weight

    def value(self, y_true, y_pred):
        return self.weight * np.mean(np.square(y_pred - y_true))

    def gradient(self, y_true, y_pred):
        return self.weight * 2 * (y_pred - y_true) / y_pred.size


class Slope:
    """An activation without a repr."""

    def __init__(self, slope):
        self.slope = slope

    def forward(self, x):
        return np.where(x > 0, x, self.slope * x)

    def backward(self, dy, x, y):
        return np.where(x > 0, dy, self.slope * dy)


class Rule:
    """An optimizer without a repr."""

    slot_names = ()

    def __init__(self, factor):
        self.learning_rate, self.factor = 0.1, factor

    def rule(self, w, g, slots, t, lr):
        return w - lr * self.factor * g, ()


class Price:
    """A regularizer without a repr."""

    def __init__(self, price):
        self.price = price

    def value(self, weights):
        return self.price * sum(np.square(W).sum() for W in weights)

    def gradient(self, W):
        return 2 * self.price * W


PARTS = {
    "what the loss computes": lambda n: Model(NETWORK, Weighted(n)),
    "what layer 2 computes": lambda n: Model(multilayer([4, 5, 3], Slope(n)), MeanSquaredError()),
    "what the optimizer computes": lambda n: Model(NETWORK, MeanSquaredError(), Rule(n)),
    "what the regularizer computes": lambda n: Model(NETWORK, MeanSquaredError(), SGD(), Price(n)),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_changed_part_of_the_user_s_own_is_not_continued(tmp_path, name):
    checkpoint, make = Checkpoint(tmp_path / "run.npz"), PARTS[name]
    fit(make(0.5), start_of(make(0.5)), X, Y, checkpoint=checkpoint, **FIT)
    for other in (0.25, 0.50001):
        with refused(name):
            resume(make(float(other)), checkpoint, X, Y, **FIT | {"epochs": 2})
    expected = fit(make(0.5), start_of(make(0.5)), X, Y, **FIT | {"epochs": 2})
    found = resume(make(0.5), checkpoint, X, Y, **FIT | {"epochs": 2})
    assert run_bits(*found) == run_bits(*expected)


# Output and loss ----------------------------------------------------------------------------------

SIX = multilayer([4, 3], Tanh())


@pytest.mark.parametrize("output", [None, Relu(), Tanh(), Identity(), LeakyRelu()], ids=repr)
def test_crossentropy_of_what_are_no_probabilities(output):
    with refused("CategoricalCrossentropy", "expects probabilities", "SoftmaxCrossentropy()"):
        Model(multilayer([4, 5, 3], Tanh(), output), CategoricalCrossentropy())
    with refused("CategoricalCrossentropy", "expects probabilities"):
        Model(Network([Dense(4, 3), Activation(Softmax()), Dense(3, 3)]), CategoricalCrossentropy())


def test_softmax_twice():
    for more in ([], [Activation(Identity())]):
        network = Network([Dense(4, 3), Activation(Softmax()), *more])
        with refused("SoftmaxCrossentropy", "expects logits", "CategoricalCrossentropy()"):
            Model(network, SoftmaxCrossentropy())


@pytest.mark.parametrize("output", [Softmax(), Sigmoid(), Softsign()])
def test_pairs_that_fit(output):
    Model(multilayer([4, 5, 3], Tanh(), output), CategoricalCrossentropy())
    Model(multilayer([4, 5, 3], Softmax()), SoftmaxCrossentropy())
    Model(multilayer([4, 5, 3], Tanh(), Softmax()), MeanSquaredError())


# Whole numbers ------------------------------------------------------------------------------------

LOSSES = [MeanSquaredError(), Asymmetric(), CategoricalCrossentropy(), SoftmaxCrossentropy()]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.int8, bool, np.uint64])
def test_losses_of_whole_numbers(loss, dtype):
    zero, top = np.zeros((2, 3), dtype), np.full((2, 3), 255).astype(dtype)
    real = np.ones((2, 3), np.float32)
    methods = [loss.value, loss.gradient, loss.per_sample]
    if hasattr(loss, "value_and_gradient"):
        methods.append(loss.value_and_gradient)
    for method in methods:
        for pair in ((zero, top), (real, top), (zero, real)):
            with refused(f"dtype {np.dtype(dtype)}", ".astype(", error=TypeError):
                method(*pair)


def test_mean_squared_error_of_255():
    zero, top = np.zeros((1, 1), np.float32), np.full((1, 1), 255, np.float32)
    assert MeanSquaredError().value(zero, top) == 65025
    assert Model(NETWORK, MeanSquaredError(), Adam(), L2(0.1)).regularizer == L2(0.1)
