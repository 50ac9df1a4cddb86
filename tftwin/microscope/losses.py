"""The formulas of the losses: the numbers on the way, the value, the gradient by the output."""

from collections.abc import Callable, Iterator
from typing import Any

from refnn import losses
from refnn.losses import Loss
from tftwin.microscope.activations import softmax_of
from tftwin.microscope.expressions import Tree, const, ref, summed
from tftwin.microscope.sources import Line, line
from tftwin.microscope.tensors import Tensor

N, T = ref("N"), ref("t", "n", "j")
LOW, HIGH = const("10⁻⁷", losses.CLIP), const("1 − 10⁻⁷", 1 - losses.CLIP)


def tensors(loss: Loss, y: str, width: int) -> Iterator[Tensor]:
    """Yield the tensors from the output of this name to ∂loss/∂output."""
    make = FORMULAS.get(type(loss), _own)
    yield from make(loss, y, width)


def _value(formula: Tree, where: Line | None, note: str) -> Tensor:
    return Tensor("data", "loss", "loss", {}, None, formula, where, note)


def _gradient(y: str, width: int, formula: Tree, where: Line | None, note: str) -> Tensor:
    indices: dict[str, int | str] = {"n": "N", "j": width}
    return Tensor(f"d{y}", "upstream", "backward", indices, int(y[1:]), formula, where, note)


def _on_the_way(
    name: str, indices: dict[str, int | str], formula: Tree, where: Line, note: str
) -> Tensor:
    return Tensor(name, "loss", "loss", indices, None, formula, where, note, derived=True)


def _over_all(width: int, body: Tree) -> Tree:
    return summed("n", "N", summed("j", width, body))


def _share(width: int) -> Tree:
    """1 / (N K): refnn multiplies by it, and so has TensorFlow's bits."""
    return ["div", 1, ["mul", N, const("K", width)]]


def _squared(loss: Any, y: str, width: int) -> Iterator[Tensor]:
    d = ["sub", ref(y, "n", "j"), T]
    both = losses.MeanSquaredError.value_and_gradient
    where = line(both, "return")
    yield _value(
        ["div", _over_all(width, ["square", d]), ["mul", N, const("K", width)]],
        where,
        "The mean over all N K numbers.",
    )
    yield _gradient(
        y, width, ["mul", _share(width), ["mul", 2, d]], where,
        "The square brings the 2, the mean brings 1 / (N K).",
    )  # fmt: skip


def _absolute(loss: Any, y: str, width: int) -> Iterator[Tensor]:
    d = ["sub", ref(y, "n", "j"), T]
    where = line(losses.MeanAbsoluteError.value_and_gradient, "return")
    yield _value(
        ["div", _over_all(width, ["abs", d]), ["mul", N, const("K", width)]],
        where,
        "The mean over all N K numbers.",
    )
    yield _gradient(
        y, width, ["mul", _share(width), ["sign", d]], where,
        "Only the side counts, not the distance; 0 where they are equal.",
    )  # fmt: skip


def _asymmetric(loss: losses.Asymmetric, y: str, width: int) -> Iterator[Tensor]:
    cost, profit = const("cost", loss.cost), const("profit", loss.profit)
    p = ref(y, "n", "j")
    above = [">", p, T]
    yield _value(
        _over_all(
            width,
            ["where", above, ["mul", cost, ["sub", p, T]], ["mul", profit, ["sub", T, p]]],
        ),
        line(losses.Asymmetric.value, "return"),
        "A sum: each unit too many loses its cost, each unit too few its profit.",
    )
    yield _gradient(
        y, width, ["where", above, cost, ["neg", profit]],
        line(losses.Asymmetric.gradient, "return"), "The slope on each side.",
    )  # fmt: skip


def _softmax(loss: Any, y: str, width: int) -> Iterator[Tensor]:
    kind = losses.SoftmaxCrossentropy
    both = kind.value_and_gradient

    def z(j: str) -> Tree:
        return ["sub", ref(y, "n", j), ["max", "l", width, ref(y, "n", "l")]]

    yield _on_the_way(
        "p", {"n": "N", "j": width}, softmax_of(y, width), line(both, "return"),
        "Softmax: positive numbers with sum 1. Subtracting the largest logit changes nothing, "
        "and nothing overflows.",
    )  # fmt: skip
    log_sum = ["log", summed("k", width, ["exp", z("k")])]
    yield _on_the_way(
        "losses", {"n": "N"},
        summed("j", width, ["mul", T, ["sub", log_sum, z("j")]]),
        line(both, "value = "), "−Σ t ln p of one row; ln p = z − ln Σ e^z.",
    )  # fmt: skip
    yield _value(["div", summed("n", "N", ref("losses", "n")), N],
                 line(both, "value = "), "The mean over the batch.")  # fmt: skip
    yield _gradient(
        y, width, ["mul", ["div", 1, N], ["sub", ref("p", "n", "j"), T]], line(both, "return"),
        "p − t: the derivative of softmax has cancelled against that of the logarithm. 1/N is the "
        "mean's.",
    )  # fmt: skip


def _sigmoid(loss: Any, y: str, width: int) -> Iterator[Tensor]:
    kind, z = losses.SigmoidCrossentropy, ref(y, "n", "j")
    yield _on_the_way(
        "p", {"n": "N", "j": width}, ["sigmoid", z], line(kind.gradient, "return"),
        "The probability of a yes.",
    )  # fmt: skip
    softplus = ["log1p", ["exp", ["neg", ["abs", z]]]]
    element = ["add", ["sub", ["maximum", z, 0], ["mul", z, T]], softplus]
    yield _value(
        ["div", _over_all(width, element), ["mul", N, const("K", width)]],
        line(kind.per_sample, "elements = "),
        "−(t ln p + (1 − t) ln(1 − p)), written so that nothing overflows; the mean over all.",
    )
    yield _gradient(
        y, width, ["mul", _share(width), ["sub", ref("p", "n", "j"), T]],
        line(kind.gradient, "return"), "p − t: the derivative of σ has cancelled.",
    )  # fmt: skip


def _binary(loss: Any, y: str, width: int) -> Iterator[Tensor]:
    kind, p = losses.BinaryCrossentropy, ref(y, "n", "j")
    indices: dict[str, int | str] = {"n": "N", "j": width}
    yield _on_the_way("c", indices, ["clip", p, LOW, HIGH], line(kind.gradient, "c = "),
                      "Clipped, so that no logarithm meets a 0.")  # fmt: skip
    c = ref("c", "n", "j")
    element = ["add", ["mul", T, ["log", c]], ["mul", ["sub", 1, T], ["log", ["sub", 1, c]]]]
    yield _value(
        ["div", ["neg", _over_all(width, element)], ["mul", N, const("K", width)]],
        line(kind.per_sample, "elements = "), "The mean over all N K numbers.",
    )  # fmt: skip
    slope = ["sub", ["mul", ["sub", 1, T], ["div", 1, ["sub", 1, c]]], ["mul", T, ["div", 1, c]]]
    yield _gradient(
        y, width, ["where", ["inside", p, LOW, HIGH], ["mul", _share(width), slope], 0],
        line(kind.gradient, "dc = "), "0 where p was clipped: there c does not move with p.",
    )  # fmt: skip


def _categorical(loss: Any, y: str, width: int) -> Iterator[Tensor]:
    kind, p = losses.CategoricalCrossentropy, ref(y, "n", "j")
    indices: dict[str, int | str] = {"n": "N", "j": width}
    gradient = kind.gradient
    yield _on_the_way("s", {"n": "N"}, summed("j", width, p), line(gradient, "s = "),
                      "The sum of a row: 1, but for roundings.")  # fmt: skip
    yield _on_the_way("q", indices, ["div", p, ref("s", "n")], line(gradient, "q = "),
                      "The row, divided by its sum.")  # fmt: skip
    q = ref("q", "n", "j")
    logs = summed("j", width, ["mul", T, ["log", ["clip", q, LOW, HIGH]]])
    yield _on_the_way("losses", {"n": "N"}, ["neg", logs], line(kind.per_sample, "return"),
                      "−Σ t ln c of one row, with c = clip(q).")  # fmt: skip
    yield _value(["div", summed("n", "N", ref("losses", "n")), N],
                 line(kind.value, "return"), "The mean over the batch.")  # fmt: skip

    def slope(j: str) -> Tree:
        at, q = ref("t", "n", j), ref("q", "n", j)
        clipped = ["clip", q, LOW, HIGH]
        dc = ["mul", ["mul", ["div", 1, N], ["neg", at]], ["div", 1, clipped]]
        return ["where", ["inside", q, LOW, HIGH], dc, 0]

    dq = Tensor(
        "dq", "upstream", "backward", indices, None, slope("j"), line(gradient, "dq = "),
        "−t / (c N); 0 where q was clipped.", derived=True,
    )  # fmt: skip
    yield dq
    share = summed(
        "k", width,
        ["mul", ref("dq", "n", "k"), ["div", ["neg", ref("q", "n", "k")], ref("s", "n")]],
    )  # fmt: skip
    yield _gradient(
        y, width, ["add", ["div", ref("dq", "n", "j"), ref("s", "n")], share],
        line(gradient, "return"), "Through q = p / Σ p: every q of a row depends on every p.",
    )  # fmt: skip


def _own(loss: Any, y: str, width: int) -> Iterator[Tensor]:
    name = type(loss).__name__
    note = f"{name} is a loss of your own: its formula is in your code."
    yield _value(["call", f"{name}.value", ref("t", "n", "j"), ref(y, "n", "j")], None, note)
    yield _gradient(
        y, width, ["call", f"{name}.gradient", T, ref(y, "n", "j")], None, note
    )  # fmt: skip


FORMULAS: dict[type, Callable[[Any, str, int], Iterator[Tensor]]] = {
    losses.MeanSquaredError: _squared,
    losses.MeanAbsoluteError: _absolute,
    losses.Asymmetric: _asymmetric,
    losses.SoftmaxCrossentropy: _softmax,
    losses.SigmoidCrossentropy: _sigmoid,
    losses.BinaryCrossentropy: _binary,
    losses.CategoricalCrossentropy: _categorical,
}
