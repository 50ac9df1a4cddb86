"""model.weights.h5 as a stranger may write it: no link is followed, no claim of a size believed."""

import io
import random

import h5py
import numpy as np
import pytest

from tests.helpers import refused_cheaply
from tests.keras.files import (
    WEIGHTS,
    members,
    small_model,
    with_config,
    with_member,
    with_weights,
)
from tftwin.keras_models import inspect, read

W = "layers/dense/vars/0"
"""Of shape (4, 5), float32."""
STEP, RATE, SLOT = (f"optimizer/vars/{number}" for number in range(3))


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "small.keras"
    small_model().save(path)
    read(path)
    return path


def put(name, value):
    """Return the change of what stands at a name: an array, a link, or a function that makes it."""

    def change(file):
        del file[name]
        if callable(value):
            value(file)
        else:
            file[name] = value

    return change


def dataset(name=W, shape=(4, 5), dtype="f4", **how):
    return put(name, lambda file: file.create_dataset(name, shape, dtype, **how))


def virtual(file):
    layout = h5py.VirtualLayout((4, 5), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4, 5), "f4")
    file.create_virtual_dataset(W, layout)


def elsewhere(file):
    file.create_dataset(W, (4, 5), "f4", external=[("/etc/passwd", 0, 80)])


def cycle(file):
    file["layers/dense/vars"] = file["layers"]


ARRAYS = {
    "a link to a file": (put(W, h5py.ExternalLink("/etc/passwd", "x")), "is a link to elsewhere"),
    "a link to a pipe": (put(W, h5py.ExternalLink("/proc/self/fd/0", "x")), "is a link"),
    "a link to a name": (put(W, h5py.SoftLink("/layers/dense_1/vars/0")), "is a link to elsewhere"),
    "a link on the way": (put("layers", h5py.SoftLink("/optimizer")), "layers is a link"),
    "a loop of groups": (put("layers/dense/vars", cycle), "vars/0 is missing"),
    "a virtual array": (put(W, virtual), "in pieces, or virtual"),
    "data elsewhere": (put(W, elsewhere), "in another file"),
    "a filter": (dataset(compression="gzip"), "compressed"),
    "a checksum": (dataset(fletcher32=True), "compressed"),
    "pieces": (dataset(chunks=(2, 5)), "in pieces"),
    "nothing on the disk": (dataset(), "holds 0 bytes"),
    "10¹⁵ rows on no disk": (dataset(shape=(10**15, 5), chunks=(1000, 5)), "(1000000000000000, 5)"),
    "transposed": (put(W, np.zeros((5, 4), "f4")), "has shape (5, 4); config.json expects (4, 5)"),
    "another rank": (put(W, np.zeros(20, "f4")), "has shape (20,)"),
    "a scalar": (put(W, np.float32(1)), "has shape ()"),
    "float16": (put(W, np.zeros((4, 5), "f2")), "has dtype float16; expected float32"),
    "float64": (put(W, np.zeros((4, 5), "f8")), "has dtype float64; expected float32"),
    "integers": (put(W, np.zeros((4, 5), "i4")), "has dtype int32; expected float32"),
    "the other byte order": (put(W, np.zeros((4, 5), ">f4")), "has dtype >f4"),
    "texts": (dataset(dtype=h5py.string_dtype()), "has dtype object"),
    "references": (dataset(dtype=h5py.ref_dtype), "has dtype object"),
    "structures": (dataset(dtype=[("a", "f4")]), "has dtype [('a'"),
    "a group": (put(W, lambda file: file.create_group(W)), "is no array"),
    "a dtype alone": (put(W, np.dtype("f4")), "is no array"),
    "an array for a group": (put("layers/dense", np.zeros(3)), "layers/dense/vars/0 is missing"),
    "no array": (put(W, lambda file: None), "layers/dense/vars/0 is missing"),
    "no layers": (put("layers", lambda file: None), "is missing"),
    "a negative step": (put(STEP, np.int64(-1)), "optimizer/vars/0 = -1; expected at least 0"),
    "half a step": (put(STEP, np.float32(1.5)), "has dtype float32; expected int64"),
    "a rate that is no number": (put(RATE, np.float32(np.nan)), "the learning rate = nan"),
    "a rate below 0": (put(RATE, np.float32(-1)), "the learning rate = -1.0; expected a number of"),
    "another slot": (put(SLOT, np.zeros((5, 4), "f4")), "config.json expects (4, 5)"),
    "no slot": (put(SLOT, lambda file: None), "holds 9 arrays; Adam has 10"),
    "an array for slots": (put("optimizer/vars", np.zeros(3)), "is no group"),
}


@pytest.mark.parametrize(("change", "part"), ARRAYS.values(), ids=ARRAYS)
def test_an_array_is_refused(tmp_path, sound, change, part):
    path = with_weights(tmp_path / "x.keras", sound, change)
    refused_cheaply(inspect, path, WEIGHTS, part)


FILES = {
    "no HDF5": (b"PK\3\4" + bytes(5000), "is no HDF5 file"),
    "the signature alone": (b"\x89HDF\r\n\x1a\n" + bytes(5000), "is damaged"),
    "a user's block first": (None, "is no HDF5 file"),
}


@pytest.mark.parametrize(("content", "part"), FILES.values(), ids=FILES)
def test_a_file_of_weights_is_refused(tmp_path, sound, content, part):
    if content is None:
        memory = io.BytesIO()
        h5py.File(memory, "w", userblock_size=8192).close()
        content = memory.getvalue()
    refused_cheaply(inspect, with_member(tmp_path / "x.keras", sound, WEIGHTS, content), part)


def test_a_short_file_is_refused_before_memory_is_taken(tmp_path, sound):
    """5 GB of weights are claimed by config.json and by the HDF5 file, which holds none."""

    def wide(config):
        config["config"]["layers"][0]["config"]["batch_shape"] = [None, 2**28]

    path = with_config(tmp_path / "wide.keras", sound, wide)
    path = with_weights(tmp_path / "x.keras", path, dataset(shape=(2**28, 5)))
    refused_cheaply(inspect, path, "the layers of config.json need")


def test_a_second_name_of_an_array_is_read(tmp_path, sound):
    """A hard link is a name like any other: nothing can tell it from the first."""

    def again(file):
        del file[SLOT]
        file[SLOT] = file[W]

    model, state, _ = read(with_weights(tmp_path / "x.keras", sound, again))
    w = model.network.parameters[0]
    assert np.array_equal(w.of(state.slots[0]), w.of(state.theta))


def test_damage_is_refused_or_changes_numbers_alone(tmp_path, sound):
    """A bit changed anywhere gives another number, or one line; never another error."""
    rng, content = random.Random(0), members(sound)[WEIGHTS]
    messages = []
    for _ in range(1500):
        changed = bytearray(content)
        for _ in range(rng.choice([1, 2, 8])):
            changed[rng.randrange(len(content))] = rng.randrange(256)
        path = with_member(tmp_path / "x.keras", sound, WEIGHTS, bytes(changed))
        messages.append(message(path))
    refusals = [one for one in messages if one is not None]
    assert 50 < len(refusals) < len(messages) - 50
    for one in refusals:
        assert one.startswith(str(path))
        assert "\n" not in one


def message(path):
    """Return what is said of a file that is refused; None of one that is read."""
    try:
        inspect(path)
    except ValueError as error:
        return str(error)
    return None
