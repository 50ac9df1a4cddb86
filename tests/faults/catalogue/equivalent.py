"""Changes that change nothing, each with its proof."""

from tests.faults import checks
from tests.faults.planting import equivalent

# fmt: off
EQUIVALENT = [
    equivalent(
        "relu': side from y", "refnn.activations:Relu.backward", "x > 0", "y > 0",
        "y = max(x, 0) is above 0 exactly where x is.",
        (checks.dyadic, "relu"), (checks.lockstep, "relu"),
    ),
    equivalent(
        "sigmoid: strict branch", "refnn.activations:Sigmoid.forward", "x >= 0", "x > 0",
        "At x = 0 e is exp(-0) = 1, so both branches are 1.",
        (checks.lockstep, "sigmoid"), (checks.gradient_bits, "sigmoid"),
    ),
    equivalent(
        "leaky relu: branch at 0", "refnn.activations:LeakyRelu.forward", "x > 0", "x >= 0",
        "At x = 0 the branches are x and alpha x: 0 both. (For alpha < 0 the sign of the zero "
        "differs, and +0 equals -0; a derivative takes its side from x.)",
        (checks.dyadic, "leaky relu"), (checks.by_hand, "leaky relu"),
    ),
    equivalent(
        "squares: sign of the difference", "refnn.losses:MeanSquaredError.value_and_gradient",
        "np.square(d)", "np.square(y_true - y_pred)",
        "Rounding to nearest is symmetric, so a - b is -(b - a) to the bit, and has one square.",
        (checks.lockstep, "mean squared error"), (checks.by_hand, "mean squared error"),
    ),
    equivalent(
        "asymmetric: branch at the tie", "refnn.losses:Asymmetric._elements",
        "y_pred > y_true", "y_pred >= y_true",
        "At the tie the branches are cost * 0 and profit * 0: 0 both. The gradient, where the "
        "branches differ, takes its side by itself.",
        (checks.dyadic, "asymmetric"), (checks.by_hand, "asymmetric"),
    ),
    equivalent(
        "adagrad: g * g", "refnn.optimizers:Adagrad.rule", "np.square(g)", "g * g",
        "One product, rounded once.", (checks.lockstep, "Adagrad"), (checks.kernels, "Adagrad"),
    ),
    equivalent(
        "softmax': y first", "refnn.activations:Softmax.backward", "dy * y", "y * dy",
        "A product does not depend on the order of its two factors.",
        (checks.lockstep, "softmax"),
    ),
]
