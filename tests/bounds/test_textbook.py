"""Each rule against its textbook, own rounding and propagated error apart, from both sides.

``test_elementwise.py`` and its neighbours say that no bound is too small. A bound that is too
large hides faults: here each rule is held to a formula that is written a second time, once with
exact operands (what remains is its own rounding) and once with operands that are off by √u of
themselves (its own rounding is √u of what they pass on, and so is the second order). ``room`` is
256 times that: no formula here leaves out more than 256 such terms. A rule that errs by a factor of
3, up or down, in either part, fails.
"""

import json
from typing import NamedTuple

import numpy as np
import pytest

from refnn import activations, crossentropies, losses
from refnn.activations import Elu, Identity, LeakyRelu, Relu, Selu, Sigmoid, Softmax, Softplus, Tanh
from refnn.layers import Activation, Dense
from refnn.network import Network
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp
from refnn.regularizers import L2
from refnn.state import State
from refnn.training import Model, backpropagate
from tests.bounds.operands import each_dtype, unit_of
from tests.strategies import last_of, targets
from tftwin.lockstep import alone, definitions, ledger
from tftwin.lockstep.bounds import KERNELS, bound_of, bounds_of_rule, bounds_of_step, with_kernel
from tftwin.lockstep.definitions import Arithmetic
from tftwin.lockstep.ledger import CAPS
from tftwin.lockstep.roundoff import FUNCTIONS, UFUNCS, Mask, Rounded, exact, gamma

COUNT = 200
LENGTHS = [1, 2, 3, 7, 16, 100, 101, 1_000, 9_999, 10_001, 20_001]


def room(dtype):
    """What second-order terms may add."""
    return 1 + 256 * np.sqrt(unit_of(dtype))


def drawn(rng, shape, dtype, low=-3.0, high=3.0, positive=False):
    """Ordinary numbers, none near a power of two, where the size of an ulp changes."""
    mantissa = rng.uniform(1.05, 1.95, shape)
    v = np.ldexp(mantissa, rng.integers(int(low), int(high), shape))
    return (v if positive else v * rng.choice([-1, 1], shape)).astype(dtype)


def off(rng, v):
    """The same numbers with a bound of about √u of each."""
    u = unit_of(v.dtype)
    e = np.abs(v).astype(np.float64) * np.sqrt(u) * rng.uniform(0.5, 1, v.shape)
    return Rounded(v, e, u)


def assert_near(bound, textbook, dtype, above=1.0, what=""):
    """The bound is at least the textbook's, and at most ``above`` times it, second order aside."""
    bound, textbook = np.broadcast_arrays(np.asarray(bound), np.asarray(textbook, np.float64))
    assert bound.size, what
    assert (bound >= textbook / room(dtype)).all(), (what, (bound / textbook).min())
    assert (bound <= above * textbook * room(dtype)).all(), (what, (bound / textbook).max())


# Element by element ------------------------------------------------------------------------------


class Rule(NamedTuple):
    """A rule of one or two operands: u of the result, or ulps; and what the operands pass on."""

    compute: object
    own: object
    carried: object
    domain: dict = {}
    above: float = 1.0


def of_result(compute, u_times):
    return lambda u, *v: u_times * u * np.abs(compute(*[a.astype(np.float64) for a in v]))


def ulps(name, compute, more=0.0):
    """The ledger's worst error in ulps of the result, and so many roundings more."""

    def own(u, *v):
        y = compute(*v)
        worst = ledger.worst(name, y.dtype.name)
        return worst * np.spacing(np.abs(y)).astype(np.float64) + more * u * np.abs(y)

    return own


def nothing(u, *v):
    return np.zeros(v[0].shape)


ONE = {"positive": True}
SMALL = {"low": -3, "high": 1}
RULES = {
    "add": Rule(np.add, of_result(np.add, 1), lambda a, b, p, q: p + q, ONE),
    "subtract": Rule(
        lambda a, b: -a - b, of_result(np.add, 1), lambda a, b, p, q: p + q, ONE
    ),
    "multiply": Rule(
        np.multiply, of_result(np.multiply, 1), lambda a, b, p, q: abs(a) * q + abs(b) * p
    ),
    "divide": Rule(
        np.divide, of_result(np.divide, 1), lambda a, b, p, q: p / abs(b) + abs(a) * q / b**2
    ),
    "square": Rule(np.square, of_result(np.square, 1), lambda a, p: 2 * abs(a) * p),
    # |√a' − √a*| ≤ e / √a*, twice the first order, for an a' that may be far below a*
    "sqrt": Rule(np.sqrt, of_result(np.sqrt, 1), lambda a, p: p / (2 * np.sqrt(a)), ONE, 2.0),
    "exp": Rule(np.exp, ulps("exp", np.exp), lambda a, p: np.exp(a) * p),
    "log": Rule(
        np.log, ulps("log", np.log), lambda a, p: p / a, {"positive": True, "low": 1, "high": 6}
    ),
    "tanh": Rule(
        np.tanh, ulps("tanh", np.tanh), lambda a, p: p * (1 - np.tanh(a) ** 2), SMALL
    ),
    "reciprocal": Rule(
        lambda a: 1 / a, ulps("reciprocal", np.reciprocal, 1), lambda a, p: p / a**2
    ),
    "absolute": Rule(np.absolute, nothing, lambda a, p: p),
    "negative": Rule(np.negative, nothing, lambda a, p: p),
    "maximum": Rule(np.maximum, nothing, lambda a, b, p, q: np.maximum(p, q)),
    "minimum": Rule(np.minimum, nothing, lambda a, b, p, q: np.maximum(p, q)),
    "sign": Rule(np.sign, nothing, lambda a, p: 0 * p),
    "expm1": Rule(np.expm1, ulps("expm1", np.expm1), lambda a, p: np.exp(a) * p, ONE),
    "log1p": Rule(
        np.log1p, ulps("log1p", np.log1p), lambda a, p: p / (1 + a), ONE,
        1 + 2.0**-13,  # its own error is hundreds of ulps in float64: XLA's log1p
    ),
    "cube": Rule(
        lambda a: a**3, of_result(lambda a: a**3, 3), lambda a, p: 3 * a * a * p
    ),
}  # fmt: skip
ARITY = dict.fromkeys(["add", "subtract", "multiply", "divide", "maximum", "minimum"], 2)
NO_UFUNC = {"reciprocal", "cube"}


@each_dtype
@pytest.mark.parametrize("name", RULES)
def test_a_rule_of_elements(name, dtype):
    rng, rule, u = np.random.default_rng(40), RULES[name], unit_of(dtype)
    v = [drawn(rng, COUNT, dtype, **rule.domain) for _ in range(ARITY.get(name, 1))]
    with np.errstate(all="ignore"):
        own = rule.compute(*map(exact, v)).bound
    if rule.own is nothing:
        assert not own.any()
    else:
        away = np.abs(np.log2(np.abs(rule.compute(*v))) % 1 - 0.5) < 0.45  # from a power of two
        assert away.sum() > COUNT / 2
        assert_near(own[away], rule.own(u, *v)[away], dtype, what="own")
    inexact = [off(rng, a) for a in v]
    wide = [a.astype(np.float64) for a in v]
    passed_on = rule.carried(*wide, *[a.bound for a in inexact])
    assert_near(rule.compute(*inexact).bound, passed_on, dtype, rule.above, "carried")


def test_every_rule_has_its_textbook():
    comparisons = {np.greater, np.greater_equal, np.less, np.less_equal}
    held = {getattr(np, n) for n in RULES if n not in NO_UFUNC} | comparisons | {np.matmul}
    assert held == set(UFUNCS)
    assert set(FUNCTIONS) == {
        np.sum, np.mean, np.max, np.clip, np.where, np.concatenate, np.zeros_like, np.ones_like,
        np.full_like, np.empty_like,
    }  # fmt: skip


@pytest.mark.parametrize("function", CAPS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_ledgers_worst_error_is_that_of_an_entry(function, dtype):
    """Or at most twice that, where it is extrapolated; never more than twice the cap."""
    file = json.loads(ledger.shipped().read_text(encoding="utf-8"))["entries"]
    found = [e for e in file if (e["function"], e["dtype"]) == (function, dtype)]
    for what, error in (("worst", ledger.worst), ("overflow", ledger.overflow)):
        largest = max(e[what]["error"] for e in found)
        assert largest <= error(function, dtype) <= 2 * largest + 2.0**-8
    assert ledger.worst(function, dtype) <= 2 * CAPS[function][dtype]
    assert ledger.underflow(function, dtype) == max(e["underflow"]["error"] for e in found)


@each_dtype
@pytest.mark.parametrize("scalar", [0.1, 3.0, 1e-3])
def test_a_scalar_carries_its_conversion(scalar, dtype):
    rng, u = np.random.default_rng(41), unit_of(dtype)
    v = drawn(rng, COUNT, dtype)
    conversion, wide = abs(float(dtype(scalar)) - scalar), abs(v.astype(np.float64))
    a = exact(v)
    assert_near((scalar * a).bound, wide * (scalar * u + conversion), dtype)
    assert_near((a / 7).bound, 2 * u * wide / 7, dtype)  # over a count: two roundings
    assert_near((a / 0.75).bound, u * wide / 0.75, dtype)
    assert not (a * 0.5).bound.any()
    filled = np.full_like(a, scalar)
    assert (filled.bound == conversion).all()
    for make in (np.zeros_like, np.ones_like):
        assert not make(a).bound.any()


# Near the ends of the range ----------------------------------------------------------------------


@each_dtype
def test_what_may_be_flushed(dtype):
    """A result below the least normal number may become 0, one well above it may not."""
    tiny, u = float(np.finfo(dtype).tiny), unit_of(dtype)
    for factor, flushes in ((0.5, True), (0.9, True), (2.5, False), (1e3, False)):
        v = np.array([factor * tiny], dtype)
        for result in (exact(4 * v) * 0.25, 0.7 * exact(v / dtype(0.7)), exact(3 * v) / 3.0):
            assert (result.bound >= (factor * tiny if flushes else 0)).all()
            assert (result.bound <= (2 * tiny if flushes else 8 * u * factor * tiny)).all()
    zero = exact(np.zeros(3, dtype))
    for result in (zero * 3, zero + 0 * zero, np.tanh(zero), np.sqrt(zero), np.sum(zero)):
        assert not np.any(result.bound)


@each_dtype
def test_a_bound_is_infinite_only_where_another_evaluation_may_overflow(dtype):
    largest = float(np.finfo(dtype).max)
    for share, finite in ((0.2, True), (0.45, True), (0.6, False)):
        v = exact(np.full((4, 1), share * largest, dtype))
        two = v[:2]
        with np.errstate(all="ignore"):
            results = [two[0] + two[1], 2 * two, two / 0.5, np.sum(two)]
            ones = exact(np.ones((1, 2), dtype))
            results.append(ones @ two)
        for result in results:
            assert np.isfinite(result.bound).all() == finite
        assert np.isfinite((v[:1] @ exact(np.ones((1, 1), dtype))).bound).all()
    near = np.log(largest)
    for x in (near - 1, near - 0.8, near - 0.1):
        value = np.exp(dtype(x))
        bound = np.exp(exact(np.array([x], dtype))).bound
        last = float(value) > largest / 2
        worst = ledger.worst("exp", np.dtype(dtype).name)
        if last:
            worst = max(worst, ledger.overflow("exp", np.dtype(dtype).name))
        assert_near(bound, worst * float(np.spacing(value)), dtype)


@each_dtype
def test_a_root_plus_epsilon_is_at_least_epsilon(dtype):
    """However uncertain v is, g / (√v + ε) is bounded through ε."""
    u, epsilon = unit_of(dtype), 1e-3
    v = Rounded(np.array([1e-6], dtype), np.array([1e-4]), u)
    quotient = exact(np.ones(1, dtype)) / (np.sqrt(v) + epsilon)
    assert np.isfinite(quotient.bound).all()
    assert quotient.bound[0] <= 1.01 * (1 / epsilon) * (np.sqrt(v.bound[0]) / epsilon)


# Comparisons, and what they choose ---------------------------------------------------------------


@each_dtype
def test_a_comparison_is_undecided_up_to_twice_both_bounds_and_no_further(dtype):
    """An evaluation lies within 2 e of the value at hand."""
    rng, u = np.random.default_rng(42), unit_of(dtype)
    a = drawn(rng, COUNT, dtype, 0, 1)
    p, q = (2.0**-10 * rng.choice([0.5, 1, 2], COUNT) for _ in range(2))
    for times, expected in ((1.9, True), (2.1, False)):
        for side in (-1, 1):
            b = (a.astype(np.float64) + side * times * (p + q)).astype(dtype)
            one, other = Rounded(a, p, u), Rounded(b, q, u)
            for compared in (one > other, one >= other, one < other, one <= other):
                assert (compared.undecided == expected).all()
    same = exact(a)
    assert not (same >= same).undecided.any()  # an exact tie is decided


@each_dtype
def test_what_is_chosen(dtype):
    """The bound of the branch taken; where undecided, the jump and the bounds of both."""
    rng = np.random.default_rng(43)
    a, b = (drawn(rng, COUNT, dtype) for _ in range(2))
    value, unsure = rng.random(COUNT) < 0.5, np.arange(COUNT) % 2 == 0
    mask = Mask(value, unsure)
    jump = abs(a.astype(np.float64) - b)
    assert_near(np.where(mask, exact(a), exact(b)).bound[unsure], jump[unsure], dtype, what="jump")
    assert not np.where(mask, exact(a), exact(b)).bound[~unsure].any()
    one, other = off(rng, a), off(rng, a)
    chosen = np.where(mask, one, other).bound
    both = one.bound + other.bound + np.maximum(one.bound, other.bound)
    assert_near(chosen, np.where(unsure, both, np.where(value, one.bound, other.bound)), dtype)
    assert_near((one * mask).bound[unsure], abs(a[unsure]), dtype, what="a or 0")
    assert (((one * mask).bound == np.where(value, one.bound, 0))[~unsure]).all()
    assert ((mask * one).bound == (one * mask).bound).all()


@each_dtype
def test_what_is_clipped(dtype):
    u, low, high = unit_of(dtype), 0.1, 3.0
    edge = abs(float(dtype(low)) - low)
    values = np.array([0.05, 0.1, 0.5, 3.0, 4.0], dtype)
    assert np.clip(exact(values), low, high).bound.tolist() == [edge, edge, 0, 0, 0]
    e = np.full(5, 1e-2)
    carried = np.clip(Rounded(values, e, u), low, high).bound.tolist()
    assert carried == [edge, 1e-2, 1e-2, 1e-2, 0]
    for distance, expected in ((1.9e-2, 1e-2), (2.1e-2, 0.0)):
        v = np.array([high + distance], dtype)
        assert np.clip(Rounded(v, e[:1], u), low, high).bound == expected


# Sums and products of any length -----------------------------------------------------------------


@each_dtype
@pytest.mark.parametrize("n", LENGTHS)
def test_sums_and_means(n, dtype):
    """γ of n − 1 additions; a mean rounds twice more, once where n = 1 gives nothing to divide."""
    rng, u = np.random.default_rng(44), unit_of(dtype)
    v = drawn(rng, (n, 3), dtype)
    for axis in (0, None):
        absolute = abs(v.astype(np.float64)).sum(axis=axis)
        terms = n if axis == 0 else 3 * n
        g = (terms - 1) * u / (1 - (terms - 1) * u)
        of_sum, of_mean = np.sum(exact(v), axis=axis), np.mean(exact(v), axis=axis)
        mean = abs(v.astype(np.float64).sum(axis=axis) / terms)
        if terms == 1:
            assert not of_sum.bound.any()
            assert not of_mean.bound.any()
            continue
        assert_near(of_sum.bound, g * absolute, dtype)
        assert_near(of_mean.bound, g * absolute / terms + 2 * u * mean, dtype)
    inexact = Rounded(v, abs(v.astype(np.float64)) * 2.0**-4, u)
    passed = inexact.bound.sum(axis=0)
    own = 1 + 32 * n * u
    for result, times in ((np.sum(inexact, axis=0), 1), (np.mean(inexact, axis=0), 1 / n)):
        assert (result.bound >= times * passed).all()
        assert (result.bound <= times * passed * own * room(dtype)).all()
    assert (np.max(inexact, axis=0).bound == inexact.bound.max(axis=0)).all()
    assert not np.max(exact(v), axis=0).bound.any()
    joined = np.concatenate([inexact, exact(v)])
    assert (joined.bound == np.concatenate([inexact.bound, np.zeros((n, 3))])).all()


@each_dtype
@pytest.mark.parametrize("k", LENGTHS)
def test_products_of_matrices(k, dtype):
    rng, u = np.random.default_rng(45), unit_of(dtype)
    a, b = drawn(rng, (3, k), dtype), drawn(rng, (k, 2), dtype)
    one, other = abs(a.astype(np.float64)), abs(b.astype(np.float64))
    g = k * u / (1 - k * u)
    assert gamma(k, u) == g
    assert_near((exact(a) @ exact(b)).bound, g * (one @ other), dtype, 1 + 4 * g, "own")
    p, q = one * 2.0**-5, other * 2.0**-6
    # an operand's magnitude is at most |v| + 2 e, and a product's own rounding is γ of that
    second = (1 + 2.0**-4) * (1 + 2.0**-5)
    for e, f in ((p, 0 * q), (0 * p, q), (p, q)):
        passed_on = e @ other + one @ f
        bound = (Rounded(a, e, u) @ Rounded(b, f, u)).bound
        assert (bound >= passed_on).all()
        assert (bound <= (passed_on + g * (one @ other)) * second * room(dtype)).all()


def test_gamma_holds_for_n_u_below_1():
    for u in (2.0**-24, 2.0**-53):
        for n in (1, 100, 167_773, 401_408, 10**7):
            assert gamma(n, u) == n * u / (1 - n * u)
        assert np.isfinite(gamma(int(0.99 / u), u))
        assert gamma(int(1 / u), u) == np.inf
        assert gamma(int(2 / u), u) == np.inf


# TensorFlow's kernels ----------------------------------------------------------------------------


@each_dtype
def test_kernels_widen_by_their_own_error_and_no_more(dtype):
    rng, name = np.random.default_rng(46), np.dtype(dtype).name
    x = exact(drawn(rng, (50, 4), dtype, -3, 1))
    of_softmax = ledger.worst("reciprocal", name) + 0.5
    of_sigmoid, of_softplus = ledger.worst("sigmoid", name), ledger.worst("softplus", name)
    for function, worst in (
        (Sigmoid(), of_sigmoid), (Softmax(), of_softmax), (Softplus(), of_softplus),
    ):  # fmt: skip
        plain, widened = function.forward(x), with_kernel(function, name).forward(x)
        y = plain.value.astype(np.float64)
        away = np.abs(np.log2(y) % 1 - 0.5) < 0.45
        added = widened.bound - plain.bound
        textbook = worst * np.spacing(plain.value).astype(np.float64)
        assert_near(added[away], textbook[away], dtype, 1 + 2.0**-20)
        hopeless = Rounded(x.value, np.full(x.shape, 1e3), x.unit)
        nothing_known = with_kernel(function, name).forward(hopeless).bound
        if not isinstance(function, Softplus):  # the others lie in [0, 1]
            assert (widened.bound <= 1 + 8 * unit_of(dtype)).all()
            assert (nothing_known == 1 + 8 * unit_of(dtype)).all()
    assert set(KERNELS) == {Sigmoid, Softmax, Softplus}
    for function in (Tanh(), Relu(), LeakyRelu(), Identity()):
        assert with_kernel(function, name) is function


# Networks ----------------------------------------------------------------------------------------

FUNCTIONS_OF_REFNN = [
    Identity(), Relu(), LeakyRelu(), Elu(), Selu(), Softplus(), Sigmoid(), Tanh(), Softmax(),
]  # fmt: skip
LOSSES = [
    losses.MeanSquaredError(), losses.MeanAbsoluteError(), losses.Asymmetric(2, 3),
    losses.SoftmaxCrossentropy(), losses.CategoricalCrossentropy(), losses.SigmoidCrossentropy(),
    losses.BinaryCrossentropy(),
]  # fmt: skip


def a_network(function, loss, dtype, rng):
    last = [Activation(f) for f in [last_of(loss)] if f is not None]
    network = Network([Dense(5, 6), Activation(function), Dense(6, 4), *last])
    model = Model(network, loss, SGD(), L2(0.01))
    theta = (0.4 * rng.standard_normal(network.size)).astype(dtype)
    x = rng.standard_normal((12, 5)).astype(dtype)
    return model, model.state_at(theta), x, targets(rng, loss, 12, 4, 1.0, False).astype(dtype)


@each_dtype
@pytest.mark.parametrize("loss", LOSSES, ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("function", FUNCTIONS_OF_REFNN, ids=lambda a: type(a).__name__)
def test_the_derived_bound_and_the_definitions_are_one_another_within_a_factor(
    function, loss, dtype
):
    """Summed over a tensor, the derived bound is 0.3 … 1.01 times the definition's.

    The definitions count roundings in round numbers: never fewer than there are, and at most
    three for one. A definition that were thrice as wide could excuse a formula that loses digits.
    """
    rng = np.random.default_rng(47)
    model, state, x, y = a_network(function, loss, dtype, rng)
    found = backpropagate(model, state.theta, x, y)
    given = alone.given_by(found, state.theta, y)
    derived = alone.alone_entries(model, alone.bounds_of_layers(model, given), "layer")
    defined = alone.alone_entries(model, alone.on_definitions(model, given), "layer")
    for one, other in zip(derived, defined, strict=True):
        bound = np.asarray(bound_of(one.array), np.float64)
        limit = np.asarray(other.array.bound, np.float64)
        assert np.isfinite(bound).all(), one[:2]
        assert np.isfinite(limit).all(), one[:2]
        value = other.array.value
        wide = np.asarray(value() if callable(value) else value, np.float64)
        apart = abs(np.asarray(one.array.value, np.float64) - wide)
        assert (apart <= bound + 2.0**-20 * limit).all(), one[:2]  # float64 errs too, and less
        size = float(np.sum(abs(np.asarray(one.array.value, np.float64))))
        exactly = 2 * unit_of(dtype) * size  # what is rounded nowhere may be allowed a rounding
        assert bound.sum() <= 1.01 * limit.sum(), one[:2]
        assert 0.3 * limit.sum() <= bound.sum() + (exactly if not bound.any() else 0), one[:2]


@each_dtype
@pytest.mark.parametrize("loss", LOSSES, ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("function", FUNCTIONS_OF_REFNN, ids=lambda a: type(a).__name__)
def test_no_bound_of_an_ordinary_step_is_infinite_or_says_nothing(function, loss, dtype):
    """Of a tensor, the bounds together are below 2⁻⁸ of its size: every layer is seen."""
    rng = np.random.default_rng(48)
    model, state, x, y = a_network(function, loss, dtype, rng)
    for optimizer in (SGD(), SGDM(), Nesterov(), Adagrad(), RMSProp(), Adam(), Nadam()):
        whole = Model(model.network, loss, optimizer, model.regularizer)
        slots = [rng.standard_normal(state.theta.shape) for _ in optimizer.slot_names]
        ordinary = zip(optimizer.slot_names, slots, strict=True)
        slots = tuple((a * a if name == "v" else a).astype(dtype) for name, a in ordinary)
        before = State(state.theta, slots, 7)
        step = bounds_of_step(whole, before, x, y)
        arrays = [*step.outputs, step.data_loss, step.penalty, step.loss, *step.gradients]
        arrays += [*step.output_gradients, step.state.theta, *step.state.slots]
        for array in arrays:
            assert np.isfinite(bound_of(array)).all()
            assert np.sum(bound_of(array)) <= 2.0**-8 * np.sum(abs(array.value))
        gradient = np.concatenate([g.value for g in step.gradients], axis=None)
        for unit in (None, 0.0):
            alone_ = bounds_of_rule(whole, before, gradient, unit)
            for array in (alone_.theta, *alone_.slots):
                assert np.isfinite(array.bound).all()
                assert array.bound.sum() <= 2.0**-8 * np.sum(abs(array.value))
                assert unit is None or array.bound.max() < 2 * np.finfo(dtype).tiny


@each_dtype
@pytest.mark.parametrize("edge", [losses.CLIP, 1 - losses.CLIP])
def test_the_definition_holds_at_the_edges_of_the_clip(edge, dtype):
    """Where a probability is at an edge, or a few ulps to either side of it."""
    a, loss = Arithmetic(np.dtype(dtype).name), losses.CategoricalCrossentropy()
    for ulps in range(-6, 7):
        p = dtype(edge)
        for _ in range(abs(ulps)):
            p = np.nextafter(p, dtype(np.sign(ulps)))
        y_pred = np.array([[p, 1 - p]], dtype)
        y_true = np.array([[1, 0]], dtype)
        derived = loss.value(y_true, exact(y_pred)), loss.gradient(y_true, exact(y_pred))
        wide = y_true.astype(np.longdouble), y_pred.astype(np.longdouble)
        for one, other in zip(derived, definitions.loss(loss, a, *wide), strict=True):
            limit = np.asarray(other.bound, np.float64)
            assert (one.bound <= definitions.MULTIPLE * limit).all(), ulps
            apart = abs(one.value.astype(np.longdouble) - other.value)
            assert (apart <= one.bound * (1 + 2.0**-9)).all(), ulps


@each_dtype
def test_the_bias_may_be_the_first_summand(dtype):
    """γ_k |b| more than x W + b says, and no more."""
    rng, u = np.random.default_rng(49), unit_of(dtype)
    model = Model(Network([Dense(8, 5)]), losses.MeanSquaredError())
    theta, x = drawn(rng, 45, dtype), drawn(rng, (3, 8), dtype)
    step = bounds_of_step(model, State(theta), x, np.zeros((3, 5), dtype))
    W, b = theta[:40].reshape(8, 5).astype(np.float64), theta[40:].astype(np.float64)
    products, z = abs(x.astype(np.float64)) @ abs(W), x.astype(np.float64) @ W + b
    textbook = 8 * u * products + u * abs(z) + 8 * u * abs(b)
    assert_near(step.outputs[1].bound, textbook, dtype)


def test_every_activation_and_loss_is_held():
    kinds = {type(f).__name__ for f in FUNCTIONS_OF_REFNN} | {type(f).__name__ for f in LOSSES}
    rooms = {
        name for room_ in (activations, losses, crossentropies)
        for name, kind in vars(room_).items()
        if isinstance(kind, type) and kind.__module__ == room_.__name__
    }  # fmt: skip
    assert kinds == rooms - {"Function", "Loss"}


@each_dtype
@pytest.mark.parametrize("function", [*KERNELS, Relu, Tanh, LeakyRelu, Elu, Selu, Identity])
def test_an_unbounded_gradient_gives_no_bound_that_is_nan(function, dtype):
    """0 · ∞: beside a kink, behind a mask, at an output of exactly 0."""
    x = np.array([[-1, -1e-9, 0, 1e-9, 1, -0.0, 30]], dtype)
    name = np.dtype(dtype).name
    for bound in (0.0, 1e-8, np.inf):
        at = Rounded(x, np.full(x.shape, bound), exact(x).unit)
        dy = Rounded(np.ones_like(x), np.full(x.shape, np.inf), exact(x).unit)
        wide = with_kernel(function(), name)
        with np.errstate(all="ignore"):
            y = wide.forward(at)
            dx = wide.backward(dy, at, y)
        assert not np.isnan(y.bound).any()
        assert not np.isnan(dx.bound).any()
