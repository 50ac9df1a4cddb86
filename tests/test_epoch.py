"""The batches of ``fit`` are those of ``batches``, however many rows are gathered at once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refnn.datasets import batches
from refnn.training import _epoch


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
