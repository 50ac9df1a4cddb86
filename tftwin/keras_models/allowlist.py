"""What a configuration may hold: an object of a known class, with known keys, of known kinds.

Everything here looks at JSON data and returns JSON data; a class is a name, and nothing is ever
imported by a name that a file gives. Each refusal names the place, the class or the key, and the
value.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

from refnn import checks
from refnn.checks import short

Check: TypeAlias = Callable[[str, Any], Any]
"""check(where, value) returns the value that is kept, or refuses it."""

ENVELOPE = {"module", "class_name", "config", "registered_name"}
"""The keys of every object."""


def an_object(
    where: str, value: Any, homes: Sequence[str], more: Collection[str] = ()
) -> tuple[str, dict[str, Any]]:
    """Return class and configuration of a serialized object of Keras itself.

    Parameters
    ----------
    where : str
        What the object is, for messages.
    value : Any
        {"module": …, "class_name": …, "config": {…}, "registered_name": …}.
    homes : sequence of str
        Modules of Keras that it may be of. A class of the same name of another module is somebody
        else's.
    more : collection of str
        Other keys beside these four.
    """
    if not isinstance(value, dict) or not isinstance(value.get("class_name"), str):
        raise ValueError(f"{where} is {short(value)}; expected an object of Keras")
    name, config = value["class_name"], value.get("config")
    if name in ("Lambda", "__lambda__"):
        raise ValueError(f"{where} is a Lambda: code, which is never executed; expected a layer")
    known = {*ENVELOPE, "shared_object_id", "build_config", *more}
    keys(where, value, known)
    home, registered = value.get("module"), value.get("registered_name")
    if home not in homes or registered not in (None, "", name):
        owner = registered if home in homes else f"{home}.{name}"
        raise ValueError(
            f"{where} is {short(owner)}, which is not Keras' own; expected {_or(homes)}"
        )
    if not isinstance(config, dict):
        raise ValueError(f"{where}: the configuration of {short(name)} is {short(config)}")
    return name, config


def keys(where: str, value: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse a key that is not known."""
    for key in value:
        if key not in known:
            raise ValueError(f"{where} has the key {short(key)}, which is unknown")


def values(where: str, config: Mapping[str, Any], known: Mapping[str, Check]) -> dict[str, Any]:
    """Return the values of these keys, each checked; a key that is not there is None."""
    keys(where, config, known)
    return {key: check(f"{where}: {key}", config.get(key)) for key, check in known.items()}


# Checks of one value -----------------------------------------------------------------------------


def anything(where: str, value: Any) -> None:
    """Ignore a value that changes no number: an initializer, say."""


def only(*accepted: Any) -> Check:
    """Return the check of a value that refnn knows in these forms alone."""

    def check(where: str, value: Any) -> Any:
        for one in accepted:
            if value == one and isinstance(value, bool) == isinstance(one, bool):
                return value
        expected = " or ".join(short(one) for one in accepted)
        raise ValueError(f"{where} = {_brief(value)}, which refnn lacks; expected {expected}")

    return check


def text(where: str, value: Any) -> str:
    """Return a name of at most 200 letters, without anything that a path or a line would read."""
    fine = isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()
    if not fine or any(letter in value for letter in "/\\"):
        raise ValueError(f"{where} = {short(value)}; expected a name without slashes")
    return str(value)


def flag(where: str, value: Any) -> bool:
    """Return True or False."""
    return checks.flag(where, value)


def count(where: str, value: Any) -> int:
    """Return a whole number of at least 1 and at most 2³¹."""
    number = checks.count(where, value)
    if number > 2**31:
        raise ValueError(f"{where} = {short(value)}; expected at most {2**31}")
    return number


def real(where: str, value: Any) -> float:
    """Return a finite number as a float."""
    return checks.number(where, value, "a finite number", math.isfinite)


def not_negative(where: str, value: Any) -> float:
    """Return a number of at least 0."""
    return checks.number(where, value, "a number of at least 0", lambda number: number >= 0)


def share(where: str, value: Any) -> float:
    """Return a number in [0, 1)."""
    return checks.number(where, value, "a number in [0, 1)", lambda number: 0 <= number < 1)


def optional(check: Check, default: Any = None) -> Check:
    """Return the check of a value that may be missing or null."""
    return lambda where, value: default if value is None else check(where, value)


def _brief(value: Any) -> str:
    """Return an object by its class, and anything else by its repr."""
    name = value.get("class_name") if isinstance(value, dict) else None
    return short(name if isinstance(name, str) else value)


def _or(names: Sequence[str]) -> str:
    return " or ".join(names[:2])
