"""refnn: a reference for backpropagation in plain NumPy.

Read in this order: activations, layers, losses, crossentropies, network, regularizers, schedules,
state, optimizers, training. Two folders surround them: ``refnn.runs`` and ``refnn.datasets``.

The doors are the names in ``__all__``: each answers a wrong argument in one line that names it. The
formulas behind the doors check nothing. ``accuracy``, ``objective``, ``update`` are formulas, and
so are the methods of layers, activations, optimizers and regularizers; those of a loss look at
shapes and dtypes. Plain data take any value: ``State``, ``Gradients``, ``Step``, ``Evaluation``,
``History``, and the errors ``NonFiniteError``, ``Interrupted`` and ``SaveError``. ``load_model``
makes a ``SavedModel``.
"""

from refnn import datasets as datasets
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
from refnn.complexity import summary
from refnn.crossentropies import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SigmoidCrossentropy,
    SoftmaxCrossentropy,
)
from refnn.initializers import He, Normal, TruncatedNormal, Zeros
from refnn.layers import Activation, Dense, Dropout
from refnn.losses import Asymmetric, MeanAbsoluteError, MeanSquaredError
from refnn.network import Network, multilayer
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp, update
from refnn.regularizers import L2
from refnn.runs import (
    Checkpoint,
    History,
    Interrupted,
    NonFiniteError,
    SavedModel,
    SaveError,
    fit,
    load_model,
    load_state,
    resume,
    save_model,
    save_state,
)
from refnn.schedules import Constant, ExponentialDecay, PerEpoch
from refnn.state import Evaluation, Gradients, State, Step
from refnn.training import (
    Model,
    accuracy,
    backpropagate,
    evaluate,
    objective,
    predict,
    train_step,
)

__version__ = "0.1.0"
"""Of refnn and of tftwin, which are one project; pyproject.toml reads it here."""

__all__ = [
    "Elu",
    "Identity",
    "LeakyRelu",
    "Relu",
    "Selu",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "summary",
    "He",
    "Normal",
    "TruncatedNormal",
    "Zeros",
    "Activation",
    "Dense",
    "Dropout",
    "Asymmetric",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SigmoidCrossentropy",
    "SoftmaxCrossentropy",
    "Network",
    "multilayer",
    "SGD",
    "SGDM",
    "Nesterov",
    "Adagrad",
    "Adam",
    "Nadam",
    "RMSProp",
    "update",
    "L2",
    "Checkpoint",
    "History",
    "Interrupted",
    "NonFiniteError",
    "SavedModel",
    "SaveError",
    "fit",
    "load_model",
    "load_state",
    "resume",
    "save_model",
    "save_state",
    "Constant",
    "ExponentialDecay",
    "PerEpoch",
    "Evaluation",
    "Gradients",
    "State",
    "Step",
    "Model",
    "accuracy",
    "backpropagate",
    "evaluate",
    "objective",
    "predict",
    "train_step",
]
