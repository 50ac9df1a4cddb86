"""Numbers worked out with pencil and paper, and Matt Mazur's."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from refnn.activations import LeakyRelu, Sigmoid
from refnn.layers import Dense
from refnn.losses import (
    Asymmetric,
    CategoricalCrossentropy,
    MeanSquaredError,
    SoftmaxCrossentropy,
)
from refnn.network import multilayer
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp
from refnn.regularizers import L2
from refnn.schedules import Constant, ExponentialDecay, PerEpoch
from refnn.state import State
from refnn.training import Model, train_step
from tests.faults.checks.common import demand, demand_equal
from tftwin.counterparts import twin


class Rule(NamedTuple):
    """One application of a rule, worked out by hand, in numbers that need no rounding."""

    optimizer: Any
    w: float
    g: float
    slots: tuple[float, ...]
    t: int
    new_w: float
    new_slots: tuple[float, ...]


RULES: dict[str, list[Rule]] = {  # at the rate 0.5
    "SGD": [Rule(SGD(0.5), 1, 4, (), 1, -1, ())],
    "SGDM": [  # m = 6 + 1
        Rule(SGDM(0.5, 0.75), 1, 4, (8,), 1, -2.5, (7,)),
        Rule(SGDM(0.5, 0.75), 1, 4, (8,), 9, -2.5, (7,)),
    ],
    "Nesterov": [  # m = 6 + 1, and once more 21/4 + 1
        Rule(Nesterov(0.5, 0.75), 1, 4, (8,), 1, -2.125, (7,)),
        Rule(Nesterov(0.5, 0.75), 1, 4, (8,), 9, -2.125, (7,)),
    ],
    "Adagrad": [  # √v = √(7 + 9) = 4
        Rule(Adagrad(0.5, 2), 1, 3, (7,), 1, 0.75, (16,)),
        Rule(Adagrad(0.5, 0), 1, 3, (7,), 1, 0.625, (16,)),
    ],
    "RMSProp": [  # √v = √(15 + 1) = 4
        Rule(RMSProp(0.5, 0.75, 4), 1, 2, (20,), 1, 0.875, (16,)),
        Rule(RMSProp(0.5, 0.75, 0), 1, 2, (20,), 1, 0.75, (16,)),
    ],
    "Adam": [
        # m̂ = (1/2) / (1/8) = 4, √v̂ = √(4 / (1/4)) = 4
        Rule(Adam(0.5, 0.875, 0.75, 4), 1, 4, (0, 0), 1, 0.75, (0.5, 4)),
        Rule(Adam(0.5, 0.875, 0.75, 0), 1, 4, (0, 0), 1, 0.5, (0.5, 4)),
        # m̂ = (15/16) / (15/64) = 4, √v̂ = √(7 / (7/16)) = 4
        Rule(Adam(0.5, 0.875, 0.75, 4), 1, 0.5, (1, 9.25), 2, 0.75, (0.9375, 7)),
    ],
    "Nadam": [
        # μ = 1/4 for ever: m̂ = (15/4) / (15/16) + (3/2) / (3/4) = 6, √v̂ = √(4 / (1/4)) = 4
        Rule(Nadam(0.5, 0.5, 0.75, 4, 0), 1, 2, (28, 4), 1, 0.625, (15, 4)),
        # m̂ = (63/4) / (63/64) + (15/4) / (15/16) = 20, √v̂ = √(7 / (7/16)) = 4
        Rule(Nadam(0.5, 0.5, 0.75, 4, 0), 1, 5, (121, 1), 2, -0.25, (63, 7)),
        # μ = 1/2 for ever: m̂ = (3/2) / (3/4) + 1 / (1/2) = 4
        Rule(Nadam(0.5, 0.5, 0.75, 4, 1e300), 1, 2, (4, 4), 1, 0.75, (3, 4)),
    ],
}


def by_hand_rules(dtype: Any, part: str) -> None:
    """Each rule gives the numbers that were worked out with pencil and paper."""
    if part == "Nadam":  # 0.96^(250 / 250)
        for side in (Nadam(), twin(Nadam())):
            demand(side.momentum(250) == 0.9 * 0.52, "momentum", side.momentum(250))
    for optimizer, w, g, slots, t, new_w, new_slots in RULES[part]:
        arrays = tuple(np.array([s], dtype) for s in slots)
        one, kept = optimizer.rule(np.array([w], dtype), np.array([g], dtype), arrays, t, 0.5)
        for slot, expected in zip(kept, new_slots, strict=True):
            demand_equal("slots", slot, np.array([expected], dtype))
        demand_equal("update", one, np.array([new_w], dtype))


def by_hand(dtype: Any, part: str) -> None:
    """Values and gradients of the losses, L2, leaky relu and Dense, in exact numbers."""

    def array(*values: Any) -> Any:
        return np.array(values, dtype)

    y_true, y_pred = array([0, 2], [5, 1]), array([1, 2], [3, 5])
    match part:
        case "mean squared error":  # differences 1, 0, −2, 4
            demand_equal("value", MeanSquaredError().value(y_true, y_pred), dtype(5.25))
            demand_equal(
                "per sample", MeanSquaredError().per_sample(y_true, y_pred), array(0.5, 10)
            )
            expected = array([0.5, 0], [-1, 2])
            demand_equal("gradient", MeanSquaredError().gradient(y_true, y_pred), expected)
        case "asymmetric":
            loss = Asymmetric(2, 8)
            demand_equal("value", loss.value(y_true, y_pred), dtype(2 + 0 + 16 + 8))
            demand_equal("gradient", loss.gradient(y_true, y_pred), array([2, -8], [-8, 2]))
        case "categorical crossentropy":  # q = 1/4, 1/4, 1/2
            gradient = CategoricalCrossentropy().gradient(array([0, 0, 1]), array([1, 1, 2]))
            demand_equal("gradient", gradient, array([0.25, 0.25, -0.25]))
        case "softmax crossentropy":  # softmax 1/4 each, two rows
            gradient = SoftmaxCrossentropy().gradient(
                array([0, 0, 0, 1], [1, 0, 0, 0]), np.zeros((2, 4), dtype)
            )
            expected = array([1, 1, 1, -3], [-3, 1, 1, 1]) / 8
            demand_equal("gradient", gradient, expected)
            value = SoftmaxCrossentropy().value(array([0, 1]), array([1000, 0]))
            demand_equal("value", value, dtype(1000))
        case "L2":
            weights = [array([1, 2], [3, 4]), array([2])]
            demand_equal("value", L2(0.5).value(weights), dtype(8.5))
            demand_equal("gradient", L2(0.5).gradient(weights[0]), weights[0] / 2)
        case "leaky relu":
            x, dy = array(-4, 0, 4), array(8, 8, 8)
            y = LeakyRelu(0.25).forward(x)
            demand_equal("forward", y, array(-1, 0, 4))
            demand_equal("backward", LeakyRelu(0.25).backward(dy, x, y), array(2, 2, 8))
        case "dense":
            layer, theta, x = Dense(2, 3), array(1, 2, 3, 4, 5, 6, 1, 0, -1), array([1, 2])
            demand_equal("forward", layer.forward(theta, x), array([10, 12, 14]))
            dy = array([1, 0, 2])
            dW, db = layer.parameter_gradients(x, dy)
            demand_equal("gradient", dW, array([1, 0, 2], [2, 0, 4]))
            demand_equal("gradient", db, array(1, 0, 2))
            dx = layer.input_gradient(theta, x, layer.forward(theta, x), dy)
            demand_equal("backward", dx, array([7, 16]))


def schedules(dtype: Any, part: str) -> None:
    """Rates worked out by hand: halved every two, every four steps, every three updates."""
    smooth = ExponentialDecay(1, 0.5, 2)
    rates = [smooth(step) for step in range(5)]
    demand(rates[::2] == [1, 0.5, 0.25], "decay", rates)
    demand(all(a > b for a, b in pairwise(rates)), "decay", rates)
    stairs = [ExponentialDecay(1, 0.5, 4, True)(step) for step in range(9)]
    demand(stairs == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25], "staircase", stairs)
    epochs = [PerEpoch(ExponentialDecay(8, 0.5), 3)(step) for step in range(7)]
    demand(epochs == [8, 8, 8, 4, 4, 4, 2], "per epoch", epochs)
    constant = [Constant(0.1)(step) for step in (0, 1, 100)]
    demand(constant == [0.1, 0.1, 0.1], "constant", constant)


def mazur(dtype: Any, part: str) -> None:
    """Matt Mazur's 2-2-2 network: total error before, w₅ and w₁ after a step at the rate 0.5.

    https://mattmazur.com/2015/03/17/a-step-by-step-backpropagation-example/. His error is the
    sum of ½ (target − output)²: for two outputs that is the mean of the squares, and so is its
    gradient. His biases stay; here they learn, after the gradients of the weights were taken.
    """
    network = multilayer([2, 2, 2], Sigmoid(), Sigmoid())
    weights = [0.15, 0.25, 0.20, 0.30, 0.35, 0.35, 0.40, 0.50, 0.45, 0.55, 0.60, 0.60]
    theta = np.array(weights, dtype)
    x, y = np.array([[0.05, 0.10]], dtype), np.array([[0.01, 0.99]], dtype)
    step = train_step(Model(network, MeanSquaredError(), SGD(0.5)), State(theta), x, y)
    demand(f"{step.loss:.9f}" == "0.298371109", "loss", step.loss)
    demand(f"{step.state.theta[6]:.8f}" == "0.35891648", "update", step.state.theta[6])
    demand(f"{step.state.theta[0]:.9f}" == "0.149780716", "update", step.state.theta[0])
