"""A description → a live Keras model, through Keras' constructors alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from refnn.typing import Array
from tftwin.keras_models.description import Described, Description, KerasLayer
from tftwin.keras_models.library import keras
from tftwin.keras_models.state import KerasState, slot_names


def construct(description: Description, state: KerasState) -> Any:
    """Build a fresh Keras model, compiled where there is a loss and an optimizer.

    What the description notes as a lack is left out: a constraint, or an optimizer of another
    kind. While it is built, Keras' floatx is that of the state; the next line has the old one.
    """
    with floatx(state.floatx):
        model = _model(description)
        _set_weights(model, description, state.theta)
        if description.loss is not None:
            optimizer = _optimizer(description.optimizer)
            model.compile(optimizer=optimizer, loss=_loss(description.loss), jit_compile=False)
            if description.optimizer is not None:
                optimizer.build(model.trainable_variables)
                _set_optimizer(optimizer, description.optimizer, description, state)
    return model


@contextmanager
def floatx(dtype: str) -> Iterator[None]:
    """Set Keras' global floatx, and set it back, with the dtype of later layers.

    The first layer or optimizer of a process fixes the policy of all later ones by the floatx of
    then: it must not be this one.
    """
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(policy)


def _model(description: Description) -> Any:
    entrance = keras.Input(description.shape, dtype=description.input_dtype)
    layers = [_layer(layer, description.dtype) for layer in description.layers]
    if description.style == "Sequential":
        return keras.Sequential([entrance, *layers], name=description.name)
    output = entrance
    for layer in layers:
        output = layer(output)
    return keras.Model(entrance, output, name=description.name)


def _layer(layer: KerasLayer, dtype: str) -> Any:
    common = {"name": layer.name, "dtype": dtype}
    arguments = dict(layer.arguments)
    if layer.kind == "Dense":
        l2 = arguments.pop("l2")
        penalty = None if l2 is None else keras.regularizers.L2(l2)
        activation = _activation(arguments.pop("activation"), dtype)
        return keras.layers.Dense(
            **arguments,
            activation=activation,
            kernel_initializer="zeros",
            kernel_regularizer=penalty,
            **common,
        )
    if layer.kind == "Activation":
        return keras.layers.Activation(_activation(arguments["activation"], dtype), **common)
    return _KINDS[layer.kind](**arguments, **common)


_KINDS = {
    "Dropout": keras.layers.Dropout,
    "ELU": keras.layers.ELU,
    "Flatten": keras.layers.Flatten,
    "LeakyReLU": keras.layers.LeakyReLU,
    "ReLU": keras.layers.ReLU,
    "Rescaling": keras.layers.Rescaling,
    "Softmax": keras.layers.Softmax,
}


def _activation(described: Described, dtype: str) -> Any:
    kind = _KINDS.get(described.name)
    return described.name if kind is None else kind(**described.arguments, dtype=dtype)


def _loss(described: Described) -> Any:
    kinds = {
        "mean_squared_error": keras.losses.MeanSquaredError,
        "mean_absolute_error": keras.losses.MeanAbsoluteError,
        "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
        "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
        "binary_crossentropy": keras.losses.BinaryCrossentropy,
    }
    return kinds[described.name](**described.arguments)


def _optimizer(described: Described | None) -> Any:
    """Return Keras' optimizer; SGD stands in for one that refnn lacks."""
    if described is None:
        return keras.optimizers.SGD()
    kinds = {
        "SGD": keras.optimizers.SGD,
        "RMSprop": keras.optimizers.RMSprop,
        "Adagrad": keras.optimizers.Adagrad,
        "Adam": keras.optimizers.Adam,
        "Nadam": keras.optimizers.Nadam,
    }
    arguments = {key: value for key, value in described.arguments.items() if value is not None}
    rate = arguments["learning_rate"]
    if isinstance(rate, Described):
        arguments["learning_rate"] = keras.optimizers.schedules.ExponentialDecay(**rate.arguments)
    return kinds[described.name](**{k: v for k, v in arguments.items() if v is not None})


# Numbers -----------------------------------------------------------------------------------------


def variables(model: Any, description: Description) -> list[Any]:
    """Return W and b of each Dense, in the order of θ, found by the layers' names."""
    found = []
    for layer in description.layers:
        if count := len(layer.shapes()):
            dense = model.get_layer(layer.name)
            found += [dense.kernel, dense.bias][:count]
    return found


def _parts(description: Description, vector: Array) -> list[Array]:
    """A vector as long as θ → its parts, each in the shape of its parameter."""
    shapes = [shape for layer in description.layers for shape in layer.shapes()]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [
        part.reshape(shape) for part, shape in zip(np.split(vector, ends[:-1]), shapes, strict=True)
    ]


def _set_weights(model: Any, description: Description, theta: Array) -> None:
    parts = _parts(description, theta)
    for variable, part in zip(variables(model, description), parts, strict=True):
        variable.assign(part)


def _set_optimizer(
    optimizer: Any, described: Described, description: Description, state: KerasState
) -> None:
    optimizer.iterations.assign(state.iterations)
    names = slot_names(described)
    start = 1 if isinstance(described.arguments["learning_rate"], Described) else 2
    slots = optimizer.variables[start:]
    for offset, name in enumerate(names):
        parts = _parts(description, state.slots[name])
        for variable, part in zip(slots[offset :: len(names)], parts, strict=False):
            variable.assign(part)
    if described.name == "Nadam":
        slots[-1].assign(state.u_product)
