"""The definition of each layer and loss: its value is everybody's, its bound is refnn's.

The definition is written a second time, by hand. Its value, in wider arithmetic, is within its
bound of what refnn computes and of what TensorFlow computes. Its bound and the bound that comes
from running refnn's formula hold each other: a tenfold error in either is seen.
"""

from collections import defaultdict
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnn.activations import Elu, Identity, LeakyRelu, Relu, Selu, Sigmoid, Softmax, Softplus, Tanh
from refnn.layers import Activation, Dense, Dropout
from refnn.losses import (
    Asymmetric,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    SigmoidCrossentropy,
    SoftmaxCrossentropy,
)
from refnn.network import Network
from refnn.optimizers import SGD
from refnn.regularizers import L2
from refnn.training import Model, backpropagate
from tests.strategies import FLOATS, dtypes, last_of, numbers, seeds, targets
from tftwin.counterparts import twin
from tftwin.lockstep import alone, definitions
from tftwin.lockstep.bounds import bound_of
from tftwin.lockstep.definitions import MULTIPLE
from tftwin.lockstep.roundoff import arithmetic, functions, sums

FUNCTIONS = [
    Identity(), Sigmoid(), Tanh(), Relu(), LeakyRelu(), LeakyRelu(1.5), Softmax(), Elu(), Elu(1.5),
    Selu(), Softplus(),
]  # fmt: skip
LOSSES = [
    MeanSquaredError(),
    MeanAbsoluteError(),
    Asymmetric(0.3, 9.0),
    SoftmaxCrossentropy(),
    CategoricalCrossentropy(),
    SigmoidCrossentropy(),
    BinaryCrossentropy(),
]
LEAST = 1 / 4
"""Somewhere refnn's bound is at least this share of the definition's: the definition adds up
errors of which a formula makes one in four, or more."""
LONG = 32
"""Terms of a sum in which γ is more than the other roundings."""
EXACT = {"Relu forward", "Relu backward", "Identity forward", "Identity backward"}
"""Nothing is rounded: both bounds are 0, but for numbers that may be flushed."""


def sizes(most):
    """Whole numbers from 1 on a logarithmic scale."""
    return st.floats(0, np.log(most)).map(lambda x: int(np.exp(x)))


def step_of(seed, dtype, function, loss, widths, rows, scale, regularizer):
    """A step with this activation and a dropout between two Dense layers, and this loss."""
    rng = np.random.default_rng(seed)
    inputs, hidden, outputs = widths
    layers = [Dense(inputs, hidden), Activation(function), Dropout(0.3), Dense(hidden, outputs)]
    if (last := last_of(loss)) is not None:
        layers.append(Activation(last))
    model = Model(Network(layers), loss, SGD(0.1), regularizer)
    theta = numbers(rng, model.network.size).astype(dtype)
    x = numbers(rng, (rows, inputs), scale).astype(dtype)
    y = targets(rng, loss, rows, outputs, scale, False).astype(dtype)
    masks = model.network.draw_masks(rng, rows, dtype)
    with np.errstate(all="ignore"):
        found = backpropagate(model, theta, x, y, masks)
    return model, alone.given_by(found, theta, y, masks)


steps = st.builds(
    step_of,
    seed=seeds,
    dtype=dtypes,
    function=st.sampled_from(FUNCTIONS),
    loss=st.sampled_from(LOSSES),
    widths=st.tuples(sizes(200), sizes(200), sizes(50)),
    rows=sizes(150),
    scale=st.sampled_from([0.01, 1.0, 30.0]),
    regularizer=st.sampled_from([None, L2(0.01)]),
)


def drawn_step(number):
    """One step of the same kind for each number, without hypothesis, which would shrink it."""
    rng = np.random.default_rng(number)
    function, loss = FUNCTIONS[number % len(FUNCTIONS)], LOSSES[number % len(LOSSES)]
    widths = np.exp(rng.uniform(0, np.log([200, 200, 50]))).astype(int).tolist()
    rows = int(np.exp(rng.uniform(0, np.log(150))))
    dtype, scale = FLOATS[rng.integers(2)], float(rng.choice([0.01, 1.0, 30.0]))
    regularizer = [None, L2(0.01)][rng.integers(2)]
    return step_of(number, dtype, function, loss, widths, rows, scale, regularizer)


def kind(model, entry, rows=1):
    """Say which layer or loss computed a number, and whether by a long sum."""
    stage, layers = entry.stage.split()[1], model.network.layers
    number = entry.layer
    if stage == "loss" and entry.name == "data":
        return f"{type(model.loss).__name__} value"
    if stage == "loss":
        return entry.name
    if stage == "backward":
        if number == len(layers):
            return f"{type(model.loss).__name__} gradient"
        number += 1
    layer = layers[number - 1]
    if isinstance(layer, Activation):
        return f"{type(layer.function).__name__} {stage}"
    if isinstance(layer, Dropout):
        return f"Dropout {stage}"
    terms = {"forward": layer.inputs, "backward": layer.outputs, "gradient": rows}[stage]
    long = " of a long sum" if terms >= LONG else ""
    return f"Dense {entry.name[:2] if stage == 'gradient' else stage}{long}"


def entries(model, numbers, family="layer"):
    return alone.alone_entries(model, numbers, family)


def values_hold(model, given, witness):
    """The definition's value is within its bound of a side's."""
    wide = np.float64 if given.theta.dtype == np.float32 else np.longdouble
    defined = entries(model, alone.on_definitions(model, given, wide))
    for one, other in zip(defined, entries(model, witness), strict=True):
        value, bound = one.array.value, np.asarray(one.array.bound, np.float64)
        value = np.asarray(value() if callable(value) else value)
        apart = np.abs(np.asarray(other.array, value.dtype) - value)
        known = np.isfinite(bound)
        assert value.shape == np.shape(other.array), kind(model, one)
        assert known.all(), kind(model, one)
        assert (apart <= bound).all(), (kind(model, one), other.array, value, bound)


def ratios(model, given):
    """Yield refnn's bound over the definition's, tensor by tensor, with its kind."""
    derived = entries(model, alone.bounds_of_layers(model, given))
    defined = entries(model, alone.on_definitions(model, given))
    for one, other in zip(derived, defined, strict=True):
        bound = np.asarray(bound_of(one.array), np.float64)
        limit = np.asarray(other.array.bound, np.float64)
        bound, limit = np.broadcast_arrays(bound, limit)
        assert (limit[bound > 0] > 0).all(), (kind(model, one), bound, limit)
        with np.errstate(all="ignore"):
            ratio = np.where(limit > 0, bound / limit, 0)
        yield kind(model, one, len(given.y_true)), ratio


@given(steps)
def test_the_definition_is_within_its_bound_of_refnn_and_of_tensorflow(step):
    model, given = step
    with np.errstate(all="ignore"):
        values_hold(model, given, alone.on_refnn(model, given))
        values_hold(model, given, alone.OnTensorflow(twin(model), "eager")(given))


def hold(count=150):
    """Over random steps refnn's bound is near the definition's, from above and from below."""
    largest = defaultdict(float)
    for number in range(count):
        for name, ratio in ratios(*drawn_step(number)):
            assert (ratio <= MULTIPLE).all(), (name, ratio.max())
            largest[name] = max(largest[name], float(ratio.max()))
    for name, ratio in largest.items():
        assert ratio >= LEAST or name in EXACT, (name, ratio)
    return largest


def test_each_bound_is_near_that_of_the_definition():
    largest = hold()
    names = {type(f).__name__ for f in FUNCTIONS} | {"Dropout"}
    wanted = {f"{name} {way}" for name in names for way in ("forward", "backward")}
    wanted |= {f"{type(loss).__name__} {part}" for loss in LOSSES for part in ("value", "gradient")}
    sums = [f"Dense {part}" for part in ("forward", "backward", "dW", "db")]
    wanted |= {f"{name}{long}" for name in sums for long in ("", " of a long sum")}
    assert set(largest) == wanted | {"penalty", "total"}


def scaled(factor):
    return lambda old: lambda *args, **options: factor * old(*args, **options)


def scaled_bound(factor):
    """A definition's bound is scaled, its value is not."""

    def scale(one):
        if isinstance(one, definitions.Defined):
            return one._replace(bound=factor * np.asarray(one.bound))
        return type(one)(map(scale, one))

    return lambda old: lambda *args: scale(old(*args))


TABLES = (definitions.FORWARD, definitions.BACKWARD, definitions.LOSSES)
OF_A_DEFINITION = [
    *product(TABLES[:2], (LeakyRelu, Sigmoid, Softmax, Tanh, Elu, Selu, Softplus)),
    *[(definitions.LOSSES, type(loss)) for loss in LOSSES],
    (definitions, "forward"),
    (definitions, "input_gradient"),
    (definitions, "dense_parameter_gradients"),
    (definitions, "penalty"),
]  # fmt: skip
OF_RUNNING_THE_FORMULA = [(sums, "gamma"), (arithmetic, "rounded"), (functions, "rounded")]


@pytest.mark.parametrize("factor", [10, 0.1])
@pytest.mark.parametrize(
    ("owner", "name"),
    [*OF_A_DEFINITION, *OF_RUNNING_THE_FORMULA],
    ids=lambda part: getattr(part, "__name__", "table") if not isinstance(part, str) else part,
)
def test_a_bound_that_is_tenfold_too_wide_or_too_small_is_seen(owner, name, factor, monkeypatch):
    change = scaled if (owner, name) in OF_RUNNING_THE_FORMULA else scaled_bound
    if isinstance(owner, dict):
        monkeypatch.setitem(owner, name, change(factor)(owner[name]))
    else:
        monkeypatch.setattr(owner, name, change(factor)(getattr(owner, name)))
    with pytest.raises(AssertionError):
        hold()
