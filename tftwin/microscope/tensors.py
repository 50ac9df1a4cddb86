"""The tensors of a page: everything that a step reads and computes, and the formula of each.

Names are those of ``refnn.record``. Besides: "x", "t" (the targets), "mask2" (of a dropout layer);
"W1" and "m W1" *before* the update, "W1'" and "m W1'" after it; and the numbers on the way that a
step does not return: softmax' "p", the loss by row, m̂, v̂, the root, the move of each parameter.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tftwin.microscope.expressions import Tree
from tftwin.microscope.sources import Line

PHASES = ("before", "forward", "loss", "backward", "update")
"""When a number comes to be; "before" is what the step is given."""


@dataclass(frozen=True)
class Tensor:
    """One tensor of a step.

    Attributes
    ----------
    name : str
        As above.
    kind : str
        input, target, mask, parameter, slot, output, loss, upstream (∂loss/∂output), gradient,
        scalar, move.
    phase : str
        One of ``PHASES``.
    indices : dict of str to int or str
        Its index letters and sizes; "N" is the size of the batch.
    layer : int or None
        The number of the layer to which it belongs.
    formula : Tree or None
        None for what the step is given.
    line : Line or None
        Where refnn computes it.
    note : str
        The reason for the formula, in one or two sentences.
    derived : bool
        Whether a step does not return it: then its formula is evaluated here.
    """

    name: str
    kind: str
    phase: str
    indices: dict[str, int | str] = field(default_factory=dict)
    layer: int | None = None
    formula: Tree = None
    line: Line | None = None
    note: str = ""
    derived: bool = False

    def shape(self, rows: int) -> tuple[int, ...]:
        """Return the shape for a batch of so many rows."""
        return tuple(rows if size == "N" else int(size) for size in self.indices.values())

    def sizes(self, rows: int) -> dict[str, int]:
        """Return the index letters with their sizes."""
        return dict(zip(self.indices, self.shape(rows), strict=True))


def by_name(tensors: Iterator[Tensor]) -> dict[str, Tensor]:
    """Return the tensors by their names, in order."""
    return {tensor.name: tensor for tensor in tensors}
