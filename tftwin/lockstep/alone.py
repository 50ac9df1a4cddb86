"""Every layer and the loss alone: refnn's half, TensorFlow's half, and the bounds of both.

A layer is given its input and its output gradient by the record of a whole step, so that what it
computes does not depend on the layers around it, and bounds do not grow with the depth.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from refnn.losses import value_and_gradient
from refnn.record import Entry
from refnn.state import Gradients, Step
from refnn.training import Model
from refnn.typing import Array
from tftwin.lockstep.bounds import with_kernels
from tftwin.lockstep.roundoff import exact
from tftwin.lockstep.verdict import LAYER
from tftwin.tensorflow import tf
from tftwin.trainer import Mode, compiled
from tftwin.training import Model as TwinModel
from tftwin.typing import Tensor


class Alone(NamedTuple):
    """What every layer and the loss compute alone."""

    outputs: list[Any]
    """y₁ … yₙ, each from the layer's given input."""
    loss: Any
    """The data loss of the given yₙ."""
    loss_gradient: Any
    """∂loss/∂yₙ of it."""
    input_gradients: list[Any]
    """∂loss/∂y₁ … ∂loss/∂yₙ₋₁, each from the given one of the next layer."""
    gradients: list[Any]
    """∂loss/∂W and ∂loss/∂b from the given output gradients, without the penalty."""


def on_refnn(model: Model, theta: Array, given: Gradients | Step, y_true: Array) -> Alone:
    """Return what refnn's layers compute from a step's own outputs and output gradients."""
    network = model.network
    outputs, dxs, gradients = [], [], []
    places = zip(
        network.layers, network.slices, given.outputs[:-1], given.output_gradients, strict=True
    )
    for number, (layer, place, x, dy) in enumerate(places):
        y = layer.forward(theta[place], x)
        outputs.append(y)
        gradients += layer.parameter_gradients(x, dy)
        if number:
            dxs.append(layer.input_gradient(theta[place], x, y, dy))
    value, dy = value_and_gradient(model.loss, y_true, given.outputs[-1])
    return Alone(outputs, value, dy, dxs, gradients)


def bounds_of_layers(model: Model, theta: Array, given: Gradients | Step, y_true: Array) -> Alone:
    """Return the same on arrays that carry their bounds; what is given is exact."""
    exactly = given._replace(
        outputs=[exact(a) for a in given.outputs],
        output_gradients=[exact(a) for a in given.output_gradients],
    )
    return on_refnn(with_kernels(model, theta.dtype.name), exact(theta), exactly, y_true)


class OnTensorflow:
    """What TensorFlow's layers compute, in one mode."""

    def __init__(self, model: TwinModel, mode: Mode) -> None:
        self.model = model
        self._compute = compiled(self._layers, mode)

    def __call__(self, theta: Array, given: Gradients | Step, y_true: Array) -> Alone:
        """Return every layer and the loss alone, from a step's outputs and output gradients."""
        tensors = self._compute(
            self.model.network.tensors(theta),
            [tf.constant(a) for a in given.outputs],
            [tf.constant(a) for a in given.output_gradients],
            tf.constant(y_true),
        )
        numbers: Alone = tf.nest.map_structure(lambda tensor: tensor.numpy(), tensors)
        return numbers

    def _layers(
        self,
        theta: Sequence[Sequence[Tensor]],
        outputs: Sequence[Tensor],
        output_gradients: Sequence[Tensor],
        y_true: Tensor,
    ) -> Alone:
        ys, dxs, gradients = [], [], []
        places = zip(self.model.network.layers, theta, outputs[:-1], output_gradients, strict=True)
        for number, (layer, part, x, dy) in enumerate(places):
            asked = ([x] if number else []) + list(part)
            with tf.GradientTape() as tape:
                tape.watch(asked)
                y = layer.forward(part, x)
            answers = tape.gradient(y, asked, output_gradients=dy)
            ys.append(y)
            dxs += answers[: len(answers) - len(part)]
            gradients += answers[len(answers) - len(part) :]
        with tf.GradientTape() as tape:
            tape.watch(outputs[-1])
            value = self.model.loss.value(y_true, outputs[-1])
        return Alone(ys, value, tape.gradient(value, outputs[-1]), dxs, gradients)


def alone_entries(model: Model, alone: Alone) -> list[Entry]:
    """Return the list of what every layer and the loss computed alone."""
    forward, loss, backward, gradient = LAYER
    last = len(model.network.layers)
    dys = [*alone.input_gradients, alone.loss_gradient]
    parameters = zip(model.network.parameters, alone.gradients, strict=True)
    return [
        *(Entry(forward, f"y{i}", y, i) for i, y in enumerate(alone.outputs, 1)),
        Entry(loss, "data", alone.loss),
        *(Entry(backward, f"dy{i}", dys[i - 1], i) for i in range(last, 0, -1)),
        *[Entry(gradient, f"d{p.name}", g, p.layer) for p, g in parameters][::-1],
    ]
