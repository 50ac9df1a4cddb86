"""Each formula of the page, evaluated from the numbers that it names, gives the recorded number."""

import json
from itertools import product

import numpy as np
import pytest

from refnn import L2, Model, losses
from refnn import activations as a
from refnn import optimizers as o
from refnn.layers import Activation, Dense, Dropout
from refnn.network import Network
from refnn.schedules import ExponentialDecay
from tests.guide.test_guide import SHOWN
from tests.helpers import same_bits
from tftwin.check.judge import Bounds, fits
from tftwin.lockstep.roundoff import exact
from tftwin.microscope import formulas, steps
from tftwin.microscope.equations import equations
from tftwin.microscope.expressions import evaluate, is_open, references
from tftwin.microscope.sources import line

ACTIVATIONS = [
    a.Identity(), a.Sigmoid(), a.Tanh(), a.Relu(), a.LeakyRelu(), a.Elu(), a.Selu(), a.Softplus(),
    a.Softmax(),
]  # fmt: skip
LOSSES = [
    losses.MeanSquaredError(), losses.MeanAbsoluteError(), losses.Asymmetric(2.0, 3.0),
    losses.SoftmaxCrossentropy(), losses.SigmoidCrossentropy(), losses.BinaryCrossentropy(),
    losses.CategoricalCrossentropy(),
]  # fmt: skip
RULES = [o.SGD(), o.SGDM(), o.Nesterov(), o.Adagrad(), o.RMSProp(), o.Adam(), o.Nadam()]
LAST = {losses.BinaryCrossentropy: a.Sigmoid(), losses.CategoricalCrossentropy: a.Softmax()}


def a_model(function, loss, rule, regularizer=None):
    last = [Activation(LAST[type(loss)])] if type(loss) in LAST else []
    layers = [Dense(4, 5), Activation(function), Dropout(0.3), Dense(5, 3), *last]
    return Model(Network(layers), loss, rule, regularizer)


def a_run(model, dtype, rows=(6, 5, 4), seed=0):
    """Three batches, of different numbers of rows, from a state with memory."""
    rng = np.random.default_rng(seed)
    batches = []
    for n in rows:
        x = rng.standard_normal((n, model.network.inputs)).astype(dtype)
        y = np.eye(model.network.outputs)[rng.integers(model.network.outputs, size=n)].astype(dtype)
        batches.append((x, y, model.network.draw_masks(rng, n, dtype)))
    state = model.initial_state(rng, dtype=dtype)
    found = formulas.tensors(model)
    return found, batches, *steps.alone(model, found, state, batches)


def check_formulas(tensors, numbers):
    """Hold every formula against its number; return how many numbers were held."""
    count = 0
    for tensor in tensors:
        ours = np.asarray(numbers.ours[tensor.name])
        assert ours.shape == tensor.shape(numbers.ours["N"]), tensor.name
        if tensor.formula is None:
            continue
        sizes = tensor.sizes(numbers.ours["N"])
        found = evaluate(tensor.formula, sizes, numbers.ours, exact)
        if not hasattr(found, "bound"):  # nothing in it rounds
            assert np.array_equal(found, ours), tensor.name
            continue
        bounds = Bounds(np.asarray(found.value), np.asarray(found.bound, np.float64))
        assert bounds.value.shape == ours.shape, tensor.name
        assert np.isfinite(bounds.bound).all(), tensor.name
        assert fits(ours, bounds).all(), tensor.name
        count += ours.size
    return count


MODELS = [
    *((f, losses.SoftmaxCrossentropy(), o.Adam()) for f in ACTIVATIONS),
    *((a.Tanh(), loss, o.SGD()) for loss in LOSSES),
    *((a.Sigmoid(), losses.MeanSquaredError(), rule) for rule in RULES),
]


@pytest.mark.parametrize(("function", "loss", "rule"), MODELS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_formula_gives_its_number(function, loss, rule, dtype):
    for regularizer in (None, L2(0.01)):
        tensors, _, numbers, _ = a_run(a_model(function, loss, rule, regularizer), dtype)
        for step in numbers:
            assert check_formulas(tensors, step) > 200


def test_a_formula_that_is_wrong_is_seen():
    """Of each tensor, in a step with biases and a memory, whatever operation is another."""
    model = a_model(a.Tanh(), losses.SoftmaxCrossentropy(), o.Adam(), L2(0.01))
    tensors, _, (*_, last), _ = a_run(model, np.float32)
    swaps = {"add": "sub", "sub": "add", "mul": "add", "chain": "add", "div": "mul"}
    seen = 0
    for tensor in tensors:
        text = json.dumps(tensor.formula)
        for word, other in swaps.items():
            if f'["{word}", ' not in text:
                continue
            wrong = json.loads(text.replace(f'["{word}", ', f'["{other}", ', 1))
            found = evaluate(wrong, tensor.sizes(4), last.ours, exact)
            ours = np.asarray(last.ours[tensor.name])
            value, bound = getattr(found, "value", found), getattr(found, "bound", 0.0)
            bounds = Bounds(np.asarray(value), np.broadcast_to(bound, ours.shape))
            assert not fits(ours, bounds).all(), (tensor.name, word)
            seen += 1
    assert seen > 40


def test_a_step_has_the_bits_of_refnn_where_it_is_followed_by_hand():
    """The moves are computed by the page: their formulas end in the new parameter, bit for bit."""
    for rule, dtype in product(RULES, (np.float32, np.float64)):
        model = a_model(a.Tanh(), losses.SoftmaxCrossentropy(), rule, L2(0.01))
        tensors, _, numbers, _ = a_run(model, dtype)
        by_name = {t.name: t for t in tensors}
        for step in numbers:
            for name in ("W1'", "b4'"):
                tensor = by_name[name]
                found = evaluate(tensor.formula, tensor.sizes(step.ours["N"]), step.ours)
                assert same_bits(found, np.asarray(step.ours[name])), (rule, name)


def test_every_reference_is_a_tensor_with_these_letters():
    for function, loss, rule in MODELS:
        tensors = formulas.tensors(a_model(function, loss, rule, L2(0.1)))
        by_name = {t.name: t for t in tensors}
        assert len(by_name) == len(tensors)
        for tensor in tensors:
            for name, letters in references(tensor.formula):
                assert len(letters) == len(by_name[name].indices), (tensor.name, name)


def test_rates_that_change_and_the_memory_of_a_run_are_followed():
    rule = o.Nadam(ExponentialDecay(0.1, 0.5, 2))
    model = a_model(a.Relu(), losses.MeanSquaredError(), rule)
    tensors, _, numbers, states = a_run(model, np.float64, rows=(5,) * 6)
    assert [n.ours["lr"] for n in numbers[:3]] == [0.1, 0.1 * 0.5**0.5, 0.05]
    for before, after, state in zip(numbers, numbers[1:], states[1:], strict=False):
        assert same_bits(before.ours["W1'"], after.ours["W1"])
        assert same_bits(before.ours["m W1'"], after.ours["m W1"])
        assert same_bits(after.ours["W1"], model.network.parameters[0].of(state.theta))
    assert all(check_formulas(tensors, n) for n in numbers)


def test_a_function_of_your_own_stays_closed():
    class Mine:
        def forward(self, x):
            return x

        def backward(self, dy, x, y):
            return dy

    tensors = formulas.tensors(a_model(Mine(), losses.MeanSquaredError(), o.SGD()))
    closed = [t.name for t in tensors if not is_open(t.formula)]
    assert closed == ["y2", "dy1"]


def test_a_line_that_is_gone_is_an_error():
    assert line(Dense.forward, "z = x @").text == "z = x @ self.weight(part)"
    for text in ("no such line", ""):
        with pytest.raises(ValueError, match="lines begin with"):
            line(Dense.forward, text)


def test_the_guide_has_the_formula_of_each_number():
    shown = set(SHOWN)
    seen = set()
    for function, loss, rule in MODELS:
        model = a_model(function, loss, rule, L2(0.1))
        for tensor in formulas.tensors(model):
            names = equations(model, tensor)
            assert set(names) <= shown
            assert ("activation-chain" in names) == any(n.endswith("-slope") for n in names)
            seen |= set(names)
            of_refnn = tensor.formula is not None and not tensor.derived
            identity = isinstance(function, a.Identity) and tensor.layer in (1, 2)
            assert names or not of_refnn or identity or tensor.name == "total", tensor.name
    # the data, the draws, the size, the schedules
    left = {"mean", "deviation", "standardized", "he", "parameters", "decay", "nadam-momentum"}
    assert shown - seen == left
