"""Checks that can be run under a planted fault: deterministic, on data designed to see it.

Each takes a dtype and the name of a part of the code; ``PARTS`` lists them all. On the healthy
code they pass. Otherwise they raise ``CheckError``, which names the stage. For a comparison with
TensorFlow that is the first divergent stage of the record.
"""

from collections.abc import Callable
from typing import Any

from tests.faults.checks.by_hand import RULES, by_hand, by_hand_rules, mazur, schedules
from tests.faults.checks.common import CheckError
from tests.faults.checks.problems import DYADIC, LOCKSTEP
from tests.faults.checks.promises import (
    blocks,
    dtypes,
    initializers,
    masks,
    overflow,
    purity,
    records,
    sizes,
    states,
    taylor,
)
from tests.faults.checks.runs import (
    accuracies,
    answers,
    files,
    guards,
    labels,
    models,
    non_finite,
    preparation,
    training,
)
from tests.faults.checks.tensorflow import (
    clip,
    derivatives,
    dropouts,
    dyadic,
    gradient_bits,
    keras,
    kernels,
    lockstep,
    per_sample,
)

__all__ = ["FLOAT64_ONLY", "PARTS", "CheckError"]

SMOOTH = ("mean squared error", "categorical crossentropy", "softmax crossentropy")
PARTS: dict[Callable[[Any, str], None], tuple[str, ...]] = {
    lockstep: tuple(LOCKSTEP),
    dyadic: tuple(DYADIC),
    kernels: tuple(rule for rule in RULES if rule != "Nadam"),  # there is none
    keras: SMOOTH,
    gradient_bits: ("sigmoid", "tanh", "relu"),
    derivatives: ("",),
    dropouts: ("",),
    masks: ("",),
    per_sample: ("",),
    clip: ("",),
    by_hand_rules: tuple(RULES),
    by_hand: (*SMOOTH, "asymmetric", "L2", "leaky relu", "dense"),
    schedules: ("",),
    mazur: ("",),
    taylor: SMOOTH,
    purity: ("",),
    dtypes: ("",),
    overflow: ("",),
    blocks: ("",),
    states: ("",),
    records: ("",),
    training: ("",),
    labels: ("",),
    non_finite: ("",),
    accuracies: ("",),
    answers: ("",),
    files: ("",),
    models: ("",),
    initializers: ("",),
    preparation: ("",),
    guards: ("",),
    sizes: ("",),
}
"""Every check, and its parts."""

FLOAT64_ONLY = (mazur, taylor)
"""Nine decimals, and remainders of 1e-9, are beyond float32."""
