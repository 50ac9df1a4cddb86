"""How large a network is: layers, parameters, multiply-adds."""

from dataclasses import dataclass
from math import prod

from refnn import checks
from refnn.layers import Activation, Dense, Layer
from refnn.network import Network


@dataclass(frozen=True)
class Complexity:
    """Sizes of a network.

    Parameters
    ----------
    layers : int
        Dense layers. The input is not counted; an activation belongs to its Dense layer.
    weights, biases : int
        Numbers in all W, and in all b.
    parameters : int
        weights + biases.
    multiply_adds : int
        Products x·w, each with its addition, for one sample forward: Σ inputs · outputs. Biases
        and activations are not counted. FLOPs often means twice this number.
    """

    layers: int
    weights: int
    biases: int
    parameters: int
    multiply_adds: int


def complexity(network: Network) -> Complexity:
    """Return the sizes of a network: 3-4-2 has 2 layers, 26 parameters, 20 multiply-adds.

    Guide: parameters.
    """
    if not isinstance(network, Network):
        raise TypeError(f"network = {checks.short(network)}; expected a refnn.Network")
    weights = sum(prod(p.shape) for p in network.parameters if p.is_weight)
    return Complexity(
        layers=sum(isinstance(layer, Dense) for layer in network.layers),
        weights=weights,
        biases=network.size - weights,
        parameters=network.size,
        multiply_adds=sum(map(_multiply_adds, network.layers)),
    )


def summary(network: Network) -> str:
    """Return a table with a row for each layer and a row of totals, as Keras' ``model.summary()``.

    Layers have the numbers that stand in the parameters' names: W3 belongs to layer 3.
    """
    total = complexity(network)
    rows: list[tuple[object, ...]] = [
        ("layer", "kind", "output", "W", "parameters", "multiply-adds")
    ]
    width = network.inputs
    for position, layer in enumerate(network.layers, 1):
        kind = layer.function if isinstance(layer, Activation) else layer
        width = layer.outputs if isinstance(layer, Dense) else width
        shapes = layer.shapes()
        size = sum(map(prod, shapes.values()))
        output, W = f"(batch, {width})", shapes.get("W", "")
        rows.append((position, type(kind).__name__, output, W, size, _multiply_adds(layer)))
    rows.append(("total", f"{total.layers} Dense", "", "", total.parameters, total.multiply_adds))
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [str(cell) for cell in row]
        left = [cell.ljust(w) for cell, w in zip(cells[:4], widths[:4], strict=True)]
        right = [cell.rjust(w) for cell, w in zip(cells[4:], widths[4:], strict=True)]
        lines.append("  ".join(left + right))
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _multiply_adds(layer: Layer) -> int:
    return layer.inputs * layer.outputs if isinstance(layer, Dense) else 0
