"""What training as a whole promises: runs, answers, files, preparation, refusals."""

import io
import math
import tempfile
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np

from refnn import fit, load_model, load_state, save_model, save_state
from refnn.activations import Relu, Tanh
from refnn.datasets import batches, one_hot, standardize
from refnn.labels import class_rows
from refnn.layers import Activation, Dense
from refnn.losses import MeanSquaredError, SigmoidCrossentropy, SoftmaxCrossentropy
from refnn.network import Network, multilayer
from refnn.optimizers import SGD, Adagrad, Adam
from refnn.regularizers import L2
from refnn.runs import NonFiniteError
from refnn.schedules import ExponentialDecay
from refnn.state import State
from refnn.training import Model, accuracy, evaluate, objective, predict, train_step
from tests.faults.checks.common import CheckError, demand, demand_equal
from tests.helpers import same_bits


def by_rows(rng: Any, n: int, batch_size: int) -> list[Any]:
    order = np.arange(n) if rng is None else rng.permutation(n)
    return [order[i : i + batch_size] for i in range(0, n, batch_size)]


def training(dtype: Any, part: str) -> None:
    """``fit`` does what a loop over epochs and batches does, and its history tells what it did."""
    rng = np.random.default_rng(9)
    network, rate = multilayer([3, 4, 3], Tanh()), ExponentialDecay(0.1, 0.9)
    model = Model(network, SoftmaxCrossentropy(), Adam(rate), L2(0.01))
    x = rng.standard_normal((10, 3)).astype(dtype)
    y = np.eye(3, dtype=dtype)[rng.integers(3, size=10)]
    held_out = x[:4] + dtype(1), y[:4]
    start = model.initial_state(rng, dtype=dtype)
    for seed in (None, 5):
        ours, theirs = (None if seed is None else np.random.default_rng(seed) for _ in range(2))
        epochs: list[int] = []
        with redirect_stderr(io.StringIO()):
            end, history = fit(
                model, start, x, y, epochs=3, batch_size=4, rng=theirs, validation=held_out,
                progress=False, callback=lambda epoch, *_, epochs=epochs: epochs.append(epoch),
            )  # fmt: skip
        state = start
        means, rates, validation = [], [], []
        for _ in range(3):
            losses = []
            for rows in by_rows(ours, 10, 4):
                step = train_step(model, state, x[rows], y[rows])
                state = step.state
                losses.append(float(step.loss))
            means.append(math.fsum(losses) / 3)
            rates.append(step.learning_rate)
            y_pred = network.forward(state.theta, held_out[0])[-1]
            validation.append(float(model.loss.value(held_out[1], y_pred)))
        demand(epochs == [1, 2, 3], "epochs", epochs)
        demand(end.step == state.step == 9, "step", end.step)
        demand(same_bits(end.slots, state.slots), "slots")
        demand(same_bits(end.theta, state.theta), "theta")
        demand(history.loss == means, "history", history.loss)
        demand(history.learning_rate == rates, "history of rates", history.learning_rate)
        demand(history.validation_loss == validation, "validation", history.validation_loss)
        demand(len(history.validation_accuracy) == 3, "validation", history.validation_accuracy)


def non_finite(dtype: Any, part: str) -> None:
    """A run that leaves the finite numbers ends at once, and gives back a finite state."""
    model = Model(Network([Dense(2, 1, False)]), MeanSquaredError(), Adagrad(0.1, 0))
    start = model.state_at(np.ones(2, dtype))
    x, y = np.array([[1, 0]], dtype), np.array([[3]], dtype)  # the second gradient is 0: 0 / 0
    try:
        fit(model, start, x, y, epochs=2, progress=False)
    except NonFiniteError as error:
        demand(np.isfinite(error.state.theta).all(), "last state", error.state)
        demand(error.state.step == 0, "last state", error.state)
    else:
        raise CheckError("silence", "no error")


def accuracies(dtype: Any, part: str) -> None:
    """Counted by hand."""
    y = np.eye(3, dtype=dtype)[[0, 1, 2, 1]]
    p = np.array([[3, 1, 2], [0, 1, -1], [5, 4, 3], [0, -1, -2]], dtype)
    demand(accuracy(y, p) == 0.5, "accuracy", accuracy(y, p))
    y, p = np.array([[0], [0], [1], [1]], dtype), np.array([[0.5], [0.3], [0.6], [2]], dtype)
    demand(accuracy(y, p) == 1, "accuracy of one column", accuracy(y, p))
    demand(accuracy(y / 2, p) is None, "no classes", accuracy(y / 2, p))


def answers(dtype: Any, part: str) -> None:
    """What a model predicts, how far off it is, and what training minimises, by hand."""
    layers = [Dense(1, 1), Activation(Relu())]  # relu(2 x − 1)
    model = Model(Network(layers), MeanSquaredError(), SGD(), L2(0.5))
    state = model.state_at(np.array([2, -1], dtype))
    x, y = np.array([[2], [0]], dtype), np.array([[2], [1]], dtype)
    for given in (state, state.theta):
        demand_equal("predict", predict(model, given, x), np.array([[3], [0]], dtype))
        found = evaluate(model, given, x, y)  # without the penalty
        demand(found == (1.0, None), "evaluate", found)
        demand(evaluate(model, given, x, x / 4).loss == 3.125, "evaluate", "another target")
        classes = evaluate(model, given, x, np.array([[1], [0]], dtype))
        demand(classes == (2.0, 1.0), "evaluate", classes)
    demand_equal("objective", objective(model, state.theta, x, y), dtype(1 + 0.5 * 2))
    yes_or_no = Model(Network([Dense(1, 1)]), SigmoidCrossentropy())
    z, yes = np.array([[0.25], [-0.25]], dtype), np.array([[1], [0]], dtype)
    share = evaluate(yes_or_no, np.array([1, 0], dtype), z, yes).accuracy
    demand(share == 1, "accuracy of logits", share)


def files(dtype: Any, part: str) -> None:
    """A state comes back bit for bit."""
    rng = np.random.default_rng(10)
    theta, m, v = (rng.standard_normal(5).astype(dtype) for _ in range(3))
    with tempfile.TemporaryDirectory() as folder:
        save_state(Path(folder) / "state.npz", State(theta, (m, v), 7))
        again = load_state(Path(folder) / "state.npz")
    demand(again.step == 7, "step", again.step)
    demand(same_bits(again.theta, theta), "theta")
    demand(same_bits(again.slots, (m, v)), "slots")


def models(dtype: Any, part: str) -> None:
    """A saved model comes back whole, and prepares what it is given as in training."""
    rng = np.random.default_rng(13)
    network = multilayer([2, 3, 2], Tanh())
    model = Model(network, SoftmaxCrossentropy(), Adam(0.25), L2(0.5))
    theta, m, v = (rng.standard_normal(network.size).astype(dtype) for _ in range(3))
    state, mean, deviation = State(theta, (m, v), 7), np.array([1.0, 2.0]), np.array([4.0, 0.5])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        save_model(
            path, model, state, mean=mean, deviation=deviation,
            feature_names=("a", "b"), class_names=("no", "yes"),
        )  # fmt: skip
        try:
            again = load_model(path)
        except ValueError as error:
            raise CheckError("refused", error) from error
    for field in ("network", "loss", "optimizer", "regularizer"):
        one, other = getattr(again.model, field), getattr(model, field)
        demand(one == other, field, one)
    demand(again.state.step == 7, "step", again.state.step)
    demand(same_bits(again.state.theta, theta), "theta")
    demand(same_bits(again.state.slots, (m, v)), "slots")
    demand(same_bits([again.mean, again.deviation], [mean, deviation]), "preparation", again.mean)
    names = again.feature_names, again.class_names
    demand(names == (("a", "b"), ("no", "yes")), "names", names)
    x = np.array([[5, 3], [1, 1]], dtype)  # prepared: 1, 2 and 0, −2
    expected = predict(model, state, np.array([[1, 2], [0, -2]], dtype))
    demand(same_bits(again.predict(x), expected), "predict")


def preparation(dtype: Any, part: str) -> None:
    """Standardized columns, one-hot rows and batches, on numbers worked out by hand."""
    x = np.array([[1, 10], [1, 30], [5, 10], [5, 30]], dtype)  # means 3, 20; deviations 2, 10
    train = standardize(x)
    demand_equal("mean", train.mean, np.array([3.0, 20.0]))
    demand_equal("deviation", train.deviation, np.array([2.0, 10.0]))
    demand_equal("standardize", train.x, np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], dtype))
    test = standardize(np.array([[7, 20]], dtype), train.mean, train.deviation)
    demand_equal("held-out data", test.x, np.array([[2, 0]], dtype))
    demand_equal("one hot", one_hot([2, 0, 1], dtype=dtype), np.eye(3, dtype=dtype)[[2, 0, 1]])
    demand(one_hot([0], 4, dtype).shape == (1, 4), "classes")
    rows = [b.tolist() for b in batches(5, 2)]
    demand(rows == [[0, 1], [2, 3], [4]], "batches", rows)
    rng = np.random.default_rng(12)
    epochs = [[i for b in batches(20, 6, rng) for i in b.tolist()] for _ in range(2)]
    demand(all(sorted(e) == list(range(20)) for e in epochs), "every row once", epochs)
    demand(epochs[0] != epochs[1] != list(range(20)), "shuffled anew", epochs)


def labels(dtype: Any, part: str) -> None:
    """Class numbers become the rows that are worked out by hand, and others are refused."""
    model = Model(Network([Dense(2, 3)]), SoftmaxCrossentropy(), SGD(0.1))
    theta, numbers = np.zeros(9, dtype), np.array([2, 0, 1])
    expected = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], dtype)
    for y in (numbers, numbers.astype(np.uint8)[:, None]):
        rows = class_rows(model, theta, y)
        demand(rows.dtype == dtype and np.array_equal(rows, expected), "class numbers", rows)
    for wrong, stage in (
        (numbers + 1, "a class too many"),
        (numbers - 1, "a class below 0"),
        (numbers.astype(dtype), "floats"),
    ):
        try:
            found = class_rows(model, theta, wrong)
        except (TypeError, ValueError):
            continue
        except IndexError as error:
            raise CheckError(stage, error) from None
        raise CheckError(stage, found)


def guards(dtype: Any, part: str) -> None:
    """What must be refused is refused, and what is right is not."""
    model = Model(Network([Dense(2, 2)]), SoftmaxCrossentropy(), SGD(0.1))
    state = model.state_at(np.ones(6, dtype))
    x, y = np.ones((3, 2), dtype), np.eye(2, dtype=dtype)[[0, 1, 0]]

    def refused(x: Any, y: Any) -> str:
        """Return the refusal, or nothing."""
        try:
            fit(model, state, x, y, epochs=1, progress=False)
        except (ArithmeticError, NameError):
            return ""  # it was let in, and went wrong
        except (ValueError, TypeError) as error:
            return str(error)
        return ""

    demand(not refused(x, y), "right data")
    hot, nan = y.copy(), x.copy()
    hot[1], nan[2, 0] = 1, np.nan
    demand(refused(x, hot), "labels that are no distribution")
    demand(refused(nan, y), "NaN")
    other = np.float32 if dtype == np.float64 else np.float64
    demand(refused(x.astype(other), y), "another dtype")
    demand(refused(x, y[:1]), "another shape")
    demand("at least one row" in refused(x[:0], y[:0]), "no rows")
