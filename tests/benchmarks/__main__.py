"""Tables from saved timings: ``python -m tests.benchmarks steps.json …``, in Markdown.

The machine is shared and its speed drifts, by a factor of two and more. So each side's figure is
its fastest round in any turn, and a table's numbers are ratios of such figures from one process.
"""

import json
import sys
from collections import defaultdict

SIDES = ("by hand", "products", "eager", "tf.function", "XLA", "Keras", "scikit-learn")
MODES = ("eager", "tf.function", "XLA", "Keras")


def fastest(saved, *keys):
    """Return {values of these keys: seconds} of the timings that have them all."""
    found = defaultdict(lambda: float("inf"))
    for entry in saved["benchmarks"]:
        info = entry["extra_info"]
        if all(key in info for key in keys):
            place = tuple(info[key] for key in keys)
            seconds = entry["stats"]["min"] / info.get("count", 1)
            found[place] = min(found[place], seconds)
    return found


def row(*cells):
    print("| " + " | ".join(map(str, cells)) + " |")


def head(*cells):
    row(*cells)
    row(*["---"] * len(cells))


def steps(saved):
    """Print how many times refnn's step every other side's takes."""
    found = fastest(saved, "workload", "optimizer", "side")
    if not found:
        return
    head("network", "optimizer", "refnn, µs", *SIDES, "TensorFlow's best")
    for workload, optimizer in dict.fromkeys(place[:2] for place in found):
        ours = found[workload, optimizer, "refnn"]
        times = {side: found.get((workload, optimizer, side)) for side in SIDES}
        cells = [f"{t / ours:.2f}" if t else "–" for t in times.values()]
        modes = [t for mode in MODES if (t := times[mode])]
        best = f"**{min(modes) / ours:.2f}**" if modes else "–"
        row(workload, optimizer, f"{ours * 1e6:.1f}", *cells, best)


def summary(saved):
    """Print the same by network: least and most over the five optimizers."""
    found = fastest(saved, "workload", "optimizer", "side")
    if not found:
        return
    head("network", "refnn, µs", *SIDES, "TensorFlow's best")
    for workload in dict.fromkeys(place[0] for place in found):
        optimizers = dict.fromkeys(o for w, o, _ in found if w == workload)
        cells = []
        for sides in (*([side] for side in SIDES), MODES):
            ratios = [
                min(found[workload, o, side] for side in sides) / found[workload, o, "refnn"]
                for o in optimizers
                if (workload, o, sides[0]) in found
            ]
            cells.append(f"{min(ratios):.2f} … {max(ratios):.2f}" if ratios else "–")
        ours = [found[workload, o, "refnn"] * 1e6 for o in optimizers]
        row(workload, f"{min(ours):.0f} … {max(ours):.0f}", *cells)
    print()


def fits(saved):
    """Print how much ``fit`` adds to the steps."""
    found = fastest(saved, "fit", "optimizer", "batches", "side")
    if not found:
        return
    counts = sorted({batches for _, _, batches, _ in found})
    head("network", "optimizer", *(f"{n} batches an epoch" for n in counts))
    for name, optimizer in dict.fromkeys(place[:2] for place in found):
        ratios = [
            found[name, optimizer, n, "fit"] / found[name, optimizer, n, "steps"] for n in counts
        ]
        row(name, optimizer, *(f"{100 * (r - 1):+.0f} %" for r in ratios))


def locksteps(saved):
    """Print the cost of the comparison beside that of the two steps."""
    found = fastest(saved, "lockstep", "side")
    if not found:
        return
    head("network", "two steps, ms", "free", "resynchronised, with bounds")
    for name in dict.fromkeys(place[0] for place in found):
        base = found[name, "two_steps"]
        ratios = [found[name, side] / base for side in ("free", "resynchronised")]
        row(name, f"{base * 1e3:.1f}", *(f"{r:.1f}" for r in ratios))
    for (count,), seconds in fastest(saved, "iris").items():
        print(f"\n{count:,} steps of iris, free: {seconds:.1f} s")


for path in sys.argv[1:]:
    with open(path) as file:
        saved = json.load(file)
    machine = saved["machine_info"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    print(f"\n{machine['cpu']['brand_raw']}, {machine['threads']} thread(s), {versions}\n")
    for table in (summary, steps, fits, locksteps):
        table(saved)
