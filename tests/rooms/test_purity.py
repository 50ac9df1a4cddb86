"""No argument is ever written to, and how an array lies in memory does not change its numbers."""

import numpy as np
import pytest
from hypothesis import given

from refnn import (
    L2,
    SGD,
    SGDM,
    Adagrad,
    Adam,
    Asymmetric,
    CategoricalCrossentropy,
    LeakyRelu,
    MeanSquaredError,
    Model,
    Nadam,
    Nesterov,
    Relu,
    RMSProp,
    Sigmoid,
    Softmax,
    SoftmaxCrossentropy,
    State,
    Tanh,
    evaluate,
    fit,
    multilayer,
    objective,
    predict,
    train_step,
)
from tests.helpers import bits, fill, rounded, same_bits
from tests.strategies import FLOATS, cases, dtypes, numbers, seeds
from tftwin.lockstep.roundoff import exact

NETWORK = multilayer([4, 5, 3], Relu())
RNG = np.random.default_rng(3)
X = RNG.standard_normal((24, 4)).astype(np.float32)
Y = RNG.standard_normal((24, 3)).astype(np.float32)
THETA = NETWORK.initial_theta(np.random.default_rng(1))
OPTIMIZERS = [
    SGD(0.1),
    SGDM(0.1),
    Nesterov(0.1),
    Adagrad(0.1),
    RMSProp(0.01),
    Adam(0.01),
    Nadam(0.01),
]

# No argument is written to -----------------------------------------------------------------------


def locked(arrays):
    """Make the arrays read-only, and return their bits."""
    for a in arrays:
        a.flags.writeable = False
    return bits(arrays)


def arrays_of(case):
    drawn = (mask for _, _, *masks in case.batches for of_batch in masks for mask in of_batch)
    return [case.state.theta, *case.state.slots, *(a for b in case.batches for a in b[:2]), *drawn]


@given(cases(steps=1))
def test_a_step_writes_into_no_argument(case):
    arrays, (x, y) = arrays_of(case), case.batches[0][:2]
    before = locked(arrays)
    with np.errstate(all="ignore"):
        train_step(*case.step)
        objective(case.model, case.state.theta, x, y)
        case.loss.per_sample(y, predict(case.model, case.state, x))
    assert bits(arrays) == before


@given(dtype=dtypes, seed=seeds)
def test_functions_write_into_no_argument(dtype, seed):
    rng = np.random.default_rng(seed)
    x, dy, y_true = (numbers(rng, (4, 3)).astype(dtype) for _ in range(3))
    y_true = np.abs(y_true) / np.sum(np.abs(y_true), axis=1, keepdims=True)
    y_pred = np.abs(x) + dtype(0.1)
    before = locked([x, dy, y_true, y_pred])
    for function in (Sigmoid(), Tanh(), Relu(), LeakyRelu(), Softmax()):
        y = function.forward(x)
        kept = locked([y])
        function.backward(dy, x, y)
        assert bits([y]) == kept
    for loss in (
        MeanSquaredError(),
        Asymmetric(2, 3),
        CategoricalCrossentropy(),
        SoftmaxCrossentropy(),
    ):
        loss.value(y_true, y_pred)
        loss.gradient(y_true, y_pred)
    assert bits([x, dy, y_true, y_pred]) == before


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_fit_writes_into_no_argument(optimizer):
    model = Model(NETWORK, MeanSquaredError(), optimizer)
    state = train_step(model, model.state_at(THETA), X, Y).state
    arrays = [X.copy(), Y.copy(), state.theta, *state.slots]
    before = locked(arrays)
    x, y = arrays[:2]
    end, _ = fit(
        model, state, x, y, epochs=3, batch_size=4, rng=np.random.default_rng(1),
        validation=(x, y), progress=False,
    )  # fmt: skip
    assert bits(arrays) == before
    assert not same_bits(end.theta, state.theta)


# Layouts in memory -------------------------------------------------------------------------------


def unaligned(a):
    raw = np.empty(a.nbytes + 1, np.uint8)
    copy = raw[1:].view(a.dtype).reshape(a.shape)
    copy[:] = a
    return copy


def read_only(a):
    copy = a.copy()
    copy.flags.writeable = False
    return copy


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "every other": lambda a: np.repeat(np.repeat(a, 2, axis=0), 2, axis=-1)[::2, ..., ::2]
    if a.ndim > 1 else np.repeat(a, 2)[::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "transposed": lambda a: a.T.copy().T,
    "read-only": read_only,
    "unaligned": unaligned,
    "a view of more": lambda a: np.pad(a, 1)[(slice(1, -1),) * a.ndim],
}  # fmt: skip


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_any_layout_gives_the_same_values_and_is_not_written_to(layout, optimizer, dtype):
    x, y, theta = X.astype(dtype), Y.astype(dtype), THETA.astype(dtype)
    model = Model(NETWORK, MeanSquaredError(), optimizer, L2(0.01))
    start = train_step(model, model.state_at(theta), x, y).state
    bounded = train_step(model, rounded(start), exact(x), y).state
    expected = train_step(model, start, x, y).state
    laid = State(layout(start.theta), tuple(map(layout, start.slots)), 1)
    arrays = [layout(x), layout(y), laid.theta, *laid.slots]
    before = bits(arrays)
    fill(train_step(model, laid, *arrays[:2]).state, expected, bounded)
    options = {"epochs": 1, "batch_size": 24, "progress": False}
    validation = tuple(arrays[:2])
    fill(fit(model, laid, *arrays[:2], validation=validation, **options)[0], expected, bounded)
    assert bits(arrays) == before
    assert evaluate(model, laid, *arrays[:2]).accuracy is None


def test_the_layouts_are_what_they_are_called():
    assert not LAYOUTS["Fortran"](X).flags.c_contiguous
    assert not LAYOUTS["every other"](THETA).flags.contiguous
    assert LAYOUTS["backwards"](X).strides[0] < 0
    assert not LAYOUTS["read-only"](X).flags.writeable
    assert not LAYOUTS["unaligned"](X).flags.aligned
    assert all(np.array_equal(layout(a), a) for layout in LAYOUTS.values() for a in (X, THETA))


@given(cases(steps=1))
def test_other_layouts_in_memory_give_the_same_step(case):
    """Fortran order, strided, and reversed arrays: the same numbers, within the bound."""
    model, state, x, y, *masks = case.step
    wide = np.empty((2 * len(x), 3 * x.shape[1]), x.dtype)
    wide[::2, ::3] = x
    spread = State(np.repeat(state.theta, 2)[::2], state.slots, state.step)
    with np.errstate(all="ignore"):
        one = train_step(*case.step).state
        bounded = train_step(model, rounded(state), exact(x), y, *masks).state
        for s, x_, y_ in [
            (state, np.asfortranarray(x), np.asfortranarray(y)),
            (state, wide[::2, ::3], np.ascontiguousarray(y[::-1])[::-1]),
            (spread, x, y),
        ]:
            fill(one, train_step(model, s, x_, y_, *masks).state, bounded, everywhere=False)
