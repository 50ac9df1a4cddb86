"""Kill real processes with SIGKILL at random instants, and see that each run ends bit for bit.

    python -m tests.runs.kill_resume FOLDER KILLS SEED

prints what happened as one line of JSON. Children are forked, so that a life begins within a
millisecond. A run lives until it is killed, is resumed, is killed again, and so on until it has
ended; after every kill a copy of its checkpoint is resumed to the end, too.
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
    Model,
    Tanh,
    fit,
    multilayer,
    resume,
)
from refnn.runs.checkpoints import load_run
from tests.helpers import run_bits

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
    if path.exists():
        return resume(MODEL, checkpoint, X, Y, **OPTIONS)
    rng = np.random.default_rng(7)
    return fit(MODEL, MODEL.initial_state(rng), X, Y, rng=rng, checkpoint=checkpoint, **OPTIONS)


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
    parts = [*path.parent.glob(f"{path.name}.*.part")]
    for part in parts:
        part.unlink()
    return bool(parts), load_run(path).epochs if path.exists() else -1


def main(folder, kills, seed):
    folder, rng = Path(folder), np.random.default_rng(seed)
    expected = run_bits(*begin_or_resume(folder / "whole.npz", every_epochs=EPOCHS))
    start = time.perf_counter()
    os.waitpid(life(folder / "timed.npz"), 0)
    duration = time.perf_counter() - start
    path, copy = folder / "run.npz", folder / "copy.npz"
    seen, equal, ended = [], 0, 0
    while len(seen) < kills:
        killed = kill_once(path, rng.uniform(0, 0.6 * duration))
        if killed is None:  # it has ended before
            assert run_bits(*begin_or_resume(path)) == expected
            path.unlink()
            ended += 1
            continue
        seen.append(killed)
        if path.exists():
            shutil.copy(path, copy)
        equal += run_bits(*begin_or_resume(copy, every_epochs=EPOCHS)) == expected
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
