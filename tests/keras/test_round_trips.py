"""refnn → Keras → .keras file → refnn, and Keras → refnn → Keras: nothing is lost on the way."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import refnn
import tftwin
from refnn.layers import Activation, Dense, Dropout
from refnn.network import Network
from refnn.state import State
from refnn.training import Model
from tests.helpers import assert_same_bits, bits, refused
from tests.keras.files import small_model
from tests.strategies import dtypes, seeds, widths
from tftwin.keras_models import construct, inspect, read, write
from tftwin.keras_models.library import keras

slopes = st.sampled_from([0.0, 0.01, 0.2, 0.3])
functions = st.one_of(
    st.sampled_from([refnn.Identity(), refnn.Sigmoid(), refnn.Tanh(), refnn.Relu()]),
    st.sampled_from([refnn.Selu(), refnn.Softplus(), refnn.Softmax()]),
    st.builds(refnn.LeakyRelu, slopes),
    st.builds(refnn.Elu, st.sampled_from([0.5, 1.0, 2.0])),
)
rates = st.sampled_from([0.0, 1e-4, 0.001, 0.01, 0.1, 0.3, 1.0])
learning_rates = st.one_of(
    rates,
    st.builds(
        refnn.ExponentialDecay, rates, st.floats(0.5, 1.0), st.integers(1, 100), st.booleans()
    ),
)
betas = st.one_of(st.sampled_from([0.5, 0.9, 0.999]), st.floats(0.01, 0.9999))
epsilons = st.sampled_from([1e-8, 1e-7, 1e-3, 1.0])
optimizers = st.one_of(
    st.builds(refnn.SGD, learning_rates),
    st.builds(refnn.SGDM, learning_rates, betas),
    st.builds(refnn.Adagrad, learning_rates, epsilons),
    st.builds(refnn.RMSProp, learning_rates, betas, epsilons),
    st.builds(refnn.Adam, learning_rates, betas, betas, epsilons),
    st.builds(refnn.Nesterov, learning_rates, betas),
    st.builds(refnn.Nadam, learning_rates, betas, betas, epsilons, st.just(1.0)),
)


DISTANCES = [refnn.MeanSquaredError(), refnn.MeanAbsoluteError()]
FROM_LOGITS = [*DISTANCES, refnn.SoftmaxCrossentropy(), refnn.SigmoidCrossentropy()]
BEHIND = {
    refnn.Softmax(): [refnn.CategoricalCrossentropy(), refnn.BinaryCrossentropy()],
    refnn.Sigmoid(): [refnn.CategoricalCrossentropy(), refnn.BinaryCrossentropy()],
}
"""Losses behind a last activation."""


@st.composite
def networks(draw):
    sizes = draw(st.lists(widths, min_size=2, max_size=4))
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        for _ in range(draw(st.integers(0, 1))):
            layers.append(Dropout(draw(st.sampled_from([0.0, 0.25, 0.5]))))
        layers.append(Dense(inputs, outputs, draw(st.booleans())))
        for _ in range(draw(st.integers(0, 2))):
            layers.append(Activation(draw(functions)))
    return Network(layers)


@st.composite
def cases(draw):
    """A model of what both have, and a state from the middle of a run."""
    network, function = draw(networks()), draw(st.sampled_from([None, *BEHIND]))
    loss = draw(st.sampled_from([*DISTANCES, *BEHIND[function]] if function else FROM_LOGITS))
    if function is not None:
        network = Network([*network.layers, Activation(function)])
    regularizer = draw(st.one_of(st.none(), st.builds(refnn.L2, st.sampled_from([0.0, 1e-4, 0.3]))))
    optimizer = draw(optimizers)
    try:
        model = Model(network, loss, optimizer, regularizer)
    except ValueError:  # a loss from logits behind a softmax or a sigmoid
        model = Model(network, DISTANCES[0], optimizer, regularizer)
    rng, dtype = np.random.default_rng(draw(seeds)), draw(dtypes)
    theta, *slots = (
        np.abs(rng.standard_normal(network.size)).astype(dtype)
        for _ in range(1 + len(model.optimizer.slot_names))
    )
    return model, State(theta, tuple(slots), draw(st.sampled_from([0, 1, 7, 10**6])))


@pytest.mark.parametrize("function", [refnn.Softmax(), refnn.Sigmoid()])
def test_probabilities_are_hidden_from_keras(function):
    """Keras would find the logits, and train another loss."""
    network = Network([Dense(3, 2), Activation(function)])
    model = Model(network, refnn.CategoricalCrossentropy())
    state = model.initial_state(np.random.default_rng(0))
    assert read(write(model, state)).model == model


MOMENTUM = (refnn.SGDM, refnn.Nesterov)


def convertible(model):
    """Whether Keras' momentum is a multiple of refnn's: at a constant rate that is not 0."""
    rate = model.optimizer.learning_rate
    return not isinstance(model.optimizer, MOMENTUM) or (not callable(rate) and rate > 0)


def same_state(model, one, other):
    """Equal to the bit; the slot of momentum was multiplied by lr / (1 − β), and divided again."""
    if isinstance(model.optimizer, MOMENTUM):
        (m,), (n,) = one.slots, other.slots
        u = np.finfo(m.dtype).eps / 2
        factor = 2 * 2**-53 + 2 * u  # of each of the two factors, and of its product
        assert (np.abs(n.astype(np.longdouble) - m) <= 2 * factor * (1 + u) ** 4 * np.abs(m)).all()
        one, other = one._replace(slots=()), other._replace(slots=())
    assert bits(one) == bits(other)


@settings(max_examples=25)
@given(cases())
def test_a_model_of_refnn_comes_back_from_keras_and_from_its_file(tmp_path_factory, case):
    model, state = case
    if not convertible(model):
        state = state._replace(slots=(np.zeros_like(state.theta),))
    theirs = write(model, state)
    path = tmp_path_factory.getbasetemp() / "model.keras"
    theirs.save(path)
    for source in (theirs, path):
        found = read(source)
        assert found.model == model
        same_state(model, state, found.state)
        assert found.preparation.shape == (model.network.inputs,)


@settings(max_examples=10)
@given(cases())
def test_a_model_of_keras_comes_back_from_refnn(case):
    """The second Keras model is the first: configuration, weights, optimizer variables."""
    model, state = case
    if not convertible(model):
        state = state._replace(slots=(np.zeros_like(state.theta),))
    theirs = write(model, state)
    found = inspect(theirs)
    again = construct(found.description, found.keras_state)
    assert configuration(again) == configuration(theirs)
    for one, other in zip(variables(again), variables(theirs), strict=True):
        assert_same_bits(one, other)


def configuration(model):
    """Return a model's configuration without the names that Keras counts up."""
    text = json.dumps(keras.saving.serialize_keras_object(model), sort_keys=True)
    return re.sub(
        r"(input_layer|n?adam|sgd|rms_?prop|rm_sprop|adagrad|crossentropy|error)_\d+", r"\1", text
    )


def variables(model):
    return [v.numpy() for v in (*model.weights, *model.optimizer.variables)]


# Keras' own models -------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["Sequential", "Functional"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_file_and_its_model_in_memory_are_read_alike(tmp_path, style, dtype):
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        theirs = small_model(style, dtype)
    finally:
        keras.config.set_floatx(before)
    theirs.save(tmp_path / "x.keras")
    one, other = inspect(theirs), inspect(tmp_path / "x.keras")
    assert one.description == other.description
    assert (one.model, one.mappings) == (other.model, other.mappings)
    assert bits(one.state) == bits(other.state)
    again = construct(other.description, other.keras_state)
    assert keras.config.floatx() == before
    assert type(again) is type(theirs)
    for a, b in zip(variables(again), variables(theirs), strict=True):
        assert_same_bits(a, b)


def test_the_constructed_model_goes_on_as_the_one_in_the_file(tmp_path):
    """Three more updates of each, to the bit; a rate of 0.25 drops nothing here."""
    theirs = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    theirs.compile("adam", "categorical_crossentropy", jit_compile=False)
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((8, 4)).astype("f4"), np.eye(3, dtype="f4")[rng.integers(0, 3, 8)]
    theirs.train_on_batch(x, y)
    theirs.save(tmp_path / "x.keras")
    found = inspect(tmp_path / "x.keras")
    again = construct(found.description, found.keras_state)
    for _ in range(3):
        assert theirs.train_on_batch(x, y) == again.train_on_batch(x, y)
    for a, b in zip(variables(again), variables(theirs), strict=True):
        assert_same_bits(a, b)


def test_the_example_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    text = (Path(tftwin.__file__).parent / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(from tftwin.keras_models .*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    layers = keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")
    theirs = keras.Sequential([keras.Input((8, 8)), keras.layers.Rescaling(1 / 16), *layers])
    theirs.compile("adam", "sparse_categorical_crossentropy")
    theirs.save("digits.keras")
    names = {"images": np.ones((3, 8, 8)), "labels": np.array([0, 9, 3])}
    exec(code, names)
    assert "hidden logits" in capsys.readouterr().out
    assert configuration(names["theirs"])
    again = read("again.keras")
    assert (again.model, bits(again.state)) == (names["model"], bits(names["state"]))
    assert again.preparation == names["preparation"]


READ = """
import sys
from tftwin.keras_models import read
print(read(sys.argv[1]).state.step, "keras" in sys.modules, "tensorflow" in sys.modules)
"""
WRITE = """
import sys
from tftwin.keras_models import read, write
write(*read(sys.argv[1])).save(sys.argv[2])
"""


def test_a_file_is_read_without_keras_and_written_without_a_word(tmp_path):
    small_model().save(tmp_path / "x.keras")
    again = tmp_path / "again.keras"
    for code, printed in ((READ, "2 False False\n"), (WRITE, "")):
        run = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "x.keras", again],
            capture_output=True,
            text=True,
            check=True,
        )
        assert (run.stdout, run.stderr) == (printed, "")
    assert read(again).model == read(tmp_path / "x.keras").model


def test_weights_are_taken_by_layer(tmp_path):
    """Two Dense of one shape, of which the file lists the second first."""
    entrance = keras.Input((3,))
    second = keras.layers.Dense(3, name="b")
    first = keras.layers.Dense(3, name="a")
    second.build((None, 3))
    theirs = keras.Model(entrance, second(first(entrance)))
    theirs.compile("sgd", "mse")
    theirs.save(tmp_path / "x.keras")
    for source in (theirs, tmp_path / "x.keras"):
        model, state, _ = read(source)
        w1, _, w2, _ = (p.of(state.theta) for p in model.network.parameters)
        assert_same_bits(w1, first.kernel.numpy())
        assert_same_bits(w2, second.kernel.numpy())


# Refusals of write -------------------------------------------------------------------------------


class Own:
    def forward(self, x):
        return x

    def backward(self, dy, x, y):
        return dy


DENSE = Dense(3, 2)
UNKNOWN = {
    "an activation of one's own": (
        Model(Network([DENSE, Activation(Own())]), refnn.MeanSquaredError()),
        "activation <",
    ),
    "a negative slope": (
        Model(Network([DENSE, Activation(refnn.LeakyRelu(-1.0))]), refnn.MeanSquaredError()),
        "LeakyRelu(alpha=-1.0), which Keras lacks",
    ),
    "a loss": (Model(Network([DENSE]), refnn.Asymmetric()), "loss Asymmetric(cost=1.0"),
    "a schedule": (
        Model(
            Network([DENSE]), refnn.MeanSquaredError(), refnn.SGD(refnn.PerEpoch(lambda s: 1.0, 3))
        ),
        "learning_rate PerEpoch(",
    ),
    "Nadam as in the paper": (
        Model(Network([DENSE]), refnn.MeanSquaredError(), refnn.Nadam()),
        "expected momentum_decay=1",
    ),
    "momentum of 0": (
        Model(Network([DENSE]), refnn.MeanSquaredError(), refnn.SGDM(0.1, 0.0)),
        "which Keras lacks, or is your own; SGD is the same",
    ),
}


@pytest.mark.parametrize(("model", "part"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_keras_lacks_is_refused_by_name(model, part):
    with refused(part):
        write(model, model.initial_state(np.random.default_rng(0)))


def test_other_arguments_of_write_are_refused():
    model = Model(
        Network([DENSE]), refnn.MeanSquaredError(), refnn.SGDM(refnn.ExponentialDecay(1, 0.5))
    )
    state = model.initial_state(np.random.default_rng(0))
    with refused("under a learning rate that is not constant"):
        write(model, state._replace(slots=(np.ones_like(state.theta),)))
    with refused("model is a str", error=TypeError):
        write("model", state)
    with refused("state is a ndarray", error=TypeError):
        write(model, state.theta)
    wide = State(state.theta.astype(np.longdouble), (state.slots[0].astype(np.longdouble),))
    with refused("theta has dtype", error=TypeError):
        write(model, wide)
    images = read(small_model()).preparation
    with refused("preparation: shape = (4,); expected 3 numbers"):
        write(model, state, images)
