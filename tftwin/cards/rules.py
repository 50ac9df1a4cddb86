"""Cards of the rules and of the exponential decay: forms and mistakes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refnn.schedules import ExponentialDecay
from tftwin.cards.card import MEASURED
from tftwin.cards.makers import FORM, adagrad, adam, decay, momentum, rmsprop, sgd
from tftwin.lockstep.roundoff import Rounded


def sgd_uphill(w: Any, g: Any, learning_rate: float) -> Any:
    """w + lr g."""
    return (w + learning_rate * g,)


def sgd_without_rate(w: Any, g: Any, learning_rate: float) -> Any:
    """w − g."""
    return (w - g,)


def _move(w: Any, m: Any, lr: float) -> Any:
    return w - lr * m, m


def momentum_swapped(w: Any, g: Any, m: Any, learning_rate: float, beta: float) -> Any:
    """(1 − β) m + β g."""
    return _move(w, (1 - beta) * m + beta * g, learning_rate)


def momentum_old(w: Any, g: Any, m: Any, learning_rate: float, beta: float) -> Any:
    """The weights move by the old m."""
    return w - learning_rate * m, beta * m + (1 - beta) * g


def momentum_ignored(w: Any, g: Any, m: Any, learning_rate: float, beta: float) -> Any:
    """The weights move by g."""
    return w - learning_rate * g, beta * m + (1 - beta) * g


def momentum_lerp(w: Any, g: Any, m: Any, learning_rate: float, beta: float) -> Any:
    """m + (1 − β)(g − m)."""
    return _move(w, m + (1 - beta) * (g - m), learning_rate)


def _adaptive(w: Any, g: Any, v: Any, lr: float, epsilon: float) -> Any:
    return w - lr * g / (np.sqrt(v) + epsilon), v


def adagrad_forgets(w: Any, g: Any, v: Any, learning_rate: float, epsilon: float) -> Any:
    """v = g²."""
    return _adaptive(w, g, np.square(g), learning_rate, epsilon)


def adagrad_without_root(w: Any, g: Any, v: Any, learning_rate: float, epsilon: float) -> Any:
    """w − lr g / (v + ε)."""
    v = v + np.square(g)
    return w - learning_rate * g / (v + epsilon), v


def adagrad_old(w: Any, g: Any, v: Any, learning_rate: float, epsilon: float) -> Any:
    """The weights move by the old v."""
    return _adaptive(w, g, v, learning_rate, epsilon)[0], v + np.square(g)


def adagrad_unsquared(w: Any, g: Any, v: Any, learning_rate: float, epsilon: float) -> Any:
    """v = v + |g|."""
    return _adaptive(w, g, v + np.abs(g), learning_rate, epsilon)


def rmsprop_swapped(
    w: Any, g: Any, v: Any, learning_rate: float, beta: float, epsilon: float
) -> Any:
    """(1 − β) v + β g²."""
    return _adaptive(w, g, (1 - beta) * v + beta * np.square(g), learning_rate, epsilon)


def rmsprop_sums(w: Any, g: Any, v: Any, learning_rate: float, beta: float, epsilon: float) -> Any:
    """β v + g²: the factor 1 − β is missing."""
    return _adaptive(w, g, beta * v + np.square(g), learning_rate, epsilon)


def rmsprop_without_root(
    w: Any, g: Any, v: Any, learning_rate: float, beta: float, epsilon: float
) -> Any:
    """w − lr g / (v + ε)."""
    v = beta * v + (1 - beta) * np.square(g)
    return w - learning_rate * g / (v + epsilon), v


def rmsprop_old(w: Any, g: Any, v: Any, learning_rate: float, beta: float, epsilon: float) -> Any:
    """The weights move by the old v."""
    after = beta * v + (1 - beta) * np.square(g)
    return _adaptive(w, g, v, learning_rate, epsilon)[0], after


class _Adam:
    """Adam with its choices left open; the defaults are refnn's."""

    def __init__(
        self,
        power: Callable[[float, int], float] = lambda beta, t: 1 - beta**t,
        corrected: tuple[bool, bool] = (True, True),
        inside: bool = False,
        swapped: bool = False,
        crossed: bool = False,
        root: bool = True,
        mean: bool = True,
        unsquared: bool = False,
    ) -> None:
        self.power, self.corrected, self.inside, self.swapped = power, corrected, inside, swapped
        self.crossed, self.root, self.mean, self.unsquared = crossed, root, mean, unsquared

    def __call__(
        self, w: Any, g: Any, m: Any, v: Any, t: int, learning_rate: float, beta_1: float,
        beta_2: float, epsilon: float,
    ) -> Any:  # fmt: skip
        b1, b2 = (beta_2, beta_1) if self.swapped else (beta_1, beta_2)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * (np.abs(g) if self.unsquared else np.square(g))
        c1, c2 = self.power(b1, t), self.power(b2, t)
        if self.crossed:
            c1, c2 = c2, c1
        m_hat = (m if self.mean else g) / (c1 if self.corrected[0] else 1.0)
        v_hat = v / (c2 if self.corrected[1] else 1.0)
        if self.inside:
            return w - learning_rate * m_hat / np.sqrt(v_hat + epsilon), m, v
        root = np.sqrt(v_hat) if self.root else v_hat
        return w - learning_rate * m_hat / (root + epsilon), m, v


def adam_combined(
    w: Any, g: Any, m: Any, v: Any, t: int, learning_rate: float, beta_1: float, beta_2: float,
    epsilon: float,
) -> Any:  # fmt: skip
    """lr √(1 − β₂ᵗ) / (1 − β₁ᵗ), with ε √(1 − β₂ᵗ): the same values."""
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * np.square(g)
    root = float(np.sqrt(1 - beta_2**t))
    rate = learning_rate * root / (1 - beta_1**t)
    return w - rate * m / (np.sqrt(v) + epsilon * root), m, v


def _decay(change: Callable[[int, float, float, int, bool], float]) -> Any:
    def function(
        step: int,
        initial_learning_rate: float,
        decay_rate: float,
        decay_steps: int,
        staircase: bool,
    ) -> Any:
        rate = float(change(step, initial_learning_rate, decay_rate, decay_steps, staircase))
        u = 2.0**-53  # the exponent has three roundings, which its size carries into the power
        exponent = abs(np.log(rate / initial_learning_rate))
        return (Rounded(np.float64(rate), rate * u * (6 + 3 * exponent), u),)

    return function


def _refnn(step: int, lr: float, r: float, s: int, staircase: bool) -> float:
    return ExponentialDecay(lr, r, s, staircase)(step)


OLD = ("is the memory updated before the weights move?", "The new memory contains this gradient.")
SHARES = ("how much of the old memory stays?", "β is near 1: most of the memory stays.")
ROOT = (
    "what does the move do when all gradients double?",
    "The root gives v the unit of g: the move does not depend on the gradient's scale.",
)
START = ("what is the first move, at t = 1?", "m and v start at 0, so they are too small at first.")
BITS = "The same values in another form, and so other last bits."

CARDS = [
    sgd("sgd-uphill", sgd_uphill, "w + lr g", "The sign is wrong: the loss grows.",
        "in which direction does the loss fall?", "The gradient points uphill."),
    sgd("sgd-rate-missing", sgd_without_rate, "w − g", "The learning rate is missing.",
        "how far does a step go?", "The rate scales the step."),
    momentum("momentum-ema-form", momentum_lerp, "m + (1 − β)(g − m)",
             BITS, "are both forms rounded alike?",
             "A product and a sum in another order round differently.", source=MEASURED, **FORM),
    momentum("momentum-swapped", momentum_swapped, "m = (1 − β) m + β g",
             "β and 1 − β are swapped.",
             *SHARES),
    momentum("momentum-old", momentum_old, "w − lr m with the old m",
             "The weights move by the memory of before this gradient.", *OLD),
    momentum("momentum-unused", momentum_ignored, "w − lr g",
             "m is kept, but the weights move by g.", "which vector moves the weights?",
             "Momentum moves by the average."),
    adagrad("adagrad-forgets", adagrad_forgets, "v = g²", "v is not accumulated.",
            "does v remember the gradients before?", "Adagrad sums all squares."),
    adagrad("adagrad-root-missing", adagrad_without_root, "w − lr g / (v + ε)",
            "The root is missing.", *ROOT),
    adagrad("adagrad-old", adagrad_old, "w − lr g / (√v + ε) with the old v",
            "The weights move by the memory of before this gradient.", *OLD),
    adagrad("adagrad-square-missing", adagrad_unsquared, "v = v + |g|", "g is not squared.",
            "what is summed?", "Adagrad sums squares."),
    rmsprop("rmsprop-swapped", rmsprop_swapped, "v = (1 − β) v + β g²", "β and 1 − β are swapped.",
            *SHARES),
    rmsprop("rmsprop-factor-missing", rmsprop_sums, "v = β v + g²", "The factor 1 − β is missing.",
            "what is v when g² is always 1?", "An average has weights that sum to 1."),
    rmsprop("rmsprop-root-missing", rmsprop_without_root, "w − lr g / (v + ε)",
            "The root is missing.", *ROOT),
    rmsprop("rmsprop-old", rmsprop_old, "w − lr g / (√v + ε) with the old v",
            "The weights move by the memory of before this gradient.", *OLD),
    adam("adam-combined-correction", adam_combined,
         "w − lr √(1 − β₂ᵗ)/(1 − β₁ᵗ) m / (√v + ε √(1 − β₂ᵗ))",
         "The same values: both corrections stand in the rate, and ε is scaled too.",
         "are both forms rounded alike?", "Kingma and Ba, end of section 2.", **FORM),
    adam("adam-uncorrected", _Adam(corrected=(False, False)), "w − lr m / (√v + ε)",
         "Neither m nor v is corrected for its start at 0.", *START,
         kind="convention", who="MLX by default", source=MEASURED),
    adam("adam-m-uncorrected", _Adam(corrected=(False, True)), "m̂ = m",
         "m is not corrected for its start at 0.", *START),
    adam("adam-v-uncorrected", _Adam(corrected=(True, False)), "v̂ = v",
         "v is not corrected for its start at 0.", *START),
    adam("adam-t-plus-one", _Adam(power=lambda beta, t: 1 - beta ** (t + 1)),
         "1 − βᵗ⁺¹", "t is one too large in the corrections: the first update has t = 1.", *START,
         source=MEASURED),
    adam("adam-t-minus-one", _Adam(power=lambda beta, t: 1 - beta ** (t - 1) or np.nan),
         "1 − βᵗ⁻¹", "t is one too small: at the first update the correction divides by 0.",
         *START,
         source=MEASURED),
    adam("adam-t-ignored", _Adam(power=lambda beta, t: 1 - beta), "1 − β",
         "The corrections have β in the place of βᵗ.", "what is the correction at t = 1000?",
         "βᵗ goes to 0, and so the correction goes away."),
    adam("adam-t-times", _Adam(power=lambda beta, t: 1 - beta * t or np.nan), "1 − β t",
         "β is multiplied by t, and not raised to its power.",
         "what is the correction at t = 1000?",
         "βᵗ goes to 0, and so the correction goes away."),
    adam("adam-betas-swapped", _Adam(swapped=True), "β₁ and β₂ exchanged",
         "β₁ and β₂ are exchanged.", "which memory is the longer one?",
         "v remembers longer: β₂ = 0.999."),
    adam("adam-corrections-crossed", _Adam(crossed=True), "m̂ = m / (1 − β₂ᵗ), v̂ = v / (1 − β₁ᵗ)",
         "Each correction has the other one's β.", *START),
    adam("adam-epsilon-inside", _Adam(inside=True), "w − lr m̂ / √(v̂ + ε)",
         "ε stands inside the root, where it weighs √ε.", "what is the move where g is about ε?",
         "√(v + ε) is at least √ε."),
    adam("adam-root-missing", _Adam(root=False), "w − lr m̂ / (v̂ + ε)", "The root is missing.",
         *ROOT),
    adam("adam-mean-unused", _Adam(mean=False), "m̂ = g / (1 − β₁ᵗ)",
         "The weights move by g, and not by m.", "which vector moves the weights?",
         "Adam moves by the average m."),
    adam("adam-square-missing", _Adam(unsquared=True), "v = β₂ v + (1 − β₂) |g|",
         "g is not squared.", "what is averaged in v?", "v is the average of squares."),
    decay("decay-natural", _decay(lambda t, lr, r, s, c: lr * np.exp(-r * t / s)),
          "lr₀ e^(−r step / s)",
          "This is another law: r is in the exponent.", "what is the rate after s steps?",
          "After s steps the rate is r lr₀.", kind="convention", who="Keras 1, textbooks"),
    decay("decay-inverse", _decay(lambda t, lr, r, s, c: lr / (1 + r * t / s)),
          "lr₀ / (1 + r step / s)",
          "This is inverse-time decay.", "what is the rate after s steps?",
          "After s steps the rate is r lr₀.", kind="convention", who="InverseTimeDecay"),
    decay("decay-from-one", _decay(lambda t, lr, r, s, c: _refnn(t + 1, lr, r, s, c)),
          "lr₀ r^((step + 1) / s)", "The first update has step 0, and the rate lr₀.",
          "what is the first rate?", "The step counts the updates done before.", source=MEASURED),
    decay("decay-staircase-ignored", _decay(lambda t, lr, r, s, c: _refnn(t, lr, r, s, False)),
          "lr₀ r^(step / s), always smooth", "The staircase is ignored.",
          "is the exponent rounded down?",
          "A staircase holds the rate for s steps."),
    decay("decay-staircase-always", _decay(lambda t, lr, r, s, c: _refnn(t, lr, r, s, True)),
          "lr₀ r^⌊step / s⌋, always", "The exponent is always rounded down: // in the place of /.",
          "what is the rate between two stairs?",
          "Without a staircase the exponent is a fraction."),
    decay("decay-steps-ignored", _decay(lambda t, lr, r, s, c: lr * r**t), "lr₀ r^step",
          "s is ignored: the rate falls s times too fast.",
          "after how many steps is the rate r lr₀?",
          "The exponent is step / s."),
]  # fmt: skip
