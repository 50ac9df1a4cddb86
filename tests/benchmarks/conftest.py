"""As many threads for TensorFlow as OMP_NUM_THREADS gives to NumPy: one, unless it says more."""

import os

import pytest

threads = os.environ["OMP_NUM_THREADS"]  # tests/conftest.py has set it
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["TF_NUM_INTRAOP_THREADS"] = threads


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(machine_info):
    """Save the number of threads and the versions with the timings."""
    import keras
    import numpy
    import sklearn
    import tensorflow

    machine_info["threads"] = int(threads)
    machine_info["versions"] = {
        module.__name__: module.__version__ for module in (numpy, tensorflow, keras, sklearn)
    }
