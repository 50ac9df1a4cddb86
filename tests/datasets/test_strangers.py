"""NPZ files that somebody made to do harm: refused within a second and 64 MB, in one line."""

import resource
import struct
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

from refnn.datasets import load_npz, npz
from tests.helpers import npy, packed, pickled, refused_cheaply

X, Y = np.arange(6.0).reshape(3, 2), np.eye(3)


def header(text, version=(1, 0), length=None):
    """Return an .npy header of this text, which may lie about its length."""
    text = text.encode() if isinstance(text, str) else text
    size = len(text) if length is None else length
    form = "<H" if version == (1, 0) else "<I"
    return b"\x93NUMPY" + bytes(version) + struct.pack(form, size) + text


def bomb(path, compression, size, name="x.npy"):
    """Write an archive whose x inflates to this many bytes."""
    start = npy(np.zeros((0, 128)), shape=(size // 1024, 128))
    with zipfile.ZipFile(path, "w", compression) as archive:
        with archive.open(name, "w", force_zip64=True) as file:
            file.write(start)
            for _ in range(size // 2**20):
                file.write(bytes(2**20))
        archive.writestr("y.npy", npy(np.zeros((size // 1024, 1))))
    return path


def twice(path, members):
    """Write an archive with two members of one name."""
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in members:
            archive.writestr(name, content)
    return path


def patched(path, *changes):
    """Change fields of every entry of an archive's table of contents: (offset, bytes)."""
    data = bytearray(path.read_bytes())
    place = data.find(b"PK\1\2")
    while place >= 0:
        for offset, content in changes:
            data[place + offset : place + offset + len(content)] = content
        place = data.find(b"PK\1\2", place + 4)
    path.write_bytes(data)
    return path


def good(path):
    return packed(path, {"x": npy(X), "y": npy(Y)})


def one_stream_for_both(path):
    """Two members that are the same bytes: the table points to one place."""
    good(path)
    data = path.read_bytes()
    first = data.find(b"PK\1\2")
    second = data.find(b"PK\1\2", first + 4)
    return patched(path, (42, data[first + 42 : first + 46])) if second > 0 else path


ALLOWED = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }"
HOSTILE = {
    "bzip2 bomb": lambda p: bomb(p, zipfile.ZIP_BZIP2, 2**28),
    "bzip2, harmless": lambda p: packed(p, {"x": npy(X), "y": npy(Y)}, zipfile.ZIP_BZIP2),
    "lzma bomb": lambda p: bomb(p, zipfile.ZIP_LZMA, 2**28),
    "deflated bomb": lambda p: bomb(p, zipfile.ZIP_DEFLATED, 2**28),
    "deflated bomb beside": lambda p: bomb(p, zipfile.ZIP_DEFLATED, 2**28, "z.npy"),
    "two members x": lambda p: twice(p, [("x.npy", npy(X)), ("x.npy", npy(X)), ("y.npy", npy(Y))]),
    "one stream for two members": one_stream_for_both,
    "a comment that hides a member": lambda p: patched(good(p), (32, b"\x2e\0")),
    "unknown method": lambda p: patched(good(p), (10, b"\x63\0")),
    "encrypted": lambda p: patched(good(p), (8, b"\1\0")),
    "patch data": lambda p: patched(good(p), (8, b"\x20\0")),
    "size of 4 GiB": lambda p: patched(good(p), (24, b"\xfe\xff\xff\xff")),
    "packed size of 4 GiB": lambda p: patched(good(p), (20, b"\xfe\xff\xff\xff")),
    "offset of 4 GiB": lambda p: patched(good(p), (42, b"\xfe\xff\xff\xff")),
    "wrong checksum": lambda p: patched(good(p), (16, b"\1\2\3\4")),
    "broken stream": lambda p: patched(good(p), (10, b"\x08\0")),
    "pickle": lambda p: packed(p, {"x": pickled((1, 1)), "y": npy(Y)}),
    "pickle as y": lambda p: packed(p, {"x": npy(X), "y": pickled((1, 1))}),
}
HEADERS = {
    "of 16 MiB": header(b" " * 2**24, (2, 0)),
    "that claims 4 GiB": header(ALLOWED, (2, 0), 2**32 - 1),
    "of 10,001 bytes": header(ALLOWED.ljust(10_001)),
    "of 60,000 bytes": header(ALLOWED.ljust(60_000)),
    "of version 9": header(ALLOWED, (9, 9)),
    "of version 3 and rubbish": header(b"\xff" * 100, (3, 0)),
    "deeply nested": header("(" * 9000 + ")" * 9000),
    "a number of 9,000 digits": header(ALLOWED.replace("3", "9" * 9000)),
    "a call": header("__import__('os').abort()"),
    "a comprehension": header("{'descr': [x for x in ()], 'fortran_order': 0, 'shape': ()}"),
    "a missing key": header("{'descr': '<f8', 'shape': (3, 2)}"),
    "a text as shape": header(ALLOWED.replace("(3, 2)", "'32'")),
    "booleans as shape": header(ALLOWED.replace("(3, 2)", "(True, 'x')")),
    "shape of 10^300": header(ALLOWED.replace("(3, 2)", f"({10**300}, 1)")) + X.tobytes(),
    "a shape of 33 axes": header(ALLOWED.replace("(3, 2)", str((1,) * 33))) + X.tobytes(),
    "an unknown dtype": header(ALLOWED.replace("<f8", "nonsense")),
    "a dtype of objects": header(ALLOWED.replace("<f8", "|O")) + X.tobytes(),
    "a structure": header(ALLOWED.replace("'<f8'", "[('a', '<f8')]")) + X.tobytes(),
    "a structure of objects": header(ALLOWED.replace("'<f8'", "[('a', '|O')]")) + X.tobytes(),
    "a wide text": header(ALLOWED.replace("<f8", "<U1000000000")) + X.tobytes(),
    "a subarray": header(ALLOWED.replace("'<f8'", "('<f8', (10**9,))")) + X.tobytes(),
    "dates": header(ALLOWED.replace("<f8", "<M8[s]")) + X.tobytes(),
    "cut off": header(ALLOWED, length=300),
    "without a magic string": b"NUMPY!" + header(ALLOWED)[6:],
    "of one byte": b"\x93",
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_an_archive_made_to_do_harm_is_refused_cheaply(tmp_path, make):
    path = make(tmp_path / "data.npz")
    message = refused_within_limits(load_npz, path)
    assert "allow_pickle" not in message


@pytest.mark.parametrize("content", HEADERS.values(), ids=HEADERS)
def test_an_array_with_a_hostile_header_is_refused_cheaply(tmp_path, content):
    path = packed(tmp_path / "data.npz", {"x": content, "y": npy(Y)}, zipfile.ZIP_DEFLATED)
    message = refused_within_limits(load_npz, path)
    assert "allow_pickle" not in message


def refused_within_limits(load, path):
    """Refuse in a second and 64 MB of the process, which tracemalloc sees only in part."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused_cheaply(load, path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**16  # KiB
    with pytest.raises(ValueError) as caught:
        load(path)
    return str(caught.value)


def test_the_largest_table_of_contents_is_refused_at_once(tmp_path):
    names = [f"{number}.npy" for number in range(2000)]
    path = packed(tmp_path / "many.npz", dict.fromkeys(names, b""))
    refused_cheaply(load_npz, path, "File names too many members")


def test_compressed_data_are_read(tmp_path):
    """The limit on the ratio is none for data: one-hot rows alone, images, a table of zeros."""
    rng = np.random.default_rng(0)
    y = np.eye(10)[rng.integers(10, size=20_000)]
    x = np.where(rng.random((20_000, 64)) < 0.2, rng.integers(0, 17, (20_000, 64)), 0) / 16
    for features, targets in ((x, y), (y, y), (np.zeros((10_000, 100)), np.zeros((10_000, 1)))):
        np.savez_compressed(tmp_path / "data.npz", x=features, y=targets)
        assert np.array_equal(load_npz(tmp_path / "data.npz", np.float64).x, features)


def test_objects_are_not_pickled(tmp_path):
    with pytest.raises(TypeError, match=r"^a has dtype object; expected numbers$"):
        npz.write(tmp_path / "a.npz", {"a": np.array([None])})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["NaN at the end", "a wrong checksum"])
def test_what_a_refused_content_may_cost(tmp_path, what):
    """The limit of the promise: a compressed file of a MB may cost more than 64 MB.

    It is read before its content is known. It may hold 50 times its own size, and takes at most
    twice that while it is read, as good data do.
    """
    rng = np.random.default_rng(0)
    x = np.zeros((2**16, 256), np.float32)
    x[:, :5] = rng.random((2**16, 5))
    if what == "NaN at the end":
        x[-1, -1] = np.nan
    path = tmp_path / "data.npz"
    np.savez_compressed(path, x=x, y=np.ones((2**16, 1), np.float32))
    if what == "a wrong checksum":
        patched(path, (16, b"\1\2\3\4"))
    size, held = path.stat().st_size, x.nbytes
    assert 2**26 <= held < npz.RATIO * size
    tracemalloc.start()
    with pytest.raises(ValueError, match="holds nan|cannot be read"):
        load_npz(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * npz.RATIO * size
