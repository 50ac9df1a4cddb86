"""Is everything that a step computed finite? Where one number can say so, one number is looked at.

A sum of squares is finite only if every element is; where it overflows, each is looked at. The
outputs of the layers are looked at only if θ is so large that one of them might overflow.
"""

import math
from collections.abc import Callable

import numpy as np

from refnn.activations import Identity, LeakyRelu, Relu, Sigmoid, Softmax, Tanh
from refnn.layers import Dense, Dropout
from refnn.network import Network
from refnn.own import is_own
from refnn.state import State, Step
from refnn.training import Model
from refnn.typing import Array

TAME = (Identity, Relu, Sigmoid, Softmax, Tanh)
"""Activations that make no row longer, or no element larger than 1."""


def watch(model: Model, state: State, x: Array) -> Callable[[Step], bool]:
    """Return a function that says of each step in turn whether its numbers are finite.

    Of refnn's seven rules the last slot suffices, where an overflow shows first. The loss is not
    looked at.
    """
    limit, own = tame_up_to(model.network, x), is_own(model.optimizer)
    squares = state.theta.dot(state.theta)

    def finite(step: Step) -> bool:
        nonlocal squares
        before, (theta, slots, _) = squares, step.state
        squares = theta.dot(theta)
        if not before <= limit and not all(map(all_finite, step.outputs)):
            return False
        if not (math.isfinite(squares) or np.isfinite(theta).all()):
            return False
        if own:
            return all(map(all_finite, (*slots, *step.gradients)))
        if not slots:
            return True
        last = slots[-1]
        return math.isfinite(last.dot(last)) or bool(np.isfinite(last).all())

    return finite


def whole(step: Step) -> bool:
    """Whether the loss, the outputs, the slots and the parameters of a step are finite."""
    state = step.state
    arrays = (np.asarray(step.loss), *step.outputs, *state.slots, state.theta, *step.gradients)
    return all(map(all_finite, arrays))


def all_finite(a: Array) -> bool:
    """Whether every element is finite."""
    flat = a.ravel()
    return math.isfinite(flat.dot(flat)) or bool(np.isfinite(flat).all())


def tame_up_to(network: Network, x: Array) -> float:
    """Return a θ · θ up to which no output overflows; below 0 if nothing is known."""
    largest, limit = float(np.finfo(x.dtype).max), -1.0
    row = max(float(x.max()), -float(x.min())) * math.sqrt(network.inputs)
    for squares in 10.0 ** np.arange(-30, 40, 2):
        if not _longest(network, row, float(squares)) < 1e-6 * largest:
            break
        limit = float(squares)
    return limit


def _longest(network: Network, row: float, squares: float) -> float:
    """Bound the length of any row of any output: ‖x W + b‖ ≤ ‖x‖ ‖W‖ + ‖b‖."""
    longest, width = row, network.inputs
    for layer in network.layers:
        if isinstance(layer, Dense):
            row, width = math.sqrt(squares) * (row + 1), layer.outputs
        elif isinstance(layer, Dropout):
            row *= layer.scale
        elif type(layer.function) is LeakyRelu:
            row *= max(abs(layer.function.alpha), 1)
        elif type(layer.function) in TAME:
            row = max(row, math.sqrt(width))
        else:
            return math.inf
        longest = max(longest, row)
    return longest
