"""Modules as persons write them: right ones in other forms, and wrong ones."""

RIGHT = """
import numpy as np

def sigmoid(x):
    return 1 / (1 + np.exp(-x))

def sigmoid_backward(dy, y):
    return dy * y * (1 - y)

def tanh_derivative(x):
    return 1 - np.tanh(x) ** 2

def tanh_backward(dy, y):
    return dy * (1 - y) * (1 + y)

def relu(x):
    return x * (x > 0)

def relu_backward(dy, y):
    return np.where(y > 0, dy, 0).astype(dy.dtype)

def softmax(x):
    e = np.exp(x)
    return e / e.sum(axis=1, keepdims=True)

def softmax_backward(dy, y):
    diagonal = np.einsum("ni,ij->nij", y, np.eye(y.shape[1], dtype=y.dtype))
    J = diagonal - np.einsum("ni,nj->nij", y, y)
    return np.einsum("nij,nj->ni", J, dy)

def dense_forward(x, W, b):
    return np.einsum("nd,dm->nm", x, W) + b

def dense_backward(dy, x, W):
    return np.einsum("nm,dm->nd", dy, W), np.einsum("nd,nm->dm", x, dy), np.sum(dy, 0)

def mean_squared_error(y_true, y_pred):
    return float(np.mean((y_true - y_pred) ** 2))

def categorical_crossentropy(y_true, y_pred):
    return -np.sum(y_true * np.log(y_pred)) / len(y_true)

def softmax_crossentropy(y_true, logits):
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return -np.mean(np.sum(y_true * np.log(p), 1))

def momentum(w, g, m, learning_rate, beta):
    v = m * learning_rate
    v = beta * v + learning_rate * (1 - beta) * g
    return w - v, v / learning_rate

def adam(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    m = m + (1 - beta_1) * (g - m)
    v = v + (1 - beta_2) * (g * g - v)
    rate = learning_rate * (1 - beta_2**t) ** 0.5 / (1 - beta_1**t)
    return w - rate * m / (np.sqrt(v) + epsilon * (1 - beta_2**t) ** 0.5), m, v

def l2_gradient(W, rate):
    return (np.float32(rate) * W.astype(np.float32)).astype(W.dtype)
"""

WRONG = """
import numpy as np

def sigmoid_backward(dy, x, y):
    return dy * x * (1 - x)

def tanh_backward(dy, y):
    return 1 - y**2

def relu_backward(dy, x):
    return dy * (x >= 0)

def softmax_backward(dy, y):
    return dy * y * (1 - y)

def dense_backward(dy, x, W):
    return dy @ W.T, x.T @ dy / len(x), dy.mean(axis=0)

def l2_penalty(W, rate):
    return rate * np.sum(W**2)

def mean_squared_error_gradient(y_true, y_pred):
    return 2 * (y_pred - y_true) / len(y_true) * 3

def softmax_crossentropy_gradient(y_true, logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) - y_true

def rmsprop(w, g, v, learning_rate, beta, epsilon):
    v = beta * v + (1 - beta) * g**2
    return w - learning_rate * g / np.sqrt(v + epsilon), v

def adam(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    return w - learning_rate * m / (np.sqrt(v) + epsilon), m, v

def sgd(w, g, learning_rate):
    return w - learning_rate * np.sin(g)
"""

NAMED = {
    "sigmoid_backward": {"dx": ["sigmoid-derivative-of-x"]},
    "tanh_backward": {"dx": ["tanh-dy-ignored"]},
    "relu_backward": {"dx": ["kink-relu-one"]},
    "softmax_backward": {"dx": ["softmax-diagonal"]},
    "dense_backward": {"dW": ["dense-averaged"], "db": ["dense-averaged"]},
    "l2_penalty": {"penalty": ["l2-half"]},
    "mean_squared_error_gradient": {"gradient": []},
    "softmax_crossentropy_gradient": {"gradient": ["fused-gradient-sum"]},
    "rmsprop": {"w": ["rmsprop-epsilon-place"]},
    "adam": {"w": ["adam-uncorrected"]},
    "sgd": {"w": []},
}
"""What each function of WRONG is; the last of them is unknown."""

HABITS = """
import os
import time

import numpy as np

count = 0

def sigmoid(x):
    print("in sigmoid")
    return [[float(v) for v in row] for row in 1 / (1 + np.exp(-x))]

def tanh(x):
    x += 1
    return np.tanh(x - 1)

def relu(x):
    time.sleep(60)

def softmax(x):
    os._exit(3)

def sgd(w, g, learning_rate):
    global count
    count += 1
    return w - learning_rate * g + count

def momentum(w, g, m, learning_rate, beta):
    return w + np.random.rand(), m

def l2_penalty(W, rate):
    return "a text"

def l2_gradient(W, lam):
    return W

def dense_forward(x, W, b):
    raise RuntimeError("not done")

def mean_squared_error(y_true, y_pred):
    return np.mean((y_true - y_pred) ** 2, axis=1)

def adagrad(w, g, v, learning_rate, epsilon):
    v = v + g**2
    return np.float64(w - learning_rate * g / (np.sqrt(v) + epsilon)), v
"""

OTHER_LAYOUT = """
import numpy as np

WEIGHTS = "outputs_inputs"
SAMPLES = "columns"
STATE = "dict"

def dense_forward(x, W, b):
    return W @ x + b[:, None]

def dense_backward(dy, x, W):
    return {"dx": W.T @ dy, "dW": dy @ x.T, "db": dy.sum(axis=1)}

def adam(w, g, state, t, learning_rate, beta_1, beta_2, epsilon):
    state["m"] = beta_1 * state["m"] + (1 - beta_1) * g
    state["v"] = beta_2 * state["v"] + (1 - beta_2) * g**2
    m, v = state["m"] / (1 - beta_1**t), state["v"] / (1 - beta_2**t)
    return w - learning_rate * m / (np.sqrt(v) + epsilon), state
"""

STEP = """
import numpy as np

def backpropagate(x, y, W1, b1, W2, b2):
    h = np.tanh(x @ W1 + b1)
    z = h @ W2 + b2
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.sum(y * np.log(p)) / len(x)
    d = p - y
    dW2, db2 = h.T @ d / len(x), d.sum(axis=0)
    dh = d @ W2.T
    dW1, db1 = x.T @ dh / len(x), dh.sum(axis=0)
    return loss, dW1, db1, dW2, db2
"""

NEARLY = """
import numpy as np

def tanh_backward(dy, y):
    return dy * (1 - y * y) * 1.0001

def sigmoid_backward(dy, y):
    return dy * y * (1 - y) * (1 + 1e-8)

def softmax_crossentropy(y_true, logits):
    z = np.clip(logits, -500, 500)
    z = z - z.max(axis=1, keepdims=True)
    return np.sum(y_true * (np.log(np.exp(z).sum(axis=1, keepdims=True)) - z)) / len(z)
"""

FROM_X = """
import numpy as np

def tanh_derivative(x):
    t = 2 / (1 + np.exp(-2 * x)) - 1
    return 1 - np.power(t, 2)

def sigmoid_derivative(x):
    s = 0.5 * (1 + np.tanh(x / 2))
    return s * (1 - s)

def sigmoid_backward(dy, x):
    s = 1 / (1 + np.exp(-x))
    return dy * (s - s * s)

def tanh_backward(dy, x):
    return dy / np.cosh(np.clip(x, -300, 300)) ** 2

def elu_backward(dy, x, alpha):
    return np.where(x > 0, dy, dy * (alpha * (np.exp(np.minimum(x, 0)) - 1) + alpha))

def selu_derivative(x):
    a, s = 1.6732632423543772, 1.0507009873554805
    return np.where(x >= 0, s, s * a * np.exp(np.minimum(x, 0))).astype(x.dtype)

def softplus_backward(dy, x):
    return dy * (0.5 + 0.5 * np.tanh(x / 2))

def softmax_backward(dy, x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p * dy - p * (p * dy).sum(axis=1, keepdims=True)
"""
"""Right ones that do not take y: they compute it again, by a formula of their own."""

BY_ROUNDINGS = """
import numpy as np

FEW, MORE = 1 + 8 * 2.0**-52, 1 + 32 * 2.0**-52

def tanh_backward(dy, x, y):
    return dy * (1 - y * y) * FEW

def sigmoid_backward(dy, x, y):
    return dy * (y * (1 - y)) * FEW

def elu_backward(dy, x, y, alpha):
    return np.where(x > 0, dy, dy * (y + alpha)) * FEW

def selu_backward(dy, x, y):
    return np.where(x >= 0, dy * 1.0507009873554805, dy * (y + 1.7580993408473769)) * FEW

def softmax_backward(dy, x, y):
    return (dy - (dy * y).sum(axis=-1, keepdims=True)) * y * MORE
"""
"""Off by eight spacings of 1, and by 32 after a sum: more than the roundings of y and of dx."""

TWICE_WRONG = """
import numpy as np

def softmax_backward(dy, x):
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    return dy * p * (1 - p)

def binary_crossentropy_gradient(y_true, y_pred):
    return (y_pred - y_true) / (y_pred * (1 - y_pred))

def relu_backward(dy, x):
    return -dy * (x >= 0)
"""
"""A mistake, and a place where the function breaks, or another convention at a kink."""
