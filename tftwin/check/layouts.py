"""Other layouts, declared in one line each and not rewritten by the person.

A module says ``WEIGHTS = "outputs_inputs"`` if its W is (outputs, inputs), as PyTorch's;
``SAMPLES = "columns"`` if a batch has one sample a column; ``STATE = "dict"`` if an optimizer's
memory comes as one argument ``state``, a dict, and goes back so. A gradient from x or from y needs
no line: a function takes the arguments that it names.
"""

from typing import Any

from tftwin.check.task import Task

KNOWN = {
    "WEIGHTS": ("inputs_outputs", "outputs_inputs"),
    "SAMPLES": ("rows", "columns"),
    "STATE": ("arguments", "dict"),
}
"""What a module may declare; the first value of each is the usual one."""

SLOTS = ("m", "v")


def check_layouts(layouts: dict[str, str]) -> None:
    """Refuse a value that no layout has."""
    for name, value in layouts.items():
        if value not in KNOWN[name]:
            raise ValueError(f"{name} = {value!r}; expected {' or '.join(map(repr, KNOWN[name]))}")


def turned(layouts: dict[str, str], task: Task) -> set[str]:
    """Return the names of the arguments and results that the module has transposed."""
    turn = set()
    for name, shape, _ in (*task.arguments, *task.results):
        weights = name.lstrip("d").startswith("W")
        if weights and layouts.get("WEIGHTS") == "outputs_inputs":
            turn.add(name)
        batch = shape.startswith("(N, ")
        if batch and layouts.get("SAMPLES") == "columns":
            turn.add(name)
    return turn


def in_state(layouts: dict[str, str], task: Task) -> list[str]:
    """Return the arguments that come in the dict ``state``."""
    if layouts.get("STATE") != "dict":
        return []
    return [a.name for a in task.arguments if a.name in SLOTS]


def turn(values: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Return the same with these arrays transposed, in memory too."""
    return {
        name: value.T.copy() if name in names and getattr(value, "ndim", 0) == 2 else value
        for name, value in values.items()
    }
