"""Every kind of bad input: one error that names the argument, what came, and what was expected.

And no argument is ever written to: bytes before and after are equal, for read-only arrays too.
"""

import numpy as np
import pytest
from hypothesis import given

from refnn.activations import LeakyRelu, Relu, Sigmoid, Softmax, Tanh, derivative
from refnn.checkpoints import load_state, save_state
from refnn.layers import Activation, Dense
from refnn.losses import Asymmetric, CategoricalCrossentropy, MeanSquaredError, SoftmaxCrossentropy
from refnn.network import Network, multilayer
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, RMSProp
from refnn.regularizers import L2
from refnn.schedules import Constant, ExponentialDecay, PerEpoch
from refnn.state import NonFiniteError, State
from refnn.training import evaluate, fit, initial_state, train_step
from tests.strategies import Case, cases, dtypes, middle_of_a_run, numbers, seeds
from tftwin.lockstep.roundoff import exact

NAN, INF = float("nan"), float("inf")
NO_NUMBERS = [NAN, INF, -INF, "1", None, True, 1j]


def refused(make, *parts, error=ValueError):
    """The call raises, in one line, and the message has all of these parts."""
    with pytest.raises(error) as caught:
        make()
    message = str(caught.value)
    for part in parts:
        assert part in message, message
    assert "\n" not in message
    return message


# Hyper-parameters --------------------------------------------------------------------------------

FIELDS = [
    (LeakyRelu, {}, "alpha", NO_NUMBERS),
    (Asymmetric, {}, "cost", [*NO_NUMBERS, -1]),
    (Asymmetric, {}, "profit", [*NO_NUMBERS, -0.5]),
    (L2, {}, "rate", [*NO_NUMBERS, -1e-9]),
    (Constant, {}, "learning_rate", [*NO_NUMBERS, -1]),
    (ExponentialDecay, {"decay_rate": 0.5}, "initial_learning_rate", [*NO_NUMBERS, -1]),
    (ExponentialDecay, {"initial_learning_rate": 1}, "decay_rate", [*NO_NUMBERS, 0, -0.5]),
    *[(o, {}, "learning_rate", [*NO_NUMBERS, -0.1]) for o in (SGD, SGDM, Adagrad, RMSProp, Adam)],
    *[(o, {}, "beta", [*NO_NUMBERS, 1, 1.0, -0.1, 2]) for o in (SGDM, RMSProp)],
    *[(Adam, {}, b, [*NO_NUMBERS, 1, 1.0, -0.1, 2]) for b in ("beta_1", "beta_2")],
    *[(o, {}, "epsilon", [*NO_NUMBERS, -1e-7]) for o in (Adagrad, RMSProp, Adam)],
]


@pytest.mark.parametrize(
    ("kind", "others", "field", "values"), FIELDS, ids=lambda a: getattr(a, "__name__", None)
)
def test_hyper_parameters(kind, others, field, values):
    for value in values:
        refused(
            lambda value=value: kind(**others, **{field: value}),
            f"{kind.__name__}: {field} = {value!r}; expected a ",
        )


COUNTS = [0, -1, 1.5, "3", None, True, NAN]


@pytest.mark.parametrize("count", COUNTS, ids=repr)
def test_counts(count):
    for make, name in [
        (lambda: Dense(count, 2), "Dense: inputs"),
        (lambda: Dense(2, count), "Dense: outputs"),
        (lambda: ExponentialDecay(1, 0.5, count), "ExponentialDecay: decay_steps"),
        (lambda: PerEpoch(Constant(1), count), "PerEpoch: steps_per_epoch"),
    ]:
        refused(make, f"{name} = {count!r}; expected a whole number of at least 1")


def test_unknown_names_are_no_parameters():
    for make in (lambda: SGD(lr=0.1), lambda: Adam(beta=0.9), lambda: L2(0.1, mean=True)):
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            make()


# Networks ----------------------------------------------------------------------------------------


def test_networks():
    refused(lambda: Dense(2, 3, 1), "Dense: use_bias = 1; expected True or False")
    refused(lambda: Dense(2, 3, "no"), "Dense: use_bias = 'no'; expected True or False")
    for function in (Relu, "relu", None, np.tanh):
        refused(
            lambda function=function: Activation(function),
            f"Activation: function = {function!r}; expected an object with forward(x)",
            error=TypeError,
        )
    refused(lambda: Network([Relu()]), "layers: number 1 is Relu()", "expected a", error=TypeError)
    refused(lambda: Network([]), "layers = (); expected at least one Dense layer")
    refused(
        lambda: Network([Activation(Relu())]), "layers = (", "expected at least one Dense layer"
    )
    refused(
        lambda: Network([Dense(2, 3), Activation(Relu()), Dense(4, 1)]),
        "layers: Dense(inputs=4, outputs=1",
        "follows Dense(inputs=2, outputs=3",
        "expected inputs=3",
    )  # fmt: skip
    for sizes in ([], [3]):
        refused(lambda sizes=sizes: multilayer(sizes, Tanh()), f"sizes = {sizes!r}; expected at le")
    refused(lambda: multilayer([3, 0], Tanh()), "Dense: outputs = 0; expected a whole number")
    refused(
        lambda: derivative(Softmax(), np.ones((1, 2))),
        "function is Softmax", "expected an elementwise one", error=TypeError,
    )  # fmt: skip
    refused(lambda: PerEpoch(0.1, 3), "PerEpoch: schedule = 0.1; expected a", error=TypeError)


# A step ------------------------------------------------------------------------------------------

NETWORK = multilayer([4, 5, 3], Tanh())


ADAM, MSE = Adam(0.1), MeanSquaredError()


def a_case(optimizer=ADAM, loss=MSE, dtype=np.float32):
    rng = np.random.default_rng(0)
    theta = numbers(rng, NETWORK.size).astype(dtype)
    x = numbers(rng, (6, 4)).astype(dtype)
    y = np.eye(3, dtype=dtype)[rng.integers(3, size=6)]
    return Case(NETWORK, loss, optimizer, None, middle_of_a_run(rng, optimizer, theta, 3), [(x, y)])


def steps(case, theta=None, slots=None, x=None, y=None):
    """Everything that takes a state and data, with one of them replaced."""
    one, two = case.batches[0]
    x, y = one if x is None else x, two if y is None else y
    theta = case.state.theta if theta is None else theta
    state = State(theta, case.state.slots if slots is None else slots, case.state.step)
    parts = case.network, case.loss, case.optimizer
    yield lambda: train_step(*parts, state, x, y)
    yield lambda: fit(*parts, state, x, y, epochs=1, progress=False)
    yield (
        lambda: (
            fit(*parts, case.state, *case.batches[0], epochs=1, validation=(x, y), progress=False)
            if theta is case.state.theta and slots is None
            else fit(*parts, state, x, y, epochs=1, progress=False)
        )
    )


X, Y = a_case().batches[0]
THETA = a_case().state.theta
M, V = a_case().state.slots
BAD = {
    "x of another width": ({"x": X[:, :3]}, ValueError, "x has shape (6, 3); expected (any, 4)"),
    "x of rank 1": ({"x": X[0]}, ValueError, "x has shape (4,); expected (any, 4)"),
    "x of rank 3": ({"x": X[None]}, ValueError, "x has shape (1, 6, 4); expected (any, 4)"),
    "no rows": ({"x": X[:0], "y": Y[:0]}, ValueError, "x has shape (0, 4); expected at least one"),
    "x float64": ({"x": X.astype(float)}, TypeError, "x has dtype float64; expected float32"),
    "x int": ({"x": X.astype(int)}, TypeError, "x has dtype int64; expected float32"),
    "x a list": ({"x": X.tolist()}, TypeError, "x is a list; expected a NumPy array"),
    "y of another width": ({"y": Y[:, :2]}, ValueError, "y has shape (6, 2); expected (6, 3)"),
    "y of other rows": ({"y": Y[:5]}, ValueError, "y has shape (5, 3); expected (6, 3)"),
    "y of rank 1": ({"y": Y[:, 0]}, ValueError, "y has shape (6,); expected (6, 3)"),
    "y float64": ({"y": Y.astype(float)}, TypeError, "y has dtype float64; expected float32"),
    "y bool": ({"y": Y > 0}, TypeError, "y has dtype bool; expected float32"),
    "theta too short": ({"theta": THETA[:-1]}, ValueError, "theta has shape (42,); expected (43"),
    "theta of rank 2": ({"theta": THETA[None]}, ValueError, "theta has shape (1, 43); expected ("),
    "theta int": ({"theta": THETA.astype(int)}, TypeError, "theta has dtype int64; expected"),
    "theta float16": ({"theta": THETA.astype("f2")}, TypeError, "theta has dtype float16; expec"),
    "theta a list": ({"theta": THETA.tolist()}, TypeError, "theta is a list; expected a NumPy"),
    "no slots": ({"slots": ()}, ValueError, "state has 0 slots; Adam expects 2 ('m', 'v')"),
    "one slot": ({"slots": (M,)}, ValueError, "state has 1 slots; Adam expects 2 ('m', 'v')"),
    "slot too short": ({"slots": (M, V[1:])}, ValueError, "slot v has shape (42,); expected (43"),
    "slot float64": ({"slots": (M.astype(float), V)}, TypeError, "slot m has dtype float64; expec"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_step_and_fit_refuse(name):
    replaced, error, message = BAD[name]
    for call in steps(a_case(), **replaced):
        refused(call, message, error=error)
    if set(replaced) == {"x"}:
        refused(lambda: NETWORK.predict(THETA, replaced["x"]), message, error=error)
        refused(
            lambda: evaluate(NETWORK, MeanSquaredError(), THETA, replaced["x"], Y),
            message, error=error,
        )  # fmt: skip


@pytest.mark.parametrize("loss", [CategoricalCrossentropy(), SoftmaxCrossentropy()], ids=str)
def test_labels_that_are_no_distribution(loss):
    case = a_case(loss=loss)
    for row, columns in [(0, [1, 1, 0]), (3, [0.5, 0.4, 0]), (5, [2, -1, 0]), (2, [0, 0, 0])]:
        y = Y.copy()
        y[row] = columns
        for call in list(steps(case, y=y))[1:]:
            refused(call, f"y: row {row} is ", type(loss).__name__, "expects each row to be")
    assert fit(
        case.network, loss, case.optimizer, case.state, X, Y, epochs=1, progress=False
    )[1].loss  # fmt: skip


def test_data_that_are_not_finite():
    for value in (np.nan, np.inf, -np.inf):
        x, y = X.copy(), Y.copy()
        x[2, 1], y[4, 0] = value, value
        for replaced, message in (
            ({"x": x}, f"x holds {value} at [2, 1]; expected finite numbers (1 of 24 are not)"),
            ({"y": y}, f"y holds {value} at [4, 0]; expected finite numbers (1 of 18 are not)"),
        ):  # fmt: skip
            for call in list(steps(a_case(), **replaced))[1:]:
                refused(call, message)


def test_the_numbers_of_fit():
    case = a_case()
    parts = case.network, case.loss, case.optimizer, case.state, X, Y
    for count in [c for c in COUNTS if c != 0]:
        refused(
            lambda count=count: fit(*parts, epochs=count), f"epochs = {count!r}; expected a whole"
        )
    for count in COUNTS:
        refused(
            lambda count=count: fit(*parts, epochs=1, batch_size=count),
            f"batch_size = {count!r}; expected a whole number of at least 1",
        )
    state, history = fit(*parts, epochs=0, progress=False)
    assert (state is case.state, history.loss) == (True, [])


def test_a_run_that_leaves_the_finite_numbers_says_where():
    case = a_case(SGD(1e30))
    with pytest.raises(NonFiniteError) as caught:
        fit(case.network, case.loss, case.optimizer, case.state, X, Y, epochs=5, progress=False)
    message = str(caught.value)
    assert message.startswith("step ")
    assert "learning rate 1e+30 is too large" in message
    assert np.isfinite(caught.value.state.theta).all()
    zero = State(np.zeros_like(THETA), (np.zeros_like(THETA),))
    parts = multilayer([4, 5, 3], Relu()), MeanSquaredError(), Adagrad(0.1, 0.0)
    with pytest.raises(NonFiniteError, match="pass epsilon=1e-7 to Adagrad") as caught:
        fit(*parts, zero, X, Y, epochs=5, progress=False)
    assert caught.value.tensor == "W1"
    assert caught.value.state is zero


def test_the_first_state():
    refused(lambda: initial_state(Adam(), THETA[None]), "theta has shape (1, 43); expected (any")
    refused(lambda: initial_state(Adam(), [1.0]), "theta is a list; expected", error=TypeError)
    refused(
        lambda: initial_state(Adam(), np.arange(3)),
        "theta has dtype int64; expected",
        error=TypeError,
    )


def test_files_that_hold_no_state(tmp_path):
    good, text, other, mixed = (tmp_path / n for n in ("a.npz", "b.npz", "c.npz", "d.npz"))
    case = a_case()
    save_state(good, case.state)
    text.write_text("no state")
    np.savez(other, x=X)
    np.savez(mixed, theta=THETA, step=np.array(1), slot0=THETA[1:])
    assert load_state(good).theta.tobytes() == THETA.tobytes()
    for path in (text, other):
        refused(
            lambda path=path: load_state(path),
            str(path),
            "; expected " if path == other else "expected ",
        )
    refused(lambda: load_state(mixed), "slot0 has shape (42,); expected (43")
    with pytest.raises(FileNotFoundError):
        load_state(tmp_path / "none.npz")


# No argument is written to -----------------------------------------------------------------------


def arrays_of(case):
    return [case.state.theta, *case.state.slots, *(a for batch in case.batches for a in batch)]


@given(cases(steps=1))
def test_a_step_writes_into_no_argument(case):
    arrays = arrays_of(case)
    before = [a.tobytes() for a in arrays]
    for a in arrays:
        a.flags.writeable = False
    with np.errstate(all="ignore"):
        train_step(*case.step)
        case.loss.per_sample(
            case.batches[0][1], case.network.predict(case.state.theta, case.batches[0][0])
        )
    assert [a.tobytes() for a in arrays] == before


@given(dtype=dtypes, seed=seeds)
def test_functions_write_into_no_argument(dtype, seed):
    rng = np.random.default_rng(seed)
    x, dy, y_true = (numbers(rng, (4, 3)).astype(dtype) for _ in range(3))
    y_true = np.abs(y_true) / np.sum(np.abs(y_true), axis=1, keepdims=True)
    y_pred = np.abs(x) + dtype(0.1)
    kept = [a.tobytes() for a in (x, dy, y_true, y_pred)]
    for a in (x, dy, y_true, y_pred):
        a.flags.writeable = False
    for function in (Sigmoid(), Tanh(), Relu(), LeakyRelu(), Softmax()):
        y = function.forward(x)
        y.flags.writeable = False
        bytes_of_y = y.tobytes()
        function.backward(dy, x, y)
        assert y.tobytes() == bytes_of_y
    for loss in (
        MeanSquaredError(),
        Asymmetric(2, 3),
        CategoricalCrossentropy(),
        SoftmaxCrossentropy(),
    ):
        loss.value(y_true, y_pred)
        loss.gradient(y_true, y_pred)
    assert [a.tobytes() for a in (x, dy, y_true, y_pred)] == kept


@pytest.mark.parametrize("optimizer", [SGD(), SGDM(), Adagrad(), RMSProp(), Adam()], ids=str)
def test_fit_writes_into_no_argument(optimizer):
    case = a_case(optimizer)
    arrays = arrays_of(case)
    before = [a.tobytes() for a in arrays]
    for a in arrays:
        a.flags.writeable = False
    rng = np.random.default_rng(1)
    state, _ = fit(
        case.network, case.loss, optimizer, case.state, X_ := arrays[-2], arrays[-1],
        epochs=3, batch_size=4, rng=rng, validation=(X_, arrays[-1]), progress=False,
    )  # fmt: skip
    assert [a.tobytes() for a in arrays] == before
    assert state.theta.tobytes() != before[0]


@given(cases(steps=1))
def test_other_layouts_in_memory_give_the_same_step(case):
    """Fortran order, strided, and reversed arrays: the same numbers, within the bound."""
    network, loss, optimizer, state, x, y, regularizer = case.step
    wide = np.empty((2 * len(x), 3 * x.shape[1]), x.dtype)
    wide[::2, ::3] = x
    theta = np.repeat(state.theta, 2)
    theta = State(theta[::2], state.slots, state.step)
    carried = State(exact(state.theta), tuple(map(exact, state.slots)), state.step)
    with np.errstate(all="ignore"):
        one = train_step(*case.step)
        bounded = train_step(network, loss, optimizer, carried, exact(x), y, regularizer)
        others = [
            train_step(network, loss, optimizer, s, x_, y_, regularizer)
            for s, x_, y_ in [
                (state, np.asfortranarray(x), np.asfortranarray(y)),
                (state, wide[::2, ::3], np.ascontiguousarray(y[::-1])[::-1]),
                (theta, x, y),
            ]
        ]
        for other in others:
            error = np.abs(
                one.state.theta.astype(np.longdouble) - other.state.theta.astype(np.longdouble)
            )
            known = np.isfinite(bounded.state.theta.bound)
            assert np.all(error[known] <= 2 * bounded.state.theta.bound[known])
