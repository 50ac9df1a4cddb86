"""Do model, state, x and y fit each other? Guards check this before the formulas run.

``check_batch`` and ``check_state`` run before every step. They first take a fast look, which costs
less than a microsecond. If it finds something unusual, slower checks follow and say what is wrong.
"""

from typing import Any, TypeAlias

import numpy as np

from refnn import checks
from refnn.activations import (
    Elu,
    Identity,
    LeakyRelu,
    Relu,
    Selu,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from refnn.layers import Dropout
from refnn.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    SigmoidCrossentropy,
    SoftmaxCrossentropy,
)
from refnn.network import Network
from refnn.state import State
from refnn.typing import Array, Masks

AnyModel: TypeAlias = Any
"""A ``Model`` of refnn or of tftwin: network, loss, optimizer, regularizer."""

AnyNetwork: TypeAlias = Any
"""A ``Network`` of refnn or of tftwin: inputs, outputs, size."""


def check_parts(model: AnyModel) -> None:
    """Refuse parts that are not a network, loss, optimizer, regularizer: a name or a class, say."""
    if not isinstance(model.network, Network):
        raise TypeError(f"network = {checks.short(model.network)}; expected a refnn.Network")
    loss, optimizer = model.loss, model.optimizer
    if not hasattr(loss, "value_and_gradient"):
        checks.provides("loss", loss, "refnn.MeanSquaredError()", "value", "gradient")
    checks.provides("loss", loss, "refnn.MeanSquaredError()")
    _check_halves(loss)
    check_pair(model.network, loss)
    checks.provides("optimizer", optimizer, "refnn.SGD()", "rule", "slot_names", "learning_rate")
    if model.regularizer is not None:
        checks.provides("regularizer", model.regularizer, "refnn.L2(0.01)", "value", "gradient")


def _check_halves(loss: Loss) -> None:
    """Refuse a subclass that overrides one half of ``value_and_gradient``: nobody would call it."""
    for kind in type(loss).__mro__:
        if "value_and_gradient" in vars(kind):
            return
        for half in ("value", "gradient"):
            if half in vars(kind) and hasattr(loss, "value_and_gradient"):
                raise TypeError(
                    f"loss: {kind.__name__} overrides {half} and inherits value_and_gradient, "
                    "which training asks instead; expected value_and_gradient to be overridden too"
                )


PAIRS: tuple[tuple[type, type, type], ...] = (
    (SoftmaxCrossentropy, CategoricalCrossentropy, Softmax),
    (SigmoidCrossentropy, BinaryCrossentropy, Sigmoid),
)
"""The loss of logits, the loss of probabilities, and the activation between them."""

NO_PROBABILITIES = (Relu, LeakyRelu, Elu, Selu, Softplus, Tanh)
"""Activations whose values lie outside [0, 1]."""


def check_pair(network: AnyNetwork, loss: Any) -> None:
    """Refuse a loss that takes logits behind its activation, or probabilities behind none."""
    layers = [layer for layer in network.layers if not _is_a(layer, Dropout)]
    functions = [getattr(layer, "function", None) for layer in layers]
    while _is_a(functions[-1], Identity):
        functions.pop()
    function = functions[-1]
    last = "a Dense layer" if function is None else checks.short(function)
    for of_logits, of_probabilities, activation in PAIRS:
        if _is_a(loss, of_logits) and _is_a(function, activation):
            raise ValueError(
                f"loss: {of_logits.__name__} expects logits, and the network ends in {last}; "
                f"expected {of_probabilities.__name__}(), or no {activation.__name__} at the end"
            )
        if _is_a(loss, of_probabilities) and (
            function is None or _is_a(function, *NO_PROBABILITIES)
        ):
            raise ValueError(
                f"loss: {of_probabilities.__name__} expects probabilities, and the network ends in "
                f"{last}; expected {of_logits.__name__}(), which takes logits, or a "
                f"{activation.__name__} at the end"
            )


def _is_a(value: Any, *kinds: type) -> bool:
    """Whether a value is of one of these classes of refnn, or of the class of the same name."""
    kind = type(value)
    side, _, room = kind.__module__.partition(".")
    return side in MODELS and (room, kind.__name__) in [
        (one.__module__.partition(".")[2], one.__name__) for one in kinds
    ]


MODELS = {
    "refnn": "refnn.Model(network, loss, optimizer)",
    "tftwin": "tftwin.twin(model), made from a refnn.Model",
}
"""What is expected as model of each side."""


def check_model(model: AnyModel, side: str = "refnn") -> None:
    """Refuse anything but a model of this side."""
    kind = type(model)
    if kind.__name__ == "Model" and kind.__module__ == f"{side}.training":
        return
    names = [(one.__module__, one.__name__) for one in kind.__mro__]
    if (f"{side}.training", "Model") not in names:
        other = next((s for s in MODELS if (f"{s}.training", "Model") in names), None)
        came = kind.__name__ if other is None else f"{other}.Model"
        raise TypeError(f"model is a {came}; expected {MODELS[side]}")


def check_twin(model: AnyModel, theta: Array) -> None:
    """Refuse anything but a model of tftwin, and a dtype that TensorFlow has not."""
    check_model(model, "tftwin")
    dtype = getattr(theta, "dtype", None)
    if dtype == np.longdouble != np.float64:
        raise TypeError(f"theta has dtype {dtype}; TensorFlow has float32 and float64")


def check_batch(network: AnyNetwork, theta: Array, x: Array, y: Array) -> None:
    """Refuse θ, x and y that do not fit the network or each other, in shape or in dtype."""
    if (
        type(theta) is type(x) is type(y) is np.ndarray
        and x.dtype == (dtype := theta.dtype) == y.dtype
        and dtype in checks.FLOATS
        and theta.shape == (network.size,)
        and x.shape[1:] == (network.inputs,)
        and y.shape == (n := len(x), network.outputs)
        and n > 0
    ):
        return
    check_inputs(network, theta, x)
    checks.array("y", y, (len(x), network.outputs), theta.dtype)


def check_masks(network: AnyNetwork, masks: Masks, rows: int, dtype: Any) -> None:
    """Refuse masks that do not fit the Dropout layers of the network, the rows or the dtype."""
    if not network.dropouts and type(masks) is tuple and not masks:
        return
    remedy = "draw them with network.draw_masks(rng, len(x), x.dtype)"
    if not isinstance(masks, (tuple, list)):
        raise TypeError(f"masks is a {type(masks).__name__}; expected a tuple of arrays: {remedy}")
    if len(masks) != (n := len(network.dropouts)):
        raise ValueError(
            f"masks: {len(masks)} came; expected {n}, one for each Dropout layer of the network"
            + (f": {remedy}" if n else "")
        )
    for number, (mask, (_, width, layer)) in enumerate(zip(masks, network.dropouts, strict=True)):
        checks.array(f"masks[{number}]", mask, (rows, width), dtype)
        wrong = (mask != 0) & (mask != mask.dtype.type(layer.scale))
        if wrong.any():
            raise ValueError(
                f"masks[{number}] holds {mask[wrong][0]}; expected 0 and {layer.scale}, which is "
                f"1 / (1 - rate): {remedy}"
            )


def check_inputs(network: AnyNetwork, theta: Array, x: Array) -> None:
    """Refuse θ and x that do not fit the network or each other."""
    checks.array("theta", theta, (network.size,))
    checks.floating("theta", theta)
    checks.array("x", x, (None, network.inputs), theta.dtype)
    if len(x) == 0:
        raise ValueError(f"x has shape {x.shape}; expected at least one row")


def check_state(model: AnyModel, state: State) -> None:
    """Refuse a state of another network or another optimizer."""
    _check_kind(state)
    try:
        size, slot_count = model.network.size, len(model.optimizer.slot_names)
    except AttributeError:
        check_model(model)
        raise
    if not _fits(state, size, slot_count):
        _check_state_slowly(model.optimizer, size, state)


def _check_kind(state: Any) -> None:
    if not isinstance(state, State):
        raise TypeError(
            f"state is a {type(state).__name__}; expected model.initial_state(rng), or a "
            "refnn.State"
        )


def check_update(optimizer: Any, state: State, gradient: Array) -> None:
    """Refuse a state of another optimizer, and a gradient that does not fit it."""
    _check_kind(state)
    _check_state_slowly(optimizer, None, state)
    checks.array("gradient", gradient, state.theta.shape, state.theta.dtype)


def _fits(state: State, size: int, slot_count: int) -> bool:
    theta, slots, step = state
    if type(theta) is not np.ndarray or type(slots) is not tuple or type(step) is not int:
        return False
    shape, dtype = theta.shape, theta.dtype
    for slot in slots:
        if type(slot) is not np.ndarray or slot.shape != shape or slot.dtype != dtype:
            return False
    return shape == (size,) and len(slots) == slot_count and step >= 0


def _check_state_slowly(optimizer: Any, size: int | None, state: State) -> None:
    names = optimizer.slot_names
    checks.array("theta", state.theta, (size,))
    checks.floating("theta", state.theta)
    checks.count("state: step", state.step, 0)
    if not isinstance(state.slots, tuple):
        raise TypeError(f"state: slots is a {type(state.slots).__name__}; expected a tuple")
    if len(state.slots) != len(names):
        raise ValueError(
            f"state has {len(state.slots)} slots; {type(optimizer).__name__} expects "
            f"{len(names)} {names}: start from model.initial_state(rng) or model.state_at(theta)"
        )
    for name, slot in zip(names, state.slots, strict=True):
        checks.array(f"state: slot {name}", slot, state.theta.shape, state.theta.dtype)


def check_run(
    model: AnyModel, state: State, x: Array, y: Array, validation: tuple[Array, Array] | None
) -> None:
    """Refuse arguments that do not fit each other, and a state or data that are not finite."""
    check_state(model, state)
    check_data(model, state.theta, x, y)
    check_finite(model, state)
    if validation is None:
        return
    if not (isinstance(validation, (tuple, list)) and len(validation) == 2):
        raise TypeError(f"validation is a {type(validation).__name__}; expected a pair (x, y)")
    try:
        check_data(model, state.theta, *validation)
    except (TypeError, ValueError) as error:
        raise type(error)(f"validation: {error}") from None


def check_finite(model: AnyModel, state: State) -> None:
    """Refuse a state that holds NaN or an infinity."""
    checks.finite("theta", state.theta)
    for name, slot in zip(model.optimizer.slot_names, state.slots, strict=True):
        checks.finite(f"state: slot {name}", slot)


def check_data(model: AnyModel, theta: Array, x: Array, y: Array) -> None:
    """Refuse data that do not fit, are not finite, or have targets that the loss does not take."""
    check_batch(model.network, theta, x, y)
    checks.finite("x", x)
    checks.finite("y", y)
    check_targets(model.loss, y)


def check_targets(loss: Loss, y_true: Array) -> None:
    """Refuse targets (N, K) that are no distributions, or no probabilities, if the loss takes them.

    A distribution is a row of numbers of at least 0 with sum 1. The sum may be off by 2 K
    roundings, which happen when a row of K labels is normalised, and when it is summed here.

    Raises
    ------
    ValueError
        With the number of the first row that is not a distribution.
    """
    if getattr(loss, "takes_probabilities", False):
        _check_probabilities(loss, y_true)
    if not getattr(loss, "takes_distributions", False):
        return
    sums = np.sum(y_true, axis=-1)
    roundings = y_true.shape[-1] * np.finfo(y_true.dtype).eps
    bad = np.any(y_true < 0, axis=-1) | ~(np.abs(sums - 1) <= roundings)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"y: row {row} is {y_true[row]} with sum {sums[row]}; {type(loss).__name__} expects "
            "each row to be non-negative and to sum to 1, as refnn.datasets.one_hot makes them"
        )


def _check_probabilities(loss: Loss, y_true: Array) -> None:
    bad = ~((y_true >= 0) & (y_true <= 1))
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"y holds {y_true[row, column]} at [{row}, {column}]; {type(loss).__name__} expects "
            "numbers from 0 to 1: 1 for yes, 0 for no"
        )
