"""Dropout: the mask is an input of the step; evaluation drops nothing; both sides see one mask."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tftwin
from refnn import (
    SGD,
    Activation,
    Adam,
    Checkpoint,
    Dense,
    Dropout,
    MeanSquaredError,
    Model,
    Network,
    NonFiniteError,
    Softmax,
    SoftmaxCrossentropy,
    Tanh,
    backpropagate,
    evaluate,
    fit,
    layers,
    predict,
    resume,
    summary,
    train_step,
)
from tests.helpers import refused, run_bits, same_bits
from tests.lockstep.compare import agrees
from tests.strategies import FLOATS, dropout_rates, dtypes, seeds
from tftwin import layers as tf_layers
from tftwin import runs as tf_runs
from tftwin.counterparts import twin
from tftwin.lockstep import resynchronised, run_free
from tftwin.trainer import Trainer

NETWORK = Network(
    [Dropout(0.1), Dense(4, 6), Activation(Tanh()), Dropout(0.5), Dense(6, 5), Dropout(0.3),
     Dense(5, 3)]
)  # fmt: skip
PLAIN = Network([layer for layer in NETWORK.layers if not isinstance(layer, Dropout)])
MODEL = Model(NETWORK, SoftmaxCrossentropy(), Adam(0.01))


def data(dtype=np.float32, rows=14):
    """A state, x, y."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((rows, 4)).astype(dtype)
    y = np.eye(3, dtype=dtype)[rng.integers(3, size=rows)]
    return MODEL.initial_state(rng, dtype=dtype), x, y


# The layer and its mask --------------------------------------------------------------------------


@given(dropout_rates, dtypes, seeds)
def test_a_mask_is_the_same_in_every_dtype_and_on_both_sides(rate, dtype, seed):
    def drawn(layer, dtype):
        return layer.draw(np.random.default_rng(seed), (7, 5), dtype)

    mask = drawn(Dropout(rate), dtype)
    assert mask.dtype == dtype
    assert same_bits(mask, drawn(tf_layers.Dropout(rate), dtype))
    wide = drawn(Dropout(rate), np.longdouble)
    assert same_bits(mask, wide.astype(dtype))
    assert set(np.unique(wide)) <= {0, 1 / (1 - rate)}
    uniform = np.random.default_rng(seed).random((7, 5))
    assert same_bits(mask == 0, uniform < rate)


@given(dropout_rates, dtypes, seeds)
def test_forward_and_back_multiply_by_the_mask(rate, dtype, seed):
    rng = np.random.default_rng(seed)
    x, dy = (rng.standard_normal((7, 5)).astype(dtype) for _ in range(2))
    layer = Dropout(rate)
    mask = layer.draw(rng, x.shape, dtype)
    scale = dtype(1 / (1 - rate))
    for one, given_to_it in (
        (layer.forward(mask, x), x),
        (layer.input_gradient(mask, x, x * mask, dy), dy),
    ):
        assert np.array_equal(one, np.where(mask > 0, given_to_it * scale, dtype(0)))
    assert layer.forward(None, x) is x
    assert layer.input_gradient(None, x, x, dy) is dy


def test_the_widths_are_those_of_the_layers():
    masks = NETWORK.draw_masks(np.random.default_rng(0), 9)
    assert [(mask.shape, mask.dtype) for mask in masks] == [
        ((9, width), np.float32) for width in (4, 6, 5)
    ]
    assert PLAIN.draw_masks(np.random.default_rng(0), 9) == ()
    in_front = Network([Activation(Tanh()), Dropout(0.5), Dense(4, 3), Dropout(0.5)])
    assert [m.shape for m in in_front.draw_masks(np.random.default_rng(0), 2)] == [(2, 4), (2, 3)]


# Evaluation drops nothing ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
def test_evaluation_is_that_of_the_network_without_dropout(dtype):
    state, x, y = data(dtype)
    plain = replace(MODEL, network=PLAIN)
    assert same_bits(predict(MODEL, state, x), predict(plain, state, x))
    assert evaluate(MODEL, state, x, y) == evaluate(plain, state, x, y)
    assert same_bits(tftwin.predict(twin(MODEL), state, x), tftwin.predict(twin(plain), state, x))
    assert tftwin.evaluate(twin(MODEL), state, x, y) == tftwin.evaluate(twin(plain), state, x, y)


def test_a_rate_of_0_drops_nothing_in_training_either():
    network = Network(
        [Dropout(0) if isinstance(layer, Dropout) else layer for layer in NETWORK.layers]
    )
    (state, x, y), plain = data(), replace(MODEL, network=PLAIN)
    masks = network.draw_masks(np.random.default_rng(1), len(x))
    step = train_step(replace(MODEL, network=network), state, x, y, masks)
    assert same_bits(step.state, train_step(plain, state, x, y).state)


def test_a_softmax_behind_a_dropout_is_still_the_last_activation():
    with refused("SoftmaxCrossentropy expects logits"):
        Model(
            Network([Dense(2, 3), Activation(Softmax()), Dropout(0.5)]), SoftmaxCrossentropy(),
        )  # fmt: skip


# What is refused ---------------------------------------------------------------------------------

REMEDY = "draw them with network.draw_masks(rng, len(x), x.dtype)"
BAD = {
    "none": (lambda m: (), ValueError, f"masks: 0 came; expected 3, one for each Dropout layer of "
             f"the network: {REMEDY}"),
    "one too few": (lambda m: m[:2], ValueError, "masks: 2 came; expected 3"),
    "one too many": (lambda m: [*m, m[0]], ValueError, "masks: 4 came; expected 3"),
    "other rows": (lambda m: [a[:-1] for a in m], ValueError, "masks[0] has shape (13, 4); expect"),
    "one row": (lambda m: [a[:1] for a in m], ValueError, "masks[0] has shape (1, 4); expected"),
    "another order": (lambda m: m[::-1], ValueError, "masks[0] has shape (14, 5); expected"),
    "another dtype": (lambda m: [*m[:2], m[2].astype(float)], TypeError, "masks[2] has dtype flo"),
    "bool": (lambda m: [a > 0 for a in m], TypeError, "masks[0] has dtype bool; expected float32"),
    "not scaled": (lambda m: [1.0 * (a > 0).astype(a.dtype) for a in m], ValueError,
                   "masks[0] holds 1.0; expected 0 and 1.1111111111111112, which is 1 / (1 - rat"),
    "NaN": (lambda m: [a * a.dtype.type(np.nan) for a in m], ValueError, "masks[0] holds nan"),
    "an array": (lambda m: m[0], TypeError, f"masks is a ndarray; expected a tuple of arrays: "
                 f"{REMEDY}"),
    "None": (lambda m: None, TypeError, "masks is a NoneType; expected a tuple of arrays"),
    "a list in it": (lambda m: [a.tolist() for a in m], TypeError, "masks[0] is a list; expected"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_other_masks_are_refused(name):
    change, error, message = BAD[name]
    state, x, y = data()
    masks = change(NETWORK.draw_masks(np.random.default_rng(1), len(x)))
    other = twin(MODEL)
    for call in (
        lambda: backpropagate(MODEL, state.theta, x, y, masks),
        lambda: train_step(MODEL, state, x, y, masks),
        lambda: tftwin.backpropagate(other, state.theta, x, y, masks),
        lambda: tftwin.train_step(other, state, x, y, masks),
        lambda: Trainer(other, state).step(x, y, masks),
        lambda: Trainer(other, state).run(x, y, [np.arange(14)], [masks]),
        lambda: resynchronised(MODEL, state, [(x, y, masks)]),
        lambda: run_free(MODEL, state, x, y, [np.arange(14)], [masks]),
    ):
        with refused(message, error=error):
            call()


def test_no_masks_at_all_are_refused():
    state, x, y = data()
    rows = [np.arange(7), np.arange(7, 14)]
    masks = [NETWORK.draw_masks(np.random.default_rng(1), 7)]
    for call in (
        lambda: train_step(MODEL, state, x, y),
        lambda: Trainer(twin(MODEL), state).step(x, y),
        lambda: Trainer(twin(MODEL), state).run(x, y, rows),
        lambda: resynchronised(MODEL, state, [(x, y)]),
        lambda: run_free(MODEL, state, x, y, rows),
    ):
        with refused("masks: 0 came; expected 3"):
            call()
    with refused("masks: 1 came; expected 2, a tuple for each step"):
        run_free(MODEL, state, x, y, rows, masks)
    with refused("masks: 1 came; expected 2, a tuple for each step"):
        Trainer(twin(MODEL), state).run(x, y, rows, masks)
    with refused("masks: 1 came; expected 0, one for each Dropout layer of the network"):
        train_step(replace(MODEL, network=PLAIN), state, x, y, masks[0][:1])


def test_fit_draws_its_masks_from_a_generator():
    state, x, y = data()
    with refused("rng = None; expected numpy.random.default_rng(seed): the network has Dropout"):
        fit(MODEL, state, x, y, epochs=1)
    with refused("rng = None; expected numpy.random.default_rng(seed): the network has Dropout"):
        tftwin.fit(twin(MODEL), state, x, y, epochs=1)


# Runs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
def test_fit_is_a_loop_that_draws_masks(dtype):
    state, x, y = data(dtype)
    end, _ = fit(
        MODEL, state, x, y, epochs=2, batch_size=6, rng=np.random.default_rng(8), progress=False
    )
    rng = np.random.default_rng(8)
    for _ in range(2):
        order = rng.permutation(14)
        for batch in (order[:6], order[6:12], order[12:]):
            masks = NETWORK.draw_masks(rng, len(batch), dtype)
            state = train_step(MODEL, state, x[batch], y[batch], masks).state
    assert same_bits(end, state)


def test_both_fits_draw_the_same_masks(monkeypatch):
    """In the same order, and they leave the generator in the same state."""
    state, x, y = data()
    drawn = {}
    for name, room, train, model in (
        ("refnn", layers, fit, MODEL),
        ("tftwin", tf_layers, tftwin.fit, twin(MODEL)),
    ):
        masks, old = [], room.Dropout.draw
        monkeypatch.setattr(
            room.Dropout, "draw",
            lambda self, *a, old=old, masks=masks: masks.append(old(self, *a)) or masks[-1],
        )  # fmt: skip
        rng = np.random.default_rng(8)
        end, _ = train(model, state, x, y, epochs=3, batch_size=6, rng=rng, progress=False)
        drawn[name] = masks, rng.random()
        assert len(masks) == 3 * 3 * 3
        assert end.step == 9
    assert same_bits(list(drawn["refnn"]), list(drawn["tftwin"]))


@pytest.mark.parametrize("numbers", [1, 6 * 15, 6 * 15 * 2])
def test_the_masks_of_an_epoch_need_not_be_there_at_once(monkeypatch, numbers):
    """A group of steps has the bits that it has among the others."""
    (state, x, y), options = data(), {"epochs": 2, "batch_size": 6, "progress": False}
    whole = tftwin.fit(twin(MODEL), state, x, y, rng=np.random.default_rng(8), **options)
    monkeypatch.setattr(tf_runs, "MASKS", numbers)
    parts = tftwin.fit(twin(MODEL), state, x, y, rng=np.random.default_rng(8), **options)
    assert run_bits(*parts) == run_bits(*whole)
    rows = [np.arange(6), np.arange(6), np.arange(2)]
    groups = [len(group) for group in tf_runs.together(twin(NETWORK), rows)]
    assert groups == {1: [1, 1, 1], 90: [1, 1, 1], 180: [2, 1]}[numbers]
    assert len(tf_runs.together(twin(PLAIN), rows)) == 1


@pytest.mark.parametrize("epoch", [1, 2, 4])
def test_a_resumed_run_goes_on_with_the_masks_of_the_whole_one(tmp_path, epoch):
    state, x, y = data()
    options = {"batch_size": 6, "progress": False}

    def rng():
        return np.random.default_rng(8)

    whole = fit(MODEL, state, x, y, epochs=5, rng=rng(), **options)
    checkpoint = Checkpoint(tmp_path / "run.npz")
    fit(MODEL, state, x, y, epochs=epoch, rng=rng(), checkpoint=checkpoint, **options)
    again = resume(MODEL, checkpoint, x, y, epochs=5, **options)
    assert run_bits(*again) == run_bits(*whole)
    other = replace(MODEL, network=Network([*NETWORK.layers[:-2], Dropout(0.4), Dense(5, 3)]))
    with refused("network is …", "the run that was saved had"):
        resume(other, checkpoint, x, y, epochs=6, **options)


def test_a_rate_too_near_to_1_is_named():
    state, x, y = data()
    network = Network([Dense(4, 5), Dropout(1 - 1e-13), Dense(5, 3)])
    model = Model(network, MeanSquaredError(), SGD(0.1))
    start = model.initial_state(np.random.default_rng(1))
    for train, one in ((fit, model), (tftwin.fit, twin(model))):
        network_of = layers if train is fit else tf_layers
        draw = network_of.Dropout.draw
        try:  # a mask that keeps something, which is rare
            network_of.Dropout.draw = lambda self, rng, shape, dtype: np.full(
                shape, self.scale, dtype
            )
            with pytest.raises(NonFiniteError, match="a Dropout multiplies by 1e\\+13: its rate"):
                train(one, start, x, y, epochs=9, rng=np.random.default_rng(1), progress=False)
        finally:
            network_of.Dropout.draw = draw


def test_the_summary_has_a_row_for_a_dropout():
    rows = summary(NETWORK).splitlines()
    assert rows[2].split() == ["1", "Dropout", "(batch,", "4)", "0", "0"]
    assert rows[5].split() == ["4", "Dropout", "(batch,", "6)", "0", "0"]


# Lockstep ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["eager", "function", "xla"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_both_sides_agree(mode, dtype):
    (state, x, y), rng = data(dtype), np.random.default_rng(2)
    batches = [(x, y, NETWORK.draw_masks(rng, len(x), dtype)) for _ in range(3)]
    report = resynchronised(MODEL, state, batches, mode=mode)
    agrees(report)
    names = {row.name for row in report.rows if row.stage == "inputs"}
    assert {f"{side}'s mask {i}" for side in ("refnn", "tftwin") for i in range(3)} <= names
    for row in report.rows:  # one product, of the same two numbers
        if row.stage in ("layer forward", "layer backward") and row.name in ("y4", "y6", "dy3"):
            assert row.bit_equal == row.elements > 0


@pytest.mark.parametrize("method", ["forward", "input_gradient"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_wrong_dropout_is_seen_and_blamed(monkeypatch, method, dtype):
    """An error of 1e-6 in float32, of 1e-14 in float64: the walk, TensorFlow, the definition."""
    (state, x, y), rng = data(dtype), np.random.default_rng(2)
    batch = (x, y, NETWORK.draw_masks(rng, len(x), dtype))
    right = getattr(Dropout, method)
    error = 1e-6 if dtype == np.float32 else 1e-14
    monkeypatch.setattr(Dropout, method, lambda *a: right(*a) * (1 + error))
    report = resynchronised(MODEL, state, [batch])
    stage = "forward" if method == "forward" else "backward"
    assert any(d.stage == f"layer {stage}" for d in report.divergences)
    assert {d.wrong for d in report.divergences} == {"refnn"}


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_wrong_dropout_of_tensorflow_is_blamed(monkeypatch, dtype):
    (state, x, y), rng = data(dtype), np.random.default_rng(2)
    batch = (x, y, NETWORK.draw_masks(rng, len(x), dtype))
    monkeypatch.setattr(tf_layers.Dropout, "forward", lambda self, part, x: x * part * part)
    report = resynchronised(MODEL, state, [batch])
    assert {d.wrong for d in report.divergences} == {"tftwin"}


def test_a_step_is_compiled_once_for_all_masks():
    (state, x, y), rng = data(), np.random.default_rng(2)
    trainer = Trainer(twin(MODEL), state)
    for _ in range(4):
        trainer.step(x, y, NETWORK.draw_masks(rng, len(x)))
    assert trainer._compute.experimental_get_tracing_count() == 1
    rows = [np.arange(7), np.arange(7, 14)]
    for _ in range(3):
        trainer.run(x, y, rows, [NETWORK.draw_masks(rng, 7) for _ in rows])
    assert trainer._loop.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("mode", ["eager", "function"])
def test_free_runs_see_the_same_masks(mode):
    (state, x, y), rng = data(np.float64), np.random.default_rng(2)
    rows = [np.arange(14)[i % 2 :: 2] for i in range(8)]
    masks = [NETWORK.draw_masks(rng, 7, np.float64) for _ in rows]
    drift = run_free(MODEL, state, x, y, rows, masks, mode=mode, looks=3)
    end = state
    for batch, drawn in zip(rows, masks, strict=True):
        end = train_step(MODEL, end, x[batch], y[batch], drawn).state
    assert same_bits(drift.refnn_thetas[-1], end.theta)
    trainer = Trainer(twin(MODEL), state, mode)
    assert same_bits(trainer.run(x, y, rows, masks), drift.tftwin_loss)
    assert drift.normwise[-1] < 1000 * np.finfo(float).eps


class OwnTanh:
    """An activation of the user's own."""

    def forward(self, x):
        return np.tanh(x)

    def backward(self, dy, x, y):
        return dy * (1 - y * y)

    def tensorflow(self, x):
        return twin(Tanh()).forward(x)


class OwnDropout(Dropout):
    """A layer of the user's own."""


@given(st.sampled_from([Dropout, OwnDropout]))
def test_beside_functions_of_the_user_s_own(kind):
    network = Network([Dense(4, 6), Activation(OwnTanh()), kind(0.5), Dense(6, 3)])
    model = replace(MODEL, network=network)
    plain = replace(
        MODEL, network=Network([Dense(4, 6), Activation(Tanh()), Dropout(0.5), Dense(6, 3)])
    )
    _, x, y = data()
    state = model.initial_state(np.random.default_rng(1))
    masks = network.draw_masks(np.random.default_rng(1), len(x))
    assert same_bits(train_step(model, state, x, y, masks), train_step(plain, state, x, y, masks))
