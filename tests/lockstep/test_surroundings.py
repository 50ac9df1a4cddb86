"""What surrounds a step: its inputs, the number of the update, the total, rates late in a run."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnn import losses, network, schedules, training
from refnn import optimizers as rules
from refnn.layers import Dense
from refnn.losses import MeanSquaredError
from refnn.network import Network
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp
from refnn.schedules import Constant, ExponentialDecay, PerEpoch
from refnn.state import State
from refnn.training import Model
from tests.lockstep.compare import agrees, compare
from tests.lockstep.planted import (
    SIZES,
    Planted,
    adam_t,
    found,
    of_numbers,
    planted,
    run,
    tf_corrections,
    total,
)
from tests.strategies import FLOATS, Case, dtypes, seeds
from tftwin import optimizers as tf_rules
from tftwin import schedules as tf_schedules
from tftwin import trainer as tf_trainer

each_dtype = pytest.mark.parametrize("dtype", FLOATS)

# The inputs -------------------------------------------------------------------------------------


def first_changes(array):
    """One bit of one number changes."""
    array.reshape(-1)[:1] = np.nextafter(array.reshape(-1)[:1], np.inf, dtype=array.dtype)


def forward_changes(which, when):
    """refnn's forward changes θ (0) or x (1), before or after it is used."""

    def make(old):
        def forward(self, *args):
            if when == "before":
                first_changes(args[which])
            outputs = old(self, *args)
            if when == "after":
                first_changes(args[which])
            return outputs

        return forward

    return of_numbers(make)


def loss_changes_y(old):
    def value_and_gradient(self, y_true, y_pred):
        both = old(self, y_true, y_pred)
        if isinstance(y_pred, np.ndarray):
            y_true[0] = y_true[0, ::-1].copy()
        return both

    return value_and_gradient


def update_changes_slots(old):
    def update(optimizer, state, gradient, rate):
        after = old(optimizer, state, gradient, rate)
        if isinstance(state.theta, np.ndarray):
            first_changes(state.slots[-1])
        return after

    return update


def tf_step_changes(which):
    def make(old):
        def step(self, *data):
            first_changes(data[which])
            return old(self, *data)

        return step

    return make


CHANGED = {
    "refnn's x": Planted("", network.Network, "forward", forward_changes(1, "after")),
    "refnn's x, used": Planted("", network.Network, "forward", forward_changes(1, "before")),
    "refnn's theta": Planted("", network.Network, "forward", forward_changes(0, "after")),
    "refnn's theta, used": Planted("", network.Network, "forward", forward_changes(0, "before")),
    "refnn's y": Planted("", losses.SoftmaxCrossentropy, "value_and_gradient", loss_changes_y),
    "refnn's slot 1": Planted("", training, "update", update_changes_slots),
    "tftwin's x": Planted("", tf_trainer.Trainer, "step", tf_step_changes(0)),
    "tftwin's y": Planted("", tf_trainer.Trainer, "step", tf_step_changes(1)),
}


@each_dtype
@pytest.mark.parametrize("what", CHANGED)
def test_an_input_that_changes_in_place_is_seen(what, dtype):
    report = run(CHANGED[what], dtype=dtype, sizes=SIZES["shallow"], steps=1)
    (divergence,) = (d for d in report.divergences if d.stage == "inputs")
    assert divergence.name == what.removesuffix(", used")
    assert divergence.wrong == what.split("'")[0]
    assert divergence.explanation == f"{divergence.wrong} changed it during the step"


# The number of the update -----------------------------------------------------------------------


def counts(change):
    return lambda old: lambda o, s, g, r: old(o, s, g, r)._replace(step=s.step + change)


def tf_counts(change):
    def make(old):
        def step(self, x, y, *masks):
            made = old(self, x, y, *masks)
            return made._replace(state=made.state._replace(step=made.state.step - 1 + change))

        return step

    return make


@each_dtype
@pytest.mark.parametrize("by", [0, 2])
@pytest.mark.parametrize("side", ["refnn", "tftwin"])
def test_another_step_count_is_seen(side, by, dtype):
    fault = {
        "refnn": Planted("", training, "update", counts(by)),
        "tftwin": Planted("", tf_trainer.Trainer, "step", tf_counts(by)),
    }[side]
    report = run(fault, dtype=dtype, sizes=SIZES["shallow"], steps=1)
    assert [(d.stage, d.name, d.wrong) for d in report.divergences] == [
        ("inputs", f"{side}'s step count", side)
    ]


# The total --------------------------------------------------------------------------------------


@each_dtype
@pytest.mark.parametrize("depth", ["shallow", "deep"])
@pytest.mark.parametrize("side", ["refnn", "tftwin"])
@pytest.mark.parametrize("relative", [1e-6, -1e-6])
def test_a_total_that_is_not_the_sum_is_seen(side, depth, dtype, relative):
    def off(v):
        return v * (1 + relative)

    fault = {
        "refnn": Planted("", training, "Gradients", total(off)),
        "tftwin": Planted("", tf_trainer, "differentiate", found(loss=off)),
    }[side]
    report = run(fault, dtype=dtype, sizes=SIZES[depth], steps=1)
    assert {(d.name, d.wrong) for d in report.divergences} == {("total", side)}
    family = {"refnn": "layer loss", "tftwin": "mirror loss"}[side]
    assert family in {d.stage for d in report.divergences}


# Late in a run ----------------------------------------------------------------------------------

LAST = 33
"""Steps are drawn from 1 to 2^33 on a logarithmic scale."""


def late_case(step, kind, seed, dtype, staircase=False):
    """A small run at a step, with rates and betas that still change there."""
    rng = np.random.default_rng(seed)
    memory = 1 - 1 / (step + 2)  # β^t is neither 1 nor 0
    decay = ExponentialDecay(0.1, 0.5, max(1, step // 3), staircase)
    rate = PerEpoch(decay, 3) if kind == "epochs" else decay
    optimizer = {
        "epochs": SGD(rate),
        "constant": SGD(Constant(0.1)),
        "SGD": SGD(rate),
        "SGDM": SGDM(rate),
        "Nesterov": Nesterov(rate),
        "Adagrad": Adagrad(rate),
        "RMSProp": RMSProp(rate),
        "Adam": Adam(rate, memory, memory),
        "Nadam": Nadam(rate, memory, memory, momentum_decay=0.5),
    }[kind]
    model = Model(Network([Dense(2, 2)]), MeanSquaredError(), optimizer)
    theta, *slots = np.abs(rng.standard_normal((1 + len(optimizer.slot_names), 6))).astype(dtype)
    x, y = rng.standard_normal((2, 3, 2)).astype(dtype)
    return Case(model, State(theta, tuple(slots), step), [(x, y)])


kinds = st.sampled_from(
    ["SGD", "SGDM", "Nesterov", "Adagrad", "RMSProp", "Adam", "Nadam", "epochs", "constant"]
)


@given(
    exponent=st.floats(0, LAST),
    kind=kinds,
    seed=seeds,
    dtype=dtypes,
    staircase=st.booleans(),
)
def test_late_in_a_run_both_sides_agree(exponent, kind, seed, dtype, staircase):
    agrees(compare(late_case(int(2**exponent), kind, seed, dtype, staircase)))


def capped(limit):
    return lambda step: min(step, limit)


def cut(bits):
    """The number keeps so many bits, as an integer of C would."""
    return lambda step: step & (2**bits - 1)


def at_step(change):
    """A schedule that is asked at another step."""
    return lambda old: lambda self, step: old(self, change(step))


def staircase_cut(old):
    def rate(self, step):
        if not self.staircase:
            return old(self, step)
        number = (step & (2**31 - 1)) // self.decay_steps
        return self.initial_learning_rate * self.decay_rate**number

    return rate


ADAM, RATE = (rules.Adam, "rule"), (schedules.ExponentialDecay, "__call__")
TF_ADAM, TF_RATE = (tf_rules.Adam, "corrections"), (tf_schedules.ExponentialDecay, "__call__")
LATE = {
    **{f"adam's t capped at {n}": (*ADAM, adam_t(capped(n))) for n in (1000, 2**24, 2**31 - 1)},
    "adam's t has 31 bits": (*ADAM, adam_t(cut(31))),
    "adam's t has 32 bits": (*ADAM, adam_t(cut(32))),
    "TF: adam's t capped": (*TF_ADAM, tf_corrections(capped(2**31 - 1))),
    "TF: adam's t has 32 bits": (*TF_ADAM, tf_corrections(cut(32))),
    **{f"a table of {n} rates": (*RATE, at_step(capped(n - 1))) for n in (20_000, 1 << 20)},
    "the step has 31 bits": (*RATE, at_step(cut(31))),
    "the step is a float32": (*RATE, at_step(lambda step: int(np.float32(step)))),
    "a staircase of 31 bits": (*RATE, staircase_cut),
    "TF: a table of 20,000 rates": (*TF_RATE, at_step(capped(19_999))),
    "TF: a staircase of 31 bits": (*TF_RATE, staircase_cut),
}


@each_dtype
@pytest.mark.parametrize("name", LATE)
def test_a_number_that_ends_is_seen_late_in_a_run(name, dtype):
    """Among the steps behind all powers of two; before its end the fault is none."""
    kind = "Adam" if "adam" in name else "SGD"
    fault = Planted(name, *LATE[name])
    steps = [2**k + 1 for k in range(LAST + 1)]
    with planted(fault):
        seen = [
            step
            for step in steps
            if not compare(late_case(step, kind, 1, dtype, "staircase" in name)).agreed
        ]
    assert seen
    assert seen[0] > 500
