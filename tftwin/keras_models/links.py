"""The links of a functional model: each layer takes the output of the one before it."""

from typing import Any

from refnn.checks import short


def check_chain(config: dict[str, Any], listed: list[Any], names: list[str]) -> None:
    """Refuse a functional model whose layers are no chain, listed from its input to its output."""
    for number, (layer, name) in enumerate(zip(listed, names, strict=True)):
        if layer.get("name") not in (None, name):
            raise ValueError(f"layer {name!r} is listed as {short(layer.get('name'))}")
        nodes = layer.get("inbound_nodes")
        if number == 0:
            if nodes != []:
                raise ValueError(f"layer {name!r} has inputs; expected an InputLayer")
            continue
        if not isinstance(nodes, list) or len(nodes) != 1:
            calls = len(nodes) if isinstance(nodes, list) else short(nodes)
            raise ValueError(f"layer {name!r} is called {calls} times; expected a chain: once")
        if (source := _source(name, nodes[0])) != names[number - 1]:
            raise ValueError(
                f"layer {name!r} takes the output of {short(source)}; expected a chain without "
                f"branches: that of {names[number - 1]!r}"
            )
    for key, name in (("input_layers", names[0]), ("output_layers", names[-1])):
        ends = config.get(key)
        if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list):
            ends = ends[0]
        if ends != [name, 0, 0]:
            raise ValueError(f"{key} = {short(ends)}; expected {name!r} alone, the chain's end")


def _source(name: str, node: Any) -> Any:
    """Return the name of the layer whose output a layer takes."""
    where = f"layer {name!r}: inbound_nodes"
    try:
        (tensor,), kwargs = node["args"], node["kwargs"]
        source, call, output = tensor["config"]["keras_history"]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{where} = {short(node)}; expected one tensor") from None
    for key, value in kwargs.items() if isinstance(kwargs, dict) else [("kwargs", kwargs)]:
        if value is not None and (key, value) != ("training", False):
            raise ValueError(
                f"layer {name!r} is called with {short(key)} = {short(value)}; expected its input "
                "alone"
            )
    if (call, output) != (0, 0):
        raise ValueError(f"{where} = {short(node)}; expected the first output of {short(source)}")
    return source
