"""What the runs refuse, and what ``every`` and ``callback`` do."""

from dataclasses import replace

import numpy as np
import pytest

from refnn.activations import Tanh
from refnn.network import multilayer
from refnn.optimizers import SGD
from tests.helpers import same_bits
from tests.lockstep.compare import compare, small_case
from tftwin.lockstep import resynchronised, run_free


def test_bad_arguments_of_the_runs():
    case = small_case()
    x, y = case.batches[0]
    bad = x.copy()
    bad[3, 1] = np.nan
    no_distribution = y.copy()
    no_distribution[5] = 1
    arguments = case.model, case.state
    for batch, error, message in [
        ((bad, y), ValueError, r"x holds nan at \[3, 1\]; expected finite numbers"),
        ((x, y + np.inf), ValueError, r"y holds inf at \[0, 0\]; expected finite numbers"),
        ((x, no_distribution), ValueError, "y: row 5 is .* with sum 3"),
        ((x[:, :3], y), ValueError, r"x has shape \(12, 3\); expected \(any, 4\)"),
        ((x, y[:5]), ValueError, r"y has shape \(5, 3\); expected \(12, 3\)"),
        ((x.astype(np.float64), y), TypeError, "x has dtype float64; expected float32"),
        ((x[:0], y[:0]), ValueError, r"x has shape \(0, 4\); expected at least one row"),
    ]:
        with pytest.raises(error, match=message):
            resynchronised(*arguments, [batch], mode="eager")
        with pytest.raises(error, match=message):
            run_free(*arguments, *batch, [np.arange(len(batch[0]))], mode="eager")
    for mode in ("graph", None):
        with pytest.raises(ValueError, match=f"mode = {mode!r}; expected 'eager', 'function'"):
            compare(case, mode=mode)
        with pytest.raises(ValueError, match=f"mode = {mode!r}; expected 'eager', 'function'"):
            run_free(*arguments, x, y, [np.arange(3)], mode=mode)
    for every in (0, -1, 1.5, True, "2"):
        with pytest.raises(ValueError, match=f"every = {every!r}; expected a whole number"):
            compare(case, every=every)
    for looks in (0, -1, 1.5, True, "2"):
        with pytest.raises(ValueError, match=f"looks = {looks!r}; expected a whole number"):
            run_free(*arguments, x, y, [np.arange(3)], mode="eager", looks=looks)
    with pytest.raises(ValueError, match="state has 2 slots; SGD expects 0"):
        compare(replace(case, model=replace(case.model, optimizer=SGD())))
    other = replace(case.model, network=multilayer([4, 3], Tanh()))
    with pytest.raises(ValueError, match=r"theta has shape \(43,\); expected \(15"):
        compare(replace(case, model=other))
    wide = small_case(np.longdouble)
    with pytest.raises(TypeError, match="theta has dtype .*; TensorFlow has float32 and float64"):
        compare(wide)
    for wrong in (case.network, "model", None, type(case.model)):
        with pytest.raises(TypeError, match="expected refnn.Model"):
            resynchronised(wrong, case.state, case.batches)
        with pytest.raises(TypeError, match="expected refnn.Model"):
            run_free(wrong, case.state, x, y, [np.arange(3)])


def test_to_run_nothing_is_an_error():
    case = small_case()
    with pytest.raises(ValueError, match="batches is empty: nothing was compared"):
        compare(replace(case, batches=[]))
    with pytest.raises(ValueError, match="rows is empty; expected a list"):
        run_free(case.model, case.state, *case.batches[0], [])


def test_every_compares_the_first_of_so_many_steps():
    case = replace(small_case(), batches=5 * small_case().batches)
    told = []
    report = compare(case, every=2, callback=told.append)
    assert (report.steps, told) == (3, [1, 2, 3, 4, 5])
    assert report.state.step == case.state.step + 5
    assert same_bits(report.state.theta, compare(case).state.theta)
    assert report.agreed
