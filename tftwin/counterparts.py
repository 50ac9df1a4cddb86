"""The twin of a refnn value: the class of the same name in tftwin, with the same fields.

``original`` is the way back.
"""

import numbers
from dataclasses import fields
from importlib import import_module
from types import ModuleType
from typing import Any

from refnn.checks import short
from tftwin import (
    activations,
    crossentropies,
    layers,
    losses,
    network,
    optimizers,
    regularizers,
    schedules,
    training,
)

MIRROR: dict[str, ModuleType] = {
    "refnn.activations": activations,
    "refnn.layers": layers,
    "refnn.crossentropies": crossentropies,
    "refnn.losses": losses,
    "refnn.network": network,
    "refnn.optimizers": optimizers,
    "refnn.regularizers": regularizers,
    "refnn.schedules": schedules,
    "refnn.training": training,
}


class OwnActivation:
    """The twin of your own activation: its ``tensorflow(x)``."""

    def __init__(self, function: Any) -> None:
        self.original, self.forward = function, function.tensorflow


class OwnLoss:
    """The twin of your own loss: its ``tensorflow(y_true, y_pred)``."""

    def __init__(self, loss: Any) -> None:
        self.original, self.value = loss, loss.tensorflow
        self.takes_distributions = getattr(loss, "takes_distributions", False)


def twin(value: Any) -> Any:
    """Return the tftwin counterpart of a model, or of any part of one.

    Numbers, None and your own schedule are their own twins. Your own activation or loss needs a
    method ``tensorflow``, which computes the same in TensorFlow's operations.

    Raises
    ------
    TypeError
        If there is no twin; the message says what to add.
    """
    try:
        made = _twin(value)
    except RecursionError:  # a list that holds itself
        made = value
    for part in made if isinstance(made, list) else [made]:
        plain = part is None or isinstance(part, numbers.Real) or callable(part)
        if not (plain or type(part).__module__.startswith("tftwin.")):
            raise TypeError(f"value = {short(value)}; expected a refnn.Model, or a part of one")
    return made


def _twin(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_twin(v) for v in value]
    if isinstance(value, type):
        raise TypeError(f"value = {short(value)}; expected an object, such as {value.__name__}()")
    mirror = MIRROR.get(type(value).__module__)
    if mirror is not None:
        return getattr(mirror, type(value).__name__)(
            **{f.name: _twin(getattr(value, f.name)) for f in fields(value)}
        )
    if hasattr(value, "tensorflow"):
        return OwnActivation(value) if hasattr(value, "forward") else OwnLoss(value)
    if hasattr(value, "backward") or hasattr(value, "gradient"):
        raise TypeError(
            f"{type(value).__name__} has no twin: give it a method tensorflow("
            f"{'x' if hasattr(value, 'backward') else 'y_true, y_pred'}) that computes the same in "
            "TensorFlow's operations; refnn alone trains without it"
        )
    if hasattr(value, "rule") and not hasattr(value, "corrections"):
        raise TypeError(
            f"{type(value).__name__} has no twin: a rule of your own trains in refnn alone"
        )
    return value


class Unknown:
    """What stands in refnn for an activation that was written for TensorFlow alone."""

    def forward(self, x: Any) -> Any:
        raise NotImplementedError("an activation without a counterpart in refnn")

    def backward(self, dy: Any, x: Any, y: Any) -> Any:
        raise NotImplementedError("an activation without a counterpart in refnn")


def original(value: Any) -> Any:
    """Return the refnn value whose twin this is: a model of tftwin, or any part of one."""
    if isinstance(value, (list, tuple)):
        return [original(v) for v in value]
    side, _, room = type(value).__module__.partition(".")
    if side == "tftwin" and f"refnn.{room}" in MIRROR:
        parts = {f.name: original(getattr(value, f.name)) for f in fields(value)}
        if "function" in parts and not hasattr(parts["function"], "backward"):
            parts["function"] = Unknown()
        return getattr(import_module(f"refnn.{room}"), type(value).__name__)(**parts)
    return getattr(value, "original", value)
