"""Variables and compiled steps: what TensorFlow needs and NumPy does not.

A ``Trainer`` keeps θ and the slots in variables, and computes a step in one of three ways:
"eager", "function" (``tf.function``) or "xla" (``tf.function(jit_compile=True)``). Every step
returns everything that a refnn step returns: so the bits of a step do not depend on who reads it.
``run`` repeats steps inside the graph, where a step costs an eighth.
"""

from collections.abc import Sequence
from itertools import accumulate, zip_longest
from typing import Any, Literal, TypeAlias

import numpy as np

from refnn import checks, guards
from refnn.state import Gradients, State, Step
from refnn.typing import Array, Masks
from tftwin.schedules import rate_at
from tftwin.tensorflow import tf
from tftwin.training import Model, as_arrays, differentiate
from tftwin.typing import Tensor, Variable

Mode: TypeAlias = Literal["eager", "function", "xla"]
MODES = ("eager", "function", "xla")


def compiled(function: Any, mode: Mode) -> Any:
    """Return a function of tensors, compiled in this mode."""
    if not isinstance(mode, str) or mode not in MODES:
        raise ValueError(f"mode = {checks.short(mode)}; expected 'eager', 'function' or 'xla'")
    return function if mode == "eager" else tf.function(function, jit_compile=mode == "xla")


def check_rows(rows: Sequence[Array], count: int) -> None:
    """Refuse anything but arrays of row numbers below ``count``, one for each batch."""
    expected = "expected a list with an array of row numbers for each batch"
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise TypeError(f"rows = {checks.short(rows)}; {expected}")
    if not rows:
        raise ValueError(f"rows is empty; {expected}")
    for number, batch in enumerate(rows, 1):
        what = f"rows: number {number}"
        checks.array(what, batch, (None,))
        if batch.dtype.kind not in "iu" or not len(batch):
            raise ValueError(f"{what} = {checks.short(batch)}; expected whole numbers")
        if batch.min() < 0 or batch.max() >= count:
            raise ValueError(
                f"{what} = {checks.short(batch)}; expected numbers of 0 to {count - 1}"
            )


def check_drawn(network: Any, masks: Any, rows: Sequence[Array], dtype: Any) -> None:
    """Refuse masks that are not those of each batch; none at all, if nothing is dropped."""
    if not isinstance(masks, (list, tuple)):
        raise TypeError(
            f"masks = {checks.short(masks)}; expected a list with a tuple for each step"
        )
    if len(masks) not in (0, len(rows)):
        raise ValueError(f"masks: {len(masks)} came; expected {len(rows)}, a tuple for each step")
    for batch, drawn in zip_longest(rows, masks, fillvalue=()):
        guards.check_masks(network, drawn, len(batch), dtype)


class Trainer:
    """θ and slots as variables, and the step on them.

    Parameters
    ----------
    model : Model
        A model of tftwin; ``tftwin.twin(model)`` makes it from refnn's.
    state : State
        The start; its dtype is the dtype of everything.
    mode : {"function", "eager", "xla"}
        How a step is computed.
    """

    def __init__(self, model: Model, state: State, mode: Mode = "function") -> None:
        guards.check_model(model, "tftwin")
        guards.check_state(model, state)
        guards.check_twin(model, state.theta)
        self.model, self.dtype = model, state.theta.dtype
        self._like_theta = np.broadcast_to(np.zeros((), self.dtype), state.theta.shape)
        self.theta = [[tf.Variable(w) for w in part] for part in model.network.tensors(state.theta)]
        self.variables = [w for part in self.theta for w in part]
        self.slots = [
            tuple(tf.Variable(tf.zeros_like(w)) for _ in model.optimizer.slot_names)
            for w in self.variables
        ]
        self._compute = compiled(self._step, mode)
        self._loop = self._repeat if mode == "eager" else tf.function(self._repeat)
        self.load(state)

    def load(self, state: State) -> None:
        """Continue from this state."""
        guards.check_state(self.model, state)
        if state.theta.dtype != self.dtype:
            raise TypeError(f"theta has dtype {state.theta.dtype}; expected {self.dtype}")
        self._assign(self.variables, state.theta)
        for i, slot in enumerate(state.slots):
            self._assign([slots[i] for slots in self.slots], slot)
        self.step_count = state.step

    def _assign(self, variables: Sequence[Variable], vector: Array) -> None:
        start = 0
        for variable in variables:
            stop = start + variable.shape.num_elements()
            variable.assign(vector[start:stop].reshape(variable.shape))
            start = stop

    def state(self) -> State:
        """Return the present state, in NumPy arrays."""
        slots = zip(*self.slots, strict=True) if self.model.optimizer.slot_names else ()
        return State(_flat(self.variables), tuple(map(_flat, slots)), self.step_count)

    def step(self, x: Array, y: Array, masks: Masks = ()) -> Step:
        """x (N, inputs), y (N, outputs), masks → this update's step, in NumPy arrays."""
        self._check(x, y)
        guards.check_masks(self.model.network, masks, len(x), x.dtype)
        rate = rate_at(self.model.optimizer.learning_rate, self.step_count)
        scalars = [tf.constant(column[0]) for column in self._scalars(1)]
        tensors = [tf.constant(mask) for mask in masks]
        found = as_arrays(self._compute(tf.constant(x), tf.constant(y), tensors, *scalars))
        self.step_count += 1
        return Step(*found._replace(outputs=[x, *found.outputs[1:]]), rate, self.state())

    def _noted(self, step: Gradients) -> Tensor:
        """Return what ``run`` keeps of a step."""
        return step.loss

    def _step(self, x: Tensor, y: Tensor, masks: Sequence[Tensor], *scalars: Tensor) -> Gradients:
        found = differentiate(self.model, self.theta, x, y, masks)
        for w, g, slots in zip(self.variables, found.gradients, self.slots, strict=True):
            self.model.optimizer.rule(w, g, slots, *scalars)
        return found

    def _scalars(self, count: int) -> list[Array]:
        """Return the rates and the corrections of the next steps, a column (count,) for each."""
        rule, steps = self.model.optimizer, range(self.step_count, self.step_count + count)
        floats = [(rate_at(rule.learning_rate, s), *rule.corrections(s + 1)) for s in steps]
        return [np.array(column, self.dtype) for column in zip(*floats, strict=True)]

    def run(self, x: Array, y: Array, rows: Sequence[Array], masks: Sequence[Masks] = ()) -> Array:
        """Make one update for each batch, inside the graph, and return the losses, (batches,).

        Parameters
        ----------
        x, y : Array, (N, inputs), (N, outputs)
            The whole data set.
        rows : sequence of int Array
            The rows of each batch.
        masks : sequence of tuple of Array
            The masks of each batch, if the network has Dropout layers.
        """
        self._check(x, y)
        check_rows(rows, len(x))
        check_drawn(self.model.network, masks, rows, x.dtype)
        losses = self._loop(
            tf.constant(x),
            tf.constant(y),
            tf.constant(np.concatenate(rows)),
            tf.constant([0, *accumulate(map(len, rows))]),
            [tf.constant(np.concatenate(of_layer)) for of_layer in zip(*masks, strict=True)],
            *map(tf.constant, self._scalars(len(rows))),
        )
        self.step_count += len(rows)
        values: Array = losses.numpy()
        return values

    def _check(self, x: Array, y: Array) -> None:
        guards.check_batch(self.model.network, self._like_theta, x, y)

    def _repeat(
        self,
        x: Tensor,
        y: Tensor,
        rows: Tensor,
        stops: Tensor,
        masks: Sequence[Tensor],
        *scalars: Tensor,
    ) -> Tensor:
        count = tf.shape(stops)[0] - 1
        losses = tf.TensorArray(x.dtype, size=count)
        for i in tf.range(count):
            start, stop = stops[i], stops[i + 1]
            batch = rows[start:stop]
            kept = [mask[start:stop] for mask in masks]
            numbers = [s[i] for s in scalars]
            step = self._compute(tf.gather(x, batch), tf.gather(y, batch), kept, *numbers)
            losses = losses.write(i, self._noted(step))
        return losses.stack()


def _flat(variables: Sequence[Variable]) -> Array:
    return np.concatenate([variable.numpy().reshape(-1) for variable in variables])
