"""The definitions of the rules decide who is wrong: they are refnn's rules, up to roundings."""

import numpy as np
import pytest

from refnn.activations import Tanh
from refnn.losses import MeanSquaredError
from refnn.network import multilayer
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp
from refnn.schedules import Constant, ExponentialDecay, PerEpoch
from refnn.state import State
from refnn.training import Model
from tests.strategies import FLOATS
from tftwin.lockstep.bounds import bounds_of_rule
from tftwin.lockstep.definitions import rules

DECAY = ExponentialDecay(0.1, 0.7, 3)
OPTIMIZERS = [
    SGD(0.1), SGDM(Constant(0.1), 0.8), Nesterov(DECAY, 0.7), Adagrad(PerEpoch(DECAY, 2), 1e-3),
    RMSProp(ExponentialDecay(0.1, 0.7, 3, staircase=True), 0.9, 1e-3), Adam(DECAY, 0.8, 0.95, 1e-3),
    Nadam(DECAY, 0.8, 0.95, 1e-3, 0.01),
]  # fmt: skip


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_a_rule_and_its_definition_are_one(optimizer, dtype):
    rng = np.random.default_rng(4)
    network = multilayer([5, 7, 2], Tanh())
    model = Model(network, MeanSquaredError(), optimizer)
    for step in (0, 1, 7, 50):
        theta, gradient, *slots = rng.uniform(0.1, 1, (2 + len(optimizer.slot_names), network.size))
        gradient *= rng.choice([-1, 1], gradient.shape)
        vectors = [a.astype(dtype) for a in (theta, gradient, *slots)]
        after = bounds_of_rule(model, State(vectors[0], tuple(vectors[2:]), step), vectors[1])
        rate = rules.rate(optimizer.learning_rate, step)
        wide = [a.astype(np.longdouble) for a in vectors]
        defined = rules.rule(optimizer, step + 1, rate, *wide)
        for one, other in zip((after.theta, *after.slots), defined, strict=True):
            assert (abs(one.value - other) <= one.bound).all()
            assert one.bound.max() <= 64 * np.finfo(dtype).eps  # it could see a missing factor
