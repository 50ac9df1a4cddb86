"""A run ends as it should, whatever happens; and what a user can pass wrong is refused.

Bounds are derived: refnn's own code on arrays that carry their rounding error (no TensorFlow).
"""

import collections
import json
import os
import re
import signal
import subprocess
import sys
import threading
from fractions import Fraction
from functools import partial
from pathlib import Path

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
    Interrupted,
    MeanSquaredError,
    NonFiniteError,
    Relu,
    RMSProp,
    Sigmoid,
    Softmax,
    State,
    Tanh,
    evaluate,
    fit,
    initial_state,
    multilayer,
    resume,
    train_step,
)
from refnn.datasets import batches, load_csv, load_npz, one_hot, standardize
from tftwin.lockstep.roundoff import exact

ROOT = Path(__file__).parent.parent
F32, F64 = np.float32, np.float64
NETWORK = multilayer([4, 5, 3], Relu())
RNG = np.random.default_rng(3)
X = RNG.standard_normal((24, 4)).astype(np.float32)
Y = RNG.standard_normal((24, 3)).astype(np.float32)
THETA = NETWORK.initial_theta(np.random.default_rng(1))
START = initial_state(SGDM(), THETA)


def same(one, other):
    arrays = zip((one.theta, *one.slots), (other.theta, *other.slots), strict=True)
    return one.step == other.step and all(a.tobytes() == b.tobytes() for a, b in arrays)


# ---- Ctrl-C -----------------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def python_s_own_handler():
    """What runs in the background of a shell is started with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class CtrlC(MeanSquaredError):  # noqa: N818
    """Presses Ctrl-C in the middle of some steps."""

    def __init__(self, *steps):
        self.__dict__.update(steps=steps, done=0)

    def __repr__(self):
        return "CtrlC()"

    def gradient(self, y_true, y_pred):
        self.__dict__["done"] += 1
        for _ in range(self.steps.count(self.done)):
            os.kill(os.getpid(), signal.SIGINT)
        return super().gradient(y_true, y_pred)


def press(*steps, epochs=5, **options):
    """Six steps an epoch, Ctrl-C in these."""
    options = {"batch_size": 4, "epochs": epochs, "progress": False} | options
    return fit(NETWORK, CtrlC(*steps), SGDM(), START, X, Y, **options)


@pytest.mark.parametrize("step", [1, 6, 7, 11, 30])
def test_ctrl_c_ends_after_the_step(step):
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted, match=rf"^after step {step}, with ") as caught:
        press(step)
    assert signal.getsignal(signal.SIGINT) is handler is signal.default_int_handler
    whole, history = press(epochs=5)
    state = START
    for rows in [*batches(24, 4)] * 5:
        if state.step < step:
            state = train_step(NETWORK, MeanSquaredError(), SGDM(), state, X[rows], Y[rows]).state
    assert same(caught.value.state, state)
    assert caught.value.history.loss == history.loss[: (step - 1) // 6]
    assert isinstance(caught.value, KeyboardInterrupt)
    assert same(whole, press(epochs=5)[0])


def test_ctrl_c_between_two_epochs_and_after_the_last():
    for epoch, step in ((2, 13), (5, 30)):
        with pytest.raises(Interrupted, match=rf"^after step {step}, ") as caught:
            press(callback=lambda n, *_, e=epoch: n == e and os.kill(os.getpid(), signal.SIGINT))
        assert len(caught.value.history.loss) == epoch


def test_a_second_ctrl_c_acts_at_once():
    with pytest.raises(KeyboardInterrupt) as caught:
        press(9, 9)
    assert type(caught.value) is KeyboardInterrupt
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupted_run_is_resumed_bit_for_bit(tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.npz", every_epochs=100)
    with pytest.raises(Interrupted, match=r"; refnn.resume continues from .*run\.npz$"):
        press(15, checkpoint=checkpoint, rng=np.random.default_rng(2))
    options = {"epochs": 5, "batch_size": 4, "progress": False}
    state, history = resume(NETWORK, CtrlC(), SGDM(), checkpoint, X, Y, **options)
    expected, expected_history = press(rng=np.random.default_rng(2))
    assert same(state, expected)
    assert history.loss == expected_history.loss


def test_somebody_else_s_handler_is_left_alone():
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    try:
        press(3)
        assert seen == [1]
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        press(3)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_may_fit():
    ends = []
    thread = threading.Thread(target=lambda: ends.append(press()))
    thread.start()
    thread.join()
    assert same(ends[0][0], press()[0])


SCRIPT = """
import signal, sys
import numpy as np
import refnn

def epoch_is_over(number, state, history):
    if number == 1:
        sys.stderr.write("started\\n")
        sys.stderr.flush()

signal.signal(signal.SIGINT, signal.default_int_handler)
data = refnn.datasets.iris()
network = refnn.multilayer([4, 3], refnn.Tanh())
start = refnn.initial_state(refnn.SGD(), network.initial_theta(np.random.default_rng(1)))
epochs = int(sys.argv[1])
parts = network, refnn.MeanSquaredError(), refnn.SGD(), start, data.x, data.y
refnn.fit(*parts, epochs=epochs, callback=epoch_is_over if epochs > 9 else None)
"""


def script(*arguments, **options):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options,
    )  # fmt: skip


def test_ctrl_c_at_a_real_process():
    with script(SCRIPT, "1000000") as process:
        assert process.stderr.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=20)
    assert process.returncode == 1
    last = error.strip().splitlines()[-1]
    assert last.startswith("refnn.state.Interrupted: after step ")
    assert last.endswith("The state is kept in this exception's .state")
    assert out == ""


def test_without_a_terminal_nothing_is_printed():
    with script(SCRIPT, "3") as process:
        out, error = process.communicate(timeout=20)
    assert (process.returncode, out, error) == (0, "", "")


# ---- not finite -------------------------------------------------------------------------------


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
        r"step 2, loss: loss is inf; its largest input is \S+e\+(19|20|21), in y1",
        RATE.format(r"1e\+20"),
    ),
    "penalty": (
        multilayer([1, 1], Relu(), use_bias=False), MeanSquaredError(), SGD(0.1), L2(1e30),
        ONES * 0, ONES,
        r"step 2, loss: penalty is inf; its largest input is \S+e\+\d\d, in W1",
        RATE.format(r"0\.1"),
    ),
    "square of a gradient": (
        multilayer([1, 1], Relu(), use_bias=False), refnn.Asymmetric(1, 1e20), RMSProp(0.1), None,
        ONES, ONES * 1e9,
        r"step 1, slots: v of W1\[0, 0\] is inf; its largest input is 2e\+20, in dW1",
        RATE.format(r"0\.1"),
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
        r"step 1, loss: loss is (nan|inf); its largest input is 1, in y2",
        "a logarithm of zero or a division by zero in BinaryCrossentropy",
    ),
    "no probability": (
        multilayer([2, 2], Relu()), CategoricalCrossentropy(), SGD(1), None, *NO_CLASSES,
        "step 1, loss: loss is nan; its largest input is 0, in y1",
        "0/0, or the logarithm or root of a negative number, in CategoricalCrossentropy",
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
    start = initial_state(optimizer, np.abs(network.initial_theta(np.random.default_rng(1))))
    with pytest.raises(NonFiniteError) as caught:
        fit(
            network, loss, optimizer, start, x, y,
            epochs=9, batch_size=99, regularizer=regularizer, progress=False,
        )  # fmt: skip
    end = r"The last finite state is kept in this error's \.state"
    message = str(caught.value)
    assert re.fullmatch(rf"{where}\. Likely cause: {cause}\. {end}", message), message
    state = caught.value.state
    assert all(np.isfinite(a).all() for a in (state.theta, *state.slots))
    assert int(str(caught.value).split()[1].strip(",")) == state.step + 1
    assert len(caught.value.history.loss) == state.step


# ---- how the data lie in memory ---------------------------------------------------------------


def unaligned(a):
    raw = np.empty(a.nbytes + 1, np.uint8)
    copy = raw[1:].view(a.dtype).reshape(a.shape)
    copy[:] = a
    return copy


def read_only(a):
    copy = a.copy()
    copy.flags.writeable = False
    return copy


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "every other": lambda a: np.repeat(np.repeat(a, 2, axis=0), 2, axis=-1)[::2, ..., ::2]
    if a.ndim > 1 else np.repeat(a, 2)[::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "transposed": lambda a: a.T.copy().T,
    "read-only": read_only,
    "unaligned": unaligned,
    "a view of more": lambda a: np.pad(a, 1)[(slice(1, -1),) * a.ndim],
}  # fmt: skip
OPTIMIZERS = [SGD(0.1), SGDM(0.1), Adagrad(0.1), RMSProp(0.01), Adam(0.01)]


def rounded(state):
    return State(exact(state.theta), tuple(map(exact, state.slots)), state.step)


def within(one, other, bounded):
    """Two correct evaluations are at most twice the bound apart; say how much of it they use."""
    fills = [0.0]
    for a, b, r in zip(
        (one.theta, *one.slots), (other.theta, *other.slots),
        (bounded.theta, *bounded.slots), strict=True,
    ):  # fmt: skip
        apart = np.abs(a.astype(np.float64) - b)
        assert (apart <= 2 * r.bound).all()
        assert np.isfinite(r.bound).all()
        fills.append(float(np.max(apart / np.maximum(2 * r.bound, np.finfo(float).tiny))))
    return max(fills)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_any_layout_gives_the_same_values_and_is_not_written_to(layout, optimizer, dtype):
    x, y, theta = X.astype(dtype), Y.astype(dtype), THETA.astype(dtype)
    parts = NETWORK, MeanSquaredError(), optimizer
    start = train_step(*parts, initial_state(optimizer, theta), x, y, L2(0.01)).state
    bounded = train_step(*parts, rounded(start), exact(x), y, L2(0.01)).state
    expected = train_step(*parts, start, x, y, L2(0.01)).state
    laid = State(layout(start.theta), tuple(map(layout, start.slots)), 1)
    arrays = [layout(x), layout(y), laid.theta, *laid.slots]
    before = [a.tobytes() for a in arrays]
    within(train_step(*parts, laid, *arrays[:2], L2(0.01)).state, expected, bounded)
    options = {"epochs": 1, "batch_size": 24, "progress": False, "regularizer": L2(0.01)}
    validation = tuple(arrays[:2])
    within(fit(*parts, laid, *arrays[:2], validation=validation, **options)[0], expected, bounded)
    assert [a.tobytes() for a in arrays] == before
    assert evaluate(*parts[:2], laid.theta, *arrays[:2]).accuracy is None


def test_the_layouts_are_what_they_are_called():
    assert not LAYOUTS["Fortran"](X).flags.c_contiguous
    assert not LAYOUTS["every other"](THETA).flags.contiguous
    assert LAYOUTS["backwards"](X).strides[0] < 0
    assert not LAYOUTS["read-only"](X).flags.writeable
    assert not LAYOUTS["unaligned"](X).flags.aligned
    assert all(np.array_equal(layout(a), a) for layout in LAYOUTS.values() for a in (X, THETA))


# ---- the same bits ----------------------------------------------------------------------------

RUN = """
import json, sys
import numpy as np
import refnn

rng = np.random.default_rng(11)
network = refnn.multilayer([256, 192, 10], refnn.Relu())
rule = getattr(refnn, sys.argv[1])(0.01)
theta = network.initial_theta(rng)
slots = [0.5 + rng.random(theta.size, dtype=np.float32) for _ in rule.slot_names]
start = refnn.State(theta, tuple(slots), 100)
x = rng.standard_normal((384, 256), dtype=np.float32)
y = rng.standard_normal((384, 10), dtype=np.float32)
options = dict(epochs=2, batch_size=192, rng=rng, regularizer=refnn.L2(0.001), progress=False)
state, history = refnn.fit(network, refnn.MeanSquaredError(), rule, start, x, y, **options)
np.savez(sys.argv[2], state.theta, *state.slots)
"""


@pytest.mark.parametrize("optimizer", [SGDM(0.01), Adam(0.01)], ids=lambda o: type(o).__name__)
def test_the_same_seed_gives_the_same_bits_and_two_threads_stay_within_the_bound(
    optimizer, tmp_path
):
    """Four steps, free-running: the bound grows with them, on refnn's own code."""
    ends = []
    for number, threads in enumerate("112"):
        path = tmp_path / f"{number}.npz"
        environment = os.environ | {"OPENBLAS_NUM_THREADS": threads, "PYTHONPATH": str(ROOT)}
        subprocess.run(
            [sys.executable, "-c", RUN, type(optimizer).__name__, str(path)],
            env=environment, check=True, timeout=60,
        )  # fmt: skip
        with np.load(path) as file:
            ends.append(State(file["arr_0"], tuple(file[n] for n in file.files[1:]), 104))
    assert same(ends[0], ends[1])

    rng = np.random.default_rng(11)
    network = multilayer([256, 192, 10], Relu())
    theta = network.initial_theta(rng)
    slots = [0.5 + rng.random(theta.size, dtype=F32) for _ in optimizer.slot_names]
    bounded = rounded(State(theta, tuple(slots), 100))  # from the middle of a run: v is not 0
    x = rng.standard_normal((384, 256), dtype=np.float32)
    y = rng.standard_normal((384, 10), dtype=np.float32)
    parts = network, MeanSquaredError(), optimizer
    for _ in range(2):
        for rows in batches(384, 192, rng):
            bounded = train_step(*parts, bounded, exact(x[rows]), y[rows], L2(0.001)).state
    print(json.dumps({"fill": within(ends[0], ends[2], bounded)}))
    moved = np.abs(ends[0].theta - theta)
    assert np.median(2 * bounded.theta.bound) < np.median(moved)  # a bound that says something


# ---- what can be passed wrong -----------------------------------------------------------------

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
    lambda step: np.ones(2), refnn.Constant, refnn.ExponentialDecay(1e300, 1e300, 1), print,
])  # fmt: skip
LABELS = [0, 1, 2, 1]
FITTED = {
    "network": NETWORK, "loss": MeanSquaredError(), "optimizer": SGDM(), "state": START,
    "x": X, "y": Y,
}  # fmt: skip
STEP = {
    "network": pick(NAMES), "loss": names, "optimizer": names, "state": wrong_states,
    "x": wrong_arrays(X), "y": wrong_arrays(Y), "regularizer": pick(NAMES, None),
}  # fmt: skip
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
    "Activation": (refnn.Activation, {"function": Relu()}, {"function": names}),
    "Dense": (refnn.Dense, {"inputs": 2, "outputs": 3}, {
        "inputs": counts | st.just(HUGE), "outputs": counts | st.just(2**40),
        "use_bias": pick([0, 1, None, "no", HUGE])}),
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
    "SGD": (SGD, {}, {"learning_rate": rates}),
    "SGDM": (SGDM, {}, {"learning_rate": rates, "beta": betas}),
    "Adagrad": (Adagrad, {}, {"learning_rate": rates, "epsilon": rates}),
    "RMSProp": (RMSProp, {}, {"learning_rate": rates, "beta": betas, "epsilon": rates}),
    "Adam": (Adam, {}, {
        "learning_rate": rates, "beta_1": betas, "beta_2": betas, "epsilon": rates}),
    "Checkpoint": (Checkpoint, {"path": "run.npz"}, {
        "path": pick([None, 3, b"x", [], object()]), "every_epochs": counts,
        "every_seconds": rates}),
    "summary": (refnn.summary, {"network": NETWORK}, {"network": names}),
    "initial_theta": (NETWORK.initial_theta, {"rng": RNG}, {
        "rng": names | st.just(np.random), "initializer": pick(NAMES, None),
        "dtype": pick(DTYPES)}),
    "predict": (NETWORK.predict, {"theta": THETA, "x": X}, {
        "theta": wrong_arrays(THETA), "x": wrong_arrays(X)}),
    "initial_state": (initial_state, {"optimizer": SGD(), "theta": THETA}, {
        "optimizer": names,
        "theta": wrong_arrays(THETA).filter(  # any length will do, and so will float64
            lambda a: getattr(a, "ndim", 0) != 1 or getattr(a, "dtype", 0) not in (F32, F64)
            or type(a) is not np.ndarray)}),
    "train_step": (train_step, FITTED, STEP),
    "fit": (fit, FITTED | {"epochs": 1, "progress": False}, FIT),
    "evaluate": (evaluate, {"network": NETWORK, "loss": MeanSquaredError(), "theta": THETA,
                            "x": X, "y": Y}, {
        "network": names, "loss": names, "theta": wrong_arrays(THETA) | not_finite(THETA),
        "x": FIT["x"], "y": FIT["y"]}),
    "save_state": (refnn.save_state, {"path": "/nowhere/x.npz", "state": START}, {
        "path": pick([None, 3, b"x", []]), "state": wrong_states.filter(
            lambda s: not isinstance(s, State) or not isinstance(s.slots, tuple)
            or len(s.slots) == 1)}),  # a file does not know how many there should be
    "load_state": (refnn.load_state, {"path": "/nowhere"}, {
        "path": pick([None, 3, 1.5, [], "/", "/dev/null", __file__])}),
    "resume": (resume, {k: v for k, v in FITTED.items() if k != "state"}
               | {"checkpoint": Checkpoint(__file__), "epochs": 1}, {
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
    "load_csv": (load_csv, {"path": "/nowhere", "label": 0}, {
        "path": pick([None, 3, [], "/"]), "dtype": pick(DTYPES)}),
    "load_npz": (load_npz, {"path": "/nowhere"}, {
        "path": pick([None, 3, [], "/", "/dev/null", __file__]), "dtype": pick(DTYPES)}),
} | {
    f"{type(loss).__name__}.{method}": (
        partial(called_by_position, getattr(loss, method)), LOSS_GOOD, LOSS)
    for loss in (MeanSquaredError(), refnn.Asymmetric(), CategoricalCrossentropy(),
                 refnn.SoftmaxCrossentropy())
    for method in ("value", "gradient", "per_sample")
}  # fmt: skip
# an argument that the message calls by another name
CALLED = {
    "state": r"state|theta|slot|step", "path": r"path|/|\.py", "hidden": "function",
    "output": "function", "checkpoint": r"checkpoint|/|\.py", "theta": "theta|x has dtype",
    "classes": "classes|labels",
}  # fmt: skip


def contents(value):
    """The bytes of every array in an argument."""
    if isinstance(value, State):
        return [contents(v) for v in (value.theta, value.slots)]
    if isinstance(value, (tuple, list)):
        return [contents(v) for v in value]
    return value.tobytes() if isinstance(value, np.ndarray) else None


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
    before = contents(list(arguments.values()))
    with pytest.raises((ValueError, TypeError)) as caught:
        function(**arguments)
    message = str(caught.value)
    assert re.search(CALLED.get(argument, argument), message), message
    assert "unexpected keyword" not in message
    assert contents(list(arguments.values())) == before
    tried[name] += 1


@pytest.mark.parametrize("train", [train_step, partial(fit, epochs=1, progress=False)])
@settings(max_examples=20)
@given(schedule=schedules)
def test_a_schedule_that_gives_no_rate_is_refused(train, schedule):
    state = State(THETA, START.slots, 3)
    with pytest.raises(ValueError, match="^learning_rate: the schedule gave .* at step 3"):
        train(NETWORK, MeanSquaredError(), SGDM(schedule), state, X, Y)
    tried["schedule"] += 1


@settings(max_examples=60)
@given(data=st.data())
@example(data=None)
def test_labels_that_are_no_distribution_are_refused(data):
    network = multilayer([4, 3], Tanh(), Softmax())
    state = initial_state(SGD(), network.initial_theta(np.random.default_rng(1)))
    y = np.eye(3, dtype=F32)[np.arange(24) % 3]
    row, column = (5, 1) if data is None else (data.draw(st.integers(0, 23)), 0)
    wrong = (
        2.0
        if data is None
        else data.draw(
            st.floats(-10, 10, width=32).filter(lambda v: abs(v - y[row, column]) > 1e-5)
        )
    )
    y[row, column] = wrong
    before = y.tobytes()
    for loss in (CategoricalCrossentropy(), refnn.SoftmaxCrossentropy()):
        with pytest.raises(ValueError, match=f"^y: row {row} is "):
            fit(network, loss, SGD(), state, X, y, epochs=1, progress=False)
        with pytest.raises(ValueError, match=f"^y: row {row} is "):
            evaluate(network, loss, state.theta, X, y)
        tried["labels"] += 2
    assert y.tobytes() == before


def test_the_good_arguments_are_good(tmp_path):
    """What is refused above is refused for the argument that is wrong."""
    for name, (function, good, bad) in FUNCTIONS.items():
        if good.get("path") == "/nowhere":
            with pytest.raises(FileNotFoundError):
                function(**good)
        elif name not in ("resume", "save_state"):
            function(**good)
        assert bad, name
    assert Fraction(SGD(Fraction(1, 2)).learning_rate) == Fraction(1, 2)


def test_every_public_name_was_fed():
    """Runs last: the inputs tried are counted, and none of refnn's names was forgotten."""
    fed = {name.split(".")[0] for name in FUNCTIONS}
    plain = {"Identity", "Relu", "Sigmoid", "Softmax", "Tanh", "He", "Zeros"}  # take nothing
    data = {"History", "Interrupted", "NonFiniteError", "State", "Step"}  # hold what they are given
    assert set(refnn.__all__) - plain - data <= fed
    print(f"{sum(tried.values())} wrong inputs tried and refused, of {len(tried)} functions")
