"""What a run trains, how, and on which data, as texts: only the same run is continued.

What describes itself is told by its repr. A repr with an address in it, such as that of a lambda
or of an object without a repr of its own, describes nothing: it is told by what it computes. A
schedule is told by the rates of the steps that are done, which the history has.
"""

import re
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from os import PathLike
from os.path import commonprefix
from typing import Any

import numpy as np

from refnn.layers import Activation
from refnn.losses import value_and_gradient
from refnn.optimizers import update
from refnn.runs.history import History
from refnn.schedules import rate_at
from refnn.state import State
from refnn.training import Model
from refnn.typing import Array

ADDRESS = re.compile(r" at 0x\w+")
ROWS = 8
"""Of the targets, on which a loss is computed."""


def describe_model(model: Any, batch_size: int) -> dict[str, str]:
    """Return what is trained, and how, as texts: each by its repr, without addresses."""
    texts = {
        "network": repr(model.network),
        "loss": repr(model.loss),
        "optimizer": repr(model.optimizer),
        "regularizer": repr(model.regularizer),
        "batch_size": repr(batch_size),
    }
    return {name: ADDRESS.sub("", text) for name, text in texts.items()}


def describe_data(x: Array, y: Array, validation: tuple[Array, Array] | None) -> dict[str, str]:
    """Return the data of a run as texts: each array by its shape, dtype and checksum."""
    return {
        "x": _describe_array(x),
        "y": _describe_array(y),
        "validation": str([_describe_array(a) for a in validation or ()]),
    }


def describe_computed(model: Model, y: Array) -> dict[str, str]:
    """Return what the parts compute that do not describe themselves, each by a checksum.

    A loss is computed on the first targets, an activation and a rule on numbers from −3 to 3.
    """
    dtype, computed = y.dtype, {}
    for number, layer in enumerate(model.network.layers, 1):
        if isinstance(layer, Activation) and ADDRESS.search(repr(layer.function)):
            computed[f"what layer {number} computes"] = partial(_activation, layer.function, dtype)
    if ADDRESS.search(repr(model.loss)):
        computed["what the loss computes"] = partial(_loss, model.loss, y[:ROWS])
    if ADDRESS.search(repr(model.regularizer)):
        computed["what the regularizer computes"] = partial(_penalty, model.regularizer, dtype)
    if ADDRESS.search(repr(model.optimizer)):
        computed["what the optimizer computes"] = partial(_rule, model.optimizer, dtype)
    return {name: _checksum(function) for name, function in computed.items()}


def check_rates(
    path: str | PathLike[str], model: Model, state: State, history: History, batches: int
) -> None:
    """Refuse a schedule that gives another rate than the run had, at a step that is done.

    Parameters
    ----------
    path
        Of the checkpoint, for the message.
    state, history
        Of the run that was saved.
    batches : int
        Steps an epoch.
    """
    rates = history.learning_rate
    epochs = len(rates) if state.step == batches * len(rates) else min(len(rates), 1)
    for back in sorted({0, 1, 2, epochs // 2, epochs - 1} & {*range(epochs)}):
        step = state.step - back * batches - 1
        rate, before = rate_at(model.optimizer.learning_rate, step), rates[-1 - back]
        if rate != before:
            raise ValueError(
                f"{path}: learning_rate is {rate} at step {step}, and the run that was saved had "
                f"{before}; expected the same"
            )


def check_same(path: str | PathLike[str], before: dict[str, str], now: dict[str, str]) -> None:
    """Refuse to continue a run with anything else than what it began with."""
    for name, text in now.items():
        if (saved := before.get(name, "")) != text:
            start = max(len(commonprefix([saved, text])) - 30, 0)
            raise ValueError(
                f"{path}: {name} is …{text[start : start + 80]!r}, and the run that was saved had "
                f"…{saved[start : start + 80]!r}; expected the same"
            )


def _describe_array(a: Array) -> str:
    return f"{a.shape} {a.dtype} CRC {_crc(a):08x}"


def _crc(a: Array) -> int:
    wide = a.dtype.itemsize > 8  # a longdouble has padding, which may hold anything
    content: Any = np.ascontiguousarray(a, np.float64 if wide else None)
    return zlib.crc32(content)


def _checksum(function: Callable[[], Sequence[Any]]) -> str:
    """Return the checksum of what a function gives, or the name of its error."""
    with np.errstate(all="ignore"):
        try:
            return " ".join(f"{_crc(np.asarray(a)):08x}" for a in function())
        except Exception as error:
            return type(error).__name__


def _numbers(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return numbers from −3 to 3 on a grid, which every machine makes alike."""
    return ((np.arange(np.prod(shape)) % 13 - 6) / 2).astype(dtype).reshape(shape)


def _activation(function: Any, dtype: Any) -> Sequence[Any]:
    x = _numbers((4, 13), dtype)
    y = function.forward(x)
    return y, function.backward(x[::-1], x, y)


def _loss(loss: Any, y: Array) -> Sequence[Any]:
    return value_and_gradient(loss, y, (y + y[::-1] + 1) / 4)  # of classes: 1/4, 1/2, 3/4


def _penalty(regularizer: Any, dtype: Any) -> Sequence[Any]:
    W = _numbers((4, 13), dtype)
    return regularizer.value([W]), regularizer.gradient(W)


def _rule(optimizer: Any, dtype: Any) -> Sequence[Any]:
    w = _numbers((13,), dtype)
    after = update(optimizer, State(w, (w * w,) * len(optimizer.slot_names), 1), w[::-1], 0.5)
    return after.theta, *after.slots
