"""Each card shows two numbers: refnn's, and that of whoever computes otherwise.

The other number comes from the other library where it is installed here: TensorFlow, Keras,
scikit-learn. For PyTorch, JAX, MLX and Keras 2 it was measured with PyTorch 2.13, JAX 0.10.2,
MLX 0.32.4 and tf_keras 2.21, and is written out. The optimizers of Keras are in
tests/keras/test_cards.py.
"""

import re
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tests.keras.test_cards import EXAMPLES
from tftwin.cards import CARDS
from tftwin.cards.card import MEASURED
from tftwin.check.command import page
from tftwin.check.example import both_numbers
from tftwin.check.tasks import TASKS
from tftwin.keras_models.library import keras

BY_NAME = {card.name: card for card in CARDS}


class Example(NamedTuple):
    """Arguments, which result, refnn's digits, the other's, and who computes it here."""

    given: dict[str, Any]
    ours: str
    theirs: str
    library: Callable[[], Any] | None = None
    result: int = 0


def row(*numbers):
    return np.array([numbers], np.float64)


def slope(function, x):
    """TensorFlow's derivative at x."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x).numpy()


def log_loss(p):
    from sklearn.metrics import log_loss

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the row does not sum to 1
        return log_loss([0], p, labels=range(np.shape(p)[1]))


def naive_logarithm(z, y):
    return -tf.reduce_sum(y * tf.math.log(tf.nn.softmax(z))).numpy()


W = np.array([[1.0, 2.0, 3.0]])
ERRORS = {"y_true": np.zeros((2, 3)), "y_pred": np.array([[1.0, 2.0, 3.0]] * 2)}
ZERO = {"dy": row(1.0), "x": row(0.0), "y": row(0.0)}
FIRST = {"y_true": row(1, 0, 0), "y_pred": row(0.2, 0.2, 0.2)}
AT_ZERO = {"y_true": row(1, 0, 0), "y_pred": row(0.0, 0.5, 0.5)}
START = {
    **{name: np.zeros(1) for name in ("w", "m", "v")}, "g": np.ones(1), "t": 1, "beta_1": 0.9,
    "beta_2": 0.999, "epsilon": 1e-8, "learning_rate": 1.0,
}  # fmt: skip
MULTI_HOT = {"y_true": row(1, 1, 1), "logits": row(1, 2, 3)}
DECAY = {"step": 0, "initial_learning_rate": 1.0, "decay_rate": 0.5, "decay_steps": 1}

NUMBERS = {
    "leaky-maximum": Example({"x": row(-1, 1), "alpha": 2.0}, "-2 1", "-1 2"),
    "kink-relu-one": Example(ZERO, "0", "1", lambda: slope(lambda x: tf.maximum(x, 0), row(0.0))),
    "kink-relu-half": Example(ZERO, "0", "0.5"),  # jnp.maximum
    "kink-leaky-one": Example(ZERO | {"alpha": 0.2}, "0.2", "1"),  # jax.nn.leaky_relu
    "kink-selu-below": Example(ZERO, "1.0507010", "1.7580993"),  # torch.nn.functional.selu
    "kink-mae-one": Example({"y_true": row(0.0), "y_pred": row(0.0)}, "0", "1"),  # jnp.abs
    "l2-half": Example(
        {"W": W, "rate": 1.0}, "7", "14", lambda: keras.regularizers.L2(1.0)(W).numpy()
    ),
    "l2-half-gradient": Example(
        {"W": W, "rate": 1.0}, "1 2 3", "2 4 6", lambda: slope(keras.regularizers.L2(1.0), W)
    ),
    "mse-half-n": Example(ERRORS, "4.6666667", "7"),
    "mse-over-rows": Example(ERRORS, "4.6666667", "14"),
    "mse-half-mean": Example(ERRORS, "4.6666667", "2.3333333"),
    "mse-gradient-rows-no-two": Example(
        {"y_true": row(0, 0, 0), "y_pred": row(1, 1, 1)}, "0.6666667 0.6666667 0.6666667", "1 1 1"
    ),
    "cce-plain": Example(FIRST, "1.0986123", "1.6094379", lambda: log_loss([[0.2] * 3])),
    "cce-clip-dtype": Example(
        AT_ZERO, "16.1180957", "36.0436534", lambda: log_loss([[0.0, 0.5, 0.5]])
    ),
    "cce-gradient-plain": Example(
        {"y_true": row(1, 0), "y_pred": row(2e-7, 1 - 2e-7)}, "-4999999 1", "-5000000 0"
    ),
    "fused-composed": Example(
        {"y_true": row(0, 1), "logits": row(1000, 0)}, "1000", "inf",
        lambda: naive_logarithm(row(1000, 0), row(0, 1)),
    ),
    "fused-gradient-of-sum": Example(
        MULTI_HOT, "-0.9099694 -0.7552715 -0.3347590", "-0.7299083 -0.2658146 0.9957229"
    ),
    "bce-epsilon": Example({"y_true": row(0), "y_pred": row(1)}, "16.1180957", "15.4249485"),
    "bce-log-clamped": Example({"y_true": row(0), "y_pred": row(1)}, "16.1180957", "100"),
    "adam-uncorrected": Example(START, "-1.000000", "-3.162277"),
    "adam-t-plus-one": Example(START, "-1.000000", "-0.744137"),
    "adam-t-minus-one": Example(START, "-1.0000000", "nan"),
    "decay-from-one": Example(DECAY | {"staircase": False}, "1", "0.5"),
}  # fmt: skip


def digits(value, like):
    """The numbers of a result, each to as many digits as are written."""
    texts = like.split()
    numbers = np.ravel(np.asarray(getattr(value, "value", value), np.float64))
    assert len(numbers) == len(texts)
    places = [len(text.partition(".")[2]) for text in texts]
    return " ".join(f"{v + 0.0:.{p}f}" for v, p in zip(numbers, places, strict=True))


@pytest.mark.parametrize("name", NUMBERS)
def test_both_numbers(name):
    card, example = BY_NAME[name], NUMBERS[name]
    task = TASKS[card.of]
    given = {a.name: example.given[a.name] for a in task.arguments}
    with np.errstate(all="ignore"):
        ours, theirs = task.right(**given), card.function(**given)
    assert digits(ours[example.result], example.ours) == example.ours
    assert digits(theirs[example.result], example.theirs) == example.theirs
    if example.library is not None:
        assert digits(example.library(), example.theirs) == example.theirs


def test_no_card_says_measured_without_its_numbers():
    said = {card.name.removeprefix("slope-") for card in CARDS if card.source == MEASURED}
    forms_of_bits = {"momentum-ema-form"}  # equal numbers, other bits: test_forms_have_other_bits
    assert said - forms_of_bits <= set(NUMBERS)
    assert not set(NUMBERS) & set(EXAMPLES)


def test_forms_have_other_bits():
    """m + (1 − β)(g − m) is the same average: 0.91 in float32 is rounded the other way."""
    w, m, g = (np.array([number], np.float32) for number in (0, 1, 0.1))
    given = {"w": w, "g": g, "m": m, "learning_rate": 1.0, "beta": 0.9}
    _, ours = TASKS["momentum"].right(**given)
    _, theirs = BY_NAME["momentum-ema-form"].function(**given)
    assert (f"{ours[0]:.10f}", f"{theirs[0]:.10f}") == ("0.9099999666", "0.9100000262")


def test_explain_shows_two_numbers_of_every_card():
    silent = [c.name for c in CARDS if c.kind != "form" and not both_numbers(c)]
    assert silent == ["rate-dtype"]  # a learning rate by itself is no function of a step
    for card in CARDS:
        found = re.search(r"refnn (\S+), other (\S+)", both_numbers(card))
        assert found is None or found[1] != found[2], card.name
    said = page(BY_NAME["kink-relu-one"])
    assert "numbers dx[0, 0]: refnn 0, other 0.4116305" in said
