"""What ``fit`` repeats: the batches of ``batches``, finite numbers, and the same bits again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnn import L2, SGDM, Adam, MeanSquaredError, Model, Relu, State, multilayer, train_step
from refnn.datasets import batches
from refnn.runs.finite import all_finite, watch
from refnn.runs.fit import cut
from tests.helpers import fill, rounded, same_bits
from tftwin.lockstep.roundoff import exact

ROOT = Path(__file__).parents[2]


@given(
    n=st.integers(1, 40),
    batch_size=st.integers(1, 45),
    width=st.sampled_from([1, 3, 30_000, 300_000]),  # a MiB holds all rows, some, or not one
    seed=st.none() | st.integers(0, 2**32 - 1),
)
def test_the_batches_of_fit(n, batch_size, width, seed):
    x = np.broadcast_to(np.arange(n, dtype=np.float32)[:, None], (n, width))
    y = -x[:, :1]
    ours, theirs = (None if seed is None else np.random.default_rng(seed) for _ in range(2))
    found = [(one[:, 0], other[:, 0]) for one, other in cut(x, y, batch_size, ours)]
    expected = list(batches(n, batch_size, theirs))
    assert len(found) == len(expected)
    for (one, other), rows in zip(found, expected, strict=True):
        assert (one == rows).all()
        assert (other == -rows).all()
        assert len(one) == len(other) == len(rows)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_not_finite_is_seen(bad, dtype):
    huge = np.full(5, np.finfo(dtype).max, dtype)  # whose sum of squares overflows
    ill = huge.copy()
    ill[3] = bad
    with np.errstate(all="ignore"):
        assert all_finite(huge)
        assert not all_finite(ill)
    model = Model(multilayer([1, 2], Relu(), use_bias=False), MeanSquaredError(), SGDM())
    one = np.ones((1, 1), dtype)
    start = model.state_at(np.ones(2, dtype))
    step = train_step(model, start, one, np.ones((1, 2), dtype))
    for theta, slot, expected in ((huge, huge, True), (ill, huge, False), (huge, ill, False)):
        changed = step._replace(state=State(theta, (slot,), 1))
        with np.errstate(all="ignore"):
            assert watch(model, start, one)(changed) is expected


RUN = """
import json, sys
import numpy as np
import refnn

rng = np.random.default_rng(11)
network = refnn.multilayer([256, 192, 10], refnn.Relu())
rule = getattr(refnn, sys.argv[1])(0.01)
model = refnn.Model(network, refnn.MeanSquaredError(), rule, refnn.L2(0.001))
theta = network.initial_theta(rng)
slots = [0.5 + rng.random(theta.size, dtype=np.float32) for _ in rule.slot_names]
start = refnn.State(theta, tuple(slots), 100)
x = rng.standard_normal((384, 256), dtype=np.float32)
y = rng.standard_normal((384, 10), dtype=np.float32)
state, _ = refnn.fit(model, start, x, y, epochs=2, batch_size=192, rng=rng, progress=False)
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
    assert same_bits(ends[0], ends[1])

    rng = np.random.default_rng(11)
    model = Model(multilayer([256, 192, 10], Relu()), MeanSquaredError(), optimizer, L2(0.001))
    theta = model.network.initial_theta(rng)
    slots = [0.5 + rng.random(theta.size, dtype=np.float32) for _ in optimizer.slot_names]
    bounded = rounded(State(theta, tuple(slots), 100))  # from the middle of a run: v is not 0
    x = rng.standard_normal((384, 256), dtype=np.float32)
    y = rng.standard_normal((384, 10), dtype=np.float32)
    for _ in range(2):
        for rows in batches(384, 192, rng):
            bounded = train_step(model, bounded, exact(x[rows]), y[rows]).state
    print(json.dumps({"fill": fill(ends[0], ends[2], bounded)}))
    moved = np.abs(ends[0].theta - theta)
    assert np.median(2 * bounded.theta.bound) < np.median(moved)  # a bound that says something
