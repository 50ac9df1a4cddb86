"""Faults in tftwin, which lockstep sees too."""

from typing import Any

from tests.faults import checks
from tests.faults.planting import at


# fmt: off
def in_twin(name: str, part: str, stage: str) -> Any:
    return at(f"tftwin.{name}", checks.lockstep, part, stage)


FAULTS = [
    in_twin("activations:Relu.forward", "relu", "backward")(
        "twin: relu as maximum", "tf.nn.relu(x)", "tf.maximum(x, 0)",
        caught_by=(checks.dyadic, "relu"), note="card 35: derivative 1 at the tie",
    ),
    in_twin("activations:LeakyRelu.forward", "leaky relu", "forward")(
        "twin: tf.nn.leaky_relu", "tf.where(x > 0, x, self.alpha * x)",
        "tf.nn.leaky_relu(x, self.alpha)",
        note="card 32: 0.20000000298", caught_by=(checks.lockstep, "leaky relu"),
    ),
    in_twin("activations:Sigmoid.forward", "sigmoid", "forward")(
        "twin: hard sigmoid", "tf.sigmoid(x)", "tf.clip_by_value(x / 6 + 0.5, 0, 1)",
        note="Keras' hard_sigmoid",
    ),
    in_twin("activations:Softmax.forward", "softmax", "forward")(
        "twin: softmax over the batch", "tf.nn.softmax(x)", "tf.nn.softmax(x, axis=0)",
        note="wrong axis",
    ),
    in_twin("layers:Dense.forward", "square layers", "forward")(
        "twin: W transposed", "tf.matmul(x, part[0])", "tf.matmul(x, part[0], transpose_b=True)",
        note="silent in square layers",
    ),
    in_twin("layers:Dropout.forward", "dropout", "forward")(
        "twin: dropout not scaled", "x * part", "tf.where(part > 0, x, 0)",
        note="Srivastava et al. scale in evaluation",
    ),
    in_twin("training:differentiate", "dropout", "forward")(
        "twin: nothing dropped", "forward(theta, x, masks)", "forward(theta, x)",
        note="an argument not passed on",
    ),
    in_twin("losses:MeanSquaredError.value", "mean squared error", "loss")(
        "twin: squares, mean over the batch only", "tf.reduce_mean(tf.square(y_pred - y_true))",
        "tf.reduce_sum(tf.reduce_mean(tf.square(y_pred - y_true), axis=0))", note="card 21",
    ),
    in_twin("losses:SoftmaxCrossentropy.per_sample", "softmax crossentropy", "loss")(
        "twin: naive cross-entropy from logits",
        "tf.nn.softmax_cross_entropy_with_logits(labels=y_true, logits=logits)",
        "-tf.reduce_sum(y_true * tf.math.log(tf.nn.softmax(logits)), axis=-1)", note="card 30",
    ),
    in_twin("losses:CategoricalCrossentropy.per_sample", "categorical crossentropy", "loss")(
        "twin: crossentropy not renormalised",
        "y_pred / tf.reduce_sum(y_pred, axis=-1, keepdims=True)",
        "y_pred", note="card 23",
    ),
    in_twin("losses:Asymmetric._elements", "asymmetric", "loss")(
        "twin: cost and profit swapped", "self.cost * (y_pred - y_true)",
        "self.profit * (y_pred - y_true)", note="which one is which?",
    ),
    in_twin("regularizers:L2.value", "L2", "loss")(
        "twin: Keras' L2", "tf.nn.l2_loss(W)", "tf.reduce_sum(tf.square(W))", note="card 16",
    ),
    in_twin("training:differentiate", "L2", "loss")(
        "twin: L2 on biases", "model.network.weights(theta)",
        "variables", note="card 19",
    ),
    in_twin("training:differentiate", "L2", "loss")(
        "twin: L2 outside the loss", "loss = data_loss + penalty", "loss = data_loss",
        note="forgotten losses of a Keras layer",
    ),
    in_twin("trainer:Trainer._scalars", "Adam", "update")(
        "twin: t from 0", "rule.corrections(s + 1)", "rule.corrections(s)", note="card 5",
    ),
    in_twin("trainer:Trainer._scalars", "decay", "update")(
        "twin: rate of the next step", "rate_at(rule.learning_rate, s)",
        "rate_at(rule.learning_rate, s + 1)", note="card 39",
    ),
    in_twin("schedules:PerEpoch.__call__", "per epoch", "learning rate")(
        "twin: counts updates", "step // self.steps_per_epoch", "step", note="card 40",
    ),
    in_twin("optimizers:SGDM.rule", "SGDM", "slots")(
        "twin: (1 - beta) missing", "(1 - self.beta) * g", "g", note="card 7, Keras' SGD",
    ),
    in_twin("optimizers:Nesterov.rule", "Nesterov", "update")(
        "twin: nesterov as plain momentum", "lr * (self.beta * m + (1 - self.beta) * g)", "lr * m",
        note="nesterov=False",
    ),
    in_twin("optimizers:Nadam.momentum", "Nadam", "update")(
        "twin: nadam's exponent is t", "self.momentum_decay * t", "t", note="Keras 3",
    ),
    in_twin("optimizers:Adagrad.rule", "Adagrad", "update")(
        "twin: adagrad's epsilon inside the root", "(tf.sqrt(v) + self.epsilon)",
        "tf.sqrt(v + self.epsilon)", note="card 11, Keras",
    ),
    in_twin("optimizers:RMSProp.rule", "RMSProp", "update")(
        "twin: rmsprop's epsilon inside the root", "(tf.sqrt(v) + self.epsilon)",
        "tf.sqrt(v + self.epsilon)", note="card 12, Keras",
    ),
    in_twin("optimizers:Adam.rule", "Adam", "update")(
        "twin: epsilon hat", "(tf.sqrt(v_hat) + self.epsilon)",
        "(tf.sqrt(v_hat) + self.epsilon / tf.sqrt(v_correction))", note="card 1, Keras",
    ),
    in_twin("optimizers:Adam.corrections", "Adam", "update")(
        "twin: correction in float32", "1 - self.beta_2**t",
        "float(tf.constant(1.0) - tf.constant(self.beta_2) ** float(t))", note="card 4, Keras",
    ),
    in_twin("optimizers:update", "Adam", "rule update")(
        "twin: the rule alone with t from 0", "optimizer.corrections(t)",
        "optimizer.corrections(t - 1)", note="card 5",
    ),
    in_twin("lockstep.alone:OnTensorflow._layers", "square layers", "backward")(
        "twin: a layer alone is given another layer's dy", "outputs[:-1], output_gradients, strict",
        "outputs[:-1], output_gradients[::-1], strict", note="list read from the wrong end",
    ),
    in_twin("optimizers:Adam.rule", "Adam", "slots")(
        "twin: slots not kept", "m.assign(self.beta_1 * m + (1 - self.beta_1) * g)",
        "m = self.beta_1 * m + (1 - self.beta_1) * g", note="a tensor instead of the variable",
    ),
]
