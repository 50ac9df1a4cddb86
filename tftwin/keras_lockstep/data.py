"""The data of a model: x and y of an NPZ file, or a CSV table with a column for the label."""

from os import PathLike

import numpy as np

from refnn.datasets import load_csv, npz
from refnn.typing import Array
from tftwin.keras_models import Inspection


def read_data(
    path: str | PathLike[str], inspection: Inspection, label: str | None = None
) -> tuple[Array, Array]:
    """Return x and y as ``fit`` takes them, rows in the order of the file.

    Parameters
    ----------
    path : path
        An NPZ file that ``np.savez(path, x=x, y=y)`` wrote, or a CSV file.
    inspection : Inspection
        The model: it says whether the label is a class.
    label : str, optional
        Name or number (from 0) of the label's column, for a CSV file.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file does not exist, or is none of both: one line.
    """
    path = npz.regular_file(path)
    if path.suffix.lower() != ".csv":
        return _read_npz(path)
    if label is None:
        raise ValueError(f"{path}: which column is the label? Give its name or number: --label")
    column = int(label) if label.isdecimal() else label
    loss = inspection.description.loss
    classes = loss is not None and loss.name.endswith("categorical_crossentropy")
    sparse = inspection.preparation.integer_labels
    try:
        data = load_csv(path, label=column, task=None if classes and not sparse else "regression")
    except ValueError:
        if not classes:
            raise
        data = load_csv(path, label=column, task="classification")
    return data.x, data.y.argmax(axis=1) if data.class_names and sparse else data.y


def _read_npz(path: PathLike[str]) -> tuple[Array, Array]:
    file = npz.regular_file(path)
    with npz.archive(file) as members:
        found = npz.names(members)
        for name in ("x", "y"):
            if name not in found:
                raise ValueError(f"{path}: {name} is missing; expected np.savez(path, x=x, y=y)")
        x, y = (npz.member(members, name, f"{path}: {name}", None) for name in ("x", "y"))
    return np.asarray(x), np.asarray(y)
