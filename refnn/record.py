"""The list of all numbers that a training step computes, in order, with names.

Diagnosis, lockstep, and every page that shows numbers read this list. Names count layers from 1:
"y2" is the output of layer 2, "dy2" the derivative of the loss by y2, "W1" a weight matrix, "dW1"
the derivative by W1, "m W1" the part of slot m that belongs to W1. The derivatives of the last
layer come first, as ``backward`` computes them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from refnn.network import Network, Parameter
from refnn.state import Gradients, State, Step
from refnn.typing import Array

STAGES = ("forward", "loss", "backward", "gradient", "learning rate", "slots", "update")
"""The stages of a step, in the order of computation."""


class Entry(NamedTuple):
    """One tensor of a step.

    Attributes
    ----------
    stage, name : str
        One of ``STAGES`` (lockstep has more), and a name as above.
    array : Array
        Its numbers.
    layer : int or None
        The number of the layer to which it belongs.
    inputs : tuple of str
        Names of the tensors from which it was computed.
    bound : Array or None
        How far each number may be from its exact value, if that is known.
    """

    stage: str
    name: str
    array: Any
    layer: int | None = None
    inputs: tuple[str, ...] = ()
    bound: Any = None


def record(network: Network, slot_names: Sequence[str], step: Step) -> list[Entry]:
    """Return everything that a step computed, in the order of computation."""
    return [
        *gradient_entries(network, step),
        Entry("learning rate", "lr", np.asarray(step.learning_rate)),
        *state_entries(network, slot_names, step.state),
    ]


def gradient_entries(network: Network, found: Gradients | Step) -> list[Entry]:
    """Return everything that ``backpropagate`` computed."""
    last, parameters = len(network.layers), network.parameters
    weights = tuple(p.name for p in parameters if p.is_weight)

    def of_layer(number: int) -> tuple[str, ...]:
        return tuple(p.name for p in parameters if p.layer == number)

    forward = [
        Entry("forward", f"y{i}", y, i, (_output(i - 1), *of_layer(i)))
        for i, y in enumerate(found.outputs[1:], 1)
    ]
    loss = [
        Entry("loss", "data", found.data_loss, None, (f"y{last}",)),
        Entry("loss", "penalty", found.penalty, None, weights),
        Entry("loss", "total", found.loss, None, ("data", "penalty")),
    ]
    backward = [
        Entry(
            "backward",
            f"dy{i}",
            dy,
            i,
            (f"y{last}",) if i == last else (f"dy{i + 1}", *of_layer(i + 1)),
        )
        for i, dy in enumerate(found.output_gradients, 1)
    ]
    gradients = [
        Entry("gradient", f"d{p.name}", g, p.layer, (f"dy{p.layer}", _output(p.layer - 1)))
        for p, g in zip(parameters, found.gradients, strict=True)
    ]
    return forward + loss + backward[::-1] + gradients[::-1]


def state_entries(
    network: Network,
    slot_names: Sequence[str],
    state: State,
    slots_stage: str = "slots",
    update_stage: str = "update",
) -> list[Entry]:
    """Return the slots and the parameters of a state, under these stages."""
    slots = [
        _part(slots_stage, f"{slot} {p.name}", p, values)
        for slot, values in zip(slot_names, state.slots, strict=True)
        for p in network.parameters
    ]
    return slots + [_part(update_stage, p.name, p, state.theta) for p in network.parameters]


def _part(stage: str, name: str, p: Parameter, vector: Array) -> Entry:
    return Entry(stage, name, p.of(vector), p.layer, (f"d{p.name}",))


def _output(number: int) -> str:
    return f"y{number}" if number else "x"
