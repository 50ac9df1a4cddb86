"""The twin of a value, and tftwin without TensorFlow."""

import dataclasses
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given

from refnn.losses import Asymmetric, SoftmaxCrossentropy
from refnn.optimizers import SGD
from refnn.regularizers import L2
from refnn.training import Model
from tests.lockstep.compare import small_case
from tests.strategies import activations, networks, optimizers, with_logits
from tftwin.counterparts import twin
from tftwin.trainer import Trainer


@given(networks(), activations, optimizers)
def test_a_twin_has_the_fields_of_its_original(network, activation, optimizer):
    for original in (*network.layers, activation, optimizer, Asymmetric(2, 3), L2(0.5)):
        other = twin(original)
        assert type(other).__name__ == type(original).__name__
        assert type(other).__module__ == type(original).__module__.replace("refnn", "tftwin")
        fields = [f.name for f in dataclasses.fields(original)]
        assert fields == [f.name for f in dataclasses.fields(other)]
        for name in fields:
            value = getattr(original, name)
            if isinstance(value, (bool, int, float)):
                assert getattr(other, name) == value
    assert [type(one).__name__ for one in twin(network).layers] == [
        type(one).__name__ for one in network.layers
    ]


def test_numbers_none_and_own_schedules_are_their_own_twins():
    def schedule(step):
        return 0.1

    for value in (None, 3, 0.5, schedule):
        assert twin(value) is value
    assert twin(SGD(schedule)).learning_rate is schedule


@given(networks().map(with_logits), optimizers)
def test_the_twin_of_a_model_is_the_model_of_the_twins(network, optimizer):
    model = Model(network, SoftmaxCrossentropy(), optimizer, L2(0.5))
    other = twin(model)
    assert type(other).__module__ == "tftwin.training"
    assert other.network.layers == twin(network).layers
    assert (other.loss, other.optimizer) == (twin(model.loss), twin(optimizer))
    assert other.regularizer == twin(L2(0.5))
    assert twin(dataclasses.replace(model, regularizer=None)).regularizer is None


def test_the_mode_of_a_trainer_is_checked():
    case = small_case()
    with pytest.raises(ValueError, match="mode = 'jit'; expected 'eager', 'function' or 'xla'"):
        Trainer(twin(case.model), case.state, mode="jit")


# Without TensorFlow ------------------------------------------------------------------------------

WITHOUT_TENSORFLOW = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, *rest):
        if name.split(".")[0] in ("tensorflow", "keras"):
            return None
        return self.finder.find_spec(name, *rest)

sys.meta_path[:] = map(Without, sys.meta_path)
import numpy as np
import refnn
rng = np.random.default_rng(0)
network = refnn.multilayer([2, 3, 2], refnn.Tanh(), refnn.Softmax())
model = refnn.Model(network, refnn.MeanSquaredError(), refnn.Adam(0.1))
x = rng.standard_normal((8, 2)).astype(np.float32)
y = np.eye(2, dtype=np.float32)[(x[:, 0] > 0).astype(int)]
state, history = refnn.fit(model, model.initial_state(rng), x, y, epochs=20, progress=False)
print(history.loss[-1] < history.loss[0])
from tftwin.lockstep import records, verdict
for name in ("tftwin.training", "tftwin.counterparts", "tftwin.lockstep.run"):
    try:
        __import__(name)
    except ImportError as error:
        print(error)
print(any(name.split(".")[0] == "tensorflow" for name in sys.modules))
"""


def test_without_tensorflow_refnn_trains_and_tftwin_says_how_to_get_it():
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WITHOUT_TENSORFLOW)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    how = (
        "tftwin needs TensorFlow (No module named 'tensorflow'): pip install '.[tf]' in the folder "
        "of pyproject.toml"
    )
    assert run.stdout.splitlines() == ["True", how, how, how, "False"]
    assert run.stderr == ""
