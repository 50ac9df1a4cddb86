"""A workload in refnn's values."""

import numpy as np

import refnn
from tests.benchmarks.workloads import LEARNING_RATE, Workload, weights

LOSSES = {
    "mse": refnn.MeanSquaredError(),
    "softmax mse": refnn.MeanSquaredError(),
    "cross-entropy": refnn.SoftmaxCrossentropy(),
}
HIDDEN = {None: refnn.Identity(), "relu": refnn.Relu(), "tanh": refnn.Tanh()}


def problem(workload: Workload, optimizer: str) -> tuple[refnn.Model, refnn.State]:
    """Return the model, and where it starts."""
    network = refnn.multilayer(
        workload.sizes,
        HIDDEN[workload.hidden],
        refnn.Softmax() if workload.loss == "softmax mse" else None,
        workload.use_bias,
    )
    rule = getattr(refnn, optimizer)(learning_rate=LEARNING_RATE)
    regularizer = refnn.L2(workload.rate) if workload.rate else None
    model = refnn.Model(network, LOSSES[workload.loss], rule, regularizer)
    return model, model.state_at(np.concatenate([p.ravel() for p in weights(workload)]))
