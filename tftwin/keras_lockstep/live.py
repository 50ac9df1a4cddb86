"""A live Keras model makes one step: its own layers, its own compiled loss, its own optimizer.

Nothing is computed again here. While the model is called, each layer's output is noted, and what
goes into the activation of a Dense layer. One tape over the whole step gives all derivatives.
Keras computes eagerly, as with ``run_eagerly=True``; a compiled ``fit`` may have other last bits.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from refnn.typing import Array
from tftwin.keras_models.building import floatx
from tftwin.keras_models.library import keras, tf

OUT, INNER = "out", "inner"
"""A layer's output, and what its activation is given."""
SLOTS = {
    "Adam": ("_momentums", "_velocities"),
    "Nadam": ("_momentums", "_velocities"),
    "SGD": ("momentums",),
    "RMSprop": ("_velocities",),
    "Adagrad": ("_accumulators",),
}
"""Where Keras' optimizers keep their slots."""


@dataclass(frozen=True)
class Computed:
    """What Keras computed in one step.

    Attributes
    ----------
    tensors : dict
        By layer and ``OUT`` or ``INNER``.
    derivatives : dict
        ∂loss/∂ each of them; None where the loss did not come from it.
    data_loss, penalty, loss : Array
        The compiled loss, the sum of the regularization losses, and what is minimised.
    gradients : list of Array or None
        ∂loss/∂ each of the variables.
    masks : dict
        By Dropout layer that draws: 0 where a number was dropped, else the factor.
    """

    tensors: dict[tuple[str, str], Array]
    derivatives: dict[tuple[str, str], Array | None]
    data_loss: Array
    penalty: Array
    loss: Array
    gradients: list[Array | None]
    masks: dict[str, Array]


def variables_of(model: Any) -> list[Any]:
    """Return every variable that a step may change: weights, seeds, slots, the step count."""
    seeds = [layer.seed_generator.state for layer in _drawing(model)]
    found = [*model.variables, *seeds]
    if getattr(model, "optimizer", None) is not None:
        found += [*model.metrics_variables, *model.optimizer.variables]
    return list({id(variable): variable for variable in found}.values())


@contextmanager
def unchanged(model: Any, dtype: str) -> Iterator[None]:
    """Compute under this floatx, and put every variable of a model back behind the block.

    Keras makes a loss that was compiled by name when it is first asked, in the floatx of then.
    """
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and not optimizer.built:
        optimizer.build(model.trainable_variables)
    before = [(variable, numbers_of(variable)) for variable in variables_of(model)]
    try:
        with floatx(dtype):
            yield
    finally:
        for variable, value in before:
            variable.assign(value)


def seed(model: Any) -> None:
    """Let each Dropout of a model that was made from a file draw the same masks in every run."""
    for number, layer in enumerate(_drawing(model)):
        layer.seed_generator.state.assign([number, 0])


def forward(model: Any, x: Array) -> dict[tuple[str, str], Array]:
    """Return what the layers compute, in evaluation: no Dropout drops anything."""
    with _noted(model) as tensors:
        model(tf.convert_to_tensor(x), training=False)
    return {key: tensor.numpy() for key, tensor in tensors.items()}


def compute(model: Any, x: Array, y: Array, variables: Sequence[Any]) -> Computed:
    """Return what the model computes from a batch, in training; nothing is updated but seeds."""
    seeds = {layer.name: numbers_of(layer.seed_generator.state) for layer in _drawing(model)}
    weights = [variable.value for variable in variables]
    with tf.GradientTape() as tape:
        with _noted(model) as tensors:
            y_pred = model(tf.convert_to_tensor(x), training=True)
        loss = model.compute_loss(x, y, y_pred)
    asked = dict(tensors)
    found = tape.gradient(loss, [asked, weights])
    data_loss = model._compile_loss(y, y_pred)  # what compute_loss adds to the penalties
    penalty = tf.add_n(model.losses) if model.losses else tf.zeros_like(loss)
    numbers: Any = tf.nest.map_structure(
        lambda tensor: None if tensor is None else tf.convert_to_tensor(tensor).numpy(),
        [asked, found, data_loss, penalty, loss],
    )
    outputs, (derivatives, gradients), data_loss, penalty, loss = numbers
    masks = {
        layer.name: _mask(layer, seeds[layer.name], outputs[layer.name, OUT])
        for layer in _drawing(model)
    }
    return Computed(outputs, derivatives, data_loss, penalty, loss, gradients, masks)


@contextmanager
def _noted(model: Any) -> Iterator[dict[tuple[str, str], Any]]:
    """Note each layer's output, and what a Dense gives to its activation, while the block runs."""
    tensors: dict[tuple[str, str], Any] = {}
    kept: list[tuple[dict[str, Any], str, Any]] = []

    def watch(layer: Any, method: str, key: tuple[str, str], note_input: bool) -> None:
        own, function = vars(layer), getattr(layer, method)

        def noting(tensor: Any, *args: Any, **options: Any) -> Any:
            result = function(tensor, *args, **options)
            tensors[key] = tensor if note_input else result
            return result

        kept.append((own, method, own.get(method, _MISSING)))
        own[method] = noting  # past Keras' __setattr__, which would track it as state

    for layer in model.layers:
        watch(layer, "call", (layer.name, OUT), False)
        if isinstance(layer, keras.layers.Dense):
            watch(layer, "activation", (layer.name, INNER), True)
    try:
        yield tensors
    finally:
        for own, method, function in reversed(kept):
            if function is _MISSING:
                del own[method]
            else:
                own[method] = function


_MISSING = object()


def _drawing(model: Any) -> list[Any]:
    """Return the layers that draw a mask."""
    kind = keras.layers.Dropout
    return [layer for layer in model.layers if isinstance(layer, kind) and layer.rate > 0]


def _mask(layer: Any, seed: Array, output: Array) -> Array:
    """Return the mask that a Dropout has just drawn: it draws again, from its seed, on ones."""
    state = layer.seed_generator.state
    after = numbers_of(state)
    state.assign(seed)
    mask: Array = layer(tf.ones_like(output), training=True).numpy()
    state.assign(after)
    return mask


def numbers_of(variable: Any) -> Array:
    """Return a variable of Keras as an array."""
    numbers: Array = variable.value.numpy()
    return numbers


def rate_of(optimizer: Any) -> float:
    """Return the learning rate of the next update, as Keras has it."""
    return float(optimizer.learning_rate)


def rate_dtype_of(optimizer: Any) -> str:
    """Return the dtype of the learning rate: floatx, or float32 of a schedule of Python numbers."""
    dtype = optimizer.learning_rate.dtype
    return str(getattr(dtype, "name", dtype))


def slots_of(optimizer: Any, variables: Sequence[Any]) -> tuple[list[Array], ...]:
    """Return each slot of Keras' optimizer, an array for each of these variables."""
    places = [optimizer._get_variable_index(variable) for variable in variables]
    lists = [getattr(optimizer, name) for name in SLOTS[type(optimizer).__name__]]
    return tuple([numbers_of(slot[i]) for i in places] for slot in lists if slot)
