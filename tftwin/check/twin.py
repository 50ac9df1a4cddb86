"""TensorFlow's own results for the arguments of a call; its derivatives are automatic.

The functions are those of ``tftwin``, so TensorFlow is imported with this file, and only then.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from refnn.typing import Array
from tftwin import activations, losses, optimizers, regularizers, schedules
from tftwin.check.task import Task
from tftwin.tensorflow import tf

ACTIVATIONS: dict[str, Callable[..., activations.Function]] = {
    "sigmoid": activations.Sigmoid,
    "tanh": activations.Tanh,
    "relu": activations.Relu,
    "leaky_relu": activations.LeakyRelu,
    "elu": activations.Elu,
    "selu": activations.Selu,
    "softplus": activations.Softplus,
    "softmax": activations.Softmax,
}
LOSSES: dict[str, losses.Loss] = {
    "mean_squared_error": losses.MeanSquaredError(),
    "mean_absolute_error": losses.MeanAbsoluteError(),
    "binary_crossentropy": losses.BinaryCrossentropy(),
    "sigmoid_crossentropy": losses.SigmoidCrossentropy(),
    "categorical_crossentropy": losses.CategoricalCrossentropy(),
    "softmax_crossentropy": losses.SoftmaxCrossentropy(),
}
RULES: dict[str, Callable[..., optimizers.Optimizer]] = {
    "sgd": optimizers.SGD,
    "momentum": optimizers.SGDM,
    "nesterov": optimizers.Nesterov,
    "adagrad": optimizers.Adagrad,
    "rmsprop": optimizers.RMSProp,
    "adam": optimizers.Adam,
    "nadam": optimizers.Nadam,
}


def results(task: Task, given: dict[str, Any]) -> list[Array]:
    """Return what TensorFlow computes for these arguments, in the order of the task's results."""
    return [np.asarray(one) for one in _twin(task.name)(**given)]


def _twin(name: str) -> Callable[..., Any]:
    if name in RULES:
        return partial(_rule, RULES[name])
    if name in LOSSES:
        return partial(_loss, LOSSES[name])
    if name in ACTIVATIONS:
        return partial(_forward, ACTIVATIONS[name])
    base, _, part = name.rpartition("_")
    if base in LOSSES and part == "gradient":
        return partial(_loss_gradient, LOSSES[base])
    if base in ACTIVATIONS and part in ("backward", "derivative"):
        return partial(_backward, ACTIVATIONS[base])
    return OTHERS[name]


def _forward(make: Callable[..., activations.Function], x: Array, **options: float) -> Any:
    return (make(**options).forward(tf.constant(x)),)


def _backward(
    make: Callable[..., activations.Function],
    x: Array,
    y: Array,
    dy: Array | None = None,
    **options: float,
) -> Any:
    """dy = 1 everywhere gives the bare derivative."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = make(**options).forward(x)
    return (tape.gradient(y, x, None if dy is None else tf.constant(dy)),)


def _loss(loss: losses.Loss, y_true: Array, **prediction: Array) -> Any:
    (y_pred,) = prediction.values()
    return (loss.value(tf.constant(y_true), tf.constant(y_pred)),)


def _loss_gradient(loss: losses.Loss, y_true: Array, **prediction: Array) -> Any:
    y_pred = tf.constant(*prediction.values())
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = loss.value(tf.constant(y_true), y_pred)
    return (tape.gradient(value, y_pred),)


def _dense_forward(x: Array, W: Array, b: Array) -> Any:
    return (tf.matmul(x, W) + b,)


def _dense_backward(dy: Array, x: Array, W: Array) -> Any:
    x, W, b = tf.constant(x), tf.constant(W), tf.zeros(W.shape[1], W.dtype)
    with tf.GradientTape() as tape:
        tape.watch((x, W, b))
        y = tf.matmul(x, W) + b
    return tape.gradient(y, (x, W, b), tf.constant(dy))


def _dropout(kept: Array, rate: float, **given: Array) -> Any:
    (x,) = (tf.constant(array) for array in given.values())
    mask = tf.constant(kept * (1 / (1 - rate)), x.dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * mask
    return (y,) if "x" in given else (tape.gradient(y, x, x),)


def _penalty(W: Array, rate: float) -> Any:
    return (regularizers.L2(rate).value([tf.constant(W)]),)


def _penalty_gradient(W: Array, rate: float) -> Any:
    W = tf.constant(W)
    with tf.GradientTape() as tape:
        tape.watch(W)
        penalty = regularizers.L2(rate).value([W])
    return (tape.gradient(penalty, W),)


def _decay(step: int, **options: Any) -> Any:
    return (schedules.ExponentialDecay(**options)(step),)


def _rule(
    make: Callable[..., optimizers.Optimizer],
    w: Array,
    g: Array,
    learning_rate: float,
    t: int = 1,
    **given: Any,
) -> Any:
    slots = [tf.Variable(given.pop(name)) for name in ("m", "v") if name in given]
    optimizer = make(learning_rate, **given)
    numbers = (learning_rate, *optimizer.corrections(t))
    scalars = [tf.constant(number, w.dtype) for number in numbers]
    after, kept = optimizer.rule(tf.Variable(w), tf.constant(g), tuple(slots), *scalars)
    return after, *kept


def _backpropagate(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Any:
    theta = [tf.constant(array) for array in (W1, b1, W2, b2)]
    with tf.GradientTape() as tape:
        tape.watch(theta)
        loss = _loss_of(x, y, *theta)
    return loss, *tape.gradient(loss, theta)


def _train_step(
    x: Array,
    y: Array,
    W1: Array,
    b1: Array,
    W2: Array,
    b2: Array,
    learning_rate: float,
    l2: float,
) -> Any:
    theta = [tf.Variable(array) for array in (W1, b1, W2, b2)]
    with tf.GradientTape() as tape:
        penalty = regularizers.L2(l2).value([theta[0], theta[2]])
        loss = _loss_of(x, y, *theta) + penalty
    for w, g in zip(theta, tape.gradient(loss, theta), strict=True):
        w.assign_sub(learning_rate * g)
    return theta


def _loss_of(x: Array, y: Array, W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    logits = tf.matmul(tf.tanh(tf.matmul(x, W1) + b1), W2) + b2
    return losses.SoftmaxCrossentropy().value(tf.constant(y), logits)


OTHERS: dict[str, Callable[..., Any]] = {
    "dense_forward": _dense_forward,
    "dense_backward": _dense_backward,
    "dropout": _dropout,
    "dropout_backward": _dropout,
    "l2_penalty": _penalty,
    "l2_gradient": _penalty_gradient,
    "exponential_decay": _decay,
    "backpropagate": _backpropagate,
    "train_step": _train_step,
}
