"""Keras' side to refnn's: layers, loss, penalty, optimizer, slots; and each change in words."""

from dataclasses import replace

from refnn import activations, losses
from refnn.activations import Function
from refnn.layers import Activation, Dense, Dropout, Layer
from refnn.losses import Loss
from refnn.network import Network
from refnn.regularizers import L2
from refnn.state import State
from refnn.training import Model
from tftwin.keras_models.description import STAGES, Described, Description, KerasLayer, Lack
from tftwin.keras_models.inspection import Inspection, Place, Preparation
from tftwin.keras_models.rules import Mapped, rule_of
from tftwin.keras_models.state import KerasState

HIDDEN = ("softmax", "sigmoid")
"""Activations whose logits Keras' crossentropies find."""


def to_refnn(source: str, description: Description, keras_state: KerasState) -> Inspection:
    """Return a Keras model with all that it is in refnn."""
    description = with_rate(description, keras_state.rate)
    said: list[str] = []
    lacks = list(description.lacks)
    loss, hidden = _loss(description, keras_state, said, lacks)
    layers, places = _layers(description, hidden, said)
    network = Network(layers)
    loss = _checked(network, loss, lacks)
    regularizer = _regularizer(description, said, lacks)
    optimizer, slots = _optimizer(description, keras_state, said, lacks)
    first = min((STAGES.index(lack.stage) for lack in lacks), default=len(STAGES))
    return Inspection(
        source=source,
        description=description,
        keras_state=keras_state,
        network=network,
        loss=loss,
        optimizer=optimizer,
        regularizer=regularizer,
        state=State(keras_state.theta, slots, keras_state.iterations if optimizer else 0),
        preparation=Preparation(
            description.shape,
            network.outputs,
            description.loss is not None
            and description.loss.name == "sparse_categorical_crossentropy",
            description.dtype,
            description.input_dtype,
            tuple(
                (layer.arguments["scale"], layer.arguments["offset"])
                for layer in description.layers
                if layer.kind == "Rescaling"
            ),
        ),
        places=tuple(places),
        mappings=tuple(said),
        lacks=tuple(lack.what for lack in lacks),
        stages=STAGES[:first],
    )


def with_rate(description: Description, rate: float | None) -> Description:
    """Return the description with the learning rate that the optimizer has now."""
    if rate is None or description.optimizer is None:
        return description
    arguments = description.optimizer.arguments | {"learning_rate": rate}
    return replace(description, optimizer=replace(description.optimizer, arguments=arguments))


# Layers ------------------------------------------------------------------------------------------


def function_of(described: Described) -> Function:
    """Return refnn's activation for one of Keras."""
    name, arguments = described.name, described.arguments
    if name in ("leaky_relu", "LeakyReLU", "ReLU"):
        slope = arguments.get("negative_slope", 0.2)
        plain = name == "ReLU" and slope == 0
        return activations.Relu() if plain else activations.LeakyRelu(slope)
    if name == "ELU":
        return activations.Elu(arguments["alpha"])
    return SAME[name]


SAME: dict[str, Function] = {
    "linear": activations.Identity(),
    "relu": activations.Relu(),
    "sigmoid": activations.Sigmoid(),
    "tanh": activations.Tanh(),
    "softmax": activations.Softmax(),
    "Softmax": activations.Softmax(),
    "elu": activations.Elu(),
    "selu": activations.Selu(),
    "softplus": activations.Softplus(),
}
"""Activations without arguments, by Keras' names."""


def activation_of(layer: KerasLayer) -> Described | None:
    """Return the activation that a layer of Keras applies; None for a Flatten, say."""
    if layer.kind in ("Dense", "Activation"):
        activation: Described = layer.arguments["activation"]
        linear = layer.kind == "Dense" and activation.name == "linear"
        return None if linear else activation
    return Described(layer.kind, layer.arguments) if layer.kind in KINDS else None


KINDS = ("ELU", "LeakyReLU", "ReLU", "Softmax")
"""Layers that are an activation."""


def _layers(
    description: Description, hidden: int | None, said: list[str]
) -> tuple[list[Layer], list[Place]]:
    """Return refnn's layers, without those activations that the loss is fused with."""
    layers: list[Layer] = []
    places = []
    for number, layer in enumerate(description.layers):
        first = len(layers) + 1
        if layer.kind == "Dense":
            units, use_bias = layer.arguments["units"], layer.arguments["use_bias"]
            layers.append(Dense(layer.inputs[-1], units, use_bias))
        if layer.kind == "Dropout":
            layers.append(Dropout(layer.arguments["rate"]))
        activation = activation_of(layer)
        function = None
        if activation is not None:
            function = function_of(activation)
            if activation.name == "leaky_relu":
                said.append(f"{layer.name}: leaky_relu has the slope 0.2")
            if isinstance(function, activations.LeakyRelu) and description.dtype == "float64":
                said.append(
                    f"{layer.name}: Keras rounds the slope {function.alpha} to float32 "
                    "(leaky-slope-float32)"
                )
            if hidden is None or number < hidden:
                layers.append(Activation(function))
                function = None
        numbers = tuple(range(first, len(layers) + 1))
        places.append(Place(layer.name, numbers, function))
    return layers, places


# Loss --------------------------------------------------------------------------------------------


def _loss(
    description: Description, state: KerasState, said: list[str], lacks: list[Lack]
) -> tuple[Loss | None, int | None]:
    """Return refnn's loss, and the number of the Keras layer whose activation it is fused with."""
    if description.loss is None:
        return None, None
    name = description.loss.name
    if description.dtype != state.floatx:
        what = (
            f"a loss in {state.floatx} of layers in {description.dtype} (loss-casts): build the "
            f"model under keras.config.set_floatx({description.dtype!r})"
        )
        lacks.append(Lack(what, "loss"))
        return None, None
    if name in DISTANCES:
        return DISTANCES[name], None
    fits, fused, plain = CROSSENTROPIES[name]
    number, activation = hidden_logits(description)
    if activation is not None:
        said.append(
            f"{activation} + {name} is trained from hidden logits: {type(fused).__name__}, and "
            "the network ends before the activation (hidden-logits)"
        )
        if fits != activation:
            said.append(f"Keras takes the logits behind the {activation} for those of a {fits}")
    if name == "sparse_categorical_crossentropy":
        said.append("class numbers become one-hot rows")
    logits = activation is not None or description.loss.arguments["from_logits"]
    return fused if logits else plain, number


DISTANCES: dict[str, Loss] = {
    "mean_squared_error": losses.MeanSquaredError(),
    "mean_absolute_error": losses.MeanAbsoluteError(),
}
CLASSES = "softmax", losses.SoftmaxCrossentropy(), losses.CategoricalCrossentropy()
CROSSENTROPIES: dict[str, tuple[str, Loss, Loss]] = {
    "categorical_crossentropy": CLASSES,
    "sparse_categorical_crossentropy": CLASSES,
    "binary_crossentropy": (
        *("sigmoid", losses.SigmoidCrossentropy(), losses.BinaryCrossentropy()),
    ),
}
"""The activation that fits; refnn's losses from logits, and from probabilities."""


def hidden_logits(description: Description) -> tuple[int | None, str | None]:
    """Return the number and the name of a last softmax or sigmoid whose logits Keras finds.

    Behind it may stand linear activations, which return the same tensor, and nothing else.
    """
    for number in reversed(range(len(description.layers))):
        activation = activation_of(description.layers[number])
        if activation is None or activation.name.lower() not in (*HIDDEN, "linear"):
            break
        if activation.name != "linear":
            return number, activation.name.lower()
    return None, None


def _checked(network: Network, loss: Loss | None, lacks: list[Lack]) -> Loss | None:
    """Return the loss if refnn takes it behind this network."""
    if loss is not None:
        try:
            Model(network, loss)
        except ValueError as error:
            lacks.append(Lack(str(error), "loss"))
            return None
    return loss


def _regularizer(description: Description, said: list[str], lacks: list[Lack]) -> L2 | None:
    """Return L2 with twice Keras' λ, which must be the same in every Dense."""
    rates = {layer.name: layer.arguments["l2"] for layer in description.layers if layer.shapes()}
    if len(set(rates.values())) > 1:
        words = ", ".join(f"{name}: {rate}" for name, rate in rates.items())
        lacks.append(Lack(f"L2 of another λ in each Dense ({words})", "gradient"))
        return None
    rate = next(iter(rates.values()))
    if rate is None:
        return None
    said.append(f"Keras' L2({rate}) has no ½: refnn's λ is {2 * rate} (l2-half)")
    return L2(2 * rate)


# Optimizer ---------------------------------------------------------------------------------------


def _optimizer(
    description: Description, state: KerasState, said: list[str], lacks: list[Lack]
) -> Mapped:
    """Return refnn's rule of that name, with Keras' hyper-parameters as they were said."""
    described = description.optimizer
    if described is None:
        return Mapped(None, ())
    try:
        return rule_of(described, state, said)
    except ValueError as error:
        lacks.append(Lack(str(error), "update"))
        return Mapped(None, ())
