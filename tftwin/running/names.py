"""refnn's classes by name, with arguments: ``adam:learning_rate=0.01,beta_1=0.8``.

The names are those of the classes, as Keras writes them: LeakyRelu is ``leaky_relu``. A class that
refnn gets later is here at once.
"""

import dataclasses
import json
import re
from types import ModuleType
from typing import Any

from refnn import activations, crossentropies, losses, optimizers, schedules

ALIASES = {"mse": "mean_squared_error", "mae": "mean_absolute_error", "linear": "identity"}
"""Short names that everybody uses."""


def snake(name: str) -> str:
    """Return a class name in small letters: LeakyRelu → leaky_relu, RMSProp → rmsprop."""
    if name.upper()[:3] == name[:3]:
        return name.lower()
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def classes(*rooms: ModuleType) -> dict[str, Any]:
    """Return the classes of some rooms, by name."""
    return {
        snake(kind.__name__): kind
        for room in rooms
        for kind in vars(room).values()
        if isinstance(kind, type)
        and kind.__module__ == room.__name__
        and hasattr(kind, "__dataclass_fields__")
    }


ACTIVATIONS = classes(activations)
LOSSES = classes(losses, crossentropies)
OPTIMIZERS = classes(optimizers)
SCHEDULES = classes(schedules)


def made(what: str, text: str, known: dict[str, Any]) -> Any:
    """Return the object of a text such as ``leaky_relu:alpha=0.3``.

    Raises
    ------
    ValueError
        If the name or an argument is not known; the message says which are.
    """
    name, _, rest = text.partition(":")
    name = ALIASES.get(name, name)
    if name not in known:
        raise ValueError(f"{what} = {name!r}; expected one of {', '.join(known)}")
    kind = known[name]
    fields = [field.name for field in dataclasses.fields(kind)]
    given = {}
    for part in filter(None, rest.split(",")):
        field, equals, value = part.partition("=")
        if not equals or field not in fields:
            expected = ", ".join(f"{f}=" for f in fields) or "no argument"
            raise ValueError(f"{what}: {name}: {part!r}; expected {expected}")
        given[field] = _value(what, part, value)
    try:
        return kind(**given)
    except TypeError as error:
        raise ValueError(f"{what}: {name}: {error}") from None


def _value(what: str, part: str, text: str) -> Any:
    try:
        return json.loads(text.lower())
    except json.JSONDecodeError:
        raise ValueError(f"{what}: {part!r}; expected a number, true or false") from None
