"""A page from a run: the numbers of both sides, packed into one file that needs nothing else."""

import json
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from refnn import guards
from refnn.state import State
from refnn.training import Model
from refnn.typing import Array, Masks
from tftwin.guide.frame import libraries, template
from tftwin.lockstep.batches import checked
from tftwin.microscope.formulas import tensors
from tftwin.microscope.mistakes import labels, mistakes, sentences
from tftwin.microscope.payload import payload
from tftwin.microscope.steps import Batch, Numbers, alone
from tftwin.microscope.surface import surface

if TYPE_CHECKING:
    from tftwin.trainer import Mode

SCRIPTS = (
    "numbers.js", "expressions.js", "mathml.js", "bands.js", "heatmap.js", "card.js", "plots.js",
    "predict.js", "trace.js", "page.js",
)  # fmt: skip


def page(
    model: Model,
    state: State,
    batches: Iterable[tuple[Array, Array] | tuple[Array, Array, Masks]],
    *,
    title: str = "",
    tensorflow: bool = True,
    mode: "Mode" = "function",
) -> str:
    """Return one HTML page with every number of some training steps.

    Parameters
    ----------
    model : Model
        Of refnn.
    state : State
        Where the first step begins.
    batches : iterable of (x, y) or (x, y, masks)
        One for each step; ``masks`` for a network with Dropout layers.
    title : str
        The heading.
    tensorflow : bool
        Whether TensorFlow's numbers stand beside refnn's.
    mode : {"function", "eager", "xla"}
        How TensorFlow computes a step.

    Raises
    ------
    TypeError, ValueError
        If a batch does not fit, is empty, or there are too many numbers for a page.
    ImportError
        If a library of the extra ``page`` is missing, or TensorFlow where it is asked for.
    """
    folder = files("tftwin.microscope") / "page"
    frame = template(folder)
    with libraries():
        from tftwin.guide.passages import passages
    guards.check_model(model)
    guards.check_state(model, state)
    guards.check_finite(model, state)
    given = [checked(model, state, i, batch) for i, batch in enumerate(batches, 1)]
    if not given:
        raise ValueError("batches is empty: a page shows at least one step")
    all_tensors = tensors(model)
    steps, states = _finite(model, *alone(model, all_tensors, state, given))
    data = payload_of(model, all_tensors, state, given[: len(steps)], steps, tensorflow, mode)
    found = [mistakes(model, step, i) for i, step in enumerate(steps)]
    x, y = (np.concatenate([batch[i] for batch in given]) for i in (0, 1))
    data |= {
        "title": title or " → ".join(labels(model)),
        "layers": labels(model),
        "loss": type(model.loss).__name__,
        "optimizer": str(model.optimizer),
        "mistakes": found,
        "cards": sentences(found),
        "surface": surface(model, states, x, y),
        "guide": {
            name: passage._asdict()
            for name, passage in passages(
                n for t in data["tensors"] for n in t["equations"]
            ).items()
        },
    }
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return str(
        frame.render(
            title=data["title"],
            style=(folder / "style.css").read_text(encoding="utf-8"),
            scripts=[(folder / name).read_text(encoding="utf-8") for name in SCRIPTS],
            data=text.replace("<", "\\u003c"),
        )
    )


def payload_of(
    model: Model,
    all_tensors: list[Any],
    state: State,
    batches: Sequence[Batch],
    steps: list[Numbers],
    tensorflow: bool,
    mode: "Mode",
) -> dict[str, Any]:
    """Return the packed numbers; with TensorFlow's side if it is asked for."""
    if not tensorflow:
        return payload(model, all_tensors, steps) | {"mode": ""}
    from tftwin.microscope.twin import add_twin

    report = add_twin(model, state, batches, steps, mode)
    return payload(model, all_tensors, steps) | {"mode": mode, "report": str(report)}


def _finite(
    model: Model, steps: list[Numbers], states: list[State]
) -> tuple[list[Numbers], list[State]]:
    """Return the steps before the first one that leaves the finite numbers."""
    for place, step in enumerate(steps):
        bad = [n for n, a in step.ours.items() if not np.isfinite(np.asarray(a)).all()]
        if bad and not place:
            raise ValueError(f"step 1: {bad[0]} is not finite: a page shows finite numbers only")
        if bad:
            return steps[:place], states[: place + 1]
    return steps, states
