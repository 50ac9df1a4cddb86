"""What is timed: seven networks, from two weights to 670 thousand, each with five optimizers."""

from functools import cache
from typing import NamedTuple

import numpy as np

LEARNING_RATE = 1e-6
"""So small that a run of ten thousand steps on one batch learns nothing by heart: gradients that
vanish have subnormal squares, which some sides flush to zero and others compute slowly."""

OPTIMIZERS = ("SGD", "SGDM", "Adagrad", "RMSProp", "Adam")


class Workload(NamedTuple):
    """A dense network, its loss and its batch."""

    name: str
    sizes: tuple[int, ...]
    hidden: str | None
    """Activation after each hidden layer: "relu" or "tanh"."""
    loss: str
    """"mse"; "softmax mse", of probabilities; "cross-entropy", from logits."""
    batch_size: int
    rate: float = 0.0
    """Of L2."""
    use_bias: bool = True


WORKLOADS = (
    Workload("yoghurt 2-1", (2, 1), None, "mse", 32, use_bias=False),
    Workload("iris 4-3", (4, 3), None, "softmax mse", 32),
    Workload("dots 2-11-1", (2, 11, 1), "relu", "mse", 32, rate=0.03),
    Workload("4-16-16-3", (4, 16, 16, 3), "tanh", "cross-entropy", 32),
    Workload("64-32-10", (64, 32, 10), "relu", "cross-entropy", 32),
    Workload("784-128-10", (784, 128, 10), "relu", "cross-entropy", 128),
    Workload("784-512-512-10", (784, 512, 512, 10), "relu", "cross-entropy", 128),
)


@cache
def batch(workload: Workload, count: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 data for so many batches: normal x; y a number, or a one-hot class."""
    rng = np.random.default_rng(0)
    n, outputs = count * workload.batch_size, workload.sizes[-1]
    x = rng.standard_normal((n, workload.sizes[0]), np.float32)
    if outputs == 1:
        return x, (x[:, :1] > 0).astype(np.float32)
    return x, np.eye(outputs, dtype=np.float32)[rng.integers(outputs, size=n)]


def weights(workload: Workload) -> list[np.ndarray]:
    """Return [W1, b1, W2, b2, …], or the Ws alone where there is no bias."""
    rng = np.random.default_rng(1)
    parameters = []
    for fan_in, fan_out in zip(workload.sizes, workload.sizes[1:], strict=False):
        W = rng.standard_normal((fan_in, fan_out)) * np.sqrt(2 / fan_in)
        parameters.append(W.astype(np.float32))
        if workload.use_bias:
            parameters.append(np.zeros(fan_out, np.float32))
    return parameters
