"""Stop real processes with a signal at random instants, and see that each run ends bit for bit.

    python -m tests.runs.kill_resume FOLDER STOPS SEED [SIGKILL|SIGINT|SIGTERM [WRITERS]]

prints what happened as one line of JSON. Children are forked, so that a life begins within a
millisecond. A run lives until it is stopped, is resumed, is stopped again, and so on until it has
ended; after every stop a copy of its checkpoint is resumed to the end, too. Several writers live at
once on one checkpoint, and each is stopped. What Ctrl-C leaves in memory is held against the state
after that step.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np

from refnn import (
    Adam,
    Checkpoint,
    ExponentialDecay,
    Interrupted,
    MeanSquaredError,
    Model,
    Tanh,
    fit,
    load_state,
    multilayer,
    resume,
    save_state,
    train_step,
)
from refnn.datasets import batches
from refnn.runs.checkpoints import load_run
from tests.helpers import run_bits, same_bits

EPOCHS = 24
MODEL = Model(
    multilayer([4, 6, 2], Tanh()), MeanSquaredError(), Adam(ExponentialDecay(0.05, 0.999))
)
DATA = np.random.default_rng(1).standard_normal((120, 6)).astype(np.float32)
X, Y = DATA[:, :4], DATA[:, 4:]
OPTIONS = {
    "epochs": EPOCHS,
    "batch_size": 16,
    "validation": (X[:20], Y[:20]),
    "progress": False,
}


def begin_or_resume(path, every_epochs=1):
    """Do what a user's script does: go on where a checkpoint is, begin where none is."""
    checkpoint = Checkpoint(path, every_epochs)
    if not path.exists():
        rng = np.random.default_rng(7)
        start = MODEL.initial_state(rng)
        with contextlib.suppress(FileExistsError):  # another writer was faster
            return fit(MODEL, start, X, Y, rng=rng, checkpoint=checkpoint, **OPTIONS)
    return resume(MODEL, checkpoint, X, Y, **OPTIONS)


def every_state():
    """Return the states of the whole run, one a step."""
    rng = np.random.default_rng(7)
    states = [MODEL.initial_state(rng)]
    for _ in range(EPOCHS):
        for rows in batches(len(X), OPTIONS["batch_size"], rng):
            states.append(train_step(MODEL, states[-1], X[rows], Y[rows]).state)
    return states


def life(path):
    """Fork a process that works on the run; return its number.

    It ends with 0 when the run has, and with 130 after Ctrl-C; then the state is beside the run.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
            begin_or_resume(path)
            code = 0
        except Interrupted as stopped:
            save_state(path.with_name("memory.npz"), stopped.state)
            code = 130
        except KeyboardInterrupt:  # before the run began
            code = 130
        finally:
            os._exit(code)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    return child


def stop_once(path, seconds, number=signal.SIGKILL, writers=1):
    """Let lives work so long, and stop them; say if one was stopped, and what was there."""
    lives = [life(path) for _ in range(writers)]
    time.sleep(seconds)
    for child in lives:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in lives]
    assert {*codes} <= {0, 130 if number == signal.SIGINT else -number}, codes
    if not any(codes):
        return None
    parts = [*path.parent.glob(f"{path.name}.*.part")]
    for part in parts:
        part.unlink()
    return bool(parts), load_run(path).epochs if path.exists() else -1


def main(folder, stops, seed, name="SIGKILL", writers=1):
    folder, rng, number = Path(folder), np.random.default_rng(seed), signal.Signals[name]
    expected = run_bits(*begin_or_resume(folder / "whole.npz", every_epochs=EPOCHS))
    states, in_memory = every_state(), []
    start = time.perf_counter()
    os.waitpid(life(folder / "timed.npz"), 0)
    duration = time.perf_counter() - start
    path, copy, memory = (folder / f"{name}.npz" for name in ("run", "copy", "memory"))
    seen, equal, ended = [], 0, 0
    while len(seen) < stops:
        stopped = stop_once(path, rng.uniform(0, 0.6 * duration), number, writers)
        if stopped is None:  # it has ended before
            assert run_bits(*begin_or_resume(path)) == expected
            path.unlink()
            ended += 1
            continue
        seen.append(stopped)
        if path.exists():
            shutil.copy(path, copy)
        equal += run_bits(*begin_or_resume(copy, every_epochs=EPOCHS)) == expected
        copy.unlink()
        if memory.exists():
            state = load_state(memory)
            in_memory.append(same_bits(state, states[state.step]))
            memory.unlink()
    found = {
        "stops": len(seen),
        "signal": name,
        "writers": writers,
        "bit-identical": equal,
        "ended by themselves": ended,
        "stopped while writing": sum(part for part, _ in seen),
        "before the first checkpoint": sum(epochs < 0 for _, epochs in seen),
        "epochs at which": len({epochs for _, epochs in seen}),
        "states in memory": len(in_memory),
        "of them exact": sum(in_memory),
        "seconds": round(time.perf_counter() - start, 1),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    folder, stops, seed, *rest = sys.argv[1:]
    main(folder, int(stops), int(seed), *rest[:1], *map(int, rest[1:]))
