"""Files of other people: none is read that is no file, or larger than memory should be."""

import os
import tracemalloc

import pytest

from refnn.datasets import files, load_csv, load_npz
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


# Written whole -----------------------------------------------------------------------------------


def test_a_file_is_replaced_when_all_is_written(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("before")
    with files.replacing(path) as file:
        file.write(b"after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_stops_in_the_middle_leaves_the_file_before(tmp_path, error):
    path = tmp_path / "page.html"
    path.write_text("before")

    def stopped(file):
        file.write(b"af")
        raise error

    with pytest.raises(type(error)) as caught, files.replacing(path) as file:
        stopped(file)
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == [path.name]
    if isinstance(error, OSError):
        assert str(caught.value) == f"[Errno 28] No space left on device: '{path}'"


def test_two_writers_do_not_write_into_one_file(tmp_path):
    path = tmp_path / "page.html"
    with files.replacing(path) as one, files.replacing(path) as other:
        one.write(b"one")
        other.write(b"the other")
    assert path.read_bytes() == b"one"  # the last one to end


def test_a_link_stays_a_link_and_a_device_a_device(tmp_path):
    (tmp_path / "folder").mkdir()
    link, target = tmp_path / "link", tmp_path / "folder" / "page.html"
    link.symlink_to(target)
    with files.replacing(link) as file:
        file.write(b"after")
    assert link.is_symlink()
    assert target.read_bytes() == b"after"
    with files.replacing("/dev/null") as file:
        file.write(b"nothing")
    with pytest.raises(OSError, match="'/dev/full'"), files.replacing("/dev/full") as file:
        file.write(b"nothing")
    with pytest.raises(FileNotFoundError, match="nowhere"), files.replacing(tmp_path / "nowhere/a"):
        pass
