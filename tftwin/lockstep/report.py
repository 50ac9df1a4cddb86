"""A lockstep report in brief, as text, as JSON, and as one self-contained HTML page.

The form of the JSON is ``report.schema.json``; a change of what stands there has a new name.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import numpy as np

from tftwin.lockstep.findings import STAGES, Divergence, Report, Row

SCHEMA = "refnn-report-1"
"""The form of the JSON, described in ``report.schema.json``."""
BRIEF = ("stage", "numbers", "bit-equal", "divergent", "fill", "fullest")
COLUMNS = (
    "stage",
    "tensor",
    "elements",
    "bit-equal",
    "largest ulp",
    "where",
    "refnn",
    "tftwin",
    "fill",
    "divergent",
)


def cells(row: Row) -> tuple[str, ...]:
    """Return one line of the table."""
    share = row.bit_equal / row.elements if row.elements else 0.0
    where, one, other = "", "", ""
    if row.ulp:
        where = f"step {row.ulp_step} {list(row.ulp_index)}"
        one, other = map(_digits, row.ulp_values)
    return (
        row.stage,
        row.name,
        f"{row.elements:,}",
        f"{share:.1%}",
        f"{row.ulp:,.0f}" if math.isfinite(row.ulp) else "NaN against a number",
        where,
        one,
        other,
        f"{row.fill:.3f}",
        str(row.divergent),
    )


def _digits(value: float) -> str:
    """Return all digits that the number has: 9 if it is a float32, else 17."""
    return f"{value:.9g}" if float(np.float32(value)) == value else f"{value:.17g}"


def ordered(rows: list[Row]) -> list[Row]:
    """Return the rows stage by stage, in the order in which a step computes them."""
    return sorted(rows, key=lambda row: STAGES.index(row.stage))


def verdict(report: Report) -> str:
    """Return the outcome in one sentence."""
    counted = (
        f"{report.elements:,} numbers in {report.steps:,} steps, "
        f"{report.bit_equal / max(report.elements, 1):.1%} bit-equal, largest difference "
        f"{report.fill:.2f} of its bound"
    )
    if report.usual:
        counted += f" and {report.usual:.2f} of the usual distance"
    if report.vacuous >= 0.0005:
        counted += (
            f"; the bounds of the whole step say nothing about {report.vacuous:.1%} of its "
            "numbers, there the layers alone decide"
        )
    if report.unbounded:
        counted += f"; {report.unbounded:,} differ under an infinite bound"
    if report.subnormal:
        counted += f"; {report.subnormal:,} are subnormal"
    if report.left_out:
        counted += f"; left out: {report.left_out}"
    if report.agreed:
        return f"agreed: {counted}"
    if report.stopped:
        return f"STOPPED: {report.stopped}; the run ended there; {counted}"
    if report.divergences:
        first = report.divergences[0]
        return f"DIVERGED: {len(report.divergences)} tensors of {counted}; first: {first}"
    if report.lost_digits:
        return f"LOSES DIGITS: {report.lost_digits[0]}; {counted}"
    return "DIVERGED: nothing was compared"


def brief(report: Report) -> str:
    """Return the verdict, a line for each stage with its fullest tensor, and what to do."""
    stages: dict[str, list[Row]] = {}
    for row in ordered(report.rows):
        stages.setdefault(row.stage, []).append(row)
    lines = [_stage_cells(stage, rows) for stage, rows in stages.items()]
    table = [*_aligned([BRIEF, *lines], left=(0, 5)), ""] if lines else []
    return "\n".join([verdict(report), "", *table, what_to_do(report)])


def _stage_cells(stage: str, rows: list[Row]) -> tuple[str, ...]:
    elements = sum(row.elements for row in rows)
    fullest = max(rows, key=lambda row: (row.divergent > 0, row.fill))
    return (
        stage,
        f"{elements:,}",
        f"{sum(row.bit_equal for row in rows) / max(elements, 1):.1%}",
        f"{sum(row.divergent for row in rows):,}",
        f"{fullest.fill:.3f}",
        fullest.name if fullest.fill or fullest.divergent else "",
    )


def what_to_do(report: Report) -> str:
    """Return what a person does next, in one or two sentences."""
    if report.divergences:
        first = report.origin or report.divergences[0]
        wrong = {"both": "both sides are wrong", "": "who is wrong is undecided"}
        return (
            f"What to do: look at step {first.step}, {first.stage}, {first.name} first; "
            f"{wrong.get(first.wrong, f'{first.wrong} is wrong')}. "
            "report.divergences has every tensor, report.text the whole table.\n"
            f"Again, this step alone: {again(report)}"
        )
    if report.lost_digits:
        first_lost = report.lost_digits[0]
        return (
            f"What to do: rewrite the formula of {first_lost.stage}, {first_lost.name}, so that no "
            "large numbers cancel in it."
        )
    if report.stopped:
        return (
            "What to do: lower the learning rate, or scale the data. Until then nothing differs by "
            "more than rounding."
        )
    if not report.elements:
        return "What to do: give at least one step."
    if report.unbounded:
        return (
            f"What to do: nothing; but {report.unbounded:,} numbers that differ have an infinite "
            "bound, and nothing is said about them."
        )
    return "What to do: nothing."


def text(report: Report) -> str:
    """Return the table and the verdict as plain text."""
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return plain(report)

    table = Table(*COLUMNS, title="refnn against TensorFlow")
    for column in table.columns[2:]:
        column.justify = "right"
    for row in ordered(report.rows):
        table.add_row(*map(Text, cells(row)))  # a Text, because [ ] in a str is markup
    page = io.StringIO()
    console = Console(file=page, width=160)
    console.print(table)
    console.print(verdict(report), highlight=False, markup=False)
    return page.getvalue()


def plain(report: Report) -> str:
    """Return the table and the verdict where rich is not installed."""
    lines = [COLUMNS, *(cells(row) for row in ordered(report.rows))]
    table = _aligned(lines, left=(0, 1))
    return "\n".join(["refnn against TensorFlow", *table, verdict(report), ""])


def _aligned(lines: list[tuple[str, ...]], left: tuple[int, ...]) -> list[str]:
    """Return lines of cells in columns; those that are not ``left`` are flush right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def to_json(report: Report) -> dict[str, Any]:
    """Return the report as plain data, without infinities (null) and without the arrays."""
    rows = [
        {
            key: (value.tolist() if key == "fills" else _finite(value))
            for key, value in asdict(row).items()
            if key != "step_fill"
        }
        | {"median_fill": _finite(row.median_fill)}
        for row in ordered(report.rows)
    ]
    return {
        "schema": SCHEMA,
        "agreed": report.agreed,
        "verdict": verdict(report),
        "steps": report.steps,
        "elements": report.elements,
        "bit_equal": report.bit_equal,
        "unbounded": report.unbounded,
        "ulp": _finite(report.ulp),
        "fill": _finite(report.fill),
        "seconds_refnn": report.seconds_refnn,
        "seconds_tftwin": report.seconds_tftwin,
        "rows": rows,
        "usual": _finite(report.usual),
        "vacuous": report.vacuous,
        "subnormal": report.subnormal,
        "stopped": report.stopped,
        "left_out": report.left_out,
        "lost_digits": [{k: _finite(v) for k, v in asdict(d).items()} for d in report.lost_digits],
        "divergences": [{k: _finite(v) for k, v in asdict(d).items()} for d in report.divergences],
        "heat": heat(report),
        "origin": None if report.origin is None else _place(report.origin),
        "again": again(report),
    }


def again(report: Report) -> str:
    """Return what compares the step of the first divergence alone; "" if there is none."""
    origin = report.origin
    return "" if origin is None else f"resynchronised(model, state, batches, only={origin.step})"


def _place(d: Divergence) -> dict[str, Any]:
    """Return where a divergence is."""
    return {"step": d.step, "stage": d.stage, "name": d.name, "index": list(d.index)}


def heat(report: Report, most: int | None = None) -> dict[str, Any]:
    """Return the largest fill of each stage at each step; None where a number diverged.

    With ``most`` neighbouring steps are taken together, so that there are no more columns.
    """
    stages = [stage for stage in STAGES if any(stage in step for step in report.heat)]
    together = 1 if most is None else max(1, -(-len(report.heat) // most))
    columns = [report.heat[i : i + together] for i in range(0, len(report.heat), together)]
    return {
        "stages": stages,
        "together": together,
        "steps": [
            [_finite(max(step.get(stage, 0.0) for step in steps)) for stage in stages]
            for steps in columns
        ],
    }


def _heat_rows(report: Report) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return for each stage its name, and the colour and the text of each cell."""
    found = heat(report, 120)
    rows = []
    for place, stage in enumerate(found["stages"]):
        cells_of = []
        for column, steps in enumerate(found["steps"]):
            fill, first = steps[place], column * found["together"] + 1
            said = "diverged" if fill is None else f"{fill:.3f} of the bound"
            share = 100 if fill is None else round(100 * min(fill, 1.0))
            kind = "out" if fill is None else f"{share}%"
            cells_of.append((kind, f"{stage}, step {first}: {said}"))
        rows.append((stage, cells_of))
    return rows


def _finite(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def html(
    report: Report,
    title: str = "refnn against TensorFlow",
    *,
    said: str | None = None,
    notes: Sequence[str] = (),
    other: str = "tftwin",
) -> str:
    """Return one self-contained page.

    Parameters
    ----------
    report, title
        What was found, and the heading.
    said : str, optional
        The verdict, in the place of ``verdict(report)``.
    notes : sequence of str
        Lines behind the verdict.
    other : str
        The name of the other side.
    """
    from jinja2 import Template

    template = files("tftwin.lockstep").joinpath("report.html").read_text(encoding="utf-8")
    page: str = Template(template, autoescape=True).render(
        title=title,
        verdict=verdict(report) if said is None else said,
        notes=notes,
        agreed=report.agreed,
        heat=_heat_rows(report),
        columns=[other if column == "tftwin" else column for column in COLUMNS],
        rows=[(cells(row), row.divergent > 0) for row in ordered(report.rows)],
        divergences=[
            str(d).replace("tftwin", other)
            for d in [*report.divergences, *report.lost_digits][:100]
        ],
    )
    return page
