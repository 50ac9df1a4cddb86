"""refnn against tftwin: every stage of every step, and the comparison itself."""

import dataclasses
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refnn.activations import LeakyRelu, Relu, Sigmoid, Tanh
from refnn.layers import Activation, Dense
from refnn.losses import Asymmetric, MeanSquaredError, SoftmaxCrossentropy
from refnn.network import Network, multilayer
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, RMSProp, update
from refnn.regularizers import L2
from refnn.schedules import rate_at
from refnn.state import State
from refnn.training import initial_state, train_step
from tests.strategies import (
    Case,
    activations,
    cases,
    dtypes,
    middle_of_a_run,
    networks,
    numbers,
    optimizers,
    seeds,
)
from tests.tally import TALLY, Tally
from tftwin.lockstep.record import Entry, load, record, save
from tftwin.lockstep.roundoff import NoBoundError, exact
from tftwin.lockstep.run import free, make_trainer, resynchronised
from tftwin.lockstep.verdict import Row, judge, judge_records, ulp_distance
from tftwin.tensorflow import tf
from tftwin.training import Trainer
from tftwin.twin import twin

STAGES = {
    "forward", "loss", "backward", "gradient", "learning rate", "update", "rule update",
    "layer forward", "layer loss", "layer backward", "layer gradient",
}  # fmt: skip
RULES = [SGD(0.1), SGDM(0.1), Adagrad(0.1), RMSProp(0.01), Adam(0.01)]


def compare(case, **options):
    return TALLY.add(
        resynchronised(
            case.network,
            case.loss,
            case.optimizer,
            case.state,
            case.batches,
            regularizer=case.regularizer,
            **{"mode": "eager"} | options,
        )
    )


def expected_elements(case):
    """What there is to compare, counted from the shapes alone."""
    theta, slots = case.network.size, len(case.optimizer.slot_names)
    total = 0
    for x, _ in case.batches:
        width, outputs = case.network.inputs, 0
        for layer in case.network.layers:
            width = layer.outputs if isinstance(layer, Dense) else width
            outputs += len(x) * width
        total += 2 * outputs + 3 + 1  # y and dy; data, penalty, total; the rate
        total += theta + 2 * theta * (slots + 1)  # gradients; slots and update, twice
        total += 2 * outputs + 1 + theta  # each layer alone: y and dy; the loss; gradients
    return total


ADAM, FUSED = Adam(0.1), SoftmaxCrossentropy()


def small_case(dtype=np.float32, optimizer=ADAM, loss=FUSED, regularizer=None):
    rng = np.random.default_rng(0)
    network = multilayer([4, 5, 3], Tanh())
    theta = network.initial_theta(rng, dtype=dtype)
    x = rng.standard_normal((12, 4)).astype(dtype)
    y = np.eye(3, dtype=dtype)[rng.integers(3, size=12)]
    state = middle_of_a_run(rng, optimizer, theta, 7)
    return Case(network, loss, optimizer, regularizer, state, [(x, y)])


# Both sides, at every stage of every step ------------------------------------------------------

KINK_IN_FRONT = Case(  # a sigmoid in front of all parameters
    Network([Activation(Sigmoid()), Dense(2, 2)]),
    MeanSquaredError(),
    SGD(0.1),
    None,
    State(np.array([1, -1, 0.5, 2, 0, 1], np.float32)),
    [(np.array([[0.5, -3]], np.float32), np.array([[1, 0]], np.float32))],
)


@given(cases())
@example(KINK_IN_FRONT)
def test_both_sides_agree_at_every_stage_of_every_step(case):
    report = compare(case)
    assert report.agreed, "\n".join(map(str, report.divergences[:5]))
    assert report.steps == len(case.batches)
    assert report.elements == expected_elements(case)
    stages = {row.stage for row in report.rows}
    assert stages == STAGES | ({"slots", "rule slots"} if case.optimizer.slot_names else set())
    for row in report.rows:
        assert row.elements == row.bit_equal + row.within + row.special


@given(cases(steps=1))
def test_given_the_gradient_every_rule_gives_the_same_bits(case):
    report = compare(case)
    tiny = np.finfo(case.dtype).tiny
    for row in report.rows:
        if row.stage.startswith("rule") and row.bit_equal + row.special < row.elements:
            assert products_below(case, tiny), row


def products_below(case, tiny):
    """Whether some product of the update is subnormal: there TensorFlow flushes to zero."""
    step = train_step(*case.step)
    g = np.concatenate([g.reshape(-1) for g in step.gradients]).astype(np.longdouble)
    options = {f.name: getattr(case.optimizer, f.name) for f in dataclasses.fields(case.optimizer)}
    shares = [b for k, b in options.items() if k.startswith("beta")]
    factors = [1.0, step.learning_rate, *shares, *[1 - b for b in shares]]
    vectors = [g, g * g, *case.state.slots, *step.state.slots]
    if case.regularizer is not None:
        factors.append(case.regularizer.rate)
    return any(
        np.any((np.abs(f * v) < tiny) & (v != 0) & (f != 0)) for f in factors for v in vectors
    )


@given(
    seed=seeds,
    dtype=dtypes,
    function=st.sampled_from([Relu(), LeakyRelu(0.25)]),
    loss=st.sampled_from([MeanSquaredError(), Asymmetric(2, 0.5)]),
    use_bias=st.booleans(),
)
def test_at_kinks_and_ties_both_sides_have_the_same_bits(seed, dtype, function, loss, use_bias):
    """On grids of eighths nothing is rounded, so that no bound hides which branch was taken."""
    rng = np.random.default_rng(seed)
    network = multilayer([2, 3, 2], function, function, use_bias)
    theta, x, y = (
        (rng.integers(-4, 5, shape) / 8).astype(dtype) for shape in (network.size, (4, 2), (4, 2))
    )
    x[0] = 0  # without a bias every unit stands at its kink here
    y[1] = network.predict(theta, x)[1]  # and here prediction and target tie
    report = compare(Case(network, loss, SGD(0.125), L2(0.5), State(theta), [(x, y)]))
    assert report.elements > 0
    for row in report.rows:
        assert row.bit_equal + row.special == row.elements, row


@settings(max_examples=8)
@given(cases(steps=3), st.sampled_from(["function", "xla"]))
def test_compiled_steps_agree_too(case, mode):
    report = compare(case, mode=mode)
    assert report.agreed, "\n".join(map(str, report.divergences[:5]))
    assert report.elements == expected_elements(case)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", RULES, ids=lambda o: type(o).__name__)
def test_twenty_steps_of_each_optimizer_agree(optimizer, dtype):
    case = small_case(dtype, optimizer, regularizer=L2(0.01))
    case = dataclasses.replace(case, batches=20 * case.batches)
    report = compare(case)
    assert report.agreed, "\n".join(map(str, report.divergences[:5]))
    assert report.elements == expected_elements(case)
    assert 0 < report.fill <= 1


def test_a_fault_is_seen_where_it_stands(monkeypatch):
    """The rates of both sides are compared, and a step's first divergence comes first."""
    case = small_case()

    def wrong(self, w, g, slots, t, learning_rate):
        m, v = slots
        m = self.beta_1 * m + (1 - self.beta_1) * g
        v = self.beta_2 * v + (1 - self.beta_2) * np.square(g)
        m_hat = m / (1 - self.beta_1 ** (t + 1))
        v_hat = v / (1 - self.beta_2 ** (t + 1))
        return w - learning_rate * m_hat / (np.sqrt(v_hat) + self.epsilon), (m, v)

    monkeypatch.setattr(Adam, "rule", wrong)
    report = compare(case)
    assert not report.agreed
    assert {d.stage for d in report.divergences} == {"update", "rule update"}
    assert report.divergences[0].step == 8
    assert str(report.divergences[0]).startswith("step 8, stage update, W1[0, 0]: refnn ")


# A small fault far below any tolerance -----------------------------------------------------------


@pytest.mark.parametrize("optimizer", RULES, ids=lambda o: type(o).__name__)
def test_a_rate_off_by_1e_11_is_seen_in_float64(optimizer, monkeypatch):
    case = small_case(np.float64, optimizer)
    rule = type(optimizer).rule
    monkeypatch.setattr(
        type(optimizer),
        "rule",
        lambda self, w, g, slots, t, rate: rule(self, w, g, slots, t, rate * (1 + 1e-11)),
    )
    assert not compare(case).agreed


# Recording changes no bit ------------------------------------------------------------------------


def same_bits(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@given(cases(steps=1))
def test_the_record_of_refnn_changes_no_bit(case):
    """``train_step`` gives the bits of forward, backward and rule called by themselves."""
    network, loss, optimizer, state, x, y, regularizer = case.step
    with np.errstate(all="ignore"):
        step = train_step(*case.step)
        outputs = network.forward(state.theta, x)
        dy = loss.gradient(y, outputs[-1])
        _, gradients = network.backward(state.theta, outputs, dy)
        if regularizer is not None:
            gradients = [
                g + regularizer.gradient(p.of(state.theta)) if p.is_weight else g
                for p, g in zip(network.parameters, gradients, strict=True)
            ]
        gradient = np.concatenate([g.ravel() for g in gradients])
        rate = rate_at(optimizer.learning_rate, state.step)
        theta, slots = update(optimizer, state.theta, gradient, state.slots, state.step + 1, rate)
    assert same_bits(step.state.theta, theta)
    assert all(map(same_bits, step.state.slots, slots))
    assert same_bits(step.loss, loss.value(y, outputs[-1]) + step.penalty)


@given(cases(steps=1))
def test_bounds_change_no_bit_of_the_value(case):
    """The step on arrays that carry bounds has the values of the plain step."""
    network, loss, optimizer, state, x, y, regularizer = case.step
    carried = State(exact(state.theta), tuple(map(exact, state.slots)), state.step)
    with np.errstate(all="ignore"):
        plain = train_step(*case.step)
        bounded = train_step(network, loss, optimizer, carried, exact(x), y, regularizer)
    names = optimizer.slot_names
    pairs = zip(record(network, names, plain), record(network, names, bounded), strict=True)
    for one, other in pairs:
        value = getattr(other.array, "value", other.array)
        assert same_bits(one.array, value), one[:2]
        if one.stage != "learning rate" and not (one.name == "penalty" and regularizer is None):
            assert np.all(other.array.bound >= 0), one[:2]


@pytest.mark.parametrize("mode", ["eager", "function", "xla"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_record_of_tftwin_changes_no_bit(mode, dtype):
    """Steps inside the graph, which nobody sees, and steps that are recorded: the same bits."""
    case = small_case(dtype, regularizer=L2(0.01))
    x, y = case.batches[0]
    rows = [np.array(r) for r in ([0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [0, 5, 7, 2])]
    arguments = case.network, case.loss, case.optimizer, case.state, case.regularizer, mode
    seen, unseen = make_trainer(*arguments), make_trainer(*arguments)
    losses = [seen.step(x[r], y[r]).loss for r in rows]
    assert same_bits(np.array(losses), unseen.run(x, y, rows))
    assert same_bits(seen.state().theta, unseen.state().theta)
    assert all(map(same_bits, seen.state().slots, unseen.state().slots))
    assert seen.step_count == unseen.step_count == case.state.step + len(rows)


@given(cases(steps=1))
def test_a_state_goes_to_tensorflow_and_back_bit_for_bit(case):
    trainer = make_trainer(case.network, case.loss, case.optimizer, case.state, None, "eager")
    state = trainer.state()
    assert state.step == case.state.step
    assert same_bits(state.theta, case.state.theta)
    assert all(map(same_bits, state.slots, case.state.slots))


# The verdict on one tensor -----------------------------------------------------------------------


def judged(a, b, bound=0.0):
    row = Row("forward", "y1")
    return row, judge(row, 1, a, b, bound)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values(dtype):
    one = np.array([np.nan, np.inf, 0.0, 1.0, np.inf, np.nan, 1.0], dtype)
    other = np.array([np.nan, np.inf, -0.0, 1.0, -np.inf, 1.0, np.nan], dtype)
    for bound in (0.0, 1e30):  # no finite bound excuses an infinity or a NaN
        row, divergences = judged(one, other, bound)
        assert [d.index for d in divergences] == [(4,), (5,), (6,)]
        assert (row.bit_equal, row.special, row.divergent) == (3, 1, 3)
        assert row.ulp == np.inf
    row, divergences = judged(one, other, np.inf)
    assert [d.index for d in divergences] == [(4,), (5,)]
    assert (row.within, row.unbounded) == (1, 1)  # 1.0 without a bound, and NaN: counted as such


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(seed=seeds, place=st.integers(0, 11))
def test_a_nan_that_moved_is_a_divergence(dtype, seed, place):
    one = np.random.default_rng(seed).standard_normal((3, 4)).astype(dtype)
    one.flat[place] = np.nan
    _, divergences = judged(one, np.roll(one, 1), 1e30)
    assert {d.index for d in divergences} == {
        np.unravel_index(place, (3, 4)), np.unravel_index((place + 1) % 12, (3, 4)),
    }  # fmt: skip


@given(seed=seeds, dtype=dtypes, scale=st.sampled_from([1e-30, 1e-7, 1e-4, 1.0, 1e10]))
def test_a_difference_of_twice_the_bound_is_the_last_that_is_allowed(seed, dtype, scale):
    rng = np.random.default_rng(seed)
    a = (scale * rng.uniform(1, 1.9, 5)).astype(dtype)
    b = np.nextafter(a, np.inf, dtype=dtype)
    step = b.astype(np.float64) - a
    row, divergences = judged(a, b, step / 2)
    assert (divergences, row.within, row.fill, row.ulp) == ([], 5, 1.0, 1.0)
    row, divergences = judged(a, b, np.nextafter(step / 2, 0))
    assert (len(divergences), row.within, row.divergent) == (5, 0, 5)
    assert row.fill > 1


def plant(name, a, rng):
    """A tensor fault: what a wrong index, sign, factor or mask leaves behind."""
    b = a.copy()
    i, j = rng.integers(a.shape[0]), rng.integers(a.shape[1])
    match name:
        case "rows permuted":
            return b[::-1]
        case "transposed":
            return b.T
        case "one sign flipped":
            b[i, j] = -b[i, j]
        case "doubled":
            b = 2 * b
        case "one element + 10 %":
            b[i, j] *= 1.1
        case "zeroed":
            b[...] = 0
        case "one NaN":
            b[i, j] = np.nan
    return b


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e-7, 1e-30])
@pytest.mark.parametrize(
    "fault",
    [
        "rows permuted", "transposed", "one sign flipped", "doubled", "one element + 10 %",
        "zeroed", "one NaN",
    ],
)  # fmt: skip
@settings(max_examples=10)
@given(dtype=dtypes, seed=seeds, terms=st.integers(1, 1000))
def test_faults_in_a_product_of_matrices_are_seen_at_every_scale(scale, fault, dtype, seed, terms):
    """Held against the bound of x W itself, of up to 1000 terms."""
    rng = np.random.default_rng(seed)
    x = (np.sqrt(scale) * rng.standard_normal((4, terms))).astype(dtype)
    W = (np.sqrt(scale) * rng.standard_normal((terms, 4))).astype(dtype)
    W *= np.sign(W) * np.sign(x[:1].T)  # the first row's terms have one sign: no cancellation
    y = exact(x) @ exact(W)
    other = plant(fault, y.value, rng)
    assert judged(y.value, other, y.bound)[1]
    assert not judged(y.value, y.value.copy(), y.bound)[1]


def test_another_shape_or_dtype_is_an_error():
    a = np.ones((2, 3), np.float32)
    for b in (a.T, a[:1], a.ravel(), a.astype(np.float64)):
        with pytest.raises(ValueError, match=r"forward y1: refnn has .* tftwin .*; expected one"):
            judged(a, b, np.inf)


def test_to_compare_nothing_is_an_error():
    empty = [Entry("forward", "y1", np.zeros((0, 3), np.float32))]
    with pytest.raises(ValueError, match="nothing was compared"):
        judge_records({}, 1, [], [], [])
    with pytest.raises(ValueError, match="nothing was compared"):
        judge_records({}, 1, empty, empty, [0.0])
    case = small_case()
    with pytest.raises(ValueError, match="batches is empty: nothing was compared"):
        compare(dataclasses.replace(case, batches=[]))
    x, y = case.batches[0]
    with pytest.raises(ValueError, match="rows is empty: nothing was compared"):
        free(case.network, case.loss, case.optimizer, case.state, x, y, [])


def test_records_of_other_tensors_are_an_error():
    a = np.ones(3)
    one, other = [Entry("forward", "y1", a)], [Entry("forward", "y2", a)]
    for b in (other, [], one + other):
        with pytest.raises(ValueError, match="refnn recorded .*, tftwin .*; expected the same"):
            judge_records({}, 1, one, b, [0.0])
    with pytest.raises(ValueError, match="shorter"):
        judge_records({}, 1, one, one, [])


@given(dtype=dtypes, seed=seeds)
def test_ulp_distance_counts_the_numbers_between(dtype, seed):
    integer = np.int32 if dtype == np.float32 else np.int64
    rng = np.random.default_rng(seed)
    a = (rng.standard_normal(8) * 10.0 ** rng.integers(-30, 30, 8)).astype(dtype)
    b = a
    for count in range(5):
        assert np.array_equal(ulp_distance(a, b), np.full(8, count))
        assert np.array_equal(ulp_distance(b, a), np.full(8, count))
        b = np.nextafter(b, np.inf, dtype=dtype)
    tiny = np.finfo(dtype).smallest_subnormal
    assert ulp_distance(np.array([tiny]), np.array([-tiny]))[0] == 2
    assert ulp_distance(np.array([0], dtype), np.array([-0.0], dtype))[0] == 0
    one = np.array([1.0], dtype)
    assert ulp_distance(one, -one)[0] == 2 * float(one.view(integer)[0])
    assert ulp_distance(one, np.array([np.nan], dtype))[0] == np.inf


# Records on disk ---------------------------------------------------------------------------------


@settings(max_examples=20)
@given(case=cases(steps=2))
def test_records_are_read_as_they_were_written(case, tmp_path_factory):
    steps, state = [], case.state
    for x, y in case.batches:
        with np.errstate(all="ignore"):
            step = train_step(
                case.network, case.loss, case.optimizer, state, x, y, case.regularizer
            )
        steps.append(record(case.network, case.optimizer.slot_names, step))
        state = step.state
    path = tmp_path_factory.mktemp("records") / "run.npz"
    save(path, steps)
    again = load(path)
    assert [[e[:2] for e in s] for s in again] == [[e[:2] for e in s] for s in steps]
    for one, other in zip(sum(steps, []), sum(again, []), strict=True):
        assert same_bits(one.array, other.array), one[:2]
    rows = {}
    for number, (one, other) in enumerate(zip(steps, again, strict=True), 1):
        one = [e._replace(array=np.asarray(e.array)) for e in one]
        assert judge_records(rows, number, one, other, [0.0] * len(one)) == []


def test_a_file_that_is_no_record_is_refused(tmp_path):
    text, other, archive = tmp_path / "text.npz", tmp_path / "other.npz", tmp_path / "a.npz"
    text.write_text("no archive")
    np.savez(other, theta=np.ones(3))
    np.savez(archive, **{"5|0|forward|y1": np.ones(3)})
    for path in (text, other, archive):
        with pytest.raises(ValueError, match=r"expected a file written by lockstep"):
            load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.npz")


# Free runs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["function", "eager"])
def test_free_runs_look_where_they_say(mode):
    case = small_case(np.float64, SGD(0.1))
    x, y = case.batches[0]
    rows = [np.arange(12)[i % 3 :: 3] for i in range(10)]
    looks = []
    drift = free(
        case.network, case.loss, case.optimizer, case.state, x, y, rows,
        mode=mode, looks=5, callback=looks.append,
    )  # fmt: skip
    assert looks == [2, 4, 6, 8, 10]
    assert drift.steps.tolist() == [0, *looks]
    assert len(drift.refnn_loss) == len(drift.tftwin_loss) == 10
    assert same_bits(drift.refnn_thetas[0], case.state.theta)
    assert drift.normwise[0] == 0
    state, thetas = case.state, [case.state.theta]
    for r in rows:
        state = train_step(case.network, case.loss, case.optimizer, state, x[r], y[r]).state
        thetas.append(state.theta)
    assert same_bits(drift.refnn_thetas, np.array(thetas)[[0, 2, 4, 6, 8, 10]])
    trainer = make_trainer(case.network, case.loss, case.optimizer, case.state, None, mode)
    assert same_bits(trainer.run(x, y, rows), drift.tftwin_loss)
    assert same_bits(trainer.state().theta, drift.tftwin_thetas[-1])
    # dyadic enough to be the same run: they part, if at all, by roundings
    steps_of_one_ulp = np.abs(drift.refnn_thetas - drift.tftwin_thetas) / np.finfo(float).eps
    assert np.max(steps_of_one_ulp) < 100


def test_bad_arguments_of_the_runs():
    case = small_case()
    x, y = case.batches[0]
    bad = x.copy()
    bad[3, 1] = np.nan
    no_distribution = y.copy()
    no_distribution[5] = 1
    arguments = case.network, case.loss, case.optimizer, case.state
    for batch, error, message in [
        ((bad, y), ValueError, r"x holds nan at \[3, 1\]; expected finite numbers"),
        ((x, y + np.inf), ValueError, r"y holds inf at \[0, 0\]; expected finite numbers"),
        ((x, no_distribution), ValueError, "y: row 5 is .* with sum 3"),
        ((x[:, :3], y), ValueError, r"x has shape \(12, 3\); expected \(any, 4\)"),
        ((x, y[:5]), ValueError, r"y has shape \(5, 3\); expected \(12, 3\)"),
        ((x.astype(np.float64), y), TypeError, "x has dtype float64; expected float32"),
        ((x[:0], y[:0]), ValueError, r"x has shape \(0, 4\); expected at least one row"),
    ]:
        with pytest.raises(error, match=message):
            resynchronised(*arguments, [batch], mode="eager")
        with pytest.raises(error, match=message):
            free(*arguments, *batch, [np.arange(len(batch[0]))], mode="eager")
    for mode in ("graph", None):
        with pytest.raises(ValueError, match=f"mode = {mode!r}; expected 'eager', 'function'"):
            compare(case, mode=mode)
        with pytest.raises(ValueError, match=f"mode = {mode!r}; expected 'eager', 'function'"):
            free(*arguments, x, y, [np.arange(3)], mode=mode)
    for every in (0, -1, 1.5, True, "2"):
        with pytest.raises(ValueError, match=f"every = {every!r}; expected a whole number"):
            compare(case, every=every)
    for looks in (0, -1, 1.5, True, "2"):
        with pytest.raises(ValueError, match=f"looks = {looks!r}; expected a whole number"):
            free(*arguments, x, y, [np.arange(3)], mode="eager", looks=looks)
    with pytest.raises(ValueError, match="state has 2 slots; SGD expects 0"):
        resynchronised(case.network, case.loss, SGD(), case.state, case.batches, mode="eager")
    other = multilayer([4, 3], Tanh())
    with pytest.raises(ValueError, match=r"theta has shape \(43,\); expected \(15"):
        resynchronised(other, case.loss, case.optimizer, case.state, case.batches, mode="eager")
    wide = small_case(np.longdouble)
    with pytest.raises(TypeError, match="theta has dtype .*; TensorFlow has float32 and float64"):
        compare(wide)


def test_every_compares_the_first_of_so_many_steps():
    case = dataclasses.replace(small_case(), batches=5 * small_case().batches)
    told = []
    report = compare(case, every=2, callback=told.append)
    assert (report.steps, told) == (3, [1, 2, 3, 4, 5])
    assert report.state.step == case.state.step + 5
    assert same_bits(report.state.theta, compare(case).state.theta)
    assert report.agreed


# Functions of the user's own ---------------------------------------------------------------------


class Softsign:
    """x / (1 + |x|)."""

    def forward(self, x):
        return x / (1 + np.abs(x))

    def backward(self, dy, x, y):
        return dy / np.square(1 + np.abs(x))


class SoftsignWithTwin(Softsign):
    def tensorflow(self, x):
        return x / (1 + tf.abs(x))


class HalfSquares:
    """Σ ½ (y_pred − y_true)²."""

    def value(self, y_true, y_pred):
        return np.sum(np.square(y_pred - y_true)) / 2

    def gradient(self, y_true, y_pred):
        return y_pred - y_true


class HalfSquaresWithTwin(HalfSquares):
    def tensorflow(self, y_true, y_pred):
        return tf.reduce_sum(tf.square(y_pred - y_true)) / 2


class WrongDerivative(SoftsignWithTwin):
    def backward(self, dy, x, y):
        return dy / (1 + np.abs(x))


class WrongGradient(HalfSquaresWithTwin):
    def gradient(self, y_true, y_pred):
        return 2 * (y_pred - y_true)


class NoBound(SoftsignWithTwin):
    def forward(self, x):
        return np.arctan(x)

    def tensorflow(self, x):
        return tf.atan(x)


def own_case(function, loss, dtype=np.float64):
    rng = np.random.default_rng(1)
    network = multilayer([3, 4, 2], function)
    theta = network.initial_theta(rng, dtype=dtype)
    batch = numbers(rng, (5, 3)).astype(dtype), numbers(rng, (5, 2)).astype(dtype)
    optimizer = SGDM(0.1)
    return Case(network, loss, optimizer, L2(0.1), initial_state(optimizer, theta), [batch])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_functions_of_your_own_are_compared(dtype):
    case = own_case(SoftsignWithTwin(), HalfSquaresWithTwin(), dtype)
    report = compare(case)
    assert report.agreed, "\n".join(map(str, report.divergences[:5]))
    assert report.elements == expected_elements(case)


def first_stage(report):
    return report.divergences[0].stage


def test_a_wrong_derivative_of_your_own_is_seen():
    report = compare(own_case(WrongDerivative(), HalfSquaresWithTwin()))
    assert (first_stage(report), report.divergences[0].name) == ("backward", "dy1")
    report = compare(own_case(SoftsignWithTwin(), WrongGradient()))
    assert (first_stage(report), report.divergences[0].name) == ("backward", "dy3")
    names = {d.name for d in report.divergences if d.stage == "backward"}
    assert names == {"dy1", "dy2", "dy3"}


def test_functions_without_a_twin_train_and_say_what_to_add():
    case = own_case(Softsign(), HalfSquaresWithTwin())
    before = HalfSquares().value(case.batches[0][1], case.network.predict(
        case.state.theta, case.batches[0][0]
    ))  # fmt: skip
    state = case.state
    for _ in range(50):
        step = train_step(case.network, case.loss, case.optimizer, state, *case.batches[0])
        state = step.state
    assert step.data_loss < before / 2
    with pytest.raises(TypeError, match=r"Softsign has no twin: give it a method tensorflow\(x\)"):
        compare(case)
    with pytest.raises(
        TypeError, match=r"HalfSquares has no twin: .* tensorflow\(y_true, y_pred\)"
    ):
        compare(own_case(SoftsignWithTwin(), HalfSquares()))


def test_an_operation_without_a_derived_bound_is_refused():
    with pytest.raises(NoBoundError, match=r"np.arctan \(__call__\) has no derived bound"):
        compare(own_case(NoBound(), HalfSquaresWithTwin()))


# Without TensorFlow ------------------------------------------------------------------------------

WITHOUT_TENSORFLOW = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, *rest):
        if name.split(".")[0] in ("tensorflow", "keras"):
            return None
        return self.finder.find_spec(name, *rest)

sys.meta_path[:] = map(Without, sys.meta_path)
import numpy as np
import refnn
rng = np.random.default_rng(0)
network = refnn.multilayer([2, 3, 2], refnn.Tanh(), refnn.Softmax())
optimizer = refnn.Adam(0.1)
state = refnn.initial_state(optimizer, network.initial_theta(rng))
x = rng.standard_normal((8, 2)).astype(np.float32)
y = np.eye(2, dtype=np.float32)[(x[:, 0] > 0).astype(int)]
state, history = refnn.fit(
    network, refnn.MeanSquaredError(), optimizer, state, x, y, epochs=20, progress=False
)
print(history.loss[-1] < history.loss[0])
from tftwin.lockstep import record, verdict
for name in ("tftwin.training", "tftwin.twin", "tftwin.lockstep.run"):
    try:
        __import__(name)
    except ImportError as error:
        print(error)
print(any(name.split(".")[0] == "tensorflow" for name in sys.modules))
"""


def test_without_tensorflow_refnn_trains_and_tftwin_says_how_to_get_it():
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WITHOUT_TENSORFLOW)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    how = "tftwin needs TensorFlow (No module named 'tensorflow'): pip install 'refnn[tf]'"
    assert run.stdout.splitlines() == ["True", how, how, how, "False"]


# The twin ----------------------------------------------------------------------------------------


@given(networks(), activations, optimizers)
def test_a_twin_has_the_fields_of_its_original(network, activation, optimizer):
    for original in (*network.layers, activation, optimizer, Asymmetric(2, 3), L2(0.5)):
        other = twin(original)
        assert type(other).__name__ == type(original).__name__
        assert type(other).__module__ == type(original).__module__.replace("refnn", "tftwin")
        fields = [f.name for f in dataclasses.fields(original)]
        assert fields == [f.name for f in dataclasses.fields(other)]
        for name in fields:
            value = getattr(original, name)
            if isinstance(value, (bool, int, float)):
                assert getattr(other, name) == value
    assert [type(one).__name__ for one in twin(network).layers] == [
        type(one).__name__ for one in network.layers
    ]


def test_numbers_none_and_own_schedules_are_their_own_twins():
    def schedule(step):
        return 0.1

    for value in (None, 3, 0.5, schedule):
        assert twin(value) is value
    assert twin(SGD(schedule)).learning_rate is schedule


def test_the_mode_of_a_trainer_is_checked():
    case = small_case()
    parts = twin(case.network), twin(case.loss), twin(case.optimizer), case.state
    with pytest.raises(ValueError, match="mode = 'jit'; expected 'eager', 'function' or 'xla'"):
        Trainer(*parts, mode="jit")


def test_the_bounds_are_not_vacuous():
    """Over random networks, the fullest bound of a tensor is in the middle above a hundredth."""
    tally = Tally()

    @settings(max_examples=60)
    @given(cases(steps=1))
    def collect(case):
        tally.add(compare(case))

    collect()
    fullest = tally.fullest["forward"]
    assert len(fullest) >= 20
    assert np.median(fullest) >= 0.01


class WrongTanh:
    """Tanh with a derivative of the wrong sign."""

    def forward(self, x):
        return np.tanh(x)

    def backward(self, dy, x, y):
        return -dy * (1 - y * y)

    def tensorflow(self, x):
        return twin(Tanh()).forward(x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_wrong_derivative_is_seen_at_any_depth(dtype):
    """The bounds of the whole step grow with the depth; those of a layer alone do not."""
    rng = np.random.default_rng(0)
    hidden = [part for _ in range(19) for part in (Dense(16, 16), Activation(Tanh()))]
    x = rng.standard_normal((12, 16)).astype(dtype)
    y = np.eye(3, dtype=dtype)[rng.integers(3, size=12)]
    for first, agrees in ((Tanh(), True), (WrongTanh(), False)):
        network = Network([Dense(16, 16), Activation(first), *hidden, Dense(16, 3)])
        state = initial_state(SGD(0.1), network.initial_theta(rng, dtype=dtype))
        report = resynchronised(
            network, SoftmaxCrossentropy(), SGD(0.1), state, [(x, y)], mode="eager"
        )
        assert report.agreed == agrees
    assert (report.divergences[0].stage, report.divergences[0].name) == ("layer backward", "dy1")
