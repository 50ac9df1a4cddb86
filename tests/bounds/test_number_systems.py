"""The same step on float32, float64 and longdouble, with no change to refnn."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnn.activations import Sigmoid, Softmax, Tanh
from refnn.losses import CategoricalCrossentropy, MeanSquaredError, SoftmaxCrossentropy
from refnn.network import multilayer
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp
from refnn.record import record
from refnn.regularizers import L2
from refnn.state import State
from refnn.training import Model, train_step
from tests.strategies import cases, exact_dropout_rates
from tftwin.lockstep.roundoff import exact

WIDER = {np.dtype(np.float32): np.float64, np.dtype(np.float64): np.longdouble}
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])


def in_dtype(case, dtype):
    """The same numbers, in a dtype that holds them all."""
    state = case.state
    return dataclasses.replace(
        case,
        state=State(
            state.theta.astype(dtype), tuple(s.astype(dtype) for s in state.slots), state.step
        ),
        batches=[
            (x.astype(dtype), y.astype(dtype), *[[m.astype(dtype) for m in ms] for ms in masks])
            for x, y, *masks in case.batches
        ],
    )


def entries(case, step):
    return record(case.network, case.optimizer.slot_names, step)


@each_dtype
@given(data=st.data())
def test_every_array_keeps_the_dtype(dtype, data):
    case = data.draw(cases(st.just(dtype), steps=1))
    with np.errstate(all="ignore"):
        step = train_step(*case.step)
        recorded = entries(case, step)
        per_sample = case.loss.per_sample(case.batches[0][1], step.outputs[-1])
    assert per_sample.dtype == dtype
    assert per_sample.shape == (len(case.batches[0][0]),)
    for entry in recorded:
        if entry.stage == "learning rate":
            continue
        if entry.name == "penalty" and case.regularizer is None:
            assert entry.array == 0
        else:
            assert entry.array.dtype == dtype, entry[:2]
    assert isinstance(step.learning_rate, float)


@given(cases(steps=1, dropouts=exact_dropout_rates))
def test_each_precision_is_within_its_bound_of_the_next(case):
    """The float32 step, held against the float64 step of the same numbers; and so on.

    The wider step has its own error, which is a bound of the same form with a unit roundoff
    2²⁹ or 2¹¹ times smaller: one bound more is room for it many times over.
    """
    wide = in_dtype(case, WIDER[case.dtype])
    model, state, x, *rest = case.step
    carried = State(exact(state.theta), tuple(map(exact, state.slots)), state.step)
    with np.errstate(all="ignore"):
        plain = entries(case, train_step(*case.step))
        truth = entries(wide, train_step(*wide.step))
        bounds = entries(case, train_step(model, carried, exact(x), *rest))
        compared = 0
        for one, other, bounded in zip(plain, truth, bounds, strict=True):
            if not hasattr(bounded.array, "bound"):
                continue
            finer = 2.0**-11 if case.dtype == np.float64 else 2.0**-29
            bound = np.asarray(bounded.array.bound).astype(np.longdouble) * (1 + finer)
            error = np.abs(np.asarray(one.array).astype(np.longdouble) - other.array)
            known = np.isfinite(bound)
            assert np.all(error[known] <= bound[known] + 2.0**-1070), one[:2]
            compared += np.count_nonzero(known)
    assert compared > 0


OPTIMIZERS = [SGD(0.1), SGDM(0.1), Nesterov(0.1), Adagrad(0.1), RMSProp(0.1), Adam(0.1), Nadam(0.1)]


@pytest.mark.parametrize(
    ("dtype", "narrow"), [(np.float64, np.float32), (np.longdouble, np.float64)]
)
@pytest.mark.parametrize("function", [Sigmoid(), Tanh(), Softmax()], ids=str)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_no_narrower_dtype_stands_in_the_way(optimizer, function, dtype, narrow):
    """What a step computes has digits that the narrower dtype cannot hold."""
    rng = np.random.default_rng(0)
    network = multilayer([4, 6, 3], function)
    theta, x = rng.standard_normal(network.size).astype(dtype), rng.random((7, 4)).astype(dtype)
    theta, x = theta / dtype(3), x / dtype(3)
    y = np.eye(3, dtype=dtype)[rng.integers(3, size=7)]
    for loss, last in (
        (MeanSquaredError(), function),
        (CategoricalCrossentropy(), Softmax()),
        (SoftmaxCrossentropy(), None),
    ):
        network = multilayer([4, 6, 3], function, last)
        model = Model(network, loss, optimizer, L2(0.1))
        step = train_step(model, model.state_at(theta), x, y)
        for entry in record(network, optimizer.slot_names, step):
            if entry.stage == "learning rate":
                continue
            wide = np.asarray(entry.array).ravel()
            wide = wide[wide != 0]
            longer = np.count_nonzero(wide.astype(narrow).astype(dtype) != wide)
            assert longer > 0, entry[:2]
