"""Faults in refnn/losses.py and refnn/crossentropies.py."""

from tests.faults import checks
from tests.faults.planting import at

# fmt: off
MSE, ASY = "refnn.losses:MeanSquaredError", "refnn.losses:Asymmetric"
MAE, CROSS = "refnn.losses:MeanAbsoluteError", "refnn.crossentropies"
CCE, SCE = f"{CROSS}:CategoricalCrossentropy", f"{CROSS}:SoftmaxCrossentropy"
BCE, LOGISTIC = f"{CROSS}:BinaryCrossentropy", f"{CROSS}:SigmoidCrossentropy"
absolute = at(f"{MAE}.value_and_gradient", checks.lockstep, "mean absolute error", "loss")
absolute_back = at(f"{MAE}.value_and_gradient", checks.lockstep, "mean absolute error", "backward")
bce = at(f"{BCE}.per_sample", checks.lockstep, "binary crossentropy", "loss")
bce_back = at(f"{BCE}.gradient", checks.lockstep, "binary crossentropy", "backward")
logistic = at(f"{LOGISTIC}.per_sample", checks.lockstep, "sigmoid crossentropy", "loss")
logistic_back = at(f"{LOGISTIC}.gradient", checks.lockstep, "sigmoid crossentropy", "backward")
squares = at(f"{MSE}.value_and_gradient", checks.lockstep, "mean squared error", "loss")
squares_back = at(
    f"{MSE}.value_and_gradient", checks.lockstep, "mean squared error", "backward"
)
asymmetric = at(f"{ASY}._elements", checks.lockstep, "asymmetric", "loss")
asymmetric_back = at(f"{ASY}.gradient", checks.lockstep, "asymmetric", "backward")
cce = at(f"{CCE}.per_sample", checks.lockstep, "categorical crossentropy", "loss")
cce_back = at(f"{CCE}.gradient", checks.lockstep, "categorical crossentropy", "backward")
sce = at(f"{SCE}.value_and_gradient", checks.lockstep, "softmax crossentropy", "loss")
sce_shift = at(f"{SCE}._shifted", checks.lockstep, "softmax crossentropy", "loss")
sce_back = at(
    f"{SCE}.value_and_gradient", checks.lockstep, "softmax crossentropy", "backward"
)
SQUARES = "np.square(d).sum() / d.size"

FAULTS = [
    squares("squares: half", SQUARES, f"{SQUARES} / 2", note="card 21: division by 2N"),
    squares("squares: sum", SQUARES, "np.square(d).sum()", note="card 21"),
    squares("squares: mean over the batch only", SQUARES, "np.square(d).sum() / len(d)",
            note="card 21: a factor of K"),
    squares("squares: root of the mean", SQUARES, f"np.sqrt({SQUARES})", note="RMSE"),
    squares("squares: (N, 1) against (N,)", SQUARES,
            "np.square(y_pred - y_true.reshape(-1)).mean()",
            note="broadcasts to N x N for one output, a shape error for more"),
    squares("squares: batch's mean without the last row", SQUARES,
            "np.square(d[: max(1, len(d) - 1)]).mean()", note="off by one"),
    squares_back("squares': 2 forgotten", "(2 * d)", "d",
                 note="gradient of the half square beside the value of the square"),
    squares_back("squares': mean forgotten", "(1 / d.size) * ", "", note="evidence 8"),
    squares_back("squares': mean over the batch only", "(1 / d.size)", "(1 / len(d))",
                 note="evidence 8, scikit-learn #8349: n_outputs times its own loss's"),
    squares_back("squares': sign", "(2 * d)", "(2 * (y_true - y_pred))", note="climbs"),
    squares_back("squares': writes into y_pred", "(1 / d.size) * (2 * d)",
                 "(2 / d.size) * np.subtract(y_pred, y_true, out=y_pred)",
                 caught_by=(checks.purity, ""), stage="loss", note="in place"),
    at(f"{MSE}.per_sample", checks.per_sample, "", "per sample")(
        "squares: sum over a row", " / y_pred.shape[-1]", "", note="card 21",
    ),
    asymmetric("asymmetric: cost and profit swapped",
               "self.cost * (y_pred - y_true), self.profit * (y_true - y_pred)",
               "self.profit * (y_pred - y_true), self.cost * (y_true - y_pred)",
               note="which one is which?"),
    asymmetric("asymmetric: branches swapped", "y_pred > y_true", "y_pred < y_true",
               note="a negative price"),
    at(f"{ASY}.value", checks.lockstep, "asymmetric", "loss")(
        "asymmetric: mean instead of sum", ".sum()", ".mean()", note="the tutorial sums",
    ),
    asymmetric_back("asymmetric': cost and profit swapped",
                    "np.full_like(y_pred, self.cost), -self.profit",
                    "np.full_like(y_pred, self.profit), -self.cost", note="value right"),
    asymmetric_back("asymmetric': sign of the second branch", "-self.profit", "self.profit",
                    note="sign slip"),
    asymmetric_back("asymmetric': first branch at the tie", "y_pred > y_true", "y_pred >= y_true",
                    caught_by=(checks.dyadic, "asymmetric"),
                    note="card 35: +3, -1 or 0 by spelling; random numbers never tie"),
    asymmetric_back("asymmetric': mean of the sum", "return np.where(",
                    "return (1 / y_pred.size) * np.where(", note="gradient of another reduction"),
    cce("crossentropy: not renormalised", "y_pred / y_pred.sum(axis=-1, keepdims=True)", "y_pred",
        note="card 23: 1.0986 becomes 1.609"),
    cce("crossentropy: not clipped", "np.clip(q, CLIP, 1 - CLIP)", "q", note="ln 0, card 23"),
    cce("crossentropy: clipped at 1e-8", "np.clip(q, CLIP, 1 - CLIP)", "np.clip(q, 1e-8, 1 - 1e-8)",
        note="another framework's epsilon"),
    cce("crossentropy: clipped below only", "np.clip(q, CLIP, 1 - CLIP)", "np.clip(q, CLIP, 1.0)",
        note="half of the clip"),
    cce("crossentropy: epsilon inside the logarithm", "np.clip(q, CLIP, 1 - CLIP)", "q + 1e-7",
        note="card 26, older Keras"),
    cce("crossentropy: sum over the batch axis", "y_pred.sum(axis=-1", "y_pred.sum(axis=0",
        note="wrong axis"),
    cce("crossentropy: sign", "return -(y_true", "return (y_true", note="minus forgotten"),
    at(f"{CCE}.value", checks.lockstep, "categorical crossentropy", "loss")(
        "crossentropy: sum over the batch", " / len(y_pred)", "", note="reduction",
    ),
    cce_back("crossentropy': not 0 where clipped",
             "np.where((q >= CLIP) & (q <= 1 - CLIP), dc, 0)", "dc",
             note="card 24: 1e7 instead of 0"),
    cce_back("crossentropy': 0 at the clip itself", "(q >= CLIP)", "(q > CLIP)",
             caught_by=(checks.clip, ""), stage="gradient",
             note="card 35: clip' is 1 at both ends"),
    cce_back("crossentropy': not through the renormalisation",
             " + (dq * (-q / s)).sum(axis=-1, keepdims=True)", "",
             note="the sum is taken for a constant"),
    cce_back("crossentropy': of the unclipped q", "1 / np.clip(q, CLIP, 1 - CLIP)", "1 / y_pred",
             note="-y / p, as in textbooks"),
    cce_back("crossentropy': mean forgotten", "(1 / len(y_pred)) * -y_true", "-y_true",
             note="gradient of the sum"),
    cce_back("crossentropy': mean over all elements", "len(y_pred)", "y_pred.size",
             note="a factor of K"),
    sce_shift("logits: not shifted", "logits - logits.max(axis=-1, keepdims=True)", "logits",
        note="card 30: inf"),
    sce_shift("logits: shifted by the column's maximum", "logits.max(axis=-1", "logits.max(axis=0",
        caught_by=(checks.lockstep, "softmax crossentropy"), note="wrong axis"),
    sce("logits: epsilon inside the logarithm", "np.log(s)", "np.log(s + 1e-12)",
        note="card 26"),
    sce_shift("logits: softmax of a softmax", "z = logits - logits.max(axis=-1, keepdims=True)",
        "from refnn.activations import Softmax; z = Softmax().forward(logits)",
        note="probabilities passed as logits"),
    sce("logits: sum over the batch", ".sum() / len(z)", ".sum()", note="reduction"),
    sce_back("logits': mean forgotten", "(1 / len(z)) * ", "", note="evidence 8"),
    sce_back("logits': mean over all elements", "(1 / len(z))", "(1 / z.size)",
             note="a factor of K"),
    sce_back("logits': sign", "e / s - y_true", "y_true - e / s", note="climbs"),
    sce_back("logits': true class only", "(e / s - y_true)",
             "np.where(y_true > 0, e / s - y_true, 0)", note="hard labels in mind"),
    sce_back("logits': hard labels", "- y_true",
             "- np.where(y_true == np.max(y_true, axis=-1, keepdims=True),"
             " np.ones_like(y_true), 0)",
             note="argmax of soft labels"),
    absolute("absolute: sum", "np.abs(d).sum() / d.size", "np.abs(d).sum()", note="reduction"),
    absolute("absolute: mean over the batch only", "np.abs(d).sum() / d.size",
             "np.abs(d).sum() / len(d)", note="a factor of K"),
    absolute_back("absolute': mean forgotten", "(1 / d.size) * ", "", note="evidence 8"),
    absolute_back("absolute': the error itself", "np.sign(d)", "d", note="the square's"),
    absolute_back("absolute': sign", "np.sign(d)", "np.sign(-d)", note="climbs"),
    absolute_back("absolute': 1 at the tie", "np.sign(d)",
                  "np.where(d >= 0, np.ones_like(d), -np.ones_like(d))",
                  caught_by=(checks.dyadic, "mean absolute error"),
                  note="card 35b: JAX; random numbers never tie"),
    bce("binary: not clipped", "np.clip(y_pred, CLIP, 1 - CLIP)", "y_pred",
        caught_by=(checks.lockstep, "small probabilities"), note="ln 0, card 26"),
    bce("binary: epsilon inside the logarithm", "np.log(c)", "np.log(c + 1e-7)",
        note="card 26: Keras 2"),
    bce("binary: no term for no", " + (1 - y_true) * np.log(1 - c)", "",
        note="the categorical crossentropy's"),
    bce("binary: sign", "return -elements", "return elements", note="minus forgotten"),
    bce("binary: sum over the outputs", " / y_pred.shape[-1]", "", note="a factor of K"),
    bce_back("binary': not 0 where clipped",
             "np.where((y_pred >= CLIP) & (y_pred <= 1 - CLIP), dc, 0)", "dc",
             note="1e7 instead of 0"),
    bce_back("binary': mean over the batch only", "1 / y_pred.size", "1 / len(y_pred)",
             note="a factor of K"),
    bce_back("binary': sign", "(1 - y_true) * (1 / (1 - c)) - y_true * (1 / c)",
             "y_true * (1 / c) - (1 - y_true) * (1 / (1 - c))", note="climbs"),
    bce_back("binary': by the logits", "((1 - y_true) * (1 / (1 - c)) - y_true * (1 / c))",
             "(c - y_true)", note="p - y is the gradient by the logits"),
    logistic("logistic: |z| forgotten", "np.abs(logits)", "logits", note="half of the stable form"),
    logistic("logistic: target's sign", "- logits * y_true", "+ logits * y_true", note="sign slip"),
    logistic("logistic: sum over the outputs", " / logits.shape[-1]", "", note="a factor of K"),
    logistic_back("logistic': mean over the batch only", "1 / logits.size", "1 / len(logits)",
                  note="a factor of K"),
    logistic_back("logistic': sign", "(Sigmoid().forward(logits) - y_true)",
                  "(y_true - Sigmoid().forward(logits))", note="climbs"),
    logistic_back("logistic': sigmoid forgotten", "Sigmoid().forward(logits)", "logits",
                  note="logits taken for probabilities"),
    logistic_back("logistic': sigmoid' once more", "(Sigmoid().forward(logits) - y_true)",
                  "Sigmoid().backward(Sigmoid().forward(logits) - y_true, logits,"
                  " Sigmoid().forward(logits))", note="it has cancelled already"),
]
