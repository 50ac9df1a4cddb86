"""Random healthy networks that are hard to compare: ``python -m tests.lockstep.nasty 5000``.

Extreme scales, grids on which kinks and ties occur, dead units, slots from 1e-40 on, steps up to
8e9, ten layers, one unit, every loss behind every activation. Both sides are healthy, so each
alarm is false. A run that leaves the finite numbers stops; that is counted apart. Arguments: how
many, the first seed (0), the mode ("eager").
"""

import sys
import warnings
from collections import Counter

import numpy as np

from refnn.activations import Elu, Identity, LeakyRelu, Relu, Selu, Sigmoid, Softmax, Softplus, Tanh
from refnn.layers import Activation, Dense, Dropout
from refnn.losses import (
    Asymmetric,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    SigmoidCrossentropy,
    SoftmaxCrossentropy,
)
from refnn.network import Network
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp
from refnn.regularizers import L2
from refnn.state import State
from refnn.training import Model
from tests.strategies import Case, with_logits
from tftwin.lockstep import resynchronised
from tftwin.lockstep.report import verdict
from tftwin.tensorflow import tf

FUNCTIONS = [
    Identity(), Sigmoid(), Tanh(), Relu(), LeakyRelu(), LeakyRelu(0.25), LeakyRelu(1.5),
    LeakyRelu(-0.5), Softmax(), Elu(), Elu(0.5), Selu(), Softplus(),
]  # fmt: skip
LOSSES = [
    MeanSquaredError(), Asymmetric(1, 9), Asymmetric(0, 99), SoftmaxCrossentropy(),
    CategoricalCrossentropy(), MeanAbsoluteError(), SigmoidCrossentropy(), BinaryCrossentropy(),
]  # fmt: skip


class SignedProbabilities:
    """An activation of the user's own: tanh, whose values are no probabilities and may cancel."""

    def forward(self, x):
        return np.tanh(x)

    def backward(self, dy, x, y):
        return dy * (1 - y * y)

    def tensorflow(self, x):
        return tf.tanh(x)


def pick(rng, things):
    return things[rng.integers(len(things))]


def network_and_loss(rng):
    """Up to ten Dense layers of 1 to 200 units, some without bias or activation."""
    depth, widest = int(rng.choice([1, 1, 2, 2, 3, 5, 10])), int(rng.choice([8, 40, 200]))
    sizes = np.exp(rng.uniform(0, np.log(widest), depth + 1)).astype(int).tolist()
    loss = pick(rng, LOSSES)
    layers = [Activation(pick(rng, FUNCTIONS))] if rng.integers(10) == 0 else []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        layers.append(Dense(inputs, outputs, bool(rng.integers(2))))
        if rng.integers(4):
            layers.append(Activation(pick(rng, FUNCTIONS)))
    if isinstance(loss, CategoricalCrossentropy):
        last = pick(rng, [Softmax(), Softmax(), Sigmoid(), SignedProbabilities()])
        layers.append(Activation(last))
    if isinstance(loss, BinaryCrossentropy):
        layers.append(
            Activation(pick(rng, [Sigmoid(), Sigmoid(), Softmax(), SignedProbabilities()]))
        )
    network = Network(layers)
    logits = isinstance(loss, (SoftmaxCrossentropy, SigmoidCrossentropy))
    return with_logits(network) if logits else network, loss


def nasty_case(seed):
    """Return the network, the state and the batch of this seed."""
    rng = np.random.default_rng(seed)
    dtype = (np.float32, np.float64)[seed % 2]
    network, loss = network_and_loss(rng)
    kind = pick(rng, [SGD, SGDM, Adagrad, RMSProp, Adam])
    more = np.random.default_rng([seed, 1])  # so that the draws of all seeds stay
    if more.random() < 0.3:
        kind = pick(more, [Nesterov, Nadam])
    network = with_dropout(more, network)
    rest = (
        {} if kind in (SGD, SGDM, Nesterov) else {"epsilon": float(rng.choice([1e-8, 1e-7, 1e-3]))}
    )
    regularizer = L2(10.0 ** rng.integers(-5, 1)) if rng.integers(2) else None
    model = Model(network, loss, kind(10.0 ** rng.integers(-4, 1), **rest), regularizer)

    extreme = rng.integers(3) == 0
    scale = 10.0 ** (rng.integers(-12, 8) if extreme else rng.integers(-3, 4))
    weights = 10.0 ** rng.integers(-10, 3) if rng.integers(4) == 0 else 1.0
    theta = weights * rng.standard_normal(network.size) / network.size**0.25
    if rng.integers(3) == 0:
        theta = rng.integers(-16, 17, network.size) / 8
    g = rng.standard_normal(network.size) * rng.choice([1, 1e-3, 3e-4, 1e-7, 1e-20], network.size)
    g *= rng.random(network.size) > 0.1
    slots = [g * g if name == "v" else g for name in model.optimizer.slot_names]
    step = int(10 ** rng.uniform(0, 9.9)) - 1
    state = State(theta.astype(dtype), tuple(slot.astype(dtype) for slot in slots), step)

    rows, outputs = int(np.exp(rng.uniform(0, np.log(150)))), network.outputs
    x = scale * rng.standard_normal((rows, network.inputs))
    if rng.integers(3) == 0:
        x = rng.integers(-16, 17, x.shape) / 8
    if rng.integers(5) == 0:
        x = x * 10.0 ** rng.integers(-6, 6, (1, network.inputs))
    y = scale * rng.standard_normal((rows, outputs))
    if getattr(loss, "takes_distributions", False):
        y = np.eye(outputs)[rng.integers(outputs, size=rows)]
    if getattr(loss, "takes_probabilities", False):
        y = rng.integers(65, size=(rows, outputs)) / 64
    masks = network.draw_masks(more, rows, dtype)
    batch = x.astype(dtype), y.astype(dtype)
    return Case(model, state, [(*batch, masks) if masks else batch])


def with_dropout(rng, network):
    """A dropout behind some activations, in one of four networks; never the last layer."""
    if rng.random() > 0.25:
        return network
    layers = []
    for layer in network.layers:
        layers.append(layer)
        if isinstance(layer, Activation) and layer is not network.layers[-1] and rng.random() < 0.6:
            layers.append(Dropout(float(rng.choice([0.1, 0.5, 0.9]))))
    return Network(layers)


def outcome(seed, mode="eager"):
    """Return "agreed", "stopped", or what is alarming about a healthy network."""
    case = nasty_case(seed)
    report = resynchronised(case.model, case.state, case.batches, mode=mode)
    if report.agreed:
        return "agreed"
    if report.stopped and not report.divergences and not report.lost_digits:
        return "stopped"
    against = [*report.divergences[:3], *report.lost_digits[:2]]
    return "; ".join(
        [f"seed {seed}", case.state.theta.dtype.name, verdict(report), *map(str, against)]
    )


def main(count, first=0, mode="eager"):
    """Print each false alarm, and the counts."""
    totals = Counter()
    for seed in range(first, first + count):
        said = outcome(seed, mode)
        totals[said if said in ("agreed", "stopped") else "FALSE ALARM"] += 1
        if said not in ("agreed", "stopped"):
            print(said, flush=True)
    print(dict(totals))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(int(sys.argv[1]), *map(int, sys.argv[2:3]), *sys.argv[3:4])
