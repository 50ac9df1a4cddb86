"""Measure the ledger: over every float32 there is, and over samples and hard cases of float64.

A slab of inputs that is done (``tasks``) is a line in a file of the state folder, so that a run
that was stopped goes on where it was.
"""

import json
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tftwin.lockstep.ledger.findings import Finding, hexadecimal
from tftwin.lockstep.ledger.inputs import special_inputs
from tftwin.lockstep.ledger.kernels import FUNCTIONS, evaluator, instruction_set, version
from tftwin.lockstep.ledger.measure import measure
from tftwin.lockstep.ledger.tasks import EXHAUSTIVE, SPECIAL, Task, blocks, plan

HELD = (signal.SIGINT, signal.SIGTERM)


def run(task: Task) -> dict[str, Any]:
    """Do a task: what was found, by kernel."""
    if task.instructions not in ("", instruction_set()):
        raise RuntimeError(f"NumPy uses {instruction_set()}, expected {task.instructions}")
    if task.inputs == SPECIAL:
        return {
            kernel: special_values(task.function, task.dtype, kernel) for kernel in task.kernels
        }
    findings = {kernel: Finding() for kernel in task.kernels}
    for magnitudes, before in blocks(task):
        for kernel, new in measure(task.function, magnitudes, task.kernels, before).items():
            findings[kernel].join(new)
    return {kernel: asdict(found) for kernel, found in findings.items()}


def special_values(function: str, dtype: str, kernel: str) -> dict[str, str]:
    """Return f of ±0, ±∞, NaN, and the least subnormal, least normal and largest numbers."""
    x = special_inputs(dtype)
    with np.errstate(all="ignore"):
        y = evaluator(function, kernel)(x)
    return {hexadecimal(a): hexadecimal(b) for a, b in zip(x, y, strict=True)}


def start_worker(tensorflow: bool = True) -> None:
    """Prepare a worker: it ends with its parent, and has one thread, for each core has a worker."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
        threading.Thread(target=leave_with, args=(parent,), daemon=True).start()
    if not tensorflow:
        return
    from tftwin.tensorflow import tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold signals back while processes start: one that is left half started prints a traceback."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_with(parent: Any) -> None:
    """End this process when its parent has ended."""
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def remembered(state: Path, task: Task, kernel: str) -> dict[int, Any]:
    """Return the slabs that are done; a line that was cut off by a stop is left out."""
    done = {}
    path = state / task.file(kernel)
    for line in path.read_text().splitlines() if path.is_file() else ():
        try:
            found = json.loads(line)
            slab, finding = found["slab"], found["finding"]
            if task.inputs != SPECIAL:
                Finding.of(finding)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
        done[slab] = finding
    return done


def certify(
    functions: Sequence[str] = tuple(FUNCTIONS),
    libraries: Sequence[str] = ("numpy", "tensorflow"),
    dtypes: Sequence[str] = ("float32", "float64"),
    *,
    state: Path,
    quick: bool = False,
    jobs: int | None = None,
    callback: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Measure, and return the ledger's entries.

    Parameters
    ----------
    functions, libraries, dtypes : sequence of str
        What to measure.
    state : Path
        The folder in which finished slabs are remembered.
    quick : bool
        A sample of a minute instead of everything.
    jobs : int, optional
        Processes; as many as there are cores.
    callback : callable, optional
        Called with the numbers of slabs done and of slabs in all.

    Raises
    ------
    ImportError
        If TensorFlow is asked for and is not there.
    TypeError
        If float64 is asked for on a machine whose long double has no more digits.
    """
    state.mkdir(parents=True, exist_ok=True)
    tasks = plan(functions, libraries, dtypes, quick)
    known: dict[str, dict[int, Any]] = {}
    open_tasks = []
    for task in tasks:
        for kernel in task.kernels:
            if task.file(kernel) not in known:
                known[task.file(kernel)] = remembered(state, task, kernel)
        kernels = tuple(k for k in task.kernels if task.slab not in known[task.file(k)])
        if kernels:
            open_tasks.append(task._replace(kernels=kernels))
    done = len(tasks) - len(open_tasks)
    for task, findings in results(open_tasks, jobs or os.cpu_count() or 1):
        for kernel, finding in findings.items():
            with (state / task.file(kernel)).open("a") as file:
                file.write("\n" + json.dumps({"slab": task.slab, "finding": finding}))
            known[task.file(kernel)][task.slab] = finding
        done += 1
        if callback is not None:
            callback(done, len(tasks))
    whole = {task._replace(slab=0): None for task in tasks if task.inputs != SPECIAL}
    return [entry(task, kernel, known) for task in whole for kernel in task.kernels]


def results(tasks: Sequence[Task], jobs: int) -> Iterator[tuple[Task, dict[str, Any]]]:
    """Yield tasks and what they found; NumPy chooses its instructions when a process starts."""
    name, context = "NPY_DISABLE_CPU_FEATURES", multiprocessing.get_context("spawn")
    before = os.environ.get(name, "")
    for disabled in dict.fromkeys(task.disabled for task in tasks):
        chosen = [task for task in tasks if task.disabled == disabled]
        tensorflow = any(kernel != "numpy" for task in chosen for kernel in task.kernels)
        os.environ[name] = f"{before} {disabled}".strip()
        try:
            with ProcessPoolExecutor(jobs, context, start_worker, (tensorflow,)) as pool:
                with undisturbed():
                    futures = {pool.submit(run, task): task for task in chosen}
                try:
                    for future in as_completed(futures):
                        yield futures[future], future.result()
                finally:
                    pool.shutdown(cancel_futures=True)
        finally:
            os.environ[name] = before


def entry(task: Task, kernel: str, known: dict[str, dict[int, Any]]) -> dict[str, Any]:
    """Return what the ledger says of a function by a kernel."""
    total = Finding()
    for _, finding in sorted(known[task.file(kernel)].items()):
        total.join(Finding.of(finding))
    library, _, which = kernel.partition(" ")
    return {
        "function": task.function,
        "dtype": task.dtype,
        "library": library,
        "version": version(kernel),
        "instruction_set": task.on(kernel),
        "kernel": which,
        "exhaustive": task.inputs == EXHAUSTIVE,
        **asdict(total),
        "special": known[task._replace(inputs=SPECIAL).file(kernel)][0],
    }
