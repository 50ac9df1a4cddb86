"""Records and ledgers that somebody made to do harm: refused within a second and 64 MB."""

import json
import os
import zipfile

import numpy as np
import pytest

from refnn.record import Entry
from tests.helpers import npy, packed, pickled, refused, refused_cheaply
from tftwin.__main__ import main
from tftwin.lockstep import ledger
from tftwin.lockstep.ledger import errors
from tftwin.lockstep.records import load, save

Y = np.arange(3, dtype=np.float32)
KEY = "0|0|forward|y1"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "record.npz"


def entry(array=Y, **changes):
    return Entry("forward", "y1", array)._replace(**changes)


# What is not saved -------------------------------------------------------------------------------

NOT_SAVED = {
    "objects": (entry(np.array([None])), TypeError, "has dtype object; expected float32 or"),
    "complex": (entry(Y + 1j), TypeError, "has dtype complex64; expected float32 or float64"),
    "integers": (entry(np.array([2**53])), TypeError, "has dtype int64; expected float32 or"),
    "wide": (entry(Y.astype(np.longdouble)), TypeError, "expected float32 or float64"),
    "text": (entry(np.array(["a"])), TypeError, "has dtype <U1; expected float32 or float64"),
    "another stage": (entry(stage="sideways"), ValueError, "stage 'sideways'; expected one of"),
    "a bar in the name": (entry(name="a|b"), ValueError, "'a|b'; expected a name"),
    "an escape in the name": (entry(name="\x1b[2J"), ValueError, "; expected a name"),
    "two lines": (entry(name="a\nb"), ValueError, "; expected a name"),
    "a long name": (entry(name="n" * 300), ValueError, "; expected a name"),
    "no name": (entry(name=""), ValueError, "''; expected a name"),
    "a number as name": (entry(name=3), ValueError, "3; expected a name"),
    "a bound of objects": (entry(bound=np.array([None])), TypeError, "bound has dtype object"),
    "a bound of another shape": (entry(bound=np.ones(2)), ValueError, "bound has shape (2,)"),
    "a NaN as bound": (entry(bound=Y * np.nan), ValueError, "bound holds nan"),
    "a bound below 0": (entry(bound=Y - 1), ValueError, "bound holds -1.0"),
}


@pytest.mark.parametrize(("one", "error", "message"), NOT_SAVED.values(), ids=NOT_SAVED)
def test_what_cannot_be_compared_is_not_saved(path, one, error, message):
    with refused("step 1", message, error=error) as caught:
        save(path, [[entry(), one]])
    assert len(str(caught.value)) < 300
    assert os.listdir(path.parent) == []


def test_any_printable_name_is_saved_and_shown(path, capsys):
    for name in ("[/x]", "[bold]", "a/b", "../y", "θ", "y1.npy", "\\"):
        save(path, [[entry(name=name)]])
        assert load(path)[0][0][:2] == ("forward", name)
        assert main(["compare", str(path), str(path)]) == 0
        assert name in capsys.readouterr().out


def test_every_dtype_comes_back_in_the_order_of_this_machine(path):
    swapped = Y.astype(">f4")
    packed(path, {KEY: npy(swapped)})
    assert load(path)[0][0].array.dtype.isnative
    assert np.array_equal(load(path)[0][0].array, Y)


# Hostile files -----------------------------------------------------------------------------------

HUGE = (
    b"\x93NUMPY\1\0"
    + (118).to_bytes(2, "little")
    + (b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,), }".ljust(117) + b"\n")
)
RECORDS = {
    "another file": {"theta": npy(Y)},
    "step 5 first": {"5|0|forward|y1": npy(Y)},
    "step -1": {"-1|0|forward|y1": npy(Y)},
    "a step of 300 digits": {f"{'9' * 300}|0|forward|y1": npy(Y)},
    "a step in Arabic digits": {"٠|0|forward|y1": npy(Y)},
    "a step with an underscore": {"0_0|0|forward|y1": npy(Y)},
    "a place left out": {KEY: npy(Y), "0|2|forward|y2": npy(Y)},
    "a place twice": {KEY: npy(Y), "0|0|forward|y2": npy(Y)},
    "a bound first": {f"{KEY}|bound": npy(Y)},
    "a bound of another": {KEY: npy(Y), "0|0|forward|y2|bound": npy(Y)},
    "two bounds": {KEY: npy(Y), f"{KEY}|bound": npy(Y), f"{KEY}|bound|bound": npy(Y)},
    "another stage": {"0|0|sideways|y1": npy(Y)},
    "an escape": {"0|0|forward|\x1b[2J": npy(Y)},
    "no name": {"0|0|forward|": npy(Y)},
    "complex": {KEY: npy(Y + 1j)},
    "integers": {KEY: npy(np.array([2**53, 2**53 + 1]))},
    "booleans": {KEY: npy(np.array([True]))},
    "half": {KEY: npy(Y.astype(np.float16))},
    "longdouble": {KEY: npy(Y.astype(np.longdouble))},
    "objects": {KEY: pickled((1,))},
    "text": {KEY: npy(np.array(["a"]))},
    "a bound of another shape": {KEY: npy(Y), f"{KEY}|bound": npy(np.ones(2))},
    "a bound of NaN": {KEY: npy(Y), f"{KEY}|bound": npy(Y * np.nan)},
    "a bound below 0": {KEY: npy(Y), f"{KEY}|bound": npy(Y - 1)},
    "4 GB by its header": {KEY: HUGE},
    "cut off": {KEY: npy(Y)[:-1]},
    "nothing": {KEY: b""},
    "no steps": {},
}


@pytest.mark.parametrize("members", RECORDS.values(), ids=RECORDS)
def test_a_record_that_is_none_is_refused_cheaply(path, members):
    packed(path, members)
    refused_cheaply(load, path)


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=str
)
def test_a_compressed_record_is_none(path, method):
    packed(path, {KEY: npy(np.zeros(2**23, np.float32))}, method)
    refused_cheaply(load, path, "compressed or overlap; expected a file written by lockstep")


def test_two_members_of_one_name_are_refused(path):
    packed(path, {KEY: npy(Y)})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(f"{KEY}.npy", npy(Y + 1))
    refused_cheaply(load, path, "two members of one name")


def test_a_record_of_many_steps_is_read_and_of_too_many_not_written(path):
    save(path, [[entry()]] * 3000)
    assert len(load(path)) == 3000
    with refused("record.npz", "expected at most"):
        save(path, [[entry()]] * 40_000)
    packed(path, {f"{i}|0|forward|y1": b"" for i in range(40_000)})
    refused_cheaply(load, path, "File names too many members")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("read", [load, ledger.load])
def test_what_is_no_file_does_not_hang(path, read):
    os.mkfifo(path)
    refused_cheaply(read, path, "is no regular file")


# The ledger --------------------------------------------------------------------------------------


def changed(**changes):
    first = json.loads(errors.shipped().read_text(encoding="utf-8"))["entries"][0]
    return json.dumps({"entries": [first | changes]}).encode()


LEDGERS = {
    "nothing": b"",
    "no JSON": b"entries",
    "a list": b"[]",
    "a number": b"3",
    "entries that are none": b'{"entries": 3}',
    "entries in a text": b'{"entries": ""}',
    "entries by name": b'{"entries": {}}',
    "an entry that is none": b'{"entries": [3]}',
    "an empty entry": b'{"entries": [{}]}',
    "100,000 brackets": b"[" * 100_000,
    "100,000 entries": b'{"entries": ' + b"[" * 100_000,
    "a number of 10,000 digits": b'{"entries": ' + b"9" * 10_000 + b"}",
    "broken UTF-8": b'{"entries": "\xed\xa0\x80"}',
    "a list as name": changed(function=["exp"]),
    "an escape as name": changed(kernel="\x1b[2J"),
    "a text as error": changed(worst={"error": "2", "at": ""}),
    "an infinite error": changed(worst={"error": 1e999, "at": ""}),
    "NaN": changed(overflow={"error": float("nan"), "at": ""}),
    "an error below 0": changed(worst={"error": -1.0, "at": ""}),
    "no worst": changed(worst=None),
    "no inputs": changed(inputs=None),
    "inputs below 0": changed(inputs=-5),
    "a number of inputs beyond all": changed(inputs=10**400),
    "perhaps exhaustive": changed(exhaustive="yes"),
    "another dtype": changed(dtype="float16"),
    "one twice": b'{"entries": ['
    + b",".join([json.dumps(json.loads(changed())["entries"][0]).encode()] * 2)
    + b"]}",
}


@pytest.mark.parametrize("content", LEDGERS.values(), ids=LEDGERS)
def test_a_ledger_that_is_none_is_refused(path, content):
    path.write_bytes(content)
    refused_cheaply(ledger.load, path, "not a ledger of tftwin")


def test_a_huge_ledger_is_refused(path):
    with path.open("wb") as file:
        file.truncate(2**25)
    refused_cheaply(ledger.load, path, "expected at most")


def test_a_full_disk_leaves_the_ledger_before(path, monkeypatch):
    entries = ledger.entries()[:2]
    ledger.update(path, entries)
    before = path.read_bytes()

    def disk_is_full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_is_full)
    with pytest.raises(OSError, match="No space left"):
        ledger.update(path, ledger.entries())
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_the_shipped_ledger_is_one():
    assert ledger.load(errors.shipped()) == ledger.entries()
