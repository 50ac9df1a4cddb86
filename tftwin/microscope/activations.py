"""The formulas of the activations: f(x), and ∂loss/∂x as the upstream gradient times f'(x)."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from refnn import activations
from refnn.activations import Function
from tftwin.microscope.expressions import Tree, const, ref, summed
from tftwin.microscope.sources import Line, last_line, line

Formula: TypeAlias = tuple[Tree, Tree, tuple[str, str], str]
"""f(x), f'(x), how their lines begin, a reason."""


class Pair(NamedTuple):
    """f(x), and ∂loss/∂x, with their lines and a reason."""

    forward: Tree
    backward: Tree
    lines: tuple[Line | None, Line | None]
    note: str


def formulas(function: Function, x: str, y: str, dy: str, width: int) -> Pair:
    """Return the formulas at the place [n, j], from the tensors of these names."""
    at = ref(x, "n", "j"), ref(y, "n", "j"), ref(dy, "n", "j")
    kind = type(function)
    if kind is activations.Softmax:
        return _softmax(x, y, dy, width)
    if kind not in ELEMENTWISE:
        name = kind.__name__
        return Pair(
            ["call", f"{name}.forward", at[0]],
            ["call", f"{name}.backward", at[2], at[0], at[1]],
            (last_line(function.forward), last_line(function.backward)),
            f"{name} is a function of your own: its formula is in your code.",
        )
    forward, slope, texts, note = ELEMENTWISE[kind](function, at[0], at[1])
    lines = line(function.forward, texts[0]), line(function.backward, texts[1])
    return Pair(forward, ["chain", at[2], slope], lines, note)


def _identity(f: Function, x: Tree, y: Tree) -> Formula:
    return x, 1, ("return x", "return dy"), "The slope is 1 everywhere."


def _sigmoid(f: Function, x: Tree, y: Tree) -> Formula:
    return (
        ["sigmoid", x],
        ["mul", y, ["sub", 1, y]],
        ("return np.where", "return dy"),
        "σ' = σ (1 − σ): at most ¼, and close to 0 where y is close to 0 or 1.",
    )


def _tanh(f: Function, x: Tree, y: Tree) -> Formula:
    return (
        ["tanh", x],
        ["sub", 1, ["mul", y, y]],
        ("return np.tanh", "return dy"),
        "tanh' = 1 − y²: 1 at y = 0, and close to 0 where y is close to ±1.",
    )


def _relu(f: Function, x: Tree, y: Tree) -> Formula:
    return (
        ["maximum", x, 0],
        ["where", [">", x, 0], 1, 0],
        ("return np.maximum", "return dy"),
        "The slope is 1 where x > 0, else 0: a unit that is off passes nothing back.",
    )


def _leaky_relu(f: activations.LeakyRelu, x: Tree, y: Tree) -> Formula:
    alpha = const("α", f.alpha)
    return (
        ["where", [">", x, 0], x, ["mul", alpha, x]],
        ["where", [">", x, 0], 1, alpha],
        ("return np.where", "return np.where"),
        "The slope is 1 where x > 0, else α: a unit that is off still passes a little back.",
    )


def _elu(f: activations.Elu, x: Tree, y: Tree) -> Formula:
    alpha = const("α", f.alpha)
    return (
        ["where", [">", x, 0], x, ["mul", alpha, ["expm1", ["minimum", x, 0]]]],
        ["where", [">", x, 0], 1, ["add", y, alpha]],
        ("return np.where", "return np.where"),
        "Below 0 the slope is α eˣ, which is y + α.",
    )


def _selu(f: activations.Selu, x: Tree, y: Tree) -> Formula:
    scale, both = const("λ", f.scale), const("λ α", f.scale_alpha)
    return (
        ["where", [">=", x, 0], ["mul", scale, x], ["mul", both, ["expm1", ["minimum", x, 0]]]],
        ["where", [">=", x, 0], scale, ["add", y, both]],
        ("return np.where", "return np.where"),
        "λ and α are chosen so that mean 0 and variance 1 stay so from layer to layer.",
    )


def _softplus(f: Function, x: Tree, y: Tree) -> Formula:
    return (
        ["add", ["maximum", x, 0], ["log1p", ["exp", ["neg", ["abs", x]]]]],
        ["sigmoid", x],
        ("return np.maximum", "return dy"),
        "ln(1 + eˣ), written so that it cannot overflow; its slope is σ(x).",
    )


ELEMENTWISE: dict[type, Callable[[Any, Tree, Tree], Formula]] = {
    activations.Identity: _identity,
    activations.Sigmoid: _sigmoid,
    activations.Tanh: _tanh,
    activations.Relu: _relu,
    activations.LeakyRelu: _leaky_relu,
    activations.Elu: _elu,
    activations.Selu: _selu,
    activations.Softplus: _softplus,
}


def softmax_of(x: str, width: int) -> Tree:
    """Return e^(x_j − max x) / Σ_k e^(x_k − max x) at the place [n, j]."""

    def e(j: str) -> Tree:
        return ["exp", ["sub", ref(x, "n", j), ["max", "l", width, ref(x, "n", "l")]]]

    return ["div", e("j"), summed("k", width, e("k"))]


def _softmax(x: str, y: str, dy: str, width: int) -> Pair:
    share = summed("k", width, ["mul", ref(dy, "n", "k"), ref(y, "n", "k")])
    kind = activations.Softmax
    return Pair(
        softmax_of(x, width),
        ["mul", ["sub", ref(dy, "n", "j"), share], ref(y, "n", "j")],
        (line(kind.forward, "return e"), line(kind.backward, "return (dy")),
        "Every output of a row depends on every input of it, because they share the sum.",
    )
