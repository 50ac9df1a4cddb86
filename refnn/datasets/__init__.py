"""Data: three small sets, your own files, and the preparation of data for training.

x is (N, D), a sample in each row; y is (N, K): one-hot rows for classes, numbers for regression.
"""

from refnn.datasets.dataset import Dataset
from refnn.datasets.npz import load_npz
from refnn.datasets.preparation import Standardized, batches, one_hot, standardize
from refnn.datasets.samples import dots, iris, yoghurt
from refnn.datasets.tables import load_csv

__all__ = [
    "Dataset",
    "Standardized",
    "batches",
    "dots",
    "iris",
    "load_csv",
    "load_npz",
    "one_hot",
    "standardize",
    "yoghurt",
]
