"""The seven rules on TensorFlow variables, in the tutorial's form: ``assign`` and ``assign_sub``.

``rule(w, g, slots, lr, …)`` changes w and the slots, which are variables of one shape, and returns
them. As in refnn, a number that depends on t is a Python float. ``corrections(t)`` computes it, and
``rule`` takes it in the place of t: so one compiled step serves every t.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, TypeAlias

from refnn import checks, guards
from refnn.state import State
from refnn.typing import Array
from tftwin.schedules import Schedule
from tftwin.tensorflow import tf
from tftwin.typing import Tensor, Variable

Slots: TypeAlias = tuple[Variable, ...]
Result: TypeAlias = tuple[Variable, Slots]


@dataclass(frozen=True)
class SGD:
    """w − lr g."""

    learning_rate: float | Schedule = 0.01
    slot_names: ClassVar[tuple[str, ...]] = ()

    def corrections(self, t: int) -> tuple[float, ...]:
        return ()

    def rule(self, w: Variable, g: Tensor, slots: Slots, lr: Tensor) -> Result:
        w.assign_sub(lr * g)
        return w, slots


@dataclass(frozen=True)
class SGDM:
    """m = β m + (1 − β) g; w − lr m."""

    learning_rate: float | Schedule = 0.01
    beta: float = 0.9
    slot_names: ClassVar[tuple[str, ...]] = ("m",)

    def corrections(self, t: int) -> tuple[float, ...]:
        return ()

    def rule(self, w: Variable, g: Tensor, slots: Slots, lr: Tensor) -> Result:
        (m,) = slots
        m.assign(self.beta * m + (1 - self.beta) * g)
        w.assign_sub(lr * m)
        return w, slots


@dataclass(frozen=True)
class Nesterov:
    """m = β m + (1 − β) g; w − lr (β m + (1 − β) g)."""

    learning_rate: float | Schedule = 0.01
    beta: float = 0.9
    slot_names: ClassVar[tuple[str, ...]] = ("m",)

    def corrections(self, t: int) -> tuple[float, ...]:
        return ()

    def rule(self, w: Variable, g: Tensor, slots: Slots, lr: Tensor) -> Result:
        (m,) = slots
        m.assign(self.beta * m + (1 - self.beta) * g)
        w.assign_sub(lr * (self.beta * m + (1 - self.beta) * g))
        return w, slots


@dataclass(frozen=True)
class Adagrad:
    """v = v + g²; w − lr g / (√v + ε)."""

    learning_rate: float | Schedule = 0.01
    epsilon: float = 1e-7
    slot_names: ClassVar[tuple[str, ...]] = ("v",)

    def corrections(self, t: int) -> tuple[float, ...]:
        return ()

    def rule(self, w: Variable, g: Tensor, slots: Slots, lr: Tensor) -> Result:
        (v,) = slots
        v.assign(v + tf.square(g))
        w.assign_sub(lr * g / (tf.sqrt(v) + self.epsilon))
        return w, slots


@dataclass(frozen=True)
class RMSProp:
    """v = β v + (1 − β) g²; w − lr g / (√v + ε)."""

    learning_rate: float | Schedule = 0.001
    beta: float = 0.9
    epsilon: float = 1e-7
    slot_names: ClassVar[tuple[str, ...]] = ("v",)

    def corrections(self, t: int) -> tuple[float, ...]:
        return ()

    def rule(self, w: Variable, g: Tensor, slots: Slots, lr: Tensor) -> Result:
        (v,) = slots
        v.assign(self.beta * v + (1 - self.beta) * tf.square(g))
        w.assign_sub(lr * g / (tf.sqrt(v) + self.epsilon))
        return w, slots


@dataclass(frozen=True)
class Adam:
    """m = β₁ m + (1 − β₁) g; v = β₂ v + (1 − β₂) g²; w − lr m̂ / (√v̂ + ε)."""

    learning_rate: float | Schedule = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    slot_names: ClassVar[tuple[str, ...]] = ("m", "v")

    def corrections(self, t: int) -> tuple[float, ...]:
        return 1 - self.beta_1**t, 1 - self.beta_2**t

    def rule(
        self,
        w: Variable,
        g: Tensor,
        slots: Slots,
        lr: Tensor,
        m_correction: Tensor,
        v_correction: Tensor,
    ) -> Result:
        m, v = slots
        m.assign(self.beta_1 * m + (1 - self.beta_1) * g)
        v.assign(self.beta_2 * v + (1 - self.beta_2) * tf.square(g))
        m_hat = m / m_correction
        v_hat = v / v_correction
        w.assign_sub(lr * m_hat / (tf.sqrt(v_hat) + self.epsilon))
        return w, slots


@dataclass(frozen=True)
class Nadam:
    """m, v and v̂ of Adam; w − lr m̂ / (√v̂ + ε) with Nesterov's m̂.

    m̂ = μₜ₊₁ m / (1 − μ₁ ⋯ μₜ₊₁) + (1 − μₜ) g / (1 − μ₁ ⋯ μₜ); μₜ = β₁ (1 − ½ · 0.96^(ψ t)).
    """

    learning_rate: float | Schedule = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    momentum_decay: float = 0.004
    slot_names: ClassVar[tuple[str, ...]] = ("m", "v")

    def corrections(self, t: int) -> tuple[float, ...]:
        ahead, here = self.momentum(t + 1), 1 - self.momentum(t)
        products = 1 - self.product(t + 1), 1 - self.product(t)
        return ahead, here, *products, 1 - self.beta_2**t

    def rule(
        self,
        w: Variable,
        g: Tensor,
        slots: Slots,
        lr: Tensor,
        m_factor: Tensor,
        g_factor: Tensor,
        m_correction: Tensor,
        g_correction: Tensor,
        v_correction: Tensor,
    ) -> Result:
        m, v = slots
        m.assign(self.beta_1 * m + (1 - self.beta_1) * g)
        v.assign(self.beta_2 * v + (1 - self.beta_2) * tf.square(g))
        m_hat = m_factor * m / m_correction + g_factor * g / g_correction
        v_hat = v / v_correction
        w.assign_sub(lr * m_hat / (tf.sqrt(v_hat) + self.epsilon))
        return w, slots

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
        """The products up to the one of which nothing is left, or behind which every μ is β₁."""
        products = [1.0]
        while products[-1] > 2**-60 and self.momentum(len(products)) < self.beta_1:
            products.append(products[-1] * self.momentum(len(products)))
        return products


Optimizer: TypeAlias = SGD | SGDM | Nesterov | Adagrad | RMSProp | Adam | Nadam


def update(optimizer: Optimizer, state: State, gradient: Array, learning_rate: float) -> State:
    """Return the state after one application of the rule, eagerly; ``gradient`` is (size,)."""
    example = "tftwin.twin(refnn.SGD())"
    checks.provides("optimizer", optimizer, example, "rule", "corrections", "slot_names")
    guards.check_update(optimizer, state, gradient)
    rate = checks.number("learning_rate", learning_rate, "a number of at least 0", lambda r: r >= 0)
    t, dtype = state.step + 1, state.theta.dtype
    w, *slots = (tf.Variable(vector) for vector in (state.theta, *state.slots))
    scalars = (tf.constant(s, dtype) for s in (rate, *optimizer.corrections(t)))
    optimizer.rule(w, tf.constant(gradient), tuple(slots), *scalars)
    return State(w.numpy(), tuple(slot.numpy() for slot in slots), t)
