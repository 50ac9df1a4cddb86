"""Formulas as plain data: one tree is drawn by the page, linked to its parts, and evaluated here.

A tree is nested lists, as JSON has them:

- ``["ref", "W1", ["i", "j"]]``: a number of a tensor; its place is given by index letters;
- ``["const", "1 − β₁", 0.1]``: a number with a name;
- ``["sum", "k", 16, tree]``, ``["max", "k", 3, tree]``: over an index letter; its size is a number,
  or the name of one, as in ``["sum", "n", "N", tree]``;
- ``["chain", upstream, local]``: a product whose parts the chain rule names;
- ``["where", [">", a, b], a, b]``: the first tree where the comparison holds, else the second;
- ``["call", "your loss", trees]``: a function of the user's own, which nobody here can open;
- every other word is one operation: ``["add", a, b]``, ``["sqrt", a]`` …

``evaluate`` computes all places at once, in NumPy's dtypes, or on arrays that carry their bounds.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from refnn.activations import Sigmoid

Tree: TypeAlias = Any
"""A number, or a list whose first item is a word."""

OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "chain": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
    "neg": lambda a: -a,
    "square": np.square,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "abs": np.abs,
    "sign": np.sign,
    "sigmoid": lambda a: Sigmoid().forward(a),
    "maximum": np.maximum,
    "minimum": np.minimum,
    "clip": np.clip,
}
COMPARISONS: dict[str, Callable[..., Any]] = {
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "inside": lambda a, low, high: (a >= low) & (a <= high),
}


def ref(name: str, *indices: str) -> Tree:
    """Return a number of a tensor, at the place of these index letters."""
    return ["ref", name, list(indices)]


def const(symbol: str, value: float) -> Tree:
    """Return a number that has a name."""
    return ["const", symbol, value]


def summed(index: str, size: int | str, body: Tree) -> Tree:
    """Return Σ of a tree over an index letter."""
    return ["sum", index, size, body]


def added(*trees: Tree) -> Tree:
    """Return a sum of trees."""
    first, *rest = trees
    for tree in rest:
        first = ["add", first, tree]
    return first


def references(tree: Tree) -> Iterator[tuple[str, list[str]]]:
    """Yield the tensors that a tree names, with their index letters."""
    if isinstance(tree, list):
        if tree[0] == "ref":
            yield tree[1], tree[2]
        else:
            for part in tree[1:]:
                yield from references(part)


def is_open(tree: Tree) -> bool:
    """Whether every part can be evaluated: nothing is a function of the user's own."""
    if not isinstance(tree, list) or tree[0] == "ref":
        return True
    return tree[0] != "call" and all(map(is_open, tree[1:]))


def evaluate(
    tree: Tree,
    indices: Mapping[str, int],
    tensors: Mapping[str, Any],
    wrap: Callable[[Any], Any] = lambda array: array,
) -> Any:
    """Return the tree's value at every place.

    Parameters
    ----------
    tree : Tree
        A formula.
    indices : mapping of str to int
        The index letters of the result with their sizes, in the order of its axes.
    tensors : mapping of str to array or float
        What the references name. A Python float adapts to the dtype that it meets.
    wrap : callable, optional
        Applied to each array that is read: ``exact`` gives results with bounds.
    """
    axes = range(len(indices))
    grids = {
        letter: np.arange(size).reshape([-1 if axis == place else 1 for axis in axes])
        for place, (letter, size) in enumerate(indices.items())
    }
    return _value(tree, grids, tensors, wrap)


def _value(tree: Tree, places: dict[str, Any], tensors: Mapping[str, Any], wrap: Any) -> Any:
    if not isinstance(tree, list):
        return tree
    word, *parts = tree
    if word == "ref":
        name, letters = parts
        array = tensors[name]
        if isinstance(array, (int, float)):
            return array
        return wrap(np.asarray(array[tuple(places[letter] for letter in letters)]))
    if word == "const":
        return parts[1]
    if word in ("sum", "max"):
        letter, size, body = parts
        size = tensors[size] if isinstance(size, str) else size
        inner = {name: grid[..., None] for name, grid in places.items()}
        values = _value(body, inner | {letter: np.arange(size)}, tensors, wrap)
        return values.sum(axis=-1) if word == "sum" else values.max(axis=-1)
    if word == "where":
        (comparison, *sides), yes, no = parts
        compared = [_plain(_value(side, places, tensors, wrap)) for side in sides]
        truth = COMPARISONS[comparison](*compared)
        yes, no = (_value(side, places, tensors, wrap) for side in (yes, no))
        return np.where(truth, *_of_dtype(yes, no, compared[0].dtype))
    return OPERATIONS[word](*(_value(part, places, tensors, wrap) for part in parts))


def _plain(value: Any) -> Any:
    """What is compared are numbers of tensors, which are exact."""
    return getattr(value, "value", value)


def _of_dtype(yes: Any, no: Any, dtype: Any) -> tuple[Any, Any]:
    """Two Python numbers take the dtype of what was compared: NumPy would make them float64."""
    if isinstance(yes, (int, float)) and isinstance(no, (int, float)):
        return dtype.type(yes), dtype.type(no)
    return yes, no
