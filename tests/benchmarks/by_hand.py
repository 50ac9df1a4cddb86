"""What one writes without a library: a training loop in NumPy, and its matrix products alone.

Each network is written out for itself, as a script would; only the rules are shared.
"""

from collections.abc import Callable

import numpy as np

from tests.benchmarks.workloads import LEARNING_RATE, Workload, batch, weights


def loop(workload: Workload, optimizer: str) -> Callable[[], float]:
    """Return a step, which changes the weights in place and returns the loss before it."""
    x, y = batch(workload)
    P = weights(workload)
    gradients, rule = GRADIENTS[workload.name], RULES[optimizer]
    memory = [[np.zeros_like(p) for p in P] for _ in range(2)]
    t = 0

    def step() -> float:
        nonlocal t
        t += 1
        loss, G = gradients(P, x, y)
        rule(P, G, *memory, t)
        return loss

    return step


def yoghurt(P, x, y):
    (W,) = P
    d = x @ W - y
    return np.mean(d * d), [x.T @ (2 / d.size * d)]


def iris(P, x, y):
    W, b = P
    z = x @ W + b
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    d = p - y
    dp = 2 / d.size * d
    dz = p * (dp - np.sum(dp * p, axis=1, keepdims=True))
    return np.mean(d * d), [x.T @ dz, np.sum(dz, axis=0)]


def dots(P, x, y):
    W1, b1, W2, b2 = P
    rate = 0.03
    h = np.maximum(x @ W1 + b1, 0)
    d = h @ W2 + b2 - y
    loss = np.mean(d * d) + rate / 2 * (np.sum(W1 * W1) + np.sum(W2 * W2))
    dz2 = 2 / d.size * d
    dz1 = dz2 @ W2.T * (h > 0)
    return loss, [
        x.T @ dz1 + rate * W1,
        np.sum(dz1, axis=0),
        h.T @ dz2 + rate * W2,
        np.sum(dz2, axis=0),
    ]


def softmax_cross_entropy(z, y):
    z = z - np.max(z, axis=1, keepdims=True)
    e = np.exp(z)
    s = np.sum(e, axis=1, keepdims=True)
    return np.sum(y * (np.log(s) - z)) / len(z), (e / s - y) / len(z)


def two_tanh(P, x, y):
    W1, b1, W2, b2, W3, b3 = P
    h1 = np.tanh(x @ W1 + b1)
    h2 = np.tanh(h1 @ W2 + b2)
    loss, dz3 = softmax_cross_entropy(h2 @ W3 + b3, y)
    dz2 = dz3 @ W3.T * (1 - h2 * h2)
    dz1 = dz2 @ W2.T * (1 - h1 * h1)
    return loss, [
        x.T @ dz1,
        np.sum(dz1, axis=0),
        h1.T @ dz2,
        np.sum(dz2, axis=0),
        h2.T @ dz3,
        np.sum(dz3, axis=0),
    ]


def one_relu(P, x, y):
    W1, b1, W2, b2 = P
    h = np.maximum(x @ W1 + b1, 0)
    loss, dz2 = softmax_cross_entropy(h @ W2 + b2, y)
    dz1 = dz2 @ W2.T * (h > 0)
    return loss, [x.T @ dz1, np.sum(dz1, axis=0), h.T @ dz2, np.sum(dz2, axis=0)]


def two_relu(P, x, y):
    W1, b1, W2, b2, W3, b3 = P
    h1 = np.maximum(x @ W1 + b1, 0)
    h2 = np.maximum(h1 @ W2 + b2, 0)
    loss, dz3 = softmax_cross_entropy(h2 @ W3 + b3, y)
    dz2 = dz3 @ W3.T * (h2 > 0)
    dz1 = dz2 @ W2.T * (h1 > 0)
    return loss, [
        x.T @ dz1,
        np.sum(dz1, axis=0),
        h1.T @ dz2,
        np.sum(dz2, axis=0),
        h2.T @ dz3,
        np.sum(dz3, axis=0),
    ]


GRADIENTS = {
    "yoghurt 2-1": yoghurt,
    "iris 4-3": iris,
    "dots 2-11-1": dots,
    "4-16-16-3": two_tanh,
    "64-32-10": one_relu,
    "784-128-10": one_relu,
    "784-512-512-10": two_relu,
}


def sgd(P, G, M, V, t):
    for w, g in zip(P, G, strict=True):
        w -= LEARNING_RATE * g


def sgdm(P, G, M, V, t):
    for i, (w, g) in enumerate(zip(P, G, strict=True)):
        M[i] = 0.9 * M[i] + 0.1 * g
        w -= LEARNING_RATE * M[i]


def adagrad(P, G, M, V, t):
    for i, (w, g) in enumerate(zip(P, G, strict=True)):
        V[i] = V[i] + g * g
        w -= LEARNING_RATE * g / (np.sqrt(V[i]) + 1e-7)


def rmsprop(P, G, M, V, t):
    for i, (w, g) in enumerate(zip(P, G, strict=True)):
        V[i] = 0.9 * V[i] + 0.1 * g * g
        w -= LEARNING_RATE * g / (np.sqrt(V[i]) + 1e-7)


def adam(P, G, M, V, t):
    for i, (w, g) in enumerate(zip(P, G, strict=True)):
        M[i] = 0.9 * M[i] + 0.1 * g
        V[i] = 0.999 * V[i] + 0.001 * g * g
        m_hat = M[i] / (1 - 0.9**t)
        v_hat = V[i] / (1 - 0.999**t)
        w -= LEARNING_RATE * m_hat / (np.sqrt(v_hat) + 1e-7)


RULES = {"SGD": sgd, "SGDM": sgdm, "Adagrad": adagrad, "RMSProp": rmsprop, "Adam": adam}


def products(workload: Workload, optimizer: str) -> Callable[[], None]:
    """Return the matrix products of a step alone: x W, xᵀ dy, and dy Wᵀ but in the first layer."""
    rng = np.random.default_rng(2)
    widths = workload.sizes
    xs = [rng.standard_normal((workload.batch_size, n), np.float32) for n in widths]
    Ws = [W for W in weights(workload) if W.ndim == 2]

    def step() -> None:
        for x, W in zip(xs, Ws, strict=False):
            x @ W
        for i in reversed(range(len(Ws))):
            xs[i].T @ xs[i + 1]
            if i:
                xs[i + 1] @ Ws[i].T

    return step
