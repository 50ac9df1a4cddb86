"""One training step on every side.

The sides of a workload take turns, several times over, so that a machine whose speed drifts
slows them all; the tables take each side's fastest round.
"""

from functools import cache

import pytest

import refnn
from tests.benchmarks import by_hand, frameworks
from tests.benchmarks.refnn_side import problem
from tests.benchmarks.workloads import OPTIMIZERS, WORKLOADS, batch

TURNS = 12


def refnn_step(workload, optimizer):
    model, state = problem(workload, optimizer)
    x, y = batch(workload)

    def step():
        nonlocal state
        result = refnn.train_step(model, state, x, y)
        state = result.state
        return result.loss

    return step


SIDES = {
    "refnn": refnn_step,
    "by hand": by_hand.loop,
    "products": by_hand.products,
    "eager": frameworks.eager,
    "tf.function": frameworks.function,
    "XLA": frameworks.xla,
    "Keras": frameworks.train_on_batch,
    "scikit-learn": frameworks.partial_fit,
}


@cache
def step_of(workload, optimizer, side):
    """Return a step that has been called, and so is compiled."""
    step = SIDES[side](workload, optimizer)
    if step is not None:
        for _ in range(3):
            step()
    return step


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("turn", range(TURNS))
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda w: w.name)
def test_step(workload, optimizer, turn, side, benchmark):
    step = step_of(workload, optimizer, side)
    if step is None:
        pytest.skip(f"{side} has no such step")
    benchmark.group = f"{workload.name}, {optimizer}"
    benchmark.extra_info.update(workload=workload.name, optimizer=optimizer, turn=turn, side=side)
    benchmark(step)
