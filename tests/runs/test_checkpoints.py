"""Checkpoints: what was saved comes back bit for bit, whatever stopped the run."""

import io
import json
import os
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

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
    PerEpoch,
    RMSProp,
    Softmax,
    State,
    Tanh,
    checkpoints,
    fit,
    initial_state,
    load_state,
    multilayer,
    npz,
    resume,
    save_state,
)
from refnn.checkpoints import load_run

ROOT = Path(__file__).parent.parent
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
]


class StopError(Exception):
    """Something that goes wrong in a callback."""


def run(optimizer, how=fit, where=None, *, seed=5, dtype=np.float32, network=NETWORK, **options):
    """Fit, or resume from a checkpoint, with a validation set, a regularizer and shuffled rows."""
    x, y = X.astype(dtype), Y.astype(dtype)
    if how is fit:
        rng = None if seed is None else np.random.default_rng(seed)
        theta = network.initial_theta(np.random.default_rng(1), dtype=dtype)
        options = {"rng": rng, "checkpoint": where} | options
        where = initial_state(optimizer, theta)
    options = {
        "epochs": EPOCHS,
        "batch_size": 16,
        "regularizer": L2(0.001),
        "validation": (x[:9], y[:9]),
        "progress": False,
    } | options
    return how(network, CategoricalCrossentropy(), optimizer, where, x, y, **options)


def bits(state, history):
    """Everything that must be the same: all but the seconds."""
    columns = {name: column for name, column in vars(history).items() if name != "seconds"}
    arrays = [(a.dtype, a.tobytes()) for a in (state.theta, *state.slots)]
    return arrays, state.step, columns


def stop_at(epoch):
    def callback(number, state, history):
        if number == epoch:
            raise StopError

    return callback


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


# ---- a state ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("slots", [0, 1, 2])
def test_a_state_comes_back_bit_for_bit(path, dtype, slots):
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, np.finfo(dtype).smallest_subnormal]
    vectors = [RNG.permutation(np.array([*special, 1 / 3], dtype)) for _ in range(slots + 1)]
    wide = np.repeat(vectors[0], 2)
    save_state(path, State(wide[::2], tuple(vectors[1:]), 2**40))
    again = load_state(path)
    assert again.step == 2**40
    assert len(again.slots) == slots
    for one, other in zip((again.theta, *again.slots), vectors, strict=True):
        assert one.dtype == dtype
        assert np.array_equal(one, other, equal_nan=True)
        assert np.array_equal(np.signbit(one), np.signbit(other))
    assert os.listdir(path.parent) == [path.name]


# ---- a run ------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("epoch", [1, 4, EPOCHS])
@pytest.mark.parametrize(("dtype", "seed"), [(np.float32, 5), (np.float64, 5), (np.float32, None)])
def test_a_resumed_run_is_the_uninterrupted_one(path, optimizer, epoch, dtype, seed):
    checkpoint, options = Checkpoint(path), {"dtype": dtype, "seed": seed}
    with pytest.raises(StopError):
        run(optimizer, where=checkpoint, callback=stop_at(epoch), **options)
    assert load_run(path).epochs == epoch - 1  # the epoch whose callback failed is made again
    seen = []
    again = run(optimizer, resume, checkpoint, callback=lambda *now: seen.append(now[0]), **options)
    assert bits(*again) == bits(*run(optimizer, **options))
    assert seen == list(range(epoch, EPOCHS + 1))
    assert again[1].seconds == sorted(again[1].seconds)
    assert bits(*run(optimizer, resume, checkpoint, **options)) == bits(*again)  # nothing to do


def test_a_checkpoint_changes_nothing_and_is_also_a_state(path):
    state, history = run(Adam(), where=Checkpoint(path, 4))
    assert bits(state, history) == bits(*run(Adam()))
    assert load_state(path).theta.tobytes() == state.theta.tobytes()
    saved = load_run(path)
    assert bits(saved.state, saved.history) == bits(state, history)
    assert saved.history.seconds == history.seconds


def test_more_epochs_may_follow_and_fewer_may_not(path):
    run(Adam(), where=Checkpoint(path), epochs=2)
    with pytest.raises(ValueError, match="^epochs = 1; expected a whole number of at least 2$"):
        run(Adam(), resume, Checkpoint(path), epochs=1)
    assert bits(*run(Adam(), resume, Checkpoint(path))) == bits(*run(Adam()))


def test_history_continues_where_it_is_given_and_is_not_changed():
    rng = np.random.default_rng(5)
    state, history = run(Adam(), epochs=2, rng=rng)
    before = [list(column) for column in vars(history).values()]
    start = {"epochs": EPOCHS, "batch_size": 16, "regularizer": L2(0.001), "progress": False}
    more = fit(
        NETWORK, CategoricalCrossentropy(), Adam(), state, X, Y,
        rng=rng, history=history, validation=(X[:9], Y[:9]), **start,
    )  # fmt: skip
    assert bits(*more) == bits(*run(Adam()))
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

    run(Adam(), where=Checkpoint(path, every_epochs, every_seconds), callback=an_epoch_lasts)
    assert seen == saved


def test_the_twin_saves_and_continues_too(path):
    from tftwin.training import fit as twin_fit
    from tftwin.twin import twin

    parts, options = (NETWORK, MeanSquaredError(), SGD(0.1)), {"batch_size": 16, "progress": False}
    start = initial_state(SGD(0.1), NETWORK.initial_theta(np.random.default_rng(1)))
    twins = [twin(part) for part in parts]
    whole = twin_fit(*twins, start, X, Y, epochs=3, **options)
    twin_fit(*twins, start, X, Y, epochs=2, checkpoint=Checkpoint(path), **options)
    saved = load_run(path)
    more = twin_fit(*twins, saved.state, X, Y, epochs=3, history=saved.history, **options)
    assert bits(*more) == bits(*whole)


def test_whatever_ends_the_run_the_last_epoch_is_saved(path):
    with pytest.raises(StopError):
        run(Adam(), where=Checkpoint(path, 100), callback=stop_at(5))
    assert load_run(path).epochs == 4


CHANGES = {
    "network": {"network": multilayer([4, 6, 3], Tanh(), Softmax())},
    "optimizer": {"optimizer": Adam(0.001, 0.9, 0.99)},
    "regularizer": {"regularizer": L2(0.002)},
    "batch_size": {"batch_size": 17},
    "validation": {"validation": (X[:9], Y[1:10])},
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_run_is_not_continued(path, name):
    run(Adam(), where=Checkpoint(path), epochs=2)
    before = path.read_bytes()
    options = dict(CHANGES[name])
    with pytest.raises(ValueError, match=f": {name} is .*, and the run that was saved had .*"):
        run(options.pop("optimizer", Adam()), resume, Checkpoint(path), **options)
    assert path.read_bytes() == before


def test_other_data_and_another_loss_are_not_continued(path):
    checkpoint = Checkpoint(path)
    start = initial_state(SGD(), NETWORK.initial_theta(np.random.default_rng(1)))
    options = {"epochs": 1, "progress": False}
    fit(NETWORK, MeanSquaredError(), SGD(), start, X, Y, checkpoint=checkpoint, **options)
    other = X.copy()
    other[49, 3] = np.nextafter(other[49, 3], np.float32(9))
    for name, loss, x, y in (
        ("loss", CategoricalCrossentropy(), X, Y),
        ("x", MeanSquaredError(), other, Y),
        ("x", MeanSquaredError(), X[:49], Y[:49]),
        ("y", MeanSquaredError(), X, Y[:, ::-1]),
    ):
        with pytest.raises(ValueError, match=f": {name} is "):
            resume(NETWORK, loss, SGD(), checkpoint, x, y, **options)
    with pytest.raises(TypeError, match="^x has dtype float64; expected float32"):
        resume(
            NETWORK, MeanSquaredError(), SGD(), checkpoint, X.astype(float), Y.astype(float),
            **options,
        )  # fmt: skip
    resume(NETWORK, MeanSquaredError(), SGD(), checkpoint, np.asfortranarray(X), Y, **options)


def test_a_long_difference_is_shown_where_it_is():
    before, now = {"network": "Dense, " * 900 + "5"}, {"network": "Dense, " * 900 + "6"}
    with pytest.raises(ValueError, match="Dense, 6'.*Dense, 5'") as caught:
        checkpoints.check_same("run.npz", before, now)
    assert len(str(caught.value)) < 300


def test_a_description_holds_no_address_and_no_padding():
    class Loss:
        pass

    wide = np.ones((3, 1), np.longdouble)
    other = wide.copy()
    other.view(np.uint8)[0, -1] = 77  # padding, where there is any
    described = [
        checkpoints.describe(NETWORK, Loss(), SGD(lambda step: 0.1), None, 1, x, x, None)
        for x in (wide, other if np.array_equal(wide, other) else wide)
    ]
    assert described[0] == described[1]
    assert "0x" not in str(described[0])


def test_a_generator_that_a_checkpoint_cannot_hold_is_refused_at_once(path):
    rng = np.random.Generator(np.random.MT19937(3))
    with pytest.raises(TypeError, match=r"^rng is a MT19937 generator; .*default_rng\(seed\)$"):
        run(Adam(), where=Checkpoint(path), rng=rng)
    assert not path.exists()


# ---- a file is whole or the one before --------------------------------------------------------


def test_the_file_is_on_the_disk_before_it_has_its_name(path, monkeypatch):
    seen, real = [], {name: getattr(os, name) for name in ("fsync", "replace")}

    def fsync(number):
        seen.append(("fsync", os.readlink(f"/proc/self/fd/{number}")))
        real["fsync"](number)

    def replace(source, target):
        seen.append(("replace", str(source), str(target)))
        real["replace"](source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    save_state(path, State(np.ones(3)))
    part = f"{path}.part"
    assert seen == [
        ("fsync", part),
        ("replace", part, str(path)),
        ("fsync", str(path.parent)),
    ]


def test_what_cannot_be_written_leaves_the_file_before(path, monkeypatch):
    save_state(path, State(np.ones(3)))
    before = path.read_bytes()

    def disk_is_full(file, **arrays):
        file.write(b"PK")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", disk_is_full)
        with pytest.raises(OSError, match="No space left"):
            save_state(path, State(np.zeros(3)))
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]
    with pytest.raises(FileNotFoundError):
        run(Adam(), where=Checkpoint(path.parent / "nowhere" / "run.npz"))
    with monkeypatch.context() as patch:
        patch.setattr(npz, "LIMIT", 2**12)
        with pytest.raises(ValueError, match="bytes; expected at most 4096$"):
            save_state(path, State(np.ones(2**12)))
    assert path.read_bytes() == before


def test_killed_at_a_hundred_instants(tmp_path):
    """The helper forks real processes and kills them; its own words are in its docstring."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.kill_resume", str(tmp_path), "100", "1"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    print(told)
    assert told["kills"] == told["bit-identical"] == 100
    assert told["killed while writing"] >= 5
    assert told["epochs at which"] >= 10


# ---- hostile files ----------------------------------------------------------------------------


class Trap:
    """An object that, unpickled, would fail the test."""

    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def npy(array, **header):
    """Return the bytes of an .npy file, with some entries of its header replaced."""
    file = io.BytesIO()
    described = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(file, described | header)
    return file.getvalue() + array.tobytes()


def pickled():
    file = io.BytesIO()
    np.lib.format.write_array(file, np.array([Trap()], dtype=object), allow_pickle=True)
    return file.getvalue()


def text(space=0, **changes):
    """Return the member that holds the generator and the description, behind some spaces."""
    rng = np.random.default_rng(3).bit_generator.state
    content = json.dumps({"generator": rng, "description": {}} | changes).rjust(space).encode()
    return npy(np.frombuffer(content, np.uint8))


THREE = np.arange(3.0)
STATE = {"theta": npy(THREE), "slot0": npy(THREE), "step": npy(np.array(7))}
RUN = STATE | {f"history_{name}": npy(np.arange(2.0)) for name in vars(History())} | {"run": text()}
BOMB = np.zeros(2**22)
BAD_STATE = {
    "nothing": ({}, "holds"),
    "no theta": ({"slot0": npy(THREE), "step": npy(np.array(7))}, "holds"),
    "a slot is missing": (STATE | {"slot2": npy(THREE)}, "holds"),
    "more": (STATE | {"other": npy(THREE)}, "holds"),
    "climbs out": (STATE | {"../../theta": npy(THREE)}, "holds"),
    "absolute": (STATE | {"/etc/passwd": npy(THREE)}, "holds"),
    "pickle": (STATE | {"theta": pickled()}, "theta has dtype object"),
    "a pickle for a header": (STATE | {"theta": b"\x80\x04N."}, "theta cannot be read"),
    "no numbers": (STATE | {"theta": npy(THREE.astype("U9"))}, "theta has dtype <U9"),
    "complex": (STATE | {"slot0": npy(THREE * 1j)}, "slot0 has dtype complex128"),
    "whole numbers": (STATE | {"theta": npy(np.arange(3))}, "theta has dtype int64"),
    "half": (STATE | {"theta": npy(THREE.astype(np.float16))}, "theta has dtype float16"),
    "other order of bytes": (STATE | {"theta": npy(THREE.astype(">f8"))}, "theta has dtype >f8"),
    "a matrix": (STATE | {"theta": npy(np.eye(3))}, "theta has shape"),
    "empty": (STATE | {"theta": npy(THREE[:0])}, "theta has shape"),
    "shorter slot": (STATE | {"slot0": npy(THREE[:2])}, "slot0 has shape"),
    "other slot": (STATE | {"slot0": npy(THREE.astype(np.float32))}, "slot0 has dtype"),
    "absurd shape": (STATE | {"theta": npy(THREE, shape=(2**60,))}, "theta claims shape"),
    "negative shape": (STATE | {"theta": npy(THREE, shape=(-3,))}, "theta has shape"),
    "overflowing shape": (STATE | {"theta": npy(THREE, shape=(2**64 + 3,))}, "theta claims"),
    "NaN for a shape": (
        STATE | {"theta": npy(THREE).replace(b"(3,)", b"nan ")}, "theta cannot be read",
    ),
    "a call for a shape": (
        STATE | {"theta": npy(THREE).replace(b"(3,), ", b"exit()")}, "theta cannot be read",
    ),
    "a step of NaN": (STATE | {"step": npy(np.array(np.nan))}, "step = nan"),
    "a step of truth": (STATE | {"step": npy(np.array(True))}, "step = True"),
    "a negative step": (STATE | {"step": npy(np.array(-1))}, "step = -1"),
    "steps": (STATE | {"step": npy(np.arange(1))}, "step has shape"),
    "a bomb": (STATE | {"theta": npy(BOMB)}, "compressed or overlap", zipfile.ZIP_DEFLATED),
    "a bomb besides": (STATE | {"bomb": bytes(2**25)}, "compressed or overlap", zipfile.ZIP_BZIP2),
    "compressed": (STATE, "compressed or overlap", zipfile.ZIP_DEFLATED),
    "thousands": (STATE | {f"slot{i}": b"" for i in range(1, 3000)}, "too many members"),
    "a hundred thousand": (STATE | {f"slot{i}": b"" for i in range(1, 10**5)}, "too many members"),
}  # fmt: skip
BAD_RUN = {
    "a state alone": (STATE, "holds"),
    "no loss": ({n: c for n, c in RUN.items() if n != "history_loss"}, "holds"),
    "another column": (RUN | {"history_more": npy(THREE)}, "holds"),
    "ragged": (RUN | {"history_seconds": npy(THREE)}, "history_seconds has 3 entries and not 2"),
    "no columns": (RUN | {"history_loss": npy(THREE[:0])}, "entries and not 0"),
    "no JSON": (RUN | {"run": npy(np.frombuffer(b"import os", np.uint8))}, "run cannot be read"),
    "no text": (RUN | {"run": npy(np.full(9, 255, np.uint8))}, "run cannot be read"),
    "deep": (RUN | {"run": npy(np.full(2**19, ord("["), np.uint8))}, "run cannot be read"),
    "long": (RUN | {"run": text(space=2**21)}, "run cannot be read"),
    "a list": (RUN | {"run": npy(np.frombuffer(b"[1, 2]", np.uint8))}, "run cannot be read"),
    "a number": (RUN | {"run": text(generator=3)}, "run cannot be read"),
    "another generator": (
        RUN | {"run": text(generator={"bit_generator": "seed", "state": {}})}, "run cannot be read",
    ),
    "a place outside": (
        RUN | {"run": text(generator=json.loads(json.dumps(
            np.random.Generator(np.random.MT19937(3)).bit_generator.state
            | {"state": {"key": [0] * 624, "pos": 10**9}}
        )))}, "run cannot be read",
    ),
    "no state": (
        RUN | {"run": text(generator={"bit_generator": "PCG64"})}, "run cannot be read",
    ),
    "NaN for a state": (
        RUN | {"run": text(generator=np.random.default_rng(3).bit_generator.state
            | {"state": {"state": float("nan"), "inc": 1}})}, "run cannot be read",
    ),
    "no description": (RUN | {"run": text(description=[1])}, "run cannot be read"),
}  # fmt: skip


def refused_cheaply(load, path, message):
    """It is refused with a message that names the file, within a second, and without memory."""
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(ValueError, match=message) as caught:
        load(path)
    seconds, peak = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert seconds < 1
    assert peak < 2**24


def packed(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


@pytest.mark.parametrize("case", BAD_STATE.values(), ids=BAD_STATE)
def test_a_file_that_holds_no_state_is_refused(path, case):
    members, message, *compression = case
    refused_cheaply(load_state, packed(path, members, *compression), message)


@pytest.mark.parametrize("case", BAD_RUN.values(), ids=BAD_RUN)
def test_a_file_that_holds_no_run_is_refused(path, case):
    members, message = case
    refused_cheaply(load_run, packed(path, members), message)


def test_the_members_of_these_tests_are_a_state_and_a_run_but_for_what_is_wrong(path):
    assert load_state(packed(path, STATE)).step == 7
    assert load_run(packed(path, RUN)).epochs == 2


def test_two_members_of_one_name_are_refused(path):
    packed(path, STATE)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("theta.npy", npy(THREE + 1))
    refused_cheaply(load_state, path, "holds")


def test_sizes_that_the_file_does_not_have_are_refused(path):
    """A table of contents that lies about a gigabyte."""
    sound = packed(path, STATE).read_bytes()
    size = len(STATE["theta"]).to_bytes(4, "little")
    place = sound.index(b"PK\1\2") + 20
    assert sound[place : place + 8] == 2 * size
    lie = (2**30 - 1).to_bytes(4, "little")
    whole = len(sound).to_bytes(4, "little")
    for change in (lie + lie, size + lie, whole + whole):
        path.write_bytes(sound[:place] + change + sound[place + 8 :])
        refused_cheaply(load_state, path, "compressed or overlap")


def test_a_table_of_contents_behind_a_comment_is_not_searched_for(path):
    packed(path, STATE)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"PK\5\6 comment"
    refused_cheaply(load_state, path, "not a zip file")


@pytest.mark.parametrize(("load", "members"), [(load_state, STATE), (load_run, RUN)])
def test_truncated_at_any_byte_it_is_refused(path, load, members):
    sound = packed(path, members).read_bytes()
    for length in range(len(sound)):
        path.write_bytes(sound[:length])
        with pytest.raises(ValueError, match="expected") as caught:
            load(path)
        assert str(caught.value).startswith(str(path))


def test_with_any_byte_changed_it_is_read_as_it_was_or_refused(path):
    sound = packed(path, RUN).read_bytes()
    path.write_bytes(sound)
    expected, read, messages = load_run(path), [], []
    for place in range(len(sound)):
        damaged = bytearray(sound)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            read.append(load_run(path))
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) > len(read) > 0  # what may change is a date, say
    assert all(message.startswith(str(path)) for message in messages)
    for seen in read:
        assert bits(seen.state, seen.history) == bits(expected.state, expected.history)
        assert seen.generator == expected.generator
