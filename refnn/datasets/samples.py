"""Three small data sets: flowers, the tutorial's yoghurt sales, the tutorial's dots."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from refnn.datasets.dataset import Dataset
from refnn.datasets.preparation import float_type
from refnn.datasets.tables import load_csv


def iris(dtype: npt.DTypeLike = np.float32) -> Dataset:
    """Return Fisher's iris flowers: x (150, 4) in cm, y one-hot (150, 3), 50 rows a class.

    The numbers and their order are those of ``sklearn.datasets.load_iris`` and of Fisher's paper.
    The UCI repository's iris.data differs in rows 34 and 37 (from 0); its bezdekIris.data has them.
    """
    return load_csv(Path(__file__).with_name("iris.csv"), label="species", dtype=dtype)


def yoghurt(dtype: npt.DTypeLike = np.float32) -> Dataset:
    """Return the tutorial's daily sales: x (32, 2) in [0, 1), y = x₁ + x₂ + noise, (32, 1).

    The noise is uniform in [−0.05, 0.05). Seed 23455, drawn in the tutorial's order.
    """
    dtype = float_type(dtype)
    random = np.random.RandomState(23455)  # the tutorial's generator
    x = random.rand(32, 2)
    y = x[:, :1] + x[:, 1:] + (random.rand(32, 1) / 10 - 0.05)
    return Dataset(x.astype(dtype), y.astype(dtype), ("x1", "x2"))


def dots(dtype: npt.DTypeLike = np.float32) -> Dataset:
    """Return the tutorial's points: x (300, 2) normal, y = 1 where x₁² + x₂² < 2, else 0, (300, 1).

    Seed 2; the coordinates have nine decimals, as in the tutorial's file. 188 of the 300 are 1.
    """
    dtype = float_type(dtype)
    random = np.random.RandomState(2)  # the tutorial's generator
    x = random.randn(300, 2).round(9)
    y = np.sum(x * x, axis=1, keepdims=True) < 2
    return Dataset(x.astype(dtype), y.astype(dtype), ("x1", "x2"))
