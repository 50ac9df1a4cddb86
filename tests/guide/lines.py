"""Which line of refnn is a formula of the guide: the label above a box links to it."""

from typing import Any

from refnn import activations, crossentropies, losses, optimizers, regularizers, schedules
from refnn.complexity import complexity
from refnn.datasets import preparation
from refnn.initializers import He
from refnn.layers import Activation, Dense, Dropout
from tftwin.microscope.sources import line

LINES: dict[str, tuple[Any, str]] = {
    "step": (optimizers.SGD.rule, "return w - lr * g"),
    "dense-forward": (Dense.forward, "z = x @"),
    "dense-weights": (Dense.parameter_gradients, "dW = x.T @ dy"),
    "dense-biases": (Dense.parameter_gradients, "return [dW, dy.sum"),
    "dense-inputs": (Dense.input_gradient, "return dy @"),
    "activation-chain": (Activation.input_gradient, "return self.function.backward"),
    "sigmoid": (activations.Sigmoid.forward, "return np.where"),
    "sigmoid-slope": (activations.Sigmoid.backward, "return dy"),
    "tanh": (activations.Tanh.forward, "return np.tanh"),
    "tanh-slope": (activations.Tanh.backward, "return dy"),
    "relu": (activations.Relu.forward, "return np.maximum"),
    "relu-slope": (activations.Relu.backward, "return dy"),
    "leaky-relu": (activations.LeakyRelu.forward, "return np.where"),
    "leaky-relu-slope": (activations.LeakyRelu.backward, "return np.where"),
    "elu": (activations.Elu.forward, "return np.where"),
    "elu-slope": (activations.Elu.backward, "return np.where"),
    "selu": (activations.Selu.forward, "return np.where"),
    "selu-slope": (activations.Selu.backward, "return np.where"),
    "softplus": (activations.Softplus.forward, "return np.maximum"),
    "softplus-slope": (activations.Softplus.backward, "return dy"),
    "softmax": (activations.Softmax.forward, "return e /"),
    "softmax-inputs": (activations.Softmax.backward, "return (dy"),
    "dropout": (Dropout.forward, "return x if"),
    "dropout-inputs": (Dropout.input_gradient, "return dy if"),
    "mse": (losses.MeanSquaredError.value_and_gradient, "return np.square"),
    "mse-gradient": (losses.MeanSquaredError.value_and_gradient, "return np.square"),
    "mae": (losses.MeanAbsoluteError.value_and_gradient, "return np.abs"),
    "mae-gradient": (losses.MeanAbsoluteError.value_and_gradient, "return np.abs"),
    "asymmetric": (losses.Asymmetric._elements, "y_pred > y_true"),
    "asymmetric-gradient": (losses.Asymmetric.gradient, "return np.where"),
    "crossentropy": (crossentropies.CategoricalCrossentropy.per_sample, "return -"),
    "crossentropy-gradient": (crossentropies.CategoricalCrossentropy.gradient, "return dq"),
    "softmax-crossentropy": (
        crossentropies.SoftmaxCrossentropy.value_and_gradient, "value = (y_true"),
    "softmax-crossentropy-gradient": (
        crossentropies.SoftmaxCrossentropy.value_and_gradient, "return value"),
    "binary-crossentropy": (crossentropies.BinaryCrossentropy.per_sample, "elements ="),
    "binary-crossentropy-gradient": (crossentropies.BinaryCrossentropy.gradient, "dc ="),
    "sigmoid-crossentropy": (crossentropies.SigmoidCrossentropy.per_sample, "elements ="),
    "sigmoid-crossentropy-gradient": (crossentropies.SigmoidCrossentropy.gradient, "return (1"),
    "l2": (regularizers.L2.value, "return self.rate"),
    "l2-gradient": (regularizers.L2.gradient, "return self.rate"),
    "mean": (preparation.standardize, "mean = np.where"),
    "deviation": (preparation.standardize, "deviation = np.where"),
    "standardized": (preparation.standardize, "scaled = ("),
    "he": (He.sample, "return math.sqrt"),
    "momentum": (optimizers.SGDM.rule, "m = self.beta"),
    "momentum-step": (optimizers.SGDM.rule, "return w"),
    "nesterov-step": (optimizers.Nesterov.rule, "return w"),
    "adagrad": (optimizers.Adagrad.rule, "v = v"),
    "adaptive-step": (optimizers.Adagrad.rule, "return w"),
    "rmsprop": (optimizers.RMSProp.rule, "v = self.beta"),
    "adam-m": (optimizers.Adam.rule, "m = self.beta_1"),
    "adam-v": (optimizers.Adam.rule, "v = self.beta_2"),
    "adam-m-hat": (optimizers.Adam.rule, "m_hat ="),
    "adam-v-hat": (optimizers.Adam.rule, "v_hat ="),
    "adam-step": (optimizers.Adam.rule, "return w"),
    "nadam-momentum": (optimizers.Nadam.momentum, "return self.beta_1"),
    "nadam-m-hat": (optimizers.Nadam.rule, "m_hat ="),
    "decay": (schedules.ExponentialDecay.__call__, "return self.initial"),
    "parameters": (complexity, "parameters="),
}  # fmt: skip


def label(name: str) -> str:
    """Return the label of a box: its id, as a link to the line of code."""
    function, text = LINES[name]
    found = line(function, text)
    path = found.file.removeprefix("refnn/")
    return f'<a id="{name}"></a><sub>[{name}]({path}#L{found.number})</sub>'
