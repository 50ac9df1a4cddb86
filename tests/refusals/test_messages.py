"""Bad input: one error that names the argument, what came, and what was expected."""

from dataclasses import replace

import numpy as np
import pytest

from refnn.activations import LeakyRelu, Relu, Softmax, Tanh, derivative
from refnn.layers import Activation, Dense
from refnn.losses import Asymmetric, CategoricalCrossentropy, MeanSquaredError, SoftmaxCrossentropy
from refnn.network import Network, multilayer
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp
from refnn.regularizers import L2
from refnn.runs import fit
from refnn.schedules import Constant, ExponentialDecay, PerEpoch
from refnn.state import State
from refnn.training import Model, backpropagate, evaluate, predict, train_step
from tests.helpers import refused
from tests.strategies import Case, middle_of_a_run, numbers

NAN, INF = float("nan"), float("inf")
NO_NUMBERS = [NAN, INF, -INF, "1", None, True, 1j]

# Hyper-parameters --------------------------------------------------------------------------------

FIELDS = [
    (LeakyRelu, {}, "alpha", NO_NUMBERS),
    (Asymmetric, {}, "cost", [*NO_NUMBERS, -1]),
    (Asymmetric, {}, "profit", [*NO_NUMBERS, -0.5]),
    (L2, {}, "rate", [*NO_NUMBERS, -1e-9]),
    (Constant, {}, "learning_rate", [*NO_NUMBERS, -1]),
    (ExponentialDecay, {"decay_rate": 0.5}, "initial_learning_rate", [*NO_NUMBERS, -1]),
    (ExponentialDecay, {"initial_learning_rate": 1}, "decay_rate", [*NO_NUMBERS, 0, -0.5]),
    *[
        (o, {}, "learning_rate", [*NO_NUMBERS, -0.1])
        for o in (SGD, SGDM, Nesterov, Adagrad, RMSProp, Adam, Nadam)
    ],
    *[(o, {}, "beta", [*NO_NUMBERS, 1, 1.0, -0.1, 2]) for o in (SGDM, Nesterov, RMSProp)],
    *[
        (o, {}, b, [*NO_NUMBERS, 1, 1.0, -0.1, 2])
        for b in ("beta_1", "beta_2")
        for o in (Adam, Nadam)
    ],
    *[(o, {}, "epsilon", [*NO_NUMBERS, -1e-7]) for o in (Adagrad, RMSProp, Adam, Nadam)],
    (Nadam, {}, "momentum_decay", [*NO_NUMBERS, -1e-9]),
]


@pytest.mark.parametrize(
    ("kind", "others", "field", "values"), FIELDS, ids=lambda a: getattr(a, "__name__", None)
)
def test_hyper_parameters(kind, others, field, values):
    for value in values:
        with refused(f"{kind.__name__}: {field} = {value!r}; expected a "):
            kind(**others, **{field: value})


COUNTS = [0, -1, 1.5, "3", None, True, NAN]


@pytest.mark.parametrize("count", COUNTS, ids=repr)
def test_counts(count):
    for make, name in [
        (lambda: Dense(count, 2), "Dense: inputs"),
        (lambda: Dense(2, count), "Dense: outputs"),
        (lambda: ExponentialDecay(1, 0.5, count), "ExponentialDecay: decay_steps"),
        (lambda: PerEpoch(Constant(1), count), "PerEpoch: steps_per_epoch"),
    ]:
        with refused(f"{name} = {count!r}; expected a whole number of at least 1"):
            make()


def test_unknown_names_are_no_parameters():
    for make in (lambda: SGD(lr=0.1), lambda: Adam(beta=0.9), lambda: L2(0.1, mean=True)):
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            make()


# Networks ----------------------------------------------------------------------------------------


BAD_NETWORKS = {
    "use_bias 1": (lambda: Dense(2, 3, 1), "Dense: use_bias = 1; expected True or False"),
    "use_bias no": (lambda: Dense(2, 3, "no"), "Dense: use_bias = 'no'; expected True or False"),
    "no layers": (lambda: Network([]), "layers = (); expected at least one Dense layer"),
    "no Dense": (lambda: Network([Activation(Relu())]), "expected at least one Dense layer"),
    "widths": (
        lambda: Network([Dense(2, 3), Activation(Relu()), Dense(4, 1)]),
        "layers: Dense(inputs=4, outputs=1, use_bias=True) follows Dense(inputs=2, outputs=3, "
        "use_bias=True); expected inputs=3",
    ),
    "no widths": (lambda: multilayer([], Tanh()), "sizes = []; expected at least an input and"),
    "one width": (lambda: multilayer([3], Tanh()), "sizes = [3]; expected at least an input and"),
    "width 0": (lambda: multilayer([3, 0], Tanh()), "Dense: outputs = 0; expected a whole number"),
}
NO_OBJECTS = {
    "no layer": (
        lambda: Network([Relu()]), "layers: number 1 is Relu(); expected a Dense, Activation",
    ),
    "a matrix for a derivative": (
        lambda: derivative(Softmax(), np.ones((1, 2))),
        "function is Softmax, whose derivative is a matrix; expected an elementwise one",
    ),
    "no schedule": (lambda: PerEpoch(0.1, 3), "PerEpoch: schedule = 0.1; expected a schedule"),
    **{
        f"activation {function!r}": (
            lambda function=function: Activation(function),
            f"Activation: function = {function!r}; expected an object with forward",
        )
        for function in (Relu, "relu", None, np.tanh)
    },
}  # fmt: skip


@pytest.mark.parametrize(("make", "message"), BAD_NETWORKS.values(), ids=BAD_NETWORKS)
def test_networks(make, message):
    with refused(message):
        make()


@pytest.mark.parametrize(("make", "message"), NO_OBJECTS.values(), ids=NO_OBJECTS)
def test_objects_of_another_kind(make, message):
    with refused(message, error=TypeError):
        make()


# A step ------------------------------------------------------------------------------------------

MODEL = Model(multilayer([4, 5, 3], Tanh()), MeanSquaredError(), Adam(0.1))


def a_case(model=MODEL, dtype=np.float32):
    rng = np.random.default_rng(0)
    theta = numbers(rng, model.network.size).astype(dtype)
    x = numbers(rng, (6, 4)).astype(dtype)
    y = np.eye(3, dtype=dtype)[rng.integers(3, size=6)]
    return Case(model, middle_of_a_run(rng, model.optimizer, theta, 3), [(x, y)])


def calls(case, theta=None, slots=None, x=None, y=None):
    """Everything that takes a state and data, with one of them replaced."""
    model, state, one, two = case.step
    data = one if x is None else x, two if y is None else y
    wrong = State(
        state.theta if theta is None else theta, state.slots if slots is None else slots, state.step
    )
    options = {"epochs": 1, "progress": False}
    found = {
        "train_step": lambda: train_step(model, wrong, *data),
        "fit": lambda: fit(model, wrong, *data, **options),
    }
    if slots is None:
        found["backpropagate"] = lambda: backpropagate(model, wrong.theta, *data)
        found["evaluate"] = lambda: evaluate(model, wrong, *data)
        found["evaluate θ"] = lambda: evaluate(model, wrong.theta, *data)
        if y is None:
            found["predict"] = lambda: predict(model, wrong, data[0])
            found["predict θ"] = lambda: predict(model, wrong.theta, data[0])
    if slots is None and theta is None:
        found["validation"] = lambda: fit(model, state, one, two, validation=data, **options)
    return found


CHECK_THE_NUMBERS = ("fit", "evaluate", "evaluate θ", "validation")


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
def test_whatever_takes_a_state_and_data_refuses(name):
    replaced, error, message = BAD[name]
    for call in calls(a_case(), **replaced).values():
        with refused(message, error=error):
            call()


@pytest.mark.parametrize("loss", [CategoricalCrossentropy(), SoftmaxCrossentropy()], ids=str)
def test_labels_that_are_no_distribution(loss):
    output = Softmax() if isinstance(loss, CategoricalCrossentropy) else None
    case = a_case(replace(MODEL, network=multilayer([4, 5, 3], Tanh(), output), loss=loss))
    for row, columns in [(0, [1, 1, 0]), (3, [0.5, 0.4, 0]), (5, [2, -1, 0]), (2, [0, 0, 0])]:
        y = Y.copy()
        y[row] = columns
        found = calls(case, y=y)
        for name in CHECK_THE_NUMBERS:
            with refused(f"y: row {row} is ", type(loss).__name__, "expects each row to be"):
                found[name]()
    for call in calls(case).values():
        call()


def test_data_that_are_not_finite():
    for value in (np.nan, np.inf, -np.inf):
        x, y = X.copy(), Y.copy()
        x[2, 1], y[4, 0] = value, value
        for replaced, message in (
            ({"x": x}, f"x holds {value} at [2, 1]; expected finite numbers (1 of 24 are not)"),
            ({"y": y}, f"y holds {value} at [4, 0]; expected finite numbers (1 of 18 are not)"),
        ):
            found = calls(a_case(), **replaced)
            for name in CHECK_THE_NUMBERS:
                with refused(message):
                    found[name]()


def test_the_numbers_of_fit():
    parts = a_case().step
    for count in [c for c in COUNTS if c != 0]:
        with refused(f"epochs = {count!r}; expected a whole number of at least 0"):
            fit(*parts, epochs=count)
    for count in COUNTS:
        with refused(f"batch_size = {count!r}; expected a whole number of at least 1"):
            fit(*parts, epochs=1, batch_size=count)
    state, history = fit(*parts, epochs=0, progress=False)
    assert (state is parts[1], history.loss) == (True, [])


def test_the_first_state():
    with refused("theta has shape (1, 43); expected (43)"):
        MODEL.state_at(THETA[None])
    with refused("theta has shape (42,); expected (43)"):
        MODEL.state_at(THETA[1:])
    with refused("theta is a list; expected", error=TypeError):
        MODEL.state_at([1.0])
    with refused("theta has dtype int64; expected", error=TypeError):
        MODEL.state_at(np.arange(43))
