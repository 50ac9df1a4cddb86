"""A saved model: a file that can predict, and that training can continue from.

One NPZ file without pickle: θ, slots and step; the architecture, the loss, the optimizer and the
regularizer as text; the preparation of the data. Reading executes nothing that the file holds. An
activation, a loss or a schedule of your own is named in the file, and must be given again.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from os import PathLike
from typing import Any

import numpy as np

from refnn import (
    activations,
    checks,
    crossentropies,
    guards,
    layers,
    losses,
    optimizers,
    regularizers,
    schedules,
)
from refnn.checks import short
from refnn.datasets import npz
from refnn.datasets.preparation import standardize
from refnn.network import Network
from refnn.runs import states
from refnn.state import State
from refnn.training import Model, predict
from refnn.typing import Array

FORMAT = 1
TEXT = 2**20
"""Bytes. A file with a longer description is refused."""
ROOMS = (activations, layers, losses, crossentropies, optimizers, regularizers, schedules)
EXPECTED = "a file written by save_model"


@dataclass(frozen=True, eq=False)
class SavedModel:
    """The content of a file that ``save_model`` wrote.

    Parameters
    ----------
    model : Model
        What was trained, and how.
    state : State
        Where training stands.
    mean, deviation : Array, (inputs,), or None
        The mean and the deviation of the training data, if the inputs were standardized.
    feature_names, class_names : tuple of str
        Names of the columns of x and of y; empty if none were saved.
    """

    model: Model
    state: State
    mean: Array | None = None
    deviation: Array | None = None
    feature_names: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()

    def predict(self, x: Array) -> Array:
        """x (N, inputs), not standardized → the network's output (N, outputs)."""
        if self.mean is not None:
            x = standardize(x, self.mean, self.deviation, self.feature_names).x
        return predict(self.model, self.state, x)


def save_model(
    path: str | PathLike[str],
    model: Model,
    state: State,
    *,
    mean: Array | None = None,
    deviation: Array | None = None,
    feature_names: Sequence[str] = (),
    class_names: Sequence[str] = (),
) -> None:
    """Write a model with its state; a kill leaves the old file or the new one.

    Parameters
    ----------
    path : path
        An .npz file in an existing folder; it is replaced.
    model, state
        They must fit each other.
    mean, deviation : Array, (inputs,), optional
        Both or neither: those of ``refnn.datasets.standardize(x_train)``. A loaded model then
        standardizes x before it predicts.
    feature_names, class_names : sequence of str
        A name for each input and for each output; or none.

    Raises
    ------
    TypeError, ValueError
        If something does not fit; the message names it.
    OSError
        If the file cannot be written.
    """
    guards.check_model(model)
    guards.check_state(model, state)
    names = _names("feature_names", feature_names), _names("class_names", class_names)
    saved = SavedModel(model, state, mean, deviation, *names)
    _check_preparation(saved)
    text = json.dumps(
        {
            "format": FORMAT,
            "model": {f.name: _described(f.name, getattr(model, f.name)) for f in fields(Model)},
            "feature_names": saved.feature_names,
            "class_names": saved.class_names,
        }
    ).encode()
    if len(text) > TEXT:
        raise ValueError(f"{path}: a description of {len(text)} bytes; expected at most {TEXT}")
    arrays = states.arrays(state) | {"model": np.frombuffer(text, np.uint8)}
    if mean is not None and deviation is not None:
        arrays |= {"mean": mean, "deviation": deviation}
    npz.write(path, arrays)


def load_model(
    path: str | PathLike[str], *, own: Iterable[Any] = (), expected: Model | None = None
) -> SavedModel:
    """Read a file that ``save_model`` wrote, bit for bit.

    Parameters
    ----------
    path : path
        The file.
    own : iterable
        The activations, losses and schedules of your own that the file names, such as
        ``[Softplus()]``. They are found by the name of their class (of a function: its name).
    expected : Model, optional
        Refuse a file of any other model.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it is another file; if its parts do not fit each other; if it names something of your
        own that was not given; or if its model is not the expected one: the message names the first
        difference.
    """
    functions = checks.items("own", own, "a list of your own functions")
    given = {(_name(one), _repr(one)): one for one in functions}
    with states.opened(path, EXPECTED) as members:
        names = npz.names(members)
        prepared = ("mean", "deviation") if "mean" in names else ()
        state = states.read(path, members, ("model", *prepared), EXPECTED)
        mean, deviation = (
            (npz.member(members, name, f"{path}: {name}", ("inputs",)) for name in prepared)
            if prepared
            else (None, None)
        )
        text = npz.member(members, "model", f"{path}: model", ("bytes",), dtype=np.dtype(np.uint8))
    with npz.reading(f"{path}: model", f"a description of at most {TEXT} bytes"):
        described = json.loads(bytes(text[:TEXT]))
        parts = described["model"]
        feature_names, class_names = (
            _names(key, described[key]) for key in ("feature_names", "class_names")
        )
    if described.get("format") != FORMAT:
        raise ValueError(f"{path}: format {short(described.get('format'))}; expected {FORMAT}")
    try:
        if not isinstance(parts, dict):
            raise ValueError(f"the model is {short(parts)}; expected its parts by name")
        model = Model(**{f.name: _made(parts.get(f.name), given) for f in fields(Model)})
        saved = SavedModel(model, state, mean, deviation, feature_names, class_names)
        guards.check_state(model, state)
        _check_preparation(saved)
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: {_cut(str(error))}") from None
    if expected is not None:
        _check_expected(f"{path}", model, expected)
    return saved


def _check_preparation(saved: SavedModel) -> None:
    network = saved.model.network
    if (saved.mean is None) != (saved.deviation is None):
        raise ValueError("expected both mean and deviation, or neither; one came")
    for name, array in (("mean", saved.mean), ("deviation", saved.deviation)):
        if array is not None:
            checks.array(name, array, (network.inputs,))
            checks.floating(name, array)
            checks.finite(name, array)
    if saved.deviation is not None and not (saved.deviation > 0).all():
        raise ValueError(f"deviation is {saved.deviation}; expected numbers above 0")
    for name, names, count in (
        ("feature_names", saved.feature_names, network.inputs),
        ("class_names", saved.class_names, network.outputs),
    ):
        texts = isinstance(names, tuple) and all(isinstance(name, str) for name in names)
        if not texts or len(names) not in (0, count):
            raise ValueError(f"{name} = {short(names)}; expected {count} texts, or none")


def _check_expected(path: str, model: Model, expected: Model) -> None:
    """Refuse another model, and say where the two first differ."""
    guards.check_model(expected)
    ours, theirs = expected.network.layers, model.network.layers
    for number, (one, other) in enumerate(zip(ours, theirs, strict=False), 1):
        if one != other:
            raise ValueError(f"{path}: layer {number} is {short(other)}; expected {short(one)}")
    if len(ours) != len(theirs):
        raise ValueError(f"{path} has {len(theirs)} layers; expected {len(ours)}")
    for field in ("loss", "optimizer", "regularizer"):
        one, other = getattr(expected, field), getattr(model, field)
        if one != other:
            raise ValueError(f"{path}: {field} is {short(other)}; expected {short(one)}")


# Values as text --------------------------------------------------------------------------------


def _described(where: str, value: Any) -> Any:
    """Return a value of refnn as its class and its fields, a value of your own as its name."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_described(where, one) for one in value]
    kind = type(value)
    if kind is Network or _of_refnn(kind.__name__) is kind:
        return {"class": kind.__name__} | {
            f.name: _described(f"{where}: {f.name}", getattr(value, f.name)) for f in fields(value)
        }
    return {"own": _name(value), "repr": _repr(value)}


def _made(described: Any, given: dict[tuple[str, str | None], Any]) -> Any:
    """Return the value that ``_described`` described."""
    if isinstance(described, list):
        return [_made(one, given) for one in described]
    if not isinstance(described, dict):
        return described
    if "own" in described:
        name, text = described["own"], described.get("repr")
        if not (isinstance(name, str) and isinstance(text, str | None)):
            raise ValueError(f"the model holds {short(described)}; expected a name and a text")
        if (name, text) in given:
            return given[name, text]
        if same := [now for one, now in given if one == name]:
            raise ValueError(
                f"own: {', '.join(map(str, same))} came; the model holds {short(text)}"
            )
        raise ValueError(
            f"the model holds {short(name)}, which is not refnn's; expected it again, as in "
            f"load_model(path, own=[{_cut(name, 60)}])"
        )
    name, made = (
        described.get("class"),
        {key: _made(value, given) for key, value in described.items() if key != "class"},
    )
    kind = Network if name == "Network" else _of_refnn(name)
    if kind is None or set(made) != {f.name for f in fields(kind)}:
        raise ValueError(f"the model holds {short(described)}; expected a value of refnn")
    return kind(**made)


def _of_refnn(name: Any) -> Any:
    """Return refnn's own dataclass of this name, or None."""
    for room in ROOMS:
        kind = vars(room).get(name) if isinstance(name, str) else None
        if isinstance(kind, type) and kind.__module__ == room.__name__:
            return kind if hasattr(kind, "__dataclass_fields__") else None
    return None


def _name(value: Any) -> str:
    return str(getattr(value, "__name__", type(value).__name__))


def _repr(value: Any) -> str | None:
    """Return the text of an object that describes itself; None for one that shows an address."""
    try:
        text = repr(value)
    except Exception:
        return None
    return None if " at 0x" in text else text


def _names(name: str, names: Sequence[str]) -> Any:
    """Return names as a tuple; one text, which is a sequence of letters, stays what it is."""
    return names if isinstance(names, str) else checks.items(name, names, "a list of texts")


def _cut(text: str, length: int = 400) -> str:
    return text if len(text) <= length else f"{text[: length // 2]}…{text[-length // 2 :]}"
