"""Kill real processes with SIGKILL at random instants, and see that each run ends bit for bit.

    python -m tests.kill_resume FOLDER KILLS SEED

prints what happened as one line of JSON. Children are forked, so that a life begins within a
millisecond; refnn and NumPy are all that is loaded. A run lives until it is killed, is resumed, is
killed again, and so on until it has ended; after every kill a copy of its checkpoint is resumed to
the end, too.
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
    MeanSquaredError,
    Tanh,
    fit,
    initial_state,
    multilayer,
    resume,
)
from refnn.checkpoints import load_run

EPOCHS = 24
NETWORK = multilayer([4, 6, 2], Tanh())
PARTS = NETWORK, MeanSquaredError(), Adam(ExponentialDecay(0.05, 0.999))
DATA = np.random.default_rng(1).standard_normal((120, 6)).astype(np.float32)
X, Y = DATA[:, :4], DATA[:, 4:]
OPTIONS = {
    "epochs": EPOCHS,
    "batch_size": 16,
    "validation": (X[:20], Y[:20]),
    "progress": False,
}


def begin_or_resume(path, every_epochs=1, on_epoch=None):
    """Do what a user's script does: go on where a checkpoint is, begin where none is."""
    checkpoint = Checkpoint(path, every_epochs)
    options = OPTIONS | {"callback": on_epoch}
    if path.exists():
        return resume(*PARTS, checkpoint, X, Y, **options)
    rng = np.random.default_rng(7)
    start = initial_state(PARTS[2], NETWORK.initial_theta(rng))
    return fit(*PARTS, start, X, Y, rng=rng, checkpoint=checkpoint, **options)


def bits(state, history):
    """Everything that must be the same: all but the seconds."""
    columns = {name: column for name, column in vars(history).items() if name != "seconds"}
    arrays = [state.theta.tobytes(), *(slot.tobytes() for slot in state.slots)]
    return arrays, state.step, columns


def life(path):
    """Fork a process that works on the run; return its number."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            begin_or_resume(path)
            code = 0
        finally:
            os._exit(code)
    return child


def kill_once(path, seconds):
    """Let a life work so long, and kill it; say whether it was killed, and what was there."""
    child = life(path)
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        assert os.waitstatus_to_exitcode(status) == 0, "a life ended in an error"
        return None
    part = path.with_name(f"{path.name}.part").exists()
    return part, load_run(path).epochs if path.exists() else -1


def main(folder, kills, seed):
    folder, rng = Path(folder), np.random.default_rng(seed)
    expected = bits(*begin_or_resume(folder / "whole.npz", every_epochs=EPOCHS))
    start = time.perf_counter()
    os.waitpid(life(folder / "timed.npz"), 0)
    duration = time.perf_counter() - start
    path, copy = folder / "run.npz", folder / "copy.npz"
    seen, equal, ended = [], 0, 0
    while len(seen) < kills:
        killed = kill_once(path, rng.uniform(0, 0.6 * duration))
        if killed is None:  # it has ended before
            assert bits(*begin_or_resume(path)) == expected
            path.unlink()
            ended += 1
            continue
        seen.append(killed)
        if path.exists():
            shutil.copy(path, copy)
        equal += bits(*begin_or_resume(copy, every_epochs=EPOCHS)) == expected
        copy.unlink()
    print(
        json.dumps(
            {
                "kills": len(seen),
                "bit-identical": equal,
                "ended by themselves": ended,
                "killed while writing": sum(part for part, _ in seen),
                "before the first checkpoint": sum(epochs < 0 for _, epochs in seen),
                "epochs at which": len({epochs for _, epochs in seen}),
                "seconds": round(time.perf_counter() - start, 1),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
