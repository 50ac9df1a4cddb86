"""What the lockstep tests of one process compared, for the line that pytest prints at the end."""

from dataclasses import dataclass, field

import numpy as np

from tftwin.lockstep.verdict import FILL_EDGES, Report

STAGES = ("forward", "loss", "backward", "gradient", "slots", "update", "rule")


def _histogram():
    return {stage: np.zeros(len(FILL_EDGES) - 1, np.int64) for stage in STAGES}


@dataclass
class Tally:
    """Totals over all reports."""

    steps: int = 0
    elements: int = 0
    bit_equal: int = 0
    unbounded: int = 0
    divergent: int = 0
    fill: float = 0.0
    fills: dict[str, np.ndarray] = field(default_factory=_histogram)
    fullest: dict[str, list[float]] = field(default_factory=lambda: {s: [] for s in STAGES})

    def add(self, report: Report) -> Report:
        self.steps += report.steps
        self.elements += report.elements
        self.bit_equal += report.bit_equal
        self.unbounded += report.unbounded
        self.divergent += len(report.divergences)
        self.fill = max(self.fill, report.fill)
        for row in report.rows:
            stage = row.stage.split()[0]
            if stage in self.fills:
                self.fills[stage] += row.fills
                if row.bit_equal < row.elements:
                    self.fullest[stage].append(row.fill)
        return report

    def sentence(self) -> str:
        return (
            f"lockstep compared {self.elements:,} numbers in {self.steps:,} steps: "
            f"{self.bit_equal / max(self.elements, 1):.1%} bit-equal, {self.unbounded:,} without a "
            f"finite bound, {self.divergent} divergent, fullest bound {self.fill:.2f}"
        )

    def histogram(self) -> str:
        """Return a Markdown table: share of the elements by fill, stage by stage."""
        edges = (0, 1, 11, 21, 31, 41, 51, 61, len(FILL_EDGES) - 1)
        names = ("< 1e-6", "1e-6 … 1e-5", "1e-5 … 1e-4", "1e-4 … 1e-3", "1e-3 … 0.01", "0.01 … 0.1")
        names = (*names, "0.1 … 1", "> 1")
        last = "median, those that differ | median of the tensors' fullest"
        lines = ["| stage | elements | " + " | ".join(names) + f" | {last} |"]
        lines.append("|---" * (len(names) + 4) + "|")
        for stage, fills in self.fills.items():
            total = max(int(fills.sum()), 1)
            shares = [fills[a:b].sum() / total for a, b in zip(edges, edges[1:], strict=False)]
            differ = fills.copy()
            differ[0] = 0
            cumulated = np.cumsum(differ)
            middle = int(np.searchsorted(cumulated, cumulated[-1] / 2)) + 1
            median = f"{FILL_EDGES[middle]:.2g}" if cumulated[-1] else "-"
            cells = [f"{s:.2%}" if s else "0" for s in shares]
            full = f"{np.median(self.fullest[stage]):.2g}" if self.fullest[stage] else "-"
            cells = [stage, f"{int(fills.sum()):,}", *cells, median, full]
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines)


TALLY = Tally()
