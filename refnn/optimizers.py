"""Optimizers: seven rules on vectors.

``rule(w, g, slots, t, lr)`` takes the parameters w, the gradient g, the optimizer's memory (slots,
all 0 at the start), the number t = 1, 2, … of this update, and its learning rate. It returns the
new w and the new slots. w, g and each slot are vectors of one length.

ε stands outside the root in all four rules that have one. The tutorial's own formula has ε = 0: it
divides 0 by 0 if a gradient is 0 in the first step. Scalars such as 1 − β and βᵗ are Python floats:
they are rounded to the dtype of the arrays only where they meet one.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, TypeAlias

import numpy as np

from refnn.checks import Checked, NotNegative, Share
from refnn.schedules import Rate
from refnn.state import State
from refnn.typing import Array, Slots

Updated: TypeAlias = tuple[Array, Slots]
"""The new w (n,), and the new slots, (n,) each."""


@dataclass(frozen=True)
class SGD(Checked):
    """w − lr g.

    Guide: step.
    """

    learning_rate: Rate = 0.01
    slot_names: ClassVar[tuple[str, ...]] = ()

    def rule(self, w: Array, g: Array, slots: Slots, t: int, lr: float) -> Updated:
        return w - lr * g, ()


@dataclass(frozen=True)
class SGDM(Checked):
    """Momentum as a moving average: m = β m + (1 − β) g; w − lr m.

    Keras, PyTorch and Sutskever et al. (2013) have no (1 − β): at β = 0.9 they move ten times as
    far with the same learning rate.

    Guide: momentum, momentum-step.
    """

    learning_rate: Rate = 0.01
    beta: Share = 0.9
    slot_names: ClassVar[tuple[str, ...]] = ("m",)

    def rule(self, w: Array, g: Array, slots: Slots, t: int, lr: float) -> Updated:
        (m,) = slots
        m = self.beta * m + (1 - self.beta) * g
        return w - lr * m, (m,)


@dataclass(frozen=True)
class Nesterov(Checked):
    """Momentum that looks ahead: m = β m + (1 − β) g; w − lr (β m + (1 − β) g).

    The step is the one that m would make if g came once more. Nesterov (1983); Sutskever, Martens,
    Dahl, Hinton (2013), section 2. Keras' ``SGD(lr, momentum=β, nesterov=True)`` has no (1 − β):
    at a constant rate it makes the same steps with (1 − β) lr. At a rate that decays, the two
    differ: Keras keeps old rates in its memory.

    Guide: nesterov-step.
    """

    learning_rate: Rate = 0.01
    beta: Share = 0.9
    slot_names: ClassVar[tuple[str, ...]] = ("m",)

    def rule(self, w: Array, g: Array, slots: Slots, t: int, lr: float) -> Updated:
        (m,) = slots
        m = self.beta * m + (1 - self.beta) * g
        return w - lr * (self.beta * m + (1 - self.beta) * g), (m,)


@dataclass(frozen=True)
class Adagrad(Checked):
    """v = v + g²; w − lr g / (√v + ε).

    Duchi, Hazan, Singer (2011); PyTorch and MLX start v at 0 too. TensorFlow, Keras and optax start
    it at 0.1; Keras 3 and optax put ε inside the root.

    Guide: adagrad, adaptive-step.
    """

    learning_rate: Rate = 0.01
    epsilon: NotNegative = 1e-7
    slot_names: ClassVar[tuple[str, ...]] = ("v",)

    def rule(self, w: Array, g: Array, slots: Slots, t: int, lr: float) -> Updated:
        (v,) = slots
        v = v + np.square(g)
        return w - lr * g / (np.sqrt(v) + self.epsilon), (v,)


@dataclass(frozen=True)
class RMSProp(Checked):
    """v = β v + (1 − β) g²; w − lr g / (√v + ε).

    Tieleman and Hinton, *Neural Networks for Machine Learning*, lecture 6 (2012). Keras 3,
    TensorFlow and optax (by default) put ε inside the root. PyTorch and MLX have it outside, with
    β = 0.99; so has Keras 2's legacy optimizer without momentum.

    Guide: rmsprop.
    """

    learning_rate: Rate = 0.001
    beta: Share = 0.9
    epsilon: NotNegative = 1e-7
    slot_names: ClassVar[tuple[str, ...]] = ("v",)

    def rule(self, w: Array, g: Array, slots: Slots, t: int, lr: float) -> Updated:
        (v,) = slots
        v = self.beta * v + (1 - self.beta) * np.square(g)
        return w - lr * g / (np.sqrt(v) + self.epsilon), (v,)


@dataclass(frozen=True)
class Adam(Checked):
    """m = β₁ m + (1 − β₁) g; v = β₂ v + (1 − β₂) g²; w − lr m̂ / (√v̂ + ε).

    m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) correct for the start at 0. Kingma and Ba (2015),
    Algorithm 1. TensorFlow and Keras add ε to the root of the *uncorrected* v (the "epsilon hat"
    of the paper's section 2). At t = 1 this gives ε 31.6 times the weight. MLX leaves out
    both corrections by default.

    Guide: adam-m, adam-v, adam-m-hat, adam-v-hat, adam-step.
    """

    learning_rate: Rate = 0.001
    beta_1: Share = 0.9
    beta_2: Share = 0.999
    epsilon: NotNegative = 1e-7
    slot_names: ClassVar[tuple[str, ...]] = ("m", "v")

    def rule(self, w: Array, g: Array, slots: Slots, t: int, lr: float) -> Updated:
        m, v = slots
        m = self.beta_1 * m + (1 - self.beta_1) * g
        v = self.beta_2 * v + (1 - self.beta_2) * np.square(g)
        m_hat = m / (1 - self.beta_1**t)
        v_hat = v / (1 - self.beta_2**t)
        return w - lr * m_hat / (np.sqrt(v_hat) + self.epsilon), (m, v)


@dataclass(frozen=True)
class Nadam(Checked):
    """Adam with Nesterov's look-ahead: w − lr m̂ / (√v̂ + ε), with m, v and v̂ of Adam.

    m̂ = μₜ₊₁ m / (1 − μ₁ ⋯ μₜ₊₁) + (1 − μₜ) g / (1 − μ₁ ⋯ μₜ). The momentum μₜ grows from β₁/2
    towards β₁: μₜ = β₁ (1 − ½ · 0.96^(ψ t)), where ψ is ``momentum_decay``.

    Dozat, *Incorporating Nesterov Momentum into Adam* (2016), has ψ = 1/250, and so has PyTorch. In
    Keras 3 the exponent is t: ψ = 1. optax' ``nadam`` has no warm-up: μₜ = β₁.

    Guide: nadam-momentum, nadam-m-hat.
    """

    learning_rate: Rate = 0.001
    beta_1: Share = 0.9
    beta_2: Share = 0.999
    epsilon: NotNegative = 1e-7
    momentum_decay: NotNegative = 0.004
    slot_names: ClassVar[tuple[str, ...]] = ("m", "v")

    def rule(self, w: Array, g: Array, slots: Slots, t: int, lr: float) -> Updated:
        m, v = slots
        m = self.beta_1 * m + (1 - self.beta_1) * g
        v = self.beta_2 * v + (1 - self.beta_2) * np.square(g)
        ahead = self.momentum(t + 1) * m / (1 - self.product(t + 1))
        m_hat = ahead + (1 - self.momentum(t)) * g / (1 - self.product(t))
        v_hat = v / (1 - self.beta_2**t)
        return w - lr * m_hat / (np.sqrt(v_hat) + self.epsilon), (m, v)

    def momentum(self, t: int) -> float:
        """Return μₜ."""
        decay: float = 0.96 ** (self.momentum_decay * t)
        return self.beta_1 * (1 - 0.5 * decay)

    def product(self, t: int) -> float:
        """Return μ₁ ⋯ μₜ, or a number below 2⁻⁶⁰ instead of a smaller one."""
        known, last = self._products, len(self._products) - 1
        product: float = known[min(t, last)] * self.beta_1 ** max(t - last, 0)
        return product

    @cached_property
    def _products(self) -> list[float]:
        """μ₁ ⋯ μₜ for t = 0, 1, …: until nothing is left of it, or every further μ is β₁."""
        products, t = [1.0], 1
        while products[-1] > 2**-60 and self.momentum(t) < self.beta_1:
            products.append(products[-1] * self.momentum(t))
            t += 1
        return products


Optimizer: TypeAlias = SGD | SGDM | Nesterov | Adagrad | RMSProp | Adam | Nadam

BLOCK = 128 * 1024
"""Elements of a block: 512 KiB of float32."""


def update(optimizer: Optimizer, state: State, gradient: Array, learning_rate: float) -> State:
    """Return the state after one application of the rule; ``gradient`` (size,) is ordered as θ.

    A rule reads and writes its vectors several times. Long vectors meet it in blocks that fit the
    cache, so that the formula can stay a formula. The bits are the same. ``state`` is not changed.
    """
    w, slots, step = state
    t = step + 1
    if w.size <= BLOCK:
        return State(*optimizer.rule(w, gradient, slots, t, learning_rate), t)
    after = State(np.empty_like(w), tuple(np.empty_like(slot) for slot in slots), t)
    for start in range(0, w.size, BLOCK):
        block = slice(start, start + BLOCK)
        before = tuple(slot[block] for slot in slots)
        after.theta[block], parts = optimizer.rule(
            w[block], gradient[block], before, t, learning_rate
        )
        for slot, part in zip(after.slots, parts, strict=True):
            slot[block] = part
    return after
