"""Where a run goes wrong: faults at random places of runs, and runs without one.

    python -m tests.lockstep.localise --runs 1000 --seed 0

A run has up to 1,000 steps. At one of them a number of refnn's step is changed where it is made:
an output, the data loss, ∂loss/∂output, a gradient, a slot, a parameter; one number, or a whole
tensor. What follows in the step is computed from the changed number. Before the fault nothing may
be said; at the fault the step, the stage, the tensor, and of a single number the place must be
right. The same numbers as saved records go through ``compare``.
"""

import argparse
import time
from contextlib import ExitStack
from unittest import mock

import numpy as np

from refnn import (
    L2,
    SGDM,
    Adam,
    MeanSquaredError,
    Model,
    Relu,
    SoftmaxCrossentropy,
    Tanh,
    multilayer,
    training,
)
from refnn.network import Network
from refnn.record import record
from refnn.training import train_step
from tftwin.lockstep import compare, resynchronised, run
from tftwin.lockstep.bounds import bound_of, bounds_of_step

MODELS = (
    Model(multilayer([4, 3], Tanh()), SoftmaxCrossentropy(), SGDM(0.05)),
    Model(multilayer([4, 6, 3], Tanh()), SoftmaxCrossentropy(), Adam(0.01), L2(0.01)),
    Model(multilayer([4, 5, 4, 3], Relu()), MeanSquaredError(), Adam(0.001)),
)
KINDS = ("output", "loss", "upstream", "gradient", "slot", "parameter")


class Fault:
    """One change at one step; ``numbers`` are those that it changes."""

    def __init__(self, rng, model, steps, rows):
        self.step = int(np.exp(rng.uniform(0, np.log(steps + 1))))
        self.step = min(max(self.step, 1), steps)
        self.kind = str(rng.choice(KINDS))
        self.pointwise = bool(rng.random() < 0.7)
        self.size = float(10 ** rng.uniform(-3, 0))
        network, last = model.network, len(model.network.layers)
        widths = [p.shape[1] for p in network.parameters if p.is_weight]
        self.layer = int(rng.integers(1, last + 1))
        width = widths[(self.layer - 1) // 2]
        self.parameter = int(rng.integers(len(network.parameters)))
        p = network.parameters[self.parameter]
        shape = {"output": (rows, width), "upstream": (rows, width), "loss": ()}.get(
            self.kind, p.shape
        )
        self.index = tuple(int(rng.integers(n)) for n in shape)
        self.name, self.stage = {
            "output": (f"y{self.layer}", "layer forward"),
            "loss": ("data", "layer loss"),
            "upstream": (f"dy{self.layer}", "layer backward"),
            "gradient": (f"d{p.name}", "layer gradient"),
            "slot": (f"m {p.name}", "rule slots"),
            "parameter": (p.name, "rule update"),
        }[self.kind]

    def changed(self, array):
        """The array with the fault in it: far above what rounding allows."""
        array = np.array(array)
        large = self.size * (np.abs(array) + np.abs(array).max() + 1e-3).astype(array.dtype)
        if self.pointwise or self.kind == "loss":
            array[self.index] += np.asarray(large)[self.index]
            return array
        return array + large

    def train_step(self, model, state, x, y, masks=()):
        """refnn's step, with the fault where the number is made."""
        if state.step + 1 != self.step:
            return train_step(model, state, x, y, masks)
        with ExitStack() as patches:
            for target, name, value in self.patches(model):
                patches.enter_context(mock.patch.object(target, name, value))
            return train_step(model, state, x, y, masks)

    def patches(self, model):
        backward, update = Network.backward, training.update
        loss = training.value_and_gradient

        def with_output(network, theta, x, masks=()):
            outputs = [x]
            parts = network.parts(theta, masks)
            for i, (layer, part) in enumerate(zip(network.layers, parts, strict=True), 1):
                y = layer.forward(part, outputs[-1])
                outputs.append(self.changed(y) if i == self.layer else y)
            return outputs

        def with_upstream(network, theta, outputs, dy, masks=()):
            last, parts = len(network.layers), network.parts(theta, masks)
            found, gradients = [self.changed(dy) if self.layer == last else dy], []
            for i in reversed(range(last)):
                layer, x, y, dy = network.layers[i], outputs[i], outputs[i + 1], found[0]
                gradients = layer.parameter_gradients(x, dy) + gradients
                if i > 0:
                    dx = layer.input_gradient(parts[i], x, y, dy)
                    found.insert(0, self.changed(dx) if i == self.layer else dx)
            return found, gradients

        def with_gradient(network, theta, outputs, dy, masks=()):
            found, gradients = backward(network, theta, outputs, dy, masks)
            gradients[self.parameter] = self.changed(gradients[self.parameter])
            return found, gradients

        def with_loss(*arguments):
            value, gradient = loss(*arguments)
            return self.changed(value)[()], gradient

        def with_state(optimizer, state, gradient, rate):
            after, p = update(optimizer, state, gradient, rate), model.network.parameters
            vector = after.slots[0] if self.kind == "slot" else after.theta
            place = p[self.parameter].of(vector)
            place[...] = self.changed(place)
            return after

        return {
            "output": [(Network, "forward", with_output)],
            "upstream": [(Network, "backward", with_upstream)],
            "gradient": [(Network, "backward", with_gradient)],
            "loss": [(training, "value_and_gradient", with_loss)],
            "slot": [(training, "update", with_state)],
            "parameter": [(training, "update", with_state)],
        }[self.kind]


def drawn(rng, longest=1000):
    """A model, a state, batches: as many as a logarithm draws."""
    model = MODELS[rng.integers(len(MODELS))]
    steps, rows = int(np.exp(rng.uniform(0, np.log(longest)))), int(rng.integers(3, 9))
    dtype = [np.float32, np.float64][rng.integers(2)]
    batches = []
    for _ in range(steps):
        x = rng.standard_normal((rows, 4)).astype(dtype)
        batches.append((x, np.eye(3, dtype=dtype)[rng.integers(3, size=rows)]))
    return model, model.initial_state(rng, dtype=dtype), batches, rows


def in_lockstep(model, state, batches, fault=None):
    """Where lockstep sees it: (step, stage, name, index); None if nothing is wrong."""
    step = train_step if fault is None else fault.train_step
    until = batches if fault is None else batches[: fault.step]
    mode = "function" if len(until) > 60 else "eager"  # to compile takes as long as 60 steps
    with mock.patch.object(run, "train_step", step):
        report = resynchronised(model, state, until, mode=mode)
    found = report.origin
    assert (found is None) == report.agreed, report
    return found and (found.step, found.stage, found.name, found.index, found.count)


def in_records(model, state, batches, fault=None):
    """The same through two saved records: refnn's with bounds, and the faulty one."""
    sides = [], []
    for x, y in batches if fault is None else batches[: fault.step]:
        right = train_step(model, state, x, y)
        faulty = right if fault is None else fault.train_step(model, state, x, y)
        names = model.optimizer.slot_names
        bounds = record(model.network, names, bounds_of_step(model, state, x, y))
        entries = record(model.network, names, right)
        sides[0].append([
            e._replace(array=np.asarray(e.array, x.dtype), bound=np.asarray(bound_of(b.array)))
            for e, b in zip(entries, bounds, strict=True)
        ])  # fmt: skip
        entries = record(model.network, names, faulty)
        sides[1].append([e._replace(array=np.asarray(e.array, x.dtype)) for e in entries])
        state = right.state
    found = compare(*sides).origin
    return found and (found.step, found.stage, found.name, found.index, found.count)


def is_right(fault, found, records):
    """Whether step, stage, tensor, and of a single number the place are right."""
    if found is None:
        return False
    step, stage, name, index, count = found
    wanted = fault.stage.rpartition(" ")[2] if records else fault.stage
    place = not fault.pointwise or (index == fault.index and count == 1)
    return (step, stage, name) == (fault.step, wanted, fault.name) and place


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    right = {(kind, how): [0, 0] for kind in KINDS for how in ("lockstep", "compare")}
    alarms = clean = steps = 0
    began = time.monotonic()
    for number in range(options.runs):
        rng = np.random.default_rng([options.seed, number])
        model, state, batches, rows = drawn(rng)
        fault = Fault(rng, model, len(batches), rows)
        for how, look in (("lockstep", in_lockstep), ("compare", in_records)):
            found = look(model, state, batches, fault)
            good = is_right(fault, found, how == "compare")
            right[fault.kind, how][0] += good
            right[fault.kind, how][1] += 1
            if not good:
                print(number, how, vars(fault), found, flush=True)
        alarms += in_lockstep(model, state, batches) is not None
        alarms += in_records(model, state, batches) is not None
        clean, steps = clean + 2, steps + len(batches)
    print("| fault in | lockstep | compare |\n|---|---|---|")
    for kind in KINDS:
        cells = [f"{a} of {b}" for a, b in (right[kind, how] for how in ("lockstep", "compare"))]
        print(f"| {kind} | {' | '.join(cells)} |")
    print(
        f"{alarms} alarms in {clean} clean runs of {steps} steps; {time.monotonic() - began:.0f} s"
    )


if __name__ == "__main__":
    main()
