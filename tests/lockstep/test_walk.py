"""Faults in the walk: each layer is right, and what calls the layers is wrong.

The whole step's bounds say little behind a few layers. Each number of the step is held against the
layer that computes it, from the numbers beside it, on both sides.
"""

from collections import Counter

import numpy as np
import pytest

from refnn.activations import Relu
from refnn.optimizers import SGD
from tests.lockstep.planted import SIZES, TF_WALK, TFTWIN, WALK, named, run
from tests.strategies import FLOATS
from tftwin.lockstep.arbiter import EXPLAINED

WHERE = {
    "dx through another W": "backward",
    "dy clipped": "backward",
    "dy scaled": "backward",
    "total off by 1e-6": "loss",
    "total without the penalty": "loss",
    "TF: output gradients scaled": "backward",
    "TF: one output scaled": "forward",
    "TF: total off by 1e-6": "loss",
    "TF: penalty off": "loss",
}
"""The part of the step that is wrong, where that is not a gradient."""


def depths_and_dtypes(test):
    test = pytest.mark.parametrize("depth", ["shallow", "deep"])(test)
    return pytest.mark.parametrize("dtype", FLOATS)(test)


def steps_of(fault):
    return 2 if "stale" in fault.name else 1


def blamed_first(report):
    """Who is blamed; the first ``EXPLAINED`` tensors of a stage are asked about, no more."""
    asked = Counter()
    sides = set()
    for d in report.divergences:
        asked[d.step, d.stage] += 1
        if asked[d.step, d.stage] <= EXPLAINED:
            sides.add(d.wrong)
        else:
            assert d.wrong in ("", report.divergences[0].wrong)
    return sides


@depths_and_dtypes
@pytest.mark.parametrize("fault", WALK, ids=lambda fault: fault.name)
def test_a_fault_in_refnn_s_walk_is_seen(fault, depth, dtype):
    report = run(fault, dtype=dtype, sizes=SIZES[depth], steps=steps_of(fault))
    stages = {d.stage for d in report.divergences}
    part = WHERE.get(fault.name, "gradient")
    if "dW1" not in fault.name:  # that is below TensorFlow's rounding in float32
        assert f"layer {part}" in stages
    if fault.attribute != "gradient":  # refnn's own layers do not have it, and are exact
        assert f"walk {part}" in stages
        assert f"mirror {part}" not in stages
    assert report.divergences[0].stage in (f"layer {part}", f"walk {part}")
    assert blamed_first(report) == {"refnn"}


@depths_and_dtypes
@pytest.mark.parametrize("fault", TF_WALK, ids=lambda fault: fault.name)
def test_a_fault_in_tensorflow_s_walk_is_seen(fault, depth, dtype):
    report = run(fault, dtype=dtype, sizes=SIZES[depth], steps=steps_of(fault))
    stages = {d.stage for d in report.divergences}
    assert f"mirror {WHERE.get(fault.name, 'gradient')}" in stages
    assert not any(stage.startswith(("layer", "walk", "float64")) for stage in stages)
    assert blamed_first(report) == {"tftwin"}


@pytest.mark.parametrize("mode", ["function", "xla"])
@pytest.mark.parametrize(
    "fault",
    named("TF: gradients 0", "TF: output gradients scaled", "TF: total off by 1e-6"),
    ids=lambda fault: fault.name,
)
def test_a_fault_in_a_compiled_step_is_seen(fault, mode):
    """The mirror looks at the kernels that ``tf.function`` and XLA really use."""
    report = run(fault, dtype=np.float32, sizes=SIZES["shallow"], mode=mode, steps=1)
    assert f"mirror {WHERE.get(fault.name, 'gradient')}" in {d.stage for d in report.divergences}
    assert blamed_first(report) == {"tftwin"}


@pytest.mark.parametrize("mode", ["function", "xla"])
def test_a_faulty_kernel_of_a_compiled_step_is_seen(mode):
    """A product in bfloat16 in the step alone, and not where the layers are computed alone."""
    (fault,) = (f for f in TFTWIN if f.name == "TF: gradients in bfloat16")
    report = run(fault, dtype=np.float32, sizes=SIZES["deep"], mode=mode, steps=1)
    assert not report.agreed
    assert {d.stage for d in report.divergences if d.stage.startswith("mirror")} == {
        "mirror gradient"
    }


@pytest.mark.parametrize(
    "fault",
    named("signs flipped", "gradients 0", "first bias gradient 0", "dx through another W",
          "dy clipped", "L2 left out of a layer", "dW1[0, 0] off by 1e-6",
          "TF: gradients 0", "TF: signs flipped", "TF: first bias gradient 0"),
    ids=lambda fault: fault.name,
)  # fmt: skip
def test_at_the_size_of_mnist_a_fault_in_the_walk_is_seen(fault):
    """784-512-512-10, relu, float32, 128 rows: the network in which "agreed" was wrong."""
    fault = fault._replace(function=Relu(), optimizer=SGD(0.1))
    side = "tftwin" if fault.name.startswith("TF") else "refnn"
    report = run(fault, dtype=np.float32, sizes=SIZES["mnist"], rows=128, steps=1)
    assert not report.agreed
    assert blamed_first(report) == {side}
    assert report.vacuous > 0.1  # the whole step alone would say little here
