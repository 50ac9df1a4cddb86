"""Model, backpropagate and update: each is its pieces, to the bit, and asks for what it needs."""

import inspect
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnn import (
    L2,
    SGD,
    SGDM,
    Adagrad,
    Adam,
    CategoricalCrossentropy,
    Constant,
    Dense,
    Dropout,
    Evaluation,
    Gradients,
    MeanSquaredError,
    Model,
    Nadam,
    Nesterov,
    Network,
    Relu,
    RMSProp,
    SoftmaxCrossentropy,
    State,
    Step,
    Tanh,
    backpropagate,
    evaluate,
    fit,
    multilayer,
    objective,
    optimizers,
    predict,
    train_step,
    update,
)
from refnn.losses import value_and_gradient, value_of
from refnn.schedules import rate_at
from tests.helpers import bits, refused, same_bits
from tests.strategies import FLOATS, cases, gradients, middle_of_a_run, numbers

NETWORK = multilayer([4, 5, 3], Tanh())
MSE = MeanSquaredError()
RNG = np.random.default_rng(3)
X, Y = (RNG.standard_normal(shape).astype(np.float32) for shape in ((6, 4), (6, 3)))
ONE_HOT = np.eye(3, dtype=np.float32)[[0, 1, 2, 1, 0, 2]]
THETA = NETWORK.initial_theta(RNG)

# Model -------------------------------------------------------------------------------------------


class Half:
    """A value without a gradient."""

    def value(self, y_true, y_pred):
        return 0.0


WRONG_PARTS = {
    "network": [None, "network", Network, Dense(4, 3), [Dense(4, 3)], NETWORK.layers],
    "loss": [None, "mse", MeanSquaredError, Half(), Relu(), SGD(), np.square],
    "optimizer": [None, "adam", Adam, 0.01, MSE, L2(0.1), Constant(0.1)],
    "regularizer": [0.01, "l2", L2, SGD(), Half()],
}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [(name, wrong) for name, values in WRONG_PARTS.items() for wrong in values],
    ids=lambda a: str(a)[:30],
)
def test_a_wrong_part_is_refused_where_the_model_is_made(name, wrong):
    parts = {"network": NETWORK, "loss": MSE, name: wrong}
    with refused(f"{name} = {wrong!r}; expected ", error=TypeError):
        Model(**parts)
    with refused(f"{name} = {wrong!r}; expected ", error=TypeError):
        replace(Model(NETWORK, MSE), **{name: wrong})


def test_a_model_is_a_value():
    model = Model(NETWORK, MSE)
    assert model == Model(multilayer([4, 5, 3], Tanh()), MeanSquaredError(), SGD(0.01), None)
    assert hash(model) == hash(replace(model))
    assert model != replace(model, regularizer=L2(0.1))
    with pytest.raises(FrozenInstanceError):
        model.loss = SoftmaxCrossentropy()


@pytest.mark.parametrize("dtype", [None, *FLOATS, np.longdouble])
@pytest.mark.parametrize(
    "optimizer",
    [SGD(), SGDM(), Nesterov(), Adagrad(), RMSProp(), Adam(), Nadam()],
    ids=lambda o: type(o).__name__,
)
def test_the_first_state_has_empty_slots(optimizer, dtype):
    model = Model(NETWORK, MSE, optimizer)
    state = model.initial_state(np.random.default_rng(1), dtype=dtype)
    theta = NETWORK.initial_theta(np.random.default_rng(1), dtype=dtype)
    assert same_bits(state, State(theta, (np.zeros_like(theta),) * len(optimizer.slot_names), 0))
    assert same_bits(model.state_at(theta), state)
    assert theta.dtype == (np.float32 if dtype is None else dtype)


# A loss of one's own -----------------------------------------------------------------------------


class Cubes:
    """Σ |y_pred − y_true|³, value and gradient together and in no other way."""

    def value_and_gradient(self, y_true, y_pred):
        d = y_pred - y_true
        return np.abs(d**3).sum(), 3 * d * np.abs(d)


class CubesOneByOne:
    """The same, one by one."""

    def value(self, y_true, y_pred):
        return Cubes().value_and_gradient(y_true, y_pred)[0]

    def gradient(self, y_true, y_pred):
        return Cubes().value_and_gradient(y_true, y_pred)[1]


def test_a_loss_needs_value_and_gradient_together_or_one_by_one_and_nothing_else():
    seen = []
    for loss in (Cubes(), CubesOneByOne()):
        model = Model(NETWORK, loss, Adam(), L2(0.1))
        state, history = fit(
            model, model.state_at(THETA), X, Y, epochs=2, batch_size=4, validation=(X, Y),
            progress=False,
        )  # fmt: skip
        seen.append((
            bits(state), history.loss, history.validation_loss, evaluate(model, state, X, Y),
            objective(model, state.theta, X, Y), bits(backpropagate(model, state.theta, X, Y)),
        ))  # fmt: skip
    assert seen[0] == seen[1]
    assert seen[0][1][1] < seen[0][1][0]


@pytest.mark.parametrize("base", [MeanSquaredError, SoftmaxCrossentropy, Cubes])
@pytest.mark.parametrize("half", ["value", "gradient"])
def test_half_an_override_is_refused(base, half):
    def method(self, y_true, y_pred):
        return y_pred

    kind = type("Mine", (base,), {half: method})
    later = type("Later", (kind,), {})
    for one in (kind, later):
        with refused(
            f"loss: Mine overrides {half} and inherits value_and_gradient", error=TypeError
        ):
            Model(NETWORK, one())
    both = {half: method, "value_and_gradient": lambda self, y_true, y_pred: (0.0, y_pred)}
    Model(NETWORK, type("Mine", (base,), both)())
    Model(NETWORK, type("Mine", (kind,), both)())


def test_halves_that_no_value_and_gradient_hides_may_be_overridden():
    for base in (CategoricalCrossentropy, CubesOneByOne):
        kind = type("Mine", (base,), {"gradient": lambda self, y_true, y_pred: 0 * y_pred})
        model = Model(NETWORK, kind())
        assert not np.any(backpropagate(model, THETA, abs(X), ONE_HOT).output_gradients[-1])


class Distances(Cubes):
    """A loss whose targets are distributions."""

    takes_distributions = True


def test_a_loss_says_itself_that_it_takes_distributions():
    for loss, takes in ((Cubes(), False), (Distances(), True), (SoftmaxCrossentropy(), True)):
        model = Model(NETWORK, loss)
        state = model.state_at(THETA)
        calls = [
            lambda y, m=model, s=state: evaluate(m, s, X, y),
            lambda y, m=model, s=state: fit(m, s, X, y, epochs=1, progress=False),
            lambda y, m=model, s=state: fit(
                m, s, X, ONE_HOT, epochs=1, validation=(X, y), progress=False
            ),
        ]
        for call in calls:
            call(ONE_HOT)
            for wrong in (Y, 2 * ONE_HOT, ONE_HOT - 1):
                if takes:
                    with refused("y: row 0 is ", f"{type(loss).__name__} expects each row to be"):
                        call(wrong)
                else:
                    call(wrong)


# backpropagate -----------------------------------------------------------------------------------


def by_pieces(model, theta, x, y, masks=()):
    """The chain rule, layer by layer; the penalty on every W."""
    layers, slices = model.network.layers, model.network.slices
    mask_of = iter(masks)
    parts = [
        next(mask_of) if isinstance(layer, Dropout) else theta[place]
        for layer, place in zip(layers, slices, strict=True)
    ]
    tape = [x]
    for layer, part in zip(layers, parts, strict=True):
        tape.append(layer.forward(part, tape[-1]))
    data_loss, dy = value_and_gradient(model.loss, y, tape[-1])
    dys, gradients = [], []
    for layer, part, before, after in reversed(
        list(zip(layers, parts, tape[:-1], tape[1:], strict=True))
    ):
        dys.insert(0, dy)
        gradients[:0] = layer.parameter_gradients(before, dy)
        dy = layer.input_gradient(part, before, after, dy)
    penalty = 0.0
    if model.regularizer is not None:
        weights = []
        for i, (layer, place) in enumerate(zip(layers, slices, strict=True)):
            if isinstance(layer, Dense):
                weights.append(layer.weight(theta[place]))
                k = sum(len(one.shapes()) for one in layers[:i])
                gradients[k] = gradients[k] + model.regularizer.gradient(weights[-1])
        penalty = model.regularizer.value(weights)
    return Gradients(tape, data_loss, penalty, data_loss + penalty, dys, gradients)


@given(cases(steps=1))
def test_backpropagate_is_its_pieces(case):
    model, state, *batch = case.step
    with np.errstate(all="ignore"):
        found = backpropagate(model, state.theta, *batch)
        assert same_bits(found, by_pieces(model, state.theta, *batch))
        assert same_bits(found.loss, found.data_loss + found.penalty)
        if not model.network.dropouts:
            assert same_bits(found.loss, objective(model, state.theta, *batch))
        assert same_bits(found.data_loss, value_of(model.loss, batch[1], found.outputs[-1]))
    assert found.outputs[0] is batch[0]
    assert [g.shape for g in found.gradients] == [p.shape for p in model.network.parameters]
    assert {a.dtype for a in (*found.gradients, *found.output_gradients)} <= {case.dtype}


@given(cases(steps=1))
def test_a_step_is_backpropagate_then_update(case):
    model, state, *batch = case.step
    with np.errstate(all="ignore"):
        found = backpropagate(model, state.theta, *batch)
        gradient = np.concatenate([g.ravel() for g in found.gradients])
        rate = rate_at(model.optimizer.learning_rate, state.step)
        step = train_step(model, state, *batch)
        after = update(model.optimizer, state, gradient, rate)
        w, slots = model.optimizer.rule(
            state.theta, gradient, state.slots, state.step + 1, rate
        )  # fmt: skip
    assert Step._fields == (*Gradients._fields, "learning_rate", "state")
    assert same_bits(step, Step(*found, rate, after))
    assert same_bits(after, State(w, slots, state.step + 1))


def test_the_rate_of_a_step_is_that_of_the_updates_before_it():
    model = Model(NETWORK, MSE, SGD(lambda step: 0.5**step))
    state = model.state_at(THETA)
    for number in range(4):
        step = train_step(model, state, X, Y)
        assert step.learning_rate == 0.5**number
        gradient = np.concatenate(step.gradients, axis=None)
        assert same_bits(step.state, State(state.theta - 0.5**number * gradient, (), number + 1))
        state = step.state


@given(cases(steps=1))
def test_nothing_is_changed_in_place(case):
    """Neither the arguments nor, at a second call, what the first one gave."""
    model, state, x, y, *masks = case.step
    arguments = bits((state, x, y, masks))
    with np.errstate(all="ignore"):
        found = backpropagate(model, state.theta, x, y, *masks)
        step = train_step(model, state, x, y, *masks)
        first = bits((found, step))
        gradient = np.concatenate(found.gradients, axis=None)
        flat = bits(gradient)
        update(model.optimizer, step.state, gradient, 0.5)
        train_step(model, step.state, x, y, *masks)
        predict(model, state, x)
        objective(model, state.theta, x, y)
    assert bits((state, x, y, masks)) == arguments
    assert bits((found, step)) == first
    assert bits(gradient) == flat
    for mine in (step.state.theta, *step.state.slots):
        for before in (state.theta, *state.slots, x, y, *found.gradients):
            assert not np.shares_memory(mine, before)


# update ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [1, 7, 8, 9, 24, 25])
@pytest.mark.parametrize(
    "optimizer",
    [SGD(), SGDM(), Nesterov(), Adagrad(), RMSProp(), Adam(), Nadam()],
    ids=lambda o: type(o).__name__,
)
def test_an_update_in_blocks_has_the_same_bits(optimizer, size, dtype, monkeypatch):
    rng = np.random.default_rng(size)
    state = middle_of_a_run(rng, optimizer, numbers(rng, size).astype(dtype), 11)
    gradient = gradients(rng, size).astype(dtype)
    before, lengths, rule = bits((state, gradient)), [], type(optimizer).rule

    def counted(self, w, *others):
        lengths.append(len(w))
        return rule(self, w, *others)

    monkeypatch.setattr(type(optimizer), "rule", counted)
    whole = update(optimizer, state, gradient, 0.25)
    assert lengths == [size]
    monkeypatch.setattr(optimizers, "BLOCK", 8)
    in_blocks = update(optimizer, state, gradient, 0.25)
    assert lengths[1:] == [min(8, size - start) for start in range(0, size, 8)]
    assert same_bits(in_blocks, whole)
    assert whole.step == 12
    assert bits((state, gradient)) == before


# evaluate and predict ----------------------------------------------------------------------------


@given(cases(steps=1))
def test_predict_takes_a_state_or_a_theta(case):
    model, state, x, *_ = case.step
    with np.errstate(all="ignore"):
        expected = model.network.forward(state.theta, x)[-1]
        assert same_bits(predict(model, state, x), expected)
        assert same_bits(predict(model, state.theta, x), expected)


@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(FLOATS))
def test_evaluate_takes_a_state_or_a_theta(seed, dtype):
    """The data loss alone, and the share of right classes, counted one by one."""
    rng = np.random.default_rng(seed)
    model = Model(NETWORK, SoftmaxCrossentropy(), Adam(), L2(10.0))
    state = model.initial_state(rng, dtype=dtype)
    x, y = X.astype(dtype), np.eye(3, dtype=dtype)[rng.integers(3, size=6)]
    found = backpropagate(model, state.theta, x, y)
    right = [max(range(3), key=row.__getitem__) for row in found.outputs[-1].tolist()]
    share = sum(y[i, k] == 1 for i, k in enumerate(right)) / 6
    expected = Evaluation(float(found.data_loss), share)
    assert evaluate(model, state, x, y) == evaluate(model, state.theta, x, y) == expected
    assert found.loss > found.data_loss  # the penalty is no part of it


def test_what_is_no_state_and_no_theta_is_refused():
    model = Model(NETWORK, MSE)
    for wrong in (None, THETA.tolist(), (THETA,), THETA[1:], THETA.astype(int)):
        for call in (predict, lambda *parts: evaluate(*parts, Y)):
            with refused("theta", "expected ", error=(TypeError, ValueError)):
                call(model, wrong, X)


# One order of the arguments ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (Model, "network loss optimizer regularizer"),
        (backpropagate, "model theta x y masks"),
        (train_step, "model state x y masks"),
        (objective, "model theta x y"),
        (evaluate, "model state x y"),
        (predict, "model state x"),
        (update, "optimizer state gradient learning_rate"),
        (fit, "model state x y"),
    ],
    ids=lambda a: getattr(a, "__name__", a),
)
def test_the_arguments_come_in_one_order(function, names):
    found = inspect.signature(function).parameters.values()
    assert [p.name for p in found if p.kind is p.POSITIONAL_OR_KEYWORD] == names.split()
