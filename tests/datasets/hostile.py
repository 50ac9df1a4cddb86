"""Hostile files by the hundred: sound files changed at random, and made to do harm on purpose.

    python -m tests.datasets.hostile FILES SEED

writes them one by one, reads each in a process of its own, and prints how many were refused, how
many gave the numbers of the sound file or, where a last member was left out, all but these; and
each that did anything else: other numbers, another error than one clear line, more than a second or
than 64 MB.
"""

import collections
import csv
import io
import json
import os
import pickle
import re
import resource
import struct
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np

import refnn
from refnn.datasets import load_csv, load_npz
from refnn.record import record
from refnn.runs.checkpoints import load_run
from tests.helpers import bits, members_of, npy, packed, pickled
from tftwin.lockstep import ledger, records
from tftwin.lockstep.ledger import errors

SECOND, MEMORY, WORDS = 1.0, 2**26, 600
RNG = np.random.default_rng(5)
X = RNG.standard_normal((12, 4)).astype(np.float32)
Y = np.eye(3, dtype=np.float32)[RNG.integers(3, size=12)]
MODEL = refnn.Model(
    refnn.multilayer([4, 5, 3], refnn.Tanh()), refnn.SoftmaxCrossentropy(), refnn.Adam()
)
START = MODEL.initial_state(np.random.default_rng(1))
READ = {
    "data.npz": load_npz,
    "state.npz": refnn.load_state,
    "model.npz": refnn.load_model,
    "run.npz": load_run,
    "record.npz": records.load,
    "ledger.json": ledger.load,
    "table.csv": lambda path: load_csv(path, label="kind"),
}


def sound(folder):
    """Write a sound file of each kind, and return their bytes."""
    np.savez(folder / "data.npz", x=X, y=Y)
    refnn.save_state(folder / "state.npz", START)
    refnn.save_model(folder / "model.npz", MODEL, START, mean=X[0], deviation=np.abs(X[1]))
    checkpoint = refnn.Checkpoint(folder / "run.npz")
    options = {"rng": np.random.default_rng(2), "checkpoint": checkpoint, "progress": False}
    refnn.fit(MODEL, START, X, Y, epochs=2, **options)
    step = refnn.train_step(MODEL, START, X, Y)
    entries = [e for e in record(MODEL.network, ("m", "v"), step) if e.name != "penalty"]
    records.save(folder / "record.npz", [entries, entries])
    entries = ledger.load(errors.shipped())[:4]
    (folder / "ledger.json").write_text(json.dumps({"entries": entries}))
    lines = [f"{a:.6g},{b:.6g},{'ab'[i % 2]}" for i, (a, b, *_) in enumerate(X.tolist())]
    (folder / "table.csv").write_text("\n".join(["p,q,kind", *lines]) + "\n")
    return {name: (folder / name).read_bytes() for name in READ}


# Any bytes ---------------------------------------------------------------------------------------


def flipped(rng, data):
    data = bytearray(data)
    for place in rng.integers(len(data), size=rng.integers(1, 4)):
        data[place] ^= 1 << rng.integers(8)
    return bytes(data)


def cut(rng, data):
    return data[: rng.integers(len(data))]


def doubled(rng, data):
    place = rng.integers(len(data))
    return data[:place] + data


def spliced(rng, data):
    place, length = rng.integers(len(data)), rng.integers(1, 40)
    return data[:place] + rng.bytes(length) + data[place + length * rng.integers(2) :]


# Archives ----------------------------------------------------------------------------------------

EXTREME = (0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
SHAPES = ((10**9,), (10**9, 10**9), (-1,), (0,), (), (1,) * 33, (2**62, 2), ("x",), (True, 4))
DTYPES = ("|O", "<U1000000000", "<M8[s]", "<c16", "|b1", ">f4", "<f2", "nonsense", "|V8", "<f16")
NAMES = ("../x", "/etc/x", "x\x1b[2J", "n" * 9000, "θ", "", "x|y", "step", "theta", "run", "model")


def entries_of(data):
    """Yield where the entries of an archive's table of contents begin."""
    place = data.find(b"PK\1\2")
    while place >= 0:
        yield place
        place = data.find(b"PK\1\2", place + 4)


def table_changed(rng, data):
    fields = [(8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (42, 4)]
    data, (offset, size) = bytearray(data), fields[rng.integers(len(fields))]
    value = EXTREME[rng.integers(len(EXTREME))] % 256**size
    place = [*entries_of(data)][rng.integers(len([*entries_of(data)]))] + offset
    data[place : place + size] = value.to_bytes(size, "little")
    return bytes(data)


def end_changed(rng, data):
    data, place = bytearray(data), len(data) - 22 + [8, 10, 12, 16, 20][rng.integers(5)]
    value = EXTREME[rng.integers(len(EXTREME))] % 2**16
    data[place : place + 2] = value.to_bytes(2, "little")
    return bytes(data)


def header_changed(rng, content):
    """Return an array whose header lies, and one that is none at all."""
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 4), }"
    shape, dtype = SHAPES[rng.integers(len(SHAPES))], DTYPES[rng.integers(len(DTYPES))]
    text = [
        text.replace("(12, 4)", repr(shape)),
        text.replace("<f4", dtype),
        text.replace("'<f4'", "[('a', '<f4')]"),
        text.replace("12", "9" * 4000),
        "(" * 4000 + ")" * 4000,
        "__import__('os').abort()",
        text[: rng.integers(len(text))],
        text.ljust(9000),
    ][rng.integers(8)].encode()
    length = len(text) if rng.random() < 0.8 else EXTREME[rng.integers(len(EXTREME))] % 2**16
    version = bytes([(1, 1, 1, 2, 3, 9)[rng.integers(6)], 0])
    form = "<H" if version[0] in (1, 9) else "<I"
    return b"\x93NUMPY" + version + struct.pack(form, length) + text + content[128:]


def json_changed(rng, content):
    """Change one value of what is described, or leave it out."""
    described = json.loads(bytes(content[content.index(b"{", 70) :]))
    return npy(np.frombuffer(changed_value(rng, described).encode(), np.uint8))


def changed_value(rng, described):
    wrong = [None, True, -1, 1.5, 10**400, float("nan"), "", "x" * 99_999, "\x1b", [], {}, [[1]]]
    place, key = described, None
    while isinstance(place, (dict, list)) and len(place) and (key is None or rng.random() < 0.7):
        parent, keys = place, [*place] if isinstance(place, dict) else range(len(place))
        key = keys[rng.integers(len(keys))]
        place = place[key]
    if rng.random() < 0.2:
        del parent[key]
    else:
        parent[key] = wrong[rng.integers(len(wrong))]
    text = json.dumps(described)
    if rng.random() < 0.1:
        text = text.replace(":", ": " + "[" * 50_000, 1)
    return text


def member_changed(rng, data, path):
    """Change, rename, leave out or add a member; the archive around it is sound."""
    path.write_bytes(data)
    members = members_of(path)
    names = sorted(members)
    name = names[rng.integers(len(names))]
    others = [other for other in NAMES if other not in members]
    change = rng.integers(9)
    if change == 0:
        members[others[rng.integers(len(others))]] = members.pop(name)
    elif change == 1:
        del members[name]
    elif change == 2:
        members[others[rng.integers(len(others))]] = npy(X)
    elif change == 3:
        members[name] = pickled(((1,), (1, 1))[rng.integers(2)])
    elif change == 4:
        members[name] = flipped(rng, members[name][:128]) + members[name][128:]
    elif change == 5 and "model" in members or change == 6 and "run" in members:
        name = "model" if "model" in members else "run"
        members[name] = json_changed(rng, members[name])
    else:
        members[name] = header_changed(rng, members[name])
    method = (zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[rng.integers(3)]
    return packed(path, members, method).read_bytes()


def twice(rng, data, path):
    """Two members of one name."""
    path.write_bytes(data)
    members = [*members_of(path).items()]
    members += [members[rng.integers(len(members))]]
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in members:
            archive.writestr(f"{name}.npy", content)
    return path.read_bytes()


def bomb(rng, data, path):
    """A member that inflates to a hundred times 64 MB, by its header or in truth."""
    path.write_bytes(data)
    members = members_of(path)
    name = sorted(members)[rng.integers(len(members))]
    size = int(2 ** rng.integers(20, 28))
    members[name] = npy(np.zeros((0, 128)), shape=(size // 1024, 128)) + bytes(size)
    method = (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)[rng.integers(2)]
    return packed(path, members, method).read_bytes()


# Text --------------------------------------------------------------------------------------------

CELLS = [
    "1_000", "٣", "1e999", "-1e-999", "0x10", "inf", "NaN", "NA", "", " ", "=1+1", "1,2", '"', '""',
    '"1', "'1'", "1.", ".5", "+3", "--3", "1e", "\x1b[2J", "\0", "é", "１", "2" * 5000, "1;2",
    "\r", "\n", "\r\n", "\ufeff", "9007199254740993", "1 000", "1’000", "٫5", "∞", "½", "1e400",
]  # fmt: skip


def cell_changed(rng, data):
    lines = data.decode().split("\n")
    line = rng.integers(len(lines) - 1)
    cells = lines[line].split(",")
    cells[rng.integers(len(cells))] = CELLS[rng.integers(len(CELLS))]
    return "\n".join([*lines[:line], ",".join(cells), *lines[line + 1 :]]).encode()


def text_changed(rng, data):
    lines = data.decode().split("\n")
    return [
        lambda: "\n" * 2**20 + "\n".join(lines),
        lambda: ",".join(["x"] * 300_000) + "\n" + "\n".join(lines),
        lambda: "\n".join(lines) + "\n" + "1" * 2**21,
        lambda: "\n".join(lines).replace("\n", "\r"),
        lambda: "\n".join(line + ",1" * (i % 7 == 6) for i, line in enumerate(lines)),
        lambda: "\n".join(["p,p,kind", *lines[1:]]),
        lambda: '"' + "\n".join(lines) * 20_000,
        lambda: "\n".join(lines[:1]),
        lambda: "\ufeff" * 3 + "\n".join(lines),
    ][rng.integers(9)]().encode()


def utf_16(rng, data):
    return data.decode().encode(("utf-16", "utf-16-le", "utf-32", "utf-7")[rng.integers(4)])


def ledger_changed(rng, data):
    return changed_value(rng, json.loads(data)).encode()


ANY = [flipped, cut, doubled, spliced]
ARCHIVE = [*ANY, table_changed, end_changed, member_changed, member_changed, member_changed, twice]


def hostile(rng, name, data, path):
    """Return a hostile file of this kind, and what was done to it."""
    if name.endswith("csv"):
        kinds = [*ANY, cell_changed, cell_changed, cell_changed, text_changed, utf_16]
    elif name.endswith("json"):
        kinds = [*ANY, ledger_changed, ledger_changed, ledger_changed, utf_16]
    else:
        kinds = [bomb] if rng.random() < 0.05 else ARCHIVE
    kind = kinds[rng.integers(len(kinds))]
    takes_path = kind in (member_changed, twice, bomb)
    return kind.__name__, kind(rng, data, path) if takes_path else kind(rng, data)


# Reading -----------------------------------------------------------------------------------------


def numbers_of(value):
    """Return everything that was read, in a form that can be compared."""
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return [numbers_of(one) for one in value]
    if isinstance(value, dict):
        return {key: numbers_of(one) for key, one in value.items()}
    if hasattr(value, "__dict__") and not callable(value):
        return {key: numbers_of(one) for key, one in vars(value).items()}
    if hasattr(value, "_fields"):
        return [numbers_of(one) for one in value]
    return value if isinstance(value, int) else repr(bits(value))


def shorter(one, other):
    """Whether all numbers of one are those of the other, which has more at the end of a list."""
    if isinstance(one, dict):
        return {*one} == {*other} and all(shorter(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) <= len(other) and all(map(shorter, one, other))
    return one == other


def by_csv(path):
    """Read a table with Python's own module, and plain decimal numbers alone."""
    text = path.read_bytes().decode("utf-8-sig")
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if "".join(row).strip()]
    kinds = [row[2].strip() for row in rows[1:]]
    plain = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
    cells = [[cell.strip() for cell in row[:2]] for row in rows[1:]]
    assert all(plain.fullmatch(cell) for row in cells for cell in row)
    assert all(len(row) == 3 for row in rows)
    y = np.array([[kind == one for one in sorted({*kinds})] for kind in kinds], np.float32)
    return bits([np.array([[float(c) for c in row] for row in cells]).astype(np.float32), y])


def outcome(read, path, expected):
    """Read a file; return what came of it, in how many seconds and bytes more than before."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    try:
        found = read(path)
    except (ValueError, FileNotFoundError) as error:
        said = str(error)
        clear = "\n" not in said and said.startswith(str(path)) and "allow_pickle" not in said
        told = "refused" if clear and len(said) < WORDS + len(str(path)) else f"unclear: {said!r}"
    except BaseException as error:
        told = f"{type(error).__name__}: {error}"
    else:
        told = "same"
        if path.suffix == ".csv":
            told = "same" if by_csv(path) == bits([found.x, found.y]) else "other numbers"
        elif path.suffix == ".json":  # a text holds what it says; nothing else is read
            same = found == json.loads(path.read_text(encoding="utf-8"))["entries"]
            told = "same" if same else "other numbers"
        elif numbers_of(found) != expected:
            told = "shorter" if shorter(numbers_of(found), expected) else "other numbers"
    seconds = time.process_time() - start
    memory = 2**10 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    return told[:300], seconds, memory


def apart(read, path, expected):
    """Do the same in a process of its own."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(theirs, pickle.dumps(outcome(read, path, expected)))
        finally:
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(told) if told else ("the process died", 0.0, 0)


def fuzz(files, seed, folder):
    """Return counts, an example of each that is not as it should be, and the largest costs."""
    rng, data = np.random.default_rng(seed), sound(folder)
    expected = {name: numbers_of(read(folder / name)) for name, read in READ.items()}
    counts, examples, costs = collections.Counter(), [], [0.0, 0]
    for number in range(files):
        name = [*READ][number % len(READ)]
        path = folder / f"hostile{Path(name).suffix}"
        kind, content = hostile(rng, name, data[name], path)
        path.write_bytes(content)
        told, seconds, memory = apart(READ[name], path, expected[name])
        costs = [max(costs[0], seconds), max(costs[1], memory)]
        if told in ("refused", "same", "shorter") and seconds < SECOND and memory < MEMORY:
            counts[told] += 1
        else:
            counts["not as it should be"] += 1
            examples.append((number, name, kind, told, f"{seconds:.2f} s", f"{memory >> 20} MB"))
    return dict(counts), examples, (round(costs[0], 3), costs[1] >> 20)


def main(files, seed):
    with tempfile.TemporaryDirectory() as folder:
        counts, examples, (seconds, megabytes) = fuzz(files, seed, Path(folder))
    for example in examples:
        print(*example)
    print(counts, f"at most {seconds} s of the processor and {megabytes} MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
