"""The seven rules, and the exponential decay."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp
from refnn.schedules import ExponentialDecay
from tftwin.check.task import EXTREME, FIRST, ORDINARY, Draw, Named, Task
from tftwin.lockstep.roundoff import Rounded

W = Named("w", "(D,)", "the parameters")
G = Named("g", "(D,)", "the gradient")
M = Named("m", "(D,)", "the moving average of g")
V = Named("v", "(D,)", "the memory of g²")
T = Named("t", "a whole number", "1 at the first update")
LR = Named("learning_rate", "a number", "the rate of this update")
BETA = Named("beta", "a number", "how much of the average stays")
BETAS = (
    Named("beta_1", "a number", "how much of m stays"),
    Named("beta_2", "a number", "how much of v stays"),
)
EPSILON = Named("epsilon", "a number", "ε")
DECAY = Named("momentum_decay", "a number", "ψ")


def numbers(draw: Draw) -> dict[str, Any]:
    """Return everything that any rule takes: of a state from the middle of a run, or the first.

    Some gradients are about as small as ε and √ε. Then the place of ε shows.
    """
    rng, size = draw.rng(), draw.sizes.D * draw.sizes.M
    epsilon = float(rng.choice([1e-7, 1e-3, 0.1]))
    scale = rng.choice([1.0, 1.0, 0.03, np.sqrt(epsilon), epsilon], size)
    if draw.flavour == EXTREME:
        scale = rng.choice([1e-9, 1e-6, 1e4], size)
    g, m, old = (scale * rng.standard_normal(size) for _ in range(3))
    first = draw.flavour == FIRST
    return {
        "w": draw.array(rng.standard_normal(size)),
        "g": draw.array(g),
        "m": draw.array(0 * m if first else m),
        "v": draw.array(0 * old if first else np.square(old)),
        "t": 1 if first else int(rng.integers(2, 40)),
        "learning_rate": float(rng.choice([0.1, 0.01, 0.3])),
        "beta": float(rng.choice([0.9, 0.8, 0.5])),
        "beta_1": float(rng.choice([0.9, 0.8])),
        "beta_2": float(rng.choice([0.999, 0.95])),
        "epsilon": epsilon,
        "momentum_decay": float(rng.choice([0.004, 0.05])),
    }


def _given(names: tuple[str, ...], draw: Draw) -> dict[str, Any]:
    values = numbers(draw)
    return {name: values[name] for name in names}


def _rule(
    make: Callable[..., Any],
    slots: tuple[str, ...],
    w: Any,
    g: Any,
    learning_rate: float,
    t: int = 1,
    **given: Any,
) -> tuple[Any, ...]:
    """Apply refnn's rule, made with the hyper-parameters among what is given."""
    memory = tuple(given.pop(name) for name in slots)
    after, kept = make(learning_rate, **given).rule(w, g, memory, t, learning_rate)
    return after, *kept


def _task(
    name: str,
    make: Callable[..., Any],
    slots: tuple[Named, ...],
    more: tuple[Named, ...],
    text: str,
) -> Task:
    arguments = (W, G, *slots, *((T,) if name in ("adam", "nadam") else ()), LR, *more)
    return Task(
        name,
        "rules",
        arguments,
        (W, *slots),
        partial(_rule, make, tuple(slot.name for slot in slots)),
        partial(_given, tuple(a.name for a in arguments)),
        (ORDINARY, FIRST, EXTREME) if slots else (ORDINARY, EXTREME),
        text,
        elementwise=True,
    )


def _decay_arguments(draw: Draw) -> dict[str, Any]:
    rng = draw.rng()
    first = draw.flavour == FIRST
    return {
        "step": 0 if first else int(rng.integers(1, 60)),
        "initial_learning_rate": float(rng.choice([0.2, 0.1, 1.0])),
        "decay_rate": float(rng.choice([0.99, 0.5, 0.9])),
        "decay_steps": int(rng.integers(3, 9)),
        "staircase": bool(rng.integers(2)),
    }


def _decay(step: int, **options: Any) -> tuple[Any, ...]:
    """The exponent e has a rounding, which e ln r carries into the power; the rest has four."""
    schedule = ExponentialDecay(**options)
    rate, u = np.float64(schedule(step)), 2.0**-53
    exponent = step / schedule.decay_steps
    roundings = 4 + 3 * abs(exponent * np.log(schedule.decay_rate))
    return (Rounded(rate, rate * u * roundings, u),)


TASKS = [
    _task("sgd", SGD, (), (), "w − lr g"),
    _task("momentum", SGDM, (M,), (BETA,), "m = β m + (1 − β) g; w − lr m"),
    _task("nesterov", Nesterov, (M,), (BETA,), "m = β m + (1 − β) g; w − lr (β m + (1 − β) g)"),
    _task("adagrad", Adagrad, (V,), (EPSILON,), "v = v + g²; w − lr g / (√v + ε)"),
    _task("rmsprop", RMSProp, (V,), (BETA, EPSILON), "v = β v + (1 − β) g²; w − lr g / (√v + ε)"),
    _task(
        "adam",
        Adam,
        (M, V),
        (*BETAS, EPSILON),
        "m = β₁ m + (1 − β₁) g; v = β₂ v + (1 − β₂) g²; m̂ = m / (1 − β₁ᵗ); v̂ = v / (1 − β₂ᵗ); "
        "w − lr m̂ / (√v̂ + ε)",
    ),
    _task(
        "nadam",
        Nadam,
        (M, V),
        (*BETAS, EPSILON, DECAY),
        "m, v, v̂ as in adam; μₜ = β₁ (1 − ½ · 0.96^(ψ t)); m̂ = μₜ₊₁ m / (1 − μ₁ ⋯ μₜ₊₁) + "
        "(1 − μₜ) g / (1 − μ₁ ⋯ μₜ); w − lr m̂ / (√v̂ + ε)",
    ),
    Task(
        "exponential_decay",
        "schedules",
        (
            Named("step", "a whole number", "updates done before this one, 0 at the first"),
            Named("initial_learning_rate", "a number", "lr₀"),
            Named("decay_rate", "a number", "r"),
            Named("decay_steps", "a whole number", "s"),
            Named("staircase", "True or False", "whether the exponent is rounded down"),
        ),
        (Named("learning_rate", "a number", "the rate of this step"),),
        _decay,
        _decay_arguments,
        (ORDINARY, FIRST),
        "lr₀ r^(step / s)",
    ),
]
