"""The numbers of a run: each step's tensors on both sides, bit for bit, with their bounds."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnn.optimizers import Nadam
from refnn.record import STAGES, Entry, record
from refnn.state import State, Step
from refnn.training import Model, train_step
from refnn.typing import Array, Masks
from tftwin.microscope.expressions import evaluate, is_open
from tftwin.microscope.rules import momenta
from tftwin.microscope.tensors import Tensor

Batch = tuple[Array, Array, Masks]


@dataclass
class Numbers:
    """One step.

    Attributes
    ----------
    ours : dict of str to array or float
        Every tensor by its name; a Python float adapts to the dtype that it meets.
    theirs : dict of str to array
        TensorFlow's, of the tensors that a step returns; empty without TensorFlow.
    bounds : dict of str to array
        How far each side may be from the exact number.
    wrong : dict of str to array of bool
        Which numbers are not TensorFlow's, given refnn's numbers beside them.
    """

    ours: dict[str, Any]
    theirs: dict[str, Array] = field(default_factory=dict)
    bounds: dict[str, Array] = field(default_factory=dict)
    wrong: dict[str, Array] = field(default_factory=dict)


def numbers_of(model: Model, tensors: list[Tensor], state: State, batch: Batch, step: Step) -> Any:
    """Return every tensor of a step of refnn, those on the way too."""
    x, y, masks = batch
    found: dict[str, Any] = {"x": x, "t": y, "N": len(x), "t_update": step.state.step}
    for (place, _, _), mask in zip(model.network.dropouts, masks, strict=True):
        found[f"mask{place + 1}"] = mask
    for parameter in model.network.parameters:
        found[parameter.name] = parameter.of(state.theta)
        for name, slot in zip(model.optimizer.slot_names, state.slots, strict=True):
            found[f"{name} {parameter.name}"] = parameter.of(slot)
    found |= named(record(model.network, model.optimizer.slot_names, step))
    found["lr"] = float(step.learning_rate)
    if type(model.optimizer) is Nadam:
        found |= momenta(model.optimizer, step.state.step)
    with np.errstate(all="ignore"):
        for tensor in tensors:
            if tensor.derived and is_open(tensor.formula):
                found[tensor.name] = evaluate(tensor.formula, tensor.sizes(len(x)), found)
    return found


def named(entries: Iterable[Entry]) -> dict[str, Array]:
    """Return the entries of a record by the names of a page: what an update makes has a prime."""
    made = ("slots", "update")
    return {
        f"{e.name}'" if e.stage in made else e.name: np.asarray(e.array)
        for e in entries
        if e.stage in STAGES
    }


def alone(model: Model, tensors: list[Tensor], state: State, batches: Iterable[Batch]) -> Any:
    """Return the steps of refnn alone, and the states before, between and after them."""
    steps, states = [], [state]
    for batch in batches:
        step = train_step(model, states[-1], *batch)
        steps.append(Numbers(numbers_of(model, tensors, states[-1], batch, step)))
        states.append(step.state)
    return steps, states
