"""Faults in refnn/activations.py."""

from tests.faults import checks
from tests.faults.planting import F32, F64, at

# fmt: off
sigmoid = at("refnn.activations:Sigmoid.forward", checks.lockstep, "sigmoid", "forward")
sigmoid_back = at("refnn.activations:Sigmoid.backward", checks.lockstep, "sigmoid", "backward")
tanh_back = at("refnn.activations:Tanh.backward", checks.lockstep, "tanh", "backward")
identity_back = at("refnn.activations:Identity.backward", checks.lockstep, "identity", "backward")
relu_back = at("refnn.activations:Relu.backward", checks.dyadic, "relu", "backward")
leaky = at("refnn.activations:LeakyRelu.forward", checks.lockstep, "leaky relu", "forward")
leaky_back = at("refnn.activations:LeakyRelu.backward", checks.lockstep, "leaky relu", "backward")
elu = at("refnn.activations:Elu.forward", checks.lockstep, "elu", "forward")
elu_back = at("refnn.activations:Elu.backward", checks.lockstep, "elu", "backward")
selu = at("refnn.activations:Selu.forward", checks.lockstep, "selu", "forward")
selu_back = at("refnn.activations:Selu.backward", checks.lockstep, "selu", "backward")
softplus = at("refnn.activations:Softplus.forward", checks.lockstep, "softplus", "forward")
softplus_back = at("refnn.activations:Softplus.backward", checks.lockstep, "softplus", "backward")
softmax = at("refnn.activations:Softmax.forward", checks.lockstep, "softmax", "forward")
softmax_back = at("refnn.activations:Softmax.backward", checks.lockstep, "softmax", "backward")

STABLE = "np.where(x >= 0, 1, e) / (1 + e)"

FAULTS = [
    sigmoid(
        "sigmoid: naive form, which overflows", STABLE, "1 / (1 + np.exp(-x))",
        caught_by=(checks.overflow, ""), stage="overflow",
        note="as many write it; the value is still right, the warning is not",
    ),
    sigmoid(
        "sigmoid: |x| forgotten", "np.exp(-np.abs(x))", "np.exp(-x)",
        note="half of the stable form",
    ),
    sigmoid(
        "sigmoid: branches swapped", "np.where(x >= 0, 1, e)", "np.where(x >= 0, e, 1)",
        note="sign of the stable form",
    ),
    sigmoid(
        "sigmoid: float64 constant", STABLE, "np.where(x >= 0, np.ones(x.shape), e) / (1 + e)",
        caught_by=(checks.dtypes, ""), dtypes=F32, why="float64 is float64 already",
        note="np.ones without a dtype turns the rest of the network into float64",
    ),
    sigmoid_back("sigmoid': from x", "y * (1 - y)", "x * (1 - x)", note="from-scratch classic"),
    sigmoid_back("sigmoid': y alone", "(y * (1 - y))", "y", note="from-scratch classic"),
    sigmoid_back("sigmoid': dy ignored", "dy * (y * (1 - y))", "y * (1 - y)",
                 note="evidence 6: tests with dy of ones cannot see it"),
    sigmoid_back("sigmoid': tanh's", "(y * (1 - y))", "(1 - y * y)", note="copied from tanh"),
    sigmoid_back(
        "sigmoid': another order", "dy * (y * (1 - y))", "(dy * y) * (1 - y)",
        caught_by=(checks.gradient_bits, "sigmoid"), stage="bits",
        note="right within its bound; other bits than TensorFlow's",
    ),
    tanh_back("tanh': 1 - y", "1 - y * y", "1 - y", note="square forgotten"),
    tanh_back("tanh': from x", "1 - y * y", "1 - x * x", note="from-scratch classic"),
    tanh_back("tanh': dy ignored", "dy * (1 - y * y)", "1 - y * y", note="evidence 6"),
    tanh_back("tanh': sign", "1 - y * y", "y * y - 1", note="sign slip"),
    tanh_back(
        "tanh': another order", "1 - y * y", "(1 - y) * (1 + y)",
        caught_by=(checks.gradient_bits, "tanh"), stage="bits",
        note="card 38: 13 % bit-equal",
    ),
    at("refnn.activations:Tanh.forward", checks.taylor, "mean squared error", "order")(
        "tanh: through float32", "np.tanh(x)", "np.tanh(x.astype(np.float32)).astype(x.dtype)",
        dtypes=F64, why="float32 is float32 already",
        note="a cast in the float64 path; evidence 2 (tf.cast of a float)",
    ),
    identity_back("identity': dy ignored", "return dy", "return np.ones_like(dy)",
                  note="evidence 6"),
    relu_back("relu': 1 at 0", "x > 0", "x >= 0",
              note="evidence: survived 51 of 51 random networks, which never tie"),
    relu_back("relu': mask of dy", "x > 0", "dy > 0", caught_by=(checks.lockstep, "relu"),
              note="guided backpropagation instead of the derivative"),
    relu_back("relu': mask forgotten", "dy * (x > 0)", "dy", caught_by=(checks.lockstep, "relu"),
              note="straight-through"),
    relu_back("relu': dy ignored", "dy * (x > 0)", "np.ones_like(dy) * (x > 0)",
              caught_by=(checks.lockstep, "relu"), note="evidence 6"),
    relu_back(
        "relu': writes into dy", "return dy * (x > 0)", "dy *= x > 0; return dy",
        caught_by=(checks.purity, ""), note="in place, to save memory",
    ),
    at("refnn.activations:Relu.forward", checks.purity, "", "forward")(
        "relu: writes into x", "return np.maximum(x, 0)", "x[x < 0] = 0; return x",
        note="in place; the tape then holds another z",
    ),
    leaky("leaky relu: slope on the wrong side", "x, self.alpha * x", "self.alpha * x, x",
          note="arguments of where swapped"),
    leaky("leaky relu: max(x, alpha x)", "np.where(x > 0, x, self.alpha * x)",
          "np.maximum(x, self.alpha * x)", note="card 33: another function for alpha > 1"),
    leaky("leaky relu: fixed slope", "self.alpha * x", "0.2 * x",
          note="card 31: parameter ignored"),
    leaky("leaky relu: slope in float32", "self.alpha * x", "float(np.float32(self.alpha)) * x",
          note="card 32, tf.nn.leaky_relu; in a float32 step seen by the layers in float64"),
    leaky_back("leaky relu': slope in float32", "self.alpha", "float(np.float32(self.alpha))",
               note="card 32"),
    leaky_back("leaky relu': relu's", "self.alpha * dy", "0 * dy", note="copied from relu"),
    leaky_back("leaky relu': slope on the wrong side", "dy, self.alpha * dy", "self.alpha * dy, dy",
               note="arguments of where swapped"),
    leaky_back("leaky relu': 1 at 0", "x > 0", "x >= 0", caught_by=(checks.dyadic, "leaky relu"),
               note="evidence: random networks never tie"),
    leaky_back("leaky relu': side from y", "x > 0", "y > 0", note="another side for alpha < 0"),
    elu("elu: alpha ignored", "self.alpha * np.expm1", "np.expm1", note="parameter ignored"),
    elu("elu: 1 not subtracted", "np.expm1(np.minimum(x, 0))", "np.exp(np.minimum(x, 0))",
        note="exp for expm1"),
    elu("elu: branches swapped", "x > 0", "x < 0", note="arguments of where"),
    elu_back("elu': alpha not added", "(y + self.alpha)", "y",
             note="derivative of the exponential alone"),
    elu_back("elu': 1 added", "(y + self.alpha)", "(y + 1)", note="right for alpha = 1 only"),
    elu_back("elu': from x", "(y + self.alpha)", "(x + self.alpha)", note="from-scratch classic"),
    elu_back("elu': dy ignored below 0", "dy * (y + self.alpha)", "y + self.alpha",
             note="evidence 6"),
    selu("selu: scale missing above 0", "self.scale * x", "x", note="elu with another alpha"),
    selu("selu: scale missing below 0", "self.scale_alpha * np",
         "(self.scale_alpha / self.scale) * np", note="one of two factors"),
    selu_back("selu': scale missing", "dy * self.scale,", "dy,", note="elu's"),
    selu_back("selu': scale for scale times alpha", "y + self.scale_alpha", "y + self.scale",
              note="constants mixed up"),
    softplus("softplus: naive, overflows",
             "np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))", "np.log(1 + np.exp(x))",
             note="inf at 1000"),
    softplus("softplus: |x| forgotten", "np.exp(-np.abs(x))", "np.exp(-x)",
             note="half of the stable form"),
    softplus_back("softplus': of y", "forward(x)", "forward(y)", note="the derivative takes x"),
    softplus_back("softplus': dy ignored", "dy * Sigmoid()", "Sigmoid()", note="evidence 6"),
    softplus_back("softplus': one derivative too many", "dy * Sigmoid().forward(x)",
                  "Sigmoid().backward(dy, x, Sigmoid().forward(x))", note="sigmoid's own"),
    softmax("softmax: not shifted", "x - x.max(axis=-1, keepdims=True)", "x",
            caught_by=(checks.lockstep, "extreme softmax"), note="overflow; card 30"),
    softmax("softmax: shifted by the column's maximum", "x.max(axis=-1", "x.max(axis=0",
            note="wrong axis"),
    softmax("softmax: shifted by the batch's maximum", "x.max(axis=-1, keepdims=True)", "x.max()",
            caught_by=(checks.lockstep, "extreme softmax"),
            note="right but for rows of another size, which become 0 / 0"),
    softmax("softmax: sum over the batch", "e.sum(axis=-1", "e.sum(axis=0", note="wrong axis"),
    softmax("softmax: epsilon in the denominator", "return e / e.sum(axis=-1, keepdims=True)",
            "return e / (e.sum(axis=-1, keepdims=True) + 1e-12)",
            note="a guard against a sum that is at least 1"),
    softmax_back(
        "softmax': y (1 - y) dy", "(dy - (dy * y).sum(axis=-1, keepdims=True)) * y",
        "dy * (y * (1 - y))",
        note="the diagonal alone: RoboticsClubIITJ #153, mobula #3, ML-From-Scratch #71",
    ),
    softmax_back("softmax': sum forgotten", "(dy - (dy * y).sum(axis=-1, keepdims=True)) * y",
                 "dy * y", note="evidence 6: dy of ones gives y instead of 0"),
    softmax_back("softmax': sum over the batch", "axis=-1", "axis=0", note="wrong axis"),
    softmax_back("softmax': y missing in the sum", "dy * y", "dy", note="a factor forgotten"),
    softmax_back("softmax': sign", "dy - (dy * y)", "dy + (dy * y)", note="sign slip"),
    softmax_back("softmax': dy ignored", "(dy - (dy * y).sum(axis=-1, keepdims=True)) * y",
                 "0 * dy", note="evidence 6: with dy of ones the gradient is 0"),
    at("refnn.activations:derivative", checks.derivatives, "", "derivative")(
        "derivative: from y as x", "function.forward(x))", "x)", note="argument mixed up",
    ),
]
