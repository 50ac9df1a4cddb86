"""The record of a step: every number stands in it once, in order, under a name to look up."""

import numpy as np
import pytest
from hypothesis import given

from refnn import (
    L2,
    SGD,
    Activation,
    Adagrad,
    Adam,
    Dense,
    MeanSquaredError,
    Model,
    Network,
    NonFiniteError,
    Relu,
    Softmax,
    backpropagate,
    fit,
    multilayer,
    summary,
    train_step,
)
from refnn.network import Parameter
from refnn.record import STAGES, gradient_entries, record, state_entries
from tests.helpers import bits, same_bits
from tests.strategies import cases, numbers


def step_of(case):
    with np.errstate(all="ignore"):
        step = train_step(*case.step)
    return step, record(case.network, case.optimizer.slot_names, step)


def numbers_of(step):
    """Every array of a step but x, from its fields, in the order of computation.

    θ and the slots are cut where ``Parameter`` says.
    """
    yield from step.outputs[1:]
    yield from (step.data_loss, step.penalty, step.loss)
    yield from reversed(step.output_gradients)
    yield from reversed(step.gradients)
    yield step.learning_rate
    yield from step.state.slots
    yield step.state.theta


@given(cases(steps=1))
def test_the_record_holds_every_number_of_a_step_once_and_in_order(case):
    step, entries = step_of(case)
    flat = [np.asarray(a).ravel().tolist() for a in numbers_of(step)]
    recorded = [np.asarray(e.array).ravel().tolist() for e in entries]
    assert bits(sum(recorded, [])) == bits(sum(flat, []))
    size = sum(np.size(a) for a in numbers_of(step))
    assert sum(np.size(e.array) for e in entries) == size
    assert {np.asarray(e.array).dtype for e in entries} <= {case.dtype, np.dtype(float)}
    places = [STAGES.index(e.stage) for e in entries]
    assert places == sorted(places)


@given(cases(steps=1))
def test_every_field_of_a_step_is_seen_in_the_record(case):
    """One number changed anywhere in a step changes one entry."""
    step, entries = step_of(case)
    changes = [
        *(("outputs", i) for i in range(1, len(step.outputs))),
        *(("output_gradients", i) for i in range(len(step.output_gradients))),
        *(("gradients", i) for i in range(len(step.gradients))),
        *((field, None) for field in ("data_loss", "penalty", "loss", "learning_rate")),
    ]
    before = [bits(e.array) for e in entries]
    for field, i in changes:
        value = getattr(step, field)
        if i is None:
            changed = step._replace(**{field: np.asarray(value) + np.asarray(value).dtype.type(1)})
            if same_bits(np.asarray(value), getattr(changed, field)):
                continue  # 1 is nothing beside it
        else:
            parts = list(value)
            parts[i] = parts[i] * parts[i].dtype.type(np.nan)
            if same_bits(parts[i], value[i]):
                continue
            changed = step._replace(**{field: parts})
        after = record(case.network, case.optimizer.slot_names, changed)
        assert sum(bits(e.array) != b for e, b in zip(after, before, strict=True)) == 1


@given(cases(steps=1))
def test_every_entry_has_one_name_and_belongs_to_its_layer(case):
    """A reader asks the entry for its layer; the name is for the eye."""
    step, entries = step_of(case)
    names = [e.name for e in entries]
    assert len(set(names)) == len(names)
    for e in entries:
        assert (e.layer is None) == (e.stage in ("loss", "learning rate"))
        if e.layer is None:
            continue
        layer = case.network.layers[e.layer - 1]
        if e.stage in ("forward", "backward"):
            tape = step.outputs[1:] if e.stage == "forward" else step.output_gradients
            assert e.array is tape[e.layer - 1]
        else:
            assert isinstance(layer, Dense)
            assert e.array.shape in layer.shapes().values()


@given(cases(steps=1))
def test_parameters_are_told_apart_by_layer_and_letter(case):
    entries = {e.name: e for e in step_of(case)[1]}
    for p in case.network.parameters:
        assert p.letter in ("W", "b")
        assert p.is_weight == (p.letter == "W")
        assert p.name == p.letter + str(p.layer)
        assert p.shape == case.network.layers[p.layer - 1].shapes()[p.letter]
        for name in (p.name, f"d{p.name}", *(f"{s} {p.name}" for s in case.optimizer.slot_names)):
            assert entries[name].layer == p.layer
            assert entries[name].array.shape == p.shape


@given(cases(steps=1))
def test_inputs_are_what_was_computed_before_or_given(case):
    """x, the parameters before the step, and the entries above; nothing is its own input."""
    _, entries = step_of(case)
    given_before = {"x", *(p.name for p in case.network.parameters)}
    known = set(given_before)
    for e in entries:
        assert set(e.inputs) <= known, e
        if e.stage not in ("slots", "update"):
            assert e.name not in given_before
        assert e.inputs or e.name == "lr"
        known.add(e.name)


def depends(model, theta, x, y, p):
    """The names of the entries that change when one parameter changes."""
    moved = theta.copy()
    p.of(moved)[...] += np.random.default_rng(1).random(p.shape)
    one, other = (
        gradient_entries(model.network, backpropagate(model, t, x, y)) for t in (theta, moved)
    )
    return {a.name for a, b in zip(one, other, strict=True) if not same_bits(a.array, b.array)}


def test_inputs_name_everything_that_an_entry_was_computed_from():
    """Followed from entry to entry, they reach each parameter that moves the entry."""
    rng = np.random.default_rng(0)
    model = Model(multilayer([3, 4, 2], Softmax(), Softmax()), MeanSquaredError(), Adam(), L2(0.1))
    theta, x, y = (numbers(rng, shape) for shape in (model.network.size, (5, 3), (5, 2)))
    entries = gradient_entries(model.network, backpropagate(model, theta, x, y))
    reached = {}
    for e in entries:
        reached[e.name] = set(e.inputs).union(*(reached.get(name, set()) for name in e.inputs))
    for p in model.network.parameters:
        moved = depends(model, theta, x, y, p)
        missing = {name for name in moved if p.name not in reached[name]}
        assert missing <= {f"d{p.name}"}  # of dW, λ W is the penalty's part
        assert {"y4", "data", "total", "dy4"} <= moved


def test_the_record_of_a_step_by_hand():
    network = Network([Dense(2, 3), Activation(Relu()), Dense(3, 1, False)])
    model = Model(network, MeanSquaredError(), Adam())
    rng = np.random.default_rng(0)
    step = train_step(
        model,
        model.state_at(numbers(rng, network.size)),
        numbers(rng, (4, 2)),
        numbers(rng, (4, 1)),
    )
    found = record(network, model.optimizer.slot_names, step)
    assert [(e.stage, e.name, e.layer, " ".join(e.inputs)) for e in found] == [
        ("forward", "y1", 1, "x W1 b1"),
        ("forward", "y2", 2, "y1"),
        ("forward", "y3", 3, "y2 W3"),
        ("loss", "data", None, "y3"),
        ("loss", "penalty", None, "W1 W3"),
        ("loss", "total", None, "data penalty"),
        ("backward", "dy3", 3, "y3"),
        ("backward", "dy2", 2, "dy3 W3"),
        ("backward", "dy1", 1, "dy2"),
        ("gradient", "dW3", 3, "dy3 y2"),
        ("gradient", "db1", 1, "dy1 x"),
        ("gradient", "dW1", 1, "dy1 x"),
        ("learning rate", "lr", None, ""),
        ("slots", "m W1", 1, "dW1"),
        ("slots", "m b1", 1, "db1"),
        ("slots", "m W3", 3, "dW3"),
        ("slots", "v W1", 1, "dW1"),
        ("slots", "v b1", 1, "db1"),
        ("slots", "v W3", 3, "dW3"),
        ("update", "W1", 1, "dW1"),
        ("update", "b1", 1, "db1"),
        ("update", "W3", 3, "dW3"),
    ]


@pytest.mark.parametrize("optimizer", [SGD(), Adam()], ids=lambda o: type(o).__name__)
def test_the_record_of_a_state_may_have_other_stages(optimizer):
    model = Model(multilayer([3, 2], Relu()), MeanSquaredError(), optimizer)
    state = model.state_at(numbers(np.random.default_rng(0), 8))
    parts = model.network, model.optimizer.slot_names, state
    entries = state_entries(*parts, "rule slots", "rule")
    assert {e.stage for e in entries} == {"rule"} | {"rule slots" for _ in state.slots}
    for one, other in zip(entries, state_entries(*parts), strict=True):
        assert one.name == other.name
        assert one.array.base is not None  # a view
        assert same_bits(one.array, other.array)


def test_nothing_reads_a_name_to_find_a_parameter(monkeypatch):
    """Under names that tell nothing, the record, the diagnosis and the summary stand as before."""
    network = Network([Dense(2, 3), Activation(Relu()), Dense(3, 1, False)])
    model = Model(network, MeanSquaredError(), Adagrad(0.1, 0.0), L2(0.1))
    rng = np.random.default_rng(0)
    state, (x, y) = model.initial_state(rng), np.zeros((2, 4, 2), np.float32)
    y = y[:, :1]

    def look():
        with np.errstate(all="ignore"):
            step = train_step(model, state, x + 1, y)
        entries = record(network, model.optimizer.slot_names, step)
        with pytest.raises(NonFiniteError) as caught:
            fit(model, state, x, y, epochs=1, progress=False)
        (p,) = (p for p in network.parameters if p.name == caught.value.tensor)
        return [(e.stage, e.layer, bits(e.array)) for e in entries], p[:2], summary(network)

    before = look()
    names = {(1, "W"): "first", (1, "b"): "W3", (3, "W"): "b"}
    monkeypatch.setattr(Parameter, "name", property(lambda p: names[p.layer, p.letter]))
    assert look() == before
