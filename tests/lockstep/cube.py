"""One corner of the configuration cube: ``python -m tests.lockstep.cube THREADS DETERMINISM``.

Runs networks in all three modes and both dtypes, re-synchronised, and prints one line of JSON for
each. oneDNN is switched by the environment variable TF_ENABLE_ONEDNN_OPTS, which TensorFlow reads
when it is imported; that is why a corner is a process of its own.
"""

import json
import sys

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
from tftwin.lockstep import resynchronised
from tftwin.tensorflow import tf


def models():
    hidden = [Tanh(), Relu(), Sigmoid(), LeakyRelu()]
    layers = [part for f in hidden for part in (Dense(24, 24), Activation(f))]
    yield Model(Network([*layers, Dense(24, 5)]), SoftmaxCrossentropy(), Adam(0.01), L2(1e-3))
    outputs = [Dense(24, 8), Activation(Sigmoid()), Dense(8, 5), Activation(Softmax())]
    yield Model(Network(outputs), CategoricalCrossentropy(), RMSProp(0.01), L2(1e-3))


def corner():
    for number, model in enumerate(models()):
        for dtype in (np.float32, np.float64):
            rng = np.random.default_rng(number)
            state = model.initial_state(rng, dtype=dtype)
            x = rng.standard_normal((61, 24)).astype(dtype)
            y = np.eye(5, dtype=dtype)[rng.integers(5, size=61)]
            for mode in ("eager", "function", "xla"):
                report = resynchronised(model, state, [(x, y)], mode=mode)
                yield {
                    "network": number,
                    "dtype": np.dtype(dtype).name,
                    "mode": mode,
                    "agreed": report.agreed,
                    "elements": report.elements,
                    "unbounded": report.unbounded,
                    "bit_equal": report.bit_equal / report.elements,
                    "fill": report.fill,
                    "first": str(report.divergences[0]) if report.divergences else "",
                }


if __name__ == "__main__":
    threads, determinism = int(sys.argv[1]), sys.argv[2] == "1"
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    if determinism:
        tf.config.experimental.enable_op_determinism()
        tf.random.set_seed(0)
    for line in corner():
        print(json.dumps(line))
