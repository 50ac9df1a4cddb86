"""How large a network is: layers, parameters, multiply-adds."""

from dataclasses import dataclass
from math import prod

from refnn.layers import Dense, Layer
from refnn.network import Network


@dataclass(frozen=True)
class Complexity:
    """Sizes of a network.

    Parameters
    ----------
    layers : int
        Dense layers: the input is not counted, and an activation belongs to its Dense layer.
    weights, biases : int
        Numbers in all W, and in all b.
    parameters : int
        weights + biases.
    multiply_adds : int
        Products x·w, each with its addition, for one sample forward: Σ inputs · outputs. Adding
        b and the activations are not counted. Who says FLOPs often means twice this number.
    """

    layers: int
    weights: int
    biases: int
    parameters: int
    multiply_adds: int


def complexity(network: Network) -> Complexity:
    """Count what a network holds and does: 3-4-2 has 2 layers, 26 parameters, 20 multiply-adds."""
    sizes = {True: 0, False: 0}
    for parameter in network.parameters:
        sizes[parameter.is_weight] += prod(parameter.shape)
    return Complexity(
        layers=sum(isinstance(layer, Dense) for layer in network.layers),
        weights=sizes[True],
        biases=sizes[False],
        parameters=sizes[True] + sizes[False],
        multiply_adds=sum(map(_multiply_adds, network.layers)),
    )


def summary(network: Network) -> str:
    """Return a table with one row a layer and a row of totals, like Keras' ``model.summary()``.

    The numbers of the layers are those of the parameters' names: W3 belongs to layer 3.
    """
    table = [("layer", "kind", "output", "W", "parameters", "multiply-adds")]
    width = network.inputs
    for position, layer in enumerate(network.layers, 1):
        if isinstance(layer, Dense):
            width, kind = layer.outputs, "Dense"
        else:
            kind = type(layer.function).__name__
        shapes = layer.shapes()
        parameters = sum(map(prod, shapes.values()))
        table.append(
            (
                str(position),
                kind,
                f"(batch, {width})",
                str(shapes.get("W", "")),
                f"{parameters:,}",
                f"{_multiply_adds(layer):,}",
            )
        )
    total = complexity(network)
    table.append(
        ("total", f"{total.layers} Dense", "", "", f"{total.parameters:,}", f"{total.multiply_adds:,}")
    )
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if column < 4 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _multiply_adds(layer: Layer) -> int:
    return layer.inputs * layer.outputs if isinstance(layer, Dense) else 0
