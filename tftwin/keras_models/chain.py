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
    flag,
    only,
    optional,
    real,
    text,
    values,
)
from tftwin.keras_models.description import Described, KerasLayer, Lack, Style

HOMES = {"keras.layers"}
DTYPES = ("float32", "float64")
ACTIVATIONS = (
    *("linear", "relu", "sigmoid", "tanh", "softmax"),
    *("leaky_relu", "elu", "selu", "softplus"),
)
"""Functions of ``keras.activations``."""
FUNCTIONS: dict[str, dict[str, Check]] = {
    "ELU": {"alpha": optional(real, 1.0)},
    "LeakyReLU": {"negative_slope": optional(real, 0.3)},
    "ReLU": {
        "max_value": optional(only(None)),
        "negative_slope": optional(real, 0.0),
        "threshold": optional(only(0), 0.0),
    },
    "Softmax": {"axis": optional(only(-1, 1), -1)},
}
"""Layers that are an activation function, and their arguments."""
COMMON: dict[str, Check] = {"name": text, "trainable": optional(flag, True), "dtype": anything}
MOST = 1000
"""Layers in a chain."""
REGULARIZERS = {"keras.regularizers"}
L2: dict[str, dict[str, Check]] = {"L2": {"l2": real}, "L1L2": {"l1": only(0), "l2": real}}
LATER = {
    "bias_regularizer": "gradient",
    "activity_regularizer": "gradient",
    "kernel_constraint": "update",
    "bias_constraint": "update",
}
"""What refnn lacks, and the first stage that it changes."""


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
    listed = config.get("layers")
    if not isinstance(listed, list) or not 0 < len(listed) <= MOST:
        count = f"{len(listed)} of them" if isinstance(listed, list) else short(listed)
        raise ValueError(f"layers: {count}; expected a list of 1 to {MOST} layers")
    more = {"name", "inbound_nodes"} if style == "Functional" else set()
    (first, entrance), *objects = (
        an_object(f"layer {number}", layer, HOMES, more) for number, layer in enumerate(listed, 1)
    )
    if first != "InputLayer":
        raise ValueError(
            f"layer 1 is {short(first)}; expected an InputLayer: a Sequential model without "
            "keras.Input(shape) has one after its first call"
        )
    names = [
        text(f"layer {number}: name", c.get("name")) for number, (_, c) in enumerate(objects, 2)
    ]
    names.insert(0, text("layer 1: name", entrance.get("name")))
    for name, times in Counter(names).items():
        if times > 1:
            raise ValueError(f"{times} layers have the name {short(name)}; expected one")
    if style == "Functional":
        _check_chain(config, listed, names)
    input_dtype, shape = _read_input(f"layer {names[0]!r}", entrance)
    layers: list[KerasLayer] = []
    lacks: list[Lack] = []
    dtypes = set()
    for name, (kind, settings) in zip(names[1:], objects, strict=True):
        where = f"layer {name!r}"
        before = layers[-1].outputs if layers else shape
        arguments = _arguments(where, kind, settings, lacks)
        dense = sum(layer.kind == "Dense" for layer in layers)
        path = f"layers/dense_{dense}" if dense else "layers/dense"
        behind = _behind(where, kind, arguments, before)
        layers.append(KerasLayer(kind, name, arguments, path, before, behind))
        dtypes.add(_dtype(where, settings.get("dtype")))
    if not any(layer.kind == "Dense" for layer in layers):
        raise ValueError("the model has no Dense layer; expected at least one")
    if len(dtypes) != 1:
        raise ValueError(f"the layers are of {' and '.join(sorted(dtypes))}; expected one dtype")
    return Chain(dtypes.pop(), input_dtype, shape, tuple(layers), tuple(lacks))


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
    if not isinstance(shape, list) or not 2 <= len(shape) <= 8:
        raise ValueError(f"{where}: batch_shape = {short(shape)}; expected (None, features)")
    sizes = tuple(count(f"{where}: batch_shape", size) for size in shape[1:])
    if math.prod(sizes) > LARGEST:
        raise ValueError(f"{where}: batch_shape = {short(shape)}; expected at most {LARGEST}")
    return _input_dtype(where, config.get("dtype")), sizes


def _input_dtype(where: str, value: Any) -> str:
    if value not in (*DTYPES, "uint8", "int32", "int64"):
        raise ValueError(f"{where}: dtype = {short(value)}; expected float32 or float64")
    return str(value)


def _dtype(where: str, value: Any) -> str:
    """Return the dtype of a layer: a name, or a policy."""
    name = value
    if isinstance(value, dict):
        _, config = an_object(f"{where}: dtype", value, {"keras"})
        name = config.get("name")
    if name not in DTYPES:
        raise ValueError(f"{where}: dtype = {short(name)}, which refnn lacks; expected {DTYPES}")
    return str(name)


# One layer ---------------------------------------------------------------------------------------


def _arguments(where: str, kind: str, config: dict[str, Any], lacks: list[Lack]) -> dict[str, Any]:
    """Return the arguments of a layer's constructor; note in ``lacks`` what refnn lacks."""
    if kind == "Dense":
        return _dense(where, config, lacks)
    if kind == "Activation":
        found = values(where, config, {**COMMON, "activation": _activation})
        return {"activation": found["activation"]}
    if kind in FUNCTIONS:
        found = values(where, config, {**COMMON, **FUNCTIONS[kind]})
        return {key: found[key] for key in FUNCTIONS[kind]}
    if kind == "Flatten":
        values(where, config, {**COMMON, "data_format": optional(only("channels_last"))})
        return {}
    if kind == "Dropout":
        known: dict[str, Check] = {
            "rate": _share,
            "seed": anything,
            "noise_shape": optional(only(None)),
        }
        return {"rate": values(where, config, {**COMMON, **known})["rate"]}
    raise ValueError(
        f"{where} is a {short(kind)}, which refnn lacks; expected a chain of Dense, Flatten, "
        f"Dropout, Activation, {', '.join(FUNCTIONS)}"
    )


def _share(where: str, value: Any) -> float:
    rate = real(where, value)
    if not 0 <= rate < 1:
        raise ValueError(f"{where} = {rate}; expected a number in [0, 1)")
    return rate


def _dense(where: str, config: dict[str, Any], lacks: list[Lack]) -> dict[str, Any]:
    known: dict[str, Check] = {
        "units": count,
        "activation": _activation,
        "use_bias": optional(flag, True),
        "kernel_initializer": anything,
        "bias_initializer": anything,
        "kernel_regularizer": anything,
        "quantization_config": only(None),
        "lora_rank": only(None),
        "lora_alpha": only(None),
        **dict.fromkeys(LATER, anything),
    }
    found = values(where, config, {**COMMON, **known})
    for key, stage in LATER.items():
        if config.get(key) is not None:
            lacks.append(Lack(f"{where}: {key} = {_named(config[key])}", stage))
    if not found["trainable"]:
        lacks.append(Lack(f"{where}: trainable = False", "gradient"))
    arguments = {key: found[key] for key in ("units", "use_bias", "activation")}
    try:
        l2 = _l2(f"{where}: kernel_regularizer", config.get("kernel_regularizer"))
    except ValueError as error:
        lacks.append(Lack(str(error), "gradient"))
        l2 = None
    return arguments | {"l2": l2}


def _l2(where: str, value: Any) -> float | None:
    """Return Keras' λ of a regularizer that is an L2."""
    if value is None:
        return None
    name, config = an_object(where, value, REGULARIZERS)
    if name not in L2:
        raise ValueError(f"{where} = {short(name)}, which refnn lacks; expected L2")
    l2: float = values(where, config, L2[name])["l2"]
    if l2 < 0:
        raise ValueError(f"{where}: l2 = {l2}; expected a number of at least 0")
    return l2


def _activation(where: str, value: Any) -> Described:
    """Return an activation: a function of Keras by name, or a layer that is one."""
    if value is None:
        return Described("linear")
    if isinstance(value, str):
        if value not in ACTIVATIONS:
            raise ValueError(
                f"{where} = {short(value)}, which refnn lacks; expected {', '.join(ACTIVATIONS)}"
            )
        return Described(value)
    if isinstance(value, dict) and value.get("class_name") == "function":
        raise ValueError(
            f"{where} is a function of your own, {short(value.get('config'))}; expected one of "
            f"Keras: {', '.join(ACTIVATIONS)}"
        )
    name, config = an_object(where, value, HOMES)
    if name == "Activation":
        return _activation(where, config.get("activation"))
    if name not in FUNCTIONS:
        raise ValueError(f"{where} is a {short(name)}, which refnn lacks")
    _dtype(where, config.get("dtype"))
    found = values(where, config, {**COMMON, **FUNCTIONS[name]})
    return Described(name, {key: found[key] for key in FUNCTIONS[name]})


def _behind(
    where: str, kind: str, arguments: dict[str, Any], shape: tuple[int, ...]
) -> tuple[int, ...]:
    """Return the shape of a sample behind this layer."""
    if kind == "Flatten":
        return (math.prod(shape),)
    if len(shape) > 1 and kind in ("Dense", "Softmax"):
        raise ValueError(
            f"{where} is a {kind} layer on samples of shape {shape}; expected a Flatten before it"
        )
    if kind == "Activation" and len(shape) > 1 and arguments["activation"].name == "softmax":
        raise ValueError(f"{where} is a softmax on samples of shape {shape}; expected a Flatten")
    if kind != "Dense":
        return shape
    if shape[0] * arguments["units"] > LARGEST:
        raise ValueError(
            f"{where}: units = {arguments['units']} for {shape[0]} inputs; expected at most "
            f"{LARGEST} weights"
        )
    return (arguments["units"],)


def _named(value: Any) -> str:
    name = value.get("class_name") if isinstance(value, dict) else value
    return short(name)


# The links of a functional model -----------------------------------------------------------------


def _check_chain(config: dict[str, Any], listed: list[Any], names: list[str]) -> None:
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
            raise ValueError(f"layer {name!r} is called with {short(key)} = {short(value)}")
    if (call, output) != (0, 0):
        raise ValueError(f"{where} = {short(node)}; expected the first output of {short(source)}")
    return source
