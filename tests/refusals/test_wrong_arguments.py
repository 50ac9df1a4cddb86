"""Every public function, with one argument that is wrong: one error that names the argument."""

import collections
import re
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import refnn
from refnn import (
    L2,
    SGD,
    SGDM,
    Adagrad,
    Adam,
    CategoricalCrossentropy,
    Checkpoint,
    MeanSquaredError,
    Model,
    Nadam,
    Nesterov,
    Relu,
    RMSProp,
    Softmax,
    SoftmaxCrossentropy,
    State,
    Tanh,
    backpropagate,
    evaluate,
    fit,
    multilayer,
    predict,
    resume,
    train_step,
)
from refnn.datasets import batches, load_csv, load_npz, one_hot, standardize
from tests.helpers import bits

F32, F64 = np.float32, np.float64
NETWORK = multilayer([4, 5, 3], Relu())
MODEL = Model(NETWORK, MeanSquaredError(), SGDM())
RNG = np.random.default_rng(3)
X = RNG.standard_normal((24, 4)).astype(F32)
Y = RNG.standard_normal((24, 3)).astype(F32)
START = MODEL.initial_state(np.random.default_rng(1))
THETA = START.theta

tried = collections.Counter()
HUGE = 10**400
OBJECTS = [None, 3, 0.5, "x", b"x", [1.0], [[1.0]], (), {}, object(), np.float32(1), X.tolist()]
NO_NUMBERS = [
    float("nan"), float("inf"), -float("inf"), "0.1", None, True, 1j, [0.1], (),
    np.array([0.1]), np.array(0.1), HUGE, -HUGE, object(),
]  # fmt: skip
NUMBERS = [*NO_NUMBERS, -1, -1e-300]
COUNTS = [0, -1, 1.0, "3", None, True, float("nan"), [3], 1j, np.array([3]), -HUGE]
NAMES = ["adam", "mse", "relu", "l2", "", 7, None, object(), [], SGD, MeanSquaredError, X]
DTYPES = [int, bool, object, complex, np.int64, np.float16, "float8", "U3", ">f4", "M8[s]"]


@st.composite
def wrong_arrays(draw, good):
    """An array unlike the good one: in rank, size, dtype or kind; or no array at all."""
    kind = draw(st.sampled_from(["object", "rank", "size", "dtype", "masked", "matrix", "empty"]))
    if kind == "object":
        return draw(st.sampled_from(OBJECTS))
    if kind == "rank":
        rank = draw(st.integers(0, 4).filter(lambda rank: rank != good.ndim))
        return np.ones(draw(st.lists(st.integers(1, 5), min_size=rank, max_size=rank)), F32)
    if kind == "size":
        axis = good.ndim - 1  # the width; the number of rows is free where it is the same in y
        width = draw(st.integers(1, 60).filter(lambda n: n != good.shape[axis]))
        return np.ones((*good.shape[:axis], width), good.dtype)
    if kind == "dtype":
        other = draw(st.sampled_from([F64, np.float16, ">f4", "M8[s]", *DTYPES[:5]]))
        return np.zeros(good.shape, other)
    if kind == "masked":
        return np.ma.masked_array(good, mask=good > 0)
    if kind == "matrix":
        return np.asmatrix(good)
    return good[:0]


@st.composite
def not_finite(draw, good):
    """The good array, with a number that is none in some place."""
    bad = good.copy()
    place = draw(st.integers(0, good.size - 1))
    bad.flat[place] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    return bad


def pick(values, *but):
    return st.sampled_from([v for v in values if not any(v is b for b in but)])


@st.composite
def wrong_states(draw):
    kind = draw(st.sampled_from(["object", "theta", "slot", "slots", "step"]))
    if kind == "object":
        return draw(pick([*OBJECTS, THETA, (THETA, ()), State]))
    if kind == "theta":
        return State(draw(wrong_arrays(THETA)), START.slots, 0)
    if kind == "slot":
        return State(THETA, (draw(wrong_arrays(THETA)),), 0)
    if kind == "slots":
        return State(THETA, draw(pick([(), (THETA,) * 2, None, 3, "x"])), 0)
    return State(THETA, START.slots, draw(pick(COUNTS, 0)))


wrong_states = wrong_states()
names = pick(NAMES)
rates = st.one_of(pick(NUMBERS), st.floats(max_value=-1e-300))
betas = st.one_of(rates, st.just(1), st.just(1.0), st.floats(min_value=1))
positives = st.one_of(rates, st.just(0), st.just(0.0))
counts = st.one_of(pick(COUNTS), st.integers(max_value=0), st.floats())
schedules = pick([
    lambda step: -1.0, lambda step: float("nan"), lambda step: "0.1", lambda step: None,
    lambda step: np.ones(2), refnn.ExponentialDecay(1e300, 1e300, 1), print,
])  # fmt: skip
no_schedules = rates | st.just(refnn.Constant)
LABELS = [0, 1, 2, 1]
FITTED = {"model": MODEL, "state": START, "x": X, "y": Y}
models = names | st.just(NETWORK) | st.just(Model)
STEP = {
    "model": models, "state": wrong_states, "x": wrong_arrays(X), "y": wrong_arrays(Y),
}  # fmt: skip
THETAS = wrong_arrays(THETA)
FIT = STEP | {
    "x": wrong_arrays(X) | not_finite(X), "y": wrong_arrays(Y) | not_finite(Y),
    "state": wrong_states | not_finite(THETA).map(lambda theta: State(theta, START.slots, 0)),
    "epochs": pick(COUNTS, 0) | st.integers(max_value=-1), "batch_size": counts,
    "rng": pick(NAMES, None) | st.just(np.random.RandomState(1)),
    "validation": pick([3, "xy", X, (X,), (X, Y, Y), {"x": X}, (Y, X), (X, Y[:3]), (X[:0], Y[:0])])
    | st.tuples(wrong_arrays(X), st.just(Y)) | st.tuples(st.just(X), not_finite(Y)),
    "callback": pick([3, "x", []]), "checkpoint": pick(["run.npz", 3, Checkpoint]),
    "history": pick([[], 3, refnn.History]),
}  # fmt: skip
SQUARE = X[:3, :3].copy()
LOSS = {
    "y_true": wrong_arrays(SQUARE).filter(lambda a: getattr(a, "shape", None) != (3, 3)),
    "y_pred": wrong_arrays(SQUARE).filter(lambda a: getattr(a, "shape", None) != (3, 3)),
}
LOSS_GOOD = {"y_true": SQUARE, "y_pred": SQUARE}


def called_by_position(method, y_true, y_pred):
    """The second argument is called logits or y_pred."""
    return method(y_true, y_pred)


# function: its good arguments, and what may be wrong with each
FUNCTIONS = {
    "LeakyRelu": (refnn.LeakyRelu, {"alpha": 0.1}, {"alpha": pick(NO_NUMBERS)}),
    "Elu": (refnn.Elu, {"alpha": 1.0}, {"alpha": pick(NO_NUMBERS)}),
    "Activation": (refnn.Activation, {"function": Relu()}, {"function": names}),
    "Dense": (refnn.Dense, {"inputs": 2, "outputs": 3}, {
        "inputs": counts | st.just(HUGE), "outputs": counts | st.just(2**40),
        "use_bias": pick([0, 1, None, "no", HUGE])}),
    "Dropout": (refnn.Dropout, {"rate": 0.5}, {
        "rate": pick([None, "x", True, -0.1, 1, 1.5, np.nan, np.inf, [0.5]])}),
    "Network": (refnn.Network, {"layers": [refnn.Dense(2, 3)]}, {
        "layers": pick([None, 3, "x", [], [3], [refnn.Dense], [refnn.Activation(Relu())],
                        [refnn.Dense(2, 3), refnn.Dense(2, 3)], [refnn.Dense(2, 3), Relu()]])}),
    "multilayer": (multilayer, {"sizes": [2, 3], "hidden": Relu()}, {
        "sizes": pick([None, 3, [], [2], 2.0, {}]), "hidden": pick(NAMES),
        "output": pick(NAMES, None)}),
    "Asymmetric": (refnn.Asymmetric, {}, {"cost": rates, "profit": rates}),
    "L2": (L2, {"rate": 0.1}, {"rate": rates}),
    "Constant": (refnn.Constant, {"learning_rate": 0.1}, {"learning_rate": rates}),
    "ExponentialDecay": (refnn.ExponentialDecay,
        {"initial_learning_rate": 0.1, "decay_rate": 0.9}, {
            "initial_learning_rate": rates, "decay_rate": positives, "decay_steps": counts}),
    "PerEpoch": (refnn.PerEpoch, {"schedule": refnn.Constant(0.1), "steps_per_epoch": 4}, {
        "schedule": pick(NAMES, SGD, MeanSquaredError), "steps_per_epoch": counts}),
    "Normal": (refnn.Normal, {}, {"stddev": rates}),
    "TruncatedNormal": (refnn.TruncatedNormal, {}, {"stddev": rates}),
    "SGD": (SGD, {}, {"learning_rate": no_schedules}),
    "SGDM": (SGDM, {}, {"learning_rate": no_schedules, "beta": betas}),
    "Nesterov": (Nesterov, {}, {"learning_rate": no_schedules, "beta": betas}),
    "Adagrad": (Adagrad, {}, {"learning_rate": no_schedules, "epsilon": rates}),
    "RMSProp": (RMSProp, {}, {"learning_rate": no_schedules, "beta": betas, "epsilon": rates}),
    "Adam": (Adam, {}, {
        "learning_rate": no_schedules, "beta_1": betas, "beta_2": betas, "epsilon": rates}),
    "Nadam": (Nadam, {}, {
        "learning_rate": no_schedules, "beta_1": betas, "beta_2": betas, "epsilon": rates,
        "momentum_decay": rates}),
    "Checkpoint": (Checkpoint, {"path": "run.npz"}, {
        "path": pick([None, 3, b"x", [], object()]), "every_epochs": counts,
        "every_seconds": rates}),
    "summary": (refnn.summary, {"network": NETWORK}, {"network": names}),
    "initial_theta": (NETWORK.initial_theta, {"rng": RNG}, {
        "rng": names | st.just(np.random), "initializer": pick(NAMES, None),
        "dtype": pick(DTYPES)}),
    "initial_state": (MODEL.initial_state, {"rng": RNG}, {
        "rng": names | st.just(np.random), "initializer": pick(NAMES, None),
        "dtype": pick(DTYPES)}),
    "state_at": (MODEL.state_at, {"theta": THETA}, {
        "theta": THETAS.filter(lambda a: getattr(a, "dtype", 0) != F64)}),  # which will do
    "Model": (Model, {"network": NETWORK, "loss": MeanSquaredError()}, {
        "network": names, "loss": names | st.just(Relu()),
        "optimizer": names | st.just(L2(1)), "regularizer": pick(NAMES, None) | st.just(SGD())}),
    "backpropagate": (backpropagate, {"model": MODEL, "theta": THETA, "x": X, "y": Y}, {
        "model": models, "theta": THETAS, "x": STEP["x"], "y": STEP["y"]}),
    "train_step": (train_step, FITTED, STEP),
    "predict": (predict, {"model": MODEL, "state": START, "x": X}, {
        "model": models, "state": THETAS, "x": STEP["x"]}),
    "fit": (fit, FITTED | {"epochs": 1, "progress": False}, FIT),
    "evaluate": (evaluate, FITTED, {
        "model": models, "state": THETAS | not_finite(THETA), "x": FIT["x"], "y": FIT["y"]}),
    "save_model": (refnn.save_model, {"path": "/absent/x.npz", "model": MODEL, "state": START}, {
        "path": pick([None, 3, b"x", []]), "model": models, "state": wrong_states,
        "mean": pick([3, X[0], "x"]), "deviation": pick([3, X[0], "x"]),
        "feature_names": pick([("a",), "abcde", [1, 2, 3, 4]]),
        "class_names": pick([("a",), "abcde", [1, 2, 3]])}),
    "load_model": (refnn.load_model, {"path": "/absent/file"}, {
        "path": pick([None, 3, 1.5, [], "/", "/dev/null", __file__])}),
    "save_state": (refnn.save_state, {"path": "/absent/x.npz", "state": START}, {
        "path": pick([None, 3, b"x", []]), "state": wrong_states.filter(
            lambda s: not isinstance(s, State) or not isinstance(s.slots, tuple)
            or len(s.slots) == 1)}),  # a file does not know how many there should be
    "load_state": (refnn.load_state, {"path": "/absent/file"}, {
        "path": pick([None, 3, 1.5, [], "/", "/dev/null", __file__])}),
    "resume": (resume, {"model": MODEL, "x": X, "y": Y, "checkpoint": Checkpoint(__file__),
                        "epochs": 1}, {
        "model": models,
        "checkpoint": pick(["run.npz", 3, None, Checkpoint, Checkpoint("/"),
                            Checkpoint(__file__)])}),
    "one_hot": (one_hot, {"labels": LABELS}, {
        "labels": pick([None, 3, "012", [], [0.0], [-1], [True], [HUGE], [2**40], ["a"], [None],
                        np.eye(2), np.array([0.5]), np.array([1j]), [[1]]]),
        "classes": pick(COUNTS, None) | st.just(1) | st.just(2**40), "dtype": pick(DTYPES)}),
    "standardize": (standardize, {"x": X}, {
        "x": wrong_arrays(X).filter(lambda a: getattr(a, "ndim", 0) != 2 or a.size == 0
            or type(a) is not np.ndarray or a.dtype not in (F32, F64) or np.ptp(a) == 0)
        | not_finite(X),
        "mean": pick([3, X[0], "x"]), "deviation": pick([3, X[0], "x"]),
        "feature_names": pick([("a",), "abcde"])}),
    "batches": (batches, {"n": 5, "batch_size": 2}, {
        "n": counts | pick([2**40, HUGE]), "batch_size": counts,
        "rng": pick(NAMES, None) | st.just(np.random.RandomState(1))}),
    "load_csv": (load_csv, {"path": "/absent/file", "label": 0}, {
        "path": pick([None, 3, [], "/"]), "dtype": pick(DTYPES)}),
    "load_npz": (load_npz, {"path": "/absent/file"}, {
        "path": pick([None, 3, [], "/", "/dev/null", __file__]), "dtype": pick(DTYPES)}),
} | {
    f"{type(loss).__name__}.{method}": (
        partial(called_by_position, getattr(loss, method)), LOSS_GOOD, LOSS)
    for loss in (MeanSquaredError(), refnn.Asymmetric(), CategoricalCrossentropy(),
                 SoftmaxCrossentropy(), refnn.MeanAbsoluteError(), refnn.BinaryCrossentropy(),
                 refnn.SigmoidCrossentropy())
    for method in ("value", "gradient", "per_sample")
}  # fmt: skip
# an argument that the message calls by another name
CALLED = {
    "state": "state|theta|slot|step|x has dtype", "path": r"path|/|\.py", "hidden": "function",
    "output": "function", "checkpoint": r"checkpoint|/|\.py", "theta": "theta|x has dtype",
    "model": r"model|\.py",
    "classes": "classes|labels",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=120)
@given(data=st.data())
def test_what_is_passed_wrong_is_refused(name, data):
    """With an error that names the argument, without a warning, without a write."""
    function, good, bad = FUNCTIONS[name]
    argument = data.draw(st.sampled_from(sorted(bad)), label="argument")
    arguments = good | {argument: data.draw(bad[argument], label="value")}
    before = bits(list(arguments.values()))
    with pytest.raises((ValueError, TypeError)) as caught:
        function(**arguments)
    message = str(caught.value)
    assert re.search(CALLED.get(argument, argument), message), message
    assert "unexpected keyword" not in message
    assert bits(list(arguments.values())) == before
    tried[name] += 1


@pytest.mark.parametrize("train", [train_step, partial(fit, epochs=1, progress=False)])
@settings(max_examples=20)
@given(schedule=schedules)
def test_a_schedule_that_gives_no_rate_is_refused(train, schedule):
    state = State(THETA, START.slots, 3)
    with pytest.raises(ValueError, match="^learning_rate: the schedule gave .* at step 3"):
        train(replace(MODEL, optimizer=SGDM(schedule)), state, X, Y)
    tried["schedule"] += 1


@settings(max_examples=60)
@given(
    row=st.integers(0, 23),
    column=st.integers(0, 2),
    wrong=st.floats(-10, 10, width=32).filter(lambda v: abs(v) > 1e-5 and abs(v - 1) > 1e-5),
)
@example(row=5, column=1, wrong=2.0)
def test_labels_that_are_no_distribution_are_refused(row, column, wrong):
    y = np.eye(3, dtype=F32)[np.arange(24) % 3]
    y[row, column] = wrong
    before = bits(y)
    for output, loss in ((Softmax(), CategoricalCrossentropy()), (None, SoftmaxCrossentropy())):
        model = Model(multilayer([4, 3], Tanh(), output), loss)
        state = model.initial_state(np.random.default_rng(1))
        with pytest.raises(ValueError, match=f"^y: row {row} is "):
            fit(model, state, X, y, epochs=1, progress=False)
        with pytest.raises(ValueError, match=f"^y: row {row} is "):
            evaluate(model, state, X, y)
        tried["labels"] += 2
    assert bits(y) == before


def test_the_good_arguments_are_good(tmp_path):
    """What is refused above is refused for the argument that is wrong."""
    for name, (function, good, bad) in FUNCTIONS.items():
        if good.get("path") == "/absent/file":
            with pytest.raises(FileNotFoundError):
                function(**good)
        elif name not in ("resume", "save_state", "save_model"):
            function(**good)
        assert bad, name
    assert Fraction(SGD(Fraction(1, 2)).learning_rate) == Fraction(1, 2)


def test_every_public_name_was_fed():
    """Runs last: the inputs tried are counted, and none of refnn's names was forgotten."""
    fed = {name.split(".")[0] for name in FUNCTIONS}
    plain = {  # take nothing
        "Identity", "Relu", "Selu", "Sigmoid", "Softmax", "Softplus", "Tanh", "He", "Zeros",
    }  # fmt: skip
    data = {  # hold what they are given
        "Evaluation", "Gradients", "History", "Interrupted", "NonFiniteError", "SaveError",
        "SavedModel", "State", "Step",
    }  # fmt: skip
    formulas = {"accuracy", "objective", "update"}  # check nothing: who calls them has done so
    assert set(refnn.__all__) - plain - data - formulas <= fed
    print(f"{sum(tried.values())} wrong inputs tried and refused, of {len(tried)} functions")
