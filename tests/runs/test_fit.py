"""The batches of ``fit`` are those of ``batches``; its look for what is not finite sees all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnn import State
from refnn.datasets import batches
from refnn.training import _epoch, _finite


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
    found = [(one[:, 0], other[:, 0]) for one, other in _epoch(x, y, batch_size, ours)]
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
        assert _finite(State(huge))
        assert _finite(State(huge, (huge, huge)))
        assert not _finite(State(ill))
        assert not _finite(State(huge, (huge, ill)))
