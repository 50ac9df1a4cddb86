"""How many faults the catalogue holds: ``python -m tests.faults.counts`` prints the table."""

from tests.faults import checks
from tests.faults.catalogue import EQUIVALENT, ROOMS
from tests.faults.planting import Fault


def row(name: str, faults: list[Fault]) -> str:
    """Return one line: faults, cases in each dtype, cases in all, and those seen by lockstep."""
    float32, float64 = (sum(d in f.dtypes for f in faults) for d in ("float32", "float64"))
    by_lockstep = sum(len(f.dtypes) for f in faults if f.caught_by[0] is checks.lockstep)
    cells = len(faults), float32, float64, float32 + float64, by_lockstep
    return f"| {name} | " + " | ".join(map(str, cells)) + " |"


def table() -> str:
    """Return the table that tests/README.md shows."""
    return "\n".join(
        [
            "| room | faults | in float32 | in float64 | cases | seen by lockstep |",
            "|---" * 6 + "|",
            *(row(room, faults) for room, faults in ROOMS.items()),
            row("all", [fault for faults in ROOMS.values() for fault in faults]),
        ]
    )


if __name__ == "__main__":
    print(table())
    print(f"\n{len(EQUIVALENT)} changes are equivalent.")
