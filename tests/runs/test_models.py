"""A saved model: loaded, it predicts and trains on with the same bits; or it is refused by name."""

import copy
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from refnn import (
    L2,
    SGD,
    SGDM,
    Activation,
    Adagrad,
    Adam,
    Asymmetric,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Constant,
    Dense,
    Dropout,
    Elu,
    ExponentialDecay,
    Identity,
    LeakyRelu,
    MeanAbsoluteError,
    MeanSquaredError,
    Model,
    Nadam,
    Nesterov,
    Network,
    PerEpoch,
    Relu,
    RMSProp,
    Selu,
    Sigmoid,
    SigmoidCrossentropy,
    Softmax,
    SoftmaxCrossentropy,
    Softplus,
    Tanh,
    load_model,
    load_state,
    multilayer,
    predict,
    save_model,
    train_step,
)
from refnn.datasets import standardize
from refnn.runs import models
from tests.helpers import (
    damaged,
    members_of,
    npy,
    packed,
    pickled,
    refused,
    refused_cheaply,
    same_bits,
    text,
)
from tests.strategies import FLOATS, cases, middle_of_a_run, numbers

ROOT = Path(__file__).parents[2]
PLAIN = Model(multilayer([4, 5, 3], Tanh(), Softmax()), MeanSquaredError(), Adam())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


def in_the_middle(model, dtype=np.float32, seed=0):
    """A state that no initializer makes: every slot has its own numbers."""
    rng = np.random.default_rng(seed)
    theta = numbers(rng, model.network.size).astype(dtype)
    return middle_of_a_run(rng, model.optimizer, theta, 41)


def batch(model, dtype=np.float32):
    """Some rows, whose targets are distributions."""
    rng = np.random.default_rng(1)
    x = numbers(rng, (6, model.network.inputs)).astype(dtype)
    classes = rng.integers(model.network.outputs, size=6)
    y, masks = (
        np.eye(model.network.outputs, dtype=dtype)[classes],
        model.network.draw_masks(rng, 6, dtype),
    )
    return x, y, masks


def check_round_trip(path, model, state, *data, **options):
    """It is the same model, and its next step has the same bits."""
    save_model(path, model, state)
    saved = load_model(path, **options)
    assert saved.model == model
    assert repr(saved.model) == repr(model)
    assert same_bits(saved.state, state)
    assert same_bits(load_model(path, expected=model, **options).state, state)
    assert (saved.mean, saved.deviation, saved.feature_names, saved.class_names) == (
        None, None, (), (),
    )  # fmt: skip
    with np.errstate(all="ignore"):
        assert same_bits(saved.predict(data[0]), predict(model, state, data[0]))
        assert same_bits(
            train_step(saved.model, saved.state, *data), train_step(model, state, *data)
        )


# What comes back ---------------------------------------------------------------------------------

THIRD = 1 / 3
ACTIVATIONS = [
    Identity(), Sigmoid(), Tanh(), Relu(), LeakyRelu(THIRD), Softmax(), Elu(THIRD), Selu(),
    Softplus(),
]  # fmt: skip
LOSSES = [
    MeanSquaredError(), MeanAbsoluteError(), Asymmetric(THIRD, 9), CategoricalCrossentropy(),
    BinaryCrossentropy(), SigmoidCrossentropy(), SoftmaxCrossentropy(),
]  # fmt: skip
SCHEDULES = [
    Constant(THIRD), ExponentialDecay(THIRD, 0.9, 7), ExponentialDecay(0.1, 0.9, 7, True),
    PerEpoch(ExponentialDecay(0.1, THIRD), 4),
]  # fmt: skip
OPTIMIZERS = [
    SGD(THIRD), SGDM(0.1, THIRD), Adagrad(0.1, 1e-9), RMSProp(0.1, THIRD, 0.0),
    Adam(0.1, THIRD, 0.99, 1e-9), Nesterov(0.1, THIRD), Nadam(0.1, THIRD, 0.99, 1e-9, THIRD),
    *map(SGD, SCHEDULES), *map(Adam, SCHEDULES),
]  # fmt: skip
NETWORKS = [
    Network([Dense(2, 3)]), Network([Activation(Relu()), Dense(2, 3, False), Dense(3, 3)]),
    Network([Dropout(THIRD), Dense(2, 3), Dropout(0.5), Dense(3, 3)]),
]  # fmt: skip
MODELS = [
    *(Model(multilayer([4, 5, 3], f, Softmax()), MeanSquaredError()) for f in ACTIVATIONS),
    *(
        Model(multilayer([4, 5, 3], Tanh(), None if loss in LOSSES[-2:] else Softmax()), loss)
        for loss in LOSSES
    ),
    *(replace(PLAIN, optimizer=optimizer) for optimizer in OPTIMIZERS),
    *(replace(PLAIN, network=network) for network in NETWORKS),
    replace(PLAIN, regularizer=L2(THIRD)),
]


@pytest.mark.parametrize("dtype", [*FLOATS, np.longdouble])
@pytest.mark.parametrize("model", MODELS, ids=lambda m: f"{m}"[-70:])
def test_a_model_comes_back_bit_for_bit(path, model, dtype):
    check_round_trip(path, model, in_the_middle(model, dtype), *batch(model, dtype))


@given(cases(steps=1))
def test_any_model_comes_back_bit_for_bit(tmp_path_factory, case):
    model, state, *data = case.step
    check_round_trip(tmp_path_factory.getbasetemp() / "any.npz", model, state, *data)


def test_these_models_hold_every_class_of_the_rooms():
    seen = set()

    def look(value):
        seen.add(type(value))
        for part in vars(value).values() if hasattr(value, "__dataclass_fields__") else ():
            for one in part if isinstance(part, tuple) else [part]:
                look(one)

    for model in MODELS:
        look(model)
    for room in models.ROOMS:
        for kind in vars(room).values():
            if getattr(kind, "__module__", "") == room.__name__ and hasattr(
                kind, "__dataclass_fields__"
            ):
                assert kind in seen, kind


def test_the_preparation_and_the_names_come_back(path):
    rng = np.random.default_rng(3)
    measured = (100 + 5 * rng.standard_normal((20, 4))).astype(np.float32)
    train = standardize(measured[:15])
    state = in_the_middle(PLAIN)
    names = {"feature_names": ("a", "ß", "", "d\n"), "class_names": ["x", "y", "z"]}
    save_model(path, PLAIN, state, mean=train.mean, deviation=train.deviation, **names)
    saved = load_model(path)
    assert same_bits([saved.mean, saved.deviation], [train.mean, train.deviation])
    assert saved.feature_names == names["feature_names"]
    assert saved.class_names == ("x", "y", "z")
    held_out = standardize(measured[15:], train.mean, train.deviation).x
    assert same_bits(saved.predict(measured[15:]), predict(PLAIN, state, held_out))
    assert not same_bits(saved.predict(measured[15:]), predict(PLAIN, state, measured[15:]))


def test_a_file_of_a_model_is_no_file_of_a_state(path):
    save_model(path, PLAIN, in_the_middle(PLAIN))
    refused_cheaply(load_state, path, "holds", "'model'", "expected a file written by save_state")


# Another model than expected ---------------------------------------------------------------------

OTHERS = {
    "activation": (
        replace(PLAIN, network=multilayer([4, 5, 3], Relu(), Softmax())),
        "layer 2 is Activation(function=Tanh()); expected Activation(function=Relu())",
    ),
    "slope": (
        replace(PLAIN, network=multilayer([4, 5, 3], LeakyRelu(0.1), Softmax())),
        "layer 2 is Activation(function=Tanh()); expected Activation(function=LeakyRelu(alpha=0.1",
    ),
    "width": (
        replace(PLAIN, network=multilayer([4, 6, 3], Tanh(), Softmax())),
        "layer 1 is Dense(inputs=4, outputs=5, use_bias=True); expected Dense(inputs=4, outputs=6",
    ),
    "no output": (
        replace(PLAIN, network=multilayer([4, 5, 3], Tanh())),
        "has 4 layers; expected 3",
    ),
    "loss": (
        replace(PLAIN, loss=CategoricalCrossentropy()),
        "loss is MeanSquaredError(); expected CategoricalCrossentropy()",
    ),
    "optimizer": (
        replace(PLAIN, optimizer=Adam(0.002)),
        "optimizer is Adam(learning_rate=0.001,",
    ),
    "regularizer": (replace(PLAIN, regularizer=L2(0.1)), "regularizer is None; expected L2(rate="),
}


@pytest.mark.parametrize(("expected", "message"), OTHERS.values(), ids=OTHERS)
def test_another_model_is_not_taken_for_the_expected_one(path, expected, message):
    save_model(path, PLAIN, in_the_middle(PLAIN))
    with refused(f"{path}", message):
        load_model(path, expected=expected)


# What is the user's own --------------------------------------------------------------------------


@dataclass(frozen=True)
class Softplus:
    """ln(1 + eˢˣ) / s."""

    sharpness: float = 1.0

    def forward(self, x):
        return np.log1p(np.exp(self.sharpness * x)) / self.sharpness

    def backward(self, dy, x, y):
        return dy / (1 + np.exp(-self.sharpness * x))


@dataclass(frozen=True)
class Cubes:
    """A loss that computes value and gradient together."""

    def value_and_gradient(self, y_true, y_pred):
        d = y_pred - y_true
        return np.abs(d**3).sum(), 3 * d * np.abs(d)


class Nameless:
    """An activation whose repr shows an address."""

    def forward(self, x):
        return x

    def backward(self, dy, x, y):
        return dy


def halving(step):
    return 0.5**step


OWN = {
    "activation": (replace(PLAIN, network=multilayer([4, 5, 3], Softplus(2.0))), [Softplus(2.0)]),
    "loss": (replace(PLAIN, loss=Cubes()), [Cubes()]),
    "schedule": (replace(PLAIN, optimizer=SGD(halving)), [halving]),
    "schedule in a schedule": (replace(PLAIN, optimizer=Adam(PerEpoch(halving, 3))), [halving]),
    "all": (
        Model(multilayer([4, 5, 3], Softplus()), Cubes(), SGDM(halving), L2(0.1)),
        [halving, Cubes(), Softplus()],
    ),
}


@pytest.mark.parametrize(("model", "own"), OWN.values(), ids=OWN)
@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_the_user_s_own_comes_back_where_it_is_given(path, model, own, dtype):
    check_round_trip(
        path, model, in_the_middle(model, dtype), *batch(model, dtype), own=[*own, Relu()]
    )


@pytest.mark.parametrize(("model", "own"), OWN.values(), ids=OWN)
def test_what_is_the_user_s_own_is_asked_for_by_name(path, model, own):
    save_model(path, model, in_the_middle(model))
    for missing in own:
        others = [one for one in own if one is not missing]
        name = getattr(missing, "__name__", type(missing).__name__)
        refused_cheaply(lambda path, o=others: load_model(path, own=o), path, name, "load_model(pa")


def test_an_own_object_with_another_setting_is_refused(path):
    model, _ = OWN["activation"]
    save_model(path, model, in_the_middle(model))
    with refused(str(path), "Softplus(sharpness=3.0)", "Softplus(sharpness=2.0)"):
        load_model(path, own=[Softplus(3.0)])


def test_two_own_objects_of_one_class_come_back(path):
    layers = [Dense(4, 5), Activation(Softplus(2.0)), Dense(5, 3), Activation(Softplus(3.0))]
    model = replace(PLAIN, network=Network(layers))
    own = [Softplus(3.0), Softplus(2.0)]
    check_round_trip(path, model, in_the_middle(model), *batch(model), own=own)


def test_an_own_object_without_a_repr_is_known_by_its_class(path):
    model = replace(PLAIN, network=multilayer([4, 5, 3], Nameless()))
    save_model(path, model, in_the_middle(model))
    again = Nameless()
    assert load_model(path, own=[again]).model.network.layers[1].function is again
    assert "0x" not in members_of(path)["model"].decode("latin-1")


def test_a_class_called_as_one_of_refnn_s_is_the_user_s_own(path):
    mine = dataclass(frozen=True)(type("Relu", (Softplus,), {}))()
    model = replace(PLAIN, network=multilayer([4, 5, 3], mine))
    check_round_trip(path, model, in_the_middle(model), *batch(model), own=[mine])
    refused_cheaply(load_model, path, "holds 'Relu', which is not refnn's")


# What is not saved -------------------------------------------------------------------------------

FOUR = np.ones(4)
BAD_OPTIONS = {
    "mean alone": ({"mean": FOUR}, "expected both mean and deviation, or neither"),
    "deviation alone": ({"deviation": FOUR}, "expected both mean and deviation, or neither"),
    "mean of another width": (
        {"mean": FOUR[:3], "deviation": FOUR}, "mean has shape (3,); expected (4)",
    ),
    "NaN for a mean": ({"mean": FOUR * np.nan, "deviation": FOUR}, "mean holds nan at [0]"),
    "deviation 0": ({"mean": FOUR, "deviation": 0 * FOUR}, "deviation is", "above 0"),
    "negative deviation": ({"mean": FOUR, "deviation": -FOUR}, "deviation is", "above 0"),
    "infinite deviation": ({"mean": FOUR, "deviation": FOUR * np.inf}, "deviation holds inf at"),
    "three names": ({"feature_names": ["a", "b", "c"]}, "feature_names = ", "expected 4 texts"),
    "names for another width": ({"class_names": list("abcd")}, "class_names", "expected 3 texts"),
    "numbers for names": ({"feature_names": [1, 2, 3, 4]}, "feature_names", "expected 4 texts"),
    "one text for names": ({"feature_names": "abcd"}, "feature_names", "expected 4 texts"),
    "a name too long": ({"class_names": ["a", "b", "c" * 2**20]}, "bytes; expected at most"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_what_does_not_fit_is_not_saved(path, case):
    options, *message = case
    with refused(*message):
        save_model(path, PLAIN, in_the_middle(PLAIN), **options)
    assert os.listdir(path.parent) == []


def test_a_state_of_another_model_is_not_saved(path):
    other = replace(PLAIN, optimizer=SGDM())
    with refused("state has 1 slots; Adam expects 2 ('m', 'v')"):
        save_model(path, PLAIN, in_the_middle(other))
    with refused("theta has shape (8,); expected (43)"):
        save_model(path, PLAIN, in_the_middle(Model(multilayer([3, 2], Tanh()), Cubes(), Adam())))
    assert os.listdir(path.parent) == []


# A file is whole or the one before ---------------------------------------------------------------


def test_what_cannot_be_written_leaves_the_model_before(path, monkeypatch):
    save_model(path, PLAIN, in_the_middle(PLAIN))
    before = path.read_bytes()

    def disk_is_full(file, **arrays):
        file.write(b"PK")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", disk_is_full)
    with pytest.raises(OSError, match="No space left"):
        save_model(path, PLAIN, in_the_middle(PLAIN, seed=1))
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


SCRIPT = """
import sys
import numpy as np
import refnn

model = refnn.Model(refnn.multilayer([90, 90, 9], refnn.Tanh()), refnn.MeanSquaredError())
states = [model.state_at(np.full(model.network.size, fill)) for fill in (1.0, 2.0)]
refnn.save_model(sys.argv[1], model, states[0])
sys.stdout.write("started\\n")
sys.stdout.flush()
while True:
    for state in states:
        refnn.save_model(sys.argv[1], model, state)
"""


def test_killed_while_it_writes_the_file_is_the_one_or_the_other(path):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    rng, seen, parts, lives = np.random.default_rng(1), set(), 0, 0
    while lives < 12 or not (seen == {1.0, 2.0} and parts):  # both, and one cut off in the middle
        lives += 1
        assert lives < 100
        with subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(path)], stdout=subprocess.PIPE, env=environment
        ) as process:
            assert process.stdout.readline() == b"started\n"
            time.sleep(rng.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
        parts += bool([*path.parent.glob("model.npz.*.part")])
        theta = load_model(path).state.theta
        assert (theta == theta[0]).all()
        seen.add(float(theta[0]))


# Hostile files -----------------------------------------------------------------------------------


def sound(path):
    """The members of a file that is right, and what is in its text."""
    names = {"feature_names": list("abcd"), "class_names": list("xyz")}
    save_model(path, PLAIN, in_the_middle(PLAIN), mean=FOUR, deviation=FOUR, **names)
    members = members_of(path)
    return members, json.loads(members["model"][members["model"].index(b"{", 20) :].lstrip())


def in_text(*where):
    """Return a change of the text: what stands at this place is replaced by the last argument."""
    *keys, key, value = where

    def change(members, described):
        place = described
        for one in keys:
            place = place[one]
        if value is DELETED:
            del place[key]
        else:
            place[key] = value
        return members | {"model": text(described)}

    return change


def in_members(**changes):
    """Return a change of the members; None deletes one."""
    return lambda members, _: {
        name: content for name, content in (members | changes).items() if content is not None
    }


def nested(depth):
    return json.loads("[" * depth + "]" * depth)


DELETED = object()
LAYERS = ("model", "network", "layers")
DEEP = {"class": "Activation", "function": None}
for _ in range(300):
    DEEP = {"class": "Activation", "function": DEEP}
BAD_MODELS = {
    # the text
    "no JSON": (in_members(model=text("import os")), "model cannot be read"),
    "cut JSON": (in_members(model=text('{"format": 1, "model": {')), "model cannot be read"),
    "no UTF-8": (in_members(model=text(b"\xff" * 9)), "model cannot be read"),
    "nested 2¹⁹ times": (in_members(model=text(2**19 * "[")), "model cannot be read"),
    "nested 300 times": (in_text(*LAYERS, 1, DEEP), "Activation"),
    "a list of 90 lists": (in_text("model", "network", nested(90)), "network = ["),
    "a list of 900 lists": (in_text("model", "network", nested(900)), ""),
    "behind 2 MiB of spaces": (
        lambda members, described: members | {"model": text(described, space=2**21)},
        "model cannot be read",
    ),
    "a list": (in_members(model=text([1, 2])), "model cannot be read"),
    "a number": (in_members(model=text("3")), "model cannot be read"),
    "no model": (in_text("model", DELETED), "model cannot be read"),
    "a list for the model": (in_text("model", []), "expected "),
    "a text for the model": (in_text("model", "Model"), "expected "),
    "no names": (in_text("class_names", DELETED), "model cannot be read"),
    "no format": (in_text("format", DELETED), "format None; expected 1"),
    "another format": (in_text("format", 2), "format 2; expected 1"),
    "NaN for a format": (in_text("format", float("nan")), "format nan; expected 1"),
    # values
    "no network": (in_text("model", "network", DELETED), "network = None"),
    "no loss": (in_text("model", "loss", DELETED), "loss = None"),
    "a text for a network": (in_text("model", "network", "Network"), "network = 'Network'"),
    "an unknown class": (in_text("model", "loss", "class", "System"), "expected a value of refnn"),
    "a class with a dot": (in_text("model", "loss", "class", "os.system"), "a value of refnn"),
    "a function": (in_text("model", "loss", "class", "value_of"), "expected a value of refnn"),
    "an import of a room": (in_text("model", "loss", "class", "np"), "expected a value of refnn"),
    "builtins": (in_text("model", "loss", "class", "__builtins__"), "expected a value of refnn"),
    "a base": (in_text("model", "loss", "class", "Checked"), "expected a value of refnn"),
    "a protocol": (in_text("model", "loss", "class", "Loss"), "expected a value of refnn"),
    "a list for a class": (in_text("model", "loss", "class", ["MeanSquaredError"]), "of refnn"),
    "no class": (in_text("model", "loss", "class", DELETED), "expected a value of refnn"),
    "an own object": (in_text("model", "loss", {"own": "Evil", "repr": "Evil()"}), "'Evil'"),
    "a list for an own object": (in_text("model", "loss", {"own": []}), "expected "),
    "an own object of a long name": (in_text("model", "loss", {"own": "e" * 2**19}), "eee"),
    "an extra field": (in_text("model", "loss", "cost", 1), "expected a value of refnn"),
    "a field is missing": (in_text("model", "optimizer", "beta_1", DELETED), "a value of refnn"),
    "an activation for a loss": (in_text("model", "loss", {"class": "Relu"}), "loss = Relu()"),
    "a loss for an optimizer": (
        in_text("model", "optimizer", {"class": "MeanSquaredError"}), "optimizer = MeanSquared",
    ),
    "a price for a network": (
        in_text("model", "network", {"class": "L2", "rate": 0.5}),
        "network = L2(rate=0.5); expected a refnn.Network",
    ),
    "a function for a layer": (in_text(*LAYERS, 1, {"class": "Tanh"}), "layers: number 2 is Tanh"),
    "no layers": (in_text(*LAYERS, []), "expected at least one Dense layer"),
    "a number for layers": (in_text(*LAYERS, 3), "layers = 3; expected a sequence of layers"),
    "NaN": (in_text("model", "optimizer", "learning_rate", float("nan")), "learning_rate = nan"),
    "infinity": (in_text("model", "optimizer", "epsilon", float("inf")), "epsilon = inf"),
    "a text for a number": (in_text("model", "optimizer", "beta_1", "0.9"), "beta_1 = '0.9'"),
    "a rate above 1": (in_text("model", "optimizer", "beta_1", 1.5), "beta_1 = 1.5"),
    "1 for a truth": (in_text(*LAYERS, 0, "use_bias", 1), "use_bias = 1; expected True or False"),
    "a fraction for a width": (in_text(*LAYERS, 0, "outputs", 5.0), "outputs = 5.0; expected a wh"),
    "an absurd width": (in_text(*LAYERS, 0, "inputs", 2**40), "expected at most"),
    "a width of many digits": (in_text(*LAYERS, 0, "inputs", 10**4000), "expected at most"),
    "other widths": (in_text(*LAYERS, 2, "inputs", 6), "expected inputs=5"),
    # together
    "other sizes": (in_text(*LAYERS, 2, "use_bias", False), "theta has shape (43,); expected (40)"),
    "another optimizer": (
        in_text("model", "optimizer", {"class": "SGD", "learning_rate": 0.1}),
        "state has 2 slots; SGD expects 0",
    ),
    "numbers for names": (in_text("feature_names", [1, 2, 3, 4]), "feature_names", "4 texts"),
    "None for a name": (in_text("class_names", ["x", None, "z"]), "class_names", "3 texts"),
    "one text for names": (in_text("feature_names", "abcd"), "feature_names", "4 texts"),
    "a number for names": (in_text("class_names", 3), "model cannot be read"),
    "too few names": (in_text("class_names", ["x", "y"]), "class_names = ('x', 'y'); expected 3"),
    # the members
    "nothing": (lambda members, _: {}, "holds []; expected a file written by save_model"),
    "no text": (in_members(model=None), "holds", "expected a file written by save_model"),
    "no theta": (in_members(theta=None), "holds", "expected a file written by save_model"),
    "a slot is missing": (in_members(slot0=None), "holds", "expected a file written by save_model"),
    "no slot": (in_members(slot0=None, slot1=None), "state has 0 slots; Adam expects 2"),
    "no step": (in_members(step=None), "holds", "expected a file written by save_model"),
    "more": (in_members(other=npy(FOUR)), "holds", "expected a file written by save_model"),
    "climbs out": (in_members(**{"../theta": npy(FOUR)}), "holds"),
    "mean alone": (in_members(deviation=None), "holds", "expected a file written by save_model"),
    "deviation alone": (in_members(mean=None), "holds", "expected a file written by save_model"),
    "shorter mean": (in_members(mean=npy(FOUR[:3])), "mean has shape (3,); expected (4)"),
    "deviation 0": (in_members(deviation=npy(0 * FOUR)), "deviation is", "numbers above 0"),
    "NaN for a mean": (in_members(mean=npy(np.nan * FOUR)), "mean holds nan at [0]"),
    "whole numbers for a mean": (in_members(mean=npy(np.arange(4))), "mean has dtype int64"),
    "shorter theta": (in_members(theta=npy(FOUR.astype("f4"))), "slot0 has shape (43,); expected"),
    "pickle": (in_members(theta=pickled((1,))), "theta has dtype object; expected numbers"),
    "a pickle for a text": (in_members(model=pickled((1,))), "model has dtype object"),
    "a pickle for a header": (in_members(model=b"\x80\x04N."), "model cannot be read"),
    "absurd shape": (in_members(mean=npy(FOUR, shape=(2**60,))), "mean claims shape"),
    "an absurd text": (in_members(model=npy(FOUR, shape=(2**60,))), "model claims shape"),
    "a matrix for a text": (in_members(model=npy(np.eye(3, dtype="u1"))), "model has shape (3, 3)"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_MODELS.values(), ids=BAD_MODELS)
def test_a_file_that_holds_no_model_is_refused(path, case):
    change, *message = case
    members, described = sound(path)
    packed(path, change(members, copy.deepcopy(described)))
    refused_cheaply(load_model, path, *message)


def test_the_members_of_these_tests_are_a_model_but_for_what_is_wrong(path):
    members, described = sound(path)
    packed(path, members | {"model": text(described)})
    saved = load_model(path)
    assert (saved.model, saved.class_names) == (PLAIN, ("x", "y", "z"))
    assert same_bits(saved.state, in_the_middle(PLAIN))


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_bomb_is_refused(path, compression):
    members, _ = sound(path)
    packed(path, members | {"model": text("{}", space=2**26)}, compression)
    refused_cheaply(load_model, path, "compressed or overlap; expected a file written by save_mod")


def test_no_file_is_no_model(path):
    with pytest.raises(FileNotFoundError, match=r"model\.npz: no such file$"):
        load_model(path)
    path.write_bytes(b"")
    refused_cheaply(load_model, path, "expected a file written by save_model")


def test_a_model_truncated_at_any_byte_is_refused(path):
    save_model(path, PLAIN, in_the_middle(PLAIN))
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with refused(str(path)):
            load_model(path)


def test_with_any_byte_changed_it_is_read_as_it_was_or_refused(path):
    save_model(path, PLAIN, in_the_middle(PLAIN))
    read, messages = [], []
    for changed in damaged(path.read_bytes()):
        path.write_bytes(changed)
        try:
            read.append(load_model(path))
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) > len(read) > 0  # what may change is a date, say
    assert all(message.startswith(str(path)) for message in messages)
    for seen in read:
        assert seen.model == PLAIN
        assert same_bits(seen.state, in_the_middle(PLAIN))
