"""The formulas of the seven rules, for the numbers of one parameter: memory, move, new value."""

from collections.abc import Callable, Iterator
from typing import Any

from refnn import optimizers
from refnn.network import Parameter
from tftwin.microscope.expressions import Tree, const, ref
from tftwin.microscope.sources import line
from tftwin.microscope.tensors import Tensor

LETTERS = ("i", "j")


class Names:
    """The references of one parameter: w, g, its memory before, and its numbers after."""

    def __init__(self, parameter: Parameter) -> None:
        self.name = parameter.name
        self.layer = parameter.layer
        letters = LETTERS if parameter.is_weight else LETTERS[1:]
        self.indices: dict[str, int | str] = dict(zip(letters, parameter.shape, strict=True))

    def of(self, prefix: str, suffix: str = "") -> Tree:
        """Return the reference to a tensor of this parameter, at the same place."""
        return ref(f"{prefix}{self.name}{suffix}", *self.indices)

    @property
    def g(self) -> Tree:
        """The gradient, with the penalty's part."""
        return self.of("d")

    def tensor(
        self, prefix: str, kind: str, formula: Tree, rule: Any, text: str, note: str,
        suffix: str = "", derived: bool = False,
    ) -> Tensor:  # fmt: skip
        """Return one of its tensors; ``text`` stands in the line of the rule that computes it."""
        return Tensor(
            f"{prefix}{self.name}{suffix}", kind, "update", self.indices, self.layer, formula,
            line(rule, text), note, derived,
        )  # fmt: skip


LR = ref("lr")


def tensors(optimizer: Any, parameter: Parameter) -> Iterator[Tensor]:
    """Yield the tensors from the gradient of a parameter to its new value."""
    names = Names(parameter)
    make = FORMULAS.get(type(optimizer))
    if make is None:
        yield from _own(optimizer, names)
        return
    yield from make(optimizer, names)


def scalars(optimizer: Any) -> Iterator[Tensor]:
    """Yield the numbers of a step that all parameters share."""
    if type(optimizer) not in (optimizers.Adam, optimizers.Nadam):
        return
    t, rule = ref("t_update"), type(optimizer).rule
    b2 = const("β₂", optimizer.beta_2)
    if type(optimizer) is optimizers.Adam:
        b1 = const("β₁", optimizer.beta_1)
        yield Tensor(
            "1−β₁ᵗ", "scalar", "update", {}, None, ["sub", 1, ["pow", b1, t]],
            line(rule, "m_hat ="), "m started at 0: this is the share of it that is filled.",
            derived=True,
        )  # fmt: skip
    yield Tensor(
        "1−β₂ᵗ", "scalar", "update", {}, None, ["sub", 1, ["pow", b2, t]],
        line(rule, "v_hat ="), "v started at 0: this is the share of it that is filled.",
        derived=True,
    )  # fmt: skip


def _average(names: Names, optimizer: Any, beta: float, symbol: str) -> Tensor:
    """m = β m + (1 − β) g."""
    formula = [
        "add",
        ["mul", const(symbol, beta), names.of("m ")],
        ["mul", const(f"1 − {symbol}", 1 - beta), names.g],
    ]
    return names.tensor(
        "m ", "slot", formula, type(optimizer).rule, "m = ",
        "A moving average of the gradient: it forgets by β in each step.", "'",
    )  # fmt: skip


def _square_average(names: Names, optimizer: Any, beta: float, symbol: str) -> Tensor:
    """v = β v + (1 − β) g²."""
    formula = [
        "add",
        ["mul", const(symbol, beta), names.of("v ")],
        ["mul", const(f"1 − {symbol}", 1 - beta), ["square", names.g]],
    ]
    return names.tensor(
        "v ", "slot", formula, type(optimizer).rule, "v = ",
        "A moving average of g²: how large the gradient has been.", "'",
    )  # fmt: skip


def _root(names: Names, optimizer: Any, v: Tree) -> Tensor:
    formula = ["add", ["sqrt", v], const("ε", optimizer.epsilon)]
    return names.tensor(
        "root ", "move", formula, type(optimizer).rule, "return w",
        "The usual size of the gradient; ε keeps the division away from 0.", derived=True,
    )  # fmt: skip


def _move(names: Names, optimizer: Any, formula: Tree, note: str) -> Iterator[Tensor]:
    rule = type(optimizer).rule
    yield names.tensor("move ", "move", formula, rule, "return w", note, derived=True)
    yield names.tensor(
        "", "parameter", ["sub", names.of(""), names.of("move ")], rule, "return w",
        "The gradient points uphill, so the move is subtracted.", "'",
    )  # fmt: skip


def _sgd(optimizer: Any, names: Names) -> Iterator[Tensor]:
    yield from _move(names, optimizer, ["mul", LR, names.g], "As far as the gradient is steep.")


def _momentum(optimizer: Any, names: Names) -> Iterator[Tensor]:
    yield _average(names, optimizer, optimizer.beta, "β")
    move = ["mul", LR, names.of("m ", "'")]
    yield from _move(names, optimizer, move, "Along the average of the gradients, not the last.")


def _nesterov(optimizer: Any, names: Names) -> Iterator[Tensor]:
    beta = optimizer.beta
    yield _average(names, optimizer, beta, "β")
    ahead = [
        "add",
        ["mul", const("β", beta), names.of("m ", "'")],
        ["mul", const("1 − β", 1 - beta), names.g],
    ]
    yield names.tensor(
        "ahead ", "move", ahead, type(optimizer).rule, "return w",
        "The average that m would be if g came once more.", derived=True,
    )  # fmt: skip
    move = ["mul", LR, names.of("ahead ")]
    yield from _move(names, optimizer, move, "Along the average one step ahead.")


def _over_root(names: Names, top: Tree) -> Tree:
    return ["div", ["mul", LR, top], names.of("root ")]


def _adagrad(optimizer: Any, names: Names) -> Iterator[Tensor]:
    formula = ["add", names.of("v "), ["square", names.g]]
    yield names.tensor(
        "v ", "slot", formula, type(optimizer).rule, "v = ",
        "The sum of all g² so far: it only grows, so the moves only shrink.", "'",
    )  # fmt: skip
    yield _root(names, optimizer, names.of("v ", "'"))
    yield from _move(names, optimizer, _over_root(names, names.g), "The gradient over its size.")


def _rmsprop(optimizer: Any, names: Names) -> Iterator[Tensor]:
    yield _square_average(names, optimizer, optimizer.beta, "β")
    yield _root(names, optimizer, names.of("v ", "'"))
    yield from _move(names, optimizer, _over_root(names, names.g), "The gradient over its size.")


def _adam(optimizer: Any, names: Names) -> Iterator[Tensor]:
    rule = type(optimizer).rule
    yield _average(names, optimizer, optimizer.beta_1, "β₁")
    yield _square_average(names, optimizer, optimizer.beta_2, "β₂")
    yield names.tensor(
        "mhat ", "move", ["div", names.of("m ", "'"), ref("1−β₁ᵗ")], rule, "m_hat = ",
        "m over the share of it that is filled.", derived=True,
    )  # fmt: skip
    yield from _second_moment(optimizer, names)
    yield from _move(
        names, optimizer, _over_root(names, names.of("mhat ")),
        "The average gradient over its usual size: about lr, whatever the size of the gradient.",
    )  # fmt: skip


def _second_moment(optimizer: Any, names: Names) -> Iterator[Tensor]:
    yield names.tensor(
        "vhat ", "move", ["div", names.of("v ", "'"), ref("1−β₂ᵗ")], type(optimizer).rule,
        "v_hat = ", "v over the share of it that is filled.", derived=True,
    )  # fmt: skip
    yield _root(names, optimizer, names.of("vhat "))


def _nadam(optimizer: Any, names: Names) -> Iterator[Tensor]:
    rule = type(optimizer).rule
    yield _average(names, optimizer, optimizer.beta_1, "β₁")
    yield _square_average(names, optimizer, optimizer.beta_2, "β₂")
    ahead = ["div", ["mul", ref("μₜ₊₁"), names.of("m ", "'")], ref("1−μ₁⋯μₜ₊₁")]
    now = ["div", ["mul", ref("1−μₜ"), names.g], ref("1−μ₁⋯μₜ")]
    yield names.tensor(
        "mhat ", "move", ["add", ahead, now], rule, "m_hat = ",
        "Nesterov's look-ahead: the average of the next step, with this gradient.", derived=True,
    )  # fmt: skip
    yield from _second_moment(optimizer, names)
    yield from _move(
        names, optimizer, _over_root(names, names.of("mhat ")),
        "The average gradient, one step ahead, over its usual size.",
    )  # fmt: skip


def _own(optimizer: Any, names: Names) -> Iterator[Tensor]:
    name = type(optimizer).__name__
    note = f"{name} is a rule of your own: its formula is in your code."
    slots = [f"{slot} " for slot in optimizer.slot_names]
    parts = [names.of(""), names.g, *(names.of(slot) for slot in slots)]
    for prefix, kind in [*((slot, "slot") for slot in slots), ("", "parameter")]:
        yield Tensor(
            f"{prefix}{names.name}'", kind, "update", names.indices, names.layer,
            ["call", f"{name}.rule", *parts], None, note,
        )  # fmt: skip


FORMULAS: dict[type, Callable[[Any, Names], Iterator[Tensor]]] = {
    optimizers.SGD: _sgd,
    optimizers.SGDM: _momentum,
    optimizers.Nesterov: _nesterov,
    optimizers.Adagrad: _adagrad,
    optimizers.RMSProp: _rmsprop,
    optimizers.Adam: _adam,
    optimizers.Nadam: _nadam,
}


def momenta(optimizer: optimizers.Nadam, t: int) -> dict[str, float]:
    """Return the numbers of Nadam's schedule that its m̂ takes at update t."""
    return {
        "μₜ₊₁": optimizer.momentum(t + 1),
        "1−μₜ": 1 - optimizer.momentum(t),
        "1−μ₁⋯μₜ₊₁": 1 - optimizer.product(t + 1),
        "1−μ₁⋯μₜ": 1 - optimizer.product(t),
    }
