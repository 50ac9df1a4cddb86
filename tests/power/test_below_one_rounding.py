"""The rule has TensorFlow's bits: one ulp in one element, on either side, is a divergence.

Where everything else is held within a bound, the rule is held to the bit. A rule that were
compared with rounding allowed would pass every fault below one rounding; here each is planted.
"""

from unittest.mock import patch

import numpy as np
import pytest

from refnn import L2, Dense, MeanSquaredError, Model, Network, State
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp
from tests.strategies import FLOATS, middle_of_a_run
from tftwin.lockstep import resynchronised
from tftwin.lockstep import run as lockstep_run

RULES = [SGD(0.1), SGDM(0.1), Nesterov(0.1), Adagrad(0.1), RMSProp(0.1), Adam(0.1), Nadam(0.1)]


def a_step(optimizer, dtype):
    rng = np.random.default_rng(3)
    model = Model(Network([Dense(3, 2)]), MeanSquaredError(), optimizer, L2(0.01))
    theta = (1.25 + rng.random(8)).astype(dtype)
    x, y = (rng.standard_normal((5, n)).astype(dtype) for n in (3, 2))
    return model, middle_of_a_run(rng, optimizer, theta, 41), [(x, y)]


def off_by_one_ulp(vector, place):
    vector = vector.copy()
    vector[place] = np.nextafter(vector[place], vector.dtype.type(np.inf))
    return vector


def changed(state, which, place):
    """The state with one number one ulp larger: of θ, or of a slot."""
    if which == "theta":
        return state._replace(theta=off_by_one_ulp(state.theta, place))
    slots = list(state.slots)
    slots[which] = off_by_one_ulp(slots[which], place)
    return State(state.theta, tuple(slots), state.step)


def targets_of(optimizer):
    return ["theta", *range(len(optimizer.slot_names))]


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.__name__)
@pytest.mark.parametrize("optimizer", RULES, ids=lambda o: type(o).__name__)
def test_one_ulp_in_one_number_of_the_rule_is_seen(optimizer, dtype):
    model, state, batches = a_step(optimizer, dtype)
    assert resynchronised(model, state, batches, mode="eager").agreed
    for which in targets_of(optimizer):
        for place in (0, 7):
            for side in ("train_step", "tf_update"):
                correct = getattr(lockstep_run, side)

                def wrong(*arguments, correct=correct, which=which, place=place):
                    found = correct(*arguments)
                    if isinstance(found, State):
                        return changed(found, which, place)
                    return found._replace(state=changed(found.state, which, place))

                with patch.object(lockstep_run, side, wrong):
                    report = resynchronised(model, state, batches, mode="eager")
                assert not report.agreed, (which, place, side)
                stage = "rule update" if which == "theta" else "rule slots"
                assert {d.stage for d in report.divergences if d.stage.startswith("rule")} == {
                    stage
                }
                (found,) = (d for d in report.divergences if d.stage == stage)
                assert (found.allowed, found.count) == (0, 1)


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", ["data_loss", "loss", "penalty"])
def test_one_ulp_in_what_refnn_recomputes_is_seen(name, dtype):
    """The walk: refnn's step has the bits of refnn's own layers."""
    model, state, batches = a_step(SGD(0.1), dtype)
    train_step = lockstep_run.train_step

    def wrong(*arguments):
        step = train_step(*arguments)
        if np.ndim(getattr(step, name)) == 0 and not hasattr(getattr(step, name), "bound"):
            value = np.nextafter(getattr(step, name), dtype(np.inf), dtype=dtype)
            step = step._replace(**{name: value})
        return step

    with patch.object(lockstep_run, "train_step", wrong):
        report = resynchronised(model, state, batches, mode="eager")
    assert "walk loss" in {d.stage for d in report.divergences}


@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("name", ["outputs", "output_gradients", "gradients"])
@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.__name__)
def test_one_ulp_in_one_number_of_the_walk_is_seen(name, place, dtype):
    model, state, batches = a_step(SGD(0.1), dtype)
    train_step = lockstep_run.train_step

    def wrong(*arguments):
        step = train_step(*arguments)
        arrays = list(getattr(step, name))
        last = arrays[-1]
        if isinstance(last, np.ndarray):
            arrays[-1] = off_by_one_ulp(last.ravel(), place).reshape(last.shape)
        return step._replace(**{name: arrays})

    with patch.object(lockstep_run, "train_step", wrong):
        report = resynchronised(model, state, batches, mode="eager")
    part = {"outputs": "forward", "output_gradients": "backward", "gradients": "gradient"}[name]
    assert f"walk {part}" in {d.stage for d in report.divergences}
