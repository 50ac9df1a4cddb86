"""What the comparison costs, beside the two steps that it compares.

"two steps" makes refnn's step and TensorFlow's, each from the state before, and looks at nothing.
"resynchronised" compares every number of every step, whole and layer by layer, under its bound.
"free" lets both run and looks at the parameters now and then, without bounds.
"""

import numpy as np
import pytest

import refnn
from tests.benchmarks.refnn_side import problem
from tests.benchmarks.workloads import WORKLOADS, batch
from tftwin import lockstep
from tftwin.counterparts import twin
from tftwin.trainer import Trainer

TURNS = 3


def two_steps(problem, x, y, count):
    model, state = problem
    trainer = Trainer(twin(model), state)
    for _ in range(count):
        trainer.load(state)
        trainer.step(x, y)
        state = refnn.train_step(model, state, x, y).state


def resynchronised(problem, x, y, count):
    assert lockstep.resynchronised(*problem, [(x, y)] * count).agreed


def free(problem, x, y, count):
    drift = lockstep.run_free(*problem, x, y, [np.arange(len(x))] * count)
    assert len(drift.refnn_loss) == count


@pytest.mark.parametrize("side", [two_steps, resynchronised, free], ids=lambda f: f.__name__)
@pytest.mark.parametrize("turn", range(TURNS))
@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda w: w.name)
def test_lockstep(workload, turn, side, benchmark):
    count = 100 if workload.sizes[0] < 784 else 10
    benchmark.group = f"{workload.name}, lockstep"
    benchmark.extra_info.update(lockstep=workload.name, turn=turn, side=side.__name__, count=count)
    benchmark.pedantic(side, (problem(workload, "Adam"), *batch(workload), count), rounds=1)


def test_ten_thousand_steps_of_iris(benchmark):
    workload = next(w for w in WORKLOADS if w.name == "iris 4-3")
    benchmark.group = "10,000 steps of iris"
    benchmark.extra_info.update(iris=10_000)
    benchmark.pedantic(free, (problem(workload, "Adam"), *batch(workload), 10_000), rounds=1)
