"""The first agreement: one network, one step, twice; then one wrong derivative, which is seen.

Run it with ``pytest -s tests/test_first_agreement.py`` to see the numbers.
"""

import numpy as np

import refnn
import tftwin
from tftwin.lockstep import resynchronised

network = refnn.multilayer([2, 3, 1], refnn.Tanh())
model = refnn.Model(network, refnn.MeanSquaredError(), refnn.SGD(learning_rate=0.1))
state = model.initial_state(np.random.default_rng(0), dtype=np.float64)
x, y = np.array([[0.5, -1.0], [2.0, 0.25]]), np.array([[1.0], [0.0]])


def test_refnn_and_tensorflow_make_the_same_step():
    ours = refnn.train_step(model, state, x, y)  # the derivatives written out by hand
    theirs = tftwin.train_step(tftwin.twin(model), state, x, y)  # found by TensorFlow
    print("loss", ours.loss, theirs.loss, "dW1", ours.gradients[0], theirs.gradients[0], sep="\n")
    report = resynchronised(model, state, [(x, y)])  # every number, under its error bound
    assert report.agreed


def test_a_wrong_derivative_is_seen(monkeypatch):
    monkeypatch.setattr(refnn.Tanh, "backward", lambda self, dy, x, y: dy * (1 - y))  # not 1 − y²
    report = resynchronised(model, state, [(x, y)])
    first = report.divergences[0]
    assert str(first).startswith("step 1, stage layer backward, dy1[1, 1]: refnn ")
    assert first.wrong == "refnn"
