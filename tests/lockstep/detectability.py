"""The smallest relative error that is always seen: ``python -m tests.lockstep.detectability``.

A formula of refnn computes one unit of one layer wrong by a relative error, in the step and where
the layer is computed alone. The unit is the one of middle size. The smallest power of ten that is
seen in every layer is the result. A second table is of errors in TensorFlow's step alone, whose
kernels nothing repeats in float64. The script prints both; they stand in tests/README.md.
"""

import sys
import warnings
from typing import NamedTuple

import numpy as np

from refnn.activations import Relu, Tanh
from refnn.layers import Dense
from refnn.losses import SoftmaxCrossentropy
from refnn.network import multilayer
from refnn.optimizers import Adam
from refnn.training import Model, train_step
from tests.lockstep.planted import Planted, both_parts, found, planted, same
from tests.strategies import Case, middle_of_a_run
from tftwin import trainer as tf_trainer
from tftwin.lockstep import resynchronised
from tftwin.lockstep.roundoff import plain
from tftwin.tensorflow import tf

LEAST = -16
GOAL = {"float32": 1e-6, "float64": 1e-13}
NETWORKS = {
    "10 x 16": ([6, *[16] * 10, 3], Tanh()),
    "10 x 64": ([20, *[64] * 10, 10], Tanh()),
    "784-512-512-10": ([784, 512, 512, 10], Relu()),
    "784-256-128-64-10": ([784, 256, 128, 64, 10], Relu()),
}
QUANTITIES = ("forward", "dx", "dW", "db", "loss", "rule")


class Healthy(NamedTuple):
    """A case, and the step that refnn makes of it."""

    case: Case
    step: object


def healthy(name, dtype):
    """Return a step in the middle of a run, of 32 rows."""
    sizes, function = NETWORKS[name]
    rng = np.random.default_rng(7)
    network = multilayer(sizes, function)
    model = Model(network, SoftmaxCrossentropy(), Adam(0.01))
    theta = network.initial_theta(rng, dtype=dtype)
    theta += (0.05 * rng.standard_normal(theta.shape)).astype(dtype)
    x = rng.standard_normal((32, network.inputs)).astype(dtype)
    y = np.eye(network.outputs, dtype=dtype)[rng.integers(network.outputs, size=32)]
    case = Case(model, middle_of_a_run(rng, model.optimizer, theta, 7), [(x, y)])
    return Healthy(case, train_step(*case.step))


def middle_unit(a):
    """Return the column of middle size, of those that are not all 0."""
    size = np.abs(np.atleast_2d(a)).sum(axis=0)
    order = [i for i in np.argsort(size) if size[i] > 0]
    return int(order[len(order) // 2])


def unit_off(unit, relative):
    """One column is off, of an array of any dtype, also one with bounds."""

    def change(a):
        factors = np.ones(a.shape[-1], plain(a).dtype)
        factors[unit] += plain(a).dtype.type(relative)
        return a * factors

    return change


def in_layer(numbers, place, change):
    """Change a function's result where its argument at a place is these numbers, about.

    That tells a layer from the others of its kind, in the step and in every repetition.
    """
    first = np.asarray(numbers, np.float64).reshape(-1)[:64]

    def make(old):
        def function(*args):
            a = np.asarray(plain(args[place]), np.float64).reshape(-1)[:64]
            right = old(*args)
            here = a.shape == first.shape and np.abs(a - first).sum() <= np.abs(first).sum() / 1000
            return change(right) if here else right

        return function

    return make


def part_off(place, change):
    """One array of a list is changed."""
    return lambda g: [change(a) if i == place else a for i, a in enumerate(g)]


def rule_off(value, relative):
    """The update of the weight that has this value is off."""

    def make(old):
        def rule(self, w, *rest):
            new, slots = old(self, w, *rest)
            if isinstance(w, np.ndarray):
                new = new * np.where(w == value, 1 + relative, 1).astype(w.dtype)
            return new, slots

        return rule

    return make


def faults(quantity, one):
    """Yield, for every layer, what makes a fault of a relative error."""
    model, step = one.case.model, one.step
    theta, outputs = one.case.state.theta, step.outputs
    places = zip(model.network.layers, model.network.slices, outputs, outputs[1:], strict=False)
    dys = [None, *step.output_gradients]
    for number, (layer, part, x, y) in enumerate(places):
        dense = isinstance(layer, Dense)
        owner = Dense if dense else type(layer.function)
        key, where = (theta[part], 1) if dense else (x, 1)
        if quantity == "forward":
            unit = middle_unit(y)
            yield owner, "forward", lambda r, k=key, u=unit: in_layer(k, 1, unit_off(u, r))
        elif quantity == "dx" and number:
            unit = middle_unit(dys[number])
            name, where = ("input_gradient", 1) if dense else ("backward", 2)
            yield owner, name, lambda r, k=key, w=where, u=unit: in_layer(k, w, unit_off(u, r))
        elif quantity in ("dW", "db") and dense:
            place, g = ("dW", "db").index(quantity), layer.parameter_gradients(x, dys[number + 1])
            unit = middle_unit(g[place])
            yield (
                Dense,
                "parameter_gradients",
                lambda r, k=x, p=place, u=unit: in_layer(k, 1, part_off(p, unit_off(u, r))),
            )
        elif quantity == "rule" and dense:
            value = theta[part][0]
            yield type(model.optimizer), "rule", lambda r, v=value: rule_off(v, r)
    if quantity == "loss":
        unit = middle_unit(dys[-1])
        value = lambda r: both_parts(lambda v: v * plain(v).dtype.type(1 + r), same)  # noqa: E731
        yield SoftmaxCrossentropy, "value_and_gradient", value
        yield (
            SoftmaxCrossentropy,
            "value_and_gradient",
            lambda r: both_parts(same, unit_off(unit, r)),
        )


def tf_unit_off(place, unit, relative):
    def change(a):
        factors = np.ones(a.shape[-1] if len(a.shape) else ())
        if len(a.shape):
            factors[unit] += relative
        else:
            factors += relative
        return a * tf.constant(factors, a.dtype)

    return change if place is None else part_off(place, change)


def tf_faults(quantity, one):
    """Yield the same for TensorFlow's step alone."""
    step = one.step
    fields = {
        "forward": ("outputs", step.outputs),
        "dx": ("output_gradients", step.output_gradients),
        "dW": ("gradients", step.gradients),
        "db": ("gradients", step.gradients),
    }
    if quantity == "loss":
        for name in ("data_loss", "loss"):
            yield (
                tf_trainer,
                "differentiate",
                lambda r, n=name: found(**{n: tf_unit_off(None, 0, r)}),
            )
        return
    field, arrays = fields[quantity]
    for place, a in enumerate(arrays):
        if quantity in ("dW", "db") and a.ndim != ("db", "dW").index(quantity) + 1:
            continue
        if quantity == "forward" and place == 0:
            continue
        unit = middle_unit(a)
        yield (
            tf_trainer,
            "differentiate",
            lambda r, f=field, p=place, u=unit: found(**{f: tf_unit_off(p, u, r)}),
        )


def is_seen(one, fault, relative):
    """Whether a step with this fault does not agree."""
    owner, name, make = fault
    case = one.case
    with planted(Planted("", owner, name, make(relative))):
        return not resynchronised(case.model, case.state, case.batches, mode="eager").agreed


def curve(quantity, name, dtype, of=faults):
    """Return the exponent of the smallest power of ten that is seen in every layer."""
    one, exponent = healthy(name, dtype), LEAST
    for fault in of(quantity, one):
        while not is_seen(one, fault, 10.0**exponent):
            exponent += 1
    return exponent


def table(names=tuple(NETWORKS), of=faults, quantities=QUANTITIES):
    """Return the Markdown table."""
    lines = [
        "| network | dtype | " + " | ".join(quantities) + " |",
        "|---" * (len(quantities) + 2) + "|",
    ]
    for name in names:
        for dtype in (np.float32, np.float64):
            cells = [f"1e{curve(quantity, name, dtype, of)}" for quantity in quantities]
            lines.append(f"| {name} | {np.dtype(dtype).name} | " + " | ".join(cells) + " |")
            print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(table())
    print()
    print(table(of=tf_faults, quantities=QUANTITIES[:-1]))
