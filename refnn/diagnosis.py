"""Why a run left the finite numbers: the first tensor that did, and the likely cause."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from refnn.losses import Loss
from refnn.network import Network
from refnn.optimizers import Optimizer
from refnn.state import History, NonFiniteError, State, Step
from refnn.typing import Array


class Tensor(NamedTuple):
    """One tensor of a step, and the tensors from which it was computed, by name."""

    stage: str
    name: str
    values: Any
    inputs: dict[str, Array]


def non_finite(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    state: State,
    y: Array,
    step: Step,
    history: History,
) -> NonFiniteError:
    """Return the error that names the first tensor of the step that is not finite, and why.

    Parameters
    ----------
    state : State
        Before the step; finite.
    y : Array
        The targets of the step.
    step : Step
        What it computed; something in it is not finite.
    """
    first = next(
        t for t in tensors(network, optimizer, state, step) if not np.isfinite(t.values).all()
    )
    values = np.asarray(first.values)
    where = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
    largest, source = max((float(np.max(np.abs(a))), name) for name, a in first.inputs.items())
    message = (
        f"step {step.state.step}, {first.stage}: {first.name}{list(where) if where else ''} is "
        f"{values[where]}; its largest input is {largest:.3g}, in {source}. Likely cause: "
        f"{_cause(network, loss, optimizer, state, y, step, first, where)}. The last finite "
        "state is kept in this error's .state"
    )
    return NonFiniteError(message, state, history, first.name)


def tensors(network: Network, optimizer: Optimizer, state: State, step: Step) -> Iterator[Tensor]:
    """Yield everything that a step computed, in the order in which it did."""
    parameters = network.parameters
    outputs = {"x" if i == 0 else f"y{i}": y for i, y in enumerate(step.outputs)}
    names = list(outputs)
    dys = {f"d{name}": dy for name, dy in zip(names[1:], step.output_gradients, strict=True)}
    gradients = {f"d{p.name}": g for p, g in zip(parameters, step.gradients, strict=True)}
    layers: list[dict[str, Array]] = [{} for _ in names]
    for p in parameters:
        layers[int(p.name[1:])][p.name] = p.of(state.theta)

    for i, name in enumerate(names[1:], 1):
        inputs = {names[i - 1]: outputs[names[i - 1]]} | layers[i]
        yield Tensor("forward", name, outputs[name], inputs)
    prediction = {names[-1]: outputs[names[-1]]}
    weights = {p.name: p.of(state.theta) for p in parameters if p.is_weight}
    yield Tensor("loss", "loss", step.data_loss, prediction)
    yield Tensor("loss", "penalty", step.penalty, weights)
    yield Tensor("loss", "loss + penalty", step.loss, prediction | weights)
    inputs = prediction
    for i in reversed(range(1, len(names))):
        name = f"d{names[i]}"
        yield Tensor("backward", name, dys[name], inputs)
        inputs = {name: dys[name]} | layers[i]
    for p in parameters:
        i = int(p.name[1:])
        inputs = {f"d{names[i]}": dys[f"d{names[i]}"], names[i - 1]: outputs[names[i - 1]]}
        yield Tensor("gradient", f"d{p.name}", gradients[f"d{p.name}"], inputs)
    for slot, values in zip(optimizer.slot_names, step.state.slots, strict=True):
        for p in parameters:
            gradient = {f"d{p.name}": gradients[f"d{p.name}"]}
            yield Tensor("slots", f"{slot} of {p.name}", p.of(values), gradient)
    for p in parameters:
        gradient = {f"d{p.name}": gradients[f"d{p.name}"]}
        yield Tensor("update", p.name, p.of(step.state.theta), gradient)


def _cause(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    state: State,
    y: Array,
    step: Step,
    first: Tensor,
    where: tuple[int, ...],
) -> str:
    """Repeat the stage, and let the arithmetic say what it complains about first."""
    complaint, place, last = "", type(loss).__name__, len(network.layers)
    if first.stage == "update" and getattr(optimizer, "epsilon", None) == 0:
        (p,) = (p for p in network.parameters if p.name == first.name)
        if p.of(step.state.slots[-1])[where] == 0:
            return (
                "epsilon is 0, and so is the square of the gradient there (0/0): pass "
                f"epsilon=1e-7 to {type(optimizer).__name__}"
            )
    if first.stage == "forward":
        complaint = _complaint(network.forward, state.theta, step.outputs[0])
        place = f"layer {first.name[1:]}"
    if first.name == "loss":
        complaint = _complaint(loss.value, y, step.outputs[-1])
    if first.name == f"dy{last}":
        complaint = _complaint(loss.gradient, y, step.outputs[-1])
    elif first.stage == "backward":
        complaint = _complaint(
            network.backward, state.theta, step.outputs, step.output_gradients[-1]
        )
        place = f"layer {int(first.name[2:]) + 1}"
    if complaint == "divide by zero":
        return f"a logarithm of zero or a division by zero in {place}"
    if complaint == "invalid value":
        return f"0/0, or the logarithm or root of a negative number, in {place}"
    return (
        f"the learning rate {step.learning_rate} is too large for these data, or the data are not "
        "standardized"
    )


def _complaint(function: Callable[..., Any], *arguments: Any) -> str:
    """Return the first of "divide by zero", "overflow" and "invalid value" that occurs, or ""."""
    complaints: list[str] = []
    with np.errstate(all="call", under="ignore", call=lambda kind, _: complaints.append(kind)):
        function(*arguments)
    return complaints[0] if complaints else ""
