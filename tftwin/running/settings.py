"""What is run: the settings of a TOML file or of a command line, and what they make."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refnn import datasets
from refnn.activations import Function
from refnn.checks import float_type, short
from refnn.datasets import Dataset, batches, standardize
from refnn.datasets.files import regular_file
from refnn.layers import Activation, Dense, Dropout, Layer
from refnn.network import Network
from refnn.optimizers import SGD
from refnn.regularizers import L2
from refnn.state import State
from refnn.training import Model
from refnn.typing import Array, Masks
from tftwin.running.names import ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES, made

SAMPLES = ("iris", "yoghurt", "dots")


@dataclass(frozen=True)
class Settings:
    """One run. Each field is an option of the command line, and a key of the TOML file."""

    data: str = "iris"
    """iris, yoghurt, dots, or a file .npz or .csv."""
    label: str = ""
    """The label's column of a CSV."""
    task: str = ""
    """classification or regression, where a CSV is in doubt."""
    standardize: bool = False
    """Whether each column of x gets mean 0 and deviation 1."""
    layers: tuple[int, ...] = (16,)
    """Widths of the hidden layers."""
    hidden: str = "tanh"
    """The activation behind each of them."""
    last: str = ""
    """The activation behind the last layer; "" is none."""
    dropout: float = 0.0
    """The rate behind each hidden activation."""
    loss: str = ""
    """"" is softmax_crossentropy for classes, mean_squared_error for numbers."""
    l2: float = 0.0
    """λ."""
    optimizer: str = "adam:learning_rate=0.01"
    """A rule."""
    schedule: str = ""
    """A schedule in the place of the rule's learning rate."""
    dtype: str = "float32"
    """float32 or float64."""
    batch_size: int = 32
    """Rows of a step."""
    steps: int = 10
    """Updates."""
    seed: int = 0
    """Of θ, of the order of the rows, and of the masks."""
    mode: str = "function"
    """How TensorFlow computes a step: function, eager, xla."""


class Run(NamedTuple):
    """What the settings make."""

    model: Model
    state: State
    batches: list[tuple[Array, Array, Masks]]


def read_toml(path: Path) -> dict[str, Any]:
    """Return the settings of a TOML file.

    Raises
    ------
    ValueError
        If it is no TOML, or a key or a type is unknown.
    """
    regular_file(path, 2**20)
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: no TOML ({error})") from None
    known = {f.name: type(f.default) for f in fields(Settings)}
    for key, value in found.items():
        if key not in known:
            raise ValueError(f"{path}: {key}; expected one of {', '.join(known)}")
        kind = list if known[key] is tuple else known[key]
        whole = kind is float and type(value) is int
        if type(value) is not kind and not whole:
            raise ValueError(f"{path}: {key} = {short(value)}; expected {kind.__name__}")
    return {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}


def dataset(settings: Settings) -> Dataset:
    """Return the data, standardized if asked for."""
    dtype = float_type(settings.dtype, [np.dtype(np.float32), np.dtype(np.float64)])
    if settings.data in SAMPLES:
        make: Any = getattr(datasets, settings.data)
        found: Dataset = make(dtype=dtype)
    elif settings.data.endswith(".npz"):
        found = datasets.load_npz(settings.data, dtype)
    elif settings.data.endswith(".csv"):
        if not settings.label:
            raise ValueError("label: expected the name or the number of the CSV's label column")
        column: Any = int(settings.label) if settings.label.isdigit() else settings.label
        task: Any = settings.task or None
        found = datasets.load_csv(settings.data, label=column, task=task, dtype=dtype)
    else:
        raise ValueError(
            f"data = {settings.data!r}; expected {', '.join(SAMPLES)}, or a file .npz or .csv"
        )
    return replace(found, x=standardize(found.x).x) if settings.standardize else found


def made_of(settings: Settings) -> Run:
    """Return the model, the state it starts from, and the batches with their masks."""
    data = dataset(settings)
    rng = np.random.default_rng(settings.seed)
    network = _network(settings, data.x.shape[1], data.y.shape[1])
    model = Model(network, _loss(settings, data), _optimizer(settings), _regularizer(settings))
    state = model.initial_state(rng, dtype=data.x.dtype)
    return Run(model, state, list(batches_of(settings, data.x, data.y, network, rng)))


def _network(settings: Settings, inputs: int, outputs: int) -> Network:
    hidden: Function = made("hidden", settings.hidden, ACTIVATIONS)
    layers: list[Layer] = []
    for width in settings.layers:
        layers += [Dense(inputs, width), Activation(hidden)]
        layers += [Dropout(settings.dropout)] if settings.dropout else []
        inputs = width
    layers.append(Dense(inputs, outputs))
    if settings.last:
        layers.append(Activation(made("last", settings.last, ACTIVATIONS)))
    return Network(layers)


def _loss(settings: Settings, data: Dataset) -> Any:
    one_hot = data.y.shape[1] > 1 and bool(np.all((data.y == 0) | (data.y == 1)))
    usual = "softmax_crossentropy" if one_hot else "mean_squared_error"
    return made("loss", settings.loss or usual, LOSSES)


def _optimizer(settings: Settings) -> Any:
    optimizer = made("optimizer", settings.optimizer, OPTIMIZERS) if settings.optimizer else SGD()
    if not settings.schedule:
        return optimizer
    return replace(optimizer, learning_rate=made("schedule", settings.schedule, SCHEDULES))


def _regularizer(settings: Settings) -> L2 | None:
    return L2(settings.l2) if settings.l2 else None


def batches_of(
    settings: Settings, x: Array, y: Array, network: Network, rng: np.random.Generator
) -> Iterator[tuple[Array, Array, Masks]]:
    """Yield as many batches as there are steps, epoch after epoch."""
    done = 0
    if settings.steps < 1:
        raise ValueError(f"steps = {settings.steps}; expected at least 1")
    while True:
        for rows in batches(len(x), settings.batch_size, rng):
            masks = network.draw_masks(rng, len(rows), x.dtype) if network.dropouts else ()
            yield x[rows], y[rows], masks
            done += 1
            if done == settings.steps:
                return
