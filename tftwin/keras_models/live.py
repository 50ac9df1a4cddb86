"""A Keras model in memory: the same description and state as of a file, taken from the object."""

import json
import sys
import warnings
from typing import Any

import numpy as np

from refnn.checks import short
from refnn.typing import Array
from tftwin.keras_models.config import describe
from tftwin.keras_models.description import Described, Description
from tftwin.keras_models.state import KerasState, first_slots, slot_names


def is_live(model: Any) -> bool:
    """Whether this is a Keras model; Keras is not imported to find out."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(model, keras.Model)


def describe_live(model: Any) -> Description:
    """Return what a model in memory is, from its own configuration.

    Raises
    ------
    ValueError
        If it is a class of your own, is not built, or holds what is not allowed.
    """
    from tftwin.keras_models.library import keras

    if type(model) not in (keras.Sequential, type(keras.Model(i := keras.Input((1,)), i))):
        raise ValueError(
            f"the model is a {type(model).__name__}; expected keras.Sequential, or "
            "keras.Model(inputs, outputs) itself: another class may compute anything"
        )
    if not model.built:
        raise ValueError("the model is not built; expected one that begins with keras.Input(shape)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a lambda, which is refused
        text = json.dumps(keras.saving.serialize_keras_object(model), default=short)
    description = describe(json.loads(text))
    _check_functions(model, keras)
    return description


def _check_functions(model: Any, keras: Any) -> None:
    """Refuse functions of your own that have a name of Keras: the configuration holds names."""
    for layer in model.layers:
        function = getattr(layer, "activation", None)
        name = getattr(function, "__name__", None)
        if name is None:
            continue
        home = str(getattr(function, "__module__", ""))
        if function is not getattr(keras.activations, name, None) and not home.startswith("tensor"):
            raise ValueError(
                f"layer {layer.name!r}: the activation {short(name)} is a function of your own; "
                "expected one of Keras"
            )
    loss = getattr(model, "loss", None)
    name = getattr(loss, "__name__", None)
    if name is not None and loss is not getattr(keras.losses, name, None):
        raise ValueError(f"loss {short(name)} is a function of your own; expected one of Keras")


def live_state(model: Any, description: Description) -> KerasState:
    """Return weights, slots and iterations of a model in memory, layer by layer."""
    by_name = {layer.name: layer for layer in model.layers}
    variables = []
    for layer in description.layers:
        if layer.shapes():
            found = by_name[layer.name]
            variables += [found.kernel, found.bias][: len(layer.shapes())]
    theta = np.concatenate([numpy(one) for one in variables], axis=None)
    optimizer = description.optimizer
    state = KerasState(theta, first_slots(optimizer, theta), floatx=description.dtype)
    if optimizer is None:
        return state
    live = model.optimizer
    if not isinstance(optimizer.arguments["learning_rate"], Described):
        state = state._replace(floatx=numpy(live.learning_rate).dtype.name)
    state = state._replace(iterations=int(numpy(live.iterations)))
    if not live.built:
        return state
    named = {variable.path.rpartition("/")[2]: variable for variable in live.variables}
    slots: dict[str, Array] = {}
    for slot in slot_names(optimizer):
        keys = [f"{one.path.replace('/', '_')}_{slot}" for one in variables]
        missing = [key for key in keys if key not in named]
        if missing:
            raise ValueError(f"the optimizer holds no {missing[0]}; was it built for this model?")
        slots[slot] = np.concatenate([numpy(named[key]) for key in keys], axis=None)
    product = float(numpy(live.variables[-1])) if optimizer.name == "Nadam" else 1.0
    return state._replace(slots=slots, u_product=product)


def numpy(variable: Any) -> Array:
    """Return a variable as an array of its own."""
    return np.array(variable.numpy())
