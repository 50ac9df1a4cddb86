"""Other witnesses for the optimizer rules: TensorFlow's own training kernels.

They are written in C++ by other people and arranged otherwise, so that they agree with refnn's
rules up to rounding, under the mapping of the conventions. Each side has its own derived bound:
refnn's rule and the kernel's formula are both evaluated on arrays that carry their bounds, and
the two may differ by the sum.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refnn import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp
from tests.strategies import dtypes, gradients, seeds
from tftwin.lockstep.roundoff import exact
from tftwin.tensorflow import tf

LENGTH = 257
RATE = 0.03


def drawn(seed, dtype, slots):
    rng = np.random.default_rng(seed)
    w, g = rng.standard_normal(LENGTH), gradients(rng, LENGTH)
    g[g == 0] = 1.0
    memory = [np.square(gradients(rng, LENGTH)) + 1e-6 for _ in range(slots)]
    return [a.astype(dtype) for a in (w, g, *memory)]


def agree(value, bounded, kernel, formula):
    """Both sides within the sum of the bounds of their own formulas."""
    allowed = bounded.bound + formula.bound
    apart = np.abs(value.astype(np.longdouble) - kernel.astype(np.longdouble))
    assert np.isfinite(allowed).mean() > 0.9
    assert np.all(apart <= allowed), float(np.max(apart / allowed))
    assert np.all(np.abs(kernel - formula.value) <= 2 * formula.bound)


def run(optimizer, w, g, slots, t):
    value = optimizer.rule(w, g, slots, t, RATE)
    bounded = optimizer.rule(exact(w), exact(g), tuple(map(exact, slots)), t, RATE)
    return value[0], bounded[0], [*value[1]], [*bounded[1]]


@given(dtypes, seeds)
@settings(max_examples=20)
def test_sgd_against_its_kernel(dtype, seed):
    w, g = drawn(seed, dtype, 0)
    handle = tf.Variable(w)
    tf.raw_ops.ResourceApplyGradientDescent(var=handle.handle, alpha=dtype(RATE), delta=g)
    new, bounded, _, _ = run(SGD(), w, g, (), 1)
    agree(new, bounded, handle.numpy(), exact(w) - RATE * exact(g))


@given(dtypes, seeds, st.sampled_from([0.5, 0.9, 0.99]))
@settings(max_examples=20)
def test_sgdm_against_the_momentum_kernel_fed_with_its_share_of_the_gradient(dtype, seed, beta):
    w, g, m = drawn(seed, dtype, 1)
    handle, accumulator = tf.Variable(w), tf.Variable(m)
    share = (1 - beta) * g
    tf.raw_ops.ResourceApplyMomentum(
        var=handle.handle,
        accum=accumulator.handle,
        lr=dtype(RATE),
        grad=share,
        momentum=dtype(beta),
    )
    new, bounded, slots, bounded_slots = run(SGDM(beta=beta), w, g, (m,), 1)
    formula = beta * exact(m) + (1 - beta) * exact(g)
    agree(slots[0], bounded_slots[0], accumulator.numpy(), formula)
    agree(new, bounded, handle.numpy(), exact(w) - RATE * formula)


@given(dtypes, seeds, st.sampled_from([0.5, 0.9, 0.99]))
@settings(max_examples=20)
def test_nesterov_against_the_same_kernel(dtype, seed, beta):
    """The kernel moves by lr (g + β m); it is fed with (1 − β) g."""
    w, g, m = drawn(seed, dtype, 1)
    handle, accumulator = tf.Variable(w), tf.Variable(m)
    tf.raw_ops.ResourceApplyMomentum(
        var=handle.handle,
        accum=accumulator.handle,
        lr=dtype(RATE),
        grad=(1 - beta) * g,
        momentum=dtype(beta),
        use_nesterov=True,
    )
    new, bounded, slots, bounded_slots = run(Nesterov(beta=beta), w, g, (m,), 1)
    share = (1 - beta) * exact(g)
    formula = beta * exact(m) + share
    agree(slots[0], bounded_slots[0], accumulator.numpy(), formula)
    step = share * RATE + formula * beta * RATE
    agree(new, bounded, handle.numpy(), exact(w) - step)


@given(dtypes, seeds, st.sampled_from([1e-7, 1e-3, 1.0]))
@settings(max_examples=20)
def test_adagrad_against_its_second_kernel(dtype, seed, epsilon):
    w, g, v = drawn(seed, dtype, 1)
    handle, accumulator = tf.Variable(w), tf.Variable(v)
    tf.raw_ops.ResourceApplyAdagradV2(
        var=handle.handle, accum=accumulator.handle, lr=dtype(RATE), epsilon=dtype(epsilon), grad=g
    )
    new, bounded, slots, bounded_slots = run(Adagrad(epsilon=epsilon), w, g, (v,), 1)
    formula = exact(v) + np.square(exact(g))
    agree(slots[0], bounded_slots[0], accumulator.numpy(), formula)
    step = exact(g) * RATE / (np.sqrt(formula) + epsilon)
    agree(new, bounded, handle.numpy(), exact(w) - step)


@given(dtypes, seeds, st.sampled_from([0.5, 0.9, 0.99]))
@settings(max_examples=20)
def test_rmsprop_against_its_kernel_where_epsilon_is_0(dtype, seed, beta):
    """With ε = 0, because the kernel has ε inside the root: v ← v + (g² − v)(1 − β)."""
    w, g, v = drawn(seed, dtype, 1)
    handle, ms, mom = tf.Variable(w), tf.Variable(v), tf.Variable(np.zeros_like(w))
    tf.raw_ops.ResourceApplyRMSProp(
        var=handle.handle,
        ms=ms.handle,
        mom=mom.handle,
        lr=dtype(RATE),
        rho=dtype(beta),
        momentum=dtype(0),
        epsilon=dtype(0),
        grad=g,
    )
    new, bounded, slots, bounded_slots = run(RMSProp(beta=beta, epsilon=0.0), w, g, (v,), 1)
    rest = 1 - exact(np.asarray(dtype(beta)))  # the kernel subtracts in its own dtype
    formula = exact(v) + (np.square(exact(g)) - exact(v)) * rest
    formula.bound += 2 * abs(float(dtype(beta)) - beta) * (v + np.square(g)).astype(np.float64)
    agree(slots[0], bounded_slots[0], ms.numpy(), formula)
    root = exact(g) * RATE / np.sqrt(formula)
    agree(new, bounded, handle.numpy(), exact(w) - root)


@given(seeds, st.integers(1, 2000), st.sampled_from([1e-8, 1e-3]))
@settings(max_examples=30)
def test_adam_against_its_kernel_under_epsilon_hat(seed, t, epsilon):
    """In float64: the kernel's ε stands beside the uncorrected root, ε̂ = ε √(1 − β₂ᵗ)."""
    beta_1, beta_2 = 0.9, 0.999
    w, g, m, v = drawn(seed, np.float64, 2)
    variables = [tf.Variable(a) for a in (w, m, v)]
    tf.raw_ops.ResourceApplyAdam(
        var=variables[0].handle,
        m=variables[1].handle,
        v=variables[2].handle,
        beta1_power=np.float64(beta_1**t),
        beta2_power=np.float64(beta_2**t),
        lr=np.float64(RATE),
        beta1=np.float64(beta_1),
        beta2=np.float64(beta_2),
        epsilon=np.float64(epsilon * math.sqrt(1 - beta_2**t)),
        grad=g,
    )
    new, bounded, slots, bounded_slots = run(
        Adam(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon), w, g, (m, v), t
    )
    m_new = exact(m) + (exact(g) - exact(m)) * (1 - beta_1)
    v_new = exact(v) + (np.square(exact(g)) - exact(v)) * (1 - beta_2)
    agree(slots[0], bounded_slots[0], variables[1].numpy(), m_new)
    agree(slots[1], bounded_slots[1], variables[2].numpy(), v_new)
    alpha = exact(np.asarray(RATE)) * np.sqrt(1 - exact(np.asarray(beta_2**t))) / (1 - beta_1**t)
    hat = exact(np.asarray(epsilon)) * np.sqrt(1 - exact(np.asarray(beta_2**t)))
    agree(new, bounded, variables[0].numpy(), exact(w) - m_new * alpha / (np.sqrt(v_new) + hat))


@pytest.mark.filterwarnings("ignore")
@given(seeds, st.sampled_from([0.0, 0.5, 0.9, 0.99]))
@settings(max_examples=10)
def test_nadam_against_keras_where_the_exponent_is_t(seed, beta_1):
    """Eight steps from the start in float32. Keras' constants are rounded; so are the formula's."""
    from keras.optimizers import Nadam as KerasNadam

    rng, dtype, one = np.random.default_rng(seed), np.float32, exact(np.ones((), np.float32))
    rule = Nadam(RATE, beta_1, 0.99, 1e-3, momentum_decay=1)
    start = rng.standard_normal(LENGTH).astype(dtype)
    ours, carried, theirs = (
        [start, (0 * start, 0 * start)],
        [exact(start), (exact(0 * start), exact(0 * start))],
        [exact(start), exact(0 * start), exact(0 * start)],
    )
    variable = tf.Variable(start)
    other = KerasNadam(RATE, beta_1, 0.99, 1e-3)
    decay, product, power = one, one, one
    for t in range(1, 9):
        g = gradients(rng, LENGTH).astype(dtype)
        other.apply_gradients([(tf.constant(g), variable)])
        ours[:] = rule.rule(ours[0], g, ours[1], t, RATE)
        carried[:] = rule.rule(carried[0], exact(g), carried[1], t, RATE)
        w, m, v = theirs
        decay, power = decay * 0.96, power * 0.99  # pow errs by less than t products
        u, ahead = one * beta_1 * (1.0 - decay * 0.5), one * beta_1 * (1.0 - decay * 0.96 * 0.5)
        product = product * beta_1 * (1.0 - decay * 0.5)
        m = m + (exact(g) - m) * (1.0 - one * beta_1)
        v = v + (np.square(exact(g)) - v) * (1.0 - one * 0.99)
        m_hat = ahead * m / (1.0 - product * ahead) + (1.0 - u) * exact(g) / (1.0 - product)
        w = w - m_hat * RATE / (np.sqrt(v / (1.0 - power)) + 1e-3)
        theirs = [w, m, v]
        agree(ours[0], carried[0], variable.numpy(), w)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_epsilon_on_the_other_side_of_the_root_is_another_number(dtype):
    """PyTorch and refnn have it outside, Keras inside: apart by far more than a bound."""
    g, v = np.array([1e-4], dtype), np.zeros(1, dtype)
    (outside, _), (bounded, _) = (
        RMSProp(epsilon=1e-3).rule(a, b, (c,), 1, RATE)
        for a, b, c in ((v, g, v), (exact(v), exact(g), exact(v)))
    )
    inside = -RATE * g / np.sqrt(0.1 * g * g + dtype(1e-3))
    assert abs(outside - inside) > 1000 * bounded.bound
