"""A network is a function f_θ(x): layers with their shapes, and one flat vector θ.

``forward`` returns the list of layer outputs [x, y₁, …, yₙ]. This list is the tape: ``backward``
walks it from the end and needs nothing else but θ.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise, repeat
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from refnn import checks
from refnn.activations import Function
from refnn.initializers import He, Initializer, Zeros
from refnn.layers import LARGEST, Activation, Dense, Dropout, Layer
from refnn.typing import Array, Masks


class Parameter(NamedTuple):
    """One W or b: the number of its layer (from 1), its letter, its slice of θ, its shape."""

    layer: int
    letter: str
    place: slice
    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        """The letter and the layer's number, for example W1."""
        return f"{self.letter}{self.layer}"

    @property
    def is_weight(self) -> bool:
        """True for a W, which L2 prices; False for a b."""
        return self.letter == "W"

    def of(self, theta: Array) -> Array:
        """θ, or another vector (size,) → this parameter in its shape, a view."""
        return theta[self.place].reshape(self.shape)


@dataclass(frozen=True)
class Network:
    """Layers in a row, at least one Dense; each Dense fits the width of the Dense before it."""

    layers: Sequence[Layer]

    def __post_init__(self) -> None:
        layers = checks.items("layers", self.layers, "a sequence of layers")
        object.__setattr__(self, "layers", layers)
        for place, layer in enumerate(self.layers, 1):
            if not isinstance(layer, (Dense, Activation, Dropout)):
                raise TypeError(
                    f"layers: number {place} is {checks.short(layer)}; expected a Dense, "
                    "Activation or Dropout layer"
                )
        if not self._dense:
            raise ValueError(
                f"layers = {checks.short(self.layers)}; expected at least one Dense layer"
            )
        for one, following in pairwise(self._dense):
            if one.outputs != following.inputs:
                raise ValueError(
                    f"layers: {following} follows {one}; expected inputs={one.outputs}"
                )

    @cached_property
    def _dense(self) -> list[Dense]:
        return [layer for layer in self.layers if isinstance(layer, Dense)]

    @cached_property
    def inputs(self) -> int:
        """Width of x."""
        return self._dense[0].inputs

    @cached_property
    def outputs(self) -> int:
        """Width of the last layer's output."""
        return self._dense[-1].outputs

    @cached_property
    def dropouts(self) -> tuple[tuple[int, int, Dropout], ...]:
        """Each Dropout layer: its place in ``layers``, its width, and itself."""
        dropouts, width = [], self.inputs
        for place, layer in enumerate(self.layers):
            if isinstance(layer, Dense):
                width = layer.outputs
            elif isinstance(layer, Dropout):
                dropouts.append((place, width, layer))
        return tuple(dropouts)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """W and b of every Dense layer, in the order of θ."""
        parameters, start = [], 0
        for number, layer in enumerate(self.layers, 1):
            for letter, shape in layer.shapes().items():
                stop = start + math.prod(shape)
                parameters.append(Parameter(number, letter, slice(start, stop), shape))
                start = stop
        return tuple(parameters)

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Each layer's slice of θ."""
        sizes = [sum(map(math.prod, layer.shapes().values())) for layer in self.layers]
        return tuple(slice(a, b) for a, b in pairwise(accumulate(sizes, initial=0)))

    @cached_property
    def size(self) -> int:
        """Length of θ."""
        return int(self.slices[-1].stop)

    def initial_theta(
        self, rng: np.random.Generator, initializer: Initializer | None = None, dtype: Any = None
    ) -> Array:
        """Return a fresh θ (size,): weights from the initializer (He by default), biases 0.

        Weights are drawn in float64 and rounded once, so that float32 (the default) and float64
        start from the same numbers.
        """
        checks.generator(rng)
        initializer = He() if initializer is None else initializer
        checks.provides("initializer", initializer, "refnn.He()", "sample")
        dtype = checks.float_type(np.float32 if dtype is None else dtype)
        values = [
            (initializer if p.is_weight else Zeros()).sample(p.shape, rng).ravel()
            for p in self.parameters
        ]
        return np.concatenate(values).astype(dtype)

    def weights(self, theta: Array) -> list[Array]:
        """θ (size,) → each W (D_in, D_out), a view."""
        return [p.of(theta) for p in self.parameters if p.is_weight]

    def draw_masks(self, rng: np.random.Generator, rows: int, dtype: Any = None) -> Masks:
        """Draw a mask (rows, width) for each Dropout layer, in their order; float32 by default."""
        checks.generator(rng)
        rows = checks.count("rows", rows)
        if rows * max((width for _, width, _ in self.dropouts), default=0) > LARGEST:
            raise ValueError(f"rows = {checks.short(rows)}; expected a mask of at most {LARGEST}")
        dtype = checks.float_type(np.float32 if dtype is None else dtype)
        return tuple(layer.draw(rng, (rows, width), dtype) for _, width, layer in self.dropouts)

    @cached_property
    def _cut(self) -> Callable[[Array], Sequence[Any]]:
        """θ → each layer's slice of it; ``itemgetter`` is the fastest way."""
        if len(self.slices) == 1:
            return lambda theta: (theta,)
        return itemgetter(*self.slices)

    def parts(self, theta: Array, masks: Masks = ()) -> Sequence[Array | None]:
        """θ (size,) → what each layer is given besides x: its slice of θ, or its mask.

        Without ``masks``, in evaluation, each Dropout layer is given None.
        """
        if not self.dropouts:
            return self._cut(theta)
        parts = list(self._cut(theta))
        for (place, _, _), mask in zip(self.dropouts, masks or repeat(None), strict=False):
            parts[place] = mask
        return parts

    def forward(self, theta: Array, x: Array, masks: Masks = ()) -> list[Array]:
        """θ (size,), x (N, inputs) → [x, y₁, …, yₙ]: x and each layer's output (N, width)."""
        outputs = [x]
        for layer, part in zip(self.layers, self.parts(theta, masks), strict=True):
            outputs.append(layer.forward(part, outputs[-1]))
        return outputs

    def backward(
        self, theta: Array, outputs: list[Array], dy: Array, masks: Masks = ()
    ) -> tuple[list[Array], list[Array]]:
        """Walk the tape from its end, with dy = ∂loss/∂yₙ (N, outputs).

        θ, ``outputs`` and ``masks`` are those of ``forward``. Return two lists: ∂loss/∂y₁, …,
        ∂loss/∂yₙ in the shapes of y₁, …, yₙ; and ∂loss/∂W, ∂loss/∂b of every layer, in the order
        and the shapes of ``parameters``.
        """
        output_gradients: list[Array] = [dy]
        gradients: list[Array] = []
        parts = self.parts(theta, masks) if len(self.layers) > 1 else ()
        for i in reversed(range(len(self.layers))):
            layer, x, y, dy = self.layers[i], outputs[i], outputs[i + 1], output_gradients[0]
            gradients = layer.parameter_gradients(x, dy) + gradients
            if i > 0:  # nobody needs ∂loss/∂x
                dx = layer.input_gradient(parts[i], x, y, dy)
                output_gradients.insert(0, dx)
        return output_gradients, gradients


def multilayer(
    sizes: Sequence[int],
    hidden: Function,
    output: Function | None = None,
    use_bias: bool = True,
) -> Network:
    """Return a dense network: ``multilayer([4, 16, 3], Tanh())`` is 4 → 16 → tanh → 3.

    ``sizes`` are the widths of the input, of each hidden layer, and of the output. ``hidden`` acts
    after each hidden layer, ``output`` after the last one (None: nothing). ``use_bias`` gives each
    layer a b.
    """
    if not isinstance(sizes, Sequence) or len(sizes) < 2:
        raise ValueError(
            f"sizes = {checks.short(sizes)}; expected at least an input and an output width"
        )
    layers: list[Layer] = []
    for inputs, outputs in pairwise(sizes):
        layers += [Dense(inputs, outputs, use_bias), Activation(hidden)]
    layers.pop()
    return Network(layers if output is None else [*layers, Activation(output)])
