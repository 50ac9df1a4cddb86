"""Second doors: what ``fit`` promises and refuses, so do ``resume``, tftwin and lockstep.

A second door calls the same code, or seems to. Each refusal of ``fit`` is tried at every other
door that takes the same argument, and each promise of a run at ``resume`` too.
"""

from dataclasses import replace

import numpy as np
import pytest

import refnn
from refnn import (
    Adam,
    Checkpoint,
    MeanSquaredError,
    Model,
    NonFiniteError,
    SoftmaxCrossentropy,
    State,
    Tanh,
    fit,
    multilayer,
    resume,
)
from refnn.runs.checkpoints import load_run
from refnn.runs.progress import track
from tests.helpers import members_of, npy, packed, refused, run_bits, same_bits
from tftwin import __main__ as command_line
from tftwin import runs as tf_runs
from tftwin import trainer
from tftwin.counterparts import twin
from tftwin.lockstep import resynchronised, run_free

RNG = np.random.default_rng(12)
MODEL = Model(multilayer([4, 5, 3], Tanh()), SoftmaxCrossentropy(), Adam(0.03))
X = RNG.standard_normal((10, 4)).astype(np.float32)
Y = np.eye(3, dtype=np.float32)[RNG.integers(3, size=10)]
START = MODEL.initial_state(np.random.default_rng(1))
QUIET = {"batch_size": 4, "progress": False}


@pytest.fixture
def saved(tmp_path):
    """A run of two epochs, saved."""
    checkpoint = Checkpoint(tmp_path / "run.npz")
    fit(MODEL, START, X, Y, epochs=2, rng=np.random.default_rng(2), checkpoint=checkpoint, **QUIET)
    return checkpoint


def with_value(a, place, value):
    changed = a.copy()
    changed[place] = value
    return changed


def doors(saved):
    """Every function that trains, by the arguments that replace the good ones."""

    def of_fit(**o):
        model, state = o.pop("model", MODEL), o.pop("state", START)
        return fit(model, state, o.pop("x", X), o.pop("y", Y), **{"epochs": 3} | QUIET | o)

    def of_resume(**o):
        model, x, y = o.pop("model", MODEL), o.pop("x", X), o.pop("y", Y)
        return resume(model, o.pop("checkpoint", saved), x, y, **{"epochs": 3} | QUIET | o)

    def of_tftwin(**o):
        model, state = o.pop("model", MODEL), o.pop("state", START)
        model = twin(model) if isinstance(model, Model) else model
        x, y = o.pop("x", X), o.pop("y", Y)
        return tf_runs.fit(model, state, x, y, **{"epochs": 3} | QUIET | o)

    def of_lockstep(**o):
        batches = [(o.get("x", X), o.get("y", Y))]
        return resynchronised(o.get("model", MODEL), o.get("state", START), batches, mode="eager")

    def of_free(**o):
        rows = [np.arange(4)]
        data = o.get("x", X), o.get("y", Y)
        return run_free(o.get("model", MODEL), o.get("state", START), *data, rows, mode="eager")

    return {
        "fit": of_fit, "resume": of_resume, "tftwin.fit": of_tftwin,
        "resynchronised": of_lockstep, "run_free": of_free,
    }  # fmt: skip


THETA, (M, V) = START.theta, START.slots
NAN, INF = np.float32(np.nan), np.float32(np.inf)
# what replaces the good argument: error, the beginning of the message, at which doors
ALL = ("fit", "resume", "tftwin.fit", "resynchronised", "run_free")
TRAIN = ("fit", "resume", "tftwin.fit")
STATE = ("fit", "tftwin.fit", "resynchronised", "run_free")
BAD = {
    "x too narrow": ({"x": X[:, :3]}, ValueError, "x has shape", ALL),
    "x of rank 1": ({"x": X[0]}, ValueError, "x has shape", ALL),
    "x float64": ({"x": X.astype(float)}, TypeError, "x has dtype", ALL),
    "x a list": ({"x": X.tolist()}, TypeError, "x is a list", ALL),
    "x NaN": ({"x": with_value(X, (2, 1), NAN)}, ValueError, "x holds nan at [2, 1]", ALL),
    "x infinite": ({"x": with_value(X, (9, 3), -INF)}, ValueError, "x holds -inf at", ALL),
    "no rows": ({"x": X[:0], "y": Y[:0]}, ValueError, "x has shape (0, 4)", ALL),
    "y too short": ({"y": Y[:5]}, ValueError, "y has shape", ALL),
    "y too narrow": ({"y": Y[:, :2]}, ValueError, "y has shape", ALL),
    "y float64": ({"y": Y.astype(float)}, TypeError, "y has dtype", ALL),
    "y NaN": ({"y": with_value(Y, (3, 0), NAN)}, ValueError, "y holds nan at [3, 0]", ALL),
    "labels": ({"y": with_value(Y, 4, [1, 1e-3, 0])}, ValueError, "y: row 4 is", ALL),
    "no model": ({"model": "adam"}, TypeError, "model is a str", ALL),
    "a class": ({"model": Model}, TypeError, "model is a type", ALL),
    "no state": ({"state": THETA}, TypeError, "state is a ndarray", STATE),
    "theta short": ({"state": State(THETA[1:], (M, V))}, ValueError, "theta has shape", STATE),
    "no slots": ({"state": State(THETA)}, ValueError, "state has 0 slots", STATE),
    "slot float64": (
        {"state": State(THETA, (M, V.astype(float)))}, TypeError, "state: slot v has dtype", STATE,
    ),
    "step −1": ({"state": State(THETA, (M, V), -1)}, ValueError, "state: step = -1", STATE),
    "theta NaN": (
        {"state": State(with_value(THETA, 7, NAN), (M, V))}, ValueError, "theta holds nan",
        STATE,
    ),
    "slot NaN": (
        {"state": State(THETA, (M, with_value(V, 7, NAN)))}, ValueError, "state: slot v holds nan",
        STATE,
    ),
    "epochs": ({"epochs": 2.5}, ValueError, "epochs = 2.5", TRAIN),
    "epochs −1": ({"epochs": -1}, ValueError, "epochs = -1", TRAIN),
    "batch size 0": ({"batch_size": 0}, ValueError, "batch_size = 0", TRAIN),
    "batch size": ({"batch_size": True}, ValueError, "batch_size = True", TRAIN),
    "callback": ({"callback": 3}, TypeError, "callback = 3", TRAIN),
    "validation": ({"validation": 3}, TypeError, "validation is a int", TRAIN),
    "validation y": (
        {"validation": (X, Y[:3])}, ValueError, "validation: y has shape", TRAIN,
    ),
    "validation labels": (
        {"validation": (X, 2 * Y)}, ValueError, "validation: y: row 0 is", TRAIN,
    ),
    "validation NaN": (
        {"validation": (with_value(X, (0, 0), NAN), Y)}, ValueError, "validation: x holds nan",
        TRAIN,
    ),
    "checkpoint": ({"checkpoint": "run.npz"}, TypeError, "checkpoint = 'run.npz'", TRAIN),
    "rng": ({"rng": 3}, TypeError, "rng = 3", ("fit", "tftwin.fit")),
    "history": ({"history": []}, TypeError, "history is a list", ("fit", "tftwin.fit")),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_fit_refuses_every_door_refuses(name, saved):
    replaced, error, message, where = BAD[name]
    found = doors(saved)
    for door in where:
        with refused(error=error) as caught:
            found[door](**replaced)
        said = str(caught.value).removeprefix("batches: number 1: ")
        assert said.startswith(message), door
    assert load_run(saved.path).epochs == 2  # nothing was written


def test_the_good_arguments_are_good(saved):
    for door in doors(saved).values():
        door()


OTHER = {
    "network": {"model": replace(MODEL, network=multilayer([4, 6, 3], Tanh()))},
    "loss": {"model": replace(MODEL, loss=MeanSquaredError())},
    "optimizer": {"model": replace(MODEL, optimizer=Adam(0.04))},
    "regularizer": {"model": replace(MODEL, regularizer=refnn.L2(0.1))},
    "batch_size": {"batch_size": 5},
    "x": {"x": with_value(X, (9, 3), 0)},
    "y": {"y": Y[::-1].copy()},
    "validation": {"validation": (X, Y)},
}


@pytest.mark.parametrize("name", OTHER)
def test_resume_refuses_another_run(name, saved):
    with refused(f"{saved.path}: ", f"{name} is "):
        doors(saved)["resume"](**OTHER[name])
    assert load_run(saved.path).epochs == 2


# What resume does --------------------------------------------------------------------------------


def whole(epochs, **options):
    rng = np.random.default_rng(2)
    return fit(MODEL, START, X, Y, epochs=epochs, rng=rng, **QUIET | options)


def test_resume_saves_as_fit_does(saved):
    """After each epoch, at the end, when it fails, and again and again."""
    on_disk = []
    for epochs in (4, 7):
        state, history = resume(
            MODEL, saved, X, Y, epochs=epochs, **QUIET,
            callback=lambda n, *now: on_disk.append((n, load_run(saved.path).epochs)),
        )  # fmt: skip
        kept = load_run(saved.path)
        assert (kept.epochs, len(history.loss)) == (epochs, epochs)
        assert same_bits(kept.state, state)
        assert run_bits(state, history) == run_bits(*whole(epochs))
    assert on_disk == [(n, n - 1) for n in range(3, 8)]

    def stop(number, *now):
        if number == 9:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        resume(MODEL, saved, X, Y, epochs=12, callback=stop, **QUIET)
    assert load_run(saved.path).epochs == 8
    assert same_bits(load_run(saved.path).state, whole(8)[0])


def test_resume_saves_as_often_as_it_is_told(saved):
    on_disk = []
    rare = replace(saved, every_epochs=3)
    resume(
        MODEL, rare, X, Y, epochs=10, **QUIET,
        callback=lambda n, *now: on_disk.append(load_run(saved.path).epochs),
    )  # fmt: skip
    # it saves at the start, so that 3 epochs count from 2: after 5 and 8, and at the end
    assert on_disk == [2, 2, 2, 5, 5, 5, 8, 8]
    assert load_run(saved.path).epochs == 10


def test_resume_evaluates_and_tells_a_callback(tmp_path):
    checkpoint, held_out = Checkpoint(tmp_path / "run.npz"), (X[:6], Y[:6])
    whole(2, checkpoint=checkpoint, validation=held_out)
    seen = []
    state, history = resume(
        MODEL, checkpoint, X, Y, epochs=4, validation=held_out, **QUIET,
        callback=lambda *now: seen.append((now[0], bytes(now[1].theta), len(now[2].loss))),
    )  # fmt: skip
    assert [(n, length) for n, _, length in seen] == [(3, 3), (4, 4)]
    assert seen[-1][1] == bytes(state.theta)
    assert run_bits(state, history) == run_bits(*whole(4, validation=held_out))
    assert len(history.validation_loss) == len(history.validation_accuracy) == 4
    last = refnn.evaluate(MODEL, state, *held_out)
    assert (history.validation_loss[-1], history.validation_accuracy[-1]) == tuple(last)


def test_resume_does_not_go_on_into_what_is_not_finite(saved):
    """And what it saves is the last whole epoch."""
    wild = replace(MODEL, optimizer=refnn.SGD(refnn.Constant(0.1)))
    checkpoint = Checkpoint(saved.path.with_name("wild.npz"))
    fit(wild, wild.state_at(THETA), X, Y, epochs=1, checkpoint=checkpoint, **QUIET)
    run = load_run(checkpoint.path)
    huge = run.state._replace(theta=np.full_like(THETA, 3e38))
    from refnn.runs.checkpoints import save_run

    save_run(checkpoint.path, replace(run, state=huge))
    with pytest.raises(NonFiniteError) as caught:
        resume(wild, checkpoint, X, Y, epochs=3, **QUIET)
    assert same_bits(caught.value.state, huge)
    assert load_run(checkpoint.path).epochs == 1


def test_a_saved_state_that_is_not_finite_is_refused_at_resume(saved):
    from refnn.runs.checkpoints import save_run

    run = load_run(saved.path)
    for bad, name in (
        (run.state._replace(theta=with_value(THETA, 3, NAN)), "theta holds nan at [3]"),
        (run.state._replace(slots=(M, with_value(V, 3, INF))), "state: slot v holds inf at [3]"),
        (run.state._replace(slots=(M,)), "state has 1 slots"),
        (State(THETA[1:], (M[1:], V[1:]), 6), "theta has shape"),
    ):
        save_run(saved.path, replace(run, state=bad))
        with refused(name):
            resume(MODEL, saved, X, Y, epochs=3, **QUIET)


def test_a_history_comes_back_as_floats(saved):
    """Also where a stranger's file holds whole numbers."""
    members = members_of(saved.path)
    members["history_loss"] = npy(np.array([3, 2]))
    loss = load_run(packed(saved.path, members)).history.loss
    assert (loss, [type(v) for v in loss]) == ([3.0, 2.0], [float, float])


# What tftwin.fit does ----------------------------------------------------------------------------


def test_tftwin_saves_too_and_goes_on_from_a_history(tmp_path):
    checkpoint, on_disk = Checkpoint(tmp_path / "run.npz"), []
    options = {"validation": (X[:6], Y[:6])} | QUIET
    state, history = tf_runs.fit(
        twin(MODEL), START, X, Y, epochs=3, checkpoint=checkpoint, **options,
        callback=lambda n, *now: on_disk.append((n, load_run(checkpoint.path).epochs)),
    )  # fmt: skip
    assert on_disk == [(1, 0), (2, 1), (3, 2)]
    assert load_run(checkpoint.path).epochs == 3
    assert same_bits(load_run(checkpoint.path).state, state)
    assert state.step == 9
    described = load_run(checkpoint.path).description
    rates = replace(MODEL, optimizer=Adam(refnn.ExponentialDecay(0.1, 0.5)))
    ours, theirs = Checkpoint(tmp_path / "ours.npz"), tmp_path / "theirs.npz"
    mine = fit(rates, START, X, Y, epochs=3, checkpoint=ours, **options)
    its = tf_runs.fit(twin(rates), START, X, Y, epochs=3, checkpoint=Checkpoint(theirs), **options)
    assert mine[1].learning_rate == its[1].learning_rate == [0.1 * 0.5**n for n in (2, 5, 8)]
    assert set(load_run(ours.path).description) == set(described)
    assert load_run(theirs).description["optimizer"] != described["optimizer"]
    again, longer = tf_runs.fit(twin(MODEL), state, X, Y, epochs=5, history=history, **options)
    assert (again.step, len(longer.loss), len(history.loss)) == (15, 5, 3)
    assert longer.loss[:3] == history.loss
    assert len(longer.validation_loss) == 5


def test_tftwin_stops_at_what_is_not_finite():
    wild = replace(MODEL, optimizer=refnn.SGD(1e38), loss=MeanSquaredError())
    state = wild.state_at(THETA)
    for train, model in ((fit, wild), (tf_runs.fit, twin(wild))):
        with pytest.raises(NonFiniteError):
            train(model, state, X, Y, epochs=40, **QUIET)


# evaluate, predict, save and load ----------------------------------------------------------------


def test_the_doors_of_a_saved_model(tmp_path):
    path = tmp_path / "model.npz"
    for bad, error, message in (
        ((MODEL, THETA), TypeError, "state is a ndarray"),
        ((MODEL, State(THETA)), ValueError, "state has 0 slots"),
        ((MODEL, State(THETA[1:], (M, V))), ValueError, "theta has shape"),
        (("adam", START), TypeError, "model is a str"),
    ):
        with refused(message, error=error):
            refnn.save_model(path, *bad)
        assert not path.exists()
    refnn.save_model(path, MODEL, START, mean=np.zeros(4), deviation=np.ones(4))
    loaded = refnn.load_model(path, expected=MODEL)
    assert same_bits(loaded.predict(X), refnn.predict(MODEL, START, X))
    for bad, error, message in (
        (X[:, :3], ValueError, "mean has shape"), (X[0], ValueError, "x has shape"),
        (X.tolist(), TypeError, "x is a list"), (X[:0], ValueError, "x has shape"),
        (with_value(X, (1, 1), NAN), ValueError, "x holds nan at [1, 1]"),
    ):  # fmt: skip
        with refused(message, error=error):
            loaded.predict(bad)
    for name, other in OTHER.items():
        if "model" in other:
            with refused(f"{path}", "expected"):
                refnn.load_model(path, expected=other["model"])
            assert name
    with refused("model is a str", error=TypeError):
        refnn.load_model(path, expected="adam")


@pytest.mark.parametrize("mode", ["eager", "function", "xla"])
def test_each_mode_is_what_it_is_called(mode, monkeypatch):
    """Only "xla" is compiled by XLA, and "eager" by nobody."""
    made = []
    monkeypatch.setattr(trainer.tf, "function", lambda f, **options: made.append(options) or f)
    assert trainer.compiled(len, mode) is len
    assert made == ([] if mode == "eager" else [{"jit_compile": mode == "xla"}])
    with refused("mode = 'fast'; expected 'eager', 'function' or 'xla'"):
        trainer.compiled(len, "fast")


def test_a_bar_is_drawn_where_it_is_asked_for_and_a_terminal_is_there(monkeypatch):
    import rich.console
    import rich.progress

    drawn = []
    monkeypatch.setattr(rich.progress, "track", lambda epochs, *a, **o: drawn.append(1) or epochs)
    for terminal, asked, bars in ((True, True, 1), (True, False, 0), (False, True, 0)):
        drawn.clear()
        monkeypatch.setattr(rich.console.Console, "is_terminal", terminal)
        assert list(track(range(1, 4), asked)) == [1, 2, 3]
        assert len(drawn) == bars


def test_the_first_number_that_is_not_finite_is_named(tmp_path):
    wild = Model(multilayer([4, 5, 3], Tanh()), MeanSquaredError(), refnn.SGD(0.1))
    theta = np.zeros(wild.network.size, np.float32)
    (W,) = (p for p in wild.network.parameters if p.name == "W4" or p.name == "W3")
    W.of(theta)[1:, 1:] = 3e38
    wild.network.parameters[1].of(theta)[...] = 1e3  # tanh = 1
    with pytest.raises(NonFiniteError, match=r"y3\[0, 1\] is inf") as caught:
        fit(wild, wild.state_at(theta), X, Y, epochs=1, **QUIET)
    assert caught.value.tensor == "y3"


# The command line, and functions of one's own ----------------------------------------------------


class OnlyBackward:
    """An activation whose forward is inherited from nobody."""

    def backward(self, dy, x, y):
        return dy


class OnlyGradient:
    """Half a loss."""

    def gradient(self, y_true, y_pred):
        return y_pred


class OnlyValue(OnlyGradient):
    """The other half too."""

    def value(self, y_true, y_pred):
        return 0.0


@pytest.mark.parametrize("kind", [OnlyBackward, OnlyGradient, OnlyValue])
def test_what_has_a_derivative_and_no_tensorflow_has_no_twin(kind):
    with refused(f"{kind.__name__} has no twin", error=TypeError):
        twin(kind())


def test_certify_takes_a_new_folder_and_refuses_a_file(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(command_line, "certify", lambda *a, **o: asked.append(o) or [])
    monkeypatch.setattr(command_line, "table", lambda entries: "")
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    new, output = tmp_path / "new", tmp_path / "ledger.json"
    for state in (new, tmp_path / "folder"):
        assert command_line.main(["certify", "--state", str(state), "--output", str(output)]) == 0
        assert asked.pop()["state"] == state
        output.unlink()
    for options, message in (
        (["--state", str(tmp_path / "file")], "argument --state"),
        (["--output", str(tmp_path)], "argument --output"),
        (["--output", str(tmp_path / "nowhere" / "x")], "argument --output"),
        (["--output", str(tmp_path / "file")], "argument --output"),
        (["--jobs", "0", "--output", str(output)], "argument --jobs"),
    ):
        with pytest.raises(SystemExit):
            command_line.main(["certify", *options])
        assert message in capsys.readouterr().err
    assert not asked
    assert command_line.main(["certify", "--jobs", "1", "--output", str(output)]) == 0
    assert asked[0]["jobs"] == 1
