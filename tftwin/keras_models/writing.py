"""refnn's model as a live Keras model."""

from dataclasses import replace
from typing import Any

import numpy as np

from refnn import activations, guards
from refnn.activations import Function
from refnn.checks import short
from refnn.layers import Dense, Dropout
from refnn.losses import Loss
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp
from refnn.schedules import Constant, ExponentialDecay
from refnn.state import State
from refnn.training import Model
from refnn.typing import Array
from tftwin.keras_models.description import Described, Description, KerasLayer
from tftwin.keras_models.inspection import Preparation
from tftwin.keras_models.layer import DTYPES
from tftwin.keras_models.mapping import CROSSENTROPIES, DISTANCES, hidden_logits
from tftwin.keras_models.state import KerasState


def write(model: Model, state: State, preparation: Preparation | None = None) -> Any:
    """Return a compiled Keras model of the same layers, weights, optimizer slots and step.

    ``model.save("name.keras")`` makes a file of it. An activation behind a Dense becomes that
    layer's ``activation``. A loss from logits becomes Keras' loss with ``from_logits=True``. A
    crossentropy behind a softmax or a sigmoid gets a Flatten before it, which changes no number and
    hides the logits that Keras would find.

    Keras' optimizer of that name is another rule now and then (ε, and momentum without 1 − β): it
    goes on from the same slots with Keras' rule. Those of SGDM and Nesterov become
    v = −lr m / (1 − β).

    Parameters
    ----------
    model, state
        They must fit each other; float32 or float64.
    preparation : Preparation, optional
        As ``read`` returns it: for samples of its shape, and for class numbers as targets.

    Raises
    ------
    TypeError, ValueError
        If something does not fit, or is your own, or Keras lacks it: the message names it.
    """
    guards.check_model(model)
    guards.check_state(model, state)
    description = describe_refnn(model, state, preparation)
    from tftwin.keras_models.building import construct

    return construct(description, keras_state(model, state))


def describe_refnn(
    model: Model, state: State, preparation: Preparation | None = None
) -> Description:
    """Return what a refnn model is in Keras."""
    dtype = state.theta.dtype.name
    if dtype not in DTYPES:
        raise TypeError(f"state: theta has dtype {dtype}; expected {' or '.join(DTYPES)}")
    network = model.network
    shape = (network.inputs,) if preparation is None else preparation.shape
    if int(np.prod(shape)) != network.inputs:
        raise ValueError(f"preparation: shape = {shape}; expected {network.inputs} numbers")
    integers = preparation is not None and preparation.integer_labels
    layers = _Chain(shape)
    for scale, offset in () if preparation is None else preparation.scales:
        layers.add("Rescaling", {"scale": scale, "offset": offset}, shape)
    if len(shape) > 1:
        layers.add("Flatten", {}, (network.inputs,))
    l2 = None if model.regularizer is None else model.regularizer.rate / 2
    for layer in network.layers:
        if isinstance(layer, Dense):
            arguments: dict[str, Any] = {"units": layer.outputs, "use_bias": layer.use_bias}
            arguments |= {"activation": Described("linear"), "l2": l2}
            layers.add("Dense", arguments, (layer.outputs,))
        elif isinstance(layer, Dropout):
            layers.add("Dropout", {"rate": layer.rate}, layers.shape)
        else:
            layers.activate(layer.function)
    loss = _loss(model.loss, integers)
    description = Description(
        style="Sequential",
        name="refnn",
        dtype=dtype,
        input_dtype=dtype if preparation is None else preparation.input_dtype,
        shape=shape,
        layers=tuple(layers.made),
        loss=loss,
        optimizer=_optimizer(model.optimizer),
    )
    if "from_logits" in loss.arguments and hidden_logits(description)[1]:
        layers.add("Flatten", {}, (network.outputs,))
    return replace(description, layers=tuple(layers.made))


class _Chain:
    """Layers of Keras, each named by its kind and its number, as Keras does it."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.made: list[KerasLayer] = []
        self.shape = shape

    def add(self, kind: str, arguments: dict[str, Any], outputs: tuple[int, ...]) -> None:
        number = sum(layer.kind == kind for layer in self.made)
        name = kind.lower() + (f"_{number}" if number else "")
        self.made.append(KerasLayer(kind, name, arguments, f"layers/{name}", self.shape, outputs))
        self.shape = outputs

    def activate(self, function: Function) -> None:
        """Add an activation: to the Dense before it, or as a layer of its own."""
        name = next((n for f, n in NAMES if type(f) is type(function) and f == function), None)
        before = self.made[-1].arguments if self.made else {}
        free = "units" in before and before["activation"].name == "linear"
        if free and name not in (None, "linear"):
            before["activation"] = Described(str(name))
        elif name is not None:
            self.add("Activation", {"activation": Described(name)}, self.shape)
        elif type(function) is activations.LeakyRelu and function.alpha >= 0:
            self.add("LeakyReLU", {"negative_slope": function.alpha}, self.shape)
        elif type(function) is activations.Elu and function.alpha >= 0:
            self.add("ELU", {"alpha": function.alpha}, self.shape)
        else:
            raise ValueError(f"activation {short(function)}, which Keras lacks, or is your own")


NAMES: tuple[tuple[Function, str], ...] = (
    (activations.Identity(), "linear"),
    (activations.Sigmoid(), "sigmoid"),
    (activations.Tanh(), "tanh"),
    (activations.Relu(), "relu"),
    (activations.LeakyRelu(0.2), "leaky_relu"),
    (activations.Softmax(), "softmax"),
    (activations.Elu(), "elu"),
    (activations.Selu(), "selu"),
    (activations.Softplus(), "softplus"),
)
"""Keras' names of refnn's activations."""


def _loss(loss: Loss, integers: bool) -> Described:
    kind = type(loss)
    for name, distance in DISTANCES.items():
        if kind is type(distance):
            return Described(name)
    for name, (_, fused, plain) in CROSSENTROPIES.items():
        if kind in (type(fused), type(plain)) and integers == name.startswith("sparse"):
            return Described(name, {"from_logits": kind is type(fused)})
    raise ValueError(f"loss {short(loss)}, which Keras lacks, or is your own")


def _optimizer(optimizer: Any) -> Described:
    """Return Keras' optimizer of that name, with the same hyper-parameters."""
    rate = _rate(optimizer.learning_rate)
    kind = type(optimizer)
    if kind is SGD:
        return Described("SGD", {"learning_rate": rate, "momentum": 0.0, "nesterov": False})
    if kind in (SGDM, Nesterov) and optimizer.beta:
        momentum = {"momentum": optimizer.beta, "nesterov": kind is Nesterov}
        return Described("SGD", {"learning_rate": rate, **momentum})
    if kind is Adagrad:
        start = {"initial_accumulator_value": 0.0, "epsilon": optimizer.epsilon}
        return Described("Adagrad", {"learning_rate": rate, **start})
    if kind is RMSProp:
        moments = {"rho": optimizer.beta, "epsilon": optimizer.epsilon}
        return Described("RMSprop", {"learning_rate": rate, **moments})
    if kind is Adam or (kind is Nadam and optimizer.momentum_decay == 1):
        moments = {"beta_1": optimizer.beta_1, "beta_2": optimizer.beta_2}
        return Described(
            kind.__name__, {"learning_rate": rate, **moments, "epsilon": optimizer.epsilon}
        )
    remedy = "; SGD is the same" if kind in (SGDM, Nesterov) else ""
    if kind is Nadam:
        remedy = "; expected momentum_decay=1"
    raise ValueError(f"optimizer {short(optimizer)}, which Keras lacks, or is your own{remedy}")


def _rate(rate: Any) -> float | Described:
    if isinstance(rate, Constant):
        rate = rate.learning_rate
    if isinstance(rate, ExponentialDecay):
        return Described("ExponentialDecay", dict(vars(rate)))
    if callable(rate):
        raise ValueError(f"learning_rate {short(rate)}, which Keras lacks, or is your own")
    return float(rate)


def keras_state(model: Model, state: State) -> KerasState:
    """Return Keras' state for refnn's: the same slots, but for SGDM and Nesterov."""
    optimizer, slots = model.optimizer, state.slots
    kind = type(optimizer)
    named: dict[str, Array] = {}
    product = 1.0
    if kind in (SGDM, Nesterov):
        named = {"momentum": _velocity(optimizer, slots[0])}
    elif kind is Adagrad:
        named = {"accumulator": slots[0]}
    elif kind is RMSProp:
        named = {"velocity": slots[0]}
    elif kind in (Adam, Nadam):
        named = {"momentum": slots[0], "velocity": slots[1]}
    if isinstance(optimizer, Nadam):
        product = optimizer.product(state.step)
    return KerasState(state.theta, named, state.step, state.theta.dtype.name, product)


def _velocity(optimizer: Any, m: Array) -> Array:
    """refnn's m → Keras' v = −lr m / (1 − β), at a constant rate."""
    rate = _rate(optimizer.learning_rate)
    if not m.any():
        return np.zeros_like(m)
    if isinstance(rate, Described):
        raise ValueError("the slot m of momentum, under a learning rate that is not constant")
    return m * (-rate / (1 - optimizer.beta))
