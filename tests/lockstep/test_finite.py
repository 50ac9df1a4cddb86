"""Numbers that are not finite: refused at the start, and where a step makes them the run stops."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnn import activations
from refnn.activations import Identity, Relu, Softmax
from refnn.layers import Dense
from refnn.losses import MeanSquaredError, SoftmaxCrossentropy
from refnn.network import Network, multilayer
from refnn.optimizers import SGD, Adam
from refnn.state import State
from refnn.training import Model
from tests.lockstep.compare import agrees, compare, small_case
from tests.lockstep.planted import Planted, planted, result, run
from tests.strategies import FLOATS, Case, dtypes, seeds
from tftwin import activations as tf_activations
from tftwin.lockstep import resynchronised
from tftwin.lockstep.findings import Row
from tftwin.lockstep.report import to_json, verdict
from tftwin.lockstep.verdict import judge
from tftwin.tensorflow import tf

each_dtype = pytest.mark.parametrize("dtype", FLOATS)
NOT_FINITE = [np.nan, np.inf, -np.inf]


# Refused ----------------------------------------------------------------------------------------


@each_dtype
@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("all_of_it", [True, False])
def test_a_state_that_starts_without_finite_numbers_is_refused(value, all_of_it, dtype):
    case = small_case(dtype, Adam(0.1))
    for place in range(3):
        vectors = [case.state.theta.copy(), *(slot.copy() for slot in case.state.slots)]
        vectors[place][slice(None) if all_of_it else 5] = value
        state = State(vectors[0], tuple(vectors[1:]), case.state.step)
        name = ("theta", "state: slot m", "state: slot v")[place]
        where = r"\[0\]" if all_of_it else r"\[5\]"
        with pytest.raises(ValueError, match=f"^{name} holds {value} at {where}; expected finite"):
            resynchronised(case.model, state, case.batches, mode="eager")


@each_dtype
@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("batch", [0, 1])
def test_data_that_are_not_finite_are_refused_in_every_batch(value, which, batch, dtype):
    case = small_case(dtype, SGD(0.1), MeanSquaredError())
    batches = [tuple(a.copy() for a in case.batches[0]) for _ in range(2)]
    batches[batch][which][3, 1] = value
    with pytest.raises(
        ValueError,
        match=rf"^batches: number {batch + 1}: {'xy'[which]} holds {value} at \[3, 1\]; exp",
    ):
        resynchronised(case.model, case.state, batches, mode="eager")


# A run that overflows ---------------------------------------------------------------------------


def growing(dtype, function=None):
    """A network that multiplies its weights by a power of its size at every step."""
    rng = np.random.default_rng(0)
    model = Model(multilayer([3, 4, 2], function or Identity()), MeanSquaredError(), SGD(1e3))
    x, y = (rng.standard_normal((5, n)).astype(dtype) for n in (3, 2))
    return Case(model, model.initial_state(rng, dtype=dtype), [(x, y)] * 40)


@each_dtype
@pytest.mark.parametrize("mode", ["eager", "function", "xla"])
@pytest.mark.parametrize("function", [Identity(), Relu()], ids=lambda f: type(f).__name__)
def test_a_run_that_overflows_stops_there_and_says_so(function, mode, dtype):
    case, told = growing(dtype, function), []
    report = resynchronised(case.model, case.state, case.batches, mode=mode, callback=told.append)
    assert not report.agreed
    assert report.steps < 40
    assert told[-1] == report.steps  # it ended there
    assert report.stopped.startswith(f"step {report.steps}: ")
    side, tensor = report.stopped.split(": ")[1].split("'s ")
    assert side in ("refnn", "tftwin")
    assert tensor.endswith((" is nan", " is inf", " is -inf"))
    sentence = verdict(report)
    assert sentence.startswith(f"STOPPED: {report.stopped}; the run ended there; ")
    assert "agreed" not in sentence
    assert to_json(report)["stopped"] == report.stopped
    assert not to_json(report)["agreed"]
    assert not report.divergences
    assert sum(row.non_finite for row in report.rows) > 0
    earlier = resynchronised(case.model, case.state, case.batches[: report.steps - 1], mode=mode)
    assert earlier.agreed  # before it left the finite numbers both sides agreed


@each_dtype
@pytest.mark.parametrize("mode", ["eager", "function", "xla"])
def test_a_derivative_that_overflows_behind_dead_units_stops_and_raises_no_alarm(mode, dtype):
    """Refnn and TensorFlow's kernel give 0 · NaN = NaN there, XLA a choice, 0: nobody is wrong."""
    most = np.finfo(dtype).max
    model = Model(multilayer([2, 6, 3], Relu()), MeanSquaredError(), SGD(0.1))
    theta = np.random.default_rng(0).standard_normal(model.network.size).astype(dtype)
    x = np.array([[1, 2], [-1, 0.5]], dtype)
    y = np.full((2, 3), most / 4, dtype)
    case = Case(model, State(theta), [(x, y)])
    assert compare(replace(case, batches=[(x, y / most)]), mode=mode).agreed
    W = model.network.parameters[2]
    W.of(theta)[...] = np.sign(W.of(theta)) * most / 8
    report = compare(case, mode=mode)
    assert report.stopped
    assert report.divergences == report.lost_digits == []
    (of_relu,) = (r for r in report.rows if (r.stage, r.name) == ("layer backward", "dy1"))
    assert (of_relu.unbounded > 0) == (mode == "xla")


@each_dtype
def test_a_step_between_two_that_are_compared_stops_the_run_too(dtype):
    case = growing(dtype)
    every = compare(case, every=1)
    rarely = compare(case, every=10**6)
    assert rarely.steps == 1
    assert not rarely.agreed
    assert rarely.stopped.split(":")[0] == every.stopped.split(":")[0]
    assert "refnn's" in rarely.stopped


# One side alone ---------------------------------------------------------------------------------


def one_number(value):
    """The first number of what refnn's function returns, in the plain step alone."""

    def change(y):
        if isinstance(y, np.ndarray):
            y = y.copy()
            y[0, 0] = value
        return y

    return result(change)


def one_tf_number(value):
    def change(y):
        numbers = np.zeros(y.shape)
        numbers[0, 0] = value
        return y + tf.constant(numbers, y.dtype)

    return result(change)


@each_dtype
@pytest.mark.parametrize("depth", [[4, 5, 3], [4, *[16] * 8, 3]], ids=["shallow", "deep"])
@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("side", ["refnn", "tftwin"])
def test_a_number_that_is_not_finite_on_one_side_never_agrees(side, value, depth, dtype):
    fault = {
        "refnn": Planted("", activations.Tanh, "forward", one_number(value)),
        "tftwin": Planted("", tf_activations.Tanh, "forward", one_tf_number(value)),
    }[side]
    report = run(fault, dtype=dtype, sizes=depth, steps=2)
    assert not report.agreed
    assert report.steps == 1
    assert report.stopped.startswith(f"step 6: {side}'s y2[0, 0] is {value}")
    parts = {d.stage for d in report.divergences}
    assert {"layer forward", "mirror forward"} & parts
    assert {d.wrong for d in report.divergences} <= {side, ""}


def unstable(self, x):
    e = np.exp(x)
    return e / e.sum(axis=-1, keepdims=True)


@each_dtype
@pytest.mark.parametrize("row", [[1000, 0, -1000], [-1000, -1000, -1000]], ids=str)
def test_a_formula_that_overflows_where_the_definition_does_not_is_refnn_s_fault(row, dtype):
    """Its NaN is no reason to stop and say no more: its own bound is infinite, and no excuse."""
    model = Model(
        Network([Dense(3, 3, False), *multilayer([1, 1], Identity(), Softmax()).layers[1:]]),
        MeanSquaredError(),
        SGD(0.1),
    )
    state = State(np.eye(3, dtype=dtype).ravel())
    x = np.array([row, [1, 2, 3]], dtype)
    y = np.eye(3, dtype=dtype)[[0, 1]]
    fault = Planted("", activations.Softmax, "forward", lambda old: unstable)
    assert compare(Case(model, state, [(x, y)])).agreed
    with planted(fault):
        report = compare(Case(model, state, [(x, y)]))
    assert report.stopped.startswith("step 1: refnn's y2[0, 0] is nan")
    assert "layer forward" in {lost.stage for lost in report.lost_digits}


# Both sides alike -------------------------------------------------------------------------------


values = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 1e30, 1e-40])


@given(
    dtype=dtypes,
    pairs=st.lists(st.tuples(values, values), min_size=1, max_size=12),
    bound=st.sampled_from([0.0, 1e-3, 1.0, 1e30, np.inf]),
    stage=st.sampled_from(["forward", "layer forward"]),
)
def test_the_verdict_is_the_same_with_the_sides_swapped(dtype, pairs, bound, stage):
    one, other = np.array(pairs, dtype).T
    verdicts = []
    for a, b in ((one, other), (other, one)):
        row = Row(stage, "y1")
        (divergence,) = judge(row, 1, a, b, bound) or (None,)
        counts = {k: v for k, v in vars(row).items() if k not in ("fills", "ulp_values")}
        where = None if divergence is None else (divergence.index, divergence.count)
        verdicts.append((counts, row.fills.tolist(), where))
    assert verdicts[0] == verdicts[1]


@each_dtype
@pytest.mark.parametrize("value", NOT_FINITE)
def test_a_number_against_one_that_is_not_finite_is_excused_by_no_finite_bound(value, dtype):
    one, other = np.array([1.0], dtype), np.array([value], dtype)
    for a, b in ((one, other), (other, one)):
        for bound in (0.0, 1e-3, float(np.finfo(dtype).max) / 4):
            assert len(judge(Row("layer forward", "y1"), 1, a, b, bound)) == 1
        row = Row("layer forward", "y1")
        assert judge(row, 1, a, b, np.inf) == []
        assert row.unbounded == 1


@given(seed=seeds, dtype=dtypes)
def test_large_numbers_are_compared_and_do_not_stop(seed, dtype):
    """A sixteenth of the largest number is finite: the run goes on."""
    rng = np.random.default_rng(seed)
    model = Model(Network([Dense(2, 2)]), SoftmaxCrossentropy(), SGD(0.1))
    theta = rng.standard_normal(6).astype(dtype)
    x = np.array([[1, 2], [3, 4]], dtype) * (np.finfo(dtype).max / 64)
    agrees(compare(Case(model, State(theta), [(x, np.eye(2, dtype=dtype))])))
