"""NPZ files: what was saved comes back; what a stranger may write is refused."""

import io
import itertools
import tracemalloc
import zipfile

import numpy as np
import pytest

from refnn.datasets import load_npz, npz
from tests.helpers import npy, packed, pickled, refused_with
from tests.strategies import FLOATS

X, Y = np.arange(6.0).reshape(3, 2), np.eye(3)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data.npz"


@pytest.mark.parametrize("stored", [bool, np.uint8, np.int64, np.float16, ">f4", np.float64])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", FLOATS)
def test_npz_brings_back_what_was_saved(path, stored, save, dtype):
    save(path, x=np.asfortranarray(X.astype(stored)), y=Y.astype(stored), z="other")
    data = load_npz(path, dtype)
    assert data.x.dtype == data.y.dtype == dtype
    assert np.array_equal(data.x, X.astype(stored))
    assert np.array_equal(data.y, Y)
    assert data.feature_names == ("0", "1")
    assert data.class_names == ()


def test_npz_takes_the_second_version_of_the_format(path):
    file = io.BytesIO()
    np.lib.format.write_array(file, X, version=(2, 0))
    assert np.array_equal(
        load_npz(packed(path, {"x": file.getvalue(), "y": npy(Y)}), np.float64).x, X
    )


WRONG = np.array([[0.0, 1.0], [2.0, np.nan], [4.0, 5.0]])
BAD_NPZ = {
    "no x": ({"y": npy(Y)}, ": x is missing; expected np.savez(path, x=x, y=y)"),
    "no y": ({"x": npy(X)}, ": y is missing; expected np.savez(path, x=x, y=y)"),
    "objects": ({"x": pickled((1, 1)), "y": npy(Y)}, ": x has dtype object; expected numbers"),
    "complex": ({"x": npy(X * 1j), "y": npy(Y)}, ": x has dtype complex128; expected numbers"),
    "text": ({"x": npy(X), "y": npy(Y.astype("U3"))}, ": y has dtype <U3; expected numbers"),
    "labels": ({"x": npy(X), "y": npy(np.arange(3))}, ": y has shape (3,); expected (N, K)"),
    "images": ({"x": npy(X[None]), "y": npy(Y)}, ": x has shape (1, 3, 2); expected (N, D)"),
    "no rows": ({"x": npy(X[:0]), "y": npy(Y[:0])}, ": x has shape (0, 2); expected (N, D)"),
    "rows": ({"x": npy(X), "y": npy(Y[:2])}, ": x has 3 rows and y 2; expected as many"),
    "NaN": (
        {"x": npy(WRONG), "y": npy(Y)},
        ": x as float32 holds nan at [1, 1]; expected finite numbers (1 of 6 are not)",
    ),
    "overflow": (
        {"x": npy(X), "y": npy(Y * 1e300)},
        ": y as float32 holds inf at [0, 0]; expected finite numbers (3 of 9 are not)",
    ),
    "absurd shape": (
        {"x": npy(X, shape=(2**40, 2**40)), "y": npy(Y)},
        f": x claims shape ({2**40}, {2**40}) of float64, but holds 48 bytes",
    ),
    "negative shape": (
        {"x": npy(X, shape=(-3, -2)), "y": npy(Y)},
        ": x has shape (-3, -2); expected (N, D)",
    ),
    "cut short": (
        {"x": npy(X)[:-1], "y": npy(Y)},
        ": x claims shape (3, 2) of float64, but holds 47 bytes",
    ),
    "more": (
        {"x": npy(X) + b"x", "y": npy(Y)},
        ": x claims shape (3, 2) of float64, but holds 49 bytes",
    ),
    "no header": (
        {"x": b"", "y": npy(Y)},
        ": x cannot be read (EOF: reading magic string, expected 8 bytes got 0); expected an array",
    ),
}


@pytest.mark.parametrize(("members", "message"), BAD_NPZ.values(), ids=BAD_NPZ)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_npz_refuses(path, members, message, compression):
    with refused_with(message):
        load_npz(packed(path, members, compression))


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n", npy(X)])
def test_npz_refuses_another_kind_of_file(path, content):
    path.write_bytes(content)
    with refused_with(" cannot be read (File is not a zip file); expected an NPZ file"):
        load_npz(path)


def test_npz_bombs_are_refused_before_memory_is_taken(path, monkeypatch):
    limit = 2**16
    monkeypatch.setattr(npz, "LIMIT", limit)
    zeros = np.zeros((2**11, 2**11), np.uint8)
    bombs = {
        "small when packed": npy(zeros),
        "a header of four megabytes": b"\x93NUMPY\x02\x00\x00\x00\x40\x00" + bytes(2**22),
        "small until cast": npy(zeros[: 2**5, : limit // 2**5 - 8]),
    }
    for name, content in bombs.items():
        packed(path, {"x": content, "y": npy(Y)}, zipfile.ZIP_DEFLATED)
        tracemalloc.start()
        with pytest.raises(ValueError, match=rf": x has .*; expected at most {limit}"):
            load_npz(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**20, name


def test_npz_with_any_byte_changed_is_read_or_refused(path):
    packed(path, {"x": npy(X), "y": npy(Y)}, zipfile.ZIP_DEFLATED)
    sound, read, messages = path.read_bytes(), [], []
    for place, change in itertools.product(range(len(sound)), [1, 128]):
        damaged = bytearray(sound)
        damaged[place] ^= change
        path.write_bytes(damaged)
        try:
            read.append(load_npz(path, np.float64))
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) > len(read) > 0  # what may change is a date, say
    assert all(message.startswith(str(path)) for message in messages)
    assert all(np.array_equal(data.x, X) and np.array_equal(data.y, Y) for data in read)
