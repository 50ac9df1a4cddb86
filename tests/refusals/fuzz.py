"""Call refnn's doors with what is wrong, and see that each answers in one clear line.

    python -m tests.refusals.fuzz CALLS [SEED]

prints how many calls were accepted and refused, and each answer that is a riddle: of another kind
than TypeError, ValueError or OSError, raised by somebody else's code, in several lines, or without
the argument's name; and each that has more than 400 characters.
"""

import collections
import os
import re
import sys
import tempfile
import traceback
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

import refnn

LONGEST = 400
ROOTS = tuple(str(Path(refnn.__file__).parents[1] / name) for name in ("refnn", "tftwin"))
RNG = np.random.default_rng(3)
NETWORK = refnn.multilayer([4, 5, 3], refnn.Relu())
DROPPING = refnn.Network([refnn.Dense(4, 5), refnn.Dropout(0.5), refnn.Dense(5, 3)])
MODEL = refnn.Model(NETWORK, refnn.MeanSquaredError(), refnn.SGDM())
X = RNG.standard_normal((6, 4)).astype(np.float32)
Y = RNG.standard_normal((6, 3)).astype(np.float32)
START = MODEL.initial_state(np.random.default_rng(1))
HISTORY = refnn.History([1.0], [0.1], [2.0])
FOLDER = Path(tempfile.mkdtemp())
SAVED, RUN = FOLDER / "model.npz", FOLDER / "run.npz"
refnn.save_model(SAVED, MODEL, START)
refnn.fit(
    MODEL, START, X, Y, epochs=1, batch_size=2, checkpoint=refnn.Checkpoint(RUN), progress=False
)
STATE_FILE, TEXT = FOLDER / "state.npz", FOLDER / "text.npz"
TEXT.write_text("no archive")
refnn.save_state(STATE_FILE, START)


class Unprintable:
    """Its repr fails."""

    def __repr__(self):
        raise RuntimeError("no repr")


class Lines:
    """Its repr has many lines."""

    def __repr__(self):
        return "line\n" * 300


class Endless(list):
    """A list that holds itself."""

    def __init__(self):
        super().__init__([self])


class Vain:
    """It has every attribute, each of them None."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)


NASTY = [
    None, True, False, 0, 1, -1, 3, 2**40, 10**400, -(10**400), 0.0, 0.5, -0.5, 1e308, -1e-300,
    float("nan"), float("inf"), -float("inf"), 1j, "", "adam", "no", "x" * 5000, "a\nb", b"x", b"",
    [], [1], [1.0] * 5000, [[1.0]], [None], ["a"] * 300, (), (1, 2), ("a", 2), {}, {"a": 1}, set(),
    range(3), object(), Unprintable(), Lines(), Endless(), Vain(), type, int, print,
    lambda *a: None,
    lambda step: "x" * 999, iter([1]), Path("/absent/x"), Path("/"), "/dev/null", "\0", Ellipsis,
    NotImplemented, np.float32(1), np.float64("nan"), np.int64(3), np.bool_(True), np.array(3),
    np.array(0.5), np.array([]), np.zeros(3), np.zeros(43, np.float32), np.zeros((6, 4)),
    np.zeros((6, 3), np.float32), np.zeros((6, 4), np.float32), np.zeros((6, 4), int),
    np.zeros((6, 4), object), np.full((6, 4), np.nan, np.float32), np.zeros((6, 4), complex),
    np.zeros((6, 4), "U3"), np.zeros((6, 4), "M8[s]"), np.zeros((0, 4), np.float32),
    np.zeros((6, 4, 1), np.float32), np.zeros(3, [("a", "f4")]), np.zeros((1, 1)),
    np.asmatrix(np.zeros((6, 4))), np.ma.masked_array(X, X > 0), np.zeros((200, 200)),
    np.void(b"x"),
    np.datetime64("now"), np.float16, "float8", np.dtype("f4"), np.dtype(">f4"), np.random,
    np.random.RandomState(1), np.random.default_rng(1), np.random.Generator(np.random.MT19937(1)),
    NETWORK, MODEL, refnn.Model, refnn.SGD, refnn.SGD(), refnn.MeanSquaredError,
    refnn.MeanSquaredError(), refnn.Relu, refnn.Relu(), refnn.L2(0.1), refnn.Dense(4, 3),
    refnn.Softmax(), refnn.SoftmaxCrossentropy(), refnn.CategoricalCrossentropy(), refnn.He,
    refnn.Network([refnn.Dense(4, 3)] * 1 + [refnn.Activation(refnn.Tanh())] * 200), START,
    START.theta, refnn.State(3), refnn.State(START.theta), refnn.State(START.theta, 3, "x"),
    refnn.State(START.theta, (3,), 0), refnn.State(START.theta, START.slots, -1), refnn.State,
    refnn.State(None, (), 0), HISTORY, refnn.History, refnn.History([1.0]),
    refnn.History(["x" * 900]),
    refnn.History(3), refnn.Checkpoint, refnn.Checkpoint("/"), refnn.Checkpoint(RUN),
    refnn.Checkpoint("/absent/x.npz"), refnn.Checkpoint(SAVED), SAVED, RUN,
    STATE_FILE, FOLDER, TEXT, (X, Y), (X, Y, Y), (Y, X), [X], (X, None), "x" * 300 + ".npz",
]  # fmt: skip

FITTED = {"model": MODEL, "state": START, "x": X, "y": Y}
TRAIN = {
    "batch_size": 2, "validation": None, "callback": None, "progress": False, "epochs": 1,
}  # fmt: skip
RATE = {"learning_rate": 0.1}
LOSS = {"y_true": Y, "y_pred": Y}
DOORS = {
    "LeakyRelu": (refnn.LeakyRelu, {"alpha": 0.2}),
    "Elu": (refnn.Elu, {"alpha": 1.0}),
    "Dense": (refnn.Dense, {"inputs": 4, "outputs": 3, "use_bias": True}),
    "Activation": (refnn.Activation, {"function": refnn.Relu()}),
    "Network": (refnn.Network, {"layers": [refnn.Dense(4, 3)]}),
    "multilayer": (refnn.multilayer, {
        "sizes": [4, 3], "hidden": refnn.Relu(), "output": None, "use_bias": True}),
    "Network.initial_theta": (NETWORK.initial_theta, {
        "rng": RNG, "initializer": None, "dtype": None}),
    "Asymmetric": (refnn.Asymmetric, {"cost": 1.0, "profit": 1.0}),
    "L2": (refnn.L2, {"rate": 0.1}),
    "Constant": (refnn.Constant, RATE),
    "ExponentialDecay": (refnn.ExponentialDecay, {
        "initial_learning_rate": 0.1, "decay_rate": 0.9, "decay_steps": 1, "staircase": False}),
    "PerEpoch": (refnn.PerEpoch, {"schedule": refnn.Constant(0.1), "steps_per_epoch": 3}),
    "SGD": (refnn.SGD, RATE),
    "SGDM": (refnn.SGDM, RATE | {"beta": 0.9}),
    "Nesterov": (refnn.Nesterov, RATE | {"beta": 0.9}),
    "Adagrad": (refnn.Adagrad, RATE | {"epsilon": 1e-7}),
    "RMSProp": (refnn.RMSProp, RATE | {"beta": 0.9, "epsilon": 1e-7}),
    "Adam": (refnn.Adam, RATE | {"beta_1": 0.9, "beta_2": 0.9, "epsilon": 1e-7}),
    "Nadam": (refnn.Nadam, RATE | {
        "beta_1": 0.9, "beta_2": 0.9, "epsilon": 1e-7, "momentum_decay": 0.004}),
    "Normal": (refnn.Normal, {"stddev": 1.0}),
    "TruncatedNormal": (refnn.TruncatedNormal, {"stddev": 1.0}),
    "Checkpoint": (refnn.Checkpoint, {
        "path": RUN, "every_epochs": 1, "every_seconds": 0.0, "overwrite": False}),
    "summary": (refnn.summary, {"network": NETWORK}),
    "Model": (refnn.Model, {
        "network": NETWORK, "loss": refnn.MeanSquaredError(), "optimizer": refnn.SGD(),
        "regularizer": None}),
    "Model.initial_state": (MODEL.initial_state, {"rng": RNG, "initializer": None, "dtype": None}),
    "Model.state_at": (MODEL.state_at, {"theta": START.theta}),
    "Dropout": (refnn.Dropout, {"rate": 0.5}),
    "Network.draw_masks": (DROPPING.draw_masks, {"rng": RNG, "rows": 6, "dtype": None}),
    "backpropagate": (refnn.backpropagate, {
        "model": MODEL, "theta": START.theta, "x": X, "y": Y, "masks": ()}),
    "backpropagate with masks": (refnn.backpropagate, {
        "model": replace(MODEL, network=DROPPING), "theta": START.theta, "x": X, "y": Y,
        "masks": DROPPING.draw_masks(RNG, 6)}),
    "train_step": (refnn.train_step, FITTED | {"masks": ()}),
    "predict": (refnn.predict, {"model": MODEL, "state": START, "x": X}),
    "evaluate": (refnn.evaluate, FITTED),
    "fit": (refnn.fit, FITTED | TRAIN | {"rng": None, "checkpoint": None, "history": None}),
    "resume": (refnn.resume, {"model": MODEL, "checkpoint": refnn.Checkpoint(RUN), "x": X, "y": Y}
               | TRAIN),
    "save_state": (refnn.save_state, {"path": FOLDER / "other.npz", "state": START}),
    "load_state": (refnn.load_state, {"path": STATE_FILE}),
    "save_model": (refnn.save_model, {
        "path": FOLDER / "other.npz", "model": MODEL, "state": START, "mean": None,
        "deviation": None, "feature_names": (), "class_names": ()}),
    "load_model": (refnn.load_model, {"path": SAVED, "own": (), "expected": None}),
    "SavedModel.predict": (refnn.load_model(SAVED).predict, {"x": X}),
    "MeanSquaredError.value": (refnn.MeanSquaredError().value, LOSS),
    "Asymmetric.gradient": (refnn.Asymmetric().gradient, LOSS),
    "CategoricalCrossentropy.value": (refnn.CategoricalCrossentropy().value, LOSS),
    "MeanAbsoluteError.gradient": (refnn.MeanAbsoluteError().gradient, LOSS),
    "BinaryCrossentropy.gradient": (refnn.BinaryCrossentropy().gradient, LOSS),
    "SigmoidCrossentropy.value": (refnn.SigmoidCrossentropy().value, {
        "y_true": Y, "logits": Y}),
    "SoftmaxCrossentropy.per_sample": (refnn.SoftmaxCrossentropy().per_sample, {
        "y_true": Y, "logits": Y}),
}  # fmt: skip
ALIASES = {
    "state": "theta|slot|step|x has dtype", "checkpoint": "path|/|npz|file", "path": "/|npz|file",
    "hidden": "function", "output": "function|loss", "own": "own", "expected": "model|layer|loss",
    "layers": "layer|Dense", "sizes": "inputs|outputs", "theta": "x has dtype",
    "validation": "validation", "network": "loss", "loss": "loss", "history": "epochs",
    "x": "x is|x has|x holds|y has shape", "y": "y is|y has|y holds|y: row", "logits": "y_pred",
    "learning_rate": "learning_rate", "optimizer": "slots", "class_names": "names",
    "model": "state|layer|network|theta|loss|optimizer|regularizer|x has shape|y has shape",
    "rng": "rng", "value": "has no twin",
}  # fmt: skip


def tried(function, arguments, wrong):
    """Call a door; return "accepted", "refused", or what is wrong with the answer."""
    try:
        function(**arguments)
    except (TypeError, ValueError, OSError) as error:
        message = str(error)
        innermost = traceback.extract_tb(error.__traceback__)[-1].filename
        if not innermost.startswith(ROOTS):
            return f"riddle: raised in {innermost}: {type(error).__name__}: {message[:200]}"
        if "\n" in message:
            return f"riddle: several lines: {message[:200]!r}"
        names = "|".join(f"{re.escape(name)}|{ALIASES.get(name, name)}" for name in wrong)
        if not re.search(names, message):
            return f"riddle: does not name {wrong}: {message[:200]}"
        return "refused" if len(message) <= LONGEST else f"long: {len(message)}: {message[:150]}"
    except FloatingPointError:
        return "refused"
    except BaseException as error:
        return f"riddle: {type(error).__name__}: {str(error)[:200]}"
    return "accepted"


def fuzz(calls, seed=0, doors=DOORS, wrong=NASTY):
    """Return how often each answer came, and an example of each that is none."""
    rng = np.random.default_rng(seed)
    os.chdir(FOLDER)  # where "adam" may be a file
    counts, examples, names = collections.Counter(), {}, sorted(doors)
    for number in range(calls):
        door = names[number % len(names)]
        function, good = doors[door]
        changed = rng.permutation(sorted(good))[: 1 + (rng.random() < 0.2)].tolist()
        values = {name: wrong[rng.integers(len(wrong))] for name in changed}
        if "save" in door and any(
            values.get("path") is one for one in (SAVED, RUN, STATE_FILE, TEXT)
        ):
            continue  # it would be replaced, as it should
        if "entropy" in door and any(isinstance(value, np.matrix) for value in values.values()):
            continue  # a formula looks at shapes and dtypes alone
        if type(values.get("epochs")) in (int, np.int64) and values["epochs"] > 1:
            continue  # it would be done, for years or into the file
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            answer = tried(function, good | values, changed)
        kind = answer.split(":")[0]
        counts[kind] += 1
        if kind in ("riddle", "long"):
            examples.setdefault((door, *changed, answer[:60]), answer)
    return counts, examples


def tell(counts, examples):
    """Print what ``fuzz`` found."""
    for place, answer in examples.items():
        print(*place[:-1], "→", answer)
    print(dict(counts))


if __name__ == "__main__":
    tell(*fuzz(*map(int, sys.argv[1:])))
