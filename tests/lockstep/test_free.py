"""Free runs: each side with its own numbers, looked at now and then."""

import numpy as np
import pytest

from refnn.optimizers import SGD
from refnn.training import train_step
from tests.helpers import same_bits
from tests.lockstep.compare import small_case
from tftwin.counterparts import twin
from tftwin.lockstep import run_free
from tftwin.trainer import Trainer


@pytest.mark.parametrize("mode", ["function", "eager"])
def test_free_runs_look_where_they_say(mode):
    case = small_case(np.float64, SGD(0.1))
    x, y = case.batches[0]
    rows = [np.arange(12)[i % 3 :: 3] for i in range(10)]
    looks = []
    drift = run_free(case.model, case.state, x, y, rows, mode=mode, looks=5, callback=looks.append)
    assert looks == [2, 4, 6, 8, 10]
    assert drift.steps.tolist() == [0, *looks]
    assert len(drift.refnn_loss) == len(drift.tftwin_loss) == 10
    assert same_bits(drift.refnn_thetas[0], case.state.theta)
    assert drift.normwise[0] == 0
    state, thetas = case.state, [case.state.theta]
    for r in rows:
        state = train_step(case.model, state, x[r], y[r]).state
        thetas.append(state.theta)
    assert same_bits(drift.refnn_thetas, np.array(thetas)[[0, 2, 4, 6, 8, 10]])
    trainer = Trainer(twin(case.model), case.state, mode)
    assert same_bits(trainer.run(x, y, rows), drift.tftwin_loss)
    assert same_bits(trainer.state().theta, drift.tftwin_thetas[-1])
    # dyadic enough to be the same run: they part, if at all, by roundings
    steps_of_one_ulp = np.abs(drift.refnn_thetas - drift.tftwin_thetas) / np.finfo(float).eps
    assert np.max(steps_of_one_ulp) < 100
