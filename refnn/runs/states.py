"""A training state in a file: θ, slots and step, and nothing about the network.

A file of ``save_state`` fits every network with the same number of parameters. A file of
``save_model`` holds the network too.
"""

import zipfile
from dataclasses import fields
from os import PathLike
from reprlib import repr as short

import numpy as np

from refnn import checks
from refnn.datasets import npz
from refnn.runs.history import History
from refnn.state import State
from refnn.typing import Array

CHECKPOINT = (*(f"history_{column.name}" for column in fields(History)), "run")
"""The arrays of a checkpoint that do not belong to the state."""


def save_state(path: str | PathLike[str], state: State) -> None:
    """Write the state to an .npz file, without pickle; a kill leaves the old file or the new one.

    Raises
    ------
    TypeError, ValueError
        If it is not a state, or its arrays do not fit each other.
    OSError
        If the file cannot be written.
    """
    npz.write(path, arrays(state))


def load_state(path: str | PathLike[str]) -> State:
    """Read a file of ``save_state``, bit for bit, or the state alone of a checkpoint.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it is another file, or its arrays do not fit each other.
    """
    expected = "a file written by save_state"
    with opened(path, expected) as members:
        others = CHECKPOINT if "run.npy" in members.namelist() else ()
        return read(path, members, others, expected)


def arrays(state: State) -> dict[str, Array]:
    """Return the state as the arrays of a file."""
    if not isinstance(state, State):
        raise TypeError(f"state is a {type(state).__name__}; expected a refnn.State")
    _check(state)
    slots = {f"slot{i}": slot for i, slot in enumerate(state.slots)}
    return {"theta": state.theta, "step": np.array(state.step), **slots}


def opened(path: str | PathLike[str], expected: str) -> zipfile.ZipFile:
    """Open an archive whose arrays take together no more memory than the file has bytes."""
    return npz.archive(npz.regular_file(path), expected, stored=True)


def read(
    path: str | PathLike[str], members: zipfile.ZipFile, others: tuple[str, ...], expected: str
) -> State:
    """Read the state from an archive that holds it and the ``others``, and nothing else."""
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
