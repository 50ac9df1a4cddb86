"""Class numbers as targets: the same run as with one-hot rows, and clear refusals."""

import numpy as np
import pytest

import tftwin
from refnn import (
    SGD,
    CategoricalCrossentropy,
    Checkpoint,
    MeanSquaredError,
    Model,
    Softmax,
    SoftmaxCrossentropy,
    Tanh,
    evaluate,
    fit,
    multilayer,
    resume,
)
from refnn.datasets import batches, one_hot
from tests.helpers import refused, run_bits, same_bits
from tests.strategies import FLOATS
from tftwin.lockstep import resynchronised, run_free

K, N = 3, 12
LABELS = np.array([2, 0, 1, 1, 0, 2, 2, 1, 0, 0, 1, 2])
FUSED = Model(multilayer([4, 5, K], Tanh()), SoftmaxCrossentropy(), SGD(0.1))
PLAIN = Model(multilayer([4, 5, K], Tanh(), Softmax()), CategoricalCrossentropy(), SGD(0.1))
INTEGERS = (np.int64, np.int8, np.uint8, np.uint64)


def start(model, dtype=np.float32):
    rng = np.random.default_rng(0)
    return model.initial_state(rng, dtype=dtype), rng.standard_normal((N, 4)).astype(dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("model", [FUSED, PLAIN], ids=["logits", "probabilities"])
@pytest.mark.parametrize("column", [False, True])
def test_a_run_is_that_of_one_hot_rows(model, dtype, column, tmp_path):
    state, x = start(model, dtype)
    rows, before = one_hot(LABELS.tolist(), K, dtype), LABELS.copy()
    options = {"epochs": 2, "batch_size": 5, "progress": False}
    expected = fit(model, state, x, rows, validation=(x, rows), **options)
    for number, kind in enumerate(INTEGERS):
        y = LABELS.astype(kind).reshape((N, 1) if column else (N,))
        assert run_bits(*fit(model, state, x, y, validation=(x, y), **options)) == run_bits(
            *expected
        )
        assert evaluate(model, state, x, y) == evaluate(model, state, x, rows)
        kept = Checkpoint(tmp_path / f"{number}.npz")
        fit(model, state, x, y, checkpoint=kept, validation=(x, y), **options | {"epochs": 1})
        assert run_bits(*resume(model, kept, x, rows, validation=(x, y), **options)) == run_bits(
            *expected
        )
    assert same_bits(LABELS, before)


@pytest.mark.parametrize("dtype", FLOATS)
def test_tensorflow_and_lockstep_take_them(dtype):
    state, x = start(FUSED, dtype)
    rows, twin = one_hot(LABELS.tolist(), K, dtype), tftwin.twin(FUSED)
    options = {"epochs": 1, "batch_size": 6, "progress": False}
    ours = run_bits(*tftwin.fit(twin, state, x, LABELS, **options))
    assert ours == run_bits(*tftwin.fit(twin, state, x, rows, **options))
    assert tftwin.evaluate(twin, state, x, LABELS) == tftwin.evaluate(twin, state, x, rows)
    report = resynchronised(FUSED, state, [(x, LABELS), (x, LABELS[:, None])], mode="eager")
    assert report.agreed
    assert report.elements == resynchronised(FUSED, state, [(x, rows)] * 2, mode="eager").elements
    cut = list(batches(N, 6))
    drifts = [run_free(FUSED, state, x, y, cut, mode="eager") for y in (LABELS, rows)]
    assert same_bits(drifts[0].refnn_loss, drifts[1].refnn_loss)
    assert same_bits(drifts[0].tftwin_loss, drifts[1].tftwin_loss)


REFUSED = {
    "a class too many": (np.where(np.arange(N) == 7, 3, LABELS), "row 7 is class 3; expected 0 to"),
    "below 0": (np.where(np.arange(N) == 4, -1, LABELS), "row 4 is class -1; expected 0 to 2"),
    "from 1": (LABELS + 1, "row 0 is class 3; expected 0 to 2"),
    "floats": (LABELS.astype(np.float32), "class numbers of an integer dtype, as y.astype(int)"),
    "a column of floats": (LABELS[:, None] / 1.0, "class numbers of an integer dtype"),
    "booleans": (LABELS == 1, "class numbers of an integer dtype"),
    "too few": (LABELS[:5], "y has shape (5, 3); expected (12, 3)"),
    "two columns": (np.stack([LABELS, LABELS], axis=1), "y has shape (12, 2); expected (12, 3)"),
    "rows of whole numbers": (np.eye(K, dtype=int)[LABELS], "y.astype(np.float32)"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_class_is_refused(case):
    y, message = REFUSED[case]
    state, x = start(FUSED)
    good = one_hot(LABELS.tolist(), K)
    for door in (
        lambda: fit(FUSED, state, x, y, epochs=1, progress=False),
        lambda: evaluate(FUSED, state, x, y),
        lambda: tftwin.evaluate(tftwin.twin(FUSED), state, x, y),
        lambda: resynchronised(FUSED, state, [(x, y)]),
    ):
        with refused(message, error=(TypeError, ValueError)):
            door()
    with refused("validation: ", message, error=(TypeError, ValueError)):
        fit(FUSED, state, x, good, validation=(x, y), epochs=1, progress=False)


def test_another_loss_takes_numbers_alone():
    model = Model(FUSED.network, MeanSquaredError())
    state, x = start(model)
    with refused("y has shape (12,); expected (12, 3)"):
        fit(model, state, x, LABELS, epochs=1, progress=False)
