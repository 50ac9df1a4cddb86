"""The report on a Keras model: verdict, table, what to do; as text, JSON and a page."""

from dataclasses import dataclass, field, replace
from textwrap import fill
from typing import Any

from tftwin.keras_lockstep.conventions import Convention
from tftwin.keras_lockstep.findings import Explanation
from tftwin.keras_models import Inspection
from tftwin.lockstep import report as lockstep_report
from tftwin.lockstep.findings import MIRROR, Divergence, Report, Row

AGREES, DIVERGES, NOT_COMPARED = 0, 1, 2

FIT = (
    "The log of fit is not compared: fit shuffles the rows, takes batches of 32, and prints a "
    "running mean of losses while the weights move. Compare steps, on the same rows, as here."
)
WIDTH = 100
EAGER = "Keras computed eagerly; a compiled fit may have other last bits."
PARTS = (
    ("forward", ("forward",), "outputs of the layers"),
    ("loss", ("loss",), "loss"),
    ("backward", ("backward",), "∂loss/∂ each output"),
    ("gradient", ("gradient",), "∂loss/∂ each W and b"),
    ("learning rate", ("learning rate",), "learning rate"),
    ("update", ("slots", "update"), "slots and weights after"),
)
"""Stages of the report: their name, the stages of ``tftwin.lockstep``, what they are."""


@dataclass
class KerasReport:
    """What was found.

    Attributes
    ----------
    inspection : Inspection
        The model on both sides: ``mappings`` says what became what.
    stages, lacks : tuple of str
        What was compared, and what stands in the way of the rest.
    found : Report
        Of ``tftwin.lockstep``: rows and divergences; "tftwin" is Keras there.
    rows : int
        Rows of a step.
    conventions : list of Convention
        Differences that have a name: Keras computes another thing, and this very thing.
    apart : float or None
        How far refnn's own move is from Keras', as a share of the largest; None without updates.
    explanations : list of Explanation
        The divergences in the order of computation, the first one first.
    """

    inspection: Inspection
    stages: tuple[str, ...]
    lacks: tuple[str, ...]
    found: Report
    rows: int
    conventions: list[Convention] = field(default_factory=list)
    apart: float | None = None
    explanations: list[Explanation] = field(default_factory=list)

    @property
    def agreed(self) -> bool:
        """Whether every number is what Keras' configuration says, named conventions included."""
        return self.found.agreed

    @property
    def status(self) -> int:
        """0 agrees; 1 diverges; 2 not all of it could be compared."""
        if not self.agreed:
            return NOT_COMPARED if self.found.stopped and not self.found.divergences else DIVERGES
        return NOT_COMPARED if self.lacks else AGREES

    @property
    def update_to_the_bit(self) -> bool:
        """Whether Keras' update has the bits of its rule in NumPy."""
        rows = [row for row in self.found.rows if row.stage in MIRROR]
        return bool(rows) and all(row.bit_equal == row.elements for row in rows)

    def __str__(self) -> str:
        return text(self)


def verdict(report: KerasReport) -> str:
    """Return the outcome in one sentence."""
    found = report.found
    steps = f"{_count(found.steps, 'step')} of {_count(report.rows, 'row')}"
    if found.stopped and not found.divergences:
        return f"stopped: {found.stopped}; before that nothing diverged"
    if not found.agreed:
        if not report.explanations:
            return "diverges: nothing was compared"
        first = report.explanations[0]
        why = f": {first.sentence}" if first.sentence else f": {said(first.divergence)}"
        stage = first.divergence.stage.removeprefix("mirror ")
        return f"diverges at step {first.divergence.step}, stage {stage}{why}"
    names = sorted({convention.name for convention in report.conventions})
    named = f"; named conventions: {', '.join(names)}" if names else ""
    if report.lacks:
        stages = ", ".join(report.stages)
        return (
            f"agrees as far as refnn goes ({stages}), in {steps}{named}; not compared: "
            f"{'; '.join(report.lacks)}"
        )
    return f"agrees, number by number, in {steps}{named}"


def text(report: KerasReport) -> str:
    """Return verdict, table, what is said, and what to do."""
    lines = [verdict(report), ""]
    rows = [("stage", "numbers", "same bits", "fill"), *table(report)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        others = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        lines.append("  ".join((name.ljust(widths[0]), *others)).rstrip())
    about = [*update_lines(report), *report.inspection.mappings, layers(report)]
    first, then = (what_to_do(report), about)[:: -1 if report.agreed else 1]
    lines += ["", *first, "", *then, "", EAGER, FIT]
    return "\n".join(_wrapped(line) for line in lines) + "\n"


def table(report: KerasReport) -> list[tuple[str, str, str, str]]:
    """Return a line for each stage: how many numbers, how many have the same bits, the fill.

    The numbers are those of the whole step. The fill is that of Keras' own numbers, each part given
    what Keras gave it; 1 is the bound.
    """
    lines = []
    for _, stages, words in PARTS:
        whole = [row for row in report.found.rows if row.stage in stages]
        parts = [row for row in report.found.rows if row.stage in {f"mirror {s}" for s in stages}]
        counted = parts if stages == ("slots", "update") else whole
        if not counted:
            continue
        fill = max((row.fill for row in parts or whole), default=0.0)
        wrong = sum(row.divergent for row in parts or whole)
        lines.append(
            (
                words,
                f"{_sum(counted, 'elements'):,}",
                f"{_sum(counted, 'bit_equal') / max(_sum(counted, 'elements'), 1):.1%}",
                f"{fill:.3f}" + (f", {wrong:,} diverge" if wrong else ""),
            )
        )
    return lines


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}"


def _sum(rows: list[Row], name: str) -> int:
    return sum(getattr(row, name) for row in rows)


def update_lines(report: KerasReport) -> list[str]:
    """Return how Keras' update stands to Keras' rule, and to refnn's."""
    described = report.inspection.description.optimizer
    if described is None or not any(row.stage == "mirror update" for row in report.found.rows):
        return []
    lines = []
    if not any(e.divergence.stage.endswith(("update", "slots")) for e in report.explanations):
        exactly = "to the bit" if report.update_to_the_bit else "within its bound"
        own = ""
        if report.apart:
            names = ", ".join(c.name for c in report.conventions if c.stage == "update")
            own = f"; refnn's differs by up to {report.apart:.2g} of the move"
            own += f": {names}" if names else ", which are roundings"
        lines.append(f"update: Keras' {described.name} {exactly}{own}")
    return lines + [f"{c.name} ({c.size:.2g}): {c.sentence}" for c in report.conventions]


def layers(report: KerasReport) -> str:
    """Return which of refnn's outputs are whose in Keras."""
    found = [
        f"{' and '.join(f'y{number}' for number in place.numbers)} {place.name}"
        for place in report.inspection.places
        if place.numbers
    ]
    return f"outputs: {', '.join(found)}; of two, the first is before the activation"


def what_to_do(report: KerasReport) -> list[str]:
    """Return what a person does next."""
    lines = []
    if report.status == DIVERGES:
        shown = [e for e in report.explanations if "follows from" not in e.divergence.explanation]
        for explanation in shown[:3]:
            lines.append(said(explanation.divergence))
            if explanation.sentence:
                lines.append(f"  {explanation.sentence}")
        rest = len(report.explanations) - len(shown[:3])
        if rest:
            lines.append(
                f"{_count(rest, 'more tensor')}: what follows, and the rest, is in the JSON"
            )
        lines.append(
            "What to do: look at the first of these; everything before it is what the "
            "configuration says."
        )
    elif report.agreed and any(c.stage == "update" for c in report.conventions):
        lines.append(
            "What to do: nothing. If your own calculation differs in the update, use Keras' "
            "formula, or refnn's optimizer in its place."
        )
    elif report.agreed and not report.lacks:
        lines.append("What to do: nothing.")
    elif report.agreed:
        lines.append("What to do: nothing about what was compared; the rest, refnn does not have.")
    return lines


def said(d: Divergence) -> str:
    """Return a divergence in words, with Keras' name."""
    known = "" if d.explanation.startswith("undecided") else d.explanation
    text = str(replace(d, explanation=known)).replace("tftwin", "Keras")
    return text.replace("stage mirror ", "stage ")


def to_json(report: KerasReport) -> dict[str, Any]:
    """Return the report as plain data: lockstep's, in which "tftwin" is Keras, and Keras' own."""
    return lockstep_report.to_json(report.found) | {
        "verdict": verdict(report),
        "agreed": report.agreed,
        "status": report.status,
        "source": report.inspection.source,
        "mappings": list(report.inspection.mappings),
        "layers": {f"y{n}": p.name for p in report.inspection.places for n in p.numbers},
        "lacks": list(report.lacks),
        "apart": report.apart,
        "conventions": [
            {"stage": c.stage, "name": c.name, "size": c.size, "sentence": c.sentence}
            for c in report.conventions
        ],
        "explanations": [
            {"divergence": said(e.divergence), "sentence": e.sentence} for e in report.explanations
        ],
    }


def html(report: KerasReport) -> str:
    """Return one self-contained page."""
    mapped = [*report.inspection.mappings, layers(report)]
    notes = [*what_to_do(report), *update_lines(report), *mapped, EAGER, FIT]
    title = f"{report.inspection.source}: Keras beside refnn"
    said_here = verdict(report)
    return lockstep_report.html(report.found, title, said=said_here, notes=notes, other="Keras")


def _wrapped(line: str) -> str:
    return fill(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
