"""Whole steps of a two-layer network: D inputs, M tanh units, C logits.

``step`` is refnn's step with its choices left open. Each choice that a person may take instead is
a value of ``Choices``; the defaults are refnn's, and a test holds them to ``refnn.train_step``.
"""

from typing import Any, NamedTuple

import numpy as np

from refnn.activations import Tanh
from refnn.losses import MeanSquaredError, SoftmaxCrossentropy
from tftwin.check.task import ORDINARY, Draw, Named, Task
from tftwin.check.tasks.losses import CLASSES, distributions


class Choices(NamedTuple):
    """What a person may do otherwise, one value for each question; the first ones are right."""

    loss: str = "softmax crossentropy"
    """Whose gradient; or "mean squared error" of the logits."""
    weights: str = "mean"
    """How dW is reduced over the batch: "sum", "twice" the mean (divided by N twice)."""
    biases: str = "mean"
    """How db is reduced: "sum", "twice", or the "first row" alone, or "kept": not at all summed."""
    output: str = "once"
    """Softmax' derivative at the output: also multiplied by p (1 − p) ("again")."""
    passed: str = "delta"
    """What goes to the hidden layer: "raw", the error without tanh'."""
    hidden: str = "from y"
    """tanh' at y; or "from z": tanh' of the wrong number; "missing square": 1 − y."""
    order: str = "all first"
    """All gradients before any update; or "update first": dx through the new W2."""
    penalty: str = "half"
    """λ w; or "whole": 2 λ w, "over rows": λ w / N, "biases" too, "minus", or "none"."""
    sign: str = "minus"
    """w − lr g; or "plus"."""


RIGHT = Choices()

X = Named("x", "(N, D)", "the batch")
PARAMETERS = (
    Named("W1", "(D, M)", "the weights of the hidden layer"),
    Named("b1", "(M,)", "its biases"),
    Named("W2", "(M, C)", "the weights of the output layer"),
    Named("b2", "(C,)", "its biases"),
)
RATES = (
    Named("learning_rate", "a number", "the rate"),
    Named("l2", "a number", "λ of the penalty λ ½ Σ W²"),
)


def gradients(
    x: Any,
    y: Any,
    W1: Any,
    b1: Any,
    W2: Any,
    b2: Any,
    choices: Choices = RIGHT,
    lr: float = 0.0,
    l2: float = 0.0,
) -> tuple[Any, ...]:
    """Return loss, dW1, db1, dW2, db2 of the data loss; the rates are those of "update first"."""
    f, n = Tanh(), len(x)
    z1 = x @ W1 + b1
    y1 = f.forward(z1)
    logits = y1 @ W2 + b2
    squared = choices.loss == "mean squared error"
    loss, dz2 = (MeanSquaredError() if squared else SoftmaxCrossentropy()).value_and_gradient(
        y, logits
    )
    if choices.output == "again":
        e = np.exp(logits - logits.max(axis=-1, keepdims=True))
        p = e / e.sum(axis=-1, keepdims=True)
        dz2 = dz2 * (p * (1 - p))
    dW2, db2 = _reduced(y1.T @ dz2, dz2, n, choices)
    through = _moved("W", W2, dW2, lr, l2, n, choices) if choices.order == "update first" else W2
    dy1 = dz2 @ through.T
    dz1 = {
        "from y": lambda: f.backward(dy1, z1, y1),
        "from z": lambda: f.backward(dy1, z1, z1),
        "missing square": lambda: dy1 * (1 - y1),
    }[choices.hidden]()
    if choices.passed == "raw":
        dz1 = dy1
    dW1, db1 = _reduced(x.T @ dz1, dz1, n, choices)
    return loss, dW1, db1, dW2, db2


def _reduced(dW: Any, dz: Any, n: int, choices: Choices) -> tuple[Any, Any]:
    """Return dW and db, reduced as the choices say; dz carries the 1/N of the mean already."""
    db = dz.sum(axis=0)
    dW = {"mean": dW, "sum": n * dW, "twice": dW / n}[choices.weights]
    if choices.biases == "first row":
        return dW, n * dz[0]
    return dW, {"mean": db, "sum": n * db, "twice": db / n}[choices.biases]


def update(
    x: Any,
    y: Any,
    W1: Any,
    b1: Any,
    W2: Any,
    b2: Any,
    learning_rate: float,
    l2: float,
    choices: Choices = RIGHT,
) -> tuple[Any, ...]:
    """Return W1, b1, W2, b2 after one step of SGD."""
    _, *found = gradients(x, y, W1, b1, W2, b2, choices, learning_rate, l2)
    parameters = zip(("W", "b", "W", "b"), (W1, b1, W2, b2), found, strict=True)
    rates = learning_rate, l2, len(x)
    return tuple(_moved(name, w, g, *rates, choices) for name, w, g in parameters)


def _moved(name: str, w: Any, g: Any, lr: float, l2: float, n: int, choices: Choices) -> Any:
    """Return a parameter after its update, with the penalty that the choices say."""
    if choices.penalty != "none" and (name == "W" or choices.penalty == "biases"):
        term = l2 * w
        term = {"whole": 2 * term, "over rows": term / n}.get(choices.penalty, term)
        g = g - term if choices.penalty == "minus" else g + term
    return w + lr * g if choices.sign == "plus" else w - lr * g


def _arguments(draw: Draw) -> dict[str, Any]:
    rng, (n, d, m, c) = np.random.default_rng(draw.seed + 2), draw.sizes
    shapes = {"x": (n, d), "W1": (d, m), "b1": (m,), "W2": (m, c), "b2": (c,)}
    values = {k: draw.array(rng.standard_normal(s)) for k, s in shapes.items()}
    return {"x": values.pop("x"), "y": distributions(draw)} | values


def _step_arguments(draw: Draw) -> dict[str, Any]:
    rng = draw.rng()
    rates = {"learning_rate": float(rng.choice([0.1, 0.5])), "l2": float(rng.choice([0.01, 0.3]))}
    return _arguments(draw) | rates


TARGETS = CLASSES._replace(name="y")

TASKS = [
    Task(
        "backpropagate",
        "steps",
        (X, TARGETS, *PARAMETERS),
        (
            Named("loss", "a number", "the mean softmax crossentropy of the batch"),
            *(Named(f"d{p.name}", p.shape, f"∂loss/∂{p.name}") for p in PARAMETERS),
        ),
        gradients,
        _arguments,
        (ORDINARY,),
        "y1 = tanh(x W1 + b1), logits = y1 W2 + b2, loss = mean softmax crossentropy; "
        "dz2 = (p − y) / N, dW2 = y1ᵀ dz2, db2 = Σ dz2, dz1 = dz2 W2ᵀ ⊙ (1 − y1²), dW1 = xᵀ dz1",
    ),
    Task(
        "train_step",
        "steps",
        (X, TARGETS, *PARAMETERS, *RATES),
        PARAMETERS,
        update,
        _step_arguments,
        (ORDINARY,),
        "backpropagate, then w − lr (dw + λ w) for W, and b − lr db for b",
    ),
]
