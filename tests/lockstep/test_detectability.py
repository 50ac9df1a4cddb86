"""An error of the goal's size in one unit is seen, in every layer of 10 x 16.

``python -m tests.lockstep.detectability`` measures how much smaller an error may be, and at which
sizes.
"""

import numpy as np
import pytest

from tests.lockstep.compare import compare
from tests.lockstep.detectability import (
    GOAL,
    QUANTITIES,
    faults,
    healthy,
    is_seen,
    tf_faults,
)
from tests.strategies import FLOATS

LAYERS = {"forward": 21, "dx": 20, "dW": 11, "db": 11, "loss": 2, "rule": 11}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_an_error_in_one_unit_of_any_layer_is_seen(quantity, dtype):
    one, goal = healthy("10 x 16", dtype), GOAL[np.dtype(dtype).name]
    planted = list(faults(quantity, one))
    assert len(planted) == LAYERS[quantity]
    missed = [i for i, fault in enumerate(planted) if not is_seen(one, fault, goal)]
    assert not missed


@pytest.mark.parametrize("dtype", FLOATS)
def test_without_an_error_nothing_is_seen(dtype):
    """A relative error of 0 in the same places is none."""
    one = healthy("10 x 16", dtype)
    assert compare(one.case).agreed
    for quantity in QUANTITIES:
        fault = next(iter(faults(quantity, one)))
        assert not is_seen(one, fault, 0.0), quantity


def test_an_error_in_tensorflow_s_step_alone_is_seen_in_float64():
    """In float32 nothing repeats its kernels, and the rounding of a layer hides more."""
    one = healthy("10 x 16", np.float64)
    for quantity in QUANTITIES[:-1]:
        for place, fault in enumerate(tf_faults(quantity, one)):
            assert is_seen(one, fault, 1e-12), (quantity, place)
