"""Keras' rules in NumPy have the bits of Keras' optimizers, over many steps, in both dtypes."""

import contextlib

import numpy as np
import pytest

from tftwin.cards.rates import decay_in_float32, rounded_rate
from tftwin.keras_lockstep.rules import keras_rule
from tftwin.keras_models.compiled import read_compiled
from tftwin.keras_models.library import keras
from tftwin.lockstep.roundoff import exact

DTYPES = ("float32", "float64")
STEPS = 150
OPTIMIZERS = {
    "sgd": lambda rate: keras.optimizers.SGD(rate),
    "momentum": lambda rate: keras.optimizers.SGD(rate, momentum=0.87),
    "nesterov": lambda rate: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
    "adagrad": lambda rate: keras.optimizers.Adagrad(rate, initial_accumulator_value=0.03),
    "rmsprop": lambda rate: keras.optimizers.RMSprop(rate, rho=0.83, epsilon=1e-5),
    "adam": lambda rate: keras.optimizers.Adam(rate),
    "adam, others": lambda rate: keras.optimizers.Adam(rate, 0.83, 0.97, 1e-3),
    "nadam": lambda rate: keras.optimizers.Nadam(rate, 0.83, 0.997),
}


@contextlib.contextmanager
def floatx(name):
    before = keras.config.floatx()
    keras.config.set_floatx(name)
    try:
        yield
    finally:
        keras.config.set_floatx(before)


def described(optimizer):
    """What keras_models reads from the optimizer's configuration."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    return read_compiled(keras.saving.serialize_keras_object(model)["compile_config"]).optimizer


def gradients(dtype, size=11):
    """Of many scales: near ε, near √ε, and large."""
    rng = np.random.default_rng(5)
    while True:
        scale = 10.0 ** rng.integers(-9, 3, size)
        yield (rng.standard_normal(size) * scale).astype(dtype)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(
    ("dtype", "global_dtype"),
    [("float32", "float32"), ("float64", "float32"), ("float64", "float64")],
)
def test_the_bits_are_those_of_keras(name, dtype, global_dtype):
    with floatx(global_dtype):
        optimizer = OPTIMIZERS[name](0.013)
        rule = keras_rule(described(optimizer), global_dtype)
        start = np.linspace(-2, 2, 11).astype(dtype)
        variable = keras.Variable(start, dtype=dtype)
        optimizer.build([variable])
        lists = ("momentums", "_momentums", "_velocities", "_accumulators")
        found = [getattr(optimizer, slot, None) for slot in lists]
        slots = tuple(variables[0].numpy() for variables in found if variables)
        theta, rate = start, rule.learning_rate
        assert float(optimizer.learning_rate) == rate
        for t, g in zip(range(1, STEPS + 1), gradients(dtype), strict=False):
            optimizer.apply([keras.ops.convert_to_tensor(g, dtype=dtype)], [variable])
            theta, slots = rule.rule(theta, g, slots, t, rate)
            np.testing.assert_array_equal(theta, variable.numpy(), f"step {t}")
            assert theta.dtype == dtype


@pytest.mark.parametrize("staircase", [False, True])
def test_the_rates_are_those_of_keras(staircase):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.2, 7, 0.93, staircase)
    for step in (0, 1, 5, 6, 7, 100, 1000, 12345):
        assert (float(schedule(step)),) == decay_in_float32(step, 0.2, 0.93, 7, staircase)
    assert rounded_rate(0.1) == (float(keras.optimizers.SGD(0.1).learning_rate),)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_rule_runs_on_arrays_with_bounds(name, dtype):
    rule = keras_rule(described(OPTIMIZERS[name](0.013)), "float32")
    theta, g = np.linspace(-2, 2, 11).astype(dtype), next(gradients(dtype))
    slots = tuple(np.full(11, 0.1, dtype) for _ in rule.slot_names)
    after, parts = rule.rule(exact(theta), exact(g), tuple(map(exact, slots)), 3, 0.25)
    plain, _ = rule.rule(theta, g, slots, 3, 0.25)
    np.testing.assert_array_equal(after.value, plain)
    wide = [a.astype(np.longdouble) for a in (theta, g, *slots)]
    truth, _ = rule.rule(wide[0], wide[1], tuple(wide[2:]), 3, 0.25)
    if "adam" not in name:  # whose scalars, such as βᵗ, are rounded to the dtype of w
        assert (np.abs(after.value - truth) <= after.bound).all()
    assert np.isfinite(after.bound).all()
    assert len(parts) == len(slots)
