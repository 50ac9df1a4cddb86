"""Promises that need no witness: purity, dtypes, overflow, blocks, states, records, sizes."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from refnn import fit, optimizers
from refnn.activations import Identity, LeakyRelu, Relu, Sigmoid, Softmax, Tanh
from refnn.complexity import complexity
from refnn.datasets import one_hot, standardize
from refnn.initializers import He, Normal, TruncatedNormal
from refnn.layers import Dropout
from refnn.losses import (
    Asymmetric,
    CategoricalCrossentropy,
    MeanSquaredError,
    SoftmaxCrossentropy,
)
from refnn.network import Network, multilayer
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp
from refnn.record import STAGES, record
from refnn.regularizers import L2
from refnn.schedules import ExponentialDecay
from refnn.state import State
from refnn.training import Model, backpropagate, predict, train_step
from tests.faults.checks.common import CheckError, demand, demand_equal
from tests.faults.checks.problems import DROPPING, EXTREME, dense, run, targets
from tests.helpers import same_bits

FUNCTIONS = (Identity(), Sigmoid(), Tanh(), Relu(), LeakyRelu(), Softmax())
LOSSES = (
    MeanSquaredError(), Asymmetric(1, 9), CategoricalCrossentropy(), SoftmaxCrossentropy(),
)  # fmt: skip
OPTIMIZERS = (SGD(), SGDM(), Nesterov(), Adagrad(), RMSProp(), Adam(), Nadam())


def purity(dtype: Any, part: str) -> None:
    """No function writes into an argument."""
    rng = np.random.default_rng(7)

    def untouched(stage: str, call: Callable[..., Any], *arrays: Any) -> Any:
        before = [np.array(a) for a in arrays]
        result = call(*arrays)
        demand(same_bits(before, list(arrays)), stage, call)
        return result

    def some(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(dtype)

    for function in FUNCTIONS:
        x = some(4, 3)
        y = untouched("forward", function.forward, x)
        untouched("backward", function.backward, some(4, 3), x, y)
    for loss in LOSSES:
        y, y_pred = targets(rng, loss, 4, 3).astype(dtype), np.abs(some(4, 3))
        for method in (loss.per_sample, loss.value, loss.gradient):
            untouched("loss", method, y, y_pred)
    untouched("L2", L2(0.1).gradient, some(4, 3))
    untouched("L2", lambda W: L2(0.1).value([W]), some(4, 3))
    for optimizer in OPTIMIZERS:
        w, g, slots = some(9), some(9), tuple(np.abs(some(9)) for _ in optimizer.slot_names)

        def rule(w: Any, g: Any, *slots: Any, optimizer: Any = optimizer) -> Any:
            return optimizer.rule(w, g, slots, 3, 0.1)

        untouched("rule", rule, w, g, *slots)
    network = multilayer([3, 4, 2], Tanh())
    theta, x, dy = some(network.size), some(5, 3), some(5, 2)
    outputs = untouched("forward", network.forward, theta, x)
    tape = list(outputs)
    untouched("backward", lambda *a: network.backward(a[0], outputs, a[1]), theta, dy, *tape)
    demand(len(outputs) == len(tape), "tape", f"{len(outputs)} of {len(tape)} are left")
    untouched("standardize", lambda x: standardize(x), some(5, 3))
    model = Model(network, MeanSquaredError(), Adam(), L2(0.1))
    state = State(theta, (some(network.size), np.abs(some(network.size))), 3)
    untouched(
        "step",
        lambda *arrays: train_step(model, state, *arrays[3:]),
        *(state.theta, *state.slots, x, some(5, 2)),
    )


def dtypes(dtype: Any, part: str) -> None:
    """Everything that a step computes has θ's dtype, with hyper-parameters of any number type."""
    wide = np.float64
    rate = ExponentialDecay(wide(0.1), wide(0.5))
    optimizers = (
        SGD(wide(0.1)), SGDM(rate, wide(0.9)), Nesterov(rate, wide(0.9)),
        Adagrad(wide(0.1), wide(1e-7)),
        RMSProp(rate, wide(0.9), wide(1e-7)), Adam(wide(0.1), wide(0.9), wide(0.99), wide(1e-7)),
        Nadam(wide(0.1), wide(0.9), wide(0.99), wide(1e-7), wide(0.01)),
    )  # fmt: skip
    runs = [run(dtype, dense([3, 3], Tanh()), optimizer=o, steps=1) for o in optimizers]
    runs += [
        run(dtype, dense([3, 4, 3], function, last), loss, steps=1, regularizer=L2(wide(0.1)))
        for function in (*FUNCTIONS, LeakyRelu(wide(0.3)))
        for loss in LOSSES
        for last in [None if isinstance(loss, SoftmaxCrossentropy) else Softmax()]
    ]
    for model, state, ((x, y),) in runs:
        step = train_step(model, model.state_at(state.theta), x, y)
        demand(type(step.learning_rate) is float, "learning rate", type(step.learning_rate))
        for entry in record(model.network, model.optimizer.slot_names, step):
            no_penalty = entry.name == "penalty" and model.regularizer is None
            if entry.stage == "learning rate" or no_penalty:
                continue
            message = f"{entry.name} has {entry.array.dtype}"
            demand(entry.array.dtype == dtype, entry.stage, message)
    theta = multilayer([2, 3], Tanh()).initial_theta(np.random.default_rng(0), dtype=dtype)
    demand(theta.dtype == dtype, "theta", theta.dtype)
    demand(one_hot([0, 1], dtype=dtype).dtype == dtype, "one hot", dtype)
    x = standardize(np.array([[1, 2], [3, 5]], dtype)).x
    demand(x.dtype == dtype, "standardize", x.dtype)


def overflow(dtype: Any, part: str) -> None:
    """Sigmoid, tanh, softmax and the fused cross-entropy overflow nowhere, nor divide by 0."""
    x = EXTREME.astype(dtype)
    labels = np.eye(3, dtype=dtype)[[2, 0, 1, 1]]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        try:
            for function in (Sigmoid(), Tanh(), Softmax()):
                function.backward(x, x, function.forward(x))
            SoftmaxCrossentropy().gradient(labels, x)
            SoftmaxCrossentropy().value(labels, x)
        except FloatingPointError as error:
            raise CheckError("overflow", error) from error


def blocks(dtype: Any, part: str) -> None:
    """An update in blocks has the bits of the rule on the whole vectors."""
    n, rng = 2 * optimizers.BLOCK + 5, np.random.default_rng(8)
    w, g, m, v = (rng.standard_normal(n).astype(dtype) for _ in range(4))
    slots = m, np.square(v)
    new_w, new_slots = Adam().rule(w, g, slots, 3, 0.1)
    after = optimizers.update(Adam(), State(w, slots, 2), g, 0.1)
    demand(same_bits(after.slots, new_slots), "slots")
    demand(same_bits(after.theta, new_w), "update")
    demand(after.step == 3, "step", after.step)


def states(dtype: Any, part: str) -> None:
    """Slots start at 0; a step counts itself, and its total loss is data loss and penalty."""
    for optimizer in OPTIMIZERS:
        model, state, batches = run(
            dtype, dense([3, 4, 2], Tanh()), optimizer=optimizer, regularizer=L2(0.5)
        )
        state = model.state_at(state.theta)
        demand(len(state.slots) == len(optimizer.slot_names), "initial slots", state.slots)
        demand(not any(slot.any() for slot in state.slots), "initial slots", state.slots)
        for x, y in batches:
            step = train_step(model, state, x, y)
            demand(step.state.step == state.step + 1, "step", step.state.step)
            demand(step.loss == step.data_loss + step.penalty, "total", step.loss)
            demand(step.penalty > 0, "penalty", step.penalty)
            state = step.state


def initializers(dtype: Any, part: str) -> None:
    """Scales are powers of two here, so that samples can be compared bit for bit."""

    def rng() -> Any:
        return np.random.default_rng(11)

    unit = Normal().sample((8, 50), rng())
    demand(same_bits(unit, rng().standard_normal((8, 50))), "Normal")
    demand(same_bits(Normal(0.25).sample((8, 50), rng()), 0.25 * unit), "Normal")
    demand(same_bits(He().sample((8, 50), rng()), 0.5 * unit), "He")  # √(2 / 8)
    cut = TruncatedNormal(0.25).sample((8, 50), rng())
    demand(np.all(np.abs(cut) <= 0.5), "TruncatedNormal", "beyond 2 stddev")
    demand(len(np.unique(cut)) == cut.size, "TruncatedNormal", "numbers occur twice")
    kept = np.abs(unit) <= 2
    demand(not kept.all() and same_bits(cut[kept], 0.25 * unit[kept]), "TruncatedNormal", "scale")
    network = multilayer([8, 3, 2], Tanh())
    theta = network.initial_theta(rng(), dtype=dtype)
    W1, b1, W2, b2 = (p.of(theta) for p in network.parameters)
    demand(not b1.any() and not b2.any(), "biases", theta)
    generator = rng()
    for W, fan_in in ((W1, 8), (W2, 3)):
        expected = math.sqrt(2 / fan_in) * generator.standard_normal(W.shape)
        demand(same_bits(W, expected.astype(dtype)), "weights", W)


def masks(dtype: Any, part: str) -> None:
    """A mask is 0 or 1 / (1 − rate), drawn anew for each batch, and used in training alone."""
    network = Network(DROPPING)
    one, other = network.draw_masks(np.random.default_rng(14), 50, dtype)
    rng = np.random.default_rng(14)
    for mask in (one, other):
        demand_equal("masks", mask, np.where(rng.random((50, 4)) < 0.5, 0, 2).astype(dtype))
    mask = Dropout(0.75).draw(np.random.default_rng(15), (4000, 3), dtype)
    demand(set(np.unique(mask)) == {0, 4}, "masks", np.unique(mask))
    kept = np.count_nonzero(mask) / mask.size  # of 12 000, four deviations of √(3/16 / 12 000)
    demand(abs(kept - 0.25) < 0.016, "masks", f"{kept} are kept")
    model, start, ((x, y, drawn), _) = run(dtype, DROPPING, optimizer=SGD(0.001), rows=8)
    layers = [layer for layer in DROPPING if not isinstance(layer, Dropout)]
    plain = Network(layers).forward(start.theta, x)[-1]
    demand_equal("predict", predict(model, start, x), plain)
    for stage, wrong in (
        ("no masks", ()),
        ("one mask", drawn[:1]),
        ("other numbers", [mask / 2 for mask in drawn]),
        ("other rows", [mask[:-1] for mask in drawn]),
    ):
        try:
            train_step(model, start, x, y, wrong)
        except ValueError:
            continue
        raise CheckError(stage, "they were let in")
    ours, theirs = np.random.default_rng(16), np.random.default_rng(16)
    end, _ = fit(model, start, x, y, epochs=2, batch_size=3, rng=theirs, progress=False)
    state = start
    for _ in range(2):
        order = ours.permutation(8)
        for rows in (order[:3], order[3:6], order[6:]):
            drawn = network.draw_masks(ours, len(rows), dtype)
            state = train_step(model, state, x[rows], y[rows], drawn).state
    demand(same_bits(end, state), "fit", "another run than a loop's")


def records(dtype: Any, part: str) -> None:
    """The list of a step holds each tensor once, under its own name and layer, in order."""
    model, state, ((x, y), _) = run(
        dtype, dense([3, 4, 2], Tanh()), optimizer=Adam(0.1), regularizer=L2(0.5)
    )
    state = state._replace(slots=tuple(map(np.abs, state.slots)))
    step = train_step(model, state, x, y)
    (_, y1, y2, y3), (dy1, dy2, dy3) = step.outputs, step.output_gradients
    dW1, db1, dW3, db3 = step.gradients
    expected = {
        "y1": (1, y1), "y2": (2, y2), "y3": (3, y3),
        "data": (None, step.data_loss), "penalty": (None, step.penalty), "total": (None, step.loss),
        "dy3": (3, dy3), "dy2": (2, dy2), "dy1": (1, dy1),
        "db3": (3, db3), "dW3": (3, dW3), "db1": (1, db1), "dW1": (1, dW1),
        "lr": (None, np.asarray(step.learning_rate)),
    }  # fmt: skip
    vectors = {"m ": step.state.slots[0], "v ": step.state.slots[1], "": step.state.theta}
    for prefix, vector in vectors.items():
        expected |= {
            f"{prefix}W1": (1, vector[:12].reshape(3, 4)), f"{prefix}b1": (1, vector[12:16]),
            f"{prefix}W3": (3, vector[16:24].reshape(4, 2)), f"{prefix}b3": (3, vector[24:]),
        }  # fmt: skip
    entries = record(model.network, model.optimizer.slot_names, step)
    for entry, (name, (layer, array)) in zip(entries, expected.items(), strict=False):
        demand(entry.name == name, entry.stage, f"{entry.name}, where {name} is expected")
        demand(entry.layer == layer, entry.stage, f"{name} belongs to layer {entry.layer}")
        demand(same_bits(entry.array, array), entry.stage, f"{name} has other numbers")
    demand(len(entries) == len(expected), "record", [entry.name for entry in entries])
    stages = [STAGES.index(entry.stage) for entry in entries]
    demand(stages == sorted(stages), "record", "stages out of order")
    inputs = {entry.name: entry.inputs for entry in entries}
    demand(inputs["y1"] == ("x", "W1", "b1"), "inputs", inputs["y1"])
    demand(inputs["dy2"] == ("dy3", "W3", "b3"), "inputs", inputs["dy2"])
    demand(inputs["dW3"] == ("dy3", "y2"), "inputs", inputs["dW3"])


def sizes(dtype: Any, part: str) -> None:
    """3-4-2: two layers, 20 weights, 6 biases, 20 multiply-adds."""
    counted = complexity(multilayer([3, 4, 2], Relu()))
    found = (counted.layers, counted.weights, counted.biases, counted.multiply_adds)
    demand(found == (2, 20, 6, 20), "complexity", found)
    demand(counted.parameters == 26, "parameters", counted)


def taylor(dtype: Any, part: str) -> None:
    """|L(θ + h d) − L(θ) − h g·d| falls as h², down to where a float32 anywhere would show."""
    cases = {
        "mean squared error": (Tanh(), Sigmoid(), MeanSquaredError()),
        "categorical crossentropy": (Sigmoid(), Softmax(), CategoricalCrossentropy()),
        "softmax crossentropy": (Softmax(), None, SoftmaxCrossentropy()),
    }
    hidden, output, loss = cases[part]
    one = run(dtype, dense([3, 4, 3], hidden, output), loss, regularizer=L2(0.1))
    (x, y), theta = one.batches[0], one.state.theta
    d = np.random.default_rng(6).standard_normal(theta.size).astype(dtype)

    def found(h: float) -> Any:
        return backpropagate(one.model, theta + h * d, x, y)

    here = found(0.0)
    slope = np.concatenate([g.ravel() for g in here.gradients]) @ d
    sizes = [2.0**-8, 2.0**-12, 2.0**-16, 2.0**-20]
    remainders = [abs(found(h).loss - here.loss - h * slope) for h in sizes]
    orders = [float(np.log2(a / b)) / 4 for a, b in pairwise(remainders)]
    demand(all(math.isfinite(o) and round(o) >= 2 for o in orders), "order", orders)
