"""Keras' optimizers as NumPy rules, in the place of refnn's; and refnn's rule of that name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np

from refnn import optimizers, schedules
from refnn.schedules import Rate
from refnn.typing import Array, Slots
from tftwin.cards import adam, adaptive, momentum, nadam, rates
from tftwin.cards.card import Card
from tftwin.keras_models.description import Described


def keras_sgd(w: Any, g: Any, learning_rate: float) -> tuple[Any]:
    """w − g lr: refnn's own."""
    return (w - g * learning_rate,)


@dataclass(frozen=True)
class Rule:
    """A function on flat arguments as an optimizer of refnn: ``rule(w, g, slots, t, lr)``."""

    function: Callable[..., tuple[Any, ...]]
    arguments: Mapping[str, float]
    learning_rate: Rate
    slot_names: tuple[str, ...]

    def rule(self, w: Any, g: Any, slots: Any, t: int, lr: float) -> tuple[Any, Any]:
        """w, g, each slot (D,) → w after update t, and the slots."""
        named = dict(self.arguments)
        if "t" in signature(self.function).parameters:
            named["t"] = t
        after, *parts = self.function(w, g, *slots, learning_rate=lr, **named)
        return after, tuple(parts)


@dataclass(frozen=True)
class Kind:
    """One optimizer of Keras.

    Attributes
    ----------
    function : callable
        Keras' rule, operation by operation.
    names : dict
        Its hyper-parameters: our name of each of Keras'.
    slot_names : tuple of str
        Slots, by Keras' names.
    refnn : str
        The class of refnn's rule of that name.
    cards : tuple of Card
        What makes the two different.
    """

    function: Callable[..., tuple[Any, ...]]
    names: Mapping[str, str]
    slot_names: tuple[str, ...]
    refnn: str
    cards: tuple[Card, ...] = ()


BETAS = {"beta_1": "beta_1", "beta_2": "beta_2", "epsilon": "epsilon"}
KINDS = {
    "SGD": Kind(keras_sgd, {}, (), "SGD"),
    "momentum": Kind(
        momentum.keras_momentum, {"momentum": "beta"}, ("momentum",), "SGDM", momentum.MOMENTUM
    ),
    "Nesterov": Kind(
        momentum.keras_nesterov, {"momentum": "beta"}, ("momentum",), "Nesterov", momentum.NESTEROV
    ),
    "Adagrad": Kind(
        adaptive.adagrad_epsilon_inside,
        {"epsilon": "epsilon"},
        ("accumulator",),
        "Adagrad",
        adaptive.ADAGRAD,
    ),
    "RMSprop": Kind(
        adaptive.rmsprop_epsilon_inside,
        {"rho": "beta", "epsilon": "epsilon"},
        ("velocity",),
        "RMSProp",
        adaptive.RMSPROP,
    ),
    "Adam": Kind(adam.keras_adam, BETAS, ("momentum", "velocity"), "Adam", adam.ADAM),
    "Nadam": Kind(nadam.keras_nadam, BETAS, ("momentum", "velocity"), "Nadam", nadam.NADAM),
}


def kind_of(described: Described) -> Kind:
    """Return what is known of an optimizer; SGD is three of them."""
    name = described.name
    if name == "SGD" and described.arguments["momentum"]:
        name = "Nesterov" if described.arguments["nesterov"] else "momentum"
    return KINDS[name]


def arguments_of(described: Described) -> dict[str, float]:
    """Return the hyper-parameters by our names, without the learning rate."""
    return {ours: described.arguments[keras] for keras, ours in kind_of(described).names.items()}


def keras_rule(described: Described, rate_dtype: str) -> Rule:
    """Return Keras' rule in NumPy; its learning rate is computed in this dtype."""
    kind = kind_of(described)
    rate = keras_rate(described, rate_dtype)
    return Rule(kind.function, arguments_of(described), rate, kind.slot_names)


def keras_rate(described: Described, dtype: str) -> Rate:
    """Return the learning rate as Keras has it: a number, or a function of the step."""
    said = described.arguments["learning_rate"]
    if not isinstance(said, Described):
        return rates.rounded_rate(said)[0] if dtype == "float32" else float(said)
    if dtype == "float32":
        return lambda step: rates.decay_in_float32(step, **said.arguments)[0]
    return schedules.ExponentialDecay(**said.arguments)


def refnn_rule(described: Described) -> Any:
    """Return refnn's rule of that name, with the same hyper-parameters, at the rate 0.

    Keras' Nadam counts in steps: its ``momentum_decay`` is 1.
    """
    more = {"momentum_decay": 1.0} if described.name == "Nadam" else {}
    return getattr(optimizers, kind_of(described).refnn)(0.0, **arguments_of(described), **more)


def moves(rule: Any, slots: Slots, g: Array, t: int, lr: float) -> tuple[Array, Slots]:
    """Return what a rule adds to w, without the rounding of the sum, and the slots after it."""
    after, parts = rule.rule(np.zeros_like(g), g, slots, t, lr)
    return after, parts
