"""The doors in: a path or a model in memory → refnn."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from typing import Any

from refnn.checks import short
from refnn.datasets.files import as_path
from tftwin.keras_models.archive import WEIGHTS, read_archive
from tftwin.keras_models.config import describe
from tftwin.keras_models.inspection import Inspection, ReadModel, whole
from tftwin.keras_models.live import describe_live, is_live, live_state
from tftwin.keras_models.mapping import to_refnn
from tftwin.keras_models.state import read_state


def read(path_or_model: str | PathLike[str] | Any) -> ReadModel:
    """Read a Keras model as refnn's: unpack it as ``model, state, preparation``.

    Parameters
    ----------
    path_or_model : path or keras.Model
        A .keras file, from anybody: it is read against a list of allowed classes and keys, and
        nothing in it is executed; Keras is not imported. Or a model in memory: keras.Sequential or
        keras.Model(inputs, outputs), a chain of Input, Flatten, Dense, Activation, LeakyReLU, ReLU,
        Softmax, Dropout.

    Returns
    -------
    ReadModel
        model : refnn.Model; the optimizer is refnn's own rule of that name.
        state : refnn.State; θ, and the slots and the step of Keras' optimizer.
        preparation : Preparation; ``preparation.inputs(x)`` and ``preparation.targets(y)`` make
        refnn's arrays of the user's.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    TypeError
        If it is neither a path nor a Keras model.
    ValueError
        If it is another file, a damaged one, or a model that refnn lacks something of: the message
        names it, and says what can still be compared.
    """
    return whole(inspect(path_or_model))


def inspect(path_or_model: str | PathLike[str] | Any) -> Inspection:
    """Read a Keras model with all that was found: both sides, what was mapped, what refnn lacks.

    A loss or an optimizer that refnn lacks is no error here: ``lacks`` names it and ``stages`` says
    what can still be compared. The other errors are those of ``read``.
    """
    if isinstance(path_or_model, (str, PathLike)):
        source = f"{as_path(path_or_model)}"
        content = read_archive(path_or_model)
        with _naming(source):
            description = describe(content.config)
            return to_refnn(source, description, read_state(description, content.weights, WEIGHTS))
    if not is_live(path_or_model):
        raise TypeError(f"path_or_model = {short(path_or_model)}; expected a path or a keras.Model")
    source = f"model {path_or_model.name!r}"
    with _naming(source):
        description = describe_live(path_or_model)
        return to_refnn(source, description, live_state(path_or_model, description))


@contextmanager
def _naming(source: str) -> Iterator[None]:
    """Begin each refusal with the path or the name of the model."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
