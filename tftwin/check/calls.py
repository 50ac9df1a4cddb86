"""The calls of one function: what hypothesis draws, how the function is called, what it gives."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tftwin.check.judge import Bounds, Case, evaluated, fits, in_shape, shape_and_dtype
from tftwin.check.layouts import in_state, turn, turned
from tftwin.check.process import Process
from tftwin.check.task import Draw, Sizes, Task

DTYPES = ("float64", "float32")
TWICE = 3
"""Calls of a function that are made twice, to see whether it remembers."""


@dataclass
class Calls:
    """Everything that one function did.

    Attributes
    ----------
    cases : list of Case
        The calls that gave results.
    raised : dict of Draw to str
        The calls that did not, and why.
    misfits : dict of str to str
        Results of a wrong shape or dtype, in words.
    habits : set of str
        What else it did: "prints", "changes x", "keeps state between calls" …
    """

    cases: list[Case] = field(default_factory=list)
    raised: dict[Draw, str] = field(default_factory=dict)
    misfits: dict[str, str] = field(default_factory=dict)
    habits: set[str] = field(default_factory=set)


class Caller:
    """One function of the module, called with what a draw gives."""

    def __init__(self, process: Process, task: Task) -> None:
        self.process, self.task = process, task
        self.turned = turned(process.layouts, task)
        self.in_state = in_state(process.layouts, task)
        self.names, self.by_place, self.refusal = _called_by(
            process.functions[task.name], task, self.in_state
        )
        self.calls = Calls()

    def __call__(self, draw: Draw) -> Case | None:
        """Call it; None if it raised."""
        task, calls = self.task, self.calls
        given = task.draw(draw)
        names = [*self.names, *(n for n in self.in_state if n not in self.names)]
        answer = self.process.call(
            task.name,
            turn({name: given[name] for name in names}, self.turned),
            [result.name for result in task.results],
            by_place=self.by_place,
            in_state=self.in_state,
            twice=len(calls.cases) < TWICE,
        )
        header, arrays = answer
        if header["printed"]:
            calls.habits.add("prints")
        if "raised" in header:
            calls.raised[draw] = header["raised"]
            return None
        calls.habits |= {f"writes into {name}" for name in header["changed"]}
        if change := header.get("changes"):
            random = change == "random"
            calls.habits.add(
                "depends on NumPy's global seed" if random else "keeps state between calls"
            )
        results = dict(zip((r.name for r in task.results), arrays, strict=True))
        results = turn(results, self.turned)
        for (name, theirs), right, kind in zip(
            results.items(), evaluated(task.right, given), header["kinds"], strict=True
        ):
            if misfit := shape_and_dtype(theirs, right, kind):
                calls.misfits.setdefault(name, f"{misfit}, of {draw.dtype} arguments")
        case = Case(draw, given, results)
        calls.cases.append(case)
        return case


def _called_by(
    parameters: list[str], task: Task, in_state: list[str]
) -> tuple[list[str], bool, str]:
    """Return the arguments that a function takes, whether by place, and why it cannot be called."""
    known = [a.name for a in task.arguments if a.name not in in_state]
    expected = [*known, *(["state"] if in_state else [])]
    if parameters == ["*"]:
        return known, True, ""
    unknown = [p for p in parameters if p not in expected]
    if not unknown:
        return [p for p in parameters if p in known], False, ""
    if len(parameters) == len(expected):
        return known, True, ""
    return [], False, f"it takes {', '.join(parameters)}; expected {', '.join(expected)}"


@st.composite
def draws(draw: Any, flavour: str, dtype: str) -> Draw:
    """Draw four different sizes from 3 to 8, and a seed."""
    sizes = draw(st.permutations(range(3, 9)))
    return Draw(Sizes(*sizes[:4]), draw(st.integers(0, 2**32 - 1)), flavour, dtype)


class _Wrong(Exception):  # noqa: N818
    """A case that is wrong: hypothesis looks for a smaller one."""


def _explored(
    test: Callable[[Draw], None], flavour: str, dtype: str, number: int, examples: int, shrink: bool
) -> None:
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    options = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    seed(number)(options(given(draws(flavour, dtype))(test)))()


def explore(caller: Caller, number: int, examples: int) -> Iterator[None]:
    """Call the function on what hypothesis draws, kind after kind; number is the seed."""
    for flavour in caller.task.flavours:
        for dtype in DTYPES:
            if any(text.startswith("the call ") for text in caller.calls.raised.values()):
                return  # it hangs, or ends its process: one such call is enough

            def test(draw: Draw) -> None:
                if len(caller.calls.raised) < 3 or caller.calls.cases:
                    caller(draw)

            _explored(test, flavour, dtype, number, examples, shrink=False)
            yield


def smallest(caller: Caller, wrong: Case, name: str, number: int) -> Case:
    """Return a small case in which a result is wrong, of the kind of one that is."""
    found = [wrong]
    place = [result.name for result in caller.task.results].index(name)

    def test(draw: Draw) -> None:
        case = caller(draw)
        if case is None:
            return
        right = evaluated(caller.task.right, case.given)[place]
        if not right_numbers(case, name, right):
            found.append(case)
            raise _Wrong

    with suppress(_Wrong):
        _explored(test, wrong.draw.flavour, wrong.draw.dtype, number, 20, shrink=True)
    return found[-1]


def right_numbers(case: Case, name: str, right: Bounds) -> bool:
    """Whether all numbers of a result are right, whatever its shape."""
    theirs = in_shape(case.results[name], right.value.shape)
    return theirs is not None and bool(fits(theirs, right).all())
