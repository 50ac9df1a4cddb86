"""What a fault is, and how it is planted in the running code.

A fault is data: the source text of a function, and what stands there instead. ``planted`` compiles
the changed source and gives its code to the function itself, so that everybody who has imported it
runs the fault; afterwards the function has its own code again. Nothing is written to disk. (Only
bodies can be changed: a function keeps its default arguments.)

Each fault names the check that must see it (``tests.faults.checks``), and the stage. ``dtypes`` are
the dtypes in which it can be seen. Where that is one dtype, ``why`` says why the other hides it (or
that no dtype takes part). ``note`` says who made the mistake, with the numbers of EVIDENCE.md
("evidence") and of the table of conventions ("card"), or why it is easily made.

Some faults stand in code that both sides share, or in refnn and in tftwin alike. Lockstep cannot
see them. The test demands that too (``blind``), and another witness must see them. Where lockstep
sees them by the definition's bound, the test demands that (``also``).
"""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

from tests.faults import checks

BOTH = ("float32", "float64")
F32, F64 = ("float32",), ("float64",)
NO_DTYPE = "no dtype takes part"
NINE_DECIMALS = "Mazur's nine decimals are beyond float32"
TOO_SMALL = "below float32's rounding"


@dataclass(frozen=True)
class Plant:
    """Where a text stands, and what stands there instead."""

    target: str
    old: str
    new: str


@dataclass(frozen=True)
class Fault:
    """One mistake.

    Attributes
    ----------
    name : str
        What was done wrong.
    plants : tuple of Plant
        Where.
    caught_by : (check, part)
        Of ``tests.faults.checks``.
    stage : str
        Where the check must see it.
    dtypes, why, note
        See above.
    blind : (check, part) or None
        A check that cannot see it: lockstep, where both sides have it.
    also : (check, part, stage) or None
        A second check that must see it, and where.
    """

    name: str
    plants: tuple[Plant, ...]
    caught_by: tuple[Callable[[Any, str], None], str]
    stage: str
    dtypes: tuple[str, ...] = BOTH
    why: str = ""
    note: str = ""
    blind: tuple[Callable[[Any, str], None], str] | None = None
    also: tuple[Callable[[Any, str], None], str, str] | None = None


@dataclass(frozen=True)
class Equivalent:
    """A change that changes nothing, and the proof."""

    name: str
    plants: tuple[Plant, ...]
    proof: str
    checks: tuple[tuple[Callable[[Any, str], None], str], ...]


def function_of(target: str) -> Any:
    """Return the function "module:name" or "module:Class.name", also behind a property."""
    module, _, path = target.partition(":")
    found: Any = import_module(module)
    for name in path.split("."):
        found = inspect.getattr_static(found, name)
    if isinstance(found, property):
        return found.fget
    return found.func if isinstance(found, cached_property) else found


def changed_code(plants: tuple[Plant, ...]) -> Any:
    """Return the code of one target's function with all its plants in it."""
    function = function_of(plants[0].target)
    source = inspect.getsource(function)
    for plant in plants:
        if source.count(plant.old) != 1:
            raise ValueError(f"{plant.old!r} stands {source.count(plant.old)} times in:\n{source}")
        source = source.replace(plant.old, plant.new)
    place: dict[str, Any] = {}
    exec(compile(textwrap.dedent(source), "<planted>", "exec"), function.__globals__, place)
    new = place[function.__name__]
    if isinstance(new, property):
        new = new.fget
    return getattr(new, "func", new).__code__


@contextmanager
def planted(fault: Fault | Equivalent) -> Iterator[None]:
    """Run the block with the fault in the code."""
    with ExitStack() as undo:
        for target in dict.fromkeys(plant.target for plant in fault.plants):
            function = function_of(target)
            code = changed_code(tuple(p for p in fault.plants if p.target == target))
            undo.callback(setattr, function, "__code__", function.__code__)
            function.__code__ = code
        yield


def at(target: str, check: Any, part: str, stage: str) -> Any:
    """Return what makes faults of this target, seen by this check at this stage."""

    def fault(
        name: str, old: str, new: str, *, also: tuple[tuple[str, str], ...] = (), **other: Any
    ) -> Fault:
        seen = {"caught_by": (check, part), "stage": stage} | other
        plants = tuple(Plant(target, *texts) for texts in ((old, new), *also))
        return Fault(name, plants, **seen)

    return fault


def both_sides(name: str, *plants: Plant, part: str, seen_at: str = "", **rest: Any) -> Fault:
    """Return a fault that lockstep cannot see, or sees by the definition's bound alone."""
    if seen_at:
        return Fault(name, plants, also=(checks.lockstep, part, seen_at), **rest)
    return Fault(name, plants, blind=(checks.lockstep, part), **rest)


def equivalent(name: str, target: str, old: str, new: str, proof: str, *seen: Any) -> Equivalent:
    return Equivalent(name, (Plant(target, old, new),), proof, seen)
