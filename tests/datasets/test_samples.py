"""Three data sets: what is known about them."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from refnn import datasets
from refnn.datasets import dots, iris, yoghurt
from tests.helpers import refused_with
from tests.strategies import FLOATS


@pytest.mark.parametrize("dtype", FLOATS)
def test_iris_is_that_of_scikit_learn(dtype):
    ours, theirs = iris(dtype), load_iris()
    assert ours.x.dtype == ours.y.dtype == dtype
    assert np.array_equal(ours.x, theirs.data.astype(dtype))
    assert ours.y.shape == (150, 3)
    assert np.array_equal(np.flatnonzero(ours.y), 3 * np.arange(150) + theirs.target)
    assert ours.y.sum() == 150
    assert ours.feature_names == tuple(theirs.feature_names)
    assert ours.class_names == tuple(theirs.target_names)


@pytest.mark.parametrize("dtype", FLOATS)
def test_yoghurt_follows_the_loop_of_the_tutorial(dtype):
    rdm = np.random.RandomState(seed=23455)
    x = rdm.rand(32, 2)
    y_ = [[x1 + x2 + (rdm.rand() / 10.0 - 0.05)] for (x1, x2) in x]
    ours = yoghurt(dtype)
    assert ours.x.dtype == ours.y.dtype == dtype
    assert np.array_equal(ours.x, x.astype(dtype))
    assert np.array_equal(ours.y, np.array(y_).astype(dtype))
    assert ours.class_names == ()


def test_yoghurt_has_its_first_rows_and_its_noise():
    ours = yoghurt(np.float64)
    assert [f"{value:.6f}" for value in ours.x[:2].ravel()] == [
        "0.834943",
        "0.114830",
        "0.668998",
        "0.465950",
    ]
    noise = ours.y - ours.x.sum(axis=1, keepdims=True)
    assert (noise >= -0.05).all()
    assert (noise < 0.05).all()
    assert noise.min() < -0.04
    assert noise.max() > 0.04


@pytest.mark.parametrize("dtype", FLOATS)
def test_dots_are_those_of_the_tutorial(dtype):
    rdm = np.random.RandomState(2)
    drawn = rdm.randn(300, 2)
    ours = dots(dtype)
    assert ours.x.dtype == ours.y.dtype == dtype
    assert ours.y.shape == (300, 1)
    assert ours.y.sum() == 188
    assert np.array_equal(ours.y[:, 0], [int(x0 * x0 + x1 * x1 < 2) for x0, x1 in drawn])
    written = [[float(f"{value:.9f}") for value in row] for row in drawn]
    assert np.array_equal(ours.x, np.array(written).astype(dtype))


@pytest.mark.parametrize("name", ["iris", "yoghurt", "dots"])
def test_no_global_seed_is_touched_and_other_dtypes_are_refused(name):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    dataset = getattr(datasets, name)
    assert len(dataset().feature_names) == dataset().x.shape[1]
    assert dataset().x.dtype == np.float32
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    with refused_with("dtype = <class 'int'>; expected np.float32 or np.float64", TypeError):
        dataset(int)
