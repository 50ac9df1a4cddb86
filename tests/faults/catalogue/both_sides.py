"""Faults in refnn and in tftwin alike: lockstep cannot see them, another witness must.

Two of them it sees after all: their rounding errors do not fit the definition's bound.
"""

from tests.faults import checks
from tests.faults.catalogue.losses import SQUARES
from tests.faults.catalogue.optimizers import ADAM_ROOT, LOOK_AHEAD, RMSPROP_V, ROOT
from tests.faults.planting import F64, NINE_DECIMALS, NO_DTYPE, Plant, both_sides

# fmt: off
R, T = "refnn.", "tftwin."
FAULTS = [
    both_sides(
        "both: adam's t one ahead",
        Plant(R + "optimizers:Adam.rule", "self.beta_1**t", "self.beta_1 ** (t + 1)"),
        Plant(R + "optimizers:Adam.rule", "self.beta_2**t", "self.beta_2 ** (t + 1)"),
        Plant(T + "optimizers:Adam.corrections", "self.beta_1**t", "self.beta_1 ** (t + 1)"),
        Plant(T + "optimizers:Adam.corrections", "self.beta_2**t", "self.beta_2 ** (t + 1)"),
        part="Adam", caught_by=(checks.kernels, "Adam"), stage="update",
    ),
    both_sides(
        "both: adam's epsilon inside the root",
        Plant(R + "optimizers:Adam.rule", ADAM_ROOT, "np.sqrt(v_hat + self.epsilon)"),
        Plant(T + "optimizers:Adam.rule", "(tf.sqrt(v_hat) + self.epsilon)",
              "tf.sqrt(v_hat + self.epsilon)"),
        part="Adam", caught_by=(checks.kernels, "Adam"), stage="update",
    ),
    both_sides(
        "both: rmsprop's epsilon inside the root",
        Plant(R + "optimizers:RMSProp.rule", ROOT, "np.sqrt(v + self.epsilon)"),
        Plant(T + "optimizers:RMSProp.rule", "(tf.sqrt(v) + self.epsilon)",
              "tf.sqrt(v + self.epsilon)"),
        part="RMSProp", caught_by=(checks.by_hand_rules, "RMSProp"), stage="update",
    ),
    both_sides(
        "both: rmsprop's beta swapped",
        Plant(R + "optimizers:RMSProp.rule", RMSPROP_V,
              "(1 - self.beta) * v + self.beta * np.square(g)"),
        Plant(T + "optimizers:RMSProp.rule", "self.beta * v + (1 - self.beta) * tf.square(g)",
              "(1 - self.beta) * v + self.beta * tf.square(g)"),
        part="RMSProp", caught_by=(checks.kernels, "RMSProp"), stage="slots",
    ),
    both_sides(
        "both: momentum without (1 - beta)",
        Plant(R + "optimizers:SGDM.rule", "(1 - self.beta) * g", "g"),
        Plant(T + "optimizers:SGDM.rule", "(1 - self.beta) * g", "g"),
        part="SGDM", caught_by=(checks.kernels, "SGDM"), stage="slots",
    ),
    both_sides(
        "both: nesterov looks back",
        Plant(R + "optimizers:Nesterov.rule", LOOK_AHEAD,
              "(self.beta * slots[0] + (1 - self.beta) * g)"),
        Plant(T + "optimizers:Nesterov.rule", "(m,) = slots", "(m,) = slots; before = m + 0.0"),
        Plant(T + "optimizers:Nesterov.rule", "lr * (self.beta * m", "lr * (self.beta * before"),
        part="Nesterov", caught_by=(checks.kernels, "Nesterov"), stage="update",
    ),
    both_sides(
        "both: nadam's exponent is t",
        Plant(R + "optimizers:Nadam.momentum", "self.momentum_decay * t", "t"),
        Plant(T + "optimizers:Nadam.momentum", "self.momentum_decay * t", "t"),
        part="Nadam", caught_by=(checks.by_hand_rules, "Nadam"), stage="momentum",
    ),
    both_sides(
        "both: nadam decays by 0.95",
        Plant(R + "optimizers:Nadam.momentum", "0.96 **", "0.95 **"),
        Plant(T + "optimizers:Nadam.momentum", "0.96 **", "0.95 **"),
        part="Nadam", caught_by=(checks.by_hand_rules, "Nadam"), stage="momentum",
    ),
    both_sides(
        "both: adagrad's root missing",
        Plant(R + "optimizers:Adagrad.rule", "np.sqrt(v)", "v"),
        Plant(T + "optimizers:Adagrad.rule", "tf.sqrt(v)", "v"),
        part="Adagrad", caught_by=(checks.kernels, "Adagrad"), stage="update",
    ),
    both_sides(
        "both: decay one step ahead",
        Plant(R + "schedules:ExponentialDecay.__call__", "step / self.decay_steps",
              "(step + 1) / self.decay_steps"),
        Plant(T + "schedules:ExponentialDecay.__call__", "step / self.decay_steps",
              "(step + 1) / self.decay_steps"),
        part="decay", caught_by=(checks.schedules, ""), stage="decay",
        dtypes=F64, why=NO_DTYPE,
    ),
    both_sides(
        "both: squares halved, value and gradient",
        Plant(R + "losses:MeanSquaredError.value_and_gradient", SQUARES, f"{SQUARES} / 2"),
        Plant(R + "losses:MeanSquaredError.value_and_gradient", "(2 * d)", "d"),
        Plant(T + "losses:MeanSquaredError.value", "tf.reduce_mean(tf.square(y_pred - y_true))",
              "tf.reduce_mean(tf.square(y_pred - y_true)) / 2"),
        part="mean squared error", caught_by=(checks.mazur, ""), stage="loss",
        dtypes=F64, why=NINE_DECIMALS,
    ),
    both_sides(
        "both: L2 without the half, value and gradient",
        Plant(R + "regularizers:L2.value", "np.square(W).sum() / 2", "np.square(W).sum()"),
        Plant(R + "regularizers:L2.gradient", "self.rate * W", "2 * self.rate * W"),
        Plant(T + "regularizers:L2.value", "tf.nn.l2_loss(W)", "tf.reduce_sum(tf.square(W))"),
        part="L2", caught_by=(checks.by_hand, "L2"), stage="value",
    ),
    both_sides(
        "both: crossentropy not renormalised, value and gradient",
        Plant(R + "losses:CategoricalCrossentropy.per_sample",
              "y_pred / y_pred.sum(axis=-1, keepdims=True)", "y_pred"),
        Plant(R + "losses:CategoricalCrossentropy.gradient", "q = y_pred / s", "q = y_pred"),
        Plant(R + "losses:CategoricalCrossentropy.gradient",
              "dq / s + (dq * (-q / s)).sum(axis=-1, keepdims=True)", "dq"),
        Plant(T + "losses:CategoricalCrossentropy.per_sample",
              "y_pred / tf.reduce_sum(y_pred, axis=-1, keepdims=True)", "y_pred"),
        part="categorical crossentropy", caught_by=(checks.keras, "categorical crossentropy"),
        stage="loss",
    ),
    both_sides(
        "both: cost and profit swapped",
        Plant(R + "losses:Asymmetric._elements",
              "self.cost * (y_pred - y_true), self.profit * (y_true - y_pred)",
              "self.profit * (y_pred - y_true), self.cost * (y_true - y_pred)"),
        Plant(R + "losses:Asymmetric.gradient", "np.full_like(y_pred, self.cost), -self.profit",
              "np.full_like(y_pred, self.profit), -self.cost"),
        Plant(T + "losses:Asymmetric._elements", "self.cost *", "self.profit *"),
        Plant(T + "losses:Asymmetric._elements", "self.profit * (y_true", "self.cost * (y_true"),
        part="asymmetric", caught_by=(checks.by_hand, "asymmetric"), stage="value",
        seen_at="loss",
    ),
    both_sides(
        "both: leaky relu's slope on the wrong side",
        Plant(R + "activations:LeakyRelu.forward", "x, self.alpha * x", "self.alpha * x, x"),
        Plant(R + "activations:LeakyRelu.backward", "dy, self.alpha * dy", "self.alpha * dy, dy"),
        Plant(T + "activations:LeakyRelu.forward", "x, self.alpha * x", "self.alpha * x, x"),
        part="leaky relu", caught_by=(checks.by_hand, "leaky relu"), stage="forward",
        seen_at="forward",
    ),
    both_sides(
        "both: dropout not scaled, forward and back",
        Plant(R + "layers:Dropout.forward", "x * part", "x * part * (1 - self.rate)"),
        Plant(R + "layers:Dropout.input_gradient", "dy * part", "dy * part * (1 - self.rate)"),
        Plant(T + "layers:Dropout.forward", "x * part", "x * part * (1 - self.rate)"),
        part="dropout", caught_by=(checks.dropouts, ""), stage="forward",
    ),
    both_sides(
        "both: no bias",
        Plant(R + "layers:Dense.forward", "z + self.bias(part) if self.use_bias else z", "z"),
        Plant(R + "layers:Dense.parameter_gradients", "dy.sum(axis=0)", "0 * dy.sum(axis=0)"),
        Plant(T + "layers:Dense.forward", "z + part[1]", "z + 0 * part[1]"),
        part="layers", caught_by=(checks.mazur, ""), stage="loss",
        dtypes=F64, why=NINE_DECIMALS,
    ),
]
