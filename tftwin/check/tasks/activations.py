"""Activations: forward, the chain rule, and the bare derivative."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from refnn.activations import Elu, Function, LeakyRelu, Relu, Selu, Sigmoid, Softmax, Softplus, Tanh
from refnn.typing import Array
from tftwin.check.task import EXTREME, FIRST, FLAVOURS, TIES, Draw, Named, Output, Task
from tftwin.lockstep.roundoff import exact

X = Named("x", "(N, D)", "the input of the activation")
Y = Named("y", "(N, D)", "its output, f(x)")
DY = Named("dy", "(N, D)", "∂loss/∂y, the upstream gradient")
ALPHA = Named("alpha", "a number", "the slope below 0")
NO_START = tuple(flavour for flavour in FLAVOURS if flavour != FIRST)


def inputs(draw: Draw) -> tuple[Array, Array]:
    """Return x and dy of a draw, both (N, D)."""
    rng, shape = draw.rng(), (draw.sizes.N, draw.sizes.D)
    x = 2 * rng.standard_normal(shape)
    if draw.flavour == TIES:
        x = rng.integers(-8, 9, shape) / 8
        x.flat[:: max(1, x.size // 3)] = 0
    if draw.flavour == EXTREME:
        x = rng.choice([-1.0, 1.0], shape) * rng.choice([20.0, 90.0, 800.0, 3000.0], shape)
    return draw.array(x), draw.array(rng.standard_normal(shape))


def _arguments(function: Callable[..., Function], names: tuple[str, ...], draw: Draw) -> Any:
    x, dy = inputs(draw)
    options = {"alpha": float(draw.rng().choice([0.2, 0.01, 0.3]))} if "alpha" in names else {}
    given = {"x": x, "dy": dy} | options
    if "y" in names:
        with np.errstate(all="ignore"):
            given["y"] = Output.of(
                function(**options).forward(x), function(**options).forward(exact(x)).bound
            )
    return {name: given[name] for name in names}


def _forward(function: Callable[..., Function], x: Any, **options: float) -> tuple[Any, ...]:
    return (function(**options).forward(x),)


def _backward(function: Callable[..., Function], dy: Any, x: Any, y: Any, **options: float) -> Any:
    return (function(**options).backward(dy, x, y),)


def _derivative(function: Callable[..., Function], x: Any, y: Any, **options: float) -> Any:
    return (function(**options).backward(np.ones_like(x), x, y),)


def _tasks(
    name: str, function: Callable[..., Function], forward: str, slope: str, *more: Named
) -> list[Task]:
    options = tuple(m.name for m in more)
    elementwise = function is not Softmax
    tasks = [
        Task(
            name,
            "activations",
            (X, *more),
            (Named("y", "(N, D)", "f(x)"),),
            partial(_forward, function),
            partial(_arguments, function, ("x", *options)),
            NO_START,
            forward,
            elementwise,
        ),
        Task(
            f"{name}_backward",
            "activations",
            (DY, X, Y, *more),
            (Named("dx", "(N, D)", "∂loss/∂x"),),
            partial(_backward, function),
            partial(_arguments, function, ("dy", "x", "y", *options)),
            NO_START,
            f"dx = {slope}",
            elementwise,
        ),
    ]
    if elementwise:
        tasks.append(
            Task(
                f"{name}_derivative",
                "activations",
                (X, Y, *more),
                (Named("slope", "(N, D)", "f'(x)"),),
                partial(_derivative, function),
                partial(_arguments, function, ("x", "y", *options)),
                NO_START,
                f"f'(x) = {slope.removeprefix('dy · ')}",
                elementwise,
            )
        )
    return tasks


TASKS = [
    *_tasks("sigmoid", Sigmoid, "y = 1 / (1 + e⁻ˣ)", "dy · y (1 − y)"),
    *_tasks("tanh", Tanh, "y = tanh x", "dy · (1 − y²)"),
    *_tasks("relu", Relu, "y = max(x, 0)", "dy · (1 where x > 0, else 0)"),
    *_tasks(
        "leaky_relu",
        LeakyRelu,
        "y = x where x > 0, else α x",
        "dy · (1 where x > 0, else α)",
        ALPHA,
    ),
    *_tasks(
        "elu", Elu, "y = x where x > 0, else α (eˣ − 1)", "dy · (1 where x > 0, else y + α)", ALPHA
    ),
    *_tasks(
        "selu", Selu, "y = λ x where x ≥ 0, else λ α (eˣ − 1)", "dy · (λ where x ≥ 0, else y + λ α)"
    ),
    *_tasks("softplus", Softplus, "y = ln(1 + eˣ)", "dy · σ(x)"),
    *_tasks("softmax", Softmax, "yᵢ = e^(xᵢ) / Σⱼ e^(xⱼ)", "y ⊙ (dy − Σ dy ⊙ y)"),
]
