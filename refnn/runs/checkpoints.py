"""Checkpoints: a whole run on disk.

A run between two epochs is data: the state, the history, the state of the generator that shuffles
the rows, and a description of the model and of the training data. ``refnn.resume`` continues from
it bit for bit, and refuses to continue another run.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from os import PathLike
from typing import Any, TypeAlias

import numpy as np

from refnn.checks import Checked, Count, Flag, NotNegative
from refnn.datasets import npz
from refnn.runs import states
from refnn.runs.history import History, SaveError
from refnn.state import State

GENERATORS = {"PCG64": np.random.PCG64, "PCG64DXSM": np.random.PCG64DXSM}
"""Generators whose state is integers only: no file can make them read outside an array."""

TEXT = 2**20
"""Bytes. A checkpoint with a longer description is refused."""


@dataclass(frozen=True)
class Checkpoint(Checked):
    """Where ``fit`` saves its run, and how often.

    It saves at the start; after an epoch, if both ``every_epochs`` and ``every_seconds`` have
    passed since it saved last; and at the end of the run, after an error too, but not after a kill.

    Parameters
    ----------
    path : path
        An .npz file in an existing folder. A symbolic link is followed.
    every_epochs : int
        At least 1.
    every_seconds : float
        At least 0.
    overwrite : bool
        Whether ``fit`` may begin where a file is already, and erase the run in it.
        ``refnn.resume``, which continues that run, needs no permission.
    """

    path: str | PathLike[str]
    every_epochs: Count = 1
    every_seconds: NotNegative = 0.0
    overwrite: Flag = False

    def __post_init__(self) -> None:
        npz.as_path(self.path)
        super().__post_init__()

    def check_free(self) -> None:
        """Refuse to erase a run that is there."""
        if not self.overwrite and npz.as_path(self.path).exists():
            raise FileExistsError(
                f"{self.path} exists: refnn.resume continues the run in it, and "
                "Checkpoint(path, overwrite=True) replaces it"
            )


@dataclass(frozen=True)
class Run:
    """A run between two epochs.

    Attributes
    ----------
    state : State
        After the last whole epoch.
    history : History
        Its first ``epochs`` entries belong to this run; more may follow in the same lists.
    epochs : int
        Whole epochs done.
    generator : dict or None
        The state of the generator that shuffles the rows; None if they keep their order.
    description : dict of str
        See ``refnn.runs.description``.
    """

    state: State
    history: History
    epochs: int
    generator: dict[str, Any] | None
    description: dict[str, str]

    def rng(self) -> np.random.Generator | None:
        """Return the generator, as it was."""
        if self.generator is None:
            return None
        generator = np.random.Generator(GENERATORS[self.generator["bit_generator"]]())
        generator.bit_generator.state = self.generator
        return generator


Keep: TypeAlias = Callable[[State, History, np.random.Generator | None], None]


@contextmanager
def keeping(checkpoint: Checkpoint | None, description: dict[str, str]) -> Iterator[Keep]:
    """Give a function that is called after each whole epoch, and saves the run if it is due.

    When the block ends, after an error too, the last epoch is saved.

    Parameters
    ----------
    checkpoint : Checkpoint or None
        Where and how often; None saves nothing.
    description
        The description of the run.
    """
    if checkpoint is None:
        yield lambda state, history, rng: None
        return
    latest: Run | None = None
    saved: Run | None = None
    saved_at = 0.0

    def save() -> None:
        nonlocal saved, saved_at
        if latest is not None and latest is not saved:
            try:
                save_run(checkpoint.path, latest)
            except OSError as error:
                raise SaveError(
                    f"{checkpoint.path} could not be saved: {error}. The state is kept in this "
                    "error's .state",
                    latest.state,
                    latest.history.first(latest.epochs),
                    error.errno,
                ) from error
            saved, saved_at = latest, time.monotonic()

    def keep(state: State, history: History, rng: np.random.Generator | None) -> None:
        nonlocal latest
        latest = Run(state, history, len(history.loss), generator_state(rng), description)
        if saved is None or (
            latest.epochs - saved.epochs >= checkpoint.every_epochs
            and time.monotonic() - saved_at >= checkpoint.every_seconds
        ):
            save()

    try:
        yield keep
    except BaseException as error:
        with suppress(Exception):  # what ended the run is not replaced by what came of it
            if not isinstance(error, SaveError):
                try:
                    save()
                except Exception as failed:
                    error.add_note(f"{failed}; the file is older, or not there")
        raise
    save()


def generator_state(rng: np.random.Generator | None) -> dict[str, Any] | None:
    """Return the state of a generator, and refuse a generator that a checkpoint cannot hold."""
    if rng is None:
        return None
    state = dict(rng.bit_generator.state)
    if state["bit_generator"] not in GENERATORS:
        raise TypeError(
            f"rng is a {state['bit_generator']} generator; with a checkpoint expected "
            "numpy.random.default_rng(seed)"
        )
    return state


def save_run(path: str | PathLike[str], run: Run) -> None:
    """Write a run; a kill at any instant leaves the old file or the new one."""
    columns = {
        f"history_{name}": np.array(column[: run.epochs], np.float64)  # None becomes NaN
        for name, column in vars(run.history).items()
    }
    text = json.dumps({"generator": run.generator, "description": run.description}).encode()
    if len(text) > TEXT:
        raise ValueError(f"{path}: a description of {len(text)} bytes; expected at most {TEXT}")
    npz.write(path, states.arrays(run.state) | columns | {"run": np.frombuffer(text, np.uint8)})


def load_run(path: str | PathLike[str]) -> Run:
    """Read a checkpoint, bit for bit.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it is not a checkpoint, or its arrays do not fit each other.
    """
    expected = "a checkpoint written by fit"
    with states.opened(path, expected) as members:
        state = states.read(path, members, states.CHECKPOINT, expected)
        columns = [
            npz.member(
                members, name, f"{path}: {name}", ("epochs",), least=0, dtype=np.dtype(np.float64)
            ).tolist()
            for name in states.CHECKPOINT[:-1]
        ]
        text = npz.member(members, "run", f"{path}: run", ("bytes",), dtype=np.dtype(np.uint8))
    history = History(*columns)
    epochs = len(history.loss)
    for name, column in vars(history).items():
        if len(column) != epochs and not (name.startswith("validation") and not column):
            raise ValueError(f"{path}: history_{name} has {len(column)} entries and not {epochs}")
    history.validation_accuracy = _classes(history.validation_accuracy)
    with npz.reading(f"{path}: run", f"a description of at most {TEXT} bytes"):
        described = json.loads(bytes(text[:TEXT]))
        generator = described["generator"]
        description = described["description"]
        if not all(isinstance(text, str) for text in description.values()):
            raise ValueError("a description that is no text")
        run = Run(state, history, epochs, generator, description)
        rng = run.rng()
        if rng is not None and rng.bit_generator.state != generator:  # 1.5 becomes 1
            raise ValueError("the generator has no such state")
    return run


def _classes(shares: list[Any]) -> list[float | None]:
    """Turn NaN back into None: there were no classes."""
    return [None if math.isnan(share) else share for share in shares]
