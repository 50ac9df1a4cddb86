"""Whatever ends a run, and whatever cannot be saved: the state and the history are at hand."""

import os
import pickle
import signal
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from refnn import (
    SGDM,
    Adam,
    Checkpoint,
    History,
    Interrupted,
    MeanSquaredError,
    Model,
    NonFiniteError,
    Relu,
    SaveError,
    State,
    fit,
    load_state,
    multilayer,
    resume,
    save_state,
)
from refnn.datasets import npz
from refnn.runs.checkpoints import load_run
from tests.helpers import refused, run_bits, same_bits
from tftwin import fit as twin_fit
from tftwin import twin

ROOT = Path(__file__).parents[2]
MODEL = Model(multilayer([4, 5, 3], Relu()), MeanSquaredError(), SGDM())
RNG = np.random.default_rng(3)
X = RNG.standard_normal((24, 4)).astype(np.float32)
Y = RNG.standard_normal((24, 3)).astype(np.float32)
START = MODEL.initial_state(np.random.default_rng(1))
SIDES = pytest.mark.parametrize(
    "side", [fit, lambda model, *data, **options: twin_fit(twin(model), *data, **options)],
    ids=["refnn", "tftwin"],
)  # fmt: skip


def run(side=fit, model=MODEL, **options):
    options = {"epochs": 4, "batch_size": 6, "progress": False} | options
    return side(model, START, X, Y, **options)


class UserError(Exception):
    """Something that goes wrong in a callback or in a loss of the user's own."""


def fail_at(epoch, error):
    def callback(number, state, history):
        if number == epoch:
            raise error

    return callback


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


@pytest.fixture
def full_disk(monkeypatch):
    """A disk that is full from the given save on; returns the function that says when."""
    saves, last = [], [0]
    real = npz.write

    def write(path, arrays):
        saves.append(path)
        if len(saves) > last[0]:
            raise OSError(28, "No space left on device", str(path))
        real(path, arrays)

    monkeypatch.setattr(npz, "write", write)
    return lambda good_saves: last.__setitem__(0, good_saves)


# A save that fails -------------------------------------------------------------------------------


@SIDES
@pytest.mark.parametrize("good_saves", [0, 1, 3, 4])
def test_a_save_that_fails_keeps_the_result(side, path, full_disk, good_saves):
    full_disk(good_saves)
    with pytest.raises(SaveError, match=r"No space left on device") as caught:
        run(side, checkpoint=Checkpoint(path))
    error = caught.value
    assert isinstance(error, OSError)
    assert error.errno == 28
    assert str(path) in str(error)
    expected = run(side, epochs=good_saves)
    assert run_bits(error.state, error.history) == run_bits(*expected)


@SIDES
def test_a_folder_that_is_gone_at_the_end(side, tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    checkpoint = Checkpoint(folder / "run.npz", every_epochs=100)

    def away(number, state, history):
        if number == 4:
            (folder / "run.npz").unlink()
            folder.rmdir()

    with pytest.raises(SaveError) as caught:
        run(side, checkpoint=checkpoint, callback=away)
    assert run_bits(caught.value.state, caught.value.history) == run_bits(*run(side))


def test_a_save_that_fails_does_not_replace_ctrl_c(path, full_disk):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    full_disk(1)
    try:
        with pytest.raises(Interrupted) as caught:
            run(
                checkpoint=Checkpoint(path, every_epochs=100),
                callback=lambda number, *_: number == 2 and os.kill(os.getpid(), signal.SIGINT),
            )
    finally:
        signal.signal(signal.SIGINT, before)
    assert any("No space left on device" in note for note in caught.value.__notes__)
    assert caught.value.state.step == 9
    assert len(caught.value.history.loss) == 2


def test_a_save_that_fails_does_not_replace_a_non_finite_loss(path, full_disk):
    full_disk(1)
    with pytest.raises(NonFiniteError) as caught:
        run(
            model=replace(MODEL, optimizer=SGDM(1e25)), checkpoint=Checkpoint(path, 100), epochs=9,
            batch_size=24,
        )  # fmt: skip
    assert caught.value.state.step == len(caught.value.history.loss) == 1
    assert any("No space left on device" in note for note in caught.value.__notes__)


def test_a_save_that_fails_does_not_replace_an_error_of_the_user(path, full_disk):
    full_disk(1)
    with pytest.raises(UserError) as caught:
        run(checkpoint=Checkpoint(path, 100), callback=fail_at(3, UserError("mine")))
    assert str(caught.value) == "mine"
    assert any("No space left on device" in note for note in caught.value.__notes__)


LIMITED = """
import resource, signal, sys
import numpy as np
from refnn import Checkpoint, MeanSquaredError, Model, Relu, SaveError, fit, multilayer
model = Model(multilayer([4, 3], Relu()), MeanSquaredError())
x, y = np.ones((6, 4), np.float32), np.ones((6, 3), np.float32)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    fit(model, model.initial_state(np.random.default_rng(1)), x, y, epochs=2, checkpoint=
        Checkpoint(sys.argv[1]))
except SaveError as error:
    print(error.errno, error.state.step, len(error.history.loss))
"""


@pytest.mark.parametrize("limit", [0, 1, 300, 2000])
def test_a_disk_that_is_really_full(path, limit):
    """The system itself refuses to write beyond so many bytes."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), str(limit)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout == "27 0 0\n"  # EFBIG, at the first save
    assert os.listdir(path.parent) == []


# Errors of others --------------------------------------------------------------------------------


@SIDES
@pytest.mark.parametrize("kind", [UserError, KeyError, SystemExit, KeyboardInterrupt])
def test_an_error_of_the_callback_carries_the_state(side, kind):
    error = kind("mine")
    with pytest.raises(type(error)) as caught:
        run(side, callback=fail_at(3, error))
    assert caught.value is error
    assert run_bits(error.state, error.history) == run_bits(*run(side, epochs=3))


class FailsAt(MeanSquaredError):  # noqa: N818
    """Fails at its n-th call."""

    def __init__(self, at):
        self.__dict__.update(at=at, calls=0)

    def value_and_gradient(self, y_true, y_pred):
        self.__dict__["calls"] += 1
        if self.calls == self.at:
            raise UserError("in the loss")
        return super().value_and_gradient(y_true, y_pred)


@pytest.mark.parametrize("at", [1, 4, 5, 11])
def test_an_error_of_an_own_loss_carries_the_state_after_the_last_step(at):
    with pytest.raises(UserError) as caught:
        run(model=replace(MODEL, loss=FailsAt(at)))
    seen = []
    full = [*range(24)]
    state = START
    for step in range(at - 1):
        rows = full[6 * (step % 4) : 6 * (step % 4) + 6]
        state = fit(MODEL, state, X[rows], Y[rows], epochs=1, batch_size=6, progress=False)[0]
    seen.append(caught.value.state)
    assert same_bits(seen[0], state)
    assert len(caught.value.history.loss) == (at - 1) // 4


def test_an_error_during_validation_leaves_a_history_of_whole_epochs():
    calls = 4 + 1 + 4 + 1  # the validation of the second epoch
    with pytest.raises(UserError) as caught:
        run(model=replace(MODEL, loss=FailsAt(calls)), validation=(X, Y))
    assert [len(column) for column in vars(caught.value.history).values()] == [1] * 5
    assert caught.value.state.step == 8


def test_an_error_that_takes_no_attributes_stays_what_it_is():
    class Closed(Exception):  # noqa: N818
        def __setattr__(self, name, value):
            if name == "state":
                raise AttributeError(name)
            super().__setattr__(name, value)

    with pytest.raises(Closed):
        run(callback=fail_at(1, Closed()))

    class Own(Exception):  # noqa: N818
        state = "mine"

    with pytest.raises(Own) as caught:
        run(callback=fail_at(1, Own()))
    assert caught.value.state == "mine"


def test_in_another_thread_too():
    caught = []

    def work():
        try:
            run(model=replace(MODEL, loss=FailsAt(7)))
        except UserError as error:
            caught.append(error.state.step)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert caught == [6]


# Pickle ------------------------------------------------------------------------------------------

ERRORS = [
    NonFiniteError("step 3", START, History([1.0], [0.1], [2.0]), "W1"),
    Interrupted("after step 3", START, History([1.0], [0.1], [2.0])),
    SaveError("run.npz: full", START, History([1.0], [0.1], [2.0]), 28),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_survives_pickling(error, protocol):
    error.__notes__ = ["not saved"]
    again = pickle.loads(pickle.dumps(error, protocol))
    assert (type(again), str(again)) == (type(error), str(error))
    assert run_bits(again.state, again.history) == run_bits(error.state, error.history)
    assert again.__notes__ == ["not saved"]
    assert getattr(again, "tensor", None) == getattr(error, "tensor", None)
    assert getattr(again, "errno", None) == getattr(error, "errno", None)


def one_of_a_sweep(rate):
    return run(model=replace(MODEL, optimizer=SGDM(rate)), epochs=9)[0].step


def test_a_sweep_in_a_process_pool_loses_one_job_alone():
    with ProcessPoolExecutor(1) as pool:
        jobs = [pool.submit(one_of_a_sweep, rate) for rate in (0.01, 1e25, 0.02)]
        assert jobs[0].result(60) == jobs[2].result(60) == 36
        with pytest.raises(NonFiniteError, match="step 2"):
            jobs[1].result(60)


# Files -------------------------------------------------------------------------------------------


def test_two_writers_at_one_path_do_not_tear_it(path):
    """Each of the threads writes its own state; at every instant one of them is there, whole."""
    states = [State(np.full(20_000, value, np.float32)) for value in (1, 2)]
    stop, failures = threading.Event(), []

    def write(state):
        while not stop.is_set():
            try:
                save_state(path, state)
            except BaseException as error:
                failures.append(error)
                return

    save_state(path, states[0])
    threads = [threading.Thread(target=write, args=(state,)) for state in states]
    for thread in threads:
        thread.start()
    try:
        for _ in range(60):
            theta = load_state(path).theta
            assert np.ptp(theta) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert os.listdir(path.parent) == [path.name]


def test_what_a_killed_writer_left_is_removed_by_and_by(path):
    old, new = (path.with_name(f"run.npz.{token}.part") for token in ("a" * 12, "b" * 12))
    other = path.with_name("run.npz.mine.part")
    for left in (old, new, other):
        left.write_text("half")
    os.utime(old, (0, 0))
    os.utime(other, (0, 0))
    save_state(path, START)
    assert sorted(os.listdir(path.parent)) == sorted([path.name, new.name, other.name])


@pytest.mark.parametrize("there", [True, False])
def test_a_symlink_is_followed(tmp_path, there):
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk" / "state.npz", tmp_path / "link.npz"
    if there:
        save_state(target, State(np.zeros(2)))
    link.symlink_to(target)
    save_state(link, State(np.ones(2)))
    assert link.is_symlink()
    assert target.is_file()
    assert not target.is_symlink()
    assert same_bits(load_state(target), State(np.ones(2)))
    run(checkpoint=Checkpoint(link, overwrite=True))
    assert link.is_symlink()
    assert load_run(target).epochs == 4
    assert sorted(os.listdir(tmp_path)) == ["disk", "link.npz"]
    assert os.listdir(tmp_path / "disk") == ["state.npz"]


def test_what_is_no_file_is_not_replaced(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="loop"):
        save_state(loop, START)
    os.mkfifo(tmp_path / "pipe")
    with refused("pipe", "no regular file"):
        save_state(tmp_path / "pipe", START)
    with refused("no regular file"):
        save_state("/dev/null", START)
    assert not Path("/dev/null").is_file()


# A run over another ------------------------------------------------------------------------------


@SIDES
def test_a_checkpoint_that_exists_is_not_erased(side, path):
    run(side, checkpoint=Checkpoint(path))
    before = path.read_bytes()
    with refused(str(path), "resume", "overwrite=True", error=FileExistsError):
        run(side, checkpoint=Checkpoint(path))
    assert path.read_bytes() == before
    run(side, checkpoint=Checkpoint(path, overwrite=True), epochs=1)
    assert load_run(path).epochs == 1


def test_resume_needs_no_permission(path):
    run(checkpoint=Checkpoint(path), epochs=2)
    options = {"epochs": 4, "batch_size": 6, "progress": False}
    assert run_bits(*resume(MODEL, Checkpoint(path), X, Y, **options)) == run_bits(*run())
    assert load_run(path).epochs == 4


# Checkpoints that fit writes, resume takes -------------------------------------------------------


def test_numpy_s_whole_numbers_are_whole_numbers(path):
    run(checkpoint=Checkpoint(path, np.int64(1)), batch_size=np.int64(6), epochs=np.int8(2))
    options = {"epochs": 4, "batch_size": np.int32(6), "progress": False}
    assert run_bits(*resume(MODEL, Checkpoint(path), X, Y, **options)) == run_bits(*run())
    resume(MODEL, Checkpoint(path), X, Y, **options | {"batch_size": 6})


@SIDES
@pytest.mark.parametrize("first", [None, (X, Y)])
def test_a_history_with_and_without_validation(side, path, first):
    second = (X, Y) if first is None else None
    state, history = run(side, epochs=2, validation=first)
    end, history = run(
        partial(side_from, side, state), history=history, validation=second,
        checkpoint=Checkpoint(path),
    )  # fmt: skip
    assert [len(column) for column in vars(history).values()] == [4] * 5
    there = [share == share for share in history.validation_loss]
    assert there == ([False] * 2 + [True] * 2 if first is None else [True] * 2 + [False] * 2)
    assert load_run(path).epochs == 4
    if side is fit:
        options = {"epochs": 4, "batch_size": 6, "progress": False, "validation": second}
        again = resume(MODEL, Checkpoint(path), X, Y, **options)
        assert same_bits(again[0], end)
        assert list(map(repr, again[1].validation_loss)) == list(map(repr, history.validation_loss))


def side_from(side, state, model, start, x, y, **options):
    return side(model, state, x, y, **options)


@SIDES
def test_a_callback_that_writes_into_the_history(side, path):
    def callback(number, state, history):
        history.loss.append(99.0)
        history.seconds.clear()
        history.learning_rate = "mine"

    found = run(side, checkpoint=Checkpoint(path), callback=callback, validation=(X, Y))
    assert run_bits(*found) == run_bits(*run(side, validation=(X, Y)))
    assert len(found[1].seconds) == 4
    assert load_run(path).epochs == 4


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (History([1.0]), "learning_rate"),
        (History([1.0], [0.1], [1.0], [1.0, 2.0]), "validation_loss"),
        (History(["a"], [0.1], [1.0]), "loss"),
        (History(3, [0.1], [1.0]), "loss"),
        (History([[1.0]], [0.1], [1.0]), "loss"),
    ],
)
def test_a_history_that_is_none_is_refused(history, said):
    with refused(f"history: {said}", error=(TypeError, ValueError)):
        run(history=history)


def test_adam_s_rule_is_named_in_an_unpickled_error():
    error = NonFiniteError("step 1", Model(MODEL.network, MODEL.loss, Adam()).state_at(
        START.theta), History(), "m W1")  # fmt: skip
    assert len(pickle.loads(pickle.dumps(error)).state.slots) == 2
