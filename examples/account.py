"""An account: the comparisons of a chapter, and whether all of them agreed.

The chapter trains; the account compares. Each report has a label, and the reports of one label
become one line of the table at the end of the chapter.
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import tftwin.lockstep
from examples.page import Page, console, track

if TYPE_CHECKING:  # TensorFlow is imported at the first comparison
    from tftwin.lockstep import Report

COLUMNS = (
    "steps",
    "numbers",
    "bit-equal",
    "largest ulp",
    "fill",
    "no bound",
    "NumPy",
    "TensorFlow",
    "outcome",
)
"""The columns of ``cells``; README.md explains each."""


class Account:
    """All reports of one chapter.

    Parameters
    ----------
    page : Page
        Where the account is written at the end.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.reports: dict[str, list[Report]] = {}

    def add(self, label: str, report: "Report") -> "Report":
        """Add a report, and return it."""
        self.reports.setdefault(label, []).append(report)
        return report

    def resynchronised(
        self, label: str, model: Any, state: Any, batches: Sequence[Any], **options: Any
    ) -> "Report":
        """Run ``tftwin.lockstep.resynchronised`` behind a progress bar, and add its report."""
        run = tftwin.lockstep.resynchronised
        shown = track(batches, f"{self.page.name}: {label}, in lockstep")
        return self.add(label, run(model, state, shown, **options))

    def agree(
        self,
        label: str,
        refnn: Callable[..., Any],
        tftwin_: Callable[..., Any],
        *arrays: Any,
        bounded: Callable[..., Any] | None = None,
    ) -> tuple[Any, Any]:
        """Compute a function of the arrays on both sides, and return both values.

        If a TensorFlow kernel is not a composition of refnn's operations, ``bounded`` is refnn's
        function with ``kernel(f)`` in the place of f.
        """
        compared = tftwin.compare_function(refnn, tftwin_, *arrays, bounded=bounded)
        self.add(label, compared.report)
        return compared.ours, compared.theirs

    def equal(self, label: str, name: str, refnn: float, tftwin_: float) -> None:
        """Compare two exact results (counts): every difference is a divergence."""
        from tftwin.lockstep.verdict import Report, Row, judge

        row = Row("exact", name)
        divergences = judge(row, 1, np.float64(refnn), np.float64(tftwin_), 0.0)
        self.add(label, Report(0, [row], divergences))

    def finish(self) -> None:
        """Show the account, and write the chapter's JSON; exit with 1 if something diverged."""
        from tftwin.lockstep import Report
        from tftwin.lockstep.report import verdict

        joined = {label: Report.join(reports) for label, reports in self.reports.items()}
        total = Report.join(joined.values())
        lines = [(label, *cells(report)) for label, report in joined.items()]
        self.page.table("The account of lockstep", ("compared", *COLUMNS), lines)
        where = max(joined, key=lambda label: joined[label].ulp, default="")
        row = max(total.rows, key=lambda row: row.ulp, default=None)
        place = f"; most ulps apart: {where}, {row.stage} {row.name}" if total.ulp else ""
        self.page.say(f"{self.page.name}: {verdict(total)}{place}")
        divergences = [
            f"{label}: {d}" for label, report in joined.items() for d in report.divergences
        ]
        for divergence in divergences[:10]:
            console().print(f"  {divergence}", highlight=False, markup=False)
        self.page.write(
            {
                "agreed": total.agreed,
                "elements": total.elements,
                "unbounded": total.unbounded,
                "cells": cells(total),
                "divergences": divergences,
            }
        )
        if not total.agreed:
            raise SystemExit(1)


def cells(report: "Report") -> tuple[str, ...]:
    """Return one line of an account, in the order of ``COLUMNS``."""
    many = "∞" if math.isinf(report.ulp) else f"{report.ulp:.1e}"  # ∞: a NaN against a number
    return (
        f"{report.steps:,}",
        f"{report.elements:,}",
        f"{report.bit_equal / report.elements:.1%}" if report.elements else "nothing",
        f"{report.ulp:,.0f}" if report.ulp < 1e6 else many,
        f"{report.fill:.2f}",
        f"{report.unbounded:,}",
        f"{1000 * report.seconds_refnn:,.0f} ms",
        f"{1000 * report.seconds_tftwin:,.0f} ms",
        "agreed" if report.agreed else f"{len(report.divergences)} DIVERGED",
    )


def kernel(function: Any, dtype: str = "float32") -> Any:
    """Return an activation with bounds that are as wide as TensorFlow's kernel needs."""
    from tftwin.lockstep.bounds import with_kernel

    return with_kernel(function, dtype)


def apart(one: Any, other: Any) -> float:
    """Return how far two arrays are apart: max |one − other| / max |one|."""
    return float(np.max(np.abs(one - other)) / np.max(np.abs(one)))
