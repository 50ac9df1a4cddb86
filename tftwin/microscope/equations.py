"""Which formulas of the guide (refnn/guide.md) a number is: the page and the guide share an id."""

from refnn import activations, losses, optimizers
from refnn.layers import Activation, Dense
from refnn.training import Model
from tftwin.microscope.tensors import Tensor

ACTIVATIONS: dict[type, str] = {
    activations.Sigmoid: "sigmoid",
    activations.Tanh: "tanh",
    activations.Relu: "relu",
    activations.LeakyRelu: "leaky-relu",
    activations.Elu: "elu",
    activations.Selu: "selu",
    activations.Softplus: "softplus",
    activations.Softmax: "softmax",
}
LOSSES: dict[type, str] = {
    losses.MeanSquaredError: "mse",
    losses.MeanAbsoluteError: "mae",
    losses.Asymmetric: "asymmetric",
    losses.CategoricalCrossentropy: "crossentropy",
    losses.SoftmaxCrossentropy: "softmax-crossentropy",
    losses.BinaryCrossentropy: "binary-crossentropy",
    losses.SigmoidCrossentropy: "sigmoid-crossentropy",
}
RULES: dict[type, dict[str, str]] = {
    optimizers.SGD: {"": "step"},
    optimizers.SGDM: {"m ": "momentum", "": "momentum-step"},
    optimizers.Nesterov: {"m ": "momentum", "": "nesterov-step"},
    optimizers.Adagrad: {"v ": "adagrad", "": "adaptive-step"},
    optimizers.RMSProp: {"v ": "rmsprop", "": "adaptive-step"},
    optimizers.Adam: {
        "m ": "adam-m", "v ": "adam-v", "mhat ": "adam-m-hat", "vhat ": "adam-v-hat",
        "": "adam-step",
    },
    optimizers.Nadam: {
        "m ": "adam-m", "v ": "adam-v", "mhat ": "nadam-m-hat", "vhat ": "adam-v-hat",
        "": "adam-step",
    },
}  # fmt: skip


def equations(model: Model, tensor: Tensor) -> list[str]:
    """Return the ids of the formulas in the guide; none for a number on the way, or of your own.

    A number has one, but for the gradient through an activation: the chain rule, and the local
    derivative in it.
    """
    found = _equation(model, tensor)
    if found != "activation-chain":
        return [found] if found else []
    behind = model.network.layers[tensor.layer or 0]
    return [found, f"{ACTIVATIONS[type(getattr(behind, 'function', None))]}-slope"]


def _equation(model: Model, tensor: Tensor) -> str:
    name = tensor.name
    if tensor.formula is None:
        return ""
    if tensor.kind == "gradient":
        return "dense-weights" if name.startswith("dW") else "dense-biases"
    if name.startswith("λ"):
        return "l2-gradient"
    if tensor.kind == "output":
        return _forward(model, tensor)
    if tensor.kind == "upstream":
        return _backward(model, tensor)
    if tensor.kind == "loss":
        named = {"data": LOSSES.get(type(model.loss), ""), "penalty": "l2", "p": "softmax"}
        if type(model.loss) is losses.SigmoidCrossentropy:
            named["p"] = "sigmoid"
        return named.get(name, "")
    prefix = name.rstrip("'").rstrip("0123456789").rstrip("Wb")
    return RULES.get(type(model.optimizer), {}).get(prefix, "")


def _forward(model: Model, tensor: Tensor) -> str:
    layer = model.network.layers[(tensor.layer or 0) - 1]
    if isinstance(layer, Dense):
        return "dense-forward"
    return ACTIVATIONS.get(type(layer.function), "") if isinstance(layer, Activation) else "dropout"


def _backward(model: Model, tensor: Tensor) -> str:
    """dy of a layer comes from the layer behind it; of the last one, from the loss."""
    number, layers = tensor.layer or 0, model.network.layers
    if not number:
        return ""
    if number == len(layers):
        loss = LOSSES.get(type(model.loss), "")
        return f"{loss}-gradient" if loss else ""
    behind = layers[number]
    if isinstance(behind, Dense):
        return "dense-inputs"
    if not isinstance(behind, Activation):
        return "dropout-inputs"
    if type(behind.function) is activations.Softmax:
        return "softmax-inputs"
    return "activation-chain" if type(behind.function) in ACTIVATIONS else ""
