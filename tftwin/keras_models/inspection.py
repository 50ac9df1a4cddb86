"""What is found in a Keras model, on Keras' side and on refnn's, as plain data."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from refnn.activations import Function
from refnn.checks import short
from refnn.datasets.preparation import one_hot
from refnn.losses import Loss
from refnn.network import Network
from refnn.optimizers import SGD, Optimizer
from refnn.regularizers import L2
from refnn.state import State
from refnn.training import Model
from refnn.typing import Array
from tftwin.keras_models.description import STAGES, Description
from tftwin.keras_models.state import KerasState


@dataclass(frozen=True)
class Preparation:
    """What happens to the user's data before refnn's first layer.

    Attributes
    ----------
    shape : tuple of int
        Shape of one sample, as Keras takes it.
    outputs : int
        Width of the network's output.
    integer_labels : bool
        Whether the targets are the numbers of the classes: 0, 1, 2, …
    dtype, input_dtype : str
        Of the network; and to which Keras casts its input first.
    scales : tuple of (scale, offset)
        Of each Rescaling layer: x · scale + offset. Keras rounds both to float32, in float64 too.
    """

    shape: tuple[int, ...]
    outputs: int
    integer_labels: bool
    dtype: str
    input_dtype: str
    scales: tuple[tuple[float, float], ...] = ()

    def inputs(self, x: Array) -> Array:
        """x (N, *shape) → (N, D): cast as Keras casts, scaled, flattened.

        Raises
        ------
        ValueError
            If x has another shape.
        """
        x = np.asarray(x)
        if x.shape[1:] != self.shape or len(x) == 0:
            wanted = ", ".join(map(str, ("any", *self.shape)))
            raise ValueError(f"x has shape {x.shape}; expected ({wanted})")
        x = x.astype(self.input_dtype).astype(self.dtype).reshape(len(x), -1)
        for pair in self.scales:
            scale, offset = np.array(pair, np.float32).astype(self.dtype)
            x = x * scale + offset
        return x

    def targets(self, y: Array) -> Array:
        """y (N, K), or (N,) where Keras takes it so → (N, K); class numbers become one-hot rows.

        Raises
        ------
        ValueError
            If y has another shape, or holds a class that does not exist.
        """
        y = np.asarray(y)
        if self.integer_labels:
            labels = y[:, 0] if y.shape[1:] == (1,) else y
            if labels.ndim != 1:
                raise ValueError(f"y has shape {y.shape}; expected class numbers, (N,) or (N, 1)")
            whole = labels.astype(np.int64)
            if labels.dtype.kind not in "biuf" or not (whole == labels).all():
                raise ValueError(f"y holds {short(labels[:3])}; expected class numbers")
            return one_hot(whole.tolist(), self.outputs, self.dtype)
        if y.ndim == 1 and self.outputs == 1:
            y = y[:, None]
        if y.shape[1:] != (self.outputs,):
            raise ValueError(f"y has shape {y.shape}; expected (any, {self.outputs})")
        return y.astype(self.dtype)


@dataclass(frozen=True)
class Place:
    """Where a layer of Keras is found in refnn's network.

    Attributes
    ----------
    name : str
        The layer's name in Keras.
    numbers : tuple of int
        Of refnn's layers, counted from 1: a Dense with an activation is two. The layer's output is
        ``outputs[numbers[-1]]`` of ``network.forward``. A layer without numbers prepares the data,
        or changes no value.
    hidden : refnn activation or None
        The last activation, if the loss is fused with it and refnn's network ends before it: its
        output is ``hidden.forward(outputs[-1])``.
    """

    name: str
    numbers: tuple[int, ...]
    hidden: Function | None = None


@dataclass(frozen=True, eq=False)
class Inspection:
    """A Keras model, and what it is in refnn.

    Attributes
    ----------
    source : str
        The path, or the model's name; messages begin with it.
    description : Description
        Keras' side: layers, loss, optimizer with Keras' hyper-parameters.
    keras_state : KerasState
        Keras' weights, slots and iterations.
    network, loss, optimizer, regularizer
        refnn's side; None for what is not there, or what refnn lacks.
    state : State
        θ, slots and step, where they map.
    preparation : Preparation
        What happens to the data before.
    places : tuple of Place
        Which layers of refnn each Keras layer became.
    mappings : tuple of str
        What was mapped to something of another name or another value, in words.
    lacks : tuple of str
        What refnn lacks, in words.
    stages : tuple of str
        What can be compared: a beginning of ``("forward", "loss", "gradient", "update")``.
    """

    source: str
    description: Description
    keras_state: KerasState
    network: Network
    loss: Loss | None
    optimizer: Optimizer | None
    regularizer: L2 | None
    state: State
    preparation: Preparation
    places: tuple[Place, ...]
    mappings: tuple[str, ...]
    lacks: tuple[str, ...]
    stages: tuple[str, ...]

    @property
    def model(self) -> Model | None:
        """The refnn model; None without a loss. Where the optimizer is missing, SGD stands in."""
        if self.loss is None:
            return None
        return Model(self.network, self.loss, self.optimizer or SGD(), self.regularizer)


class ReadModel(NamedTuple):
    """What ``read`` returns."""

    model: Model
    state: State
    preparation: Preparation


def whole(inspection: Inspection) -> ReadModel:
    """Return the three parts of an inspection, and refuse one that lacks something."""
    if inspection.stages != STAGES or inspection.model is None:
        raise ValueError(
            f"{inspection.source}: {'; '.join(inspection.lacks)}. Of this model refnn can compute "
            f"{', '.join(inspection.stages)}: see tftwin.keras_models.inspect"
        )
    return ReadModel(inspection.model, inspection.state, inspection.preparation)
