"""What ``fit`` adds to its steps: the order of the rows, the looks for NaN, the history, the bar.

The steps alone are ``train_step`` on batches that lie ready. The progress bar is drawn, on a
terminal that is a StringIO.
"""

import io
import sys

import numpy as np
import pytest

import refnn
from tests.benchmarks.refnn_side import problem
from tests.benchmarks.workloads import WORKLOADS, batch

TURNS = 3


class Terminal(io.StringIO):
    """What rich takes for a terminal."""

    def isatty(self) -> bool:
        return True


def steps(problem, x, y, batch_size, epochs):
    model, state = problem
    batches = [(x[i : i + batch_size], y[i : i + batch_size]) for i in range(0, len(x), batch_size)]
    for _ in range(epochs):
        for one, other in batches:
            state = refnn.train_step(model, state, one, other).state


def fit(problem, x, y, batch_size, epochs):
    rng = np.random.default_rng(0)
    refnn.fit(*problem, x, y, epochs=epochs, batch_size=batch_size, rng=rng)


@pytest.mark.parametrize("side", [steps, fit], ids=lambda f: f.__name__)
@pytest.mark.parametrize("turn", range(TURNS))
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("batches", [4, 20])
@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda w: w.name)
def test_fit(workload, batches, optimizer, turn, side, benchmark, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    seconds = 20e-6 if workload.sizes[0] < 784 else 2e-3  # a step, roughly
    epochs = max(1, round(0.3 / seconds / batches))
    x, y = batch(workload, batches)
    benchmark.group = f"{workload.name}, {optimizer}, {batches} batches an epoch"
    benchmark.extra_info.update(
        fit=workload.name, optimizer=optimizer, batches=batches, turn=turn, side=side.__name__
    )
    benchmark.pedantic(
        side, (problem(workload, optimizer), x, y, workload.batch_size, epochs), rounds=1
    )
