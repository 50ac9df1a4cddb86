"""refnn: a reference for backpropagation in plain NumPy.

Read in this order: activations, layers, losses, network, optimizers, training.
"""

from refnn import datasets as datasets
from refnn.activations import Identity, LeakyRelu, Relu, Sigmoid, Softmax, Tanh
from refnn.checkpoints import Checkpoint, load_state, save_state
from refnn.complexity import summary
from refnn.initializers import He, Normal, TruncatedNormal, Zeros
from refnn.layers import Activation, Dense
from refnn.losses import (
    Asymmetric,
    CategoricalCrossentropy,
    MeanSquaredError,
    SoftmaxCrossentropy,
)
from refnn.network import Network, multilayer
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, RMSProp
from refnn.regularizers import L2
from refnn.schedules import Constant, ExponentialDecay, PerEpoch
from refnn.state import History, Interrupted, NonFiniteError, State, Step
from refnn.training import (
    evaluate,
    fit,
    initial_state,
    resume,
    train_step,
)

__all__ = [
    "Identity",
    "LeakyRelu",
    "Relu",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "Checkpoint",
    "load_state",
    "save_state",
    "summary",
    "He",
    "Normal",
    "TruncatedNormal",
    "Zeros",
    "Activation",
    "Dense",
    "Asymmetric",
    "CategoricalCrossentropy",
    "MeanSquaredError",
    "SoftmaxCrossentropy",
    "Network",
    "multilayer",
    "SGD",
    "SGDM",
    "Adagrad",
    "Adam",
    "RMSProp",
    "L2",
    "Constant",
    "ExponentialDecay",
    "PerEpoch",
    "History",
    "Interrupted",
    "NonFiniteError",
    "State",
    "Step",
    "evaluate",
    "fit",
    "initial_state",
    "resume",
    "train_step",
]
