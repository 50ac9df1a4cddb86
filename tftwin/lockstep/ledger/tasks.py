"""What there is to measure: slabs of inputs, function by function.

The 2³² float32 inputs are 64 slabs of 2²⁵ magnitudes, with both signs. A sample has slabs of its
own.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from refnn.typing import Array
from tftwin.lockstep.ledger.inputs import sample
from tftwin.lockstep.ledger.kernels import (
    KERNELS,
    instruction_set,
    lower_instruction_sets,
    version,
)

BLOCK = 2**16
"""Magnitudes at a time: what a second-level cache holds."""

EXHAUSTIVE, SPECIAL = "exhaustive", "special"


class Task(NamedTuple):
    """One slab of a function's inputs, by some kernels; NumPy's on some instruction set."""

    function: str
    dtype: str
    kernels: tuple[str, ...]
    inputs: str
    slab: int
    disabled: str
    instructions: str = ""

    def on(self, kernel: str) -> str:
        """Return the instruction set that a kernel uses."""
        return self.instructions if kernel == "numpy" else instruction_set(kernel)

    def file(self, kernel: str) -> str:
        """Return the name of the file that remembers such slabs."""
        name = f"{self.function}-{self.dtype}-{kernel}-{version(kernel)}-{self.on(kernel)}"
        return f"{name}-{self.inputs}.jsonl".replace(" ", "_")


def slabs(inputs: str) -> int:
    """Return how many slabs make up the inputs: a sample is described as slabs x magnitudes."""
    return {EXHAUSTIVE: 64, SPECIAL: 1}.get(inputs) or int(inputs.split("x")[0])


def blocks(task: Task) -> Iterator[tuple[Array, Array | None]]:
    """Yield a task's magnitudes, ascending, and the 16 before them."""
    if task.inputs != EXHAUSTIVE:
        yield sample(task.dtype, int(task.inputs.split("x")[1]), task.slab), None
        return
    slab = 2**31 // slabs(EXHAUSTIVE)
    for start in range(task.slab * slab, (task.slab + 1) * slab, BLOCK):
        bits = np.arange(start - 16 if start else 0, start + BLOCK, dtype=np.uint32)
        magnitudes = bits.view(np.float32)
        yield magnitudes[-BLOCK:], magnitudes[:16] if start else None


def plan(
    functions: Sequence[str], libraries: Sequence[str], dtypes: Sequence[str], quick: bool
) -> list[Task]:
    """Return the tasks, in the order of importance.

    NumPy is measured on this machine's instruction set and on each below it. TensorFlow's
    scalar kernels take microseconds for an element, and so are sampled.
    """
    tasks = []
    vector = tuple(k for k in KERNELS if k.split()[0] in libraries and "scalar" not in k)
    scalar = tuple(k for k in KERNELS if k.split()[0] in libraries and "scalar" in k)
    for dtype, function in product(dtypes, functions):
        several, few = ("1x65536", "1x4096") if quick else ("16x1048576", "16x65536")
        if dtype == "float32" and not quick:
            several = EXHAUSTIVE
        for inputs, kernels in ((several, vector), (few, scalar), (SPECIAL, vector + scalar)):
            for slab in range(slabs(inputs)):
                tasks.append(Task(function, dtype, kernels, inputs, slab, "", instruction_set()))
                tasks.extend(
                    Task(function, dtype, ("numpy",), inputs, slab, disabled, instructions)
                    for disabled, instructions in lower_instruction_sets().items()
                    if "numpy" in kernels
                )
    return sorted((task for task in tasks if task.kernels), key=lambda task: task.disabled)
