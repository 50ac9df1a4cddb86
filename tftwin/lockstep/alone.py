"""Every layer and the loss alone: refnn's half, TensorFlow's half, their bounds, the definition.

A layer is given its input and its output gradient by the record of a whole step, so that what it
computes does not depend on the layers around it, and bounds do not grow with the depth. The step
itself is such a list too (``of_step``): each of its numbers was computed by one layer from the
numbers beside it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from refnn.layers import Dense, Dropout
from refnn.losses import value_and_gradient
from refnn.record import Entry
from refnn.state import Gradients, Step
from refnn.training import Model
from refnn.typing import Array, Masks
from tftwin.lockstep import definitions
from tftwin.lockstep.bounds import with_kernels
from tftwin.lockstep.definitions import Arithmetic
from tftwin.lockstep.roundoff import Rounded, exact
from tftwin.tensorflow import tf
from tftwin.trainer import Mode, compiled
from tftwin.training import Model as TwinModel
from tftwin.typing import Tensor


class Given(NamedTuple):
    """What the layers and the loss are given: the numbers of a step, of either side."""

    theta: Any
    outputs: Sequence[Any]
    """[x, y₁, …, yₙ]."""
    data_loss: Any
    penalty: Any
    output_gradients: Sequence[Any]
    """∂loss/∂y₁ … ∂loss/∂yₙ."""
    y_true: Any
    masks: Sequence[Any] = ()
    """Of the Dropout layers."""

    def map(self, change: Callable[[Any], Any], data: Callable[[Any], Any]) -> "Given":
        """Return the same with every array changed; the targets and the masks by ``data``."""
        return Given(
            change(self.theta),
            [change(a) for a in self.outputs],
            change(self.data_loss),
            change(self.penalty),
            [change(a) for a in self.output_gradients],
            data(self.y_true),
            [data(mask) for mask in self.masks],
        )

    def cast(self, dtype: Any) -> "Given":
        """Return the same numbers in another dtype."""

        def to(a: Any) -> Any:
            return np.asarray(a).astype(dtype)

        with np.errstate(all="ignore"):
            return self.map(to, to)


def given_by(found: Gradients | Step, theta: Array, y_true: Array, masks: Masks = ()) -> Given:
    """Return what a step gives to each of its layers."""
    data_loss, penalty = (np.asarray(a, theta.dtype) for a in (found.data_loss, found.penalty))
    numbers = theta, found.outputs, data_loss, penalty, found.output_gradients
    return Given(*numbers, y_true, masks)


class Alone(NamedTuple):
    """What every layer and the loss compute alone."""

    outputs: list[Any]
    """y₁ … yₙ, each from the layer's given input."""
    data_loss: Any
    """Of the given yₙ."""
    penalty: Any
    """Of the given θ."""
    loss: Any
    """Sum of the given data loss and the given penalty."""
    output_gradients: list[Any]
    """∂loss/∂y₁ … ∂loss/∂yₙ: the last from the loss, each other from that of the next layer."""
    gradients: list[Any]
    """∂loss/∂W and ∂loss/∂b from the given output gradients, penalty included."""


def of_step(found: Gradients | Step) -> Alone:
    """Return the step's own numbers."""
    return Alone(
        list(found.outputs[1:]),
        found.data_loss,
        found.penalty,
        found.loss,
        list(found.output_gradients),
        list(found.gradients),
    )


def on_refnn(model: Model, given: Given) -> Alone:
    """Return what refnn's layers compute from what they are given."""
    network, theta, regularizer = model.network, given.theta, model.regularizer
    outputs, dxs, gradients = [], [], []
    parts = network.parts(theta, given.masks)
    places = zip(network.layers, parts, given.outputs[:-1], given.output_gradients, strict=True)
    for number, (layer, part, x, dy) in enumerate(places):
        y = layer.forward(part, x)
        outputs.append(y)
        gradients += layer.parameter_gradients(x, dy)
        if number:
            dxs.append(layer.input_gradient(part, x, y, dy))
    value, dy = value_and_gradient(model.loss, given.y_true, given.outputs[-1])
    penalty: Any = given.penalty
    if regularizer is not None:
        penalty = regularizer.value(network.weights(theta))
        gradients = [
            g + regularizer.gradient(p.of(theta)) if p.is_weight else g
            for p, g in zip(network.parameters, gradients, strict=True)
        ]
    return Alone(outputs, value, penalty, given.data_loss + given.penalty, [*dxs, dy], gradients)


def bounds_of_layers(model: Model, given: Given, roundings: int = 0) -> Alone:
    """Return the same on arrays that carry their bounds.

    What is given is exact, or off by some roundings: XLA may use a number before it is rounded,
    where it fuses one layer with the next.
    """
    widened = with_kernels(model, given.theta.dtype.name)

    def rounded(a: Array) -> Rounded:
        one = exact(a)
        one.bound = one.bound + roundings * one.unit * abs(a).astype(np.float64)
        return one

    return on_refnn(widened, given.map(rounded if roundings else exact, lambda a: a))


def on_definitions(model: Model, given: Given, wide: Any = np.float64) -> Alone:
    """Return the definition of each number, evaluated in a wider dtype; None where there is none.

    Parameters
    ----------
    given
        In the dtype that is judged.
    wide
        The dtype in which the definitions are evaluated.
    """
    a, network, regularizer = Arithmetic(given.theta.dtype.name), model.network, model.regularizer
    theta, outputs, data_loss, penalty, dys, y_true, masks = given.cast(wide)
    ys, dxs, gradients, weights = [], [], [], []
    start, mask_of = 0, iter(masks)
    with np.errstate(all="ignore"):
        places = zip(network.layers, outputs[:-1], dys, strict=True)
        for number, (layer, x, dy) in enumerate(places):
            size = sum(int(np.prod(shape)) for shape in layer.shapes().values())
            part = next(mask_of) if isinstance(layer, Dropout) else theta[start : start + size]
            start += size
            ys.append(definitions.forward(layer, a, part, x))
            if number:
                dxs.append(definitions.input_gradient(layer, a, part, x, dy))
            if isinstance(layer, Dense):
                weights.append(definitions.weight_and_bias(layer, part)[0])
                gradients += _dense_gradients(model, layer, a, part, x, dy)
        value, dy = definitions.loss(model.loss, a, y_true, outputs[-1]) or (None, None)
        of_penalty: Any = definitions.Defined(0 * penalty, 0 * penalty)
        if regularizer is not None:
            of_penalty = None
            if definitions.is_l2(regularizer):
                of_penalty = definitions.penalty(a, regularizer.rate, weights)
        total = data_loss + penalty
        of_total = definitions.Defined(total, a.u * abs(total) + a.tiny)
    return Alone(ys, value, of_penalty, of_total, [*dxs, dy], gradients)


def _dense_gradients(
    model: Model, layer: Dense, a: Arithmetic, theta: Array, x: Array, dy: Array
) -> list[Any]:
    found: list[Any] = definitions.dense_parameter_gradients(layer, a, x, dy)
    if model.regularizer is not None:
        W, _ = definitions.weight_and_bias(layer, theta)
        known = definitions.is_l2(model.regularizer)
        rate = model.regularizer.rate if known else 0.0
        found[0] = definitions.with_penalty(a, found[0], rate, W) if known else None
    return found


class OnTensorflow:
    """What TensorFlow's layers compute, in one mode."""

    def __init__(self, model: TwinModel, mode: Mode) -> None:
        self.model = model
        self._compute = compiled(self._layers, mode)

    def __call__(self, given: Given) -> Alone:
        """Return every layer and the loss alone, from what they are given."""
        tensors = self._compute(
            self.model.network.tensors(given.theta),
            [tf.constant(a) for a in given.outputs],
            tf.constant(given.data_loss),
            tf.constant(given.penalty),
            [tf.constant(a) for a in given.output_gradients],
            tf.constant(given.y_true),
            [tf.constant(mask) for mask in given.masks],
        )
        numbers: Alone = tf.nest.map_structure(lambda tensor: tensor.numpy(), tensors)
        return numbers

    def _layers(
        self,
        theta: Sequence[Sequence[Tensor]],
        outputs: Sequence[Tensor],
        data_loss: Tensor,
        penalty: Tensor,
        output_gradients: Sequence[Tensor],
        y_true: Tensor,
        masks: Sequence[Tensor],
    ) -> Alone:
        network, regularizer = self.model.network, self.model.regularizer
        parts = network.parts(theta, masks)
        ys, dxs, gradients = [], [], []
        places = zip(network.layers, parts, theta, outputs[:-1], output_gradients, strict=True)
        for number, (layer, part, variables, x, dy) in enumerate(places):
            asked = ([x] if number else []) + list(variables)
            with tf.GradientTape() as tape:
                tape.watch(asked)
                results, seeds = [layer.forward(part, x)], [dy]
                if variables and regularizer is not None:
                    results.append(regularizer.value(variables[:1]))
                    seeds.append(tf.ones((), x.dtype))
            answers = tape.gradient(results, asked, output_gradients=seeds)
            ys.append(results[0])
            dxs += answers[: len(answers) - len(variables)]
            gradients += answers[len(answers) - len(variables) :]
        with tf.GradientTape() as tape:
            tape.watch(outputs[-1])
            value = self.model.loss.value(y_true, outputs[-1])
        dxs.append(tape.gradient(value, outputs[-1]))
        of_theta = penalty
        if regularizer is not None:
            of_theta = regularizer.value(network.weights(theta))
        return Alone(ys, value, of_theta, data_loss + penalty, dxs, gradients)


def alone_entries(model: Model, alone: Alone, family: str) -> list[Entry]:
    """Return the list of these numbers, under the stages "family forward", "family loss", …"""
    last = len(model.network.layers)
    parameters = zip(model.network.parameters, alone.gradients, strict=True)
    return [
        *(Entry(f"{family} forward", f"y{i}", y, i) for i, y in enumerate(alone.outputs, 1)),
        Entry(f"{family} loss", "data", alone.data_loss),
        Entry(f"{family} loss", "penalty", alone.penalty),
        Entry(f"{family} loss", "total", alone.loss),
        *(
            Entry(f"{family} backward", f"dy{i}", alone.output_gradients[i - 1], i)
            for i in range(last, 0, -1)
        ),
        *[Entry(f"{family} gradient", f"d{p.name}", g, p.layer) for p, g in parameters][::-1],
    ]
