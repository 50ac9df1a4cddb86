"""What one step computed: an ordered list of (stage, name, array), saved and loaded as .npz.

Names count layers from 1: "y2" is the output of layer 2, "dy2" the derivative of the loss by it,
"W1" a weight matrix, "dW1" the derivative by it, "m W1" the slot m of it. The last layer's
derivatives come first, as backward computes them.
"""

import zipfile
from collections.abc import Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from refnn import npz
from refnn.network import Network
from refnn.state import State, Step
from refnn.typing import Array

STAGES = (
    "forward",
    "loss",
    "backward",
    "gradient",
    "learning rate",
    "slots",
    "update",
    "rule slots",
    "rule update",
    "layer forward",
    "layer loss",
    "layer backward",
    "layer gradient",
)
"""In the order of computation; "rule" is the optimizer's rule alone, given refnn's gradient, and
"layer" each layer (and the loss) alone, given refnn's outputs and output gradients."""


class Entry(NamedTuple):
    """One tensor of a step, and how far each element may be from its exact value."""

    stage: str
    name: str
    array: Array
    bound: Array | None = None


def record(network: Network, slot_names: Sequence[str], step: Step) -> list[Entry]:
    """Return everything that a step computed, in the order in which it did."""
    names = [p.name for p in network.parameters]
    entries = [Entry("forward", f"y{i}", y) for i, y in enumerate(step.outputs[1:], 1)]
    entries += [
        Entry("loss", "data", step.data_loss),
        Entry("loss", "penalty", step.penalty),
        Entry("loss", "total", step.loss),
    ]
    dys = [Entry("backward", f"dy{i}", dy) for i, dy in enumerate(step.output_gradients, 1)]
    gradients = [
        Entry("gradient", f"d{name}", g) for name, g in zip(names, step.gradients, strict=True)
    ]
    entries += dys[::-1] + gradients[::-1]
    entries.append(Entry("learning rate", "lr", np.asarray(step.learning_rate)))
    return entries + state_entries(network, slot_names, step.state, "slots", "update")


def state_entries(
    network: Network, slot_names: Sequence[str], state: State, slots_stage: str, update_stage: str
) -> list[Entry]:
    """Return the slots and the parameters of a state, under these stages."""
    entries = [
        Entry(slots_stage, f"{slot} {p.name}", p.of(values))
        for slot, values in zip(slot_names, state.slots, strict=True)
        for p in network.parameters
    ]
    return entries + [Entry(update_stage, p.name, p.of(state.theta)) for p in network.parameters]


def alone_entries(network: Network, alone: Any) -> list[Entry]:
    """Return what every layer and the loss computed alone."""
    names, n = [p.name for p in network.parameters], len(network.layers)
    entries = [Entry("layer forward", f"y{i}", y) for i, y in enumerate(alone.outputs, 1)]
    entries += [
        Entry("layer loss", "data", alone.loss),
        Entry("layer backward", f"dy{n}", alone.loss_gradient),
    ]
    dys = [Entry("layer backward", f"dy{i}", dy) for i, dy in enumerate(alone.input_gradients, 1)]
    gradients = [
        Entry("layer gradient", f"d{name}", g)
        for name, g in zip(names, alone.gradients, strict=True)
    ]
    return entries + dys[::-1] + gradients[::-1]


def save(path: str | PathLike[str], steps: Sequence[Sequence[Entry]]) -> None:
    """Write the records of some steps to an .npz file, without pickle."""
    arrays = {}
    for number, entries in enumerate(steps):
        for place, entry in enumerate(entries):
            key = f"{number}|{place}|{entry.stage}|{entry.name}"
            arrays[key] = np.asarray(entry.array)
            if entry.bound is not None:
                arrays[f"{key}|bound"] = np.asarray(entry.bound)
    npz.write(path, arrays)


def load(path: str | PathLike[str]) -> list[list[Entry]]:
    """Read what ``save`` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file was not written by ``save``.
    """
    steps: list[list[Entry]] = []
    try:
        with np.load(path, allow_pickle=False) as file:
            for key in file.files:
                number, _, stage, name, *bound = key.split("|")
                if int(number) == len(steps):
                    steps.append([])
                if bound:
                    steps[-1][-1] = steps[-1][-1]._replace(bound=file[key])
                else:
                    steps[int(number)].append(Entry(stage, name, file[key]))
    except (ValueError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: expected a file written by lockstep ({error})") from None
    return steps
