"""A model's tensors in the order of computation: the chain rule, written once as data."""

from collections.abc import Iterator
from typing import Any

from refnn.layers import Activation, Dense, Dropout
from refnn.optimizers import Nadam
from refnn.regularizers import L2
from refnn.training import Model, backpropagate
from tftwin.microscope import activations, losses, rules
from tftwin.microscope.expressions import Tree, added, const, ref, summed
from tftwin.microscope.sources import Line, line
from tftwin.microscope.tensors import Tensor

NOTES = {
    "dense": "Each unit weighs all inputs of the row, and adds its bias.",
    "dW": "A weight meets every row of the batch, so its gradient is a sum over the rows: the "
    "input that it multiplied, times the upstream gradient of the unit that it feeds. The mean's "
    "1/N is in the upstream gradient already.",
    "db": "A bias is added to every row, so its gradient is the sum of the upstream gradients.",
    "dx": "An input fed every unit of the layer, so it gets back from every unit: the sum over the "
    "columns of W. That is why W is transposed.",
    "L2": "The gradient of λ ½ w²: it pulls every weight towards 0.",
    "mask": "What was dropped is 0; the rest is scaled, so that the mean stays.",
}


def tensors(model: Model) -> list[Tensor]:
    """Return every tensor of a step, in the order in which the numbers come to be."""
    return [
        *_given(model),
        *_forward(model),
        *_loss(model),
        *_backward(model),
        *_update(model),
    ]


def widths(model: Model) -> list[int]:
    """Return the width of x and of each layer's output."""
    found = [model.network.inputs]
    for layer in model.network.layers:
        found.append(layer.outputs if isinstance(layer, Dense) else found[-1])
    return found


def output(number: int) -> str:
    """Return the name of a layer's output; layer 0 is the batch."""
    return f"y{number}" if number else "x"


def _given(model: Model) -> Iterator[Tensor]:
    network, size = model.network, widths(model)
    yield Tensor("x", "input", "before", {"n": "N", "j": size[0]}, note="The batch.")
    yield Tensor("t", "target", "before", {"n": "N", "j": size[-1]}, note="The targets.")
    for place, width, _ in network.dropouts:
        yield Tensor(
            f"mask{place + 1}", "mask", "before", {"n": "N", "j": width}, place + 1,
            note="Drawn for this batch: 0, or 1 / (1 − rate).",
        )  # fmt: skip
    for parameter in network.parameters:
        names = rules.Names(parameter)
        yield Tensor(
            parameter.name, "parameter", "before", names.indices, parameter.layer,
            note="As the step finds it.",
        )  # fmt: skip
        for slot in model.optimizer.slot_names:
            yield Tensor(
                f"{slot} {parameter.name}", "slot", "before", names.indices, parameter.layer,
                note="The optimizer's memory, as the step finds it; 0 at the start.",
            )  # fmt: skip


def _forward(model: Model) -> Iterator[Tensor]:
    size = widths(model)
    for number, layer in enumerate(model.network.layers, 1):
        x, y, width = output(number - 1), output(number), size[number]
        indices: dict[str, int | str] = {"n": "N", "j": width}
        where: Line | None
        if isinstance(layer, Dense):
            formula = summed(
                "i", size[number - 1], ["mul", ref(x, "n", "i"), ref(f"W{number}", "i", "j")]
            )
            text = "return z + self.bias" if layer.use_bias else "z = x @"
            if layer.use_bias:
                formula = ["add", formula, ref(f"b{number}", "j")]
            where, note = line(Dense.forward, text), NOTES["dense"]
        elif isinstance(layer, Activation):
            pair = activations.formulas(layer.function, x, y, f"d{y}", width)
            formula, where, note = pair.forward, pair.lines[0], pair.note
        else:
            formula = ["mul", ref(x, "n", "j"), ref(f"mask{number}", "n", "j")]
            where, note = line(Dropout.forward, "return x"), NOTES["mask"]
        yield Tensor(y, "output", "forward", indices, number, formula, where, note)


def _loss(model: Model) -> Iterator[Tensor]:
    last = len(model.network.layers)
    found = losses.tensors(model.loss, output(last), widths(model)[-1])
    yield from (tensor for tensor in found if tensor.phase == "loss")
    if model.regularizer is not None:
        yield Tensor(
            "penalty", "loss", "loss", {}, None, _penalty(model),
            line(L2.value, "return"), "A price on large weights, not on biases.",
        )  # fmt: skip
        yield Tensor(
            "total", "loss", "loss", {}, None, ["add", ref("data"), ref("penalty")],
            line(backpropagate, "return Gradients"), "What training minimises.",
        )  # fmt: skip


def _penalty(model: Model) -> Tree:
    regularizer: Any = model.regularizer
    halves = [
        ["div", summed("i", p.shape[0], summed("j", p.shape[1],
                ["square", ref(p.name, "i", "j")])), 2]
        for p in model.network.parameters if p.is_weight
    ]  # fmt: skip
    return ["mul", const("λ", regularizer.rate), added(*halves)]


def _backward(model: Model) -> Iterator[Tensor]:
    network, size = model.network, widths(model)
    last = len(network.layers)
    found = losses.tensors(model.loss, output(last), size[-1])
    yield from (tensor for tensor in found if tensor.phase == "backward")
    for number in range(last, 0, -1):
        layer, x, y, width = network.layers[number - 1], output(number - 1), output(number), 0
        width = size[number]
        if isinstance(layer, Dense):
            yield from _of_dense(model, layer, number)
        if number == 1:
            return
        indices: dict[str, int | str] = {"n": "N", "j": size[number - 1]}
        where: Line | None
        if isinstance(layer, Dense):
            formula = summed(
                "k", width, ["mul", ref(f"d{y}", "n", "k"), ref(f"W{number}", "j", "k")]
            )
            where, note = line(Dense.input_gradient, "return"), NOTES["dx"]
        elif isinstance(layer, Activation):
            pair = activations.formulas(layer.function, x, y, f"d{y}", width)
            formula, where, note = pair.backward, pair.lines[1], pair.note
        else:
            formula = ["chain", ref(f"d{y}", "n", "j"), ref(f"mask{number}", "n", "j")]
            where, note = line(Dropout.input_gradient, "return"), NOTES["mask"]
        yield Tensor(f"d{x}", "upstream", "backward", indices, number - 1, formula, where, note)


def _of_dense(model: Model, layer: Dense, number: int) -> Iterator[Tensor]:
    x, dy = output(number - 1), f"d{output(number)}"
    formula = summed("n", "N", ["mul", ref(x, "n", "i"), ref(dy, "n", "j")])
    gradients = Dense.parameter_gradients
    weights: dict[str, int | str] = {"i": layer.inputs, "j": layer.outputs}
    if model.regularizer is not None:
        rate = const("λ", model.regularizer.rate)
        yield Tensor(
            f"λW{number}", "move", "backward", weights, number,
            ["mul", rate, ref(f"W{number}", "i", "j")], line(L2.gradient, "return"), NOTES["L2"],
            derived=True,
        )  # fmt: skip
        formula = ["add", formula, ref(f"λW{number}", "i", "j")]
    yield Tensor(
        f"dW{number}", "gradient", "backward", weights, number, formula,
        line(gradients, "dW = "), NOTES["dW"],
    )  # fmt: skip
    if layer.use_bias:
        yield Tensor(
            f"db{number}", "gradient", "backward", {"j": layer.outputs}, number,
            summed("n", "N", ref(dy, "n", "j")), line(gradients, "return [dW"), NOTES["db"],
        )  # fmt: skip


def _update(model: Model) -> Iterator[Tensor]:
    optimizer = model.optimizer
    yield Tensor("lr", "scalar", "before", note="The learning rate of this step.")
    yield Tensor("t_update", "scalar", "before", note="The number of this update: 1 at the first.")
    yield Tensor("N", "scalar", "before", note="Rows of the batch.")
    if type(optimizer) is Nadam:
        for name in rules.momenta(optimizer, 1):
            yield Tensor(name, "scalar", "before", note="Of Nadam's schedule of the momentum.")
    yield from rules.scalars(optimizer)
    for parameter in model.network.parameters:
        yield from rules.tensors(optimizer, parameter)
