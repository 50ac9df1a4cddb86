"""``python -m examples.exercises FILE`` writes a file of functions to be filled in.

They stand in the order of a training step. The last two are filled in already, each with two
faults: find them. ``python -m tftwin check FILE --hint 1`` asks a question about each function that
is wrong, ``--hint 2`` names the concept, ``--hint 3`` the formula; without a hint it names the
mistake. A function that is not filled in yet is "wrong" with NotImplementedError: go on to it.
"""

import argparse
from pathlib import Path

from tftwin import terminal
from tftwin.check.tasks import TASKS
from tftwin.check.template import template

ORDER = [
    "dense_forward", "sigmoid", "tanh", "relu", "leaky_relu", "softmax",
    "mean_squared_error", "categorical_crossentropy", "softmax_crossentropy", "l2_penalty",
    "mean_squared_error_gradient", "categorical_crossentropy_gradient",
    "softmax_crossentropy_gradient", "softmax_backward", "sigmoid_backward", "tanh_backward",
    "relu_backward", "leaky_relu_backward", "dense_backward", "l2_gradient",
    "exponential_decay", "sgd", "momentum", "adagrad", "rmsprop", "adam",
]  # fmt: skip

FAULTY = '''

def backpropagate(x, y, W1, b1, W2, b2):
    """Find the two faults. (N, D), (N, C), and W1, b1, W2, b2: loss, dW1, db1, dW2, db2."""
    y1 = np.tanh(x @ W1 + b1)
    logits = y1 @ W2 + b2
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.sum(y * np.log(p)) / len(x)
    dz2 = (p - y) / len(x)
    dW2, db2 = y1.T @ dz2, dz2.sum(axis=0)
    dz1 = dz2 @ W2.T * (1 - y1)
    dW1, db1 = x.T @ dz1, dz1[0] * len(x)
    return loss, dW1, db1, dW2, db2


def train_step(x, y, W1, b1, W2, b2, learning_rate, l2):
    """Find the two faults. One step of SGD with the penalty l2 ½ ΣW²: W1, b1, W2, b2."""
    y1 = np.tanh(x @ W1 + b1)
    logits = y1 @ W2 + b2
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    dz2 = (e / e.sum(axis=1, keepdims=True) - y) / len(x)
    W2 = W2 - learning_rate * (y1.T @ dz2 + 2 * l2 * W2)
    b2 = b2 - learning_rate * dz2.sum(axis=0)
    dz1 = dz2 @ W2.T * (1 - y1 * y1)
    W1 = W1 - learning_rate * (x.T @ dz1 + 2 * l2 * W1)
    b1 = b1 - learning_rate * dz1.sum(axis=0)
    return W1, b1, W2, b2
'''


def text(file: str) -> str:
    """Return the exercises."""
    return template(file, [TASKS[name] for name in ORDER]) + FAULTY


def main() -> int:
    parser = terminal.Parser(
        prog="python -m examples.exercises",
        description="Write a file of functions to be filled in, and to be checked.",
        formatter_class=argparse.HelpFormatter,
    )
    parser.add_argument("file", nargs="?", type=Path, default=Path("exercises.py"))
    path = parser.parse_args().file
    if path.exists():
        parser.error(f"{path} exists already; name another file")
    path.write_text(text(path.name), encoding="utf-8")
    print(f"{path} written. Fill in a function, then: python -m tftwin check {path} --hint 1")
    return 0


if __name__ == "__main__":
    terminal.run("python -m examples.exercises", main)
