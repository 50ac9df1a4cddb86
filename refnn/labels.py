"""Class numbers as targets: 0, 1, 2 become rows of zeros with a one, where data enter.

Keras has a loss of its own for them, ``sparse_categorical_crossentropy``. Here the losses stay as
they are, and the labels are rewritten once.
"""

from typing import Any

import numpy as np

from refnn import checks


def class_rows(model: Any, theta: Any, y: Any) -> Any:
    """Return class numbers as one-hot rows (N, K) of θ's dtype, and any other y as it is.

    Class numbers are an array (N,) or (N, 1) of an integer dtype, for a loss that takes
    distributions. K is the number of the network's outputs.

    Raises
    ------
    TypeError
        If they are numbers of another dtype.
    ValueError
        With the row of the first that is not in 0 … K − 1.
    """
    dtype = getattr(theta, "dtype", None)
    if type(y) is not np.ndarray or dtype not in checks.FLOATS:
        return y
    if not getattr(model.loss, "takes_distributions", False):
        return y
    classes, whole = model.network.outputs, y.dtype.kind in "iu"
    if y.ndim != 1 and not (y.shape[1:] == (1,) and (whole or classes > 1)):
        return y
    if not whole:
        raise TypeError(
            f"y has shape {y.shape} and dtype {y.dtype}; {type(model.loss).__name__} expects rows "
            f"of {classes} numbers, or class numbers of an integer dtype, as y.astype(int) gives"
        )
    labels = y.reshape(-1)
    bad = (labels < 0) | (labels >= classes)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"y: row {row} is class {labels[row]}; expected 0 to {classes - 1}, for the network "
            f"has {classes} output{'s' * (classes > 1)}"
        )
    rows = np.zeros((len(labels), classes), dtype)
    rows[np.arange(len(labels)), labels] = 1
    return rows


def class_rows_of_run(model: Any, state: Any, y: Any, validation: Any) -> tuple[Any, Any]:
    """Return the targets of a run, and its held-out data, with one-hot rows for class numbers."""
    theta = getattr(state, "theta", None)
    y = class_rows(model, theta, y)
    if not (isinstance(validation, (tuple, list)) and len(validation) == 2):
        return y, validation
    try:
        return y, (validation[0], class_rows(model, theta, validation[1]))
    except (TypeError, ValueError) as error:
        raise type(error)(f"validation: {error}") from None
