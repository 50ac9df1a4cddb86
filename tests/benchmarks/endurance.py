"""A hundred thousand steps: does a step cost the same at the end, and does the process grow?

``python -m tests.benchmarks.endurance [picture.png]`` prints what it measured, and draws it.
Resident memory is read from /proc, which Linux has. The peak of one step is what NumPy allocated
at once, counted by tracemalloc.
"""

import os
import sys
import time
import tracemalloc
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from matplotlib import pyplot as plt

import refnn
from tests.benchmarks.refnn_side import problem
from tests.benchmarks.workloads import WORKLOADS, batch

STEPS, EVERY = 100_000, 100


def resident() -> float:
    """Return the process' resident memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def run(workload):
    """Return seconds a step and MiB, after each EVERY steps."""
    model, state = problem(workload, "Adam")
    x, y = batch(workload)
    seconds, memory = np.zeros(STEPS // EVERY), np.zeros(STEPS // EVERY)
    for i in range(STEPS // EVERY):
        start = time.perf_counter()
        for _ in range(EVERY):
            state = refnn.train_step(model, state, x, y).state
        seconds[i] = (time.perf_counter() - start) / EVERY
        memory[i] = resident()
    return seconds, memory


def peak(workload, optimizer):
    """Return the most that a step holds at once, over parameters + slots + activations."""
    model, state = problem(workload, optimizer)
    x, y = batch(workload)
    tracemalloc.start()
    state = refnn.State(state.theta.copy(), tuple(s.copy() for s in state.slots))
    held = state.theta.nbytes * (1 + len(state.slots))
    held += sum(a.nbytes for a in model.network.forward(state.theta, x)[1:])
    tracemalloc.reset_peak()
    for _ in range(3):
        state = refnn.train_step(model, state, x, y).state
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / held, most


def main() -> None:
    figure, (above, below) = plt.subplots(2, 1, figsize=(8, 5), sharex=True, layout="constrained")
    at = np.arange(EVERY, STEPS + 1, EVERY)
    for workload in [w for w in WORKLOADS if w.name in ("iris 4-3", "64-32-10", "784-128-10")]:
        seconds, memory = run(workload)
        tenths = [part.min() * 1e6 for part in np.array_split(seconds, 10)]
        print(f"{workload.name}: fastest {EVERY} steps in each tenth of the run, µs a step:")
        print("  " + " ".join(f"{t:.1f}" for t in tenths))
        print(
            f"  resident memory after {EVERY} steps {memory[0]:.2f} MiB, after {STEPS:,} ", end=""
        )
        print(f"{memory[-1]:.2f} MiB, at most {memory.max():.2f} MiB")
        above.semilogy(at, seconds * 1e6, label=workload.name, linewidth=0.8)
        below.plot(at, memory, label=workload.name)
    for optimizer in ("SGD", "Adam"):
        ratio, most = peak(WORKLOADS[-1], optimizer)
        print(
            f"{WORKLOADS[-1].name}, {optimizer}: a step holds at most {most / 2**20:.1f} MiB, ",
            end="",
        )
        print(f"{ratio:.2f} × (parameters + slots + activations)")
    above.set_ylabel("µs a step")
    below.set(xlabel="step", ylabel="resident memory, MiB", ylim=(0, 1.2 * memory.max()))
    figure.legend(*above.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "endurance.png", dpi=110)


if __name__ == "__main__":
    main()
