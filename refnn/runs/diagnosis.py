"""Why did a run get NaN or an infinity? The first tensor that has one, and the likely cause."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refnn.losses import value_and_gradient, value_of
from refnn.record import Entry, record
from refnn.runs.history import History, NonFiniteError
from refnn.state import State, Step
from refnn.training import Model
from refnn.typing import Array


def non_finite(
    model: Model, state: State, y: Array, step: Step, history: History
) -> NonFiniteError:
    """Return the error that names the first tensor of the step that is not finite, and the cause.

    Parameters
    ----------
    state : State
        The state before the step; it is finite.
    y : Array, (N, outputs)
        The targets of the step.
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
    message = (
        f"step {step.state.step}, {first.stage}: {first.name}{list(where) if where else ''} is "
        f"{values[where]}; its largest input is {largest:.3g}, in {source}. Likely cause: "
        f"{_cause(model, state, y, step, first, where)}. The last finite state is kept in this "
        "error's .state"
    )
    return NonFiniteError(message, state, history, first.name)


def _cause(
    model: Model, state: State, y: Array, step: Step, first: Entry, where: tuple[int, ...]
) -> str:
    """Compute the stage again, and return the cause of NumPy's first floating-point warning."""
    network, loss, optimizer = model.network, model.loss, model.optimizer
    if first.stage == "update" and getattr(optimizer, "epsilon", None) == 0:
        (p,) = (p for p in network.parameters if p.name == first.name)
        if p.of(step.state.slots[-1])[where] == 0:
            return (
                "epsilon is 0, and so is the square of the gradient there (0/0): pass "
                f"epsilon=1e-7 to {type(optimizer).__name__}"
            )
    complaint, place, y_pred = "", type(loss).__name__, step.outputs[-1]
    if first.stage == "forward":
        complaint = _complaint(network.forward, state.theta, step.outputs[0])
        place = f"layer {first.layer}"
    elif first.name == "data":
        complaint = _complaint(value_of, loss, y, y_pred)
    elif first.stage == "backward" and first.layer == len(network.layers):
        complaint = _complaint(value_and_gradient, loss, y, y_pred)
    elif first.stage == "backward" and first.layer is not None:
        dy = step.output_gradients[-1]
        complaint = _complaint(network.backward, state.theta, step.outputs, dy)
        place = f"layer {first.layer + 1}"
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
