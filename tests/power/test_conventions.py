"""The README's table "Conventions", row by row, on numbers worked by hand, on both sides.

A constant that is wrong in refnn and in tftwin alike passes lockstep. Here each row of the table
is evaluated on refnn and on tftwin, and held against arithmetic on paper; the constants are read
from the row itself. The table of defaults below it is written by hand a second time.
"""

import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pytest

import refnn
import refnn.runs
import tftwin
from refnn import Model, State, activations, initializers, layers, losses, optimizers, regularizers
from refnn import schedules as refnn_schedules
from refnn.datasets import dots, iris, load_npz, one_hot, standardize, yoghurt
from refnn.losses import CLIP
from tests.helpers import refused, same_bits
from tests.strategies import FLOATS
from tftwin import activations as tf_activations
from tftwin import layers as tf_layers
from tftwin import losses as tf_losses
from tftwin import optimizers as tf_optimizers
from tftwin import regularizers as tf_regularizers
from tftwin import schedules as tf_schedules
from tftwin import training as tf_training
from tftwin.counterparts import twin
from tftwin.tensorflow import tf

README = Path(__file__).parents[2] / "README.md"
each_dtype = pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.__name__)


def table():
    """Each row of the table: the thing, and what refnn does."""
    text = README.read_text(encoding="utf-8").split("## Conventions")[1]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return {thing.strip(): rule.strip() for thing, rule in rows[2:]}


ROWS = table()
HELD = {}


def holds(thing):
    """The check of a row; it is given the row's text."""

    def keep(check):
        HELD[thing] = check
        return check

    return keep


def constants(text):
    """The numbers that a row states, as they are written."""
    return re.findall(r"(?<![\w₀-₉])\d+(?:\.\d+)?(?:e-?\d+)?(?![\w₀-₉])", text)


def both(kind):
    """The class of this name on either side, made with the same arguments."""

    def make(*args, **options):
        one = kind(*args, **options)
        return one, twin(one)

    return make


def numbers(value):
    """A list of Python numbers, of an array or a tensor."""
    return np.asarray(value).tolist()


def of_loss(loss, y_true, y_pred, dtype):
    """Value and gradient of a loss, on both sides."""
    one, other = np.array(y_true, dtype), np.array(y_pred, dtype)
    pred = tf.constant(other)
    with tf.GradientTape() as tape:
        tape.watch(pred)
        value = twin(loss).value(tf.constant(one), pred)
    slope = tape.gradient(value, pred)
    return [
        (loss.value(one, other), loss.gradient(one, other)), (value.numpy(), slope.numpy())
    ]  # fmt: skip


def of_rule(rule, w, g, slots, step, rate, dtype):
    """The state after one update of one number, on both sides."""
    state = State(np.array([w], dtype), tuple(np.array([s], dtype) for s in slots), step)
    gradient = np.array([g], dtype)
    after = [
        optimizers.update(rule, state, gradient, rate),
        tf_optimizers.update(twin(rule), state, gradient, rate),
    ]
    return [(*numbers(a.theta), *[s.item() for s in a.slots], a.step) for a in after]


def derivatives(function, x, dtype):
    values = np.array(x, dtype)
    return [
        numbers(activations.derivative(function, values)),
        numbers(tf_activations.derivative(twin(function), values)),
    ]


def near(value, truth, roundings, dtype):
    """Within so many roundings of the true number."""
    u = float(np.finfo(dtype).eps) / 2
    return abs(float(value) - truth) <= roundings * u * abs(truth)


# One check for each row --------------------------------------------------------------------------


@holds("arrays")
def arrays(text, dtype):
    assert "x (N, D); W (D_in, D_out); b (D_out,); z = x W + b" in text
    x = np.array([[1, 2], [3, 4], [5, 6]], dtype)
    theta = np.array([1, 2, 3, 4, 5, 6, 10, 20, 30], dtype)  # W row by row, then b
    z = [[19, 32, 45], [29, 46, 63], [39, 60, 81]]
    model = Model(refnn.Network([refnn.Dense(2, 3)]), losses.MeanSquaredError())
    assert numbers(refnn.predict(model, theta, x)) == z
    assert numbers(tf_training.predict(twin(model), theta, x)) == z
    assert numbers(layers.Dense(2, 3).weight(theta)) == [[1, 2, 3], [4, 5, 6]]
    assert numbers(layers.Dense(2, 3).bias(theta)) == [10, 20, 30]


@holds("dtype")
def dtypes(text, dtype):
    assert "float32 by default, float64 by choice" in text
    network = refnn.Network([refnn.Dense(2, 3)])
    model = Model(network, losses.MeanSquaredError())
    rng = np.random.default_rng(0)
    for make in (
        lambda **o: network.initial_theta(rng, **o),
        lambda **o: model.initial_state(rng, **o).theta,
        lambda **o: one_hot([0, 1], **o), lambda **o: iris(**o).x, lambda **o: yoghurt(**o).y,
        lambda **o: dots(**o).x,
    ):  # fmt: skip
        assert make().dtype == np.float32
        assert make(dtype=dtype).dtype == dtype
    assert load_npz.__defaults__[0] is np.float32
    other = np.float64 if dtype == np.float32 else np.float32
    theta, x, y = np.zeros(9, dtype), np.zeros((1, 2), dtype), np.zeros((1, 3), dtype)
    for step in (
        lambda: refnn.predict(model, theta, x.astype(other)),
        lambda: refnn.backpropagate(model, theta, x, y.astype(other)),
        lambda: refnn.evaluate(model, theta.astype(other), x, y),
    ):
        with refused("dtype", "nothing is cast silently", error=TypeError):
            step()


@holds("relu'(0), leaky_relu'(0)")
def kinks(text, dtype):
    zero, alpha = constants(text.replace("0, and", "0 , and"))
    alpha, rounded = float(alpha), float(dtype(float(alpha)))
    assert (zero, alpha) == ("0", 0.2)
    for slopes in derivatives(refnn.Relu(), [0, -0.0, -1, 2], dtype):
        assert slopes == [0, 0, 0, 1]
    for slopes in derivatives(refnn.LeakyRelu(), [0, -0.0, -1, 2], dtype):
        assert slopes == [rounded, rounded, rounded, 1]
    for leaky in both(refnn.LeakyRelu)():
        assert leaky.alpha == alpha
        assert numbers(leaky.forward(np.array([-1, 2], dtype))) == [-rounded, 2]


@holds("sigmoid', tanh'")
def from_y(text, dtype):
    assert text == "from the output y: y (1 − y), 1 − y²"
    x, y, dy = (np.array([v], dtype) for v in (7, 0.25, 2))
    assert numbers(refnn.Sigmoid().backward(dy, x, y)) == [0.375]
    assert numbers(refnn.Tanh().backward(dy, x, y)) == [1.875]
    for function, at_0 in ((refnn.Sigmoid(), 0.25), (refnn.Tanh(), 1.0)):
        assert derivatives(function, [0], dtype) == [[at_0], [at_0]]
    far = 3 if dtype == np.float32 else 9  # 1 − y² from y, and not from x
    y = np.tanh(np.array([far], dtype))
    assert numbers(activations.derivative(refnn.Tanh(), np.array([far], dtype))) == numbers(
        1 - y * y
    )


@holds("elu, selu, softplus")
def smooth(text, dtype):
    assert constants(text)[0] == "1"
    alpha, half = float(constants(text)[0]), dtype(0.5)
    for elu in both(refnn.Elu)():
        assert elu.alpha == alpha
        assert numbers(elu.forward(np.array([3, 0, -1000], dtype))) == [3, 0, -1]
    for slopes in derivatives(refnn.Elu(), [3, 0, -1000], dtype):
        assert slopes == [1, alpha, 0]
    for slopes in derivatives(refnn.Elu(0.5), [3, 0, -1000], dtype):
        assert slopes == [1, half, 0]
    # Klambauer et al. (2017): λ and α to nine digits
    scale, scale_alpha = 1.0507009873554805, 1.0507009873554805 * 1.6732632423543772
    for selu in both(refnn.Selu)():
        above, zero, below = numbers(selu.forward(np.array([1, 0, -1000], dtype)))
        assert near(above, scale, 2, dtype)
        assert zero == 0
        assert near(-below, scale_alpha, 3, dtype)
    for slopes in derivatives(refnn.Selu(), [1, 0, -1000], dtype):
        assert near(slopes[0], scale, 2, dtype)
        assert slopes[1:] == [slopes[0], 0]
    for softplus in both(refnn.Softplus)():
        zero, large, small = numbers(softplus.forward(np.array([0, 1000, -1000], dtype)))
        assert near(zero, math.log(2), 10, dtype)
        assert (large, small) == (1000, 0)
    for slopes in derivatives(refnn.Softplus(), [0, 1000, -1000], dtype):
        assert slopes == [0.5, 1, 0]


@holds("dropout")
def dropout(text, dtype):
    assert "y = x ⊙ mask; a mask holds 0, or 1 / (1 − rate)" in text
    x, dy = np.array([[1, 2, 3]], dtype), np.array([[5, 7, 9]], dtype)
    mask = np.array([[4, 0, 4]], dtype)  # 1 / (1 − ¾)
    layer = layers.Dropout(0.75)
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = twin(layer).forward(tf.constant(mask), tensor)
    dx = tape.gradient(y, tensor, output_gradients=tf.constant(dy))
    assert numbers(layer.forward(mask, x)) == numbers(y) == [[4, 0, 12]]
    assert numbers(layer.input_gradient(mask, x, x * mask, dy)) == numbers(dx) == [[20, 0, 36]]
    assert (
        numbers(layer.forward(None, x)) == numbers(twin(layer).forward(None, tensor)) == [[1, 2, 3]]
    )
    for one in both(layers.Dropout)(0.75):
        drawn = one.draw(np.random.default_rng(3), (2, 3), dtype)
        assert numbers(drawn) == numbers(
            np.where(np.random.default_rng(3).random((2, 3)) >= 0.75, 4.0, 0.0)
        )


@holds("mean squared error")
def squared(text, dtype):
    assert "mean over *all* elements of (y_pred − y_true)²" in text
    for value, slope in of_loss(
        losses.MeanSquaredError(), [[1, 1], [0, 0]], [[2, 3], [3, 4]], dtype
    ):
        assert value == 7.5  # (1 + 4 + 9 + 16) / 4
        assert numbers(slope) == [[0.5, 1], [1.5, 2]]
    for loss in both(losses.MeanSquaredError)():
        y = np.array([[1, 1], [0, 0]], dtype), np.array([[2, 3], [3, 4]], dtype)
        assert numbers(loss.per_sample(*y)) == [2.5, 12.5]


@holds("mean absolute error")
def absolute(text, dtype):
    assert "mean over *all* elements" in text
    assert "0 where they are equal" in text
    y = [[1, 1], [0, 0]], [[1, 3], [-3, 4]]
    for value, slope in of_loss(losses.MeanAbsoluteError(), *y, dtype):
        assert value == 2.25  # (0 + 2 + 3 + 4) / 4
        assert numbers(slope) == [[0, 0.25], [-0.25, 0.25]]
    for loss in both(losses.MeanAbsoluteError)():
        assert numbers(loss.per_sample(*(np.array(a, dtype) for a in y))) == [1, 3.5]


@holds("asymmetric loss")
def shop(text, dtype):
    assert "*sum* of cost · (y_pred − y_true) where y_pred > y_true, else profit" in text
    y = [[0, 0, 5, 0], [1, 0, 0, 0]], [[4, 0, 1, -2], [0, 0, 0, 1]]
    for value, slope in of_loss(losses.Asymmetric(2, 4), *y, dtype):
        assert value == 2 * 4 + 4 * 4 + 4 * 2 + 4 * 1 + 2 * 1
        assert numbers(slope) == [[2, -4, -4, -4], [-4, -4, -4, 2]]
    for value, slope in of_loss(losses.Asymmetric(), *y, dtype):
        assert value == 4 + 4 + 2 + 1 + 1
        assert numbers(slope) == [[1, -1, -1, -1], [-1, -1, -1, 1]]
    for loss in both(losses.Asymmetric)(2, 4):
        assert numbers(loss.per_sample(*(np.array(a, dtype) for a in y))) == [32, 6]


@holds("cross-entropy from probabilities")
def probabilities(text, dtype):
    (low, one, high), loss = constants(text)[:3], losses.CategoricalCrossentropy()
    assert (low, one, high) == ("1e-7", "1", "1e-7")
    assert CLIP == tf_losses.CLIP == float(low)
    clip = float(dtype(float(low)))
    for value, slope in of_loss(loss, [[0, 0, 1], [1, 0, 0]], [[1, 1, 2], [2, 1, 1]], dtype):
        assert near(value, math.log(2), 8, dtype)  # renormalised: q = ½ twice, the mean of the two
        # ∂/∂p of −ln(p_k / Σp) / N: (1/Σp − 1/p_k) / 2 for k, 1/Σp / 2 for the others
        assert numbers(slope) == [[0.125, 0.125, -0.125], [-0.125, 0.125, 0.125]]
    for value, slope in of_loss(loss, [[0, 1]], [[4, 0]], dtype):
        assert near(value, -math.log(clip), 10, dtype)  # clipped below
        assert numbers(slope) == [[0, 0]]
    for value, slope in of_loss(loss, [[1, 0]], [[4, 0]], dtype):
        top = float(dtype(1 - float(low)))
        assert near(value, -math.log(top), 10, dtype)  # clipped above
        assert numbers(slope) == [[0, 0]]
    for one_side in both(losses.CategoricalCrossentropy)():
        y = np.array([[0, 0, 1], [1, 0, 0]], dtype), np.array([[3, 3, 2], [2, 1, 1]], dtype)
        sample = numbers(one_side.per_sample(*y))
        assert near(sample[0], math.log(4), 8, dtype)
        assert near(sample[1], math.log(2), 8, dtype)


@holds("cross-entropy from logits")
def logits(text, dtype):
    assert "no ε; mean over the batch; gradient (softmax − y) / N" in text
    loss = losses.SoftmaxCrossentropy()
    for value, slope in of_loss(loss, [[1, 0], [0, 1]], [[0, 0], [0, 0]], dtype):
        assert near(value, math.log(2), 8, dtype)
        assert numbers(slope) == [[-0.25, 0.25], [0.25, -0.25]]
    for value, slope in of_loss(loss, [[1, 0]], [[0, 200]], dtype):
        assert value == 200  # an ε inside the logarithm would end below 17
        assert numbers(slope) == [[-1, 1]]
    for one in both(losses.SoftmaxCrossentropy)():
        y = np.array([[1, 0], [0, 1]], dtype), np.array([[0, 1024], [0, 1024]], dtype)
        assert numbers(one.per_sample(*y)) == [1024, 0]


@holds("binary cross-entropy from probabilities")
def yes_or_no(text, dtype):
    (low, one, high), loss = constants(text)[:3], losses.BinaryCrossentropy()
    assert (low, one, high) == ("1e-7", "1", "1e-7")
    assert float(low) == tf_losses.CLIP
    for value, slope in of_loss(loss, [[1, 0], [0, 1]], [[0.5, 0.5], [0.5, 0.5]], dtype):
        assert near(value, math.log(2), 10, dtype)
        assert numbers(slope) == [[-0.5, 0.5], [0.5, -0.5]]  # ±1/p / 4
    clip, top = float(dtype(1e-7)), float(dtype(1 - 1e-7))
    for value, slope in of_loss(loss, [[1, 0]], [[0, 0.5]], dtype):
        assert near(value, (-math.log(clip) + math.log(2)) / 2, 10, dtype)
        assert numbers(slope) == [[0, 1]]
    for value, slope in of_loss(loss, [[0, 1]], [[1, 0.5]], dtype):
        assert near(value, (-math.log(1 - top) + math.log(2)) / 2, 10, dtype)
        assert numbers(slope) == [[0, -1]]
    for one in both(losses.BinaryCrossentropy)():
        halves = np.array([[1, 0], [1, 1]], dtype), np.full((2, 2), 0.5, dtype)
        for row in numbers(one.per_sample(*halves)):
            assert near(row, math.log(2), 10, dtype)


@holds("binary cross-entropy from logits")
def yes_or_no_from_logits(text, dtype):
    assert "no ε; mean over *all* elements; gradient (σ(z) − y) / (N K)" in text
    loss = losses.SigmoidCrossentropy()
    for value, slope in of_loss(loss, [[1, 0], [0, 1]], [[0, 0], [0, 0]], dtype):
        assert near(value, math.log(2), 10, dtype)
        assert numbers(slope) == [[-0.125, 0.125], [0.125, -0.125]]
    for value, slope in of_loss(loss, [[1, 0]], [[-200, 1000]], dtype):
        assert value == 600  # (200 + 1000) / 2: an ε would end below 17
        assert numbers(slope) == [[-0.5, 0.5]]
    for one in both(losses.SigmoidCrossentropy)():
        y = np.array([[1, 0], [0, 1]], dtype), np.array([[-1024, 1024], [-1024, 1024]], dtype)
        assert numbers(one.per_sample(*y)) == [1024, 0]


@holds("class numbers")
def class_numbers(text, dtype):
    assert "y (N,) or (N, 1) of an integer dtype becomes one-hot rows" in text
    model = Model(refnn.multilayer([2, 3], refnn.Tanh()), losses.SoftmaxCrossentropy())
    theta, x = np.arange(9).astype(dtype), np.ones((3, 2), dtype)
    rows, y = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], dtype), np.array([2, 0, 1])
    for one_side, evaluate in zip(
        (model, twin(model)), (refnn.evaluate, tftwin.evaluate), strict=True
    ):
        expected = evaluate(one_side, theta, x, rows)
        assert (
            evaluate(one_side, theta, x, y) == evaluate(one_side, theta, x, y[:, None]) == expected
        )
        with refused("y: row 1 is class 3; expected 0 to 2"):
            evaluate(one_side, theta, x, np.array([0, 3, 1]))


@holds("labels")
def labels(text, dtype):
    assert "each row a distribution, or numbers from 0 to 1 for a binary one; checked" in text
    for loss, last in (
        (losses.BinaryCrossentropy(), refnn.Sigmoid()), (losses.SigmoidCrossentropy(), None),
    ):  # fmt: skip
        model = Model(refnn.multilayer([2, 2], refnn.Tanh(), last), loss)
        state = model.initial_state(np.random.default_rng(0), dtype=dtype)
        for bad in (-0.25, 1.25):
            with refused(f"y holds {bad} at [1, 0]"):
                refnn.evaluate(
                    model, state, np.ones((2, 2), dtype), np.array([[0, 1], [bad, 1]], dtype)
                )
    for loss, last in (
        (losses.CategoricalCrossentropy(), refnn.Softmax()),
        (losses.SoftmaxCrossentropy(), None),
    ):
        model = Model(refnn.multilayer([2, 2], refnn.Tanh(), last), loss)
        state = model.initial_state(np.random.default_rng(0), dtype=dtype)
        x = np.ones((2, 2), dtype)
        for bad in ([[1, 0], [1, 1]], [[1, 0], [2, -1]], [[1, 0], [0, 0]]):
            y = np.array(bad, dtype)
            for door in (refnn.evaluate, lambda *a: refnn.fit(*a, epochs=1, progress=False)):
                with refused("y: row 1 is "):
                    door(model, state, x, y)


@holds("L2")
def price(text, dtype):
    assert text.startswith("λ Σ ½ w² over weights, never biases")
    network = refnn.Network([refnn.Dense(2, 2), refnn.Dense(2, 1)])
    theta = np.array([1, 2, 3, 4, 100, 100, 5, 6, 100], dtype)
    priced = Model(network, losses.Asymmetric(), regularizer=regularizers.L2(0.5))
    free = Model(network, losses.Asymmetric())
    for rows in (1, 3):  # not divided by the batch
        x, y = np.ones((rows, 2), dtype), np.zeros((rows, 1), dtype)
        for backpropagate, convert in (
            (refnn.backpropagate, lambda m: m), (tf_training.backpropagate, twin),
        ):  # fmt: skip
            one, other = (backpropagate(convert(m), theta, x, y) for m in (priced, free))
            assert float(one.penalty) == 0.5 * (1 + 4 + 9 + 16 + 25 + 36) / 2
            assert float(one.loss) == float(one.data_loss) + float(one.penalty)
            added = [numbers(a - b) for a, b in zip(one.gradients, other.gradients, strict=True)]
            assert added == [[[0.5, 1], [1.5, 2]], [0, 0], [[2.5], [3]], [0]]


@holds("exponential decay")
def decay(text, dtype):
    assert text == "lr₀ · r^(t / s), t = updates done *before* this one"
    for schedule in both(refnn_schedules.ExponentialDecay)(0.5, 0.25, 2):
        assert [schedule(t) for t in (0, 1, 2, 3, 4)] == [0.5, 0.25, 0.125, 0.0625, 0.03125]
    for stairs in both(refnn_schedules.ExponentialDecay)(0.5, 0.25, 2, True):
        assert [stairs(t) for t in (0, 1, 2, 3, 4)] == [0.5, 0.5, 0.125, 0.125, 0.03125]
    for every in both(refnn_schedules.ExponentialDecay)(0.5, 0.5):
        assert [every(t) for t in (0, 1, 2)] == [0.5, 0.25, 0.125]
    for epochs in both(refnn_schedules.PerEpoch)(refnn_schedules.ExponentialDecay(1, 0.5), 3):
        assert [epochs(t) for t in range(8)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]
    for constant in both(refnn_schedules.Constant)(0.5):
        assert [constant(t) for t in (0, 9)] == [0.5, 0.5]
    rule = optimizers.SGD(refnn_schedules.ExponentialDecay(0.5, 0.25, 1))
    model = Model(refnn.Network([refnn.Dense(1, 1, False)]), losses.Asymmetric(), rule)
    x, y = np.ones((1, 1), dtype), np.zeros((1, 1), dtype)
    for step, rate in ((0, 0.5), (1, 0.125), (2, 0.03125)):
        state = State(np.array([1], dtype), (), step)
        for one in (
            refnn.train_step(model, state, x, y),
            tf_training.train_step(twin(model), state, x, y),
        ):
            assert (one.learning_rate, *numbers(one.state.theta)) == (rate, 1 - rate)
            assert one.state.step == step + 1


@holds("SGD")
def sgd(text, dtype):
    assert text == "w − lr g"
    for after in of_rule(optimizers.SGD(), 1, 2, (), 4, 0.25, dtype):
        assert after == (0.5, 5)


@holds("SGDM")
def sgdm(text, dtype):
    assert text == "m = β m + (1 − β) g; w − lr m"
    for after in of_rule(optimizers.SGDM(beta=0.75), 1, 8, (4,), 0, 0.25, dtype):
        assert after == (-0.25, 5, 1)  # m = 3 + 2


@holds("Nesterov")
def nesterov(text, dtype):
    assert text == "m = β m + (1 − β) g; w − lr (β m + (1 − β) g)"
    for after in of_rule(optimizers.Nesterov(beta=0.75), 1, 8, (4,), 0, 0.25, dtype):
        assert after == (-0.4375, 5, 1)  # m = 3 + 2; 1 − ¼ (15/4 + 2)


@holds("Adagrad")
def adagrad(text, dtype):
    assert text == "v = v + g²; w − lr g / (√v + ε)"
    for after in of_rule(optimizers.Adagrad(epsilon=3), 1, 4, (9,), 0, 0.5, dtype):
        assert after == (0.75, 25, 1)  # 0.5 · 4 / (5 + 3)


@holds("RMSProp")
def rmsprop(text, dtype):
    assert text == "v = β v + (1 − β) g²; w − lr g / (√v + ε)"
    for after in of_rule(optimizers.RMSProp(beta=0.75, epsilon=3), 1, 4, (28,), 0, 0.5, dtype):
        assert after == (0.75, 25, 1)  # v = 21 + 4


@holds("Adam")
def adam(text, dtype):
    assert "m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ), t = 1, 2, …; w − lr m̂ / (√v̂ + ε)" in text
    rule = optimizers.Adam(beta_1=0.5, beta_2=0.75, epsilon=4)
    # t = 1: m = 1 + 1, m̂ = 4; v = 3 + 1, v̂ = 16
    for after in of_rule(rule, 1, 2, (2, 4), 0, 0.5, dtype):
        assert after == (0.75, 2, 4, 1)
    # t = 2: m = 2 + 1, m̂ = 3 / 0.75 = 4; v = 6 + 1, v̂ = 7 / 0.4375 = 16
    for after in of_rule(rule, 1, 2, (4, 8), 1, 0.5, dtype):
        assert after == (0.75, 3, 7, 2)


@holds("Nadam")
def nadam(text, dtype):
    assert (
        "m̂ = μₜ₊₁ m / (1 − μ₁ ⋯ μₜ₊₁) + (1 − μₜ) g / (1 − μ₁ ⋯ μₜ); "
        "μₜ = β₁ (1 − ½ · 0.96^(t / 250))"
    ) in text
    assert 1 / optimizers.Nadam().momentum_decay == 250
    for one in both(optimizers.Nadam)():
        assert one.momentum(250) == 0.9 * (1 - 0.96 / 2)
        assert one.momentum(500) == 0.9 * (1 - 0.96**2 / 2)
        product = one.momentum(1) * one.momentum(2) * one.momentum(3)
        assert (one.product(1), one.product(3)) == (one.momentum(1), product)
    rule = optimizers.Nadam(beta_1=0.5, beta_2=0.75, epsilon=4, momentum_decay=0)  # μ = ¼
    # t = 1: m = 14 + 1, m̂ = (15/4) / (15/16) + (3/2) / (3/4) = 6; v = 3 + 1, v̂ = 16
    for after in of_rule(rule, 1, 2, (28, 4), 0, 0.5, dtype):
        assert after == (0.625, 15, 4, 1)
    # t = 2: m̂ = (63/4) / (63/64) + (15/4) / (15/16) = 20; v = 3/4 + 25/4, v̂ = 7 / (7/16)
    for after in of_rule(rule, 1, 5, (121, 1), 1, 0.5, dtype):
        assert after == (-0.25, 63, 7, 2)


@holds("ε")
def epsilons(text, dtype):
    assert text.startswith("outside the root; 1e-7; ε = 0 is the tutorial's own formula")
    with np.errstate(all="ignore"):
        for kind in (
            optimizers.Adagrad, optimizers.RMSProp, optimizers.Adam, optimizers.Nadam,
        ):  # fmt: skip
            slots = (0,) * len(kind.slot_names)
            for one in both(kind)():
                assert one.epsilon == 1e-7
            for after in of_rule(kind(), 1, 0, slots, 0, 0.5, dtype):
                assert after[0] == 1  # 0 / ε
            for after in of_rule(kind(epsilon=0), 1, 0, slots, 0, 0.5, dtype):
                assert np.isnan(after[0])  # 0 / 0
        # g = ε: g / (√g² + ε) = ½, where √(g² + ε) would give 3e-4
        for after in of_rule(optimizers.Adagrad(), 0, 1e-7, (0,), 0, 1, dtype):
            assert near(after[0], -0.5, 8, dtype)


@holds("initial weights")
def start(text, dtype):
    assert "He: normal, deviation √(2 / fan_in); biases 0" in text
    network = refnn.Network([refnn.Dense(8, 3), refnn.Dense(3, 50)])
    theta = network.initial_theta(np.random.default_rng(5), dtype=dtype)
    rng = np.random.default_rng(5)
    W1, W2 = 0.5 * rng.standard_normal((8, 3)), math.sqrt(2 / 3) * rng.standard_normal((3, 50))
    parts = [W1.ravel(), np.zeros(3), W2.ravel(), np.zeros(50)]
    assert same_bits(theta, np.concatenate(parts).astype(dtype))
    model = Model(network, losses.MeanSquaredError(), optimizers.Adam())
    state = model.initial_state(np.random.default_rng(5), dtype=dtype)
    assert same_bits(state.theta, theta)
    assert [s.any() for s in state.slots] == [False, False]
    assert state.step == 0
    sample = initializers.Normal(2).sample((4, 5), np.random.default_rng(7))
    assert same_bits(sample, 2 * np.random.default_rng(7).standard_normal((4, 5)))
    cut = initializers.TruncatedNormal(3).sample((300,), np.random.default_rng(8))
    assert 5 < abs(cut).max() <= 6
    assert not initializers.Zeros().sample((4,), rng).any()


def test_every_row_of_the_table_is_held():
    assert len(HELD) == len(ROWS)
    assert all(thing.startswith(held) for thing, held in zip(ROWS, HELD, strict=True))


@each_dtype
@pytest.mark.parametrize("thing", HELD)
def test_a_convention_on_both_sides(thing, dtype):
    HELD[thing](list(ROWS.values())[list(HELD).index(thing)], dtype)


# Defaults ----------------------------------------------------------------------------------------

NONE = dataclasses.MISSING
DEFAULTS = {
    "LeakyRelu": {"alpha": 0.2},
    "Elu": {"alpha": 1.0},
    "Dense": {"inputs": NONE, "outputs": NONE, "use_bias": True},
    "Activation": {"function": NONE},
    "Dropout": {"rate": NONE},
    "Network": {"layers": NONE},
    "Asymmetric": {"cost": 1.0, "profit": 1.0},
    "L2": {"rate": NONE},
    "Constant": {"learning_rate": NONE},
    "ExponentialDecay": {
        "initial_learning_rate": NONE, "decay_rate": NONE, "decay_steps": 1, "staircase": False,
    },
    "PerEpoch": {"schedule": NONE, "steps_per_epoch": NONE},
    "SGD": {"learning_rate": 0.01},
    "SGDM": {"learning_rate": 0.01, "beta": 0.9},
    "Nesterov": {"learning_rate": 0.01, "beta": 0.9},
    "Adagrad": {"learning_rate": 0.01, "epsilon": 1e-7},
    "RMSProp": {"learning_rate": 0.001, "beta": 0.9, "epsilon": 1e-7},
    "Adam": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "Nadam": {
        "learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7,
        "momentum_decay": 0.004,
    },
    "Normal": {"stddev": 1.0},
    "TruncatedNormal": {"stddev": 1.0},
    "Checkpoint": {"path": NONE, "every_epochs": 1, "every_seconds": 0.0, "overwrite": False},
    "Model": {"network": NONE, "loss": NONE, "optimizer": NONE, "regularizer": None},
}  # fmt: skip
ROOMS = [
    refnn, refnn.runs, activations, layers, losses, optimizers, regularizers, refnn_schedules,
    initializers, tftwin, tf_activations, tf_layers, tf_losses, tf_optimizers, tf_regularizers,
    tf_schedules, tf_training,
]  # fmt: skip


def classes_with_fields():
    for room in ROOMS:
        for name, kind in vars(room).items():
            if dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen:
                yield name, kind


def test_every_default_is_the_one_that_is_written_here():
    seen = set()
    for name, kind in classes_with_fields():
        fields = {f.name: f.default for f in dataclasses.fields(kind)}
        if not fields or name in ("SavedModel", "Complexity", "Trainer", "Parameter"):
            continue
        if name == "Model":  # a rule as a default: SGD() with its own
            assert (
                fields.pop("optimizer")
                == vars(__import__(kind.__module__, fromlist=["SGD"]))["SGD"]()
            )
            fields["optimizer"] = NONE
        assert {k: fields[k] for k in DEFAULTS[name]} == DEFAULTS[name], (kind.__module__, name)
        assert set(fields) == set(DEFAULTS[name])
        seen.add(name)
    assert seen == set(DEFAULTS)


def test_the_population_deviation():
    x = np.array([[1.0], [3.0]])
    assert [numbers(a) for a in standardize(x)] == [[[-1], [1]], [2], [1]]
