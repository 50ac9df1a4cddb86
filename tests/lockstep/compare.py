"""What the tests of lockstep share: a small case, its comparison, and how much there is to see."""

import numpy as np

from refnn.activations import Tanh
from refnn.layers import Dense
from refnn.losses import SoftmaxCrossentropy
from refnn.network import multilayer
from refnn.optimizers import Adam
from refnn.training import Model
from tests.lockstep.tally import TALLY
from tests.strategies import Case, middle_of_a_run
from tftwin.lockstep import resynchronised

ADAM, FUSED = Adam(0.1), SoftmaxCrossentropy()


def compare(case, **options):
    """Run a case on both sides, eagerly if nothing else is said."""
    return resynchronised(case.model, case.state, case.batches, **{"mode": "eager"} | options)


def agrees(report):
    """Count a report that must agree; show the first divergences if it does not."""
    TALLY.add(report)
    assert report.agreed, "\n".join(map(str, report.divergences[:5]))


def expected_elements(case):
    """What there is to compare, counted from the shapes alone."""
    theta, slots = case.network.size, len(case.optimizer.slot_names)
    total = 0
    for x, _ in case.batches:
        width, outputs = case.network.inputs, 0
        for layer in case.network.layers:
            width = layer.outputs if isinstance(layer, Dense) else width
            outputs += len(x) * width
        total += 2 * outputs + 3 + 1  # y and dy; data, penalty, total; the rate
        total += theta + 2 * theta * (slots + 1)  # gradients; slots and update, twice
        total += 2 * outputs + 1 + theta  # each layer alone: y and dy; the loss; gradients
    return total


def small_case(dtype=np.float32, optimizer=ADAM, loss=FUSED, regularizer=None):
    rng = np.random.default_rng(0)
    model = Model(multilayer([4, 5, 3], Tanh()), loss, optimizer, regularizer)
    theta = model.network.initial_theta(rng, dtype=dtype)
    x = rng.standard_normal((12, 4)).astype(dtype)
    y = np.eye(3, dtype=dtype)[rng.integers(3, size=12)]
    return Case(model, middle_of_a_run(rng, optimizer, theta, 7), [(x, y)])
