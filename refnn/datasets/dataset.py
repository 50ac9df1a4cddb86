"""Samples and targets, with their names."""

from dataclasses import dataclass

from refnn.typing import Array


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples and targets.

    Parameters
    ----------
    x : Array, (N, D)
        Features.
    y : Array, (N, K)
        Targets: one-hot rows, or numbers.
    feature_names : tuple of str
        D names.
    class_names : tuple of str
        K names; empty for regression.
    """

    x: Array
    y: Array
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...] = ()
