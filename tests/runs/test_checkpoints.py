"""Checkpoints: what was saved comes back bit for bit, whatever stopped the run."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refnn import (
    L2,
    SGD,
    SGDM,
    Adagrad,
    Adam,
    CategoricalCrossentropy,
    Checkpoint,
    ExponentialDecay,
    History,
    MeanSquaredError,
    Model,
    Nadam,
    Nesterov,
    PerEpoch,
    RMSProp,
    Softmax,
    State,
    Tanh,
    fit,
    load_state,
    multilayer,
    resume,
)
from refnn.runs import checkpoints, description
from refnn.runs.checkpoints import load_run
from tests.helpers import (
    damaged,
    npy,
    packed,
    refused,
    refused_cheaply,
    run_bits,
    same_bits,
    text,
)

EPOCHS = 6
NETWORK = multilayer([4, 5, 3], Tanh(), Softmax())
RNG = np.random.default_rng(3)
X = RNG.standard_normal((50, 4)).astype(np.float32)
Y = np.eye(3, dtype=np.float32)[RNG.integers(3, size=50)]
OPTIMIZERS = [
    SGD(ExponentialDecay(0.3, 0.99)),
    SGDM(PerEpoch(ExponentialDecay(0.3, 0.9), 4), 0.8),
    Adagrad(0.1),
    RMSProp(0.01),
    Adam(0.03),
    Nesterov(0.03),
    Nadam(0.03),
]


class StopError(Exception):
    """Something that goes wrong in a callback."""


def a_model(optimizer, **others):
    """A model with a regularizer."""
    parts = {"network": NETWORK, "loss": CategoricalCrossentropy(), "regularizer": L2(0.001)}
    return Model(**parts | {"optimizer": optimizer} | others)


def run(model, how=fit, where=None, *, seed=5, dtype=np.float32, **options):
    """Fit, or resume from a checkpoint, with a validation set and shuffled rows."""
    x, y = X.astype(dtype), Y.astype(dtype)
    if how is fit:
        rng = None if seed is None else np.random.default_rng(seed)
        options = {"rng": rng, "checkpoint": where} | options
        where = model.initial_state(np.random.default_rng(1), dtype=dtype)
    options = {
        "epochs": EPOCHS, "batch_size": 16, "validation": (x[:9], y[:9]), "progress": False,
    } | options  # fmt: skip
    return how(model, where, x, y, **options)


ADAM = a_model(Adam())


def stop_at(epoch):
    def callback(number, state, history):
        if number == epoch:
            raise StopError

    return callback


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


# ---- a run ------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("epoch", [1, 4, EPOCHS])
@pytest.mark.parametrize(("dtype", "seed"), [(np.float32, 5), (np.float64, 5), (np.float32, None)])
def test_a_resumed_run_is_the_uninterrupted_one(path, optimizer, epoch, dtype, seed):
    model = a_model(optimizer)
    checkpoint, options = Checkpoint(path), {"dtype": dtype, "seed": seed}
    with pytest.raises(StopError):
        run(model, where=checkpoint, callback=stop_at(epoch), **options)
    assert load_run(path).epochs == epoch - 1  # the epoch whose callback failed is made again
    seen = []
    again = run(model, resume, checkpoint, callback=lambda *now: seen.append(now[0]), **options)
    assert run_bits(*again) == run_bits(*run(model, **options))
    assert seen == list(range(epoch, EPOCHS + 1))
    assert again[1].seconds == sorted(again[1].seconds)
    assert run_bits(*run(model, resume, checkpoint, **options)) == run_bits(*again)  # nothing to do


def test_a_checkpoint_changes_nothing_and_is_also_a_state(path):
    state, history = run(ADAM, where=Checkpoint(path, 4))
    assert run_bits(state, history) == run_bits(*run(ADAM))
    assert same_bits(load_state(path), state)
    saved = load_run(path)
    assert run_bits(saved.state, saved.history) == run_bits(state, history)
    assert saved.history.seconds == history.seconds


def test_more_epochs_may_follow_and_fewer_may_not(path):
    run(ADAM, where=Checkpoint(path), epochs=2)
    with pytest.raises(ValueError, match="^epochs = 1; expected a whole number of at least 2$"):
        run(ADAM, resume, Checkpoint(path), epochs=1)
    assert run_bits(*run(ADAM, resume, Checkpoint(path))) == run_bits(*run(ADAM))


def test_history_continues_where_it_is_given_and_is_not_changed():
    rng = np.random.default_rng(5)
    state, history = run(ADAM, epochs=2, rng=rng)
    before = [list(column) for column in vars(history).values()]
    more = fit(
        ADAM, state, X, Y, rng=rng, history=history, validation=(X[:9], Y[:9]),
        epochs=EPOCHS, batch_size=16, progress=False,
    )  # fmt: skip
    assert run_bits(*more) == run_bits(*run(ADAM))
    assert [list(column) for column in vars(history).values()] == before


@given(
    columns=st.lists(st.lists(st.floats(), min_size=3, max_size=3), min_size=4, max_size=4),
    shares=st.lists(st.none() | st.floats(0, 1), min_size=3, max_size=3),
    kind=st.sampled_from([None, np.random.PCG64, np.random.PCG64DXSM]),
    drawn=st.integers(0, 5),
)
@settings(max_examples=30)
def test_a_run_comes_back_bit_for_bit(tmp_path_factory, columns, shares, kind, drawn):
    path = tmp_path_factory.mktemp("run") / "run.npz"
    loss, rate, seconds, held_out = columns
    rng = None if kind is None else np.random.Generator(kind(3))
    if rng is not None:
        rng.integers(10, size=drawn, dtype=np.uint32)  # half a word may be kept for later
    history = History(loss, rate, seconds, held_out, shares)
    state = State(np.array([np.nan, -0.0, 1 / 3]), (), 7)
    saved = checkpoints.Run(state, history, 2, checkpoints.generator_state(rng), {"loss": "ü"})
    checkpoints.save_run(path, saved)
    again = load_run(path)
    assert again.epochs == 2
    assert again.description == {"loss": "ü"}
    for name, column in vars(again.history).items():
        assert list(map(repr, column)) == list(map(repr, vars(history)[name][:2]))
    if rng is None:
        assert again.rng() is None
    else:
        assert np.array_equal(again.rng().integers(9, size=9), rng.integers(9, size=9))


@pytest.mark.parametrize(
    ("every_epochs", "every_seconds", "saved"),
    [
        (1, 0, [0, 1, 2, 3, 4, 5, 6]),
        (2, 0, [0, 2, 4, 6]),
        (4, 0, [0, 4, 6]),
        (1, 20, [0, 2, 4, 6]),  # ten seconds an epoch
        (3, 20, [0, 3, 6]),
        (1, 1e9, [0, 6]),
    ],
)
def test_it_is_saved_when_it_is_due(path, monkeypatch, every_epochs, every_seconds, saved):
    seen, now = [], [1000.0]
    monkeypatch.setattr(checkpoints, "save_run", lambda path, run: seen.append(run.epochs))
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])

    def an_epoch_lasts(number, state, history):
        now[0] += 10

    run(ADAM, where=Checkpoint(path, every_epochs, every_seconds), callback=an_epoch_lasts)
    assert seen == saved


def test_the_twin_saves_and_continues_too(path):
    from tftwin.counterparts import twin
    from tftwin.runs import fit as twin_fit

    model, options = Model(NETWORK, MeanSquaredError()), {"batch_size": 16, "progress": False}
    start = model.initial_state(np.random.default_rng(1))
    whole = twin_fit(twin(model), start, X, Y, epochs=3, **options)
    twin_fit(twin(model), start, X, Y, epochs=2, checkpoint=Checkpoint(path), **options)
    saved = load_run(path)
    more = twin_fit(
        twin(model), saved.state, X, Y, epochs=3, history=saved.history, **options
    )  # fmt: skip
    assert run_bits(*more) == run_bits(*whole)


def test_whatever_ends_the_run_the_last_epoch_is_saved(path):
    with pytest.raises(StopError):
        run(ADAM, where=Checkpoint(path, 100), callback=stop_at(5))
    assert load_run(path).epochs == 4


CHANGES = {
    "network": (replace(ADAM, network=multilayer([4, 6, 3], Tanh(), Softmax())), {}),
    "loss": (replace(ADAM, loss=MeanSquaredError()), {}),
    "optimizer": (replace(ADAM, optimizer=Adam(0.001, 0.9, 0.99)), {}),
    "regularizer": (replace(ADAM, regularizer=L2(0.002)), {}),
    "batch_size": (ADAM, {"batch_size": 17}),
    "validation": (ADAM, {"validation": (X[:9], Y[1:10])}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_run_is_not_continued(path, name):
    run(ADAM, where=Checkpoint(path), epochs=2)
    before = path.read_bytes()
    model, options = CHANGES[name]
    with pytest.raises(ValueError, match=f": {name} is .*, and the run that was saved had .*"):
        run(model, resume, Checkpoint(path), **options)
    assert path.read_bytes() == before


def test_other_data_are_not_continued(path):
    model, checkpoint, options = a_model(SGD()), Checkpoint(path), {"epochs": 1, "progress": False}
    start = model.initial_state(np.random.default_rng(1))
    fit(model, start, X, Y, checkpoint=checkpoint, **options)
    other = X.copy()
    other[49, 3] = np.nextafter(other[49, 3], np.float32(9))
    for name, x, y in (("x", other, Y), ("x", X[:49], Y[:49]), ("y", X, Y[:, ::-1])):
        with pytest.raises(ValueError, match=f": {name} is "):
            resume(model, checkpoint, x, y, **options)
    with pytest.raises(TypeError, match="^x has dtype float64; expected float32"):
        resume(model, checkpoint, X.astype(float), Y.astype(float), **options)
    resume(model, checkpoint, np.asfortranarray(X), Y, **options)


def test_a_long_difference_is_shown_where_it_is():
    before, now = {"network": "Dense, " * 900 + "5"}, {"network": "Dense, " * 900 + "6"}
    with pytest.raises(ValueError, match="Dense, 6'.*Dense, 5'") as caught:
        description.check_same("run.npz", before, now)
    assert len(str(caught.value)) < 300


def test_a_description_holds_no_address_and_no_padding():
    class Loss:
        def value_and_gradient(self, y_true, y_pred):
            return 0.0, y_pred

    model = Model(NETWORK, Loss(), SGD(lambda step: 0.1))
    wide = np.ones((3, 1), np.longdouble)
    other = wide.copy()
    other.view(np.uint8)[0, -1] = 77  # padding, where there is any
    described = [
        description.describe_model(model, 1) | description.describe_data(x, x, None)
        for x in (wide, other if np.array_equal(wide, other) else wide)
    ]
    assert described[0] == described[1]
    assert "0x" not in str(described[0])


def test_a_generator_that_a_checkpoint_cannot_hold_is_refused_at_once(path):
    rng = np.random.Generator(np.random.MT19937(3))
    with pytest.raises(TypeError, match=r"^rng is a MT19937 generator; .*default_rng\(seed\)$"):
        run(ADAM, where=Checkpoint(path), rng=rng)
    assert not path.exists()


# ---- hostile files ----------------------------------------------------------------------------


def described(space=0, **changes):
    """Return the member that holds the generator and the description."""
    rng = np.random.default_rng(3).bit_generator.state
    return text({"generator": rng, "description": {}} | changes, space)


THREE = np.arange(3.0)
STATE = {"theta": npy(THREE), "slot0": npy(THREE), "step": npy(np.array(7))}
COLUMNS = {f"history_{name}": npy(np.arange(2.0)) for name in vars(History())}
RUN = STATE | COLUMNS | {"run": described()}
BAD_RUN = {
    "a state alone": (STATE, "holds"),
    "no loss": ({n: c for n, c in RUN.items() if n != "history_loss"}, "holds"),
    "another column": (RUN | {"history_more": npy(THREE)}, "holds"),
    "ragged": (RUN | {"history_seconds": npy(THREE)}, "history_seconds has 3 entries and not 2"),
    "no columns": (RUN | {"history_loss": npy(THREE[:0])}, "entries and not 0"),
    "no JSON": (RUN | {"run": text("import os")}, "run cannot be read"),
    "no text": (RUN | {"run": text(b"\xff" * 9)}, "run cannot be read"),
    "deep": (RUN | {"run": text(2**19 * "[")}, "run cannot be read"),
    "long": (RUN | {"run": described(space=2**21)}, "run cannot be read"),
    "a list": (RUN | {"run": text("[1, 2]")}, "run cannot be read"),
    "a number": (RUN | {"run": described(generator=3)}, "run cannot be read"),
    "a generator with half a number": (
        RUN | {"run": described(generator=np.random.default_rng(3).bit_generator.state
                                | {"has_uint32": 1, "uinteger": 1.5})}, "no such state",
    ),
    "another generator": (
        RUN | {"run": described(generator={"bit_generator": "seed", "state": {}})},
        "run cannot be read",
    ),
    "a place outside": (
        RUN | {"run": described(generator=json.loads(json.dumps(
            np.random.Generator(np.random.MT19937(3)).bit_generator.state
            | {"state": {"key": [0] * 624, "pos": 10**9}}
        )))}, "run cannot be read",
    ),
    "no state": (
        RUN | {"run": described(generator={"bit_generator": "PCG64"})}, "run cannot be read",
    ),
    "NaN for a state": (
        RUN | {"run": described(generator=np.random.default_rng(3).bit_generator.state
            | {"state": {"state": float("nan"), "inc": 1}})}, "run cannot be read",
    ),
    "a description that is no text": (
        RUN | {"run": described(description={"loss": {}})}, "run cannot be read",
    ),
    "no description": (RUN | {"run": described(description=[1])}, "run cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize(("members", "message"), BAD_RUN.values(), ids=BAD_RUN)
def test_a_file_that_holds_no_run_is_refused(path, members, message):
    refused_cheaply(load_run, packed(path, members), message)


def test_the_members_of_these_tests_are_a_run_but_for_what_is_wrong(path):
    assert load_run(packed(path, RUN)).epochs == 2


def test_a_run_truncated_at_any_byte_is_refused(path):
    sound = packed(path, RUN).read_bytes()
    for length in range(len(sound)):
        path.write_bytes(sound[:length])
        with refused(str(path), "expected"):
            load_run(path)


def test_with_any_byte_changed_it_is_read_as_it_was_or_refused(path):
    expected, read, messages = load_run(packed(path, RUN)), [], []
    for changed in damaged(path.read_bytes()):
        path.write_bytes(changed)
        try:
            read.append(load_run(path))
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) > len(read) > 0  # what may change is a date, say
    assert all(message.startswith(str(path)) for message in messages)
    for seen in read:
        assert run_bits(seen.state, seen.history) == run_bits(expected.state, expected.history)
        assert seen.generator == expected.generator
