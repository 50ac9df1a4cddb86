"""The numbers of a Keras model: weights layer by layer, and what its optimizer remembers."""

from typing import NamedTuple

import numpy as np

from refnn.typing import Array
from tftwin.keras_models import weights
from tftwin.keras_models.allowlist import not_negative
from tftwin.keras_models.description import Described, Description

OPTIMIZER = "optimizer/vars"
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class KerasState(NamedTuple):
    """Where a Keras model stands.

    Every vector is flat, (size,), in the order of refnn's θ: W and b of each Dense in turn.
    """

    theta: Array
    """The parameters."""
    slots: dict[str, Array]
    """The optimizer's variables by Keras' names: "momentum", "velocity", "accumulator"."""
    iterations: int = 0
    """Updates done."""
    floatx: str = "float32"
    """The dtype of the learning rate and of the loss: Keras' global floatx."""
    u_product: float = 1.0
    """Of Nadam: the product of its factors so far."""
    rate: float | None = None
    """The learning rate now, if it is a variable."""


def slot_names(optimizer: Described | None) -> tuple[str, ...]:
    """Return Keras' names of an optimizer's slots."""
    if optimizer is None:
        return ()
    if optimizer.name == "SGD":
        return ("momentum",) if optimizer.arguments["momentum"] else ()
    return {
        "RMSprop": ("velocity",),
        "Adagrad": ("accumulator",),
        "Adam": ("momentum", "velocity"),
        "Nadam": ("momentum", "velocity"),
    }[optimizer.name]


def first_slots(optimizer: Described | None, theta: Array) -> dict[str, Array]:
    """Return the slots before the first update: 0, but for Adagrad, which starts elsewhere."""
    start = 0.0
    if optimizer is not None and optimizer.name == "Adagrad":
        start = optimizer.arguments["initial_accumulator_value"]
    return {name: np.full_like(theta, start) for name in slot_names(optimizer)}


def read_state(description: Description, content: bytes, where: str) -> KerasState:
    """Read the arrays of model.weights.h5 that a description expects.

    Raises
    ------
    ValueError
        If an array is missing, or is another one; nothing is read before its size is known.
    """
    dtype = np.dtype(description.dtype)
    if (size := description.size * dtype.itemsize) > len(content):
        raise ValueError(f"{where} has {len(content)} bytes; the layers of config.json need {size}")
    with weights.opened(content, where) as file:
        parts = []
        for layer in description.layers:
            for number, shape in enumerate(layer.shapes()):
                path = f"{layer.path}/vars/{number}"
                parts.append(weights.read_array(file, path, shape, dtype))
        theta = np.concatenate(parts, axis=None)
        return _read_optimizer(file, description, theta)


def _read_optimizer(file: weights.File, description: Description, theta: Array) -> KerasState:
    """Read [iteration, learning_rate, then the slots of each parameter in turn, u_product].

    The learning rate is the variable's: a callback may have changed it. Keras 3.6 and older have
    u_product before the slots.
    """
    optimizer = description.optimizer
    fresh = first_slots(optimizer, theta)
    state = KerasState(theta, fresh, floatx=description.dtype)
    if optimizer is None or not weights.has(file, OPTIMIZER):
        return state
    held = weights.size(file, OPTIMIZER)
    iterations = int(weights.read_array(file, f"{OPTIMIZER}/0", (), np.dtype(np.int64)))
    if iterations < 0:
        raise ValueError(f"{file.where}: {OPTIMIZER}/0 = {iterations}; expected at least 0")
    number, floatx = 1, description.dtype
    said = optimizer.arguments["learning_rate"]
    if not isinstance(said, Described):
        rate = weights.read_array(file, f"{OPTIMIZER}/1", (), *FLOATS)
        number, floatx = 2, rate.dtype.name
        said = not_negative(f"{file.where}: {OPTIMIZER}/1, the learning rate", float(rate))
        state = state._replace(rate=said)
    state = state._replace(iterations=iterations, floatx=floatx)
    shapes = [shape for layer in description.layers for shape in layer.shapes()]
    nadam = optimizer.name == "Nadam"
    built = number + len(fresh) * len(shapes) + nadam
    if held == number:  # the optimizer has not met the model's weights yet
        return state
    if held != built:
        raise ValueError(
            f"{file.where}: {OPTIMIZER} holds {held} arrays; {optimizer.name} has {built}"
        )
    product, first = 1.0, number
    if nadam and weights.shape_of(file, f"{OPTIMIZER}/{number}") == ():  # older Keras
        number += 1
    found: dict[str, list[Array]] = {name: [] for name in fresh}
    for shape in shapes:
        for name in fresh:
            path = f"{OPTIMIZER}/{number}"
            found[name].append(weights.read_array(file, path, shape, theta.dtype))
            number += 1
    slots = {name: np.concatenate(parts, axis=None) for name, parts in found.items()}
    if nadam:
        last = number if number < built else first
        product = float(weights.read_array(file, f"{OPTIMIZER}/{last}", (), theta.dtype))
    return state._replace(slots=slots, u_product=product)
