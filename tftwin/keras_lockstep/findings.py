"""Divergences of a Keras model in their order, each with what would explain it."""

from dataclasses import dataclass

from tftwin.lockstep.findings import STAGES, Divergence


@dataclass(frozen=True)
class Explanation:
    """A divergence, and what would explain it; "" if nothing known does."""

    divergence: Divergence
    sentence: str = ""


def in_order(divergences: list[Divergence]) -> list[Divergence]:
    """Return divergences in the order of computation: Keras' own numbers, part by part, first."""

    def place(d: Divergence) -> tuple[int, int, bool]:
        part = d.stage.split()[-1] if d.stage != "learning rate" else d.stage
        of_parts = d.stage.startswith("mirror") or d.stage == "learning rate"
        return d.step, PARTS.index(part), not of_parts

    return sorted((d for d in divergences if d.stage in STAGES), key=place)


PARTS = ("forward", "loss", "backward", "gradient", "learning rate", "slots", "update", "inputs")
