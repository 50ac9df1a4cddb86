"""The edge of every refusal: the last number that is accepted, and the first that is refused."""

import math
import sys
from inspect import get_annotations
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refnn
from refnn import Activation, Checkpoint, Dense, Model, Network, Softmax, State, checks, guards
from refnn import datasets as data
from refnn.checks import Checked, Count, Finite, Flag, NotNegative, Positive, Share
from refnn.datasets import files, npz, preparation, rows
from refnn.losses import CategoricalCrossentropy, MeanSquaredError, SoftmaxCrossentropy
from refnn.runs import checkpoints, models
from refnn.schedules import rate_at
from refnn.training import accuracy
from tests.helpers import packed, refused
from tests.strategies import FLOATS
from tftwin.lockstep import resynchronised
from tftwin.lockstep.definitions import MULTIPLE
from tftwin.lockstep.digits import lost_digits
from tftwin.lockstep.findings import Row
from tftwin.lockstep.roundoff import Rounded
from tftwin.lockstep.verdict import judge
from tftwin.training import accuracy as tf_accuracy

each_dtype = pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.__name__)
LEAST, LARGEST = math.ulp(0.0), sys.float_info.max
logarithmic = st.integers(0, 11).flatmap(lambda k: st.integers(2**k, 2 ** (k + 1)))

# Ranges of hyper-parameters ----------------------------------------------------------------------

BELOW_1 = math.nextafter(1, 0)
EDGES = {
    Finite: ([LARGEST, -LARGEST, LEAST, 0, np.float32(2)], [math.inf, -math.inf, math.nan]),
    NotNegative: ([0, -0.0, LEAST, LARGEST], [-LEAST, -1e-300, math.inf, math.nan]),
    Positive: ([LEAST, LARGEST, 1], [0, 0.0, -0.0, -LEAST, math.inf]),
    Share: ([0, -0.0, LEAST, 0.5, BELOW_1], [1, 1.0, math.nextafter(1, 2), -LEAST, math.nan]),
    Count: ([1, np.int64(1), 2, 2**62, np.uint8(255)], [0, -1, 1.0, True, np.float64(1), "1"]),
    Flag: ([True, False], [0, 1, 1.0, None, "True", np.True_]),
}


@pytest.mark.parametrize("kind", EDGES, ids=["Finite", "NotNegative", "Positive", "Share", "Count",
                                             "Flag"])  # fmt: skip
def test_the_edges_of_a_range(kind):
    (check,) = kind.__metadata__
    good, bad = EDGES[kind]
    for value in good:
        stored = check("name", value)
        assert stored == value
        assert type(stored) in (float, int, bool)
    for value in bad:
        with refused(f"name = {value!r}; expected "):
            check("name", value)


RANGES = {
    "LeakyRelu": {"alpha": Finite},
    "Elu": {"alpha": Finite},
    "Dense": {"inputs": Count, "outputs": Count, "use_bias": Flag},
    "Dropout": {"rate": Share},
    "Asymmetric": {"cost": NotNegative, "profit": NotNegative},
    "L2": {"rate": NotNegative},
    "Constant": {"learning_rate": NotNegative},
    "ExponentialDecay": {
        "initial_learning_rate": NotNegative, "decay_rate": Positive, "decay_steps": Count,
        "staircase": Flag,
    },
    "PerEpoch": {"steps_per_epoch": Count},
    "SGD": {}, "SGDM": {"beta": Share}, "Nesterov": {"beta": Share},
    "Adagrad": {"epsilon": NotNegative},
    "RMSProp": {"beta": Share, "epsilon": NotNegative},
    "Adam": {"beta_1": Share, "beta_2": Share, "epsilon": NotNegative},
    "Nadam": {
        "beta_1": Share, "beta_2": Share, "epsilon": NotNegative, "momentum_decay": NotNegative,
    },
    "Normal": {"stddev": NotNegative}, "TruncatedNormal": {"stddev": NotNegative},
    "Checkpoint": {"every_epochs": Count, "every_seconds": NotNegative, "overwrite": Flag},
}  # fmt: skip
OTHERS = {
    "Dense": {"inputs": 1, "outputs": 1}, "Constant": {"learning_rate": 1}, "L2": {"rate": 1},
    "ExponentialDecay": {"initial_learning_rate": 1, "decay_rate": 1},
    "PerEpoch": {"schedule": refnn.Constant(1), "steps_per_epoch": 1}, "Checkpoint": {"path": "x"},
}  # fmt: skip


@pytest.mark.parametrize("name", RANGES)
def test_each_field_has_its_range(name):
    kind, others = getattr(refnn, name), OTHERS.get(name, {})
    for field, range_ in RANGES[name].items():
        good, bad = EDGES[range_]
        for value in good:
            if range_ is Count and value > 2**31:
                continue  # a Dense has a limit of its own
            assert getattr(kind(**others | {field: value}), field) == value
        for value in bad:
            with refused(f"{name}: {field} = {value!r}; expected "):
                kind(**others | {field: value})
    if "learning_rate" in kind.__dataclass_fields__:
        for value in (0, LEAST, LARGEST):
            assert kind(value).learning_rate == value
        for value in (-LEAST, math.inf, math.nan):
            with refused(f"{name}: learning_rate = {value!r}; expected "):
                kind(value)


def test_every_range_is_listed():
    kinds = {k.__name__: k for k in vars(refnn).values()
             if isinstance(k, type) and issubclass(k, Checked)}  # fmt: skip
    assert set(kinds) == set(RANGES)
    for name, kind in kinds.items():
        stated = {f for f, a in get_annotations(kind).items() if hasattr(a, "__metadata__")}
        assert stated - {"learning_rate", "schedule"} | (
            {"learning_rate"} & set(RANGES[name])
        ) == set(RANGES[name])


def test_the_largest_layer():
    for sizes in ((2**31, 1), (1, 2**31), (2**16, 2**15)):
        assert Dense(*sizes).inputs == sizes[0]
    for sizes in ((2**31 + 1, 1), (2**16, 2**15 + 1)):
        with refused("expected at most 2147483648"):
            Dense(*sizes)


@given(step=logarithmic)
def test_the_rates_of_a_schedule(step):
    for rate in (0, 0.0, LEAST, LARGEST):
        assert rate_at(lambda s, rate=rate: rate, step) == rate
    for rate in (-LEAST, math.inf, math.nan, None, 1j):
        with refused(f"the schedule gave {rate!r} at step {step}; expected a finite number"):
            rate_at(lambda s, rate=rate: rate, step)
    assert rate_at(lambda s: s, step) == step


# Labels ------------------------------------------------------------------------------------------


def doors(loss, dtype, columns):
    """Everything that looks at labels: each takes y."""
    layers = [Dense(1, columns)] + [Activation(Softmax())] * (loss != SoftmaxCrossentropy())
    model = Model(Network(layers), loss)
    state = model.state_at(np.zeros(model.network.size, dtype))

    def x(y):
        return np.ones((len(y), 1), dtype)

    return {
        "evaluate": lambda y: refnn.evaluate(model, state, x(y), y),
        "fit": lambda y: refnn.fit(model, state, x(y), y, epochs=0, progress=False),
        "guards": lambda y: guards.check_targets(loss, y),
        "lockstep": lambda y: guards.check_data(model, state.theta, x(y), y),
    }


@pytest.mark.parametrize("loss", [CategoricalCrossentropy(), SoftmaxCrossentropy()], ids=str)
@each_dtype
@given(columns=st.one_of(st.integers(1, 12), logarithmic), row=st.integers(0, 4))
def test_a_row_of_labels_may_be_off_by_2_k_roundings_and_no_more(loss, dtype, columns, row):
    """The sum of 1 + j eps and of zeros is exact: j = K is the last; below 1, where eps is half."""
    eps = float(np.finfo(dtype).eps)
    found = doors(loss, dtype, columns)
    for total, good in (
        (1 + columns * eps, True), (1 + (columns + 1) * eps, False),
        (1 - columns * eps, True), (1 - (columns + 0.5) * eps, False), (1.0, True),
        (1 + 1e-3, False), (1 - 1e-3, False),
    ):  # fmt: skip
        y = np.zeros((5, columns), dtype)
        y[:, 0] = 1
        y[row, 0] = total
        for door in found.values():
            if good:
                door(y)
            else:
                with pytest.raises(ValueError, match=f"^y: row {row} is "):
                    door(y)


@each_dtype
def test_the_least_negative_label_is_refused(dtype):
    y = np.array([[1, 0], [1, -0.0]], dtype)
    for door in doors(SoftmaxCrossentropy(), dtype, 2).values():
        door(y)
    y[1, 1] = -np.finfo(dtype).tiny
    for door in doors(SoftmaxCrossentropy(), dtype, 2).values():
        with refused("y: row 1 is "):
            door(y)


def test_lockstep_refuses_what_fit_refuses():
    model = Model(Network([Dense(1, 2)]), SoftmaxCrossentropy())
    state = model.state_at(np.zeros(4, np.float32))
    x, y = np.ones((1, 1), np.float32), np.array([[1, 1e-3]], np.float32)
    with refused("y: row 0 is "):
        resynchronised(model, state, [(x, y)], mode="eager")


# Data --------------------------------------------------------------------------------------------


def test_one_row_is_enough_and_none_is_not():
    model = Model(Network([Dense(1, 1)]), MeanSquaredError())
    theta, one, none = np.zeros(2), np.ones((1, 1)), np.ones((0, 1))
    assert refnn.predict(model, theta, one).shape == (1, 1)
    assert refnn.backpropagate(model, theta, one, one).loss == 1
    for door in (
        lambda: refnn.predict(model, theta, none),
        lambda: refnn.evaluate(model, theta, none, none),
        lambda: refnn.backpropagate(model, theta, none, none),
    ):
        with refused("expected at least one row"):
            door()


def test_dtypes_that_are_accepted():
    model = Model(Network([Dense(1, 1)]), MeanSquaredError())
    for dtype in (np.float32, np.float64, np.longdouble):
        a = np.ones((1, 1), dtype)
        assert refnn.backpropagate(model, np.zeros(2, dtype), a, a).loss == 1
        assert (
            refnn.Network([Dense(1, 1)]).initial_theta(np.random.default_rng(0), None, dtype).dtype
            == dtype
        )
    for dtype in (np.float16, np.int32, bool, complex):
        with refused("dtype", error=TypeError):
            refnn.predict(model, np.zeros(2, dtype), np.ones((1, 1), dtype))
    with refused("dtype", error=TypeError):
        data.one_hot([0], dtype=np.longdouble)


def test_classes_are_ones_and_zeros_and_half_is_the_line():
    half = np.array([[0.5], [math.nextafter(0.5, 1)], [math.nextafter(0.5, 0)]])
    for right in (accuracy, tf_accuracy):
        assert right(np.array([[0.0], [1], [0]]), half) == 1
        assert right(np.array([[1.0], [0], [1]]), half) == 0
        assert right(np.array([[1.0], [1], [1]]), half) == 1 / 3
        assert right(np.array([[1.0], [LEAST]]), half[:2]) is None
        assert right(np.array([[1.0, 0], [1, 1]]), np.ones((2, 2))) is None
        assert right(np.array([[1.0, 0], [0, 0]]), np.ones((2, 2))) is None
        assert right(np.array([[1.0, 0], [0, 1]]), np.ones((2, 2))) == 0.5  # the first of a tie


def test_one_hot_at_its_edges(monkeypatch):
    assert data.one_hot([2], 3).tolist() == [[0, 0, 1]]
    for labels in ([3], [-1], [True], [1.0]):
        with refused("labels: row 0 is "):
            data.one_hot(labels, 3)
    monkeypatch.setattr(preparation, "LIMIT", 24)
    assert data.one_hot([0, 2]).shape == (2, 3)  # 2 · 3 · 4 bytes
    for labels in ([0, 0, 2], [0, 3]):
        with refused("exceed 24 bytes"):
            data.one_hot(labels)
    assert [len(b) for b in data.batches(3, 2)] == [2, 1]  # 8 · 3 bytes
    with refused("n = 4; expected at most 3 rows"):
        data.batches(4, 2)


def test_standardize_at_its_edges():
    x, mean = np.array([[1.0], [2.0]]), np.zeros(1)
    for bad in ([0], [1]):
        for statistics in ((np.array(bad), np.ones(1)), (mean, np.array(bad))):
            with refused("has dtype int64; expected", error=TypeError):
                data.standardize(x, *statistics)
    assert data.standardize(LEAST * x, mean, np.array([LEAST])).x.tolist() == [[1], [2]]
    for width in (0.0, -LEAST, math.inf, math.nan):
        with refused("x: column 0 has deviation"):
            data.standardize(x, mean, np.array([width]))


# Files -------------------------------------------------------------------------------------------


def test_files_at_their_limits(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    npz.write(path, {"x": np.ones((2, 2)), "y": np.ones((2, 1))})
    size = path.stat().st_size
    assert files.regular_file(path, size) == path
    with refused(f"has {size} bytes; expected at most {size - 1}"):
        files.regular_file(path, size - 1)
    monkeypatch.setattr(npz, "LIMIT", 2**10 + 32)
    npz.write(tmp_path / "b.npz", {"x": np.ones(4)})
    with refused("expected at most 1056"):
        npz.write(tmp_path / "c.npz", {"x": np.ones(5)})
    monkeypatch.undo()
    monkeypatch.setattr(rows, "LINE", 6)
    monkeypatch.setattr(rows, "BLOCK", 1)
    table = tmp_path / "t.csv"
    table.write_text("a,b\n1,234\n")
    assert data.load_csv(table, label="b", task="regression").y.tolist() == [[234]]
    table.write_text("a,b\n1,2345\n")
    with refused("line 2: expected less than 6 bytes in a line"):
        data.load_csv(table, label="b", task="regression")


@given(block=st.integers(1, 12), end=st.sampled_from(["\n", "\r\n", "\r"]), last=st.booleans())
def test_a_table_is_read_in_blocks_of_any_size(tmp_path_factory, block, end, last):
    table = tmp_path_factory.mktemp("edges") / "t.csv"
    lines = ["a,b", "1,2.5", "", "3,4.5", '"5","6.5"']
    table.write_bytes((end.join(lines) + end * last).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "BLOCK", block)
        found = data.load_csv(table, label="b")
    assert (found.x.tolist(), found.y.tolist()) == ([[1], [3], [5]], [[2.5], [4.5], [6.5]])


def test_a_member_at_its_limit(tmp_path, monkeypatch):
    """The header and the bytes of the array together; and the array in the wider dtype."""
    path = tmp_path / "a.npz"
    npz.write(path, {"x": np.ones((3, 100), np.float32), "y": np.ones((3, 1))})
    with npz.archive(path) as members:
        info = members.getinfo("x.npy")
        for limit, good in ((2400, True), (2399, False)):
            monkeypatch.setattr(npz, "LIMIT", limit)
            call = lambda: npz.member(members, "x", "x", ("N", "D"), dtype=np.dtype(np.float64))  # noqa: E731
            if good:
                assert call().dtype == np.float64
            else:
                with refused("x has 2400 bytes as float64; expected at most 2399"):
                    call()
        monkeypatch.setattr(npz, "LIMIT", info.file_size)
        assert npz.member(members, "x", "x", ("N", "D")).shape == (3, 100)
        monkeypatch.setattr(npz, "LIMIT", info.file_size - 1)
        with refused(f"x has {info.file_size} bytes; expected at most"):
            npz.member(members, "x", "x", ("N", "D"))


@pytest.mark.parametrize("module", [models, checkpoints], ids=["model", "run"])
def test_a_description_at_its_limit(tmp_path, monkeypatch, module):
    model = Model(Network([Dense(1, 1)]), MeanSquaredError())
    state = model.state_at(np.zeros(2))
    path, kind = tmp_path / "a.npz", "model" if module is models else "run"

    def save():
        if module is models:
            return refnn.save_model(path, model, state)
        x = np.ones((1, 1))
        return refnn.fit(
            model,
            state,
            x,
            x,
            epochs=0,
            checkpoint=Checkpoint(path, overwrite=True),
            progress=False,
        )

    save()
    with np.load(path) as file:
        length = file[kind].size
    monkeypatch.setattr(module, "TEXT", length)
    save()
    assert (models.load_model if module is models else checkpoints.load_run)(path).state.step == 0
    monkeypatch.setattr(module, "TEXT", length - 1)
    with refused(f"a description of {length} bytes; expected at most {length - 1}"):
        save()


def test_an_archive_may_hold_as_much_as_the_file_has_bytes(tmp_path):
    with refused("compressed or overlap"):
        refnn.load_state(packed(tmp_path / "a.npz", {"theta": b"0" * 300}, compression=8))


# Counts ------------------------------------------------------------------------------------------


def test_epochs_may_be_those_that_are_done_and_not_fewer(tmp_path):
    model = Model(Network([Dense(1, 1)]), MeanSquaredError())
    state, x = model.state_at(np.zeros(2)), np.ones((3, 1))
    checkpoint = Checkpoint(tmp_path / "run.npz")
    after, history = refnn.fit(model, state, x, x, epochs=3, checkpoint=checkpoint, progress=False)
    for again in (
        lambda n: refnn.fit(model, after, x, x, epochs=n, history=history, progress=False),
        lambda n: refnn.resume(model, checkpoint, x, x, epochs=n, progress=False),
    ):
        assert len(again(3)[1].loss) == 3
        with refused("epochs = 2; expected a whole number of at least 3"):
            again(2)
    for step, good in ((0, True), (-1, False), (True, False), (2**62, True)):
        if good:
            guards.check_state(model, State(state.theta, (), step))
        else:
            with refused("step"):
                guards.check_state(model, State(state.theta, (), step))


# The verdict -------------------------------------------------------------------------------------


@each_dtype
@given(exponent=st.integers(-20, 20))
def test_twice_the_bound_is_within_it_and_the_next_number_is_not(dtype, exponent):
    """Both sides may be off by the bound; |a − b| is exact here."""
    one = np.array([[1, 3], [5, 7]], dtype) * dtype(2.0**exponent)
    bound = np.full((2, 2), 2.0 ** (exponent - 6))
    for more, divergent in ((0, 0), (1, 1)):
        other = one.copy()
        other[1, 0] += dtype(2.0 ** (exponent - 5))
        for _ in range(more):
            other[1, 0] = np.nextafter(other[1, 0], dtype(np.inf))
        row = Row("layer forward", "y1")
        found = judge(row, 4, one, other, bound)
        assert (row.divergent, row.within, row.bit_equal) == (divergent, 1 - divergent, 3)
        assert len(found) == divergent
        if found:
            assert (found[0].step, found[0].index, found[0].count) == (4, (1, 0), 1)
        assert (row.fill > 1) == bool(divergent)
    for a, b, kind in ((0.0, -0.0, "special"), (np.nan, np.nan, "bit_equal")):
        row = Row("layer forward", "y1")
        assert not judge(row, 1, np.array([a], dtype), np.array([b], dtype), 0.0)
        assert getattr(row, kind) == 1
    for a, b in ((1, np.nan), (np.nan, 1), (np.inf, 1), (1, np.inf), (np.inf, -np.inf)):
        row = Row("layer forward", "y1")
        assert judge(row, 1, np.array([a], dtype), np.array([b], dtype), 1.0)
        assert row.divergent == 1
        row = Row("layer forward", "y1")
        assert not judge(row, 1, np.array([a], dtype), np.array([b], dtype), np.inf)
        assert (row.unbounded, row.within) == (1, 1)


@each_dtype
def test_what_says_little_is_counted(dtype):
    """Vacuous: more is allowed than a number's own size; of whatever sign, on whichever side."""
    tiny = np.finfo(dtype).tiny
    a = np.array([-4, 4, -4, 0, 0, tiny / 2, -tiny / 2, -np.inf, np.nan, tiny], dtype)
    b = np.array([-4, -4, 4, 0, -8, 0, 0, -np.inf, np.nan, tiny], dtype)
    for one, other in ((a, b), (b, a)):
        for bound, vacuous in ((0.0, 0), (1.9, 4), (2.0, 7), (3.9, 7), (4.0, 8)):
            row = Row("forward", "y1")
            judge(row, 1, one, other, bound)
            # ±4 allow 4 and more: those three, and -8 from 8 on; 0 and what is tiny at once
            assert (row.vacuous, row.non_finite, row.subnormal) == (vacuous, 2, 2), bound
            row = Row("layer forward", "y1")
            judge(row, 1, one, other, bound)
            assert (row.vacuous, row.non_finite, row.subnormal) == (0, 0, 0)


def test_digits_are_lost_above_the_multiple_and_not_at_it():
    from refnn.record import Entry

    value = np.ones((2, 3))
    for times, lost in ((MULTIPLE, 0), (math.nextafter(MULTIPLE, 9), 1), (math.inf, 1)):
        bound = np.full((2, 3), 2.0**-50)
        bound[1, 2] *= times
        derived = Entry("layer forward", "y1", Rounded(value, bound, 2.0**-53), 1)
        defined = Entry("layer forward", "y1", SimpleNamespace(bound=np.full((2, 3), 2.0**-50)), 1)
        found = lost_digits(3, [derived], [defined])
        assert len(found) == lost
        if found:
            assert (found[0].index, found[0].factor, found[0].step) == ((1, 2), times, 3)
    assert MULTIPLE == 2


def test_a_check_of_one_argument():
    for shape, good in (((2, 3), True), ((None, 3), True), ((2,), False), ((2, 3, 1), False)):
        if good:
            checks.array("x", np.ones((2, 3)), shape, np.float64)
        else:
            with refused("x has shape (2, 3); expected"):
                checks.array("x", np.ones((2, 3)), shape)
    with refused("expected (N, K) for both"):
        checks.same_shape(np.ones(3), np.ones(3))
    with refused("expected (N, K) for both"):
        checks.same_shape(np.ones((1, 3)), np.ones((2, 3)))
    for value, where in ((np.nan, [0, 1]), (np.inf, [0, 1])):
        bad = np.ones((2, 2))
        bad[0, 1] = bad[1, 1] = value
        with refused(f"x holds {value} at {where}; expected finite numbers (2 of 4 are not)"):
            checks.finite("x", bad)
