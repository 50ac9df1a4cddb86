"""Seven classic mistakes, for ``python -m tftwin check examples/exercises/seven_mistakes.py``."""

from typing import Any

import numpy as np


def sigmoid_backward(dy: Any, y: Any) -> Any:
    s = 1 / (1 + np.exp(-y))  # y is an output of sigmoid already
    return dy * s * (1 - s)


def tanh_backward(dy: Any, y: Any) -> Any:
    return dy * (1 - y)


def softmax_backward(dy: Any, y: Any) -> Any:
    return dy * y * (1 - y)


def dense_backward(dy: Any, x: Any, W: Any) -> Any:
    return dy @ W.reshape(W.shape[1], W.shape[0]), x.T @ dy, dy.sum(axis=0)


def softmax_crossentropy_gradient(y_true: Any, logits: Any) -> Any:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) - y_true


def rmsprop(w: Any, g: Any, v: Any, learning_rate: float, beta: float, epsilon: float) -> Any:
    v = (1 - beta) * v + beta * g**2
    return w - learning_rate * g / (np.sqrt(v) + epsilon), v


def adam(
    w: Any, g: Any, m: Any, v: Any, t: int, learning_rate: float, beta_1: float, beta_2: float,
    epsilon: float,
) -> Any:  # fmt: skip
    m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
    m_hat, v_hat = m / (1 - beta_1 ** (t + 1)), v / (1 - beta_2 ** (t + 1))
    return w - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v
