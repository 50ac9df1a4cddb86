"""One corner of the configuration cube: ``python -m tests.lockstep.cube NUMBER``.

The cube has six axes: threads, oneDNN, op determinism, how a step is compiled, dtype, network. Its
96 cells would take minutes. ``CORNERS`` and ``cells`` choose twelve of them, in which every two
axes show every pair of their values: a fault that needs one value of each of two axes is seen.

oneDNN is switched by the environment variable TF_ENABLE_ONEDNN_OPTS, which TensorFlow reads when it
is imported, and threads and determinism once for a process. So a corner is a process of its own.
It compares each of its cells twice, healthy and with a fault planted, and prints a line of JSON for
each.
"""

import json
import sys
from contextlib import nullcontext

import numpy as np

from refnn import (
    L2,
    Activation,
    Adam,
    CategoricalCrossentropy,
    Dense,
    LeakyRelu,
    Model,
    Network,
    Relu,
    RMSProp,
    Sigmoid,
    Softmax,
    SoftmaxCrossentropy,
    Tanh,
)

AXES = {
    "threads": (1, 2),
    "onednn": (True, False),
    "determinism": (False, True),
    "mode": ("eager", "function", "xla"),
    "dtype": ("float32", "float64"),
    "network": (0, 1),
}
CORNERS = [(1, True, False), (1, False, True), (2, True, True), (2, False, False)]
"""Threads, oneDNN, determinism: four of eight, with all pairs."""

FAULTS = [
    "TF: one unit off", "TF: sigmoid' = y", "dense: dx off", "TF: gradients in bfloat16",
    "TF: L2's gradient doubled", "dense: db a mean",
]  # fmt: skip
"""Names in ``planted``; the cells plant them in turn."""


def cells(corner):
    """Return the three cells of a corner, each with the name of its fault."""
    chosen = []
    for place, mode in enumerate(AXES["mode"]):
        dtype = AXES["dtype"][(corner + place) % 2]
        network = AXES["network"][(corner // 2 + place) % 2]
        values = (*CORNERS[corner], mode, dtype, network)
        cell = dict(zip(AXES, values, strict=True))
        chosen.append((cell, FAULTS[(3 * corner + place) % len(FAULTS)]))
    return chosen


def model(number):
    """Return the first or the second network, as it is trained."""
    if number == 0:
        hidden = [Tanh(), Relu(), Sigmoid(), LeakyRelu()]
        layers = [part for f in hidden for part in (Dense(24, 24), Activation(f))]
        return Model(Network([*layers, Dense(24, 5)]), SoftmaxCrossentropy(), Adam(0.01), L2(1e-3))
    layers = [Dense(24, 8), Activation(Sigmoid()), Dense(8, 5), Activation(Softmax())]
    return Model(Network(layers), CategoricalCrossentropy(), RMSProp(0.01), L2(1e-3))


def compared(cell, fault):
    """Compare one step of a cell; ``fault`` is a name, or "" for the healthy code."""
    from tests.lockstep.planted import named, planted
    from tftwin.lockstep import resynchronised

    trained, dtype = model(cell["network"]), np.dtype(cell["dtype"])
    rng = np.random.default_rng(cell["network"])
    state = trained.initial_state(rng, dtype=dtype)
    x = rng.standard_normal((61, 24)).astype(dtype)
    y = np.eye(5, dtype=dtype)[rng.integers(5, size=61)]
    with planted(*named(fault)) if fault else nullcontext():
        report = resynchronised(trained, state, [(x, y)], mode=cell["mode"])
    return cell | {
        "fault": fault,
        "agreed": report.agreed,
        "elements": report.elements,
        "unbounded": report.unbounded,
        "first": str(report.divergences[0]) if report.divergences else "",
    }


def main(corner):
    from tftwin.tensorflow import tf

    threads, _, determinism = CORNERS[corner]
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    if determinism:
        tf.config.experimental.enable_op_determinism()
        tf.random.set_seed(0)
    for cell, fault in cells(corner):
        for planted in ("", fault):
            print(json.dumps(compared(cell, planted)), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
