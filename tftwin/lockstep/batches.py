"""The batch of one step, as it is given: checked before anything is computed."""

from typing import Any, TypeAlias

import numpy as np

from refnn import checks, guards
from refnn.labels import class_rows
from refnn.state import State
from refnn.training import Model
from refnn.typing import Array, Masks

Batch: TypeAlias = tuple[Array, Array] | tuple[Array, Array, Masks]
"""x, y, and the masks of the Dropout layers."""


def checked(model: Model, state: State, number: int, batch: Any) -> tuple[Array, Array, Masks]:
    """Return x, y and the masks of a batch; class numbers become one-hot rows.

    TypeError or ValueError says the ``number`` of the batch, and what does not fit in it.
    """
    if not (isinstance(batch, (tuple, list)) and len(batch) in (2, 3)):
        raise TypeError(
            f"batches: number {number} is {checks.short(batch)}; expected a pair (x, y), or "
            "(x, y, masks)"
        )
    x, y, *drawn = batch
    masks: Masks = drawn[0] if drawn else ()
    try:
        with np.errstate(all="ignore"):
            y = class_rows(model, state.theta, y)
            guards.check_data(model, state.theta, x, y)
            guards.check_masks(model.network, masks, len(x), x.dtype)
    except (TypeError, ValueError) as error:
        raise type(error)(f"batches: number {number}: {error}") from None
    return x, y, masks
