"""The layers of config.json: allowed ones, in a chain from one input to one output."""

import math
from collections import Counter
from typing import Any, NamedTuple

from refnn.checks import short
from refnn.layers import LARGEST
from tftwin.keras_models.allowlist import (
    Check,
    an_object,
    anything,
    count,
    only,
    optional,
    text,
    values,
)
from tftwin.keras_models.description import KerasLayer, Lack, Style
from tftwin.keras_models.layer import DTYPES, HOMES, arguments_of, dtype_of, shape_behind
from tftwin.keras_models.links import check_chain

PREPARING = {"Flatten", "Rescaling"}
"""Layers that prepare the data."""
MOST = 1000
"""Layers in a chain."""


class Chain(NamedTuple):
    """The layers of a model; see ``Description``."""

    dtype: str
    input_dtype: str
    shape: tuple[int, ...]
    layers: tuple[KerasLayer, ...]
    lacks: tuple[Lack, ...]


def read_chain(style: Style, config: dict[str, Any]) -> Chain:
    """Return the layers that a model's configuration lists.

    Raises
    ------
    ValueError
        With the layer and the key, if something is not allowed: then nothing can be compared.
    """
    names, objects = _listed(style, config)
    input_dtype, shape = _read_input(f"layer {names[0]!r}", objects[0][1])
    layers: list[KerasLayer] = []
    lacks: list[Lack] = []
    kinds: Counter[str] = Counter()
    dtypes = set()
    for name, (kind, settings) in zip(names[1:], objects[1:], strict=True):
        where = f"layer {name!r}"
        before = layers[-1].outputs if layers else shape
        arguments = arguments_of(where, kind, settings, lacks)
        if kind == "Rescaling" and set(kinds) - PREPARING:
            raise ValueError(f"{where} is a Rescaling; expected it before all other layers")
        behind = shape_behind(where, kind, arguments, before)
        number = f"_{kinds['Dense']}" if kinds["Dense"] else ""
        layers.append(KerasLayer(kind, name, arguments, f"layers/dense{number}", before, behind))
        kinds[kind] += 1
        dtypes.add(dtype_of(where, settings.get("dtype")))
    if not kinds["Dense"]:
        raise ValueError("the model has no Dense layer; expected at least one")
    if len(dtypes) != 1:
        raise ValueError(f"the layers are of {' and '.join(sorted(dtypes))}; expected one dtype")
    return Chain(dtypes.pop(), input_dtype, shape, tuple(layers), tuple(lacks))


def _listed(
    style: Style, config: dict[str, Any]
) -> tuple[list[str], list[tuple[str, dict[str, Any]]]]:
    """Return the names of the layers, and their classes and configurations, from the InputLayer."""
    listed = config.get("layers")
    if not isinstance(listed, list) or not 0 < len(listed) <= MOST:
        count = f"{len(listed)} of them" if isinstance(listed, list) else short(listed)
        raise ValueError(f"layers: {count}; expected a list of 1 to {MOST} layers")
    more = {"name", "inbound_nodes"} if style == "Functional" else set()
    objects = [
        an_object(f"layer {number}", layer, HOMES, more) for number, layer in enumerate(listed, 1)
    ]
    if (first := objects[0][0]) != "InputLayer":
        raise ValueError(
            f"layer 1 is {short(first)}; expected an InputLayer: a Sequential model without "
            "keras.Input(shape) has one after its first call"
        )
    names = [
        text(f"layer {number}: name", inner.get("name"))
        for number, (_, inner) in enumerate(objects, 1)
    ]
    for name, times in Counter(names).items():
        if times > 1:
            raise ValueError(f"{times} layers have the name {short(name)}; expected one")
    if style == "Functional":
        check_chain(config, listed, names)
    return names, objects


def _read_input(where: str, config: dict[str, Any]) -> tuple[str, tuple[int, ...]]:
    """Return the dtype of the input, and the shape of one sample."""
    known: dict[str, Check] = {
        "batch_shape": anything,
        "dtype": anything,
        "sparse": optional(only(False)),
        "ragged": optional(only(False)),
        "optional": optional(only(False)),
        "name": text,
    }
    values(where, config, known)
    shape = config.get("batch_shape")
    if not isinstance(shape, list) or not 2 <= len(shape) <= 8 or None in shape[1:]:
        raise ValueError(f"{where}: batch_shape = {short(shape)}; expected (None, features)")
    sizes = tuple(count(f"{where}: batch_shape", size) for size in shape[1:])
    if math.prod(sizes) > LARGEST:
        raise ValueError(f"{where}: batch_shape = {short(shape)}; expected at most {LARGEST}")
    return _input_dtype(where, config.get("dtype")), sizes


def _input_dtype(where: str, value: Any) -> str:
    if value not in (*DTYPES, "uint8", "int32", "int64"):
        raise ValueError(f"{where}: dtype = {short(value)}; expected float32 or float64")
    return str(value)
