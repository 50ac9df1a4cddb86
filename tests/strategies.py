"""What hypothesis draws: networks, losses, optimizers, states from the middle of a run, data.

Hypothesis draws the shape of a case and a seed; NumPy's generator draws the numbers from the seed.
Values are drawn where the properties have content: random upstream gradients and never ones,
gradients near ε and √ε, signs that change, batches of one row, networks with one output, data from
1e-4 to 1e4, and grids of k/8, on which kinks and ties occur.
"""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from refnn.activations import (
    Elu,
    Identity,
    LeakyRelu,
    Relu,
    Selu,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
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
from refnn.schedules import Constant, ExponentialDecay, PerEpoch
from refnn.state import State
from refnn.training import Model

FLOATS = (np.float32, np.float64)

seeds = st.integers(0, 2**32 - 1)
dtypes = st.sampled_from(FLOATS)
scales = st.sampled_from([1e-4, 1e-2, 1.0, 1e2, 1e4])
widths = st.integers(1, 9)
batch_sizes = st.sampled_from([1, 1, 2, 3, 8, 17, 32])

slopes = st.sampled_from([0.2, 0.01, 0.25, 0.3, 0.0, 1.5])
elementwise = st.one_of(
    st.just(Sigmoid()),
    st.just(Tanh()),
    st.just(Relu()),
    st.builds(LeakyRelu, slopes),
    st.just(Identity()),
    st.builds(Elu, st.sampled_from([1.0, 1.0, 0.5, 1.5])),
    st.just(Selu()),
    st.just(Softplus()),
)
activations = st.one_of(elementwise, st.just(Softmax()))
smooth = st.sampled_from([Sigmoid(), Tanh(), Identity(), Softmax(), Softplus()])

rates = st.sampled_from([0.0, 1e-4, 1e-3, 0.01, 0.1, 0.3, 1.0])
schedules = st.one_of(
    st.builds(Constant, rates),
    st.builds(ExponentialDecay, rates, st.floats(0.5, 1.0), st.integers(1, 100), st.booleans()),
    st.builds(
        PerEpoch,
        st.builds(ExponentialDecay, rates, st.floats(0.9, 1.0)),
        st.integers(1, 50),
    ),
)
learning_rates = st.one_of(rates, rates, schedules)
betas = st.one_of(st.sampled_from([0.0, 0.5, 0.9, 0.99, 0.999]), st.floats(0.0, 0.9999))
epsilons = st.sampled_from([1e-8, 1e-7, 1e-6, 1e-3, 1.0])
optimizers = st.one_of(
    st.builds(SGD, learning_rates),
    st.builds(SGDM, learning_rates, betas),
    st.builds(Nesterov, learning_rates, betas),
    st.builds(Adagrad, learning_rates, epsilons),
    st.builds(RMSProp, learning_rates, betas, epsilons),
    st.builds(Adam, learning_rates, betas, betas, epsilons),
    st.builds(
        Nadam, learning_rates, betas, betas, epsilons, st.sampled_from([0.004, 0.0, 0.3, 1.0, 50.0])
    ),
)
dropout_rates = st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.9])
exact_dropout_rates = st.sampled_from([0.0, 0.2, 0.5])
"""1 / (1 − rate) is 1, 1.25, 2: the same number in every dtype."""
regularizers = st.one_of(st.none(), st.builds(L2, st.sampled_from([1e-4, 1e-2, 0.3])))


@dataclass(frozen=True)
class Case:
    """A run: what is trained, from where, on what."""

    model: Model
    state: State
    batches: list[tuple]
    """x, y; behind them the masks, if the network has Dropout layers."""

    @property
    def network(self):
        return self.model.network

    @property
    def loss(self):
        return self.model.loss

    @property
    def optimizer(self):
        return self.model.optimizer

    @property
    def regularizer(self):
        return self.model.regularizer

    @property
    def dtype(self):
        return self.state.theta.dtype

    @property
    def step(self):
        """The arguments of ``train_step`` for the first batch."""
        return self.model, self.state, *self.batches[0]


@st.composite
def networks(draw, functions=activations, last=None, dropouts=dropout_rates):
    """One to four Dense layers, some with an activation behind them, some with a bias.

    Now and then with Dropout layers, of these rates; None draws none.
    """
    sizes = draw(st.lists(widths, min_size=2, max_size=5))
    layers = []
    if draw(st.integers(0, 9)) == 0:
        layers.append(Activation(draw(functions)))  # in front of all parameters
    drops = dropouts is not None and draw(st.integers(0, 3)) == 0
    if drops and draw(st.booleans()):
        layers.append(Dropout(draw(dropouts)))
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        layers.append(Dense(inputs, outputs, draw(st.booleans())))
        if draw(st.integers(0, 4)):
            layers.append(Activation(draw(functions)))
        if drops and draw(st.booleans()):
            layers.append(Dropout(draw(dropouts)))
    if last is not None:
        layers.append(Activation(last))
    return Network(layers)


def last_of(loss):
    """The activation that makes the probabilities that a loss takes; None for another loss."""
    return {CategoricalCrossentropy: Softmax(), BinaryCrossentropy: Sigmoid()}.get(type(loss))


def with_logits(network):
    """The same network, ending in logits."""
    layers = network.layers
    while not isinstance(layers[-1], Dense) and (
        getattr(layers[-1], "function", Identity()) in (Softmax(), Sigmoid(), Identity())
    ):
        layers = layers[:-1]
    return Network(layers)


def numbers(rng, shape, scale=1.0, dyadic=False):
    """Random numbers of this scale; on the grid k/8 they tie and are 0 now and then."""
    if dyadic:
        return rng.integers(-16, 17, shape) / 8
    return scale * rng.standard_normal(shape)


def gradients(rng, shape, epsilon=1e-7):
    """Random gradients of any sign around 1, around ε, around √ε, and some exact zeros."""
    scale = rng.choice([1.0, 1.0, 1e-3, epsilon, np.sqrt(epsilon)], shape)
    return scale * rng.standard_normal(shape) * (rng.random(shape) > 0.1)


def middle_of_a_run(rng, optimizer, theta, step):
    """A state with any m, and any v ≥ 0, some of them still 0."""
    slots = []
    for name in optimizer.slot_names:
        slot = gradients(rng, theta.shape)
        slots.append((np.square(slot) if name == "v" else slot).astype(theta.dtype))
    return State(theta, tuple(slots), step)


def targets(rng, loss, rows, columns, scale, dyadic):
    """Targets that the loss takes: distributions (hard and soft) for a cross-entropy."""
    if getattr(loss, "takes_probabilities", False):
        yes, share = rng.integers(2, size=(rows, columns)), rng.integers(65, size=(rows, columns))
        return np.where(rng.random((rows, 1)) < 0.7, yes, share / 64)
    if not getattr(loss, "takes_distributions", False):
        return numbers(rng, (rows, columns), scale, dyadic)
    hard = np.eye(columns)[rng.integers(columns, size=rows)]
    soft = rng.dirichlet(np.ones(columns), size=rows)
    soft = np.floor(64 * soft) / 64
    soft[:, 0] += 1 - np.sum(soft, axis=1)  # exact: the row sums to 1 to the last bit
    return np.where(rng.random((rows, 1)) < 0.7, hard, soft)


losses = st.one_of(
    st.just(MeanSquaredError()),
    st.just(MeanAbsoluteError()),
    st.just(BinaryCrossentropy()),
    st.just(SigmoidCrossentropy()),
    st.builds(
        Asymmetric, st.sampled_from([1.0, 99.0, 0.0, 0.3]), st.sampled_from([1.0, 99.0, 0.1])
    ),
    st.just(SoftmaxCrossentropy()),
    st.just(CategoricalCrossentropy()),
)


@st.composite
def cases(
    draw,
    dtypes=dtypes,
    functions=activations,
    losses=losses,
    steps=2,
    optimizers=optimizers,
    scales=scales,
    grids=st.booleans(),  # noqa: B008
    dropouts=dropout_rates,
):
    """A whole run, from the start or from the middle of one."""
    loss = draw(losses)
    network = draw(networks(functions, last_of(loss), dropouts))
    if isinstance(loss, (SoftmaxCrossentropy, SigmoidCrossentropy)):
        network = with_logits(network)
    model = Model(network, loss, draw(optimizers), draw(regularizers))
    dtype, scale, dyadic = draw(dtypes), draw(scales), draw(grids)
    rng = np.random.default_rng(draw(seeds))
    theta = numbers(rng, network.size, draw(st.sampled_from([0.1, 1.0])), dyadic).astype(dtype)
    step = draw(st.one_of(st.just(0), st.integers(1, 100), st.integers(0, 100_000)))
    state = middle_of_a_run(rng, model.optimizer, theta, step)
    if step == 0:
        state = model.state_at(theta)
    batches = []
    for _ in range(steps):
        rows = draw(batch_sizes)
        x = numbers(rng, (rows, network.inputs), scale, dyadic)
        y = targets(rng, loss, rows, network.outputs, scale, dyadic)
        masks = network.draw_masks(rng, rows, dtype)
        batches.append((x.astype(dtype), y.astype(dtype), *([masks] if masks else [])))
    return Case(model, state, batches)
