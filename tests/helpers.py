"""What many tests need: equality to the bit, clear refusals, files as strangers make them."""

import io
import json
import re
import time
import tracemalloc
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest

from refnn import State

# Equality to the bit -----------------------------------------------------------------------------


def bits(value):
    """Return dtype, shape and bytes of an array or a number; of a state, a step or a list, of each.

    A longdouble is given by its number and its sign, because its padding may hold anything.
    """
    if isinstance(value, (tuple, list)):
        return [bits(one) for one in value]
    if not isinstance(value, (np.ndarray, np.generic, bool, int, float)):
        return value
    array = np.asarray(value)
    if array.dtype.itemsize > 8 and array.dtype.kind == "f":
        return array.dtype.str, array.shape, list(map(repr, array.ravel()))
    return array.dtype.str, array.shape, array.tobytes()


def same_bits(one, other):
    """Whether two arrays, numbers, states or steps are equal to the last bit."""
    return bits(one) == bits(other)


def assert_same_bits(one, other, what=""):
    """Demand two arrays with the same bits; name the first element that differs."""
    assert (one.dtype, one.shape) == (other.dtype, other.shape), what
    assert one.size > 0, what
    if not same_bits(one, other):
        pairs = enumerate(zip(one.flat, other.flat, strict=True))
        differ = [i for i, (a, b) in pairs if bits(a) != bits(b)]
        pytest.fail(
            f"{what}: {len(differ)} of {one.size} differ, the first at {differ[0]}: "
            f"{one.flat[differ[0]]!r} and {other.flat[differ[0]]!r}"
        )


def run_bits(state, history):
    """Return everything that is the same in two equal runs: all but the seconds."""
    columns = {name: column for name, column in vars(history).items() if name != "seconds"}
    return bits(state), {name: bits(column) for name, column in columns.items()}


# Within the bound --------------------------------------------------------------------------------


def rounded(state):
    """Return the state on arrays that carry their rounding error, none so far."""
    from tftwin.lockstep.roundoff import exact

    return State(exact(state.theta), tuple(map(exact, state.slots)), state.step)


def fill(one, other, bounded, everywhere=True):
    """Two correct states are at most twice the bound apart; say how much of it they use.

    ``everywhere``: each bound must be finite; otherwise nothing is promised where it is not.
    """
    fills = [0.0]
    for a, b, r in zip(*((s.theta, *s.slots) for s in (one, other, bounded)), strict=True):
        known = np.isfinite(r.bound)
        assert known.all() or not everywhere
        apart = np.abs(a.astype(np.longdouble) - b)[known]
        allowed = 2 * r.bound[known].astype(np.longdouble)
        assert (apart <= allowed).all()
        fills += (apart / np.maximum(allowed, np.finfo(float).tiny)).tolist()
    return float(max(fills))


# Refusals ----------------------------------------------------------------------------------------


@contextmanager
def refused(*parts, error=ValueError):
    """Expect one clear error: of this type, in one line, with all of these parts in its message."""
    with pytest.raises(error) as caught:
        yield caught
    message = str(caught.value)
    for part in parts:
        assert part in message, message
    assert "\n" not in message


def refused_with(message, error=ValueError):
    """Expect an error whose whole text is the message, but for a path in front."""
    return pytest.raises(error, match=f"^(/[^,:]*)?{re.escape(message)}$")


# Files as strangers make them --------------------------------------------------------------------


class Trap:
    """An object that, unpickled, would fail the test."""

    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def npy(array, **header):
    """Return the bytes of an .npy file, with some entries of its header replaced."""
    file = io.BytesIO()
    described = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(file, described | header)
    return file.getvalue() + array.tobytes()


def pickled(shape):
    """Return the bytes of an .npy file that holds traps."""
    file = io.BytesIO()
    objects = np.array([Trap()], dtype=object).reshape(shape)
    np.lib.format.write_array(file, objects, allow_pickle=True)
    return file.getvalue()


def text(content, space=0):
    """Return the bytes of an .npy file that holds a text, or anything as JSON, behind spaces."""
    content = content if isinstance(content, (str, bytes)) else json.dumps(content)
    content = content.encode() if isinstance(content, str) else content
    return npy(np.frombuffer(content.rjust(space), np.uint8))


def packed(path, members, compression=zipfile.ZIP_STORED):
    """Write an archive of these .npy files, and return its path."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def members_of(path):
    """Return the .npy files of an archive, for ``packed``."""
    with zipfile.ZipFile(path) as archive:
        return {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}


def damaged(sound):
    """Yield these bytes once for each of them, with one bit of it changed."""
    for place in range(len(sound)):
        changed = bytearray(sound)
        changed[place] ^= 1 << place % 8
        yield bytes(changed)


def refused_cheaply(load, path, *parts):
    """A file is refused: one clear error that begins with its path, soon, without much memory."""
    tracemalloc.start()
    start = time.process_time()
    with refused(*parts) as caught:
        load(path)
    seconds, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    message = str(caught.value)
    assert message.startswith(str(path)), message
    assert len(message) < 600 + len(str(path)), message
    assert seconds < 1
    assert peak < 2**24
