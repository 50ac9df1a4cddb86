"""The numbers of a run, packed for a page.

Each block is one array: its bytes are sorted by their place in a number ("shuffled": the first
bytes of all numbers, then the second ones …), deflated, and written in base64. The page knows the
order from the list of tensors: step by step, tensor by tensor.
"""

import base64
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from refnn.training import Model
from refnn.typing import Array
from tftwin.lockstep.verdict import ulp_distance
from tftwin.microscope.equations import equations
from tftwin.microscope.steps import Numbers
from tftwin.microscope.tensors import Tensor

LARGEST = 4_000_000
"""Numbers of a page."""
STEPS_OF_LOG = 16
"""A bound is kept as ⌈16 log₂⌉: at most 4.5 % too large."""
ZERO, INFINITE = -32768, 32767
"""The bounds that have no logarithm."""
SHOWN = 400
"""Wrong numbers of a tensor whose places are kept."""


def stored(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return the tensors whose numbers are packed: not those that the page computes itself.

    These are the moves, which are +, −, ·, / and √ of numbers that are packed, and what a step
    finds, which is what the step before has made.
    """
    return [
        t for t in tensors
        if t.kind not in ("move", "scalar") and not (t.phase == "before" and is_state(t))
    ]  # fmt: skip


def is_state(tensor: Tensor) -> bool:
    """Whether it is a parameter or a part of the optimizer's memory."""
    return tensor.kind in ("parameter", "slot")


def packed(array: Array) -> str:
    """Return the bytes of an array: shuffled, deflated, in base64."""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    raw = little.view(np.uint8).reshape(-1, little.itemsize).T.tobytes()
    return base64.b64encode(zlib.compress(raw, 9)).decode("ascii")


def payload(model: Model, tensors: Sequence[Tensor], steps: Sequence[Numbers]) -> dict[str, Any]:
    """Return the blocks and what belongs to them, as JSON has it.

    Raises
    ------
    ValueError
        If there are too many numbers for a page.
    """
    of_steps, dtype = stored(tensors), steps[0].ours["x"].dtype
    first = [t for t in tensors if t.phase == "before" and is_state(t)]
    ours = [np.ravel(steps[0].ours[t.name]) for t in first]
    for step in steps:
        ours += [np.ravel(step.ours[t.name]) for t in of_steps]
    count = sum(part.size for part in ours)
    if count > LARGEST:
        raise ValueError(
            f"the page would hold {count:,} numbers; expected at most {LARGEST:,}: take fewer "
            "steps, fewer rows in a batch, or a smaller network"
        )
    scalars = [t.name for t in tensors if t.kind == "scalar"]
    both = [t.name for t in of_steps if t.name in steps[0].theirs]
    ulps, escapes = _distances(steps, both)
    return {
        "dtype": dtype.name,
        "tensors": [_tensor(model, t) for t in tensors],
        "stored": [t.name for t in of_steps],
        "first": [t.name for t in first],
        "rows": [int(step.ours["N"]) for step in steps],
        "scalars": [{name: float(step.ours[name]) for name in scalars} for step in steps],
        "ours": packed(np.concatenate(ours).astype(dtype)),
        "both": both,
        "ulps": packed(ulps),
        "escapes": escapes,
        "bounds": packed(_logarithms(steps, both)),
        "verdicts": [_verdict(step, both) for step in steps],
    }


def _tensor(model: Model, t: Tensor) -> dict[str, Any]:
    return {
        "name": t.name,
        "kind": t.kind,
        "phase": t.phase,
        "indices": list(t.indices.items()),
        "layer": t.layer,
        "formula": t.formula,
        "line": t.line and list(t.line),
        "note": t.note,
        "equations": equations(model, t),
    }


def _distances(steps: Sequence[Numbers], names: Sequence[str]) -> tuple[Array, dict[str, str]]:
    """Return TensorFlow's numbers as distances in ulp, and those that have none as text."""
    parts: list[Array] = [np.zeros(0)]
    escapes: dict[str, str] = {}
    place = 0
    for step in steps:
        for name in names:
            one = np.ravel(step.ours[name])
            other = np.ravel(step.theirs[name]).astype(one.dtype)
            distance = np.where(other < one, -1.0, 1.0) * ulp_distance(one, other)
            far = ~(np.abs(distance) < 2**53)
            escapes |= {str(place + int(i)): repr(float(other[i])) for i in np.flatnonzero(far)}
            parts.append(np.where(far, 0.0, distance))
            place += one.size
    return np.concatenate(parts), escapes


def _logarithms(steps: Sequence[Numbers], names: Sequence[str]) -> Array:
    parts = [np.ravel(step.bounds[name]) for step in steps for name in names]
    bounds = np.concatenate(parts or [np.zeros(0)]).astype(np.float64)
    with np.errstate(divide="ignore"):
        codes = np.ceil(STEPS_OF_LOG * np.log2(bounds))
    codes = np.where(np.isposinf(codes), INFINITE, np.where(np.isneginf(codes), ZERO, codes))
    return codes.astype(np.int16)


def _verdict(step: Numbers, names: Sequence[str]) -> dict[str, Any]:
    """Return the share of equal bits, the fullest bound, and the wrong numbers."""
    equal = count = 0
    fullest: tuple[float, str, int] = (0.0, "", 0)
    for name in names if step.theirs else ():
        one, other = np.ravel(step.ours[name]), np.ravel(step.theirs[name])
        same = one == other
        equal, count = equal + int(same.sum()), count + one.size
        with np.errstate(all="ignore"):
            apart = np.abs(one.astype(np.float64) - other)
            fill = np.where(apart == 0, 0.0, apart / (2 * np.ravel(step.bounds[name])))
        fill = np.where(np.isfinite(fill), fill, 0.0)
        if fill.size and fill.max() > fullest[0]:
            fullest = float(fill.max()), name, int(fill.argmax())
    wrong = {
        name: {"count": int(mask.sum()), "places": np.flatnonzero(mask)[:SHOWN].tolist()}
        for name, mask in step.wrong.items()
        if mask.any()
    }
    return {"equal": equal, "count": count, "fullest": list(fullest), "wrong": wrong}
