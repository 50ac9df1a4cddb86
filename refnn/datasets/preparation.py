"""The preparation of data for training: standardized features, one-hot labels, batches."""

import math
from collections.abc import Iterator, Sequence
from reprlib import repr as short
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from refnn import checks
from refnn.typing import Array

LIMIT = 2**30
"""Bytes. A larger file, array or one-hot matrix is refused before it takes any memory."""


class Standardized(NamedTuple):
    """x (N, D) with mean 0 and deviation 1 in each column; its mean and deviation before, (D,)."""

    x: Array
    mean: Array
    deviation: Array


def standardize(
    x: Array,
    mean: Array | None = None,
    deviation: Array | None = None,
    feature_names: Sequence[str] = (),
    constant: Literal["refuse", "keep"] = "refuse",
) -> Standardized:
    """Return (x − mean) / deviation, column by column, in x's dtype.

    By default ``mean`` and ``deviation`` are computed from x, in float64 at least:
    mean = Σ x / N, deviation = √(Σ (x − mean)² / N). This is the population's deviation, as in
    scikit-learn's ``StandardScaler``; pandas' ``std`` divides by N − 1. Held-out data need the mean
    and the deviation of the training data::

        train = standardize(x_train)
        test = standardize(x_test, train.mean, train.deviation)

    Guide: mean, deviation, standardized.

    Parameters
    ----------
    x : Array, (N, D)
        Of a floating dtype.
    mean, deviation : Array, (D,), optional
        Both or neither.
    feature_names : sequence of str
        For the error messages.
    constant : "refuse" or "keep"
        What is done with columns that are constant in x: refuse them, all in one message; or keep
        them, not scaled: their deviation is called 1, and so they are 0 throughout. Held-out data
        show there how far they are from the training data.

    Raises
    ------
    TypeError, ValueError
        If x is no such array or holds NaN or an infinity, a column is constant, or a result is
        beyond the range of x's dtype.
    """
    checks.array("x", x, (None, None))
    checks.floating("x", x)
    checks.finite("x", x)
    if x.size == 0:
        raise ValueError(f"x has shape {x.shape}; expected at least one row and one column")
    if len(feature_names) not in (0, x.shape[1]):
        raise ValueError(f"feature_names has {len(feature_names)} names; expected {x.shape[1]}")
    if (mean is None) != (deviation is None):
        raise ValueError("standardize takes both mean and deviation, or neither; one came")
    if constant not in ("refuse", "keep"):
        raise ValueError(f"constant = {short(constant)}; expected 'refuse' or 'keep'")
    wide = x.astype(np.result_type(x, np.float64))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        if mean is None or deviation is None:
            same = np.min(x, axis=0) == np.max(x, axis=0)  # exact, where a computed 0 is not
            if same.any() and constant == "refuse":
                raise ValueError(
                    f"x: {_columns(same, feature_names)} constant; a constant column tells nothing "
                    "and cannot be scaled: leave it out, or keep it at 0 with constant='keep'"
                )
            mean = np.where(same, wide[0], np.mean(wide, axis=0))
            deviation = np.where(same, 1.0, np.std(wide, axis=0))
            if not np.isfinite(mean).all():
                raise ValueError(
                    f"x: {_columns(~np.isfinite(mean), feature_names)} too large; expected a sum "
                    f"within the range of {wide.dtype}"
                )
        for name, value in (("mean", mean), ("deviation", deviation)):
            checks.array(name, value, x.shape[1:])
            checks.floating(name, value)
        checks.finite("mean", mean)
        for column, width in enumerate(deviation):
            if not 0 < width < math.inf:
                name = f" ({feature_names[column]})" if feature_names else ""
                raise ValueError(
                    f"x: column {column}{name} has deviation {width}; expected a finite number "
                    "above 0"
                )
        scaled = ((wide - mean) / deviation).astype(x.dtype)
    if not np.isfinite(scaled).all():
        beyond = ~np.isfinite(scaled).all(axis=0)
        raise ValueError(
            f"x: {_columns(beyond, feature_names)} beyond the range of {x.dtype} when scaled; "
            "expected numbers near those that mean and deviation are of"
        )
    return Standardized(scaled, mean, deviation)


def _columns(chosen: Array, names: Sequence[str]) -> str:
    """Return the chosen columns in words: their numbers, and their names if they have any."""
    found = np.flatnonzero(chosen).tolist()
    words = [f"{column} ({names[column]})" if names else f"{column}" for column in found[:8]]
    if len(found) == 1:
        return f"column {words[0]} is"
    more = f", … ({len(found)} in all)" if len(found) > 8 else ""
    return f"columns {', '.join(words)}{more} are"


def one_hot(
    labels: Sequence[int] | Array, classes: int | None = None, dtype: npt.DTypeLike = np.float32
) -> Array:
    """Return y with y[i, k] = 1 where labels[i] = k, else 0; shape (N, classes).

    Parameters
    ----------
    labels : sequence of int, (N,)
        Whole numbers from 0 to classes − 1.
    classes : int, optional
        K; by default the largest label + 1.
    dtype
        float32 or float64.

    Raises
    ------
    ValueError
        With the row of the first label that is another value.
    """
    dtype = float_type(dtype)
    if not (isinstance(labels, Sequence) or getattr(labels, "ndim", 0) > 0):
        raise TypeError(f"labels = {short(labels)}; expected a sequence of whole numbers")
    expected = "0, 1, 2, …" if classes is None else f"0 to {checks.count('classes', classes) - 1}"
    for row, label in enumerate(labels):
        whole = isinstance(label, (int, np.integer)) and not isinstance(label, bool)
        if not whole or label < 0 or (classes is not None and label >= classes):
            raise ValueError(
                f"labels: row {row} is {short(label)}; expected a whole number {expected}"
            )
    if len(labels) == 0:
        raise ValueError("labels is empty; expected at least one label")
    columns = int(max(labels)) + 1 if classes is None else classes
    if len(labels) * columns * dtype.itemsize > LIMIT:
        raise ValueError(f"labels: {len(labels)} rows of {columns} classes exceed {LIMIT} bytes")
    y = np.zeros((len(labels), columns), dtype)
    y[np.arange(len(labels)), labels] = 1
    return y


def batches(n: int, batch_size: int, rng: np.random.Generator | None = None) -> Iterator[Array]:
    """Yield the row numbers 0 … n − 1 in batches; the last one may be shorter.

    Parameters
    ----------
    n : int
        Rows, at least 1.
    batch_size : int
        Rows in a batch. If it exceeds n, one batch holds all rows.
    rng : numpy.random.Generator, optional
        Shuffles the rows; without it they keep their order.
    """
    n, batch_size = checks.count("n", n), checks.count("batch_size", batch_size)
    if 8 * n > LIMIT:
        raise ValueError(f"n = {n}; expected at most {LIMIT // 8} rows")
    checks.generator(rng, optional=True)
    rows = np.arange(n) if rng is None else rng.permutation(n)
    return (rows[start : start + batch_size] for start in range(0, n, batch_size))


def float_type(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return float32 or float64 as a dtype, and refuse any other."""
    return checks.float_type(dtype, checks.FLOATS[:2])
