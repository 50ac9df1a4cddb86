"""Files of other people: none is read that is no file, or larger than memory should be."""

import os
import tracemalloc

import pytest

from refnn.datasets import load_csv, load_npz
from tests.helpers import refused_with

READERS = {"csv": lambda path: load_csv(path, label=0), "npz": load_npz}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_no_regular_file_of_bearable_size_is_refused(read, tmp_path):
    with refused_with(": no such file", FileNotFoundError):
        read(tmp_path / "missing")
    with refused_with(" is no regular file"):
        read(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with refused_with(" is no regular file"):
            read(tmp_path / "pipe")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**30 + 1)  # sparse: takes no space
    tracemalloc.start()
    with refused_with(f" has {2**30 + 1} bytes; expected at most {2**30}"):
        read(tmp_path / "huge")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
