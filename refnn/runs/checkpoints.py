"""Checkpoints: a whole run on disk.

A run between two epochs is data: the state, the history, the state of the generator that shuffles
the rows, and a description of the model and of the training data. ``refnn.resume`` continues from
it bit for bit, and refuses to continue another run.
"""

import json
import math
import re
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from os.path import commonprefix
from typing import Any, TypeAlias

import numpy as np

from refnn.checks import Checked, Count, NotNegative
from refnn.datasets import npz
from refnn.runs import states
from refnn.runs.history import History
from refnn.state import State
from refnn.typing import Array

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
        An .npz file in an existing folder; it is replaced.
    every_epochs : int
        At least 1.
    every_seconds : float
        At least 0.
    """

    path: str | PathLike[str]
    every_epochs: Count = 1
    every_seconds: NotNegative = 0.0

    def __post_init__(self) -> None:
        npz.as_path(self.path)
        super().__post_init__()


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
        See ``describe_model`` and ``describe_data``.
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


def describe_model(model: Any, batch_size: int) -> dict[str, str]:
    """Return the parts of the model and the batch size as texts: the repr, without addresses."""
    texts = {
        "network": repr(model.network),
        "loss": repr(model.loss),
        "optimizer": repr(model.optimizer),
        "regularizer": repr(model.regularizer),
        "batch_size": repr(batch_size),
    }
    return {name: re.sub(r" at 0x\w+", "", text) for name, text in texts.items()}


def describe_data(x: Array, y: Array, validation: tuple[Array, Array] | None) -> dict[str, str]:
    """Return the data of a run as texts: each array by its shape, dtype and checksum."""
    return {
        "x": _describe_array(x),
        "y": _describe_array(y),
        "validation": str([_describe_array(a) for a in validation or ()]),
    }


def _describe_array(a: Array) -> str:
    wide = a.dtype.itemsize > 8  # the padding of a longdouble may hold anything
    content: Any = np.ascontiguousarray(a, np.float64 if wide else None)
    return f"{a.shape} {a.dtype} CRC {zlib.crc32(content):08x}"


def check_same(path: str | PathLike[str], before: dict[str, str], now: dict[str, str]) -> None:
    """Refuse to continue a run with another model or other data."""
    for name, text in now.items():
        if (saved := before.get(name, "")) != text:
            start = max(len(commonprefix([saved, text])) - 30, 0)
            raise ValueError(
                f"{path}: {name} is …{text[start : start + 80]!r}, and the run that was saved had "
                f"…{saved[start : start + 80]!r}; expected the same"
            )


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
            save_run(checkpoint.path, latest)
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
    finally:
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
        description = {str(name): str(part) for name, part in described["description"].items()}
        run = Run(state, history, epochs, generator, description)
        run.rng()
    return run


def _classes(shares: list[Any]) -> list[float | None]:
    """Turn NaN back into None: there were no classes."""
    return [None if math.isnan(share) else share for share in shares]
