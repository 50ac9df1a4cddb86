"""Small training runs on which faults are seen."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from refnn.activations import (
    Elu,
    Identity,
    LeakyRelu,
    Relu,
    Selu,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
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
from refnn.network import Network, multilayer
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp
from refnn.regularizers import L2
from refnn.schedules import ExponentialDecay, PerEpoch
from refnn.state import State
from refnn.training import Model


class Run(NamedTuple):
    """What is trained, from which state, on which batches."""

    model: Model
    state: State
    batches: list[tuple[Any, ...]]


def targets(rng: Any, loss: Any, rows: int, columns: int) -> Any:
    """Random numbers; for a cross-entropy hard and soft labels, in eighths."""
    if getattr(loss, "takes_probabilities", False):
        return rng.integers(9, size=(rows, columns)) / 8
    if not getattr(loss, "takes_distributions", False):
        return rng.standard_normal((rows, columns))
    hard = np.eye(columns)[rng.integers(columns, size=rows)]
    soft = rng.multinomial(8, np.ones(columns) / columns, size=rows) / 8
    return np.where(np.arange(rows)[:, None] % 3 == 1, soft, hard)


SQUARES, PLAIN = MeanSquaredError(), SGD(0.1)


def run(
    dtype: Any,
    layers: Any,
    loss: Any = SQUARES,
    optimizer: Any = PLAIN,
    *,
    rows: int = 5,
    steps: int = 2,
    step: int = 0,
    theta: Any = None,
    x: Any = None,
    y: Any = None,
    grid: int = 0,
    regularizer: L2 | None = None,
) -> Run:
    """Return a run on random numbers, on the grid k/grid if one is given."""
    network, rng = Network(layers), np.random.default_rng(1)

    def numbers(shape: Any) -> Any:
        if grid:
            return rng.integers(-2 * grid, 2 * grid + 1, shape) / grid
        return rng.standard_normal(shape)

    theta = numbers(network.size) if theta is None else np.asarray(theta)
    slots = [numbers(network.size) for _ in optimizer.slot_names]
    state = State(theta.astype(dtype), tuple(s.astype(dtype) for s in slots), step)
    data = []
    for _ in range(steps):
        batch_x = numbers((rows, network.inputs)) if x is None else np.asarray(x)
        if y is not None:
            batch_y = np.asarray(y)
        elif grid:
            batch_y = numbers((rows, network.outputs))
        else:
            batch_y = targets(rng, loss, len(batch_x), network.outputs)
        masks = network.draw_masks(rng, len(batch_x), dtype)
        batch = batch_x.astype(dtype), batch_y.astype(dtype), masks
        data.append(batch if masks else batch[:2])
    return Run(Model(network, loss, optimizer, regularizer), state, data)


def dense(sizes: Any, hidden: Any, output: Any = None, use_bias: bool = True) -> Any:
    return multilayer(sizes, hidden, output, use_bias).layers


def optimizer_runs(dtype: Any, optimizer: Any) -> list[Run]:
    """From the start and from the middle of a run, with gradients from 1 down to ε, and 0.

    A column of x scales a row of dW: 1, 1e-3, √ε, ε, and 0 as behind a dead unit. m is of the
    gradient's scale and v of its square. Every second weight is 0, so that its update shows all
    its digits. The targets differ from step to step, and so do the signs of the gradients.
    """
    rng = np.random.default_rng(2)
    network = Network([Dense(5, 4)])
    columns = np.array([1, 1e-3, math.sqrt(1e-7), 1e-7, 0])
    scale = np.concatenate([np.repeat(columns, 4), np.ones(4)])
    theta = rng.standard_normal(network.size) * (np.arange(network.size) % 2)
    slots = []
    for name in optimizer.slot_names:
        slot = scale * rng.standard_normal(network.size)
        slots.append(np.square(slot) if name == "v" else slot)
    data = [
        (
            (columns * rng.standard_normal((3, 5))).astype(dtype),
            (3 * rng.standard_normal((3, 4))).astype(dtype),
        )
        for _ in range(3)
    ]
    model = Model(network, MeanSquaredError(), optimizer)
    start = model.state_at(theta.astype(dtype))
    middle = State(start.theta, tuple(s.astype(dtype) for s in slots), 7)
    return [Run(model, state, data) for state in (middle, start)]


EXTREME = np.array([[1000, 0, -1000], [-1000, -1000, -999], [5, -3, 0.5], [90, -90, 0]])
CONFIDENT = np.array([[20, 0, -20], [-20, 20, -20], [1, 2, 0.5], [0, -15, 0]])


def logits(dtype: Any, x: Any, loss: Any, output: Any = None, classes: Any = (2, 0, 1, 1)) -> Run:
    """A network that is the identity, so that x are the logits."""
    labels = np.eye(3)[list(classes)]
    layers = [Dense(3, 3, False)] + ([] if output is None else [Activation(output)])
    return run(dtype, layers, loss, theta=np.eye(3).ravel(), x=x, y=labels, steps=1)


DROPPING = [
    Dense(3, 4), Activation(Tanh()), Dropout(0.5), Dense(4, 4), Dropout(0.5), Dense(4, 2)
]  # fmt: skip
"""Two masks of one shape and one scale."""

LOCKSTEP: dict[str, Callable[[Any], list[Run]]] = {
    "sigmoid": lambda d: [run(d, dense([3, 4, 2], Sigmoid()))],
    "tanh": lambda d: [run(d, dense([3, 4, 2], Tanh()))],
    "identity": lambda d: [run(d, dense([3, 4, 2], Identity(), Identity()))],
    "relu": lambda d: [run(d, dense([3, 6, 2], Relu()))],
    "leaky relu": lambda d: [
        run(d, dense([3, 6, 2], LeakyRelu(alpha))) for alpha in (0.2, 0.3, 1.5, -0.5)
    ],
    "softmax": lambda d: [run(d, dense([3, 4, 2], Softmax(), Softmax()))],
    "extreme softmax": lambda d: [logits(d, EXTREME, MeanSquaredError(), Softmax())],
    "layers": lambda d: [
        run(d, dense([3, 4, 2], Tanh()), rows=rows, regularizer=r)
        for rows, r in ((5, None), (1, L2(0.1)))
    ],
    "square layers": lambda d: [run(d, dense([3, 3, 3, 3], Tanh()), rows=3)],
    "square layers without bias": lambda d: [
        run(d, dense([3, 3, 3], Sigmoid(), use_bias=False), rows=3)
    ],
    "dropout": lambda d: [run(d, DROPPING)],
    "deep": lambda d: [run(d, dense([3, 3, 3, 3, 2], Tanh(), Sigmoid()))],
    "L2": lambda d: [run(d, dense([3, 4, 2], Tanh()), optimizer=SGDM(0.1), regularizer=L2(0.1))],
    "mean squared error": lambda d: [run(d, dense([3, 4, n], Tanh())) for n in (1, 3)],
    "asymmetric": lambda d: [run(d, dense([3, 4, n], Tanh()), Asymmetric(1, 9)) for n in (1, 3)],
    "categorical crossentropy": lambda d: [
        run(d, dense([3, 3], Tanh(), Sigmoid()), CategoricalCrossentropy()),
        run(d, dense([3, 4, 3], Tanh(), Softmax()), CategoricalCrossentropy()),
        logits(d, CONFIDENT, CategoricalCrossentropy(), Softmax()),
        logits(d, CONFIDENT[:1], CategoricalCrossentropy(), Softmax(), [0]),
    ],
    "mean absolute error": lambda d: [run(d, dense([3, 4, 2], Tanh()), MeanAbsoluteError())],
    "binary crossentropy": lambda d: [
        run(d, dense([3, 4, 2], Tanh(), Sigmoid()), BinaryCrossentropy()),
        logits(d, CONFIDENT, BinaryCrossentropy(), Sigmoid()),
        logits(d, CONFIDENT, BinaryCrossentropy(), Sigmoid(), (0, 2, 2, 0)),
    ],
    "small probabilities": lambda d: [  # below the clip, and still no zeros
        logits(d, np.full((4, 3), -17), BinaryCrossentropy(), Sigmoid())
    ],
    "sigmoid crossentropy": lambda d: [
        run(d, dense([3, 4, 2], Tanh()), SigmoidCrossentropy()),
        logits(d, CONFIDENT, SigmoidCrossentropy()),
        logits(d, EXTREME, SigmoidCrossentropy()),
    ],
    "elu": lambda d: [run(d, dense([3, 4, 2], Elu(alpha))) for alpha in (1.0, 0.5)],
    "selu": lambda d: [run(d, dense([3, 4, 2], Selu()))],
    "softplus": lambda d: [
        run(d, dense([3, 4, 2], Softplus())),
        run(d, [Dense(3, 2), Activation(Softplus())], x=1000 * np.eye(3) - 500),
    ],
    "softmax crossentropy": lambda d: [
        run(d, dense([3, 4, 3], Tanh()), SoftmaxCrossentropy()),
        logits(d, CONFIDENT, SoftmaxCrossentropy()),
        logits(d, EXTREME, SoftmaxCrossentropy()),
    ],
    "decay": lambda d: [
        run(d, [Dense(2, 1)], optimizer=SGD(ExponentialDecay(0.1, 0.5, 4)), steps=4, step=s)
        for s in (0, 1000)
    ],
    "staircase": lambda d: [
        run(d, [Dense(2, 1)], optimizer=SGD(ExponentialDecay(0.1, 0.5, 4, True)), steps=5)
    ],
    "per epoch": lambda d: [
        run(d, [Dense(2, 1)], optimizer=SGD(PerEpoch(ExponentialDecay(0.1, 0.9), 3)), steps=5)
    ],
    "SGD": lambda d: optimizer_runs(d, SGD(0.1)),
    "SGDM": lambda d: optimizer_runs(d, SGDM(0.1)),
    "Nesterov": lambda d: optimizer_runs(d, Nesterov(0.1)),
    "Adagrad": lambda d: optimizer_runs(d, Adagrad(0.1)),
    "RMSProp": lambda d: optimizer_runs(d, RMSProp(0.1)),
    "Adam": lambda d: optimizer_runs(d, Adam(0.1)),
    "Nadam": lambda d: optimizer_runs(d, Nadam(0.1)),
}

DYADIC: dict[str, Callable[[Any], list[Run]]] = {
    "mean absolute error": lambda d: [
        run(d, dense([2, 2], Relu()), MeanAbsoluteError(), rows=8, grid=1, steps=3)
    ],
    "relu": lambda d: [run(d, dense([3, 4, 2], Relu()), rows=16, grid=1, steps=2)],
    "leaky relu": lambda d: [
        run(d, dense([3, 4, 2], LeakyRelu(alpha)), rows=16, grid=1, steps=2)
        for alpha in (0.25, 1.5, -0.5)
    ],
    "asymmetric": lambda d: [
        run(d, dense([2, n], Relu()), Asymmetric(0.5, 2), rows=8, grid=1, steps=3) for n in (1, 2)
    ],
    "training": lambda d: [
        run(
            d, dense([3, 4, n], Relu()), optimizer=SGDM(0.25, 0.75), rows=16, grid=1, steps=2,
            regularizer=L2(0.5),
        )
        for n in (1, 2)
    ],
}  # fmt: skip
