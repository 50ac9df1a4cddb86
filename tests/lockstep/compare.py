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
    """Count a report that must agree; show what speaks against it if it does not."""
    TALLY.add(report)
    against = [*report.divergences[:5], *report.lost_digits[:5], report.stopped]
    assert report.agreed, "\n".join(map(str, against))


def expected_elements(case):
    """What there is to compare, counted from the shapes alone."""
    theta, slots = case.network.size, len(case.optimizer.slot_names)
    families = 4 if case.dtype == np.float32 else 3  # layer, walk, mirror; float64
    total = 0
    for x, y, *drawn in case.batches:
        masks = drawn[0] if drawn else ()
        width, outputs = case.network.inputs, 0
        for layer in case.network.layers:
            width = layer.outputs if isinstance(layer, Dense) else width
            outputs += len(x) * width
        layers = 2 * outputs + 3 + theta  # y and dy; data, penalty, total; gradients
        total += (1 + families) * layers + 1  # in the whole step too, and there the rate
        total += 3 * theta * (slots + 1)  # slots and update: the whole step, both rules alone
        given = x.size + y.size + sum(mask.size for mask in masks)
        total += 2 * (theta * (slots + 1) + given + 1)  # inputs, the step count
    return total


def small_case(dtype=np.float32, optimizer=ADAM, loss=FUSED, regularizer=None):
    rng = np.random.default_rng(0)
    model = Model(multilayer([4, 5, 3], Tanh()), loss, optimizer, regularizer)
    theta = model.network.initial_theta(rng, dtype=dtype)
    x = rng.standard_normal((12, 4)).astype(dtype)
    y = np.eye(3, dtype=dtype)[rng.integers(3, size=12)]
    return Case(model, middle_of_a_run(rng, optimizer, theta, 7), [(x, y)])
