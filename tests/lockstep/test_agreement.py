"""refnn against tftwin: every number of every stage of every step."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refnn.activations import LeakyRelu, Relu, Sigmoid, Tanh
from refnn.layers import Activation, Dense
from refnn.losses import Asymmetric, MeanSquaredError, SoftmaxCrossentropy
from refnn.network import Network, multilayer
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp
from refnn.record import record
from refnn.regularizers import L2
from refnn.state import State
from refnn.training import Model, train_step
from tests.helpers import same_bits
from tests.lockstep.compare import agrees, compare, expected_elements, small_case
from tests.lockstep.tally import Tally
from tests.strategies import Case, cases, dtypes, seeds
from tftwin.counterparts import twin
from tftwin.lockstep import bounds_of_step
from tftwin.trainer import Trainer

PARTS = ("forward", "loss", "backward", "gradient")
STAGES = {"inputs", *PARTS, "learning rate", "update", "rule update", "mirror update"}
STAGES |= {f"{family} {part}" for family in ("layer", "walk", "mirror") for part in PARTS}
SLOTS = {"slots", "rule slots", "mirror slots"}
FLOAT64 = {f"float64 {part}" for part in PARTS}
RULES = [SGD(0.1), SGDM(0.1), Nesterov(0.1), Adagrad(0.1), RMSProp(0.01), Adam(0.01), Nadam(0.01)]

# Both sides, at every stage of every step ------------------------------------------------------

IN_FRONT = Case(  # a sigmoid in front of all parameters
    Model(Network([Activation(Sigmoid()), Dense(2, 2)]), MeanSquaredError(), SGD(0.1)),
    State(np.array([1, -1, 0.5, 2, 0, 1], np.float32)),
    [(np.array([[0.5, -3]], np.float32), np.array([[1, 0]], np.float32))],
)


@given(cases())
@example(IN_FRONT)
def test_both_sides_agree_at_every_stage_of_every_step(case):
    report = compare(case)
    agrees(report)
    assert report.steps == len(case.batches)
    assert report.elements == expected_elements(case)
    stages = {row.stage for row in report.rows}
    slots = SLOTS if case.optimizer.slot_names else set()
    assert stages == STAGES | slots | (FLOAT64 if case.dtype == np.float32 else set())
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
    options = {f.name: getattr(case.optimizer, f.name) for f in fields(case.optimizer)}
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
    y[1] = network.forward(theta, x)[-1][1]  # and here prediction and target tie
    model = Model(network, loss, SGD(0.125), L2(0.5))
    report = compare(Case(model, State(theta), [(x, y)]))
    assert report.elements > 0
    for row in report.rows:
        assert row.bit_equal + row.special == row.elements, row


@settings(max_examples=8)
@given(cases(steps=3), st.sampled_from(["function", "xla"]))
def test_compiled_steps_agree_too(case, mode):
    report = compare(case, mode=mode)
    agrees(report)
    assert report.elements == expected_elements(case)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", RULES, ids=lambda o: type(o).__name__)
def test_twenty_steps_of_each_optimizer_agree(optimizer, dtype):
    case = small_case(dtype, optimizer, regularizer=L2(0.01))
    case = replace(case, batches=20 * case.batches)
    report = compare(case)
    agrees(report)
    assert report.elements == expected_elements(case)
    assert 0 < report.fill <= 1


def test_a_fault_is_seen_where_it_stands(monkeypatch):
    """The rule alone comes first, the whole step follows from it."""
    case = small_case()

    def wrong(self, w, g, slots, t, lr):
        m, v = slots
        m = self.beta_1 * m + (1 - self.beta_1) * g
        v = self.beta_2 * v + (1 - self.beta_2) * np.square(g)
        m_hat = m / (1 - self.beta_1 ** (t + 1))
        v_hat = v / (1 - self.beta_2 ** (t + 1))
        return w - lr * m_hat / (np.sqrt(v_hat) + self.epsilon), (m, v)

    monkeypatch.setattr(Adam, "rule", wrong)
    report = compare(case)
    assert not report.agreed
    assert {d.stage for d in report.divergences} == {"update", "rule update", "mirror update"}
    assert {d.wrong for d in report.divergences} == {"refnn"}
    assert report.divergences[0].step == 8
    assert str(report.divergences[0]).startswith("step 8, stage rule update, W1[")


# A small fault far below any tolerance -----------------------------------------------------------


@pytest.mark.parametrize("optimizer", RULES, ids=lambda o: type(o).__name__)
def test_a_rate_off_by_1e_11_is_seen_in_float64(optimizer, monkeypatch):
    case = small_case(np.float64, optimizer)
    rule = type(optimizer).rule
    monkeypatch.setattr(
        type(optimizer),
        "rule",
        lambda self, w, g, slots, t, lr: rule(self, w, g, slots, t, lr * (1 + 1e-11)),
    )
    assert not compare(case).agreed


# Recording changes no bit ------------------------------------------------------------------------


@given(cases(steps=1))
def test_bounds_change_no_bit_of_the_value(case):
    """The step on arrays that carry bounds has the values of the plain step."""
    with np.errstate(all="ignore"):
        steps = train_step(*case.step), bounds_of_step(*case.step)
    records = [record(case.network, case.optimizer.slot_names, step) for step in steps]
    pairs = zip(*records, strict=True)
    for one, other in pairs:
        value = getattr(other.array, "value", other.array)
        assert same_bits(one.array, value), one[:2]
        no_penalty = one.name == "penalty" and case.regularizer is None
        if one.stage != "learning rate" and not no_penalty:
            assert np.all(other.array.bound >= 0), one[:2]


@pytest.mark.parametrize("mode", ["eager", "function", "xla"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_record_of_tftwin_changes_no_bit(mode, dtype):
    """Steps inside the graph, which nobody sees, and steps that are recorded: the same bits."""
    case = small_case(dtype, regularizer=L2(0.01))
    x, y = case.batches[0]
    rows = [np.array(r) for r in ([0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [0, 5, 7, 2])]
    seen, unseen = (Trainer(twin(case.model), case.state, mode) for _ in range(2))
    losses = [seen.step(x[r], y[r]).loss for r in rows]
    assert same_bits(np.array(losses), unseen.run(x, y, rows))
    assert same_bits(seen.state(), unseen.state())
    assert seen.step_count == case.state.step + len(rows)


@given(cases(steps=1))
def test_a_state_goes_to_tensorflow_and_back_bit_for_bit(case):
    assert same_bits(Trainer(twin(case.model), case.state, "eager").state(), case.state)


# The bounds see something ------------------------------------------------------------------------


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
    for first, right in ((Tanh(), True), (WrongTanh(), False)):
        network = Network([Dense(16, 16), Activation(first), *hidden, Dense(16, 3)])
        model = Model(network, SoftmaxCrossentropy(), SGD(0.1))
        report = compare(Case(model, model.initial_state(rng, dtype=dtype), [(x, y)]))
        assert report.agreed == right
    assert (report.divergences[0].stage, report.divergences[0].name) == ("layer backward", "dy1")
