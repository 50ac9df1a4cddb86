"""Saving and resuming: a state alone, or a whole run.

A run between two epochs is data: the state, the history, the state of the generator that
shuffles the rows, and a description of what is trained, how, and on which data. ``refnn.resume``
continues from it bit for bit, and refuses to continue another run.
"""

import json
import math
import re
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from os import PathLike
from os.path import commonprefix
from reprlib import repr as short
from typing import Any, TypeAlias

import numpy as np

from refnn import checks, npz
from refnn.state import History, State
from refnn.typing import Array

GENERATORS = {"PCG64": np.random.PCG64, "PCG64DXSM": np.random.PCG64DXSM}
"""Those whose state is whole numbers alone, which no file can set to a place outside an array."""

TEXT = 2**20
"""Bytes. A checkpoint with a longer description is refused."""


@dataclass(frozen=True)
class Checkpoint:
    """Where ``fit`` saves its run, and how often.

    It saves at the start, after an epoch if so many epochs and so many seconds have passed since
    it saved last, and when it ends, in whatever way but a kill.

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
    every_epochs: int = 1
    every_seconds: float = 0.0

    def __post_init__(self) -> None:
        npz.as_path(self.path)
        checks.count("Checkpoint: every_epochs", self.every_epochs)
        checks.number(self, "every_seconds", "a number of at least 0", lambda s: s >= 0)


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
        See ``describe``.
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


def describe(
    network: Any,
    loss: Any,
    optimizer: Any,
    regularizer: Any,
    batch_size: int,
    x: Array,
    y: Array,
    validation: tuple[Array, Array] | None,
) -> dict[str, str]:
    """Return what makes a run this run and no other, as texts.

    A configuration is described by its repr (an object without one of its own by its class), an
    array by its shape, dtype and checksum.
    """
    texts = {
        "network": repr(network),
        "loss": repr(loss),
        "optimizer": repr(optimizer),
        "regularizer": repr(regularizer),
        "batch_size": repr(batch_size),
        "x": _describe_array(x),
        "y": _describe_array(y),
        "validation": str([_describe_array(a) for a in validation or ()]),
    }
    return {name: re.sub(r" at 0x\w+", "", text) for name, text in texts.items()}


def _describe_array(a: Array) -> str:
    wide = a.dtype.itemsize > 8  # a longdouble has padding, which may hold anything
    content: Any = np.ascontiguousarray(a, np.float64 if wide else None)
    return f"{a.shape} {a.dtype} CRC {zlib.crc32(content):08x}"


def check_same(path: str | PathLike[str], before: dict[str, str], now: dict[str, str]) -> None:
    """Refuse to continue a run with anything else than what it began with."""
    for name, text in now.items():
        if (saved := before.get(name, "")) != text:
            start = max(len(commonprefix([saved, text])) - 30, 0)
            raise ValueError(
                f"{path}: {name} is …{text[start : start + 80]!r}, and the run that was saved had "
                f"…{saved[start : start + 80]!r}; expected the same"
            )


Keep: TypeAlias = Callable[[State, History, np.random.Generator | None], None]


@contextmanager
def keeping(checkpoint: Checkpoint | None, *run: Any) -> Iterator[Keep]:
    """Give a function that is told of each whole epoch, and saves those that are due.

    Whatever ends the block, the last epoch of which it was told is saved.

    Parameters
    ----------
    checkpoint : Checkpoint or None
        Where and how often; None saves nothing.
    *run
        What ``describe`` takes.
    """
    if checkpoint is None:
        yield lambda state, history, rng: None
        return
    description = describe(*run)
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
    """Return the state of a generator that a checkpoint can hold."""
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
    npz.write(path, _arrays(run.state) | columns | {"run": np.frombuffer(text, np.uint8)})


def load_run(path: str | PathLike[str]) -> Run:
    """Read a checkpoint, bit for bit.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no checkpoint, or its arrays do not fit each other.
    """
    expected = "a checkpoint written by fit"
    with _opened(path, expected) as members:
        state = _state(path, members, RUN, expected)
        columns = [
            npz.member(members, name, f"{path}: {name}", ("epochs",), least=0, dtype=WIDE).tolist()
            for name in COLUMNS
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
    """Return None again where there were no classes."""
    return [None if math.isnan(share) else share for share in shares]


def save_state(path: str | PathLike[str], state: State) -> None:
    """Write the state to an .npz file, without pickle; a kill leaves the old file or the new one.

    Raises
    ------
    TypeError, ValueError
        If it is no state, or its arrays do not fit each other.
    OSError
        If the file cannot be written.
    """
    npz.write(path, _arrays(state))


def load_state(path: str | PathLike[str]) -> State:
    """Read what ``save_state`` wrote, bit for bit; of a checkpoint, the state alone.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such file, or its arrays do not fit each other.
    """
    expected = "a file written by save_state"
    with _opened(path, expected) as members:
        others = RUN if "run.npy" in members.namelist() else ()
        return _state(path, members, others, expected)


COLUMNS = tuple(f"history_{column.name}" for column in fields(History))
RUN = (*COLUMNS, "run")
WIDE = np.dtype(np.float64)


def _arrays(state: State) -> dict[str, Array]:
    if not isinstance(state, State):
        raise TypeError(f"state is a {type(state).__name__}; expected a refnn.State")
    _check(state)
    slots = {f"slot{i}": slot for i, slot in enumerate(state.slots)}
    return {"theta": state.theta, "step": np.array(state.step), **slots}


def _opened(path: str | PathLike[str], expected: str) -> zipfile.ZipFile:
    """Open an archive whose arrays take together no more memory than the file has bytes."""
    file = npz.regular_file(path)
    members = npz.archive(file, expected)
    infos = members.infolist()
    size = sum(info.file_size for info in infos)
    if size > file.stat().st_size or any(info.compress_type for info in infos):
        members.close()
        raise ValueError(f"{path}: its members are compressed or overlap; expected {expected}")
    return members


def _state(
    path: str | PathLike[str], members: zipfile.ZipFile, others: tuple[str, ...], expected: str
) -> State:
    """Read the state from an archive that holds it, these others and nothing else."""
    names = npz.names(members)
    slots = [f"slot{i}" for i in range(sum(name.startswith("slot") for name in names))]
    if names != sorted(["theta", "step", *slots, *others]):
        raise ValueError(f"{path} holds {short(names)}; expected {expected}")
    theta, *memory = (
        npz.member(members, name, f"{path}: {name}", ("size",)) for name in ["theta", *slots]
    )
    step = npz.member(members, "step", f"{path}: step", ()).item()
    state = State(theta, tuple(memory), step)
    try:
        _check(state)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None
    return state


def _check(state: State) -> None:
    """Refuse a state whose arrays do not fit each other."""
    checks.array("theta", state.theta, (None,))
    checks.floating("theta", state.theta)
    if not isinstance(state.slots, tuple):
        raise TypeError(f"slots is a {type(state.slots).__name__}; expected a tuple")
    for i, slot in enumerate(state.slots):
        checks.array(f"slot{i}", slot, state.theta.shape, state.theta.dtype)
    checks.count("step", state.step, 0)
