"""The decision surface of a network with two inputs: its prediction on a grid, state by state."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from refnn.losses import threshold_of
from refnn.state import State
from refnn.training import Model, predict
from refnn.typing import Array
from tftwin.microscope.payload import packed

SIDE = 48
"""Points of the grid on each side."""
MARGIN = 0.1
"""How far the grid goes beyond the data, as a share of their range."""


def surface(model: Model, states: Sequence[State], x: Array, y: Array) -> dict[str, Any] | None:
    """Return the grid's corners, the data, and the classes on the grid; None but for two inputs.

    With one output the class is whether the prediction is above the loss's threshold (1, else 0);
    with several it is the number of the largest.
    """
    if model.network.inputs != 2:
        return None
    low, high = x.min(axis=0), x.max(axis=0)
    room = MARGIN * (high - low)
    sides = [np.linspace(low[i] - room[i], high[i] + room[i], SIDE) for i in (0, 1)]
    grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2).astype(x.dtype)
    threshold = threshold_of(model.loss)
    maps = [classes(predict(model, state, grid), threshold) for state in states]
    return {
        "side": SIDE,
        "corners": [float(side[i]) for side in sides for i in (0, -1)],
        "x": [[float(a), float(b)] for a, b in x],
        "classes": [int(c) for c in classes(y, 0.5)],
        "maps": packed(np.concatenate(maps)),
    }


def classes(y: Array, threshold: float) -> Array:
    """y (N, K) → the class of each row."""
    found = y[:, 0] > threshold if y.shape[1] == 1 else np.argmax(y, axis=1)
    return found.astype(np.uint8)
