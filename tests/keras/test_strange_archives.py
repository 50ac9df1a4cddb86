"""Files that are no .keras file, or one made to do harm: one clear line each, soon, and cheaply."""

import json
import os
import pickle
import warnings
import zipfile

import numpy as np
import pytest

from tests.helpers import Trap, refused, refused_cheaply
from tests.keras.files import CONFIG, METADATA, WEIGHTS, members, packed, small_model, with_member
from tftwin.keras_models import read


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "small.keras"
    small_model().save(path)
    read(path)
    return path


def written(path, content):
    path.write_bytes(content)
    return path


def linked(path, target):
    path.symlink_to(target)
    return path


def piped(path):
    os.mkfifo(path)
    return path


def made(path):
    path.mkdir()
    return path


def npz(path):
    with path.open("wb") as file:
        np.savez(file, x=np.zeros((3, 2)))
    return path


def twice(path, sound, name):
    """Write an archive with two members of one name."""
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for member, content in members(sound).items():
            archive.writestr(member, content)
        archive.writestr(name, b"{}")
    return path


def bomb(path, sound, name):
    """Write an archive whose member inflates to 256 MiB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members(sound).items():
            if member != name:
                archive.writestr(member, content)
        with archive.open(name, "w", force_zip64=True) as file:
            for _ in range(256):
                file.write(bytes(2**20))
    return path


def patched(path, sound, *changes):
    """Change fields of every entry of the table of contents: (offset, bytes)."""
    data = bytearray(sound.read_bytes())
    place = data.find(b"PK\1\2")
    while place >= 0:
        for offset, content in changes:
            data[place + offset : place + offset + len(content)] = content
        place = data.find(b"PK\1\2", place + 4)
    return written(path, data)


def nested(depth):
    return b'{"a":' * depth + b"1" + b"}" * depth


ARCHIVES = {
    "a folder": (lambda p, s: made(p), "is a folder"),
    "a pipe": (lambda p, s: piped(p), "is no regular file"),
    "a device": (lambda p, s: linked(p, "/dev/zero"), "is no regular file"),
    "an empty file": (lambda p, s: written(p, b""), "cannot be read"),
    "a text": (lambda p, s: written(p, b"units,activation\n5,relu\n"), "cannot be read"),
    "a pickle": (lambda p, s: written(p, pickle.dumps(Trap())), "is a pickle"),
    "an .npy file": (lambda p, s: written(p, b"\x93NUMPY\1\0" + bytes(100)), "is an .npy file"),
    "an NPZ file": (lambda p, s: npz(p), "config.json is missing"),
    "an old .h5 file": (lambda p, s: written(p, members(s)[WEIGHTS]), "an HDF5 file"),
    "a gzip file": (lambda p, s: written(p, b"\x1f\x8b\x08" + bytes(50)), "compressed by gzip"),
    "no config.json": (lambda p, s: with_member(p, s, CONFIG, None), "config.json is missing"),
    "no weights": (lambda p, s: with_member(p, s, WEIGHTS, None), "model.weights.h5 is missing"),
    "two of one name": (lambda p, s: twice(p, s, CONFIG), "two members of one name"),
    "a path that climbs": (lambda p, s: with_member(p, s, "../../x", b"x"), "'../../x'"),
    "an absolute path": (lambda p, s: with_member(p, s, "/tmp/x", b"x"), "'/tmp/x'"),
    "assets": (lambda p, s: with_member(p, s, "assets/vocabulary", b"x"), "'assets/vocabulary'"),
    "weights as NPZ": (
        lambda p, s: with_member(p, s, "model.weights.npz", pickle.dumps(Trap())),
        "'model.weights.npz'",
    ),
    "weights in shards": (
        lambda p, s: with_member(p, s, "model_00000.weights.h5", b"x"),
        "'model_00000.weights.h5'",
    ),
    "a bomb as config": (lambda p, s: bomb(p, s, CONFIG), "claim to hold"),
    "a bomb as weights": (lambda p, s: bomb(p, s, WEIGHTS), "claim to hold"),
    "bzip2": (lambda p, s: packed(p, members(s), zipfile.ZIP_BZIP2), "another method"),
    "encrypted": (lambda p, s: patched(p, s, (8, b"\1\0")), "cannot be read"),
    "a size of 4 GiB": (lambda p, s: patched(p, s, (24, b"\xfe\xff\xff\xff")), "claim to hold"),
    "members that overlap": (lambda p, s: patched(p, s, (42, bytes(4))), "overlap"),
    "a wrong checksum": (lambda p, s: patched(p, s, (16, b"\1\2\3\4")), "cannot be read"),
    "a comment": (lambda p, s: written(p, s.read_bytes()[:-2] + b"\2\0hi"), "cannot be read"),
    "half of it": (lambda p, s: written(p, s.read_bytes()[:3000]), "cannot be read"),
    "of Keras 2": (
        lambda p, s: with_member(p, s, METADATA, b'{"keras_version": "2.15.0"}'),
        "Keras version '2.15.0'; expected 3",
    ),
    "metadata of a number": (lambda p, s: with_member(p, s, METADATA, b"7"), "Keras version None"),
    "long metadata": (lambda p, s: with_member(p, s, METADATA, bytes(2**21)), "at most 1048576"),
    "long config": (lambda p, s: with_member(p, s, CONFIG, b" " * 2**21), "at most 1048576"),
    "config of no JSON": (lambda p, s: with_member(p, s, CONFIG, b"os.abort()"), "expected JSON"),
    "config of odd bytes": (lambda p, s: with_member(p, s, CONFIG, b'"\xff\xfe"'), "expected JSON"),
    "config of a list": (lambda p, s: with_member(p, s, CONFIG, b"[]"), "the model is []"),
    "config of NaN": (lambda p, s: with_member(p, s, CONFIG, b'{"a": NaN}'), "the number 'NaN'"),
    "config of 1e999": (lambda p, s: with_member(p, s, CONFIG, b"[1e999]"), "the number '1e999'"),
    "9,000 digits": (lambda p, s: with_member(p, s, CONFIG, b"9" * 9000), "expected JSON"),
    "a key twice": (lambda p, s: with_member(p, s, CONFIG, b'{"a":1,"a":2}'), "a key twice"),
    "nested 100 times": (lambda p, s: with_member(p, s, CONFIG, nested(100)), "inside each other"),
    "nested 100,000 times": (
        lambda p, s: with_member(p, s, CONFIG, nested(10**5)),
        "expected JSON",
    ),
}


@pytest.mark.parametrize(("make", "part"), ARCHIVES.values(), ids=ARCHIVES)
def test_an_archive_is_refused(tmp_path, sound, make, part):
    refused_cheaply(read, make(tmp_path / "x.keras", sound), part)


def test_a_missing_file_is_named(tmp_path):
    with refused(f"{tmp_path / 'x.keras'}: no such file", error=FileNotFoundError):
        read(tmp_path / "x.keras")


def test_what_is_no_path_is_named():
    with refused("path_or_model = 7", error=TypeError):
        read(7)


def test_a_file_cut_anywhere_is_refused(tmp_path, sound):
    content = sound.read_bytes()
    for length in range(0, len(content), 97):
        path = written(tmp_path / "x.keras", content[:length])
        with refused(f"{path}"):
            read(path)


def test_a_compressed_file_is_read(tmp_path, sound):
    path = packed(tmp_path / "x.keras", members(sound), zipfile.ZIP_DEFLATED)
    assert read(path).model == read(sound).model


def test_metadata_is_not_needed(tmp_path, sound):
    assert json.loads(members(sound)[METADATA])["keras_version"].startswith("3.")
    path = with_member(tmp_path / "x.keras", sound, METADATA, None)
    assert read(path).model == read(sound).model
