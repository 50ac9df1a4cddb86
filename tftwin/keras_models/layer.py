"""One layer of config.json: the arguments of its constructor, and the shape behind it."""

import math
from typing import Any

from refnn.checks import short
from refnn.layers import LARGEST
from tftwin.keras_models.allowlist import (
    Check,
    an_object,
    anything,
    count,
    flag,
    not_negative,
    only,
    optional,
    real,
    share,
    text,
    values,
)
from tftwin.keras_models.description import Described, Lack

HOMES = ("keras.layers",)
DTYPES = ("float32", "float64")
ACTIVATIONS = (
    *("linear", "relu", "sigmoid", "tanh", "softmax"),
    *("leaky_relu", "elu", "selu", "softplus"),
)
"""Functions of ``keras.activations``."""
FUNCTIONS: dict[str, dict[str, Check]] = {
    "ELU": {"alpha": optional(not_negative, 1.0)},
    "LeakyReLU": {"negative_slope": optional(not_negative, 0.3)},
    "ReLU": {
        "max_value": optional(only(None)),
        "negative_slope": optional(not_negative, 0.0),
        "threshold": optional(only(0), 0.0),
    },
    "Softmax": {"axis": optional(only(-1, 1), -1)},
}
"""Layers that are an activation function, and their arguments."""
COMMON: dict[str, Check] = {"name": text, "trainable": optional(flag, True), "dtype": anything}
REGULARIZERS = ("keras.regularizers",)
L2: dict[str, dict[str, Check]] = {
    "L2": {"l2": not_negative},
    "L1L2": {"l1": only(0), "l2": not_negative},
}
LATER = {
    "bias_regularizer": "gradient",
    "activity_regularizer": "gradient",
    "kernel_constraint": "update",
    "bias_constraint": "update",
}
"""What refnn lacks, and the first stage that it changes."""


def arguments_of(
    where: str, kind: str, config: dict[str, Any], lacks: list[Lack]
) -> dict[str, Any]:
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
            "rate": share,
            "seed": anything,
            "noise_shape": optional(only(None)),
        }
        return {"rate": values(where, config, {**COMMON, **known})["rate"]}
    if kind == "Rescaling":
        scales: dict[str, Check] = {"scale": real, "offset": optional(real, 0.0)}
        found = values(where, config, {**COMMON, **scales})
        return {key: found[key] for key in scales}
    raise ValueError(
        f"{where} is a {short(kind)}, which refnn lacks; expected a chain of Dense, Flatten, "
        f"Dropout, Activation, {', '.join(FUNCTIONS)}, and Rescaling at its beginning"
    )


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
    dtype_of(where, config.get("dtype"))
    found = values(where, config, {**COMMON, **FUNCTIONS[name]})
    return Described(name, {key: found[key] for key in FUNCTIONS[name]})


def shape_behind(
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


def dtype_of(where: str, value: Any) -> str:
    """Return the dtype of a layer: a name, or a policy."""
    name = value
    if isinstance(value, dict):
        _, config = an_object(f"{where}: dtype", value, ("keras",))
        name = config.get("name")
    if name not in DTYPES:
        raise ValueError(
            f"{where}: dtype = {short(name)}, which refnn lacks; expected {' or '.join(DTYPES)}"
        )
    return str(name)
