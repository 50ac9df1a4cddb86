"""What the catalogue's mistakes give for some numbers of a step: a wrong prediction is named."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from refnn.layers import Activation, Dense
from refnn.training import Model
from refnn.typing import Array
from tftwin.cards import CARDS, Card
from tftwin.microscope.formulas import output, widths
from tftwin.microscope.steps import Numbers

CELLS = 2
"""Numbers of each tensor, and in each step, for which mistakes are computed."""

ACTIVATIONS = {
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Relu": "relu",
    "LeakyRelu": "leaky_relu",
    "Elu": "elu",
    "Selu": "selu",
    "Softplus": "softplus",
    "Softmax": "softmax",
}
LOSSES = {
    "MeanSquaredError": ("mean_squared_error", "y_pred"),
    "MeanAbsoluteError": ("mean_absolute_error", "y_pred"),
    "SoftmaxCrossentropy": ("softmax_crossentropy", "logits"),
    "SigmoidCrossentropy": ("sigmoid_crossentropy", "logits"),
    "BinaryCrossentropy": ("binary_crossentropy", "y_pred"),
    "CategoricalCrossentropy": ("categorical_crossentropy", "y_pred"),
}
RULES = {
    "SGD": "sgd",
    "SGDM": "momentum",
    "Nesterov": "nesterov",
    "Adagrad": "adagrad",
    "RMSProp": "rmsprop",
    "Adam": "adam",
    "Nadam": "nadam",
}


class Function:
    """A function of the catalogue, as a step calls it: its arguments, and where results go."""

    def __init__(self, of: str, given: dict[str, Any], results: list[str]) -> None:
        self.of, self.given, self.results = of, given, results


def functions(model: Model, ours: dict[str, Any]) -> Iterator[Function]:
    """Yield the functions of which a step of this model consists."""
    last = len(model.network.layers)
    for number, layer in enumerate(model.network.layers, 1):
        x, y = output(number - 1), output(number)
        given = {"x": ours[x], "y": ours[y], "dy": ours[f"d{y}"]}
        if isinstance(layer, Dense):
            W = ours[f"W{number}"]
            b = ours.get(f"b{number}", np.zeros(W.shape[1], W.dtype))
            yield Function("dense_forward", {"x": given["x"], "W": W, "b": b}, [y])
            names = [f"d{x}", f"dW{number}", f"db{number}"]
            yield Function(
                "dense_backward", {"dy": given["dy"], "x": given["x"], "W": W}, names
            )  # fmt: skip
        elif isinstance(layer, Activation) and type(layer.function).__name__ in ACTIVATIONS:
            name = ACTIVATIONS[type(layer.function).__name__]
            more = {"alpha": layer.function.alpha} if hasattr(layer.function, "alpha") else {}
            yield Function(name, {"x": given["x"]} | more, [y])
            yield Function(f"{name}_backward", given | more, [f"d{x}"])
    if (kind := type(model.loss).__name__) in LOSSES:
        name, prediction = LOSSES[kind]
        given = {"y_true": ours["t"], prediction: ours[output(last)]}
        yield Function(name, given, ["data"])
        yield Function(f"{name}_gradient", given, [f"d{output(last)}"])
    if (kind := type(model.optimizer).__name__) in RULES:
        yield from _rules(model, ours, RULES[kind])


def _rules(model: Model, ours: dict[str, Any], of: str) -> Iterator[Function]:
    optimizer: Any = model.optimizer
    options = {
        name: getattr(optimizer, name)
        for name in ("beta", "beta_1", "beta_2", "epsilon", "momentum_decay")
        if hasattr(optimizer, name)
    }
    options |= {"learning_rate": ours["lr"]}
    if of in ("adam", "nadam"):
        options["t"] = ours["t_update"]
    for parameter in model.network.parameters:
        name = parameter.name
        slots = {slot: ours[f"{slot} {name}"] for slot in optimizer.slot_names}
        results = [f"{name}'", *(f"{slot} {name}'" for slot in optimizer.slot_names)]
        yield Function(of, {"w": ours[name], "g": ours[f"d{name}"]} | slots | options, results)


def mistakes(model: Model, numbers: Numbers, step: int) -> dict[str, dict[str, Any]]:
    """Return, for some numbers of each tensor, what each mistake gives.

    Keys are a tensor's name, then a place in its flat array; values are pairs: the number, to
    six digits, and the place of the mistake's card among ``CARDS``. Numbers that a mistake leaves
    right are left out.
    """
    found: dict[str, dict[str, Any]] = {}
    rng = np.random.default_rng(step)
    for function in functions(model, numbers.ours):
        for place, card in enumerate(CARDS):
            if card.of != function.of or card.kind == "form":
                continue
            for name, wrong in zip(function.results, _results(card, function), strict=False):
                if name.startswith("dW") and model.regularizer is not None:
                    wrong = wrong + model.regularizer.gradient(function.given["W"])
                right = np.asarray(numbers.ours.get(name, np.nan))
                if wrong.shape != right.shape or name not in numbers.ours:
                    continue
                cells = found.setdefault(name, _cells(name, right, rng))
                for flat, said in cells.items():
                    a, b = float(wrong.reshape(-1)[int(flat)]), float(right.reshape(-1)[int(flat)])
                    a, b = float(f"{a:.6g}"), float(f"{b:.6g}")
                    if np.isfinite(a) and a != b:
                        said.append([a, place])
    return {
        name: {flat: said for flat, said in cells.items() if said}
        for name, cells in found.items()
        if any(cells.values())
    }


def sentences(found: Sequence[dict[str, dict[str, Any]]]) -> dict[int, list[str]]:
    """Return name and sentence of each card that occurs, by its place among ``CARDS``."""
    places = {
        place
        for step in found
        for cells in step.values()
        for said in cells.values()
        for _, place in said
    }
    return {place: [CARDS[place].name, CARDS[place].sentence] for place in sorted(places)}


def _cells(name: str, right: Array, rng: np.random.Generator) -> dict[str, Any]:
    """Draw some places; of what has rows of the batch, in row 0, which a page shows first."""
    of_rows = right.ndim == 2 and "W" not in name
    size = right.shape[1] if of_rows else right.size
    return {str(int(flat)): [] for flat in sorted(rng.permutation(size)[:CELLS])}


def _results(card: Card, function: Function) -> list[Array]:
    with np.errstate(all="ignore"):
        try:
            return [np.asarray(one) for one in card.function(**function.given)]
        except TypeError:  # a card of another signature
            return []


def labels(model: Model) -> list[str]:
    """Return what each layer is, in words."""
    size = widths(model)
    return [
        f"{type(layer).__name__}({size[i]}, {size[i + 1]})"
        if isinstance(layer, Dense)
        else type(layer.function).__name__
        if isinstance(layer, Activation)
        else f"Dropout({layer.rate})"
        for i, layer in enumerate(model.network.layers)
    ]
