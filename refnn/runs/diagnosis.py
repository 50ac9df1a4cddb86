"""Why a run left the finite numbers: the first tensor that did, and the likely cause.

A cause is tested by removing it: the steps are repeated without the suspect, and only if they stay
finite is it named. Where that is true of none, the cause is not determined. tftwin's runs ask here
too, with the refnn model of which theirs is the twin.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from refnn.activations import LeakyRelu
from refnn.checks import short
from refnn.layers import Activation, Dropout
from refnn.losses import Asymmetric, value_and_gradient, value_of
from refnn.network import Network
from refnn.optimizers import update
from refnn.record import Entry, record
from refnn.runs.history import History, NonFiniteError
from refnn.schedules import rate_at
from refnn.state import State, Step
from refnn.training import Model, backpropagate, evaluate, predict
from refnn.typing import Array, Masks

LONGEST, WORK = 500, 5e7
"""At most so many steps are repeated, and so many parameters altogether."""
NEAR = 1e-3
"""Where a function is looked at besides 0 and 1."""


def non_finite(
    model: Model,
    start: State,
    state: State,
    y: Array,
    masks: Masks,
    step: Step,
    history: History,
) -> NonFiniteError:
    """Return the error that names the first tensor of the step that is not finite, and the cause.

    Parameters
    ----------
    start : State
        Where the run began.
    state : State
        The state before the step; it is finite.
    y : Array, (N, outputs)
        The targets of the step.
    masks : tuple of Array
        The masks of the step, one for each Dropout layer.
    step : Step
        The step; something in it is not finite.
    """
    entries = record(model.network, model.optimizer.slot_names, step)
    first = next(e for e in entries if not np.isfinite(e.array).all())
    values = np.asarray(first.array)
    where = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
    given = {"x": step.outputs[0]} | {p.name: p.of(state.theta) for p in model.network.parameters}
    given |= {e.name: e.array for e in entries if e.stage not in ("slots", "update")}
    largest, source = max((float(np.max(np.abs(given[name]))), name) for name in first.inputs)
    with np.errstate(all="ignore"):
        cause = _cause(model, start, state, y, masks, step, first)
    message = (
        f"step {step.state.step}, {first.stage}: {first.name}{list(where) if where else ''} is "
        f"{values[where]}; its largest input is {largest:.3g}, in {source}. Likely cause: {cause}. "
        "The last finite state is kept in this error's .state"
    )
    return NonFiniteError(message, state, history, first.name)


class Scene(NamedTuple):
    """What is repeated: some steps on one batch and its masks, with the rates limited."""

    model: Model
    state: State
    x: Array
    y: Array
    masks: Masks
    steps: int
    highest_rate: float = np.inf

    def stays_finite(self) -> bool:
        """Whether the steps and their losses, outputs, slots and parameters are finite."""
        state, optimizer = self.state, self.model.optimizer
        for _ in range(self.steps):
            try:
                found = backpropagate(self.model, state.theta, self.x, self.y, self.masks)
                rate = min(rate_at(optimizer.learning_rate, state.step), self.highest_rate)
                state = update(optimizer, state, np.concatenate(found.gradients, axis=None), rate)
            except Exception:  # something of the user's own does not take what was changed
                return False
            if not _finite(found.loss, *found.outputs, state.theta, *state.slots):
                return False
        return True


class HeldOut(NamedTuple):
    """What is evaluated again: a state on the held-out data."""

    model: Model
    state: State
    x: Array
    y: Array

    def stays_finite(self) -> bool:
        """Whether the loss is finite."""
        try:
            return _finite(evaluate(self.model, self.state, self.x, self.y).loss)
        except Exception:
            return False


AnyScene = TypeVar("AnyScene", Scene, HeldOut)


def why_not_finite(model: Model, state: State, x: Array, y: Array) -> str:
    """Return the likely cause of a loss on held-out data x, y that is not finite."""
    scene, loss = HeldOut(model, state, x, y), model.loss
    with np.errstate(all="ignore"):
        if scene.stays_finite():
            return "not determined"
        outputs = predict(model, state, x)
        if _finite(outputs) and (
            found := _complaint(lambda z: value_of(loss, y, z), type(loss).__name__, outputs)
        ):
            return found
        causes = [text for text, without in _suspects(scene) if without.stays_finite()]
        if (most := float(np.abs(state.theta).max())) > 1e2:
            tame = state._replace(theta=state.theta / state.theta.dtype.type(most))
            if scene._replace(state=tame).stays_finite():
                causes.append(f"theta holds numbers as large as {most:.3g}")
    return ", or ".join(causes) or "not determined"


def _cause(
    model: Model, start: State, state: State, y: Array, masks: Masks, step: Step, first: Entry
) -> str:
    if complaint := _forbidden(model, state, y, step, first):
        return complaint
    x, steps = step.outputs[0], step.state.step - start.step
    scene = Scene(model, start, x, y, masks, steps)
    if steps > min(LONGEST, WORK / state.theta.size) or scene.stays_finite():
        scene, steps = Scene(model, state, x, y, masks, 1), 1
    if scene.stays_finite():  # what is not finite is something else, or it is so on one side alone
        return "not determined"
    found = [text for text, without in _suspects(scene) if without.stays_finite()]
    if scene.state is start:  # else it is what the run has made of it
        found += [text for text, without in _beginnings(scene) if without.stays_finite()]
    rate = step.learning_rate
    if rate > 10 or not found:
        slower = scene._replace(highest_rate=min(rate, 1) * NEAR)
        if slower.stays_finite():
            found.append(
                f"the learning rate {rate} is too large for these data, or the data are not "
                "standardized"
            )
    return ", or ".join(found) or "not determined"


def _suspects(scene: AnyScene) -> Iterator[tuple[str, AnyScene]]:
    """Yield what is out of the ordinary, and the scene without it."""
    model, optimizer = scene.model, scene.model.optimizer
    epsilon, dtype = getattr(optimizer, "epsilon", 1.0), scene.state.theta.dtype
    if epsilon < 1e-12 and hasattr(optimizer, "__dataclass_fields__"):
        zero = "epsilon is 0" if epsilon == 0 else f"epsilon = {epsilon} is too small"
        if epsilon > 0 and dtype.type(epsilon) == 0:
            zero = f"epsilon = {epsilon} is 0 in {dtype}"
        usual: Any = replace(optimizer, epsilon=1e-7)  # type: ignore[arg-type]
        without = replace(model, optimizer=usual)
        yield (
            f"{zero}, and so is the square of the gradient there (0/0): pass epsilon=1e-7 to "
            f"{type(optimizer).__name__}",
            scene._replace(model=without),
        )
    if getattr(model.regularizer, "rate", 2) > 1 and model.regularizer is not None:
        without = replace(model, regularizer=None)
        text = f"the penalty of {short(model.regularizer)} is too large"
        yield text, scene._replace(model=without)
    if isinstance(loss := model.loss, Asymmetric) and (most := max(loss.cost, loss.profit)) > 1e3:
        tame = replace(loss, cost=loss.cost / most, profit=loss.profit / most)
        text = f"{short(loss)} is too large: divide cost and profit by the same number"
        yield text, scene._replace(model=replace(model, loss=tame))
    if steepest := _steepest(model.network):
        tame_network = Network([_flatter(layer) for layer in model.network.layers])
        text = f"alpha = {steepest} of LeakyRelu is too large"
        yield text, scene._replace(model=replace(model, network=tame_network))
    largest = max((layer.scale for *_, layer in model.network.dropouts), default=1.0)
    if largest > 1e2 and isinstance(scene, Scene):  # in evaluation nothing is multiplied
        usual_network = Network([_usual(layer) for layer in model.network.layers])
        text = f"a Dropout multiplies by {largest:.3g}: its rate is too near to 1"
        usual_masks = tuple((mask != 0) * mask.dtype.type(2) for mask in scene.masks)
        without = replace(model, network=usual_network)
        yield text, scene._replace(model=without, masks=usual_masks)
    for name, array, ordinary in (("x", scene.x, 1e2), ("y", scene.y, 1e3)):
        if (most := float(np.abs(array).max())) > ordinary:
            text = f"{name} holds numbers as large as {most:.3g}: standardize it"
            yield text, scene._replace(**{name: array / array.dtype.type(most)})


def _beginnings(scene: Scene) -> Iterator[tuple[str, Scene]]:
    """Yield what is out of the ordinary in the first state, and the scene without it."""
    theta, slots, step = scene.state
    if (most := float(np.abs(theta).max())) > 1e2:
        text = f"the first theta holds numbers as large as {most:.3g}"
        yield text, scene._replace(state=State(theta / theta.dtype.type(most), slots, step))
    if slots and (most := max(float(np.abs(slot).max()) for slot in slots)) > 1e6:
        text = f"the first slots hold numbers as large as {most:.3g}"
        none = tuple(np.zeros_like(slot) for slot in slots)
        yield text, scene._replace(state=State(theta, none, step))


def _steepest(network: Network) -> float | None:
    """Return the largest α above 1."""
    functions = [layer.function for layer in network.layers if isinstance(layer, Activation)]
    alphas = [f.alpha for f in functions if isinstance(f, LeakyRelu) and abs(f.alpha) > 1]
    return max(alphas, key=abs, default=None)


def _flatter(layer: Any) -> Any:
    steep = isinstance(layer, Activation) and isinstance(layer.function, LeakyRelu)
    return Activation(LeakyRelu()) if steep else layer


def _usual(layer: Any) -> Any:
    return Dropout(0.5) if isinstance(layer, Dropout) else layer


def _forbidden(model: Model, state: State, y: Array, step: Step, first: Entry) -> str:
    """Say whether the function that gave the tensor is finite besides where it was asked."""
    function, place, z = _function(model, y, step, first)
    return "" if function is None else _complaint(function, place, z)


def _complaint(function: Callable[[Array], Any], place: str, z: Array) -> str:
    """Ask a function at numbers near 0 and 1 instead of these, and then at positive ones only."""
    complaints: list[str] = []
    with np.errstate(all="call", under="ignore", call=lambda kind, _: complaints.append(kind)):
        function(z)
    besides = np.where(z == 0, z.dtype.type(NEAR), np.where(z == 1, z.dtype.type(1 - NEAR), z))
    if _finite_at(function, besides):
        return f"a logarithm of zero or a division by zero in {place}"
    tame = [np.abs(besides), np.clip(z, NEAR, 1 - NEAR)]
    if "overflow" not in complaints and any(_finite_at(function, z) for z in tame):
        return f"0/0, or the logarithm or root of a negative number, in {place}"
    return ""


def _function(
    model: Model, y: Array, step: Step, first: Entry
) -> tuple[Callable[[Array], Any] | None, str, Array]:
    """Return the function of one argument that gave the tensor, where it is, and its argument."""
    loss, layers, outputs = model.loss, model.network.layers, step.outputs
    if first.name == "data":
        return (lambda z: value_of(loss, y, z)), type(loss).__name__, outputs[-1]
    number = first.layer or 0
    if first.stage == "backward" and number == len(layers):
        gradient = lambda z: value_and_gradient(loss, y, z)[1]  # noqa: E731
        return gradient, type(loss).__name__, outputs[-1]
    number += first.stage == "backward"
    layer = layers[number - 1]
    if first.stage not in ("forward", "backward") or not isinstance(layer, Activation):
        return None, "", outputs[0]
    function, z = layer.function, outputs[number - 1]
    if first.stage == "forward":
        return function.forward, f"layer {number}", z
    dy = step.output_gradients[number - 1]
    return (lambda z: function.backward(dy, z, function.forward(z))), f"layer {number}", z


def _finite_at(function: Callable[[Array], Any], z: Array) -> bool:
    try:
        return _finite(function(z))
    except Exception:
        return False


def _finite(*numbers: Any) -> bool:
    return all(bool(np.isfinite(a).all()) for a in numbers)
