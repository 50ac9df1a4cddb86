"""Optimizers: five rules on vectors.

``rule(w, g, slots, t, learning_rate)`` takes the parameters w, the gradient g, the optimizer's
memory (vectors as long as w, all 0 at the start) and the number t = 1, 2, … of this update, and
gives the new w and the new slots. ``learning_rate`` on the optimizer is a number or a schedule.

ε stands outside the root in all three rules that have one, is 1e-7 by default, and ε = 0 is the
tutorial's own formula, which divides 0 by 0 as soon as a gradient is 0 in the first step.
Scalars such as 1 − β and βᵗ are Python floats and enter the array arithmetic once.
"""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np

from refnn import checks
from refnn.schedules import Schedule
from refnn.typing import Array

Slots: TypeAlias = tuple[Array, ...]


def _check_rate(optimizer: "Optimizer") -> None:
    if not callable(optimizer.learning_rate):
        checks.number(
            optimizer, "learning_rate", "a number of at least 0, or a schedule", lambda r: r >= 0
        )


def _check_beta(optimizer: "Optimizer", field: str) -> None:
    checks.number(optimizer, field, "a number in [0, 1)", lambda b: 0 <= b < 1)


def _check_epsilon(optimizer: "Optimizer") -> None:
    checks.number(optimizer, "epsilon", "a number of at least 0", lambda e: e >= 0)


@dataclass(frozen=True)
class SGD:
    """w − lr g."""

    learning_rate: float | Schedule = 0.01
    slot_names: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        _check_rate(self)

    def rule(
        self, w: Array, g: Array, slots: Slots, t: int, learning_rate: float
    ) -> tuple[Array, Slots]:
        return w - learning_rate * g, ()


@dataclass(frozen=True)
class SGDM:
    """Momentum as a moving average: m = β m + (1 − β) g; w − lr m.

    Keras, PyTorch and Sutskever et al. (2013) have no (1 − β): at β = 0.9 they move ten times
    as far for the same learning rate.
    """

    learning_rate: float | Schedule = 0.01
    beta: float = 0.9
    slot_names: ClassVar[tuple[str, ...]] = ("m",)

    def __post_init__(self) -> None:
        _check_rate(self)
        _check_beta(self, "beta")

    def rule(
        self, w: Array, g: Array, slots: Slots, t: int, learning_rate: float
    ) -> tuple[Array, Slots]:
        (m,) = slots
        m = self.beta * m + (1 - self.beta) * g
        return w - learning_rate * m, (m,)


@dataclass(frozen=True)
class Adagrad:
    """v = v + g²; w − lr g / (√v + ε).

    Duchi, Hazan, Singer (2011). TensorFlow and Keras start v at 0.1 instead of 0, and Keras 3
    puts ε inside the root.
    """

    learning_rate: float | Schedule = 0.01
    epsilon: float = 1e-7
    slot_names: ClassVar[tuple[str, ...]] = ("v",)

    def __post_init__(self) -> None:
        _check_rate(self)
        _check_epsilon(self)

    def rule(
        self, w: Array, g: Array, slots: Slots, t: int, learning_rate: float
    ) -> tuple[Array, Slots]:
        (v,) = slots
        v = v + np.square(g)
        return w - learning_rate * g / (np.sqrt(v) + self.epsilon), (v,)


@dataclass(frozen=True)
class RMSProp:
    """v = β v + (1 − β) g²; w − lr g / (√v + ε).

    Tieleman and Hinton, *Neural Networks for Machine Learning*, lecture 6 (2012). Keras and
    TensorFlow put ε inside the root; PyTorch has it outside, with β = 0.99.
    """

    learning_rate: float | Schedule = 0.001
    beta: float = 0.9
    epsilon: float = 1e-7
    slot_names: ClassVar[tuple[str, ...]] = ("v",)

    def __post_init__(self) -> None:
        _check_rate(self)
        _check_beta(self, "beta")
        _check_epsilon(self)

    def rule(
        self, w: Array, g: Array, slots: Slots, t: int, learning_rate: float
    ) -> tuple[Array, Slots]:
        (v,) = slots
        v = self.beta * v + (1 - self.beta) * np.square(g)
        return w - learning_rate * g / (np.sqrt(v) + self.epsilon), (v,)


@dataclass(frozen=True)
class Adam:
    """m = β₁ m + (1 − β₁) g; v = β₂ v + (1 − β₂) g²; w − lr m̂ / (√v̂ + ε).

    m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) undo the start at 0. Kingma and Ba (2015),
    Algorithm 1. TensorFlow and Keras add ε to the root of the *uncorrected* v (the "epsilon
    hat" of the paper's section 2), which at t = 1 weighs ε 31.6 times as much.
    """

    learning_rate: float | Schedule = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    slot_names: ClassVar[tuple[str, ...]] = ("m", "v")

    def __post_init__(self) -> None:
        _check_rate(self)
        _check_beta(self, "beta_1")
        _check_beta(self, "beta_2")
        _check_epsilon(self)

    def rule(
        self, w: Array, g: Array, slots: Slots, t: int, learning_rate: float
    ) -> tuple[Array, Slots]:
        m, v = slots
        m = self.beta_1 * m + (1 - self.beta_1) * g
        v = self.beta_2 * v + (1 - self.beta_2) * np.square(g)
        m_hat = m / (1 - self.beta_1**t)
        v_hat = v / (1 - self.beta_2**t)
        return w - learning_rate * m_hat / (np.sqrt(v_hat) + self.epsilon), (m, v)


Optimizer: TypeAlias = SGD | SGDM | Adagrad | RMSProp | Adam


def update(
    optimizer: Optimizer, w: Array, g: Array, slots: Slots, t: int, learning_rate: float
) -> tuple[Array, Slots]:
    """Apply the optimizer's rule, to one block of long vectors after the other.

    A rule reads and writes its vectors several times; in blocks that fit the cache it meets
    them there, and the formula can stay a formula. The result has the same bits.
    """
    if w.size <= BLOCK:
        return optimizer.rule(w, g, slots, t, learning_rate)
    w_new, slots_new = np.empty_like(w), tuple(np.empty_like(s) for s in slots)
    for start in range(0, w.size, BLOCK):
        block = slice(start, start + BLOCK)
        w_new[block], parts = optimizer.rule(
            w[block], g[block], tuple(s[block] for s in slots), t, learning_rate
        )
        for slot, part in zip(slots_new, parts, strict=True):
            slot[block] = part
    return w_new, slots_new


BLOCK = 128 * 1024
"""Elements a block: 512 KiB of float32."""

# Freed at once. Having seen so large a block freed, glibc's allocator keeps the memory that a step
# frees for the next one, and the system need not hand out its pages, zeroed, at every step.
np.empty(31 * 2**20, np.uint8)
