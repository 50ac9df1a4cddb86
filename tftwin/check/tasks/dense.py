"""A dense layer, dropout, and L2."""

from typing import Any

import numpy as np

from refnn.layers import Dense, Dropout
from refnn.regularizers import L2
from tftwin.check.task import ORDINARY, TIES, Draw, Named, Task

X = Named("x", "(N, D)", "the input")
W = Named("W", "(D, M)", "the weights")
B = Named("b", "(M,)", "the biases")
DY = Named("dy", "(N, M)", "∂loss/∂y, the upstream gradient")
INPUT = Named("x", "(N, D)", "the input")
UPSTREAM = Named("dy", "(N, D)", "∂loss/∂y, the upstream gradient")
KEPT = Named("kept", "(N, D)", "1 where a number is kept, 0 where it is dropped")
DROPPED = Named("rate", "a number", "the share that is dropped")
RATE = Named("rate", "a number", "λ")


def _given(draw: Draw, *names: str) -> dict[str, Any]:
    rng, (n, d, m, _) = draw.rng(), draw.sizes
    shapes = {"x": (n, d), "W": (d, m), "b": (m,), "dy": (n, m)}
    values = {k: draw.array(rng.standard_normal(shape)) for k, shape in shapes.items()}
    if draw.flavour == TIES:
        values = {k: draw.array(rng.integers(-8, 9, s) / 8) for k, s in shapes.items()}
    values["rate"] = float(rng.choice([0.01, 0.3, 0.1]))
    return {name: values[name] for name in names}


def _dropped(draw: Draw, name: str) -> dict[str, Any]:
    rng, shape = draw.rng(), (draw.sizes.N, draw.sizes.D)
    rate = float(rng.choice([0.2, 0.3, 0.6]))
    kept = draw.array(rng.random(shape) >= rate)
    kept.flat[:2] = 0, 1  # both in every draw
    return {name: draw.array(rng.standard_normal(shape)), "kept": kept, "rate": rate}


def _dropout(kept: Any, rate: float, **given: Any) -> tuple[Any, ...]:
    """The same forward and back: x, or dy, times the mask."""
    (x,) = given.values()
    layer = Dropout(rate)
    return (layer.forward(kept * layer.scale, x),)


def _theta(W: Any, b: Any) -> Any:
    return np.concatenate([W.reshape(-1), b])


def _forward(x: Any, W: Any, b: Any) -> tuple[Any, ...]:
    return (Dense(*W.shape).forward(_theta(W, b), x),)


def _backward(dy: Any, x: Any, W: Any) -> tuple[Any, ...]:
    layer = Dense(*W.shape)
    dW, db = layer.parameter_gradients(x, dy)
    return layer.input_gradient(W.reshape(-1), x, dy, dy), dW, db


def _penalty(W: Any, rate: float) -> tuple[Any, ...]:
    return (L2(rate).value([W]),)


def _gradient(W: Any, rate: float) -> tuple[Any, ...]:
    return (L2(rate).gradient(W),)


BOTH = (ORDINARY, TIES)

TASKS = [
    Task(
        "dense_forward",
        "dense",
        (X, W, B),
        (Named("y", "(N, M)", "the output"),),
        _forward,
        lambda draw: _given(draw, "x", "W", "b"),
        BOTH,
        "y = x W + b",
    ),
    Task(
        "dense_backward",
        "dense",
        (DY, X, W),
        (
            Named("dx", "(N, D)", "∂loss/∂x"),
            Named("dW", "(D, M)", "∂loss/∂W"),
            Named("db", "(M,)", "∂loss/∂b"),
        ),
        _backward,
        lambda draw: _given(draw, "dy", "x", "W"),
        BOTH,
        "dx = dy Wᵀ, dW = xᵀ dy, db = Σ dy over the batch",
    ),
    Task(
        "dropout",
        "dense",
        (INPUT, KEPT, DROPPED),
        (Named("y", "(N, D)", "the output in training"),),
        _dropout,
        lambda draw: _dropped(draw, "x"),
        (ORDINARY,),
        "y = x ⊙ kept / (1 − rate)",
        elementwise=True,
    ),
    Task(
        "dropout_backward",
        "dense",
        (UPSTREAM, KEPT, DROPPED),
        (Named("dx", "(N, D)", "∂loss/∂x"),),
        _dropout,
        lambda draw: _dropped(draw, "dy"),
        (ORDINARY,),
        "dx = dy ⊙ kept / (1 − rate)",
        elementwise=True,
    ),
    Task(
        "l2_penalty",
        "dense",
        (W, RATE),
        (Named("penalty", "a number", "what the loss gets"),),
        _penalty,
        lambda draw: _given(draw, "W", "rate"),
        BOTH,
        "λ ½ Σ w²",
    ),
    Task(
        "l2_gradient",
        "dense",
        (W, RATE),
        (Named("dW", "(D, M)", "∂penalty/∂W"),),
        _gradient,
        lambda draw: _given(draw, "W", "rate"),
        BOTH,
        "λ w",
        elementwise=True,
    ),
]
