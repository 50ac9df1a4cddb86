"""The same step by other hands: TensorFlow in three ways, Keras, and scikit-learn.

The compiled TensorFlow steps are written to be fast: data and weights are tensors already, the
step counts t itself, and nothing is fetched. TensorFlow runs with the settings it comes with.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from sklearn.neural_network import MLPClassifier

from tests.benchmarks.workloads import LEARNING_RATE, Workload, batch, weights


def forward(workload, P, x):
    hidden = {"relu": tf.nn.relu, "tanh": tf.nn.tanh}.get(workload.hidden)
    layers = len(workload.sizes) - 1
    for i in range(layers):
        x = tf.matmul(x, P[2 * i]) + P[2 * i + 1] if workload.use_bias else tf.matmul(x, P[i])
        if i < layers - 1:
            x = hidden(x)
    return tf.nn.softmax(x) if workload.loss == "softmax mse" else x


def loss_of(workload, P, x, y):
    output = forward(workload, P, x)
    if workload.loss == "cross-entropy":
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=output))
    else:
        loss = tf.reduce_mean(tf.square(y - output))
    if workload.rate:
        loss += workload.rate * tf.add_n([tf.nn.l2_loss(W) for W in P if W.shape.rank == 2])
    return loss


def eager(workload: Workload, optimizer: str) -> Callable[[], tf.Tensor]:
    """Return a step as the tutorial writes it: a tape, then each weight's rule by itself."""
    x, y = map(tf.constant, batch(workload))
    P = [tf.Variable(p) for p in weights(workload)]
    m, v = [0.0] * len(P), [0.0] * len(P)
    beta, beta_2, t = 0.9, 0.999, 0

    def step() -> tf.Tensor:
        nonlocal t
        t += 1
        with tf.GradientTape() as tape:
            loss = loss_of(workload, P, x, y)
        for i, (w, g) in enumerate(zip(P, tape.gradient(loss, P), strict=True)):
            if optimizer == "SGD":
                w.assign_sub(LEARNING_RATE * g)
            elif optimizer == "SGDM":
                m[i] = beta * m[i] + (1 - beta) * g
                w.assign_sub(LEARNING_RATE * m[i])
            elif optimizer == "Adagrad":
                v[i] += tf.square(g)
                w.assign_sub(LEARNING_RATE * g / (tf.sqrt(v[i]) + 1e-7))
            elif optimizer == "RMSProp":
                v[i] = beta * v[i] + (1 - beta) * tf.square(g)
                w.assign_sub(LEARNING_RATE * g / (tf.sqrt(v[i]) + 1e-7))
            else:
                m[i] = beta * m[i] + (1 - beta) * g
                v[i] = beta_2 * v[i] + (1 - beta_2) * tf.square(g)
                m_hat = tf.divide(m[i], 1 - tf.pow(beta, t))
                v_hat = tf.divide(v[i], 1 - tf.pow(beta_2, t))
                w.assign_sub(LEARNING_RATE * m_hat / (tf.sqrt(v_hat) + 1e-7))
        return loss

    return step


def graph_step(workload: Workload, optimizer: str) -> tuple[Callable, tf.Tensor, tf.Tensor]:
    """Return a step on variables, to be compiled, and its batch."""
    x, y = map(tf.constant, batch(workload))
    P = [tf.Variable(p) for p in weights(workload)]
    M, V = ([tf.Variable(tf.zeros_like(p)) for p in P] for _ in range(2))
    beta, beta_2, t = 0.9, 0.999, tf.Variable(0.0)

    def step(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        t.assign_add(1.0)
        with tf.GradientTape() as tape:
            loss = loss_of(workload, P, x, y)
        for w, g, m, v in zip(P, tape.gradient(loss, P), M, V, strict=True):
            if optimizer in ("SGDM", "Adam"):
                m.assign(beta * m + (1 - beta) * g)
            if optimizer == "Adagrad":
                v.assign_add(tf.square(g))
            if optimizer == "RMSProp":
                v.assign(beta * v + (1 - beta) * tf.square(g))
            if optimizer == "Adam":
                v.assign(beta_2 * v + (1 - beta_2) * tf.square(g))
                m_hat, v_hat = m / (1 - beta**t), v / (1 - beta_2**t)
                w.assign_sub(LEARNING_RATE * m_hat / (tf.sqrt(v_hat) + 1e-7))
            elif optimizer == "SGD":
                w.assign_sub(LEARNING_RATE * g)
            elif optimizer == "SGDM":
                w.assign_sub(LEARNING_RATE * m)
            else:
                w.assign_sub(LEARNING_RATE * g / (tf.sqrt(v) + 1e-7))
        return loss

    return step, x, y


def function(workload: Workload, optimizer: str) -> Callable[[], tf.Tensor]:
    step, x, y = graph_step(workload, optimizer)
    compiled = tf.function(step)
    return lambda: compiled(x, y)


def xla(workload: Workload, optimizer: str) -> Callable[[], tf.Tensor]:
    step, x, y = graph_step(workload, optimizer)
    compiled = tf.function(step, jit_compile=True)
    return lambda: compiled(x, y)


def train_on_batch(workload: Workload, optimizer: str) -> Callable[[], object]:
    """Return Keras' step, which is given NumPy arrays."""
    x, y = batch(workload)
    penalty = keras.regularizers.L2(workload.rate / 2) if workload.rate else None
    widths = workload.sizes[1:]
    model = keras.Sequential([keras.Input(workload.sizes[:1])])
    for i, width in enumerate(widths):
        last = "softmax" if workload.loss == "softmax mse" else None
        model.add(
            keras.layers.Dense(
                width,
                activation=workload.hidden if i < len(widths) - 1 else last,
                use_bias=workload.use_bias,
                kernel_regularizer=penalty,
            )
        )
    rules = {
        "SGD": keras.optimizers.SGD(LEARNING_RATE),
        "SGDM": keras.optimizers.SGD(LEARNING_RATE, momentum=0.9),
        "Adagrad": keras.optimizers.Adagrad(LEARNING_RATE),
        "RMSProp": keras.optimizers.RMSprop(LEARNING_RATE),
        "Adam": keras.optimizers.Adam(LEARNING_RATE),
    }
    cross_entropy = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(rules[optimizer], cross_entropy if workload.loss == "cross-entropy" else "mse")
    return lambda: model.train_on_batch(x, y)


def partial_fit(workload: Workload, optimizer: str) -> Callable[[], object] | None:
    """Return scikit-learn's step on one batch, or None where it has no such rule or network.

    It classifies, with the cross-entropy, whatever the workload's loss.
    """
    rules = {
        "SGD": {"solver": "sgd", "momentum": 0.0},
        "SGDM": {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False},
        "Adam": {"solver": "adam"},
    }
    if optimizer not in rules or not workload.use_bias:
        return None
    x, y = batch(workload)
    labels = np.argmax(y, axis=1) if y.shape[1] > 1 else y[:, 0].astype(int)
    model = MLPClassifier(
        workload.sizes[1:-1],
        activation=workload.hidden or "identity",
        alpha=workload.rate,
        batch_size=len(x),
        learning_rate_init=LEARNING_RATE,
        random_state=0,
        **rules[optimizer],
    )
    classes = np.unique(labels)
    return lambda: model.partial_fit(x, labels, classes=classes)
