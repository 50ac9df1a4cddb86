"""What would explain a divergence: a transposed W, another function, a hyper-parameter, a factor.

Each candidate is computed by refnn's code, with its bound, from the numbers that Keras gave to this
part. It explains the divergence if every number of Keras is within the bound. Nothing is guessed:
what no candidate explains stays without an explanation.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from refnn import activations, losses
from refnn.layers import Activation, Dense, Dropout
from refnn.losses import value_and_gradient
from refnn.schedules import rate_at
from refnn.state import State, Step
from refnn.training import Model
from refnn.typing import Array, Masks
from tftwin.keras_lockstep.findings import Explanation, in_order
from tftwin.keras_lockstep.rules import Rule, arguments_of, kind_of, refnn_rule
from tftwin.keras_models import Inspection
from tftwin.lockstep.alone import alone_entries, bounds_of_layers, given_by
from tftwin.lockstep.bounds import bounds_of_rule, with_kernels
from tftwin.lockstep.findings import Divergence
from tftwin.lockstep.roundoff import Rounded, exact

EPSILONS = (0.0, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)
DECAYS = (0.0, 0.5, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999)
SLOPES = (0.01, 0.1, 0.2, 0.3)


@dataclass(frozen=True)
class Case:
    """The step that diverged: refnn's models, the state before it, its data, and Keras' step."""

    model: Model
    bounded: Model
    state: State
    batch: tuple[Array, Array, Masks]
    keras: Step
    inspection: Inspection

    def layer(self, number: int) -> str:
        """Return the name that Keras has for a layer of refnn."""
        for place in self.inspection.places:
            if number in place.numbers:
                return place.name
        return f"layer {number}"


def explain(case: Case, divergences: list[Divergence]) -> list[Explanation]:
    """Return the divergences in the order of computation, each with what would explain it."""
    found = []
    for number, d in enumerate(in_order(divergences)):
        sentence = ""
        if number < LOOKED_AT and (d.stage.startswith("mirror") or d.stage == "learning rate"):
            with np.errstate(all="ignore"), suppress(ArithmeticError, TypeError, ValueError):
                sentence = _explained(case, d)  # a candidate that cannot be computed says nothing
        found.append(Explanation(d, sentence))
    return found


LOOKED_AT = 12
"""Divergences for which candidates are tried; the others follow from them."""


def _explained(case: Case, d: Divergence) -> str:
    part = d.stage.split()[-1]
    if d.stage == "learning rate":
        return _rate(case, d)
    if part in ("slots", "update"):
        return _rule(case, d)
    found = bounds_of_layers(case.bounded, _given(case))
    entries = alone_entries(case.model, found, "mirror")
    (entry,) = (e for e in entries if (e.stage, e.name) == (d.stage, d.name))
    keras = _of_keras(case, d)
    named = {"penalty": "penalty", "data": "loss", "total": "loss"}.get(d.name, d.name)
    if not np.any(keras):
        return f"Keras' {named} is 0"
    candidates = {"forward": _forward, "loss": _loss, "backward": _backward, "gradient": _gradient}
    for sentence, candidate in candidates[part](case, entry):
        if fits(candidate, keras):
            return sentence
    return _factor(case, entry.array, keras, f"Keras' {named}")


def _given(case: Case) -> Any:
    _, y_true, masks = case.batch
    return given_by(case.keras, case.state.theta, y_true, masks)


def _of_keras(case: Case, d: Divergence) -> Array:
    step = case.keras
    losses_of = {"data": step.data_loss, "penalty": step.penalty, "total": step.loss}
    if d.name in losses_of:
        return np.asarray(losses_of[d.name])
    if d.name.startswith("dy"):
        return step.output_gradients[int(d.name[2:]) - 1]
    if d.name.startswith("y"):
        return step.outputs[int(d.name[1:])]
    names = [f"d{p.name}" for p in case.model.network.parameters]
    return step.gradients[names.index(d.name)]


def fits(candidate: Any, keras: Array) -> bool:
    """Whether each number of Keras is within the bounds of a candidate that is not all 0."""
    if not isinstance(candidate, Rounded) or candidate.shape != np.shape(keras):
        return False
    apart = np.abs(np.asarray(candidate.value, np.float64) - np.asarray(keras, np.float64))
    bound = np.asarray(candidate.bound)
    telling = np.any(np.isfinite(bound) & (np.abs(candidate.value) > 2 * bound))
    return bool(telling and np.all(apart <= 2 * bound))


# A simple factor ---------------------------------------------------------------------------------


def factors(case: Case) -> Iterator[tuple[str, float]]:
    """Yield the factors that mistakes of convention make, with their names."""
    rows, width = case.keras.outputs[-1].shape
    yield from (("half", 0.5), ("twice", 2.0), ("minus", -1.0))
    for name, n in (("N, the rows", rows), ("K, the outputs", width), ("N K", rows * width)):
        if n > 2:
            yield from ((f"{n} times ({name})", float(n)), (f"1/{n} of ({name})", 1 / n))
    yield from (("ten times", 10.0), ("a tenth of", 0.1))


def _factor(case: Case, ours: Any, keras: Array, what: str) -> str:
    for name, factor in factors(case):
        if isinstance(ours, Rounded) and fits(ours * factor, keras):
            return f"{what} is {name} refnn's"
    return ""


# Forward -----------------------------------------------------------------------------------------


def _forward(case: Case, entry: Any) -> Iterator[tuple[str, Any]]:
    layer = case.model.network.layers[entry.layer - 1]
    x = exact(case.keras.outputs[entry.layer - 1])
    name = case.layer(entry.layer)
    if isinstance(layer, Dense):
        part = case.state.theta[case.model.network.slices[entry.layer - 1]]
        W = layer.weight(part)
        b = layer.bias(part) if layer.use_bias else None
        for words, weight, bias in (
            ("x Wᵀ + b, with W transposed", W.T if W.shape[0] == W.shape[1] else None, b),
            ("x W, without b", W if b is not None else None, None),
            ("x W − b", W if b is not None else None, None if b is None else -b),
        ):
            if weight is not None:
                z = x @ exact(np.ascontiguousarray(weight))
                yield f"Keras' {name} computes {words}", z if bias is None else z + exact(bias)
    elif isinstance(layer, Dropout):
        yield f"Keras' {name} drops nothing", x
        kept = (case.keras.outputs[entry.layer] != 0).astype(x.dtype)
        yield f"Keras' {name} scales nothing", x * exact(kept)
    elif isinstance(layer, Activation):
        for other in _functions(type(layer.function)):
            widened = with_kernels(_only(other), case.state.theta.dtype.name).network.layers[-1]
            yield f"Keras' {name} computes {other!r}, not {layer.function!r}", widened.forward(x, x)


def _functions(but: type) -> list[Any]:
    plain = (getattr(activations, name, None) for name in PLAIN)
    found = [kind() for kind in plain if kind is not None and kind is not but]
    return found + [activations.LeakyRelu(slope) for slope in SLOPES]


PLAIN = ("Identity", "Relu", "Sigmoid", "Tanh", "Softmax", "Elu", "Selu", "Softplus")


def _only(function: Any) -> Model:
    from refnn.network import Network

    return Model(Network([Dense(1, 1), Activation(function)]), losses.MeanSquaredError())


# Loss, derivatives, gradients --------------------------------------------------------------------


def _loss(case: Case, entry: Any) -> Iterator[tuple[str, Any]]:
    if entry.name != "data":
        return
    if case.state.theta.dtype == np.float64:
        y_true, y_pred = (a.astype(np.float32) for a in (case.batch[1], case.keras.outputs[-1]))
        value = value_and_gradient(case.bounded.loss, y_true, exact(y_pred))[0]
        wide = Rounded(np.float64(value.value), value.bound + 2.0**-22 * abs(value.value), 2.0**-53)
        yield "Keras computes the loss in float32 (loss-casts)", wide
    for name, both in _losses(case):
        yield f"Keras' loss is that of {name}", both()[0]
    for name, both in _losses(case):
        yield f"Keras' loss is half of that of {name}", both()[0] * 0.5


def _losses(case: Case) -> Iterator[tuple[str, Callable[[], Any]]]:
    y_true, y_pred = case.batch[1], exact(case.keras.outputs[-1])
    for name in ("MeanSquaredError", "MeanAbsoluteError", "CategoricalCrossentropy"):
        kind = getattr(losses, name, None)
        if kind is not None and kind is not type(case.model.loss):
            yield name, partial(value_and_gradient, kind(), y_true, y_pred)


def _backward(case: Case, entry: Any) -> Iterator[tuple[str, Any]]:
    network = case.model.network
    if entry.layer == len(network.layers):
        for name, both in _losses(case):
            yield f"Keras' derivative of the loss is that of {name}", both()[1]
            yield f"Keras' derivative of the loss is half of that of {name}", both()[1] * 0.5
        return
    behind, dy = network.layers[entry.layer], exact(case.keras.output_gradients[entry.layer])
    if isinstance(behind, Dense) and behind.inputs == behind.outputs:
        W = behind.weight(case.state.theta[network.slices[entry.layer]])
        yield (
            f"Keras takes it back through {case.layer(entry.layer + 1)} with W, not Wᵀ",
            dy @ exact(np.ascontiguousarray(W)),
        )


def _gradient(case: Case, entry: Any) -> Iterator[tuple[str, Any]]:
    regularizer, given = case.model.regularizer, _given(case)
    plain = alone_entries(
        case.model, bounds_of_layers(replace(case.bounded, regularizer=None), given), "mirror"
    )
    (data,) = (e for e in plain if e.name == entry.name)
    (p,) = (p for p in case.model.network.parameters if f"d{p.name}" == entry.name)
    if regularizer is not None:
        W = exact(p.of(case.state.theta))
        kept = 1.0 if p.is_weight else 0.0
        for name, factor in (("no", 0.0), ("half of its", 0.5), ("its", 1.0), ("twice its", 2.0)):
            if factor != kept:
                penalized = data.array + factor * regularizer.rate * W
                yield f"Keras' {entry.name} holds {name} L2", penalized
    if len(p.shape) == 2 and p.shape[0] == p.shape[1]:
        yield f"Keras' {entry.name} is refnn's, transposed", entry.array.T


# Rate and rule -----------------------------------------------------------------------------------


def _rate(case: Case, d: Divergence) -> str:
    keras, ours = case.keras.learning_rate, d.refnn
    for name, factor in factors(case):
        if abs(keras - factor * ours) <= 2.0**-23 * abs(keras):
            return f"Keras' learning rate is {name} the configured one"
    schedule = case.model.optimizer.learning_rate
    for shift in (1, -1):
        step = case.state.step + shift
        if callable(schedule) and step >= 0 and rate_at(schedule, step) == keras:
            return f"Keras' learning rate is that of update {step + 1}"
    return ""


def _rule(case: Case, d: Divergence) -> str:
    """Try other hyper-parameters of Keras' rule, its cards, and refnn's own rule."""
    described = case.inspection.description.optimizer
    if described is None:
        return ""
    kind, given = kind_of(described), arguments_of(described)
    gradient = np.concatenate(case.keras.gradients, axis=None)
    rate = case.keras.learning_rate
    for sentence, rule in _rules(kind, given, described, rate, case):
        model = replace(case.model, optimizer=rule)
        after = bounds_of_rule(model, case.state, gradient)
        if fits(after.theta, case.keras.state.theta):
            return sentence
    return ""


def _rules(
    kind: Any, given: dict[str, float], described: Any, rate: float, case: Case
) -> Iterator[tuple[str, Any]]:
    names = kind.slot_names
    yield "It follows from the learning rate", Rule(kind.function, given, rate, names)
    for name, value in given.items():
        for other in EPSILONS if name == "epsilon" else DECAYS:
            if other != value:
                keras = next(k for k, ours in kind.names.items() if ours == name)
                words = f"{keras} = {other:g}; its configuration says {value:g}"
                rule = Rule(kind.function, given | {name: other}, rate, names)
                yield f"Keras' update is that of {words}", rule
    for card in kind.cards:
        yield f"Keras' update is that of {card.name}", Rule(card.function, given, rate, names)
    own = refnn_rule(described)
    yield "Keras' update is refnn's own", replace(own, learning_rate=rate)
    for name, factor in factors(case):
        if factor > 0:
            rule = Rule(kind.function, given, rate * factor, names)
            yield f"Keras' update is that of {name} the learning rate", rule
