"""A Keras model as plain data: what its constructors take, without a line of Keras."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Style: TypeAlias = Literal["Sequential", "Functional"]

STAGES = ("forward", "loss", "gradient", "update")
"""What can be compared, in this order: where refnn lacks a thing, its stage and those after it fall
away. "loss" is the data loss, without the penalty."""


@dataclass(frozen=True)
class Described:
    """An object of Keras: its class or its function by name, and the arguments that matter."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class KerasLayer:
    """A layer of the chain.

    Attributes
    ----------
    kind : str
        Keras' class, for example "Dense".
    name : str
        The name that the model gives it, for example "dense_1".
    arguments : dict
        Of its constructor: plain values. A Dense has ``units``, ``use_bias``, ``activation`` (a
        ``Described``) and ``l2`` (Keras' λ, or None).
    path : str
        Where its weights stand in the file: "layers/dense_1".
    inputs, outputs : tuple of int
        Shape of one sample before and behind it.
    """

    kind: str
    name: str
    arguments: dict[str, Any]
    path: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of W and b (if there is one); none for a layer without weights."""
        if self.kind != "Dense":
            return []
        units = self.arguments["units"]
        both = [(self.inputs[-1], units), (units,)]
        return both if self.arguments["use_bias"] else both[:1]


@dataclass(frozen=True)
class Lack:
    """What refnn lacks, and the first stage that cannot be compared for it."""

    what: str
    stage: str


@dataclass(frozen=True)
class Description:
    """A Keras model.

    Attributes
    ----------
    style : "Sequential" or "Functional"
        How it was built.
    name : str
        Its own name.
    dtype : "float32" or "float64"
        Of its layers, all of them.
    input_dtype : str
        To which its input is cast first.
    shape : tuple of int
        Shape of one sample.
    layers : tuple of KerasLayer
        In the order of the chain, without the InputLayer.
    loss : Described or None
        "mean_squared_error", with ``from_logits`` where Keras has it; None if there is none, or
        refnn lacks it.
    optimizer : Described or None
        Keras' class, "Adam", with its hyper-parameters. ``learning_rate`` is a number or a
        ``Described`` schedule. The number is Keras' own: a variable of floatx, so float32 as a
        rule.
    lacks : tuple of Lack
        What refnn lacks.
    """

    style: Style
    name: str
    dtype: str
    input_dtype: str
    shape: tuple[int, ...]
    layers: tuple[KerasLayer, ...]
    loss: Described | None
    optimizer: Described | None
    lacks: tuple[Lack, ...] = ()

    @property
    def size(self) -> int:
        """The number of weights and biases."""
        return sum(math.prod(shape) for layer in self.layers for shape in layer.shapes())
