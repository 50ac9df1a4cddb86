"""Losses: the value, and the gradient by the prediction."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from refnn.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    SigmoidCrossentropy,
    SoftmaxCrossentropy,
)
from refnn.typing import Array
from tftwin.check.task import EXTREME, ORDINARY, TIES, Draw, Named, Task

Y_TRUE = Named("y_true", "(N, C)", "the targets")
Y_PRED = Named("y_pred", "(N, C)", "the predictions")
LOGITS = Named("logits", "(N, C)", "the network's output, before softmax or sigmoid")
PROBABILITIES = Named("y_pred", "(N, C)", "the probabilities")
YES = Named("y_true", "(N, C)", "the targets: numbers from 0 to 1")
CLASSES = Named("y_true", "(N, C)", "the targets: each row is a distribution")

Pair = tuple[Array, Array]


def any_numbers(draw: Draw) -> Pair:
    """Return targets and predictions of a regression; of the ties some are equal."""
    rng, shape = draw.rng(), (draw.sizes.N, draw.sizes.C)
    if draw.flavour == TIES:
        return draw.array(rng.integers(-3, 4, shape) / 8), draw.array(
            rng.integers(-3, 4, shape) / 8
        )
    scale = 1e4 if draw.flavour == EXTREME else 1.0
    return draw.array(scale * rng.standard_normal(shape)), draw.array(
        scale * rng.standard_normal(shape)
    )


def distributions(draw: Draw) -> Array:
    """Return targets whose rows sum to 1 exactly: two thirds one-hot, the rest of 64ths."""
    rng, (n, _, _, c) = draw.rng(), draw.sizes
    hard = np.eye(c)[rng.integers(c, size=n)]
    soft = np.floor(64 * rng.dirichlet(np.ones(c), size=n)) / 64
    soft[:, 0] += 1 - soft.sum(axis=1)
    return draw.array(np.where(rng.random((n, 1)) < 2 / 3, hard, soft))


def classes_and_logits(draw: Draw) -> Pair:
    """Return distributions and logits."""
    rng = np.random.default_rng(draw.seed + 1)
    scale = 1000.0 if draw.flavour == EXTREME else 2.0
    z = scale * rng.standard_normal((draw.sizes.N, draw.sizes.C))
    return distributions(draw), draw.array(z)


def classes_and_probabilities(draw: Draw) -> Pair:
    """Return distributions and probabilities; the extreme ones hold zeros and ones."""
    rng, (n, _, _, c) = np.random.default_rng(draw.seed + 1), draw.sizes
    p = rng.dirichlet(np.ones(c), size=n)
    p = (p + 0.02) / (1 + 0.02 * c)
    if draw.flavour == EXTREME:
        p = np.eye(c)[rng.integers(c, size=n)]
    return distributions(draw), draw.array(p)


def yes_and_logits(draw: Draw) -> Pair:
    """Return targets from 0 to 1, half of them 0 or 1, and logits."""
    rng, shape = draw.rng(), (draw.sizes.N, draw.sizes.C)
    hard, share = rng.integers(2, size=shape), rng.integers(65, size=shape) / 64
    y = np.where(rng.random(shape) < 0.5, hard, share)
    scale = 400.0 if draw.flavour == EXTREME else 2.0
    return draw.array(y), draw.array(scale * rng.standard_normal(shape))


def yes_and_probabilities(draw: Draw) -> Pair:
    """Return targets from 0 to 1, and probabilities; the extreme ones are 0 and 1."""
    y, z = yes_and_logits(draw)
    p = 1 / (1 + np.exp(-np.clip(z, -4, 4)))
    return y, draw.array(np.round(p) if draw.flavour == EXTREME else p)


def _arguments(pair: Callable[[Draw], Pair], prediction: str, draw: Draw) -> dict[str, Any]:
    y_true, y_pred = pair(draw)
    return {"y_true": y_true, prediction: y_pred}


def _value(loss: Loss, y_true: Any, **prediction: Any) -> tuple[Any, ...]:
    (y_pred,) = prediction.values()
    return (loss.value(y_true, y_pred),)


def _gradient(loss: Loss, y_true: Any, **prediction: Any) -> tuple[Any, ...]:
    (y_pred,) = prediction.values()
    return (loss.gradient(y_true, y_pred),)


def _tasks(
    name: str,
    loss: Loss,
    arguments: tuple[Named, Named],
    pair: Callable[[Draw], Pair],
    flavours: tuple[str, ...],
    value: str,
    gradient: str,
) -> list[Task]:
    draw = partial(_arguments, pair, arguments[1].name)
    of = "logits" if arguments[1] is LOGITS else "y_pred"
    return [
        Task(
            name,
            "losses",
            arguments,
            (Named("loss", "a number", "the loss of the batch"),),
            partial(_value, loss),
            draw,
            flavours,
            value,
        ),
        Task(
            f"{name}_gradient",
            "losses",
            arguments,
            (Named("gradient", "(N, C)", f"∂loss/∂{of}"),),
            partial(_gradient, loss),
            draw,
            flavours,
            gradient,
        ),
    ]


TASKS = [
    *_tasks(
        "mean_squared_error",
        MeanSquaredError(),
        (Y_TRUE, Y_PRED),
        any_numbers,
        (ORDINARY, TIES),
        "Σ (y_pred − y_true)² / (N C)",
        "2 (y_pred − y_true) / (N C)",
    ),
    *_tasks(
        "mean_absolute_error",
        MeanAbsoluteError(),
        (Y_TRUE, Y_PRED),
        any_numbers,
        (ORDINARY, TIES),
        "Σ |y_pred − y_true| / (N C)",
        "sign(y_pred − y_true) / (N C)",
    ),
    *_tasks(
        "binary_crossentropy",
        BinaryCrossentropy(),
        (YES, PROBABILITIES),
        yes_and_probabilities,
        (ORDINARY, EXTREME),
        "−Σ (y ln c + (1 − y) ln(1 − c)) / (N C), with c = clip(p, 1e-7, 1 − 1e-7)",
        "((1 − y) / (1 − c) − y / c) / (N C); 0 where clipped",
    ),
    *_tasks(
        "sigmoid_crossentropy",
        SigmoidCrossentropy(),
        (YES, LOGITS),
        yes_and_logits,
        (ORDINARY, EXTREME),
        "Σ (max(z, 0) − z y + ln(1 + e^(−|z|))) / (N C)",
        "(σ(z) − y) / (N C)",
    ),
    *_tasks(
        "categorical_crossentropy",
        CategoricalCrossentropy(),
        (CLASSES, PROBABILITIES),
        classes_and_probabilities,
        (ORDINARY, EXTREME),
        "−Σ y ln c / N, with c = clip(p / Σ p, 1e-7, 1 − 1e-7)",
        "−y / (c N), through p / Σ p; 0 where clipped",
    ),
    *_tasks(
        "softmax_crossentropy",
        SoftmaxCrossentropy(),
        (CLASSES, LOGITS),
        classes_and_logits,
        (ORDINARY, EXTREME),
        "−Σ y ln softmax(z) / N",
        "(softmax(z) − y) / N",
    ),
]
