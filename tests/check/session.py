"""A learner's session, from wrong attempts to right ones: ``python -m tests.check.session``.

It really runs each command in an empty folder, and writes examples/exercises/SESSION.md: what was
typed, and what was answered. Long lines of arrays are left out.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "examples" / "exercises" / "SESSION.md"
HEAD = "import numpy as np\n\n\n"
SIGMOID = "def sigmoid_backward(dy, x, y):\n    return dy * {0} * (1 - {0})\n"
DENSE = "def dense_backward(dy, x, W):\n    return dy @ W.T, x.T @ dy{0}, dy.{1}(axis=0)\n"
LOSS = (
    "def softmax_crossentropy_gradient(y_true, logits):\n"
    "    e = np.exp(logits - logits.max(axis=1, keepdims=True))\n"
    "    p = e / e.sum(axis=1, keepdims=True)\n    return {0}\n"
)
ADAM = (
    "def adam(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):\n"
    "    m = beta_1 * m + (1 - beta_1) * g\n    v = beta_2 * v + (1 - beta_2) * g**2\n{0}"
    "    return w - learning_rate * {1} / (np.sqrt({2}) + epsilon), m, v\n"
)
CORRECTED = "    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)\n"
STEPS = [
    ("The derivative of the sigmoid, from memory.", SIGMOID.format("x"), "--hint 1"),
    ("A question. What changes the result? I look at the concept.", None, "--hint 2"),
    ("So it takes the output.", SIGMOID.format("y"), ""),
    ("A dense layer. A mean over the batch, I think.", DENSE.format(" / len(x)", "mean"), ""),
    ("dy has the 1/N already.", DENSE.format("", "sum"), ""),
    ("Softmax with crossentropy: p − y.", LOSS.format("p - y_true"), "--hint 3"),
    ("The mean over the batch.", LOSS.format("(p - y_true) / len(p)"), ""),
    ("Adam, first without, then with the correction.", ADAM.format("", "m", "v"), "--hint 2"),
    ("", ADAM.format(CORRECTED, "m_hat", "v_hat"), ""),
]


def name_of(code):
    return code.split("(")[0].removeprefix("def ")


def session(folder):
    """Yield what is said, typed and answered, step by step."""
    done, current = {}, ""
    for said, code, options in STEPS:
        if code is not None:
            current = name_of(code)
            done[current] = code
        (folder / "mine.py").write_text(HEAD + "\n\n".join(done.values()), encoding="utf-8")
        yield said, code, f"check mine.py --only {current} {options}".strip()
    yield "And all of them once more.", None, "check mine.py"


def answer(folder, command):
    run = subprocess.run(
        [sys.executable, "-m", "tftwin", *command.split()], cwd=folder, capture_output=True,
        text=True, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder),
                        "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    lines = run.stdout.splitlines()[1:]  # the first one says what is executed
    return "\n".join(
        line for line in lines if " = [" not in line and len(line) < 400
    ), run.returncode


def main():
    parts = [
        "# A learner's session\n",
        "Four of the exercises, as somebody meets them. `python -m tests.check.session` runs every "
        "command and writes this page.\n",
    ]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for said, code, command in session(folder):
            text, status = answer(folder, command)
            parts += [said, ""] if said else []
            parts += [f"```python\n{code}```\n"] if code else []
            parts += [
                f"```text\n$ python -m tftwin {command}\n{text}\n(exit status {status})\n```\n"
            ]
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
