"""Sixty faults designed from the conventions alone, without a look at the catalogue.

For each convention: what a person gets wrong who has read another book. Most stand in refnn, some
in tftwin. Where lockstep must say "agreed", ``unseen`` says why. ``python -m
tests.faults.from_conventions`` prints the table of tests/README.md.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnn.activations import LeakyRelu, Relu, Sigmoid, Softmax, Tanh
from refnn.losses import Asymmetric, CategoricalCrossentropy, MeanSquaredError, SoftmaxCrossentropy
from refnn.network import multilayer
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, RMSProp
from refnn.regularizers import L2
from refnn.schedules import ExponentialDecay
from refnn.training import Model, predict
from tests.faults.planting import BOTH, F32, Plant
from tests.strategies import Case, middle_of_a_run, targets

ORDER = "another order of the same operations: one rounding, which every bound allows"
EQUAL = "the same numbers in this dtype"
TANH, CROSSENTROPY, SQUARES = Tanh(), SoftmaxCrossentropy(), MeanSquaredError()
SHOP, FROM_PROBABILITIES = Asymmetric(1, 9), CategoricalCrossentropy()
ADAM = Adam(ExponentialDecay(0.01, 0.9, 10))


@dataclass(frozen=True)
class Designed:
    """A fault, and where it must be seen: the dtypes, and ``unseen``, why not in the others.

    ``data`` is "ordinary", "kinks" (a grid of k/8, and predictions that hit their targets) or
    "wide" (inputs and the last W a thousand times as large).
    """

    convention: str
    name: str
    target: str
    old: str
    new: str
    dtypes: tuple[str, ...] = BOTH
    unseen: str = ""
    function: Any = TANH
    output: Any = None
    loss: Any = CROSSENTROPY
    optimizer: Any = ADAM
    data: str = "ordinary"
    plants: tuple[Plant, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "plants", (Plant(self.target, self.old, self.new),))


def case(fault: Designed, dtype: Any) -> Case:
    """Return a network with two hidden layers, in the middle of a run, for this fault."""
    rng = np.random.default_rng(60)
    network = multilayer([6, 16, 16, 3], fault.function, fault.output)
    model = Model(network, fault.loss, fault.optimizer, L2(1e-3))
    theta = network.initial_theta(rng, dtype=dtype)
    theta = theta + (0.05 * rng.standard_normal(theta.shape)).astype(dtype)
    x = rng.standard_normal((33, 6)).astype(dtype)
    y = targets(rng, fault.loss, 33, 3, 1.0, False).astype(dtype)
    state = middle_of_a_run(rng, fault.optimizer, theta, 5)
    if fault.data == "wide":
        x, last = x * dtype(1000), network.parameters[-2]
        last.of(theta)[...] *= 1000
    elif fault.data == "kinks":
        theta = (rng.integers(-4, 5, theta.shape) / 8).astype(dtype)
        x = (rng.integers(-4, 5, x.shape) / 8).astype(dtype)
        if not getattr(fault.loss, "takes_distributions", False):
            y[::2] = predict(model, theta, x)[::2]
    return Case(model, state._replace(theta=theta), [(x, y)])


def of(convention: str, target: str, **shared: Any) -> Any:
    """Return what makes faults of one convention in one function."""

    def fault(name: str, old: str, new: str, **other: Any) -> Designed:
        return Designed(convention, name, target, old, new, **shared | other)

    return fault


dense = of("arrays", "refnn.layers:Dense.forward")
dense_back = of("arrays", "refnn.layers:Dense.parameter_gradients")
dense_dx = of("arrays", "refnn.layers:Dense.input_gradient")
tf_dense = of("dtype", "tftwin.layers:Dense.forward")
walk = of("arrays", "refnn.network:Network.forward")
sigmoid_back = of("chain", "refnn.activations:Sigmoid.backward", function=Sigmoid())
tanh_back = of("chain", "refnn.activations:Tanh.backward")
tf_tanh = of("dtype", "tftwin.activations:Tanh.forward")
relu = of("relu'(0)", "refnn.activations:Relu.forward", function=Relu())
relu_back = of("relu'(0)", "refnn.activations:Relu.backward", function=Relu(), data="kinks")
leaky = of("leaky relu's slope", "refnn.activations:LeakyRelu.forward", function=LeakyRelu())
leaky_back = of("relu'(0)", "refnn.activations:LeakyRelu.backward", function=LeakyRelu(),
                data="kinks")  # fmt: skip
tf_leaky = of("leaky relu's slope", "tftwin.activations:LeakyRelu.forward", function=LeakyRelu())
sigmoid = of("sigmoid", "refnn.activations:Sigmoid.forward", function=Sigmoid())
softmax = of("softmax", "refnn.activations:Softmax.forward", output=Softmax(), loss=SQUARES)
softmax_back = of("softmax", "refnn.activations:Softmax.backward", output=Softmax(), loss=SQUARES)
mse = of("mean squared error", "refnn.losses:MeanSquaredError.value_and_gradient", loss=SQUARES)
tf_mse = of("mean squared error", "tftwin.losses:MeanSquaredError.value", loss=SQUARES)
shop = of("asymmetric", "refnn.losses:Asymmetric._elements", loss=SHOP)
shop_value = of("asymmetric", "refnn.losses:Asymmetric.value", loss=SHOP)
shop_back = of("asymmetric", "refnn.losses:Asymmetric.gradient", loss=SHOP)
probable = of("crossentropy", "refnn.losses:CategoricalCrossentropy.per_sample",
              loss=FROM_PROBABILITIES, output=Sigmoid())  # fmt: skip
probable_back = of("crossentropy", "refnn.losses:CategoricalCrossentropy.gradient",
                   loss=FROM_PROBABILITIES, output=Sigmoid())  # fmt: skip
logits = of("logits", "refnn.losses:SoftmaxCrossentropy.value_and_gradient")
tf_logits = of("logits", "tftwin.losses:SoftmaxCrossentropy.value")
l2 = of("L2", "refnn.regularizers:L2.value")
l2_back = of("L2", "refnn.regularizers:L2.gradient")
whole = of("L2", "refnn.training:backpropagate")
tf_l2 = of("L2", "tftwin.regularizers:L2.value")
decay = of("decay", "refnn.schedules:ExponentialDecay.__call__")
sgd = of("SGD", "refnn.optimizers:SGD.rule", optimizer=SGD(0.1))
sgdm = of("momentum", "refnn.optimizers:SGDM.rule", optimizer=SGDM(0.1))
tf_sgdm = of("momentum", "tftwin.optimizers:SGDM.rule", optimizer=SGDM(0.1))
adagrad = of("Adagrad", "refnn.optimizers:Adagrad.rule", optimizer=Adagrad(0.1))
rmsprop = of("RMSProp", "refnn.optimizers:RMSProp.rule", optimizer=RMSProp(0.1))
adam = of("Adam", "refnn.optimizers:Adam.rule")
tf_adam = of("Adam", "tftwin.optimizers:Adam.corrections")
update = of("update", "refnn.optimizers:update")

FAULTS = [
    dense("W's rows in another order", "@ self.weight(part)", "@ self.weight(part)[::-1]"),
    dense("b counted twice", "+ self.bias(part)", "+ 2 * self.bias(part)"),
    dense_back("dW a mean over the batch", "x.T @ dy", "x.T @ dy / len(x)"),
    dense_back("db a mean over the batch", "dy.sum(axis=0)", "dy.mean(axis=0)"),
    dense_dx("dx off by 2⁻²²", ".T", ".T * (1 + 2**-22)"),
    dense_dx("dx through W upside down", ".T", "[::-1].T"),
    walk("each layer is given x + 2⁻²² x", "layer.forward(part, outputs[-1])",
         "layer.forward(part, outputs[-1] * (1 + 2**-22))"),
    sigmoid_back("(dy y)(1 − y)", "dy * (y * (1 - y))", "(dy * y) * (1 - y)",
                 dtypes=(), unseen=ORDER),
    sigmoid_back("σ' from x", "y * (1 - y)", "x * (1 - x)"),
    tanh_back("(1 − y)(1 + y)", "1 - y * y", "(1 - y) * (1 + y)"),
    tanh_back("tanh' from x", "y * y", "x * x"),
    tf_tanh("tanh in float32", "tf.tanh(x)", "tf.cast(tf.tanh(tf.cast(x, tf.float32)), x.dtype)"),
    tf_dense("b added in float32", "z + part[1]",
             "tf.cast(tf.cast(z, tf.float32) + tf.cast(part[1], tf.float32), z.dtype)"),
    relu_back("1 at 0", "x > 0", "x >= 0"),
    relu_back("1 where y > x", "x > 0", "y > x"),
    leaky_back("1 at 0, leaky", "x > 0", "x >= 0"),
    relu("clipped at 6", "np.maximum(x, 0)", "np.clip(x, 0.0, 6.0)", data="wide"),
    leaky("slope 0.3", "self.alpha", "0.3"),
    leaky("slope in float32", "self.alpha", "float(np.float32(self.alpha))"),
    tf_leaky("TensorFlow's own kernel", "tf.where(x > 0, x, self.alpha * x)",
             "tf.nn.leaky_relu(x, self.alpha)"),
    sigmoid("through tanh", "np.where(x >= 0, 1, e) / (1 + e)", "0.5 * (1 + np.tanh(0.5 * x))",
            data="wide"),
    sigmoid("1 / (1 + e⁻ˣ)", "np.where(x >= 0, 1, e) / (1 + e)", "1 / (1 + np.exp(-x))",
            data="wide"),
    softmax("not shifted", "x - x.max(axis=-1, keepdims=True)", "x", data="wide"),
    softmax("shifted by the mean", "x.max(", "x.mean(", data="wide"),
    softmax("a sum over the batch", "e / e.sum(axis=-1, keepdims=True)",
            "e / e.sum(axis=0, keepdims=True)"),
    softmax_back("Σ over the batch", "axis=-1", "axis=0"),
    softmax_back("Σ dy without y", "(dy * y).sum", "dy.sum"),
    mse("value a mean over the batch", ".sum() / d.size", ".sum() / len(d)"),
    mse("gradient a mean over the batch", "(1 / d.size)", "(1 / len(d))"),
    mse("gradient without its 2", "(2 * d)", "d"),
    tf_mse("half of it", "tf.square(y_pred - y_true))", "tf.square(y_pred - y_true)) / 2"),
    shop("profit is cost", "self.profit", "self.cost"),
    shop_value("a mean", ".sum()", ".mean()"),
    shop_back("a tie counts as too many", "y_pred > y_true", "y_pred >= y_true", data="kinks"),
    shop_back("the sign of profit", "-self.profit", "self.profit"),
    probable("not renormalised", "y_pred / y_pred.sum(axis=-1, keepdims=True)", "y_pred"),
    probable("clipped at 1e-15", "CLIP, 1 - CLIP", "1e-15, 1.0", data="wide", output=Softmax()),
    probable_back("not through the renormalisation",
                  " + (dq * (-q / s)).sum(axis=-1, keepdims=True)", ""),
    probable_back("not 0 where clipped", "np.where((q >= CLIP) & (q <= 1 - CLIP), dc, 0)", "dc",
                  data="wide", output=Softmax()),
    logits("ε in the logarithm", "np.log(s)", "np.log(s + 1e-7)"),
    logits("gradient a sum", "(1 / len(z)) * (e / s - y_true)", "(e / s - y_true)"),
    logits("labels smoothed", "e / s - y_true", "e / s - 0.99 * y_true"),
    tf_logits("value a sum over the batch", "reduce_mean", "reduce_sum"),
    l2("without its ½", ".sum() / 2", ".sum()"),
    l2_back("twice the gradient", "self.rate * W", "2 * self.rate * W"),
    whole("biases too", "if p.is_weight else g", "if p.layer else g"),
    whole("divided by the batch", "regularizer.value(network.weights(theta))",
          "regularizer.value(network.weights(theta)) / len(x)"),
    tf_l2("Keras', without its ½", "tf.nn.l2_loss(W)", "tf.reduce_sum(tf.square(W))"),
    decay("whole steps", "else step / self.decay_steps", "else step // self.decay_steps"),
    decay("the staircase rounded up", "step // self.decay_steps if",
          "-(-step // self.decay_steps) if",
          optimizer=Adam(ExponentialDecay(0.01, 0.9, 10, staircase=True))),
    sgd("weights decay by 1e-6", "lr * g", "lr * (g + 1e-6 * w)"),
    sgdm("Keras', without 1 − β", "(1 - self.beta) * g", "g"),
    tf_sgdm("β and 1 − β swapped", "self.beta * m + (1 - self.beta) * g",
            "(1 - self.beta) * m + self.beta * g"),
    adagrad("ε inside the root", "np.sqrt(v) + self.epsilon", "np.sqrt(v + self.epsilon)"),
    rmsprop("ε inside the root, RMSProp", "np.sqrt(v) + self.epsilon", "np.sqrt(v + self.epsilon)"),
    adam("m not corrected", "m / (1 - self.beta_1**t)", "m"),
    adam("ε beside the uncorrected root", "self.epsilon)",
         "self.epsilon / (1 - self.beta_2**t) ** 0.5)"),
    adam("1 − β₁ in the arrays' dtype", "(1 - self.beta_1) * g",
         "float(g.dtype.type(1) - g.dtype.type(self.beta_1)) * g", dtypes=F32, unseen=EQUAL),
    tf_adam("t from 0", "self.beta_2**t", "self.beta_2 ** (t - 1)"),
    update("the count goes up by two", "slots, t, learning_rate), t)",
           "slots, t, learning_rate), t + 1)"),
]  # fmt: skip


def rows() -> list[str]:
    """Return the table: a row for each fault, what was seen of it in each dtype."""
    lines = ["| convention | fault | in | float32 | float64 |", "|---|---|---|---|---|"]
    for fault in FAULTS:
        seen = ["seen" if name in fault.dtypes else fault.unseen for name in ("float32", "float64")]
        side = fault.target.split(".")[0]
        lines.append(f"| {fault.convention} | {fault.name} | {side} | {seen[0]} | {seen[1]} |")
    return lines


if __name__ == "__main__":
    print("\n".join(rows()))
