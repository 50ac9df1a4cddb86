"""Training on TensorFlow: the same step, its derivatives by ``tf.GradientTape``.

A ``Trainer`` keeps θ and the slots in variables and computes a step in one of three ways:
"eager", "function" (``tf.function``) or "xla" (``tf.function(jit_compile=True)``). Every step
computes and returns everything that a refnn step returns, so that whether somebody looks at it
changes no bit of it. ``run`` repeats steps inside the graph, where a step costs a tenth.
"""

import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from refnn.checkpoints import Checkpoint, keeping
from refnn.datasets import batches
from refnn.progress import track
from refnn.state import Evaluation, History, NonFiniteError, State, Step
from refnn.typing import Array
from tftwin.losses import Loss
from tftwin.network import Network
from tftwin.optimizers import Optimizer
from tftwin.regularizers import L2
from tftwin.schedules import rate_at
from tftwin.tensorflow import tf
from tftwin.typing import Tensor, Variable

Mode: TypeAlias = Literal["eager", "function", "xla"]


class Tensors(NamedTuple):
    """One step in tensors."""

    outputs: list[Tensor]
    data_loss: Tensor
    penalty: Tensor
    loss: Tensor
    output_gradients: list[Tensor]
    gradients: list[Tensor]


class Alone(NamedTuple):
    """Every layer and the loss, each computed alone from what another library gave it."""

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


class Trainer:
    """θ and slots as variables, and the step on them.

    Parameters
    ----------
    network, loss, optimizer, regularizer
        Of tftwin; ``tftwin.twin.twin`` makes them from refnn's.
    state : State
        Where to begin; its dtype is the dtype of everything.
    mode : {"function", "eager", "xla"}
        How a step is computed.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        optimizer: Optimizer,
        state: State,
        regularizer: L2 | None = None,
        mode: Mode = "function",
    ) -> None:
        if mode not in ("eager", "function", "xla"):
            raise ValueError(f"mode = {mode!r}; expected 'eager', 'function' or 'xla'")
        self.network, self.loss, self.optimizer = network, loss, optimizer
        self.regularizer = regularizer
        self.dtype = state.theta.dtype
        self.theta = [[tf.Variable(w) for w in part] for part in network.tensors(state.theta)]
        self.variables = [w for part in self.theta for w in part]
        self.weights = [w for w in self.variables if len(w.shape) == 2]
        self.slots = [
            tuple(tf.Variable(tf.zeros_like(w)) for _ in optimizer.slot_names)
            for w in self.variables
        ]
        self.load(state)
        self._compute, self._loop, self._layers = self._step, self._repeat, self._alone
        if mode != "eager":
            self._compute = tf.function(self._step, jit_compile=mode == "xla")
            self._loop = tf.function(self._repeat)
            self._layers = tf.function(self._alone)

    def load(self, state: State) -> None:
        """Take over θ and the slots."""
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
        """Return θ and the slots as they are now, as NumPy arrays."""
        return State(
            _flat(self.variables),
            tuple(
                _flat([slots[i] for slots in self.slots])
                for i in range(len(self.optimizer.slot_names))
            ),
            self.step_count,
        )

    def _scalars(self, steps: range) -> list[Array]:
        """Return what the rule takes besides tensors, one entry a step: rate and corrections."""
        rule = self.optimizer
        floats = [(rate_at(rule.learning_rate, s), *rule.corrections(s + 1)) for s in steps]
        return [np.array(column, self.dtype) for column in zip(*floats, strict=True)]

    def _next_scalars(self) -> list[Tensor]:
        steps = range(self.step_count, self.step_count + 1)
        return [tf.constant(column[0]) for column in self._scalars(steps)]

    def _step(self, x: Tensor, y: Tensor, *scalars: Tensor) -> Tensors:
        with tf.GradientTape() as tape:
            if not self.theta[0]:
                tape.watch(x)  # an activation in front of all parameters has a gradient too
            outputs = self.network.forward(self.theta, x)
            data_loss = self.loss.value(y, outputs[-1])
            penalty = tf.zeros((), self.dtype)
            if self.regularizer is not None:
                penalty = self.regularizer.value(self.weights)
            loss = data_loss + penalty
        derivatives = tape.gradient(loss, outputs[1:] + self.variables)
        output_gradients = derivatives[: len(outputs) - 1]
        gradients = derivatives[len(outputs) - 1 :]
        self._update(gradients, *scalars)
        return Tensors(outputs[1:], data_loss, penalty, loss, output_gradients, gradients)

    def _update(self, gradients: Sequence[Tensor], *scalars: Tensor) -> None:
        for w, g, slots in zip(self.variables, gradients, self.slots, strict=True):
            self.optimizer.rule(w, g, slots, *scalars)

    def step(self, x: Array, y: Array) -> Step:
        """Make one update, and return everything that it computed as NumPy arrays."""
        tensors = self._compute(tf.constant(x), tf.constant(y), *self._next_scalars())
        rate = rate_at(self.optimizer.learning_rate, self.step_count)
        self.step_count += 1
        numbers: Tensors = tf.nest.map_structure(lambda tensor: tensor.numpy(), tensors)
        return Step(
            [x, *numbers.outputs],
            numbers.data_loss,
            numbers.penalty,
            numbers.loss,
            list(numbers.output_gradients),
            list(numbers.gradients),
            rate,
            self.state(),
        )

    def update(self, gradients: Sequence[Array]) -> State:
        """Apply the optimizer's rule alone, to gradients that come from elsewhere."""
        self._update([tf.constant(g) for g in gradients], *self._next_scalars())
        self.step_count += 1
        return self.state()

    def alone(self, outputs: Sequence[Array], output_gradients: Sequence[Array], y: Array) -> Alone:
        """Compute every layer and the loss alone, from outputs and gradients that are given.

        Parameters
        ----------
        outputs, output_gradients : sequence of Array
            [x, y₁, …, yₙ] and ∂loss/∂y₁ … ∂loss/∂yₙ, of another library's step.
        y : Array
            The targets.
        """
        tensors = self._layers(
            [tf.constant(a) for a in outputs],
            [tf.constant(a) for a in output_gradients],
            tf.constant(y),
        )
        numbers: Alone = tf.nest.map_structure(lambda tensor: tensor.numpy(), tensors)
        return numbers

    def _alone(
        self, outputs: list[Tensor], output_gradients: list[Tensor], y_true: Tensor
    ) -> Alone:
        ys, dxs, gradients = [], [], []
        places = zip(self.network.layers, self.theta, outputs[:-1], output_gradients, strict=True)
        for number, (layer, theta, x, dy) in enumerate(places):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer.forward(theta, x)
            asked = ([x] if number else []) + list(theta)
            answers = tape.gradient(y, asked, output_gradients=dy)
            ys.append(y)
            dxs += answers[: len(answers) - len(theta)]
            gradients += answers[len(answers) - len(theta) :]
        with tf.GradientTape() as tape:
            tape.watch(outputs[-1])
            value = self.loss.value(y_true, outputs[-1])
        return Alone(ys, value, tape.gradient(value, outputs[-1]), dxs, gradients)

    def run(self, x: Array, y: Array, rows: Sequence[Array]) -> Array:
        """Make one update for each batch, inside the graph, and return the losses.

        Parameters
        ----------
        x, y : Array
            The whole data set.
        rows : sequence of int Array
            The rows of each batch.
        """
        steps = range(self.step_count, self.step_count + len(rows))
        stops = list(accumulate(map(len, rows)))
        losses = self._loop(
            tf.constant(x),
            tf.constant(y),
            tf.constant(np.concatenate(rows)),
            tf.constant([0, *stops]),
            *[tf.constant(column) for column in self._scalars(steps)],
        )
        self.step_count += len(rows)
        values: Array = losses.numpy()
        return values

    def _repeat(
        self, x: Tensor, y: Tensor, rows: Tensor, stops: Tensor, *scalars: Tensor
    ) -> Tensor:
        count = tf.shape(stops)[0] - 1
        losses = tf.TensorArray(x.dtype, size=count)
        for i in tf.range(count):
            batch = rows[stops[i] : stops[i + 1]]
            step = self._compute(tf.gather(x, batch), tf.gather(y, batch), *[s[i] for s in scalars])
            losses = losses.write(i, step.loss)
        return losses.stack()


def _flat(variables: Sequence[Variable]) -> Array:
    return np.concatenate([variable.numpy().reshape(-1) for variable in variables])


def train_step(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    state: State,
    x: Array,
    y: Array,
    regularizer: L2 | None = None,
) -> Step:
    """Make one update, eagerly; the state before it is not changed."""
    return Trainer(network, loss, optimizer, state, regularizer, "eager").step(x, y)


def evaluate(network: Network, loss: Loss, theta: Array, x: Array, y: Array) -> Evaluation:
    """Return loss and accuracy over all rows at once."""
    y_pred = network.predict(theta, x)
    return Evaluation(float(loss.value(tf.constant(y), y_pred)), accuracy(y, y_pred))


def accuracy(y_true: Array, y_pred: Tensor) -> float | None:
    """Return the share of rows whose class is predicted, or None where y_true holds no classes."""
    if not np.all((y_true == 0) | (y_true == 1)):
        return None
    if y_true.shape[1] == 1:
        right = tf.equal(y_pred > 0.5, y_true > 0.5)
    elif not np.all(np.sum(y_true, axis=1) == 1):
        return None
    else:
        right = tf.equal(tf.argmax(y_pred, axis=1), tf.argmax(y_true, axis=1))
    return float(tf.reduce_mean(tf.cast(right, tf.float64)))


def fit(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    state: State,
    x: Array,
    y: Array,
    *,
    epochs: int,
    batch_size: int = 32,
    rng: np.random.Generator | None = None,
    regularizer: L2 | None = None,
    validation: tuple[Array, Array] | None = None,
    callback: Callable[[int, State, History], None] | None = None,
    checkpoint: Checkpoint | None = None,
    history: History | None = None,
    progress: bool = True,
) -> tuple[State, History]:
    """Train for some epochs, each one run inside a compiled graph; as ``refnn.fit``."""
    trainer = Trainer(network, loss, optimizer, state, regularizer)
    history = History(*(list(column) for column in vars(history or History()).values()))
    start = time.perf_counter() - max(history.seconds, default=0.0)
    run = network, loss, optimizer, regularizer, batch_size, x, y, validation
    with keeping(checkpoint, *run) as keep:
        keep(state, history, rng)
        for epoch in track(range(len(history.loss) + 1, epochs + 1), progress):
            losses = trainer.run(x, y, list(batches(len(x), batch_size, rng)))
            if not np.isfinite(losses).all():
                step = state.step + int(np.argmin(np.isfinite(losses))) + 1
                raise NonFiniteError(f"step {step}: the loss is not finite", state, history, "loss")
            state = trainer.state()
            history.loss.append(float(np.mean(losses, dtype=np.float64)))
            history.learning_rate.append(rate_at(optimizer.learning_rate, state.step - 1))
            history.seconds.append(time.perf_counter() - start)
            if validation is not None:
                held_out = evaluate(network, loss, state.theta, *validation)
                history.validation_loss.append(held_out.loss)
                history.validation_accuracy.append(held_out.accuracy)
            if callback is not None:
                callback(epoch, state, history)
            keep(state, history, rng)
    return state, history
