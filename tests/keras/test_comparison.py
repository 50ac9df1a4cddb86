"""Three models as strangers train them agree, by one command; a fault in Keras is named."""

import json
from contextlib import ExitStack
from unittest.mock import patch

import numpy as np
import pytest
from sklearn.datasets import load_digits

from refnn import train_step
from tests.keras.random_models import compare
from tftwin import compare_keras
from tftwin.__main__ import main
from tftwin.keras_lockstep import live, side
from tftwin.keras_lockstep.report import text, to_json, verdict
from tftwin.keras_models import read
from tftwin.keras_models.library import keras

layers, optimizers = keras.layers, keras.optimizers


def digits():
    """A functional MLP with L2 and Adam on standardized digits."""
    data = load_digits()
    x = (data.data - data.data.mean(axis=0)) / (data.data.std(axis=0) + 1e-3)
    entrance = keras.Input((64,))
    at = entrance
    for _ in range(2):
        at = layers.Dense(16, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3))(at)
    at = layers.Dense(10, kernel_regularizer=keras.regularizers.L2(1e-3))(at)
    model = keras.Model(entrance, layers.Activation("softmax")(at))
    model.compile("adam", "categorical_crossentropy")
    return model, x[:300], np.eye(10)[data.target[:300]]


def regressor():
    """Leaky relu and MSE."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((200, 6))
    y = np.sin(x[:, :2]) + 0.1 * rng.standard_normal((200, 2))
    model = keras.Sequential([keras.Input((6,))])
    for _ in range(2):
        model.add(layers.Dense(12))
        model.add(layers.LeakyReLU())
    model.add(layers.Dense(2))
    model.compile(optimizers.RMSprop(0.01, epsilon=1e-5), keras.losses.MeanSquaredError())
    return model, x, y


def classifier():
    """A softmax classifier with dropout and class numbers."""
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((150, 8)), rng.integers(0, 5, 150)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(20, activation="tanh"),
            layers.Dropout(0.3),
            layers.Dense(20, activation="sigmoid"),
            layers.Dropout(0.5),
            layers.Dense(5, activation="softmax"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy()
    model.compile(optimizers.SGD(0.1, momentum=0.9), loss)
    return model, x, y


MODELS = {"digits": digits, "regressor": regressor, "classifier": classifier}
NAMED = {
    "digits": {"adam-epsilon-place", "adam-correction-precision"},
    "regressor": {"rmsprop-epsilon-place"},
    "classifier": {"momentum-one-minus-beta"},
}


@pytest.fixture(scope="module")
def trained():
    """Each model after some updates, with its data."""
    found = {}
    for name, make in MODELS.items():
        keras.utils.set_random_seed(7)
        model, x, y = make()
        model.fit(x, y, epochs=1, verbose=0)
        found[name] = model, x, y
    return found


@pytest.mark.parametrize("name", MODELS)
def test_a_strangers_model_agrees_by_one_command(name, trained, tmp_path, capsys):
    model, x, y = trained[name]
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "data.npz", x=x, y=y)
    files = {kind: tmp_path / f"report.{kind}" for kind in ("json", "html")}
    options = [f"--{kind}={path}" for kind, path in files.items()]
    arguments = [
        str(tmp_path / "model.keras"),
        "--data",
        str(tmp_path / "data.npz"),
        "--steps",
        "3",
    ]
    assert main(["keras", *arguments, *options]) == 0
    said = capsys.readouterr()
    assert not said.err
    assert said.out.startswith("agrees, number by number, in 3 steps of 32 rows")
    assert "to the bit" in said.out
    assert len(said.out.splitlines()) < 40
    report = json.loads(files["json"].read_text())
    assert report["status"] == 0
    assert {c["name"] for c in report["conventions"]} == NAMED[name]
    assert report["elements"] > 1000
    stages = {row["stage"] for row in report["rows"]}
    assert {"mirror forward", "mirror loss", "mirror backward", "mirror gradient"} <= stages
    assert {"learning rate", "mirror slots", "mirror update", "walk forward"} <= stages
    page = files["html"].read_text()
    assert "agrees" in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_a_file_is_compared_alike_in_every_run(trained, tmp_path):
    model, x, y = trained["classifier"]
    model.save(tmp_path / "model.keras")
    one, other = (compare_keras(tmp_path / "model.keras", x, y, steps=2) for _ in range(2))
    assert str(one) == str(other)
    assert to_json(one)["rows"] == to_json(other)["rows"]


def test_the_model_is_as_it_was(trained):
    model, x, y = trained["classifier"]
    seeds = [layer.seed_generator.state for layer in model.layers if hasattr(layer, "rate")]
    variables = [*model.variables, *model.optimizer.variables, *seeds]
    before = [variable.numpy() for variable in variables]
    assert seeds
    one = compare_keras(model, x, y, steps=2)
    assert [v.numpy().tobytes() for v in variables] == [b.tobytes() for b in before]
    other = compare_keras(model, x, y, steps=2)
    assert to_json(one)["rows"] == to_json(other)["rows"]
    first = model.layers[0]
    assert "call" not in vars(first)
    assert first.activation is keras.activations.tanh


# Faults on Keras' side ---------------------------------------------------------------------------


def half_penalty(self, x):
    return keras.ops.cast(self.l2 / 2, x.dtype) * keras.ops.sum(keras.ops.square(x))


def transposed(self, inputs, training=None):
    kernel = self.kernel
    if kernel.shape[0] == kernel.shape[1]:
        kernel = keras.ops.transpose(kernel)
    z = keras.ops.add(keras.ops.matmul(inputs, kernel), self.bias)
    return self.activation(z)


def unscaled(self, inputs, training=False):
    dropped = keras.random.dropout(inputs, self.rate, seed=self.seed_generator)
    return keras.ops.where(dropped != 0, inputs, 0)


def with_other(name, value, update_step):
    """The rule with another hyper-parameter than its configuration says."""

    def wrong(self, gradient, variable, learning_rate):
        before = getattr(self, name)
        object.__setattr__(self, name, value)
        try:
            return update_step(self, gradient, variable, learning_rate)
        finally:
            object.__setattr__(self, name, before)

    return wrong


def with_rate(factor, update_step):
    def wrong(self, gradient, variable, learning_rate):
        return update_step(self, gradient, variable, factor * learning_rate)

    return wrong


ADAM, RMSPROP, SGD = (getattr(optimizers, n) for n in ("Adam", "RMSprop", "SGD"))
FAULTS = {
    # what: (model, what is patched, the wrong one, stage, explanation)
    "half the L2": (
        *("digits", keras.regularizers.L2, "__call__", half_penalty),
        *("mirror loss", "Keras' penalty is half refnn's"),
    ),
    "another ε": (
        *("digits", ADAM, "update_step", with_other("epsilon", 1e-3, ADAM.update_step)),
        *("mirror update", "epsilon = 0.001; its configuration says 1e-07"),
    ),
    "W transposed": (
        *("digits", layers.Dense, "call", transposed),
        *("mirror forward", "computes x Wᵀ + b, with W transposed"),
    ),
    "another β": (
        *("digits", ADAM, "update_step", with_other("beta_2", 0.99, ADAM.update_step)),
        *("mirror slots", "beta_2 = 0.99; its configuration says 0.999"),
    ),
    "ε of the default": (
        *("regressor", RMSPROP, "update_step", with_other("epsilon", 1e-7, RMSPROP.update_step)),
        *("mirror update", "epsilon = 1e-07; its configuration says 1e-05"),
    ),
    "another slope": (
        *("regressor", layers.LeakyReLU, "call", lambda self, x: keras.ops.leaky_relu(x, 0.2)),
        *("mirror forward", "computes LeakyRelu(alpha=0.2), not LeakyRelu(alpha=0.3)"),
    ),
    "half the loss": (
        *("regressor", keras.losses.MeanSquaredError, "call"),
        lambda self, y, p: keras.ops.mean(keras.ops.square(p - y), axis=-1) / 2,
        *("mirror loss", "Keras' loss is half refnn's"),
    ),
    "a sum over the rows": (
        *("regressor", keras.losses.MeanSquaredError, "call"),
        lambda self, y, p: 32 * keras.ops.mean(keras.ops.square(p - y), axis=-1),
        *("mirror loss", "Keras' loss is 32 times (N, the rows) refnn's"),
    ),
    "the rate doubled": (
        *("classifier", SGD, "update_step", with_rate(2.0, SGD.update_step)),
        *("mirror slots", "that of twice the learning rate"),
    ),
    "W transposed, with dropout": (
        *("classifier", layers.Dense, "call", transposed),
        *("mirror forward", "computes x Wᵀ + b, with W transposed"),
    ),
    "no bias": (
        *("classifier", layers.Dense, "call"),
        lambda self, x, training=None: self.activation(keras.ops.matmul(x, self.kernel)),
        *("mirror forward", "computes x W, without b"),
    ),
    "dropout that scales nothing": (
        *("classifier", layers.Dropout, "call", unscaled),
        *("mirror forward", "scales nothing"),
    ),
    "nothing that is known": (
        *("classifier", layers.Dense, "call"),
        lambda self, x, training=None: self.activation(
            keras.ops.matmul(x, self.kernel) + 1.01 * self.bias + 1e-3
        ),
        *("mirror forward", ""),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_keras_is_found_and_named(fault, trained):
    name, owner, method, wrong, stage, sentence = FAULTS[fault]
    model, x, y = trained[name]
    assert compare_keras(model, x, y).status == 0
    with ExitStack() as stack:
        stack.enter_context(patch.object(owner, method, wrong))
        report = compare_keras(model, x, y)
    assert report.status == 1
    first = report.explanations[0]
    assert first.divergence.stage == stage
    assert sentence in first.sentence
    assert bool(sentence) == bool(first.sentence)
    assert verdict(report).startswith(f"diverges at step {first.divergence.step}, stage")
    assert sentence in " ".join(text(report).split())
    assert "tftwin" not in text(report)


# Who is right? -----------------------------------------------------------------------------------


def test_keras_18324():
    model = keras.Sequential([keras.Input((2,))])
    model.add(layers.Dense(5, activation="sigmoid", use_bias=False))
    model.add(layers.Dense(1, activation="sigmoid", use_bias=False))
    model.layers[1].set_weights([np.full((5, 1), 0.2)])
    model.compile(optimizers.SGD(0.01), "mae")
    x, y = np.zeros((1, 2)), np.zeros((1, 1))
    report = compare_keras(model, x, y)
    assert report.status == 0
    in_refnn, state, preparation = read(model)
    step = train_step(in_refnn, state, preparation.inputs(x), preparation.targets(y))
    assert f"{step.state.theta[-1]:.6f}" == "0.198825"
    guess = 1 / (1 + np.exp(-0.5))
    by_hand = {dy: 0.2 - 0.01 * dy * guess * (1 - guess) / 2 for dy in (1.0, guess)}
    assert [f"{w:.8f}" for w in by_hand.values()] == ["0.19882498", "0.19926860"]
    model.fit(x, y, verbose=0)
    assert model.layers[1].get_weights()[0][0, 0] == step.state.theta[-1]


def test_random_models_agree():
    agreed = 0
    for seed in range(15):
        try:
            report = compare(seed)
        except ValueError as error:
            if "refnn lacks" not in str(error):
                raise
            continue
        assert report.agreed, verdict(report)
        agreed += 1
    assert agreed >= 10


# Mistakes in the comparison ----------------------------------------------------------------------


OTHER_ROWS = [1, 0, *range(2, 32)]
MISTAKES = {
    # what: (model, where, name, the wrong one)
    "the mask is not drawn again": (
        *("classifier", live, "_mask"),
        lambda layer, seed, output: np.ones_like(output) / (1 - layer.rate),
    ),
    "slots in another order": (
        *("digits", side, "slots_of"),
        lambda optimizer, variables: live.slots_of(optimizer, variables)[::-1],
    ),
    "a rate off by a rounding": (
        *("regressor", side, "rate_of"),
        lambda optimizer: float(optimizer.learning_rate) * (1 + 2.0**-24),
    ),
    "the output in the place of the logits": ("classifier", side, "INNER", live.OUT),
    "rows in another order": (
        *("regressor", side, "compute"),
        lambda model, x, y, variables: live.compute(model, x[OTHER_ROWS], y[OTHER_ROWS], variables),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_comparison_is_seen(mistake, trained):
    name, where, attribute, wrong = MISTAKES[mistake]
    model, x, y = trained[name]
    with patch.object(where, attribute, wrong):
        assert compare_keras(model, x, y, steps=2).status == 1
