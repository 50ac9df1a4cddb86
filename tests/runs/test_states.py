"""A training state on disk: it comes back bit for bit, and nothing else is taken for one."""

import os
import zipfile

import numpy as np
import pytest

from refnn import State, load_state, save_state
from tests.helpers import npy, packed, pickled, refused, refused_cheaply, same_bits

RNG = np.random.default_rng(3)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.npz"


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("slots", [0, 1, 2])
def test_a_state_comes_back_bit_for_bit(path, dtype, slots):
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, np.finfo(dtype).smallest_subnormal]
    vectors = [RNG.permutation(np.array([*special, 1 / 3], dtype)) for _ in range(slots + 1)]
    wide = np.repeat(vectors[0], 2)
    save_state(path, State(wide[::2], tuple(vectors[1:]), 2**40))
    again = load_state(path)
    assert same_bits(again, State(vectors[0], tuple(vectors[1:]), 2**40))
    assert again.theta.dtype == dtype
    assert os.listdir(path.parent) == [path.name]


# ---- hostile files ----------------------------------------------------------------------------

THREE = np.arange(3.0)
STATE = {"theta": npy(THREE), "slot0": npy(THREE), "step": npy(np.array(7))}
BOMB = np.zeros(2**22)
BAD_STATE = {
    "nothing": ({}, "holds"),
    "no theta": ({"slot0": npy(THREE), "step": npy(np.array(7))}, "holds"),
    "a slot is missing": (STATE | {"slot2": npy(THREE)}, "holds"),
    "more": (STATE | {"other": npy(THREE)}, "holds"),
    "climbs out": (STATE | {"../../theta": npy(THREE)}, "holds"),
    "absolute": (STATE | {"/etc/passwd": npy(THREE)}, "holds"),
    "pickle": (STATE | {"theta": pickled((1,))}, "theta has dtype object"),
    "a pickle for a header": (STATE | {"theta": b"\x80\x04N."}, "theta cannot be read"),
    "no numbers": (STATE | {"theta": npy(THREE.astype("U9"))}, "theta has dtype <U9"),
    "complex": (STATE | {"slot0": npy(THREE * 1j)}, "slot0 has dtype complex128"),
    "whole numbers": (STATE | {"theta": npy(np.arange(3))}, "theta has dtype int64"),
    "half": (STATE | {"theta": npy(THREE.astype(np.float16))}, "theta has dtype float16"),
    "other order of bytes": (STATE | {"theta": npy(THREE.astype(">f8"))}, "theta has dtype >f8"),
    "a matrix": (STATE | {"theta": npy(np.eye(3))}, "theta has shape"),
    "empty": (STATE | {"theta": npy(THREE[:0])}, "theta has shape"),
    "shorter slot": (STATE | {"slot0": npy(THREE[:2])}, "slot0 has shape"),
    "other slot": (STATE | {"slot0": npy(THREE.astype(np.float32))}, "slot0 has dtype"),
    "absurd shape": (STATE | {"theta": npy(THREE, shape=(2**60,))}, "theta claims shape"),
    "negative shape": (STATE | {"theta": npy(THREE, shape=(-3,))}, "theta has shape"),
    "overflowing shape": (STATE | {"theta": npy(THREE, shape=(2**64 + 3,))}, "theta claims"),
    "NaN for a shape": (
        STATE | {"theta": npy(THREE).replace(b"(3,)", b"nan ")}, "theta cannot be read",
    ),
    "a call for a shape": (
        STATE | {"theta": npy(THREE).replace(b"(3,), ", b"exit()")}, "theta cannot be read",
    ),
    "a step of NaN": (STATE | {"step": npy(np.array(np.nan))}, "step = nan"),
    "a step of truth": (STATE | {"step": npy(np.array(True))}, "step = True"),
    "a negative step": (STATE | {"step": npy(np.array(-1))}, "step = -1"),
    "steps": (STATE | {"step": npy(np.arange(1))}, "step has shape"),
    "a bomb": (STATE | {"theta": npy(BOMB)}, "compressed or overlap", zipfile.ZIP_DEFLATED),
    "a bomb besides": (STATE | {"bomb": bytes(2**25)}, "compressed or overlap", zipfile.ZIP_BZIP2),
    "compressed": (STATE, "compressed or overlap", zipfile.ZIP_DEFLATED),
    "thousands": (STATE | {f"slot{i}": b"" for i in range(1, 3000)}, "too many members"),
    "a hundred thousand": (STATE | {f"slot{i}": b"" for i in range(1, 10**5)}, "too many members"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_STATE.values(), ids=BAD_STATE)
def test_a_file_that_holds_no_state_is_refused(path, case):
    members, message, *compression = case
    refused_cheaply(load_state, packed(path, members, *compression), message)


def test_the_members_of_these_tests_are_a_state_but_for_what_is_wrong(path):
    assert load_state(packed(path, STATE)).step == 7


def test_two_members_of_one_name_are_refused(path):
    packed(path, STATE)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("theta.npy", npy(THREE + 1))
    refused_cheaply(load_state, path, "holds")


def test_sizes_that_the_file_does_not_have_are_refused(path):
    """A table of contents that lies about a gigabyte."""
    sound = packed(path, STATE).read_bytes()
    size = len(STATE["theta"]).to_bytes(4, "little")
    place = sound.index(b"PK\1\2") + 20
    assert sound[place : place + 8] == 2 * size
    lie = (2**30 - 1).to_bytes(4, "little")
    whole = len(sound).to_bytes(4, "little")
    for change in (lie + lie, size + lie, whole + whole):
        path.write_bytes(sound[:place] + change + sound[place + 8 :])
        refused_cheaply(load_state, path, "compressed or overlap")


def test_a_table_of_contents_behind_a_comment_is_not_searched_for(path):
    packed(path, STATE)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"PK\5\6 comment"
    refused_cheaply(load_state, path, "not a zip file")


def test_a_state_truncated_at_any_byte_is_refused(path):
    sound = packed(path, STATE).read_bytes()
    for length in range(len(sound)):
        path.write_bytes(sound[:length])
        with refused(str(path), "expected"):
            load_state(path)


def test_another_file_is_no_state(path):
    path.write_text("no state")
    refused_cheaply(load_state, path, "expected a file written by save_state")
    np.savez(path, x=THREE)
    refused_cheaply(load_state, path, "holds ['x']; expected a file written by save_state")
    with pytest.raises(FileNotFoundError, match="no such file$"):
        load_state(path.with_name("none.npz"))
