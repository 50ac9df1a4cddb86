"""No threshold in size: what holds of few numbers holds of many.

Sizes are drawn on a logarithmic scale, and around every limit that the code has or might have.
The witnesses are whole numbers, on which nothing is rounded, and parts: what is computed row by
row, or element by element, is the same of a part as of the whole.
"""

import math
from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import refnn
from refnn import (
    L2,
    SGD,
    SGDM,
    Activation,
    Adagrad,
    Adam,
    Asymmetric,
    CategoricalCrossentropy,
    Checkpoint,
    Dense,
    ExponentialDecay,
    History,
    Identity,
    LeakyRelu,
    MeanSquaredError,
    Model,
    Nadam,
    Nesterov,
    Network,
    PerEpoch,
    Relu,
    RMSProp,
    Sigmoid,
    Softmax,
    SoftmaxCrossentropy,
    State,
    Tanh,
    backpropagate,
    evaluate,
    fit,
    predict,
    train_step,
)
from refnn import datasets as data
from refnn.complexity import complexity, summary
from refnn.optimizers import BLOCK, update
from refnn.record import Entry, record
from refnn.runs.checkpoints import load_run
from refnn.runs.fit import cut
from refnn.training import accuracy
from tests.helpers import same_bits
from tests.strategies import FLOATS, middle_of_a_run, seeds
from tftwin import optimizers as tf_optimizers
from tftwin import schedules as tf_schedules
from tftwin import training as tf_training
from tftwin.counterparts import twin
from tftwin.lockstep import records, resynchronised
from tftwin.lockstep.findings import STAGES
from tftwin.trainer import Trainer

few = settings(max_examples=15)
ROUND = [10, 16, 32, 100, 128, 256, 1000, 1024, 4096, 10_000, 16_384, 20_000]
AROUND = [n + d for n in ROUND for d in (-1, 0, 1)]


def sizes(most, least=1, around=AROUND):
    """Whole numbers up to ``most``: any, on a logarithmic scale; or beside a round number."""
    powers = st.integers(0, int(math.log2(most)))
    anything = powers.flatmap(lambda k: st.integers(2**k, min(2 ** (k + 1), most)))
    near = [n for n in around if least <= n <= most]
    both = st.one_of(anything, st.sampled_from(near)) if near else anything
    return both.filter(lambda n: n >= least)


# A network of whole numbers ----------------------------------------------------------------------


def whole(rng, shape, most=2):
    return rng.integers(-most, most + 1, shape)


def by_hand(widths, leaky, theta, x, y, cost, profit, rate):
    """Loss and gradient in int64: (value, gradient of θ), every hidden layer a relu or half of x.

    Relu is max(x, 0); "leaky" stands for α = 2: x, or 2 x where x ≤ 0.
    """
    parts, start = [], 0
    for one, other in pairwise(widths):
        W = theta[start : start + one * other].reshape(one, other)
        b = theta[start + one * other : start + one * other + other]
        parts.append((W, b))
        start += one * other + other
    tape, slopes, h = [], [], x
    for number, (W, b) in enumerate(parts):
        tape.append(h)
        h = h @ W + b
        if number < len(parts) - 1:
            slope = np.where(h > 0, 1, 2 if leaky else 0)
            slopes.append(slope)
            h = h * slope
    d = h - y
    value = np.where(d > 0, cost * d, -profit * d).sum()
    dh = np.where(d > 0, cost, -profit)
    gradients = []
    for number in reversed(range(len(parts))):
        W, _ = parts[number]
        dW = tape[number].T @ dh + rate * W
        gradients = [dW.ravel(), dh.sum(axis=0), *gradients]
        if number:
            dh = (dh @ W.T) * slopes[number - 1]
    penalty = rate * sum((W * W).sum() for W, _ in parts)
    return value, Fraction(int(penalty), 2), np.concatenate(gradients), h


@settings(max_examples=20)
@given(
    rows=sizes(30_000), width=sizes(300), depth=st.integers(1, 3), leaky=st.booleans(), seed=seeds
)
@example(rows=101, width=3, depth=2, leaky=False, seed=0)
@example(rows=10_001, width=2, depth=2, leaky=True, seed=0)
@example(rows=20_001, width=2, depth=1, leaky=True, seed=0)
@example(rows=2, width=1001, depth=2, leaky=True, seed=0)
@example(rows=2, width=2, depth=12, leaky=False, seed=0)
@example(rows=1, width=1, depth=40, leaky=True, seed=0)
def test_a_network_of_whole_numbers_has_no_rounding(rows, width, depth, leaky, seed):
    """Both sides, against int64: predictions, loss, penalty, every gradient, one step."""
    rng = np.random.default_rng(seed)
    if rows * width > 60_000:
        rows = max(60_000 // width, 1)
    widths = [2, *[width] * (depth - 1), 3] if depth > 1 else [width, 3]
    if depth > 3:  # ±1 on a diagonal: nothing grows
        widths = [width] * (depth + 1)
    function = LeakyRelu(2) if leaky else Relu()
    network = refnn.multilayer(widths, function)
    theta = whole(rng, network.size)
    if depth > 3:
        for p in network.parameters:
            p.of(theta)[...] = np.eye(*p.shape, dtype=int) if p.is_weight else 1
    x, y = whole(rng, (rows, widths[0]), 3), whole(rng, (rows, widths[-1]), 5)
    value, penalty, gradient, y_pred = by_hand(widths, leaky, theta, x, y, 2, 3, 2)
    model = Model(network, Asymmetric(2, 3), SGD(1), L2(2))
    state = model.state_at(theta.astype(np.float64))
    batch = x.astype(np.float64), y.astype(np.float64)
    assert (predict(model, state, batch[0]) == y_pred).all()
    assert evaluate(model, state, *batch).loss == value
    sides = (backpropagate, model), (tf_training.backpropagate, twin(model))
    for differentiate, side in sides:
        found = differentiate(side, state.theta, *batch)
        assert (np.concatenate(found.gradients, axis=None) == gradient).all()
        assert (found.data_loss, found.penalty) == (value, penalty)
        assert found.loss == value + penalty
        assert len(found.outputs) == len(network.layers) + 1 == len(found.output_gradients) + 1
    after = train_step(model, state, *batch).state
    assert (after.theta == theta - gradient).all()


@few
@given(depth=sizes(60), use_bias=st.booleans(), lead=st.booleans())
@example(depth=10, use_bias=True, lead=False)
@example(depth=5, use_bias=True, lead=True)
def test_parameters_stand_in_the_order_of_the_layers(depth, use_bias, lead):
    """Not in that of their names, in which W10 comes before W2."""
    layers = [part for i in range(depth) for part in (Dense(i % 3 + 1, (i + 1) % 3 + 1, use_bias),
                                                      Activation(Tanh()))]  # fmt: skip
    network = Network([Activation(Identity())] * lead + layers)
    numbers = [i + 1 for i, layer in enumerate(network.layers) if isinstance(layer, Dense)]
    letters = "Wb" if use_bias else "W"
    assert [p.name for p in network.parameters] == [f"{c}{n}" for n in numbers for c in letters]
    theta = np.arange(network.size)
    assert (
        np.concatenate([p.of(theta).ravel() for p in network.parameters]).tolist() == theta.tolist()
    )
    cuts = [(part.start, part.stop) for part in network.slices]
    assert cuts[0][0] == 0
    assert cuts[-1][1] == network.size == twin(network).size
    assert all(one[1] == other[0] for one, other in pairwise(cuts))
    tensors = [w.numpy().ravel() for part in twin(network).tensors(theta * 1.0) for w in part]
    assert np.concatenate(tensors).tolist() == theta.tolist()
    sizes_ = complexity(network)
    assert sizes_.layers == depth
    assert sizes_.parameters == network.size == sizes_.weights + sizes_.biases
    assert sizes_.multiply_adds == sizes_.weights
    lines = summary(network).splitlines()
    assert len(lines) == len(network.layers) + 4
    assert [line.split()[0] for line in lines[2:-2]] == [
        str(n + 1) for n in range(len(network.layers))
    ]
    model = Model(network, MeanSquaredError(), Adam())
    state = model.state_at(np.ones(network.size))
    x, y = np.ones((2, network.inputs)), np.ones((2, network.outputs))
    names = [e.name for e in record(network, ("m", "v"), train_step(model, state, x, y))]
    count, parameters = len(network.layers), [p.name for p in network.parameters]
    assert names == [
        *(f"y{n}" for n in range(1, count + 1)), "data", "penalty", "total",
        *(f"dy{n}" for n in range(count, 0, -1)), *(f"d{p}" for p in parameters[::-1]), "lr",
        *(f"m {p}" for p in parameters), *(f"v {p}" for p in parameters), *parameters,
    ]  # fmt: skip


# Row by row, element by element ------------------------------------------------------------------


@few
@given(rows=sizes(30_000), columns=sizes(3_000), seed=seeds, dtype=st.sampled_from(FLOATS))
@example(rows=256, columns=256, seed=1, dtype=np.float32)
@example(rows=16_384, columns=3, seed=1, dtype=np.float64)
def test_an_activation_of_a_row_does_not_see_the_other_rows(rows, columns, seed, dtype):
    if rows * columns > 2**17:
        rows = max(2**17 // columns, 1)
    rng = np.random.default_rng(seed)
    x, dy = (rng.standard_normal((rows, columns)).astype(dtype) for _ in range(2))
    chosen = sorted({0, rows - 1, int(rng.integers(rows))})
    for function in (Identity(), Sigmoid(), Tanh(), Relu(), LeakyRelu(), Softmax()):
        y = function.forward(x)
        dx = function.backward(dy, x, y)
        for i in chosen:
            part = np.s_[i : i + 1]
            assert same_bits(y[part], function.forward(x[part])), function
            assert same_bits(dx[part], function.backward(dy[part], x[part], y[part])), function


@few
@given(power=st.integers(0, 14), columns=sizes(3_000), seed=seeds, dtype=st.sampled_from(FLOATS))
@example(power=8, columns=256, seed=1, dtype=np.float32)
@example(power=14, columns=2, seed=1, dtype=np.float32)
def test_a_loss_is_its_rows_of_which_there_are_a_power_of_two(power, columns, seed, dtype):
    """Dividing by N = 2ᵏ is exact, so that a row's gradient is N times what it is among N."""
    rows = 2 ** min(power, max(17 - int(math.log2(columns)), 0))
    rng = np.random.default_rng(seed)
    y_pred = rng.standard_normal((rows, columns)).astype(dtype)
    labels = rng.integers(columns, size=rows)
    labels[-1] = columns - 1
    y = data.one_hot(labels, columns, dtype)
    p = Softmax().forward(y_pred)
    for loss, predicted in (
        (MeanSquaredError(), y_pred), (Asymmetric(2, 3), y_pred), (SoftmaxCrossentropy(), y_pred),
        (CategoricalCrossentropy(), p),
    ):  # fmt: skip
        gradient, per_sample = loss.gradient(y, predicted), loss.per_sample(y, predicted)
        n = dtype(1 if isinstance(loss, Asymmetric) else rows)
        for i in sorted({0, rows - 1, int(rng.integers(rows))}):
            part = np.s_[i : i + 1]
            assert same_bits(n * gradient[part], loss.gradient(y[part], predicted[part])), loss
            assert same_bits(per_sample[part], loss.per_sample(y[part], predicted[part])), loss
        together = math.fsum(per_sample.astype(np.float64).tolist()) / float(n)
        value = float(loss.value(y, predicted))
        u = float(np.finfo(dtype).eps) / 2
        gamma = (rows * columns + 4) * u / (1 - (rows * columns + 4) * u)
        assert abs(value - together) <= 2 * gamma * abs(together)


@few
@given(rows=sizes(50_000), columns=st.integers(1, 4), seed=seeds)
@example(rows=10_001, columns=3, seed=0)
def test_accuracy_counts_every_row(rows, columns, seed):
    rng = np.random.default_rng(seed)
    y_pred = rng.integers(0, 7, (rows, columns)) / 8
    y = data.one_hot(rng.integers(columns, size=rows), columns) if columns > 1 else (
        rng.integers(0, 2, (rows, 1)).astype(float)
    )  # fmt: skip
    if columns == 1:
        right = [(a > 0.5) == (b > 0.5) for a, b in zip(y[:, 0], y_pred[:, 0], strict=True)]
    else:
        pairs = zip(y.tolist(), y_pred.tolist(), strict=True)
        right = [a.index(max(a)) == b.index(max(b)) for a, b in pairs]
    for side in (accuracy, tf_training.accuracy):
        assert side(y, y_pred) == sum(right) / rows
    y[-1] = 2
    assert accuracy(y, y_pred) is None


# The optimizers ----------------------------------------------------------------------------------

RULES = [SGD(0.1), SGDM(0.1), Nesterov(0.1), Adagrad(0.1), RMSProp(0.1), Adam(0.1), Nadam(0.1)]
LENGTHS = [1, 2, 100, 101, 1024, 10_001, 20_001, 65_537] + [
    blocks * BLOCK + d for blocks in (1, 2) for d in (-1, 0, 1)
]


@pytest.mark.parametrize("optimizer", RULES, ids=lambda o: type(o).__name__)
def test_a_vector_is_updated_number_by_number(optimizer):
    """However long it is: each piece of it alone, on refnn's side and on TensorFlow's."""
    for length in LENGTHS:
        rng = np.random.default_rng(length)
        theta = (1.25 + rng.random(length)).astype(np.float32)
        state = middle_of_a_run(rng, optimizer, theta, length)
        gradient = rng.standard_normal(length).astype(np.float32)
        before = [a.copy() for a in (state.theta, *state.slots, gradient)]
        after = update(optimizer, state, gradient, 0.3)
        assert after.step == length + 1
        places = {0, length - 1, *rng.integers(length, size=6).tolist()}
        edges = {BLOCK, 2 * BLOCK, BLOCK - 1, BLOCK + 1}
        for i in places | {e for e in edges if e < length}:
            part = np.s_[max(i - 1, 0) : i + 2]
            piece = State(theta[part], tuple(s[part] for s in state.slots), length)
            for one, rule in ((update, optimizer), (tf_optimizers.update, twin(optimizer))):
                if rule is not optimizer and i not in (0, length - 1):
                    continue
                found = one(rule, piece, gradient[part], 0.3)
                assert same_bits(found.theta, after.theta[part])
                assert same_bits(found.slots, tuple(s[part] for s in after.slots))
        assert same_bits(before, [state.theta, *state.slots, gradient])


steps = st.integers(0, 32).flatmap(lambda k: st.integers(2**k - 1, 2 ** (k + 1)))


@given(step=steps, beta=st.sampled_from([0.5, 0.9, 0.999, 1 - 1e-7]), seed=seeds)
@example(step=20_000, beta=0.999, seed=0)
@example(step=2**33, beta=1 - 1e-7, seed=0)
def test_adam_at_any_step(step, beta, seed):
    """The corrections by exact rationals of their own: to the roundings of a power."""
    rng = np.random.default_rng(seed)
    w, g, m, v = rng.standard_normal(4)
    v = abs(v) + 0.01
    rule, t = Adam(0.1, 0.9, beta, 1e-3), step + 1
    state = State(np.array([w]), (np.array([m]), np.array([v])), step)
    with mpmath.workdps(50):
        first, second = (1 - mpmath.mpf(b) ** t for b in (0.9, beta))
        now_m = mpmath.mpf(0.9) * m + (1 - mpmath.mpf(0.9)) * g
        now_v = mpmath.mpf(beta) * v + (1 - mpmath.mpf(beta)) * g * g
        moved = mpmath.mpf(0.3) * (now_m / first) / (mpmath.sqrt(now_v / second) + mpmath.mpf(1e-3))
        truth = w - moved
        # 1 − βᵗ loses digits where βᵗ is near 1: an error of u is 1 / (1 − βᵗ) times as large there
        loss = 1 / first + 1 / second + 1 / (1 - mpmath.mpf(beta))
        scale = abs(w) + (0.9 * abs(m) + abs(g)) / abs(now_m) * abs(moved)
        for one, kind in ((update, rule), (tf_optimizers.update, twin(rule))):
            after = one(kind, state, np.array([g]), 0.3)
            assert after.step == t
            assert abs(mpmath.mpf(float(after.theta[0])) - truth) <= 16 * 2.0**-53 * loss * scale


@given(
    step=steps,
    beta=st.sampled_from([0.0, 0.5, 0.9, 0.999, 1 - 1e-7]),
    decay=st.sampled_from([0.0, 1e-9, 0.004, 0.3, 0.4, 1.0, 1e300]),
)
@example(step=2**33, beta=1 - 1e-7, decay=1.0)
@example(step=55, beta=0.9, decay=0.004)
def test_the_momentum_of_nadam_at_any_step(step, beta, decay):
    """1 − μ₁ ⋯ μₜ to the roundings of t factors, or of a power; and it costs nothing.

    Behind a thousand factors nothing is left of the product, or every μ is β₁ up to 2e-18.
    """
    t = step + 1
    with mpmath.workdps(50):
        ratio = mpmath.mpf(0.96) ** mpmath.mpf(decay)

        def momentum(i):
            return mpmath.mpf(beta) * (1 - ratio**i / 2)

        truth, power = mpmath.mpf(1), mpmath.mpf(1)
        for _ in range(min(t, 1000)):
            power *= ratio
            truth *= mpmath.mpf(beta) * (1 - power / 2)
        truth *= mpmath.mpf(beta) ** max(t - 1000, 0)
        for rule in (Nadam(0.1, beta, momentum_decay=decay), twin(Nadam(0.1, beta, 0.9, 1, decay))):
            assert abs(rule.momentum(t) - momentum(t)) <= 16 * 2.0**-53
            # a power of β near 1 errs by t u, and is t-fold where it counts: t βᵗ ≤ 1 / (1 − β)
            allowed = (5000 + 1 / (1 - mpmath.mpf(beta))) * 2.0**-53
            assert abs((1 - rule.product(t)) - (1 - truth)) <= allowed
            assert len(rule._products) < 4000


@given(step=steps, length=sizes(10**6))
@example(step=20_001, length=1)
@example(step=2**33 + 5, length=100)
def test_a_schedule_at_any_step(step, length):
    """lr₀ rˣ with x = t / s rounded: the power errs by u |x ln r| more."""
    for name, arguments in (
        ("ExponentialDecay", (0.3, 0.97, length)),
        ("ExponentialDecay", (0.3, 1 - 1e-9, length, True)),
        ("Constant", (0.3,)),
    ):  # fmt: skip
        one = getattr(refnn, name)(*arguments)
        with mpmath.workdps(50):
            truth = mpmath.mpf(0.3)
            stretch = 0
            if name != "Constant":
                exponent = step // length if len(arguments) == 4 else mpmath.mpf(step) / length
                truth *= mpmath.mpf(arguments[1]) ** exponent
                stretch = abs(exponent * mpmath.log(arguments[1]))
            for schedule in (one, getattr(tf_schedules, name)(*arguments)):
                error = abs(mpmath.mpf(schedule(step)) - truth)
                assert error <= (4 + stretch) * 2.0**-53 * truth + 2.0**-1074
            for module in (refnn.PerEpoch, tf_schedules.PerEpoch):
                assert module(one, length)(step) == one(step // length)
    assert PerEpoch(lambda s: s, length)(step) == step // length


# Data --------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(
    n=sizes(200_000), batch_size=sizes(200_000), width=sizes(2**18), seed=seeds,
    dtype=st.sampled_from(FLOATS),
)  # fmt: skip
@example(n=5_000, batch_size=32, width=64, seed=0, dtype=np.float32)  # 4096 rows a MiB
@example(n=4_097, batch_size=4_096, width=64, seed=0, dtype=np.float32)
@example(n=9, batch_size=2, width=2**18, seed=0, dtype=np.float32)  # one row is a MiB
@example(n=9, batch_size=2, width=2**18 - 1, seed=0, dtype=np.float64)
@example(n=40_000, batch_size=1_000, width=10, seed=0, dtype=np.float64)
def test_the_batches_of_fit_are_those_of_batches(n, batch_size, width, seed, dtype):
    """In the order of one permutation, whatever a MiB holds; each row with its own target."""
    n = max(min(n, 2**20 // width), min(n, 9))
    batch_size = min(batch_size, 2 * n)
    x = np.broadcast_to(np.arange(n, dtype=dtype)[:, None], (n, width))
    y = np.arange(n)[:, None]
    for rng in (None, np.random.default_rng(seed)):
        order = np.arange(n) if rng is None else np.random.default_rng(seed).permutation(n)
        found = list(cut(x, y, batch_size, rng))
        lengths = [len(one) for one, _ in found]
        assert lengths == [batch_size] * (n // batch_size) + [n % batch_size] * (n % batch_size > 0)
        assert np.concatenate([one[:, -1] for one, _ in found]).tolist() == order.tolist()
        assert np.concatenate([other for _, other in found]).ravel().tolist() == order.tolist()
        again = None if rng is None else np.random.default_rng(seed)
        rows = list(data.batches(n, batch_size, again))
        assert [len(r) for r in rows] == lengths
        assert np.concatenate(rows).tolist() == order.tolist()


@few
@given(rows=sizes(20_001), classes=sizes(1_025), seed=seeds)
@example(rows=256, classes=256, seed=0)
@example(rows=300, classes=257, seed=0)
def test_every_label_has_its_column(rows, classes, seed):
    labels = np.random.default_rng(seed).integers(classes, size=rows)
    labels[-1] = classes - 1
    rows_ = min(rows, 2**21 // classes)
    labels = labels[-rows_:]
    kinds = [np.int64, np.int32, np.uint16] + [np.uint8] * (classes <= 256)
    for given_ in [labels.tolist(), *(labels.astype(kind) for kind in kinds)]:
        for count in (None, classes, classes + 3):
            y = data.one_hot(given_, count)
            assert y.shape == (rows_, classes if count is None else count)
            assert (np.flatnonzero(y) == np.arange(rows_) * y.shape[1] + labels).all()
            assert y.sum() == rows_


@few
@given(rows=sizes(30_000, 2), columns=sizes(300), seed=seeds, dtype=st.sampled_from(FLOATS))
@example(rows=10_001, columns=2, seed=0, dtype=np.float32)
def test_a_column_is_standardized_alone(rows, columns, seed, dtype):
    rows = max(min(rows, 2**18 // columns), 2)
    rng = np.random.default_rng(seed)
    signs = np.where(rng.permutation(2 * (rows // 2)) % 2, 1, -1)
    center, width = rng.integers(-99, 99, columns), rng.integers(1, 99, columns)
    x = (center + signs[:, None] * width).astype(dtype)
    found = data.standardize(x)
    assert (found.x == signs[:, None]).all()
    assert (found.mean == center).all()
    assert (found.deviation == width).all()
    again = data.standardize(x, found.mean, found.deviation)
    assert same_bits(again.x, found.x)


@settings(max_examples=6)
@given(rows=sizes(12_000), columns=sizes(300), classes=sizes(300), seed=seeds)
@example(rows=10_001, columns=2, classes=256, seed=0)
def test_a_table_of_any_size(tmp_path_factory, rows, columns, classes, seed):
    rows = max(min(rows, 30_000 // columns), 2)
    classes = min(classes, rows)
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(classes, size=rows - classes)])
    x = rng.integers(-999, 999, (rows, columns))
    path = tmp_path_factory.mktemp("sizes") / "t.csv"
    head = ",".join([f"c{i}" for i in range(columns)] + ["label"])
    np.savetxt(path, np.column_stack([x, labels]), "%d", ",", header=head, comments="")
    found = data.load_csv(path, label="label", task="classification")
    assert (found.x == x).all()
    assert (found.y == data.one_hot(labels, classes)).all()
    assert found.feature_names == tuple(f"c{i}" for i in range(columns))
    assert found.class_names == tuple(str(c) for c in range(classes))
    np.savez(path.with_suffix(".npz"), x=x, y=found.y)
    loaded = data.load_npz(path.with_suffix(".npz"))
    assert same_bits([loaded.x, loaded.y], [found.x, found.y])
    assert loaded.feature_names == tuple(str(i) for i in range(columns))


# Files -------------------------------------------------------------------------------------------


@few
@given(size=sizes(300_000), slots=sizes(12), step=steps)
@example(size=2, slots=12, step=20_001)  # slot10 comes before slot2 in the order of names
def test_a_state_of_any_size_comes_back(tmp_path_factory, size, slots, step):
    rng = np.random.default_rng(size)
    arrays = [rng.standard_normal(size).astype(np.float32) for _ in range(slots + 1)]
    path, state = (
        tmp_path_factory.mktemp("sizes") / "s.npz",
        State(arrays[0], tuple(arrays[1:]), step),
    )
    refnn.save_state(path, state)
    assert same_bits(refnn.load_state(path), state)


@few
@given(depth=sizes(40), width=sizes(300), epochs=sizes(3_000), step=steps)
@example(depth=12, width=3, epochs=101, step=20_001)
def test_a_model_and_a_run_of_any_size_come_back(tmp_path_factory, depth, width, epochs, step):
    folder = tmp_path_factory.mktemp("sizes")
    network = refnn.multilayer([width, *[2] * depth, width], Tanh())
    model = Model(network, MeanSquaredError(), SGDM())
    rng = np.random.default_rng(depth)
    theta, slot = rng.standard_normal((2, network.size))
    state = State(theta, (slot,), step)
    names = tuple(f"n{i}" for i in range(width))
    options = {"mean": slot[:width], "deviation": abs(theta[:width]), "feature_names": names,
               "class_names": names[::-1]}  # fmt: skip
    refnn.save_model(folder / "m.npz", model, state, **options)
    found = refnn.load_model(folder / "m.npz", expected=model)
    assert (found.model, found.feature_names, found.class_names) == (model, names, names[::-1])
    assert same_bits(found.state, state)
    assert same_bits([found.mean, found.deviation], [options["mean"], options["deviation"]])
    column = rng.random(epochs).tolist()
    history = History(column, column[::-1], sorted(column))
    x, y = np.ones((1, width)), np.ones((1, width))
    checkpoint = Checkpoint(folder / "r.npz")
    fit(model, state, x, y, epochs=epochs, history=history, checkpoint=checkpoint, progress=False)
    run = load_run(checkpoint.path)
    assert (run.history, run.epochs) == (history, epochs)
    assert same_bits(run.state, state)


@few
@given(count=sizes(12), width=sizes(12))
@example(count=11, width=12)
def test_records_of_any_number_of_steps_come_back(tmp_path_factory, count, width):
    path = tmp_path_factory.mktemp("sizes") / "r.npz"
    saved = [
        [
            Entry("forward", f"y{i}", np.array([s, i * 0.5]), None, (), np.array([s * 2.0, i]))
            for i in range(width)
        ]
        for s in range(count)
    ]  # fmt: skip
    records.save(path, saved)
    loaded = records.load(path)
    flat = [[(e.stage, e.name, e.array.tolist(), e.bound.tolist()) for e in s] for s in loaded]
    assert flat == [
        [(e.stage, e.name, e.array.tolist(), e.bound.tolist()) for e in s] for s in saved
    ]


# Runs --------------------------------------------------------------------------------------------

LINE = Model(
    Network([Dense(1, 1, False)]), Asymmetric(2, 3), SGD(ExponentialDecay(1.0, 0.5, 2**12))
)


def test_twenty_thousand_steps_are_twenty_thousand_steps():
    """w moves by 2 or by 3 times the rate: sums of powers of two, so that nothing is rounded."""
    n, staircase = 20_500, ExponentialDecay(1.0, 0.5, 2**12, True)
    model = Model(LINE.network, LINE.loss, SGD(staircase))
    x, y = np.ones((n, 1)), np.arange(n)[:, None] % 7 * 1.0
    state, history = fit(
        model, model.state_at(np.zeros(1)), x, y, epochs=1, batch_size=1, progress=False
    )
    w, losses = 0.0, []
    for t in range(n):
        d = w - t % 7
        losses.append(2 * d if d > 0 else -3 * d)
        w -= 0.5 ** (t // 2**12) * (2 if d > 0 else -3)
    assert (state.theta.tolist(), state.step) == ([w], n)
    assert history.loss == [math.fsum(losses) / n]
    assert history.learning_rate == [0.5 ** ((n - 1) // 2**12)]


@few
@given(step=steps, n=sizes(300), batch_size=sizes(400), epochs=sizes(40))
@example(step=20_000, n=101, batch_size=1, epochs=2)
@example(step=2**32, n=7, batch_size=3, epochs=120)
def test_fit_is_the_loop_from_any_step(step, n, batch_size, epochs):
    epochs = min(epochs, max(600 // n, 1) + 100 * (n < 8))
    rng = np.random.default_rng(n)
    rule = Adam(ExponentialDecay(0.1, 0.5, 2**20))
    model = Model(refnn.multilayer([2, 2], Tanh(), Sigmoid()), MeanSquaredError(), rule)
    state = middle_of_a_run(rng, rule, rng.standard_normal(6), step)
    x, y = rng.standard_normal((2, n, 2))
    found, history = fit(model, state, x, y, epochs=epochs, batch_size=batch_size, progress=False,
                         validation=(x, y), rng=np.random.default_rng(1))  # fmt: skip
    order, losses = np.random.default_rng(1), []
    for _ in range(epochs):
        losses.append([])
        for rows in data.batches(n, batch_size, order):
            done = train_step(model, state, x[rows], y[rows])
            state = done.state
            losses[-1].append(float(done.loss))
    assert same_bits(found, state)
    assert found.step == step + epochs * -(-n // batch_size)
    assert history.loss == [math.fsum(one) / len(one) for one in losses]
    assert len(history.seconds) == len(history.validation_loss) == epochs
    assert history.learning_rate[-1] == rule.learning_rate(found.step - 1)


@settings(max_examples=3)
@given(step=steps, count=sizes(120))
@example(step=20_000, count=101)
def test_tensorflows_loop_is_its_steps(step, count):
    """``Trainer.run`` inside the graph, from any step; on whole numbers, so that nothing rounds."""
    model = Model(LINE.network, LINE.loss, SGD(PerEpoch(ExponentialDecay(1.0, 0.5), 2**30)))
    x, y = np.ones((count, 1)), np.arange(count)[:, None] % 7 * 1.0
    trainer = Trainer(twin(model), State(np.zeros(1), (), step))
    losses = trainer.run(x, y, [np.array([i]) for i in range(count)])
    state = State(np.zeros(1), (), step)
    for i in range(count):
        done = train_step(model, state, x[i : i + 1], y[i : i + 1])
        assert losses[i] == done.loss
        state = done.state
    assert same_bits(trainer.state(), state)


# Lockstep ----------------------------------------------------------------------------------------

BIG = {
    "rows": ([3, 2, 2], 10_001, 5),
    "columns": ([2, 257], 3, 7),
    "width": ([401, 3, 2], 2, 0),
    "layers": ([2] * 13, 3, 99),
    "steps": ([2, 2], 3, 2**33),
}


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", BIG)
def test_lockstep_agrees_at_any_size_and_every_number_has_a_bound(name, dtype):
    widths, rows, step = BIG[name]
    rng = np.random.default_rng(8)
    network = refnn.multilayer(widths, Tanh())
    model = Model(network, SoftmaxCrossentropy(), Adam(ExponentialDecay(0.1, 0.5, 2**30)), L2(1e-3))
    theta = (rng.standard_normal(network.size) / math.sqrt(widths[0])).astype(dtype)
    state = middle_of_a_run(rng, model.optimizer, theta, step)
    x = rng.standard_normal((rows, widths[0])).astype(dtype)
    y = data.one_hot(rng.integers(widths[-1], size=rows), widths[-1], dtype)
    report = resynchronised(model, state, [(x, y)], mode="eager")
    assert report.agreed, report.divergences[:1] or report.lost_digits[:1]
    assert report.unbounded == 0
    assert {row.stage for row in report.rows} == set(STAGES) - (
        {s for s in STAGES if s.startswith("float64")} if dtype == np.float64 else set()
    )
