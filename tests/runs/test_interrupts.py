"""Ctrl-C ends a run after a whole step, and a run whose output nobody watches prints nothing."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from refnn import (
    SGDM,
    Checkpoint,
    Interrupted,
    MeanSquaredError,
    Model,
    Relu,
    fit,
    multilayer,
    resume,
    train_step,
)
from refnn.datasets import batches
from tests.helpers import same_bits

ROOT = Path(__file__).parents[2]
MODEL = Model(multilayer([4, 5, 3], Relu()), MeanSquaredError(), SGDM())
RNG = np.random.default_rng(3)
X = RNG.standard_normal((24, 4)).astype(np.float32)
Y = RNG.standard_normal((24, 3)).astype(np.float32)
START = MODEL.initial_state(np.random.default_rng(1))


@pytest.fixture(scope="module", autouse=True)
def python_s_own_handler():
    """What runs in the background of a shell is started with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class CtrlC(MeanSquaredError):  # noqa: N818
    """Presses Ctrl-C in the middle of some steps."""

    def __init__(self, *steps):
        self.__dict__.update(steps=steps, done=0)

    def __repr__(self):
        return "CtrlC()"

    def value_and_gradient(self, y_true, y_pred):
        self.__dict__["done"] += 1
        for _ in range(self.steps.count(self.done)):
            os.kill(os.getpid(), signal.SIGINT)
        return super().value_and_gradient(y_true, y_pred)


def press(*steps, epochs=5, **options):
    """Six steps an epoch, Ctrl-C in these."""
    options = {"batch_size": 4, "epochs": epochs, "progress": False} | options
    return fit(replace(MODEL, loss=CtrlC(*steps)), START, X, Y, **options)


@pytest.mark.parametrize("step", [1, 6, 7, 11, 30])
def test_ctrl_c_ends_after_the_step(step):
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted, match=rf"^after step {step}, with ") as caught:
        press(step)
    assert signal.getsignal(signal.SIGINT) is handler is signal.default_int_handler
    whole, history = press(epochs=5)
    state = START
    for rows in [*batches(24, 4)] * 5:
        if state.step < step:
            state = train_step(MODEL, state, X[rows], Y[rows]).state
    assert same_bits(caught.value.state, state)
    assert caught.value.history.loss == history.loss[: (step - 1) // 6]
    assert isinstance(caught.value, KeyboardInterrupt)
    assert same_bits(whole, press(epochs=5)[0])


def test_ctrl_c_between_two_epochs_and_after_the_last():
    for epoch, step in ((2, 13), (5, 30)):
        with pytest.raises(Interrupted, match=rf"^after step {step}, ") as caught:
            press(callback=lambda n, *_, e=epoch: n == e and os.kill(os.getpid(), signal.SIGINT))
        assert len(caught.value.history.loss) == epoch


def test_a_second_ctrl_c_acts_at_once():
    with pytest.raises(KeyboardInterrupt) as caught:
        press(9, 9)
    assert type(caught.value) is KeyboardInterrupt
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupted_run_is_resumed_bit_for_bit(tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.npz", every_epochs=100)
    with pytest.raises(Interrupted, match=r"; refnn.resume continues from .*run\.npz$"):
        press(15, checkpoint=checkpoint, rng=np.random.default_rng(2))
    options = {"epochs": 5, "batch_size": 4, "progress": False}
    state, history = resume(replace(MODEL, loss=CtrlC()), checkpoint, X, Y, **options)
    expected, expected_history = press(rng=np.random.default_rng(2))
    assert same_bits(state, expected)
    assert history.loss == expected_history.loss


def test_somebody_else_s_handler_is_left_alone():
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    try:
        press(3)
        assert seen == [1]
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        press(3)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_may_fit():
    ends = []
    thread = threading.Thread(target=lambda: ends.append(press()))
    thread.start()
    thread.join()
    assert same_bits(ends[0][0], press()[0])


SCRIPT = """
import signal, sys
import numpy as np
import refnn

def epoch_is_over(number, state, history):
    if number == 1:
        sys.stderr.write("started\\n")
        sys.stderr.flush()

signal.signal(signal.SIGINT, signal.default_int_handler)
data = refnn.datasets.iris()
model = refnn.Model(refnn.multilayer([4, 3], refnn.Tanh()), refnn.MeanSquaredError())
start = model.initial_state(np.random.default_rng(1))
epochs = int(sys.argv[1])
callback = epoch_is_over if epochs > 9 else None
refnn.fit(model, start, data.x, data.y, epochs=epochs, callback=callback)
"""


def script(*arguments, **options):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options,
    )  # fmt: skip


def test_ctrl_c_at_a_real_process():
    with script(SCRIPT, "1000000") as process:
        assert process.stderr.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=20)
    assert process.returncode == 1
    last = error.strip().splitlines()[-1]
    assert last.startswith("refnn.runs.history.Interrupted: after step ")
    assert last.endswith("The state is kept in this exception's .state")
    assert out == ""


def test_without_a_terminal_nothing_is_printed():
    with script(SCRIPT, "3") as process:
        out, error = process.communicate(timeout=20)
    assert (process.returncode, out, error) == (0, "", "")
