"""The verdict says what it rests on: how much of the whole step said nothing, and what else."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refnn import record
from refnn.activations import Identity, Relu, Tanh
from refnn.layers import Dense
from refnn.losses import MeanSquaredError, SoftmaxCrossentropy
from refnn.network import Network, multilayer
from refnn.optimizers import SGD
from refnn.regularizers import L2
from refnn.state import State
from refnn.training import Model
from tests.lockstep.compare import agrees, compare, small_case
from tests.lockstep.planted import SIZES, Planted, named, problem, result, run
from tests.lockstep.test_digits import FORMULAS, case_of, planted
from tests.strategies import FLOATS, Case, cases, dtypes, seeds
from tftwin.lockstep import resynchronised
from tftwin.lockstep.findings import LAYERS, Report, Row
from tftwin.lockstep.report import to_json, verdict
from tftwin.lockstep.verdict import judge

each_dtype = pytest.mark.parametrize("dtype", FLOATS)
ANY = Planted("", None, "", None)

# What says nothing ------------------------------------------------------------------------------


@given(dtype=dtypes, seed=seeds, equal=st.booleans(), infinite=st.booleans())
def test_a_bound_as_large_as_the_number_is_counted_also_where_nothing_differs(
    dtype, seed, equal, infinite
):
    rng = np.random.default_rng(seed)
    a = rng.uniform(1, 2, 20).astype(dtype)
    b = a if equal else np.nextafter(a, 2, dtype=dtype)
    says_nothing = rng.random(20) < 0.5
    bound = np.where(says_nothing, np.inf if infinite else np.maximum(a, b) / 2, 1e-3)
    row = Row("gradient", "dW1")
    assert judge(row, 1, a, b, bound) == []
    assert row.vacuous == np.count_nonzero(says_nothing)
    assert Report(rows=[row]).vacuous == np.mean(says_nothing)
    if infinite:
        assert row.unbounded == (0 if equal else row.vacuous)
    part = Row("layer gradient", "dW1")  # only the whole step can be vacuous by its depth
    judge(part, 1, a, b, bound)
    assert part.vacuous == 0


@each_dtype
def test_numbers_that_are_not_normal_are_counted_apart(dtype):
    tiny = np.finfo(dtype).tiny
    a = np.array([tiny / 2, 0, tiny, 1, np.nan, np.inf, -np.inf], dtype)
    row = Row("forward", "y1")
    judge(row, 1, a, a, 0.0)
    assert (row.subnormal, row.non_finite) == (1, 3)
    b = np.array([tiny / 4, tiny / 2, 0, np.inf, np.nan, np.inf, 0], dtype)
    row = Row("forward", "y1")
    judge(row, 1, a, b, np.inf)
    assert (row.subnormal, row.non_finite) == (2, 4)


def says_nothing(refnn, tftwin):
    """Count the whole step's numbers that are vacuous, all of them, and the vacuous zeros."""
    nothing = total = zeros = 0
    for one, other in zip(refnn, tftwin, strict=True):
        if one.stage in record.STAGES:
            allowed = 2 * np.asarray(0.0 if one.bound is None else one.bound)
            size = np.maximum(np.abs(one.array), np.abs(other.array))
            vacuous = (allowed >= size) & (allowed > 0)
            nothing += np.count_nonzero(vacuous)
            zeros += np.count_nonzero(vacuous & (size == 0))
            total += size.size
    return nothing, total, zeros


def test_at_the_size_of_mnist_the_sentence_says_how_little_the_whole_step_says():
    case = problem(ANY._replace(function=Relu(), loss=SoftmaxCrossentropy(), optimizer=SGD(0.1)),
                   np.float32, SIZES["mnist"], rows=128, steps=1)  # fmt: skip
    seen = []
    report = resynchronised(*case, mode="eager", observe=lambda *records: seen.append(records))
    agrees(report)
    nothing, total, _ = says_nothing(*seen[0])
    assert report.vacuous == nothing / total > 0.3
    assert (
        f"the bounds of the whole step say nothing about {report.vacuous:.1%} of its numbers, "
        "there the layers alone decide"
    ) in verdict(report)
    assert to_json(report)["vacuous"] == report.vacuous
    for row in report.rows:  # each part says something about nearly all of its numbers
        if row.stage in LAYERS:
            assert row.unbounded == 0


@settings(max_examples=60)
@given(cases(steps=1, scales=st.just(1.0)))
def test_on_a_small_network_no_part_has_an_infinite_bound(case):
    bounds = []
    report = compare(case, observe=lambda refnn, tftwin: bounds.extend(refnn))
    agrees(report)
    for entry in bounds:
        if " " in entry.stage and entry.bound is not None:
            assert np.isfinite(entry.bound).all(), entry[:2]
    assert sum(row.unbounded for row in report.rows if " " in row.stage) == 0


@each_dtype
def test_on_an_ordinary_small_network_nothing_is_unbounded(dtype):
    """In float64 nothing is vacuous either."""
    for sizes in ([4, 5, 3], SIZES["shallow"], [20, 30, 10]):
        for function in (Tanh(), Relu(), Identity()):
            fault = ANY._replace(function=function)
            seen = []
            report = resynchronised(
                *problem(fault, dtype, sizes, steps=1),
                mode="eager",
                observe=lambda *records: seen.append(records),  # noqa: B023
            )
            agrees(report)
            assert report.unbounded == 0
            nothing, total, zeros = says_nothing(*seen[0])
            assert report.vacuous == nothing / total
            if dtype == np.float64:  # but for relu's zeros, which any bound exceeds
                assert nothing == zeros
            assert report.subnormal == 0


# The sentence -----------------------------------------------------------------------------------


def test_the_sentence_of_a_run_that_agrees():
    report = compare(small_case())
    sentence = verdict(report)
    assert sentence.startswith(f"agreed: {report.elements:,} numbers in 1 steps, ")
    assert f"{report.bit_equal / report.elements:.1%} bit-equal" in sentence
    assert f"largest difference {report.fill:.2f} of its bound" in sentence
    assert f"{report.usual:.2f} of the usual distance" in sentence
    assert 0 < report.usual < 2
    assert to_json(report)["agreed"]
    assert to_json(report)["verdict"] == sentence


def test_the_sentence_of_a_run_that_diverges_begins_with_the_part_that_is_wrong():
    report = run(*named("tanh' = 1 - y"), dtype=np.float32, sizes=SIZES["deep"], steps=1)
    sentence = verdict(report)
    assert sentence.startswith(f"DIVERGED: {len(report.divergences)} tensors of ")
    first = report.divergences[0]
    assert f"; first: step 6, stage layer backward, {first.name}[" in sentence
    assert first.wrong == "refnn"
    assert first.explanation in sentence
    assert len(to_json(report)["divergences"]) == len(report.divergences)


def test_the_sentence_of_a_formula_that_loses_digits():
    case = case_of("tanh by exponentials", [4, 5, 3], np.float32)
    with planted(FORMULAS["tanh by exponentials"][0]):
        report = compare(case)
    assert not report.divergences
    sentence = verdict(report)
    assert sentence.startswith("LOSES DIGITS: step 1, stage layer forward, y2[")
    assert "agreed" not in sentence
    assert not to_json(report)["agreed"]
    assert to_json(report)["lost_digits"][0]["factor"] == report.lost_digits[0].factor


def test_numbers_under_an_infinite_bound_and_subnormal_ones_are_in_the_sentence():
    report = compare(small_case())
    assert "infinite bound" not in verdict(report)
    assert "subnormal" not in verdict(report)
    report.rows[0].unbounded, report.rows[1].subnormal = 1234, 5678
    assert "1,234 differ under an infinite bound" in verdict(report)
    assert "5,678 are subnormal" in verdict(report)


def test_subnormal_numbers_of_a_step_are_counted():
    case = small_case(np.float32, SGD(0.1), MeanSquaredError())
    x, y = case.batches[0]
    report = compare(Case(case.model, case.state, [(x * np.float32(1e-39), y)]))
    assert report.agreed
    assert report.subnormal > 0
    assert to_json(report)["subnormal"] == report.subnormal


def test_nothing_is_no_agreement():
    assert not Report().agreed
    assert verdict(Report()) == "DIVERGED: nothing was compared"


def test_a_joined_report_keeps_what_speaks_against_agreement():
    good = compare(small_case())
    lost = compare(case_of("tanh by exponentials", [4, 5, 3], np.float32))
    assert Report.join([good, lost]).agreed
    with planted(FORMULAS["tanh by exponentials"][0]):
        lost = compare(case_of("tanh by exponentials", [4, 5, 3], np.float32))
    bad = run(*named("signs flipped"), dtype=np.float32, sizes=SIZES["shallow"], steps=1)
    stopped = Report(rows=good.rows, steps=1, stopped="step 3: refnn's y1 is nan")
    for other in (lost, bad, stopped):
        joined = Report.join([good, other, good])
        assert not joined.agreed
        assert joined.lost_digits == other.lost_digits
        assert joined.divergences == other.divergences
        assert joined.stopped == other.stopped
        assert not verdict(joined).startswith("agreed")


def test_every_is_json():
    for report in (
        compare(small_case()),
        run(*named("signs flipped"), dtype=np.float64, sizes=SIZES["shallow"], steps=1),
        run(Planted("", Network, "forward", result(lambda y: [*y[:-1], y[-1] * np.nan])),
            dtype=np.float32, sizes=SIZES["shallow"], steps=1),
    ):  # fmt: skip
        text = json.dumps(to_json(report), allow_nan=False)
        assert json.loads(text)["verdict"] == verdict(report)


# Mended bounds ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_xla_may_begin_the_product_of_one_row_with_the_bias(seed):
    """The bias is the first summand there, so that each product is rounded next to it."""
    rng = np.random.default_rng(seed)
    model = Model(Network([Dense(8, 256)]), MeanSquaredError(), SGD(0.1))
    W, b = 0.01 * rng.standard_normal(2048), rng.standard_normal(256)
    state = State(np.concatenate([W, b]).astype(np.float32))
    x, y = (rng.standard_normal((1, n)).astype(np.float32) for n in (8, 256))
    agrees(resynchronised(model, state, [(x, y)], mode="xla"))


@each_dtype
def test_l2_on_a_large_w_is_compared(dtype):
    """401,408 squares are summed, which was refused in float32 once."""
    rng = np.random.default_rng(0)
    model = Model(multilayer([784, 512, 10], Tanh()), SoftmaxCrossentropy(), SGD(0.1), L2(1e-4))
    x = rng.standard_normal((4, 784)).astype(dtype)
    y = np.eye(10, dtype=dtype)[[1, 2, 3, 4]]
    state = model.initial_state(rng, dtype=dtype)
    report = compare(Case(model, state, [(x, y)]))
    agrees(report)
    (penalty,) = (r for r in report.rows if (r.stage, r.name) == ("layer loss", "penalty"))
    assert (penalty.elements, penalty.unbounded) == (1, 0)
    fault = named("L2 doubled")[0]
    with planted(fault):
        assert not compare(Case(model, state, [(x, y)])).agreed
