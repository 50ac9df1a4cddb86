"""Measure the ledger: over every float32 there is, and over samples and hard cases of float64.

The work is cut into slabs, and a slab that is done is a line in a file of the state folder: a
run that was stopped goes on where it was. The 2³² float32 inputs are 64 slabs of 2²⁵
magnitudes, with both signs.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refnn.typing import Array
from tftwin.lockstep.measure import (
    FUNCTIONS,
    KERNELS,
    Finding,
    has_kernel,
    instruction_set,
    measure,
    version,
)

BLOCK = 2**16
"""Magnitudes at a time: what the second-level cache holds."""

SLABS = 64
SAMPLED = "sampled"


class Task(NamedTuple):
    """A slab of a function's inputs, by some kernels; slab −1 is a sample."""

    function: str
    dtype: str
    kernels: tuple[str, ...]
    slab: int
    size: int = 0


def run(task: Task) -> tuple[str, dict[str, dict[str, Any]]]:
    """Do a task; return the instruction set that NumPy uses here, and what was found."""
    findings: dict[str, Finding] = {}
    for magnitudes, before in blocks(task):
        for kernel, new in measure(task.function, magnitudes, task.kernels, before).items():
            if kernel in findings:
                findings[kernel].join(new)
            else:
                findings[kernel] = new
    return instruction_set(), {kernel: asdict(found) for kernel, found in findings.items()}


def blocks(task: Task) -> Iterator[tuple[Array, Array | None]]:
    """Yield a task's magnitudes, ascending, and the 16 before them."""
    if task.slab < 0:
        yield sample(task.dtype, task.size), None
        return
    slab = 2**31 // SLABS
    for start in range(task.slab * slab, (task.slab + 1) * slab, BLOCK):
        bits = np.arange(start - 16 if start else 0, start + BLOCK, dtype=np.uint32)
        magnitudes = bits.view(np.float32)
        yield magnitudes[-BLOCK:], magnitudes[:16] if start else None


def start_worker() -> None:
    """Let a worker use one thread: the workers are what runs side by side."""
    try:
        from tftwin.tensorflow import tf
    except ImportError:
        return
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
