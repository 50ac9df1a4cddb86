"""Keras' optimizer to refnn's rule of that name: hyper-parameters, learning rate, slots."""

from typing import NamedTuple

import numpy as np

from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, Optimizer, RMSProp
from refnn.schedules import ExponentialDecay
from refnn.typing import Array, Slots
from tftwin.keras_models.description import Described
from tftwin.keras_models.state import KerasState


class Mapped(NamedTuple):
    """refnn's rule, and its slots."""

    optimizer: Optimizer | None
    slots: Slots


def rule_of(described: Described, state: KerasState, said: list[str]) -> Mapped:
    """Return refnn's rule with the hyper-parameters as they were said, and its slots.

    Raises
    ------
    ValueError
        If the slots do not map.
    """
    name, given, slots = described.name, described.arguments, state.slots
    rate = rate_of(given["learning_rate"], state.floatx)
    if name == "SGD" and not given["momentum"]:
        return Mapped(SGD(rate), ())
    if name == "SGD":
        kind, beta = (Nesterov if given["nesterov"] else SGDM), given["momentum"]
        said.append(
            f"SGD(momentum) becomes {kind.__name__}, which has 1 − β on the gradient: "
            "m = −(1 − β) v / lr (momentum-one-minus-beta)"
        )
        return Mapped(kind(rate, beta), (averaged(slots["momentum"], rate, beta),))
    if name == "Adagrad":
        return Mapped(Adagrad(rate, given["epsilon"]), (slots["accumulator"],))
    if name == "RMSprop":
        return Mapped(RMSProp(rate, given["rho"], given["epsilon"]), (slots["velocity"],))
    moments = given["beta_1"], given["beta_2"], given["epsilon"]
    both = slots["momentum"], slots["velocity"]
    if name == "Adam":
        return Mapped(Adam(rate, *moments), both)
    said.append("Keras' Nadam has momentum_decay = 1; the paper has 0.004")
    return Mapped(Nadam(rate, *moments, momentum_decay=1.0), both)


def rate_of(said: float | Described, floatx: str) -> float | ExponentialDecay:
    """Return the learning rate as a person wrote it.

    Keras keeps a number as a variable of floatx: 0.01 is 0.009999999776482582 there. The shortest
    decimal that rounds to it is what was written; in a float32 network both have the same bits.
    """
    if isinstance(said, Described):
        return ExponentialDecay(**said.arguments)
    return float(str(np.float32(said))) if floatx == "float32" else said


def averaged(velocity: Array, rate: float | ExponentialDecay, beta: float) -> Array:
    """Keras' v = μ v − lr g → refnn's m = β m + (1 − β) g, at a constant rate: −(1 − β) v / lr.

    Raises
    ------
    ValueError
        If the rate is not constant, or 0: then v is no multiple of m. A v of 0 always maps.
    """
    if not velocity.any():
        return np.zeros_like(velocity)
    if callable(rate) or not rate:
        raise ValueError("the momentum of SGD, under a learning rate that is not constant")
    return velocity * (-(1 - beta) / rate)
