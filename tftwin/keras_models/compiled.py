"""What a model was compiled with: its loss and its optimizer.

Nothing here stops a comparison of the forward pass. What refnn lacks is noted as a ``Lack``.
"""

from typing import Any, NamedTuple

from refnn.checks import short
from tftwin.keras_models.allowlist import (
    Check,
    an_object,
    anything,
    count,
    flag,
    not_negative,
    only,
    optional,
    share,
    values,
)
from tftwin.keras_models.description import Described, Lack

LOSSES: dict[str, tuple[str, ...]] = {
    "mean_squared_error": ("MeanSquaredError", "mean_squared_error", "mse", "MSE"),
    "mean_absolute_error": ("MeanAbsoluteError", "mean_absolute_error", "mae", "MAE"),
    "categorical_crossentropy": ("CategoricalCrossentropy", "categorical_crossentropy"),
    "sparse_categorical_crossentropy": (
        "SparseCategoricalCrossentropy",
        "sparse_categorical_crossentropy",
    ),
    "binary_crossentropy": ("BinaryCrossentropy", "binary_crossentropy", "bce", "BCE"),
}
"""The names that Keras takes for each loss."""
LOSS_KEYS: dict[str, dict[str, Check]] = {
    "mean_squared_error": {},
    "mean_absolute_error": {},
    "categorical_crossentropy": {
        "from_logits": optional(flag, False),
        "label_smoothing": optional(only(0)),
        "axis": optional(only(-1, 1)),
    },
    "sparse_categorical_crossentropy": {
        "from_logits": optional(flag, False),
        "ignore_class": optional(only(None)),
        "axis": optional(only(-1, 1)),
    },
    "binary_crossentropy": {
        "from_logits": optional(flag, False),
        "label_smoothing": optional(only(0)),
        "axis": optional(only(-1, 1)),
    },
}
REDUCTION = optional(only("sum_over_batch_size", "mean"))

BASE: dict[str, Check] = {
    "name": anything,
    "learning_rate": anything,
    "weight_decay": optional(only(None)),
    "clipnorm": optional(only(None)),
    "clipvalue": optional(only(None)),
    "global_clipnorm": optional(only(None)),
    "use_ema": optional(only(False)),
    "ema_momentum": anything,
    "ema_overwrite_frequency": anything,
    "loss_scale_factor": optional(only(None)),
    "gradient_accumulation_steps": optional(only(None)),
    "jit_compile": anything,
    "is_legacy_optimizer": optional(only(False)),
}
"""Keys of every optimizer."""
OPTIMIZERS: dict[str, dict[str, Check]] = {
    "SGD": {"momentum": optional(share, 0.0), "nesterov": optional(flag, False)},
    "RMSprop": {
        "rho": optional(share, 0.9),
        "momentum": optional(only(0)),
        "epsilon": optional(not_negative, 1e-7),
        "centered": optional(only(False)),
    },
    "Adagrad": {
        "initial_accumulator_value": optional(not_negative, 0.1),
        "epsilon": optional(not_negative, 1e-7),
    },
    "Adam": {
        "beta_1": optional(share, 0.9),
        "beta_2": optional(share, 0.999),
        "epsilon": optional(not_negative, 1e-7),
        "amsgrad": optional(only(False)),
    },
    "Nadam": {
        "beta_1": optional(share, 0.9),
        "beta_2": optional(share, 0.999),
        "epsilon": optional(not_negative, 1e-7),
    },
}
SCHEDULE: dict[str, Check] = {
    "initial_learning_rate": not_negative,
    "decay_steps": count,
    "decay_rate": not_negative,
    "staircase": optional(flag, False),
    "name": anything,
}
COMPILE = {
    *("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics", "run_eagerly"),
    *("steps_per_execution", "jit_compile", "auto_scale_loss"),
}


class Compiled(NamedTuple):
    """Loss and optimizer; None for what is not there, or what refnn lacks."""

    loss: Described | None
    optimizer: Described | None
    lacks: tuple[Lack, ...]


def read_compiled(config: Any) -> Compiled:
    """Return what ``compile_config`` says; a model that was not compiled has none."""
    if not config:
        what = "the model is not compiled, so it has no loss and no optimizer"
        return Compiled(None, None, (Lack(what, "loss"),))
    lacks: list[Lack] = []
    loss = optimizer = None
    try:
        if not isinstance(config, dict) or not set(config) <= COMPILE:
            raise ValueError(f"compile_config = {short(config)}; expected {sorted(COMPILE)}")
        values("compile", {"loss_weights": config.get("loss_weights")}, WEIGHTS)
        loss = _loss(config.get("loss"))
    except ValueError as error:
        lacks.append(Lack(str(error), "loss"))
    try:
        optimizer = _optimizer(config.get("optimizer") if isinstance(config, dict) else None)
    except ValueError as error:
        lacks.append(Lack(str(error), "update"))
    return Compiled(loss, optimizer, tuple(lacks))


WEIGHTS: dict[str, Check] = {"loss_weights": optional(only(1, [1], [1.0]))}


def _loss(value: Any) -> Described:
    if value is None:
        raise ValueError("the model is compiled without a loss")
    if isinstance(value, (list, dict)) and len(value) == 1:
        (value,) = value.values() if isinstance(value, dict) else value  # of the only output
    if isinstance(value, dict) and value.get("class_name") == "function":
        value = value.get("config")  # a function of keras.losses is written by its name
    if isinstance(value, dict):
        name, config = an_object("loss", value, ("keras.losses",))
    else:
        name, config = value, {}
    kind = next((kind for kind, names in LOSSES.items() if name in names), None)
    if kind is None:
        raise ValueError(f"loss {short(name)}, which refnn lacks; expected {', '.join(LOSSES)}")
    found = values(
        f"loss {name}", config, {"name": anything, "reduction": REDUCTION, **LOSS_KEYS[kind]}
    )
    return Described(kind, {k: v for k, v in found.items() if k == "from_logits"})


def _optimizer(value: Any) -> Described:
    """Return an optimizer; Keras 3.3 and older write the name alone of one that has defaults."""
    if isinstance(value, str):
        names = [name for name in OPTIMIZERS if value in (name, name.lower())]
        name, config = (names or [value])[0], {"learning_rate": 0.01 if "SGD" in names else 0.001}
    else:
        name, config = an_object("optimizer", value, ("keras.optimizers",))
    if name not in OPTIMIZERS:
        raise ValueError(
            f"optimizer {short(name)}, which refnn lacks; expected {', '.join(OPTIMIZERS)}"
        )
    found = values(f"optimizer {name}", config, BASE | OPTIMIZERS[name])
    rate = _rate(f"optimizer {name}: learning_rate", config.get("learning_rate"))
    return Described(name, {"learning_rate": rate} | {key: found[key] for key in OPTIMIZERS[name]})


def _rate(where: str, value: Any) -> float | Described:
    if not isinstance(value, dict):
        return not_negative(where, value)
    name, config = an_object(where, value, ("keras.optimizers.schedules",))
    if name != "ExponentialDecay":
        raise ValueError(
            f"{where} is a {short(name)}, which refnn lacks; expected ExponentialDecay"
        )
    found = values(where, config, SCHEDULE)
    return Described(name, {key: found[key] for key in SCHEDULE if key != "name"})
