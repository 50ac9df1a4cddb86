"""A task: one function that a person may provide, with the right one beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from refnn.typing import Array


class Named(NamedTuple):
    """An argument or a result: its name, its shape as text, and its meaning."""

    name: str
    shape: str
    meaning: str


class Sizes(NamedTuple):
    """Four different sizes, none of them 1 or 2, so that no shape fits by accident."""

    N: int
    """Rows of the batch."""
    D: int
    """Inputs."""
    M: int
    """Units, or outputs of a layer."""
    C: int
    """Classes, or outputs of a network."""


class Output(np.ndarray[Any, np.dtype[Any]]):
    """An output that is given as an argument, as y = f(x): it has a rounding error of its own.

    Who computes it again from x, in another form, may be so far from it.
    """

    bound: Any

    @classmethod
    def of(cls, array: Array, bound: Array) -> "Output":
        """Return the array, with how far another evaluation may be from it."""
        found = np.asarray(array).view(cls)
        found.bound = bound
        return found

    def __array_finalize__(self, other: Any) -> None:
        self.bound = getattr(other, "bound", None)


class Draw(NamedTuple):
    """From what the arguments of one call are made.

    ``flavour`` is one of ``FLAVOURS``. The arguments are a function of these four values alone.
    """

    sizes: Sizes
    seed: int
    flavour: str
    dtype: str

    def rng(self) -> np.random.Generator:
        """Return a fresh generator."""
        return np.random.default_rng(self.seed)

    def array(self, values: Any) -> Array:
        """Return numbers in the dtype of this draw."""
        return np.asarray(values).astype(self.dtype)


ORDINARY, TIES, FIRST, EXTREME = "ordinary", "tied", "first-step", "extreme"
FLAVOURS = (ORDINARY, TIES, FIRST, EXTREME)
"""Numbers of ordinary size; a grid of eighths with kinks and ties; t = 1 with empty slots; numbers
at which careless formulas overflow, cancel, or lose a small ε."""


@dataclass(frozen=True)
class Task:
    """A function that can be checked.

    Attributes
    ----------
    name, group : str
        What it is called in a module, and beside which others it stands.
    arguments, results : tuple of Named
        In the order of the call, and of what it returns.
    right : callable
        refnn's own computation: takes the arguments by name, returns a tuple. It runs on arrays
        that carry their bounds too.
    draw : callable
        Makes the arguments of one call.
    flavours : tuple of str
        Those that have content here.
    formula : str
        The equation, for the template and for hints.
    elementwise : bool
        Whether each number of a result belongs to the numbers at its own place alone.
    """

    name: str
    group: str
    arguments: tuple[Named, ...]
    results: tuple[Named, ...]
    right: Callable[..., tuple[Any, ...]]
    draw: Callable[[Draw], dict[str, Any]]
    flavours: tuple[str, ...]
    formula: str
    elementwise: bool = False
