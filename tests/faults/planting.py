"""Realistic faults, each with the check that must catch it, and the stage where it must be seen.

A fault is data: the source text of a function, and what stands there instead. ``planted`` compiles
the changed source and gives its code to the function itself, so that everybody who has imported it
runs the fault; afterwards the function has its own code again. Nothing is written to disk. (Only
bodies can be changed: a function keeps its default arguments.)

The checks and their parts are those of checks.py. ``dtypes`` are the dtypes in which a fault can be
seen; where it is one, ``why`` says what hides it in the other (or that no dtype takes part).
``note`` says who made the mistake, with the numbers of EVIDENCE.md ("evidence") and of the table of
conventions ("card"), or why it is easily made. "Both sides" faults stand in refnn and in tftwin
alike: lockstep cannot see them, which the test demands too, and another witness must.
"""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

from tests import checks

BOTH = ("float32", "float64")
F32, F64 = ("float32",), ("float64",)
NO_DTYPE = "no dtype takes part"
NINE_DECIMALS = "Mazur's nine decimals are beyond float32"
TOO_SMALL = "below float32's rounding"


@dataclass(frozen=True)
class Plant:
    """Where a text stands, and what stands there instead."""

    target: str
    old: str
    new: str


@dataclass(frozen=True)
class Fault:
    """One mistake.

    Attributes
    ----------
    name : str
        What was done wrong.
    plants : tuple of Plant
        Where.
    caught_by : (check, part)
        Of checks.py.
    stage : str
        Where the check must see it.
    dtypes, why, note
        See above.
    blind : (check, part) or None
        A check that must not see it: lockstep, where both sides have it.
    """

    name: str
    plants: tuple[Plant, ...]
    caught_by: tuple[Callable[[Any, str], None], str]
    stage: str
    dtypes: tuple[str, ...] = BOTH
    why: str = ""
    note: str = ""
    blind: tuple[Callable[[Any, str], None], str] | None = None


@dataclass(frozen=True)
class Equivalent:
    """A change that changes nothing, and the proof."""

    name: str
    plants: tuple[Plant, ...]
    proof: str
    checks: tuple[tuple[Callable[[Any, str], None], str], ...]


def function_of(target: str) -> Any:
    """Return the function "module:name" or "module:Class.name", also behind a property."""
    module, _, path = target.partition(":")
    found: Any = import_module(module)
    for name in path.split("."):
        found = inspect.getattr_static(found, name)
    if isinstance(found, property):
        return found.fget
    return found.func if isinstance(found, cached_property) else found


def changed_code(plants: tuple[Plant, ...]) -> Any:
    """Return the code of one target's function with all its plants in it."""
    function = function_of(plants[0].target)
    source = inspect.getsource(function)
    for plant in plants:
        if source.count(plant.old) != 1:
            raise ValueError(f"{plant.old!r} stands {source.count(plant.old)} times in:\n{source}")
        source = source.replace(plant.old, plant.new)
    place: dict[str, Any] = {}
    exec(compile(textwrap.dedent(source), "<planted>", "exec"), function.__globals__, place)
    new = place[function.__name__]
    if isinstance(new, property):
        new = new.fget
    return getattr(new, "func", new).__code__


@contextmanager
def planted(fault: Fault | Equivalent) -> Iterator[None]:
    """Run the block with the fault in the code."""
    with ExitStack() as undo:
        for target in dict.fromkeys(plant.target for plant in fault.plants):
            function = function_of(target)
            code = changed_code(tuple(p for p in fault.plants if p.target == target))
            undo.callback(setattr, function, "__code__", function.__code__)
            function.__code__ = code
        yield


def at(target: str, check: Any, part: str, stage: str) -> Any:
    """Return what makes faults of this target, seen by this check at this stage."""

    def fault(
        name: str, old: str, new: str, *, also: tuple[tuple[str, str], ...] = (), **other: Any
    ) -> Fault:
        seen = {"caught_by": (check, part), "stage": stage} | other
        plants = tuple(Plant(target, *texts) for texts in ((old, new), *also))
        return Fault(name, plants, **seen)

    return fault


def both_sides(name: str, *plants: Plant, part: str, **rest: Any) -> Fault:
    """Return a fault that lockstep cannot see."""
    return Fault(name, plants, blind=(checks.lockstep, part), **rest)


# fmt: off
# Activations -------------------------------------------------------------------------------------

sigmoid = at("refnn.activations:Sigmoid.forward", checks.lockstep, "sigmoid", "forward")
sigmoid_back = at("refnn.activations:Sigmoid.backward", checks.lockstep, "sigmoid", "backward")
tanh_back = at("refnn.activations:Tanh.backward", checks.lockstep, "tanh", "backward")
identity_back = at("refnn.activations:Identity.backward", checks.lockstep, "identity", "backward")
relu_back = at("refnn.activations:Relu.backward", checks.dyadic, "relu", "backward")
leaky = at("refnn.activations:LeakyRelu.forward", checks.lockstep, "leaky relu", "forward")
leaky_back = at("refnn.activations:LeakyRelu.backward", checks.lockstep, "leaky relu", "backward")
softmax = at("refnn.activations:Softmax.forward", checks.lockstep, "softmax", "forward")
softmax_back = at("refnn.activations:Softmax.backward", checks.lockstep, "softmax", "backward")

STABLE = "np.where(x >= 0, 1, e) / (1 + e)"

ACTIVATIONS = [
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
          dtypes=F64, why="float32 rounds alpha anyway", note="card 32, tf.nn.leaky_relu"),
    leaky_back("leaky relu': slope in float32", "self.alpha", "float(np.float32(self.alpha))",
               dtypes=F64, why="float32 rounds alpha anyway", note="card 32"),
    leaky_back("leaky relu': relu's", "self.alpha * dy", "0 * dy", note="copied from relu"),
    leaky_back("leaky relu': slope on the wrong side", "dy, self.alpha * dy", "self.alpha * dy, dy",
               note="arguments of where swapped"),
    leaky_back("leaky relu': 1 at 0", "x > 0", "x >= 0", caught_by=(checks.dyadic, "leaky relu"),
               note="evidence: random networks never tie"),
    leaky_back("leaky relu': side from y", "x > 0", "y > 0", note="another side for alpha < 0"),
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
            dtypes=F64, why=TOO_SMALL, note="a guard against a sum that is at least 1"),
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

# Layers ------------------------------------------------------------------------------------------

dense = at("refnn.layers:Dense.forward", checks.lockstep, "layers", "forward")
dense_parameters = at(
    "refnn.layers:Dense.parameter_gradients", checks.lockstep, "layers", "gradient"
)
dense_input = at("refnn.layers:Dense.input_gradient", checks.lockstep, "layers", "backward")
weight = at("refnn.layers:Dense.weight", checks.lockstep, "layers", "forward")
bias = at("refnn.layers:Dense.bias", checks.lockstep, "layers", "forward")

LAYERS = [
    dense("dense: W transposed", "x @ self.weight(theta)", "x @ self.weight(theta).T",
          caught_by=(checks.lockstep, "square layers"), note="silent in square layers"),
    dense("dense: bias ignored", "z + self.bias(theta) if self.use_bias else z", "z",
          note="evidence: from-scratch classic"),
    dense("dense: bias added twice", "z + self.bias(theta)", "z + self.bias(theta) * 2",
          note="once in the product, once after it"),
    dense("dense: bias subtracted", "z + self.bias(theta)", "z - self.bias(theta)",
          note="a threshold instead of a bias"),
    dense_parameters("dense: dW transposed", "x.T @ dy", "dy.T @ x",
                     caught_by=(checks.lockstep, "square layers"), note="silent in square layers"),
    dense_parameters("dense: dW a mean over the batch", "x.T @ dy", "x.T @ dy / len(x)",
                     note="the loss's mean and one more"),
    dense_parameters("dense: db a mean over the batch", "dy.sum(axis=0)", "dy.mean(axis=0)",
                     note="one factor for W, another one for b"),
    dense_parameters("dense: db over the outputs", "dy.sum(axis=0)", "dy.sum(axis=1)",
                     caught_by=(checks.lockstep, "square layers"),
                     note="silent where the batch is as large as the layer"),
    dense_parameters("dense: db over everything", "dy.sum(axis=0)", "dy.sum() + 0 * dy[0]",
                     note="stat453 #5"),
    dense_parameters("dense: db of the first sample", "dy.sum(axis=0)", "dy[0]",
                     note="right for a batch of one"),
    dense_parameters("dense: bias frozen", "dy.sum(axis=0)", "0 * dy.sum(axis=0)",
                     note="a parameter that never learns"),
    dense_input("dense: dx through W instead of its transpose", "self.weight(theta).T",
                "self.weight(theta)", caught_by=(checks.lockstep, "square layers"),
                note="silent in square layers"),
    dense_input("dense: dx divided by the batch", "return dy @", "return dy / len(dy) @",
                note="the mean taken once a layer"),
    weight("dense: W read by columns", "reshape(self.inputs, self.outputs)",
           "reshape(self.outputs, self.inputs).T", note="PyTorch's layout, Fortran order"),
    weight("dense: W one place off", "theta[: self.inputs * self.outputs]",
           "theta[1 : self.inputs * self.outputs + 1]", note="off by one"),
    bias("dense: b one place off", "theta[self.inputs * self.outputs :]",
         "theta[self.inputs * self.outputs - 1 : -1]", note="off by one"),
    Fault(
        "dense: W and b swapped in theta",
        (
            Plant("refnn.layers:Dense.weight", "theta[: self.inputs * self.outputs]",
                  "theta[-self.inputs * self.outputs :]"),
            Plant("refnn.layers:Dense.bias", "theta[self.inputs * self.outputs :]",
                  "theta[: self.outputs]"),
        ),
        (checks.lockstep, "layers"), "forward", note="two orders in one program",
    ),
]

# Network -----------------------------------------------------------------------------------------

forward = at("refnn.network:Network.forward", checks.lockstep, "square layers", "forward")
backward = at("refnn.network:Network.backward", checks.lockstep, "square layers", "backward")

NETWORK = [
    forward("network: every layer is fed with x", "theta[place], outputs[-1]",
            "theta[place], outputs[0]", note="chain broken"),
    forward("network: slices in reverse", "self.slices, strict", "self.slices[::-1], strict",
            caught_by=(checks.lockstep, "square layers without bias"),
            note="layer order; the layers in between have no parameters"),
    forward("network: stale activations", "return outputs",
            "return self.__dict__.setdefault('tape', outputs)",
            note="a tape kept in the object, made by an earlier batch"),
    backward("network: every layer gets the loss's dy", "outputs[i + 1], output_gradients[0]",
             "outputs[i + 1], output_gradients[-1]", note="list read from the wrong end"),
    backward("network: derivatives from x instead of y", "outputs[i], outputs[i + 1]",
             "outputs[i], outputs[i]", note="off by one on the tape"),
    backward("network: dW from the layer's output", "layer.parameter_gradients(x, dy)",
             "layer.parameter_gradients(y, dy)", stage="gradient", note="off by one on the tape"),
    backward("network: first layer's gradient dropped", "layer.parameter_gradients(x, dy) +",
             "[g * (i > 0) for g in layer.parameter_gradients(x, dy)] +", stage="gradient",
             note="a loop that stops one layer early"),
    backward("network: gradients in reverse", "layer.parameter_gradients(x, dy) + gradients",
             "gradients + layer.parameter_gradients(x, dy)", stage="gradient",
             caught_by=(checks.lockstep, "square layers without bias"),
             note="silent where all layers have one shape"),
    backward("network: dx with the first layer's W", "theta[self.slices[i]]",
             "theta[: len(theta[self.slices[i]])]", note="a slice without its start"),
    backward("network: the tape is consumed", "outputs[i], outputs[i + 1]",
             "outputs[i], outputs.pop()", caught_by=(checks.purity, ""), stage="tape",
             note="a second backward finds nothing"),
    at("refnn.network:Parameter.is_weight", checks.lockstep, "L2", "loss")(
        "network: a bias counts as a weight", 'self.name.startswith("W")', "True",
        note="card 19: L2 on biases, in value and gradient",
    ),
    at("refnn.network:Network.initial_theta", checks.initializers, "", "biases")(
        "network: random biases", "(initializer if p.is_weight else Zeros())", "initializer",
        note="He on b",
    ),
    at("refnn.network:Network.initial_theta", checks.dtypes, "", "theta")(
        "network: theta stays float64", ".astype(dtype)", "",
        dtypes=F32, why="float64 is float64 already", note="the draws are float64",
    ),
    at("refnn.complexity:_multiply_adds", checks.sizes, "", "complexity")(
        "complexity: inputs counted twice", "layer.inputs * layer.outputs",
        "(layer.inputs + layer.inputs) * layer.outputs",
        dtypes=F64, why=NO_DTYPE, note="FLOPs taken for multiply-adds",
    ),
    at("refnn.complexity:complexity", checks.sizes, "", "complexity")(
        "complexity: activations are layers", "sum(isinstance(layer, Dense) for layer in",
        "sum(layer is not None for layer in",
        dtypes=F64, why=NO_DTYPE, note="an activation belongs to its Dense layer",
    ),
]

# Losses and L2 -----------------------------------------------------------------------------------

MSE, ASY = "refnn.losses:MeanSquaredError", "refnn.losses:Asymmetric"
CCE, SCE = "refnn.losses:CategoricalCrossentropy", "refnn.losses:SoftmaxCrossentropy"
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
l2 = at("refnn.regularizers:L2.value", checks.lockstep, "L2", "loss")
l2_back = at("refnn.regularizers:L2.gradient", checks.lockstep, "L2", "gradient")
SQUARES = "np.square(d).sum() / d.size"

LOSSES = [
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
        dtypes=F64, why="1e-7 is a rounding of a float32 near 1", note="half of the clip"),
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
        dtypes=F64, why=TOO_SMALL, note="card 26"),
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
    l2("L2: half forgotten", "np.square(W).sum() / 2", "np.square(W).sum()",
       note="card 16: keras L2 beside a gradient with the half"),
    l2("L2: mean instead of sum", "np.square(W).sum()", "np.square(W).mean()", note="card 20"),
    l2("L2: root of the sum", "np.square(W).sum() / 2", "np.sqrt(np.square(W).sum())",
       note="the norm instead of its square"),
    l2("L2: first matrix only", "for W in weights", "for W in weights[:1]", note="loop cut short"),
    l2("L2: rate squared", "self.rate * sum", "self.rate * self.rate * sum", note="applied twice"),
    l2_back("L2': 2 too much", "self.rate * W", "2 * self.rate * W",
            note="card 16: tensorpack #1381, DenseNet #57"),
    l2_back("L2': sign", "self.rate * W", "-self.rate * W", note="weights grow"),
    l2_back("L2': L1's", "self.rate * W", "self.rate * ((W > 0) * 1.0 - (W < 0) * 1.0)",
            caught_by=(checks.by_hand, "L2"), note="sign of w"),
]

# Schedules ---------------------------------------------------------------------------------------

decay = at(
    "refnn.schedules:ExponentialDecay.__call__", checks.lockstep, "decay", "learning rate"
)
per_epoch = at("refnn.schedules:PerEpoch.__call__", checks.lockstep, "per epoch", "learning rate")
rate = at("refnn.schedules:rate_at", checks.lockstep, "decay", "learning rate")

SCHEDULES = [
    decay("decay: one step ahead", "self.decay_rate**exponent",
          "self.decay_rate ** (exponent + 1 / self.decay_steps)",
          note="card 39: TF #52529, keras #2808"),
    decay("decay: integer division", "step / self.decay_steps", "step // self.decay_steps",
          note="Python 2"),
    decay("decay: steps ignored", "step / self.decay_steps", "step", note="card 40"),
    decay("decay: linear", "self.decay_rate**exponent", "(1 - (1 - self.decay_rate) * exponent)",
          note="another schedule"),
    decay("decay: in float32", "return self.initial_learning_rate * self.decay_rate**exponent",
          "import numpy as np; return float(np.float32(self.initial_learning_rate)"
          " * np.float32(self.decay_rate) ** np.float32(exponent))", note="card 41, Keras"),
    decay("staircase: rounded to the nearest", "step // self.decay_steps",
          "round(step / self.decay_steps)", caught_by=(checks.lockstep, "staircase"),
          note="round for floor"),
    decay("staircase: ignored", "step // self.decay_steps if self.staircase else ", "",
          caught_by=(checks.lockstep, "staircase"), note="parameter without effect"),
    per_epoch("per epoch: counts updates", "step // self.steps_per_epoch", "step", note="card 40"),
    per_epoch("per epoch: rounded up", "step // self.steps_per_epoch",
              "-(-step // self.steps_per_epoch)", note="epochs begun instead of epochs done"),
    per_epoch("per epoch: one epoch ahead", "step // self.steps_per_epoch",
              "step // self.steps_per_epoch + 1", note="epochs counted from 1"),
    rate("rate: the first step's for ever", "learning_rate(step)", "learning_rate(0)",
         note="a schedule read once"),
    rate("rate: in float32", "return float(rate)",
         "import numpy as np; return float(np.float32(rate))",
         note="card 42: Keras' learning rate is a float32 variable"),
    at("refnn.training:_step", checks.lockstep, "decay", "learning rate")(
        "rate: of the next step", "rate_at(optimizer.learning_rate, state.step)",
        "rate_at(optimizer.learning_rate, state.step + 1)", note="card 39",
    ),
]

# Optimizers --------------------------------------------------------------------------------------


def rule(name: str, stage: str = "update") -> Any:
    return at(f"refnn.optimizers:{name}.rule", checks.lockstep, name, stage)


sgd, sgdm, adagrad, rmsprop, adam = map(rule, ("SGD", "SGDM", "Adagrad", "RMSProp", "Adam"))
SLOTS = {"stage": "slots"}
SGDM_M = "self.beta * m + (1 - self.beta) * g"
RMSPROP_V = "self.beta * v + (1 - self.beta) * np.square(g)"
ADAM_M = "self.beta_1 * m + (1 - self.beta_1) * g"
ADAM_V = "self.beta_2 * v + (1 - self.beta_2) * np.square(g)"
ROOT = "(np.sqrt(v) + self.epsilon)"
ADAM_ROOT = "(np.sqrt(v_hat) + self.epsilon)"

OPTIMIZERS = [
    sgd("sgd: climbs", "w - learning_rate", "w + learning_rate", note="sign slip"),
    sgd("sgd: rate off by 1e-11", "learning_rate * g", "learning_rate * (1 + 1e-11) * g",
        dtypes=F64, why=TOO_SMALL,
        note="DESIGN 5; evidence 1: 1e-12 was caught"),
    sgd("sgd: rate in float32", "learning_rate * g", "float(np.float32(learning_rate)) * g",
        dtypes=F64, why="float32 rounds the rate anyway", note="card 42: Keras moves .10000000149"),
    sgd("sgd: rate as a float64 scalar", "learning_rate * g", "np.float64(learning_rate) * g",
        caught_by=(checks.dtypes, ""), dtypes=F32, why="float64 is float64 already",
        note="turns float32 parameters into float64"),
    sgd("sgd: writes into w", "return w - learning_rate * g, ()",
        "w -= learning_rate * g; return w, ()", caught_by=(checks.purity, ""), stage="rule",
        note="in place: the state before the step is lost"),
    sgdm("sgdm: (1 - beta) missing", SGDM_M, "self.beta * m + g", **SLOTS,
         note="cards 7, 8: pytorch #1099, autograd #289"),
    sgdm("sgdm: beta swapped", SGDM_M, "(1 - self.beta) * m + self.beta * g", **SLOTS,
         note="which one weighs the past?"),
    sgdm("sgdm: plain sum", SGDM_M, "m + g", **SLOTS, note="accumulates instead of averages"),
    sgdm("sgdm: rate inside the memory", SGDM_M,
         "self.beta * m + (1 - self.beta) * learning_rate * g",
         **SLOTS, note="card 7: Keras' form in another form's step"),
    sgdm("sgdm: not damped at first", SGDM_M,
         "self.beta * m + (g if t == 1 else (1 - self.beta) * g)", **SLOTS, note="card 8: torch"),
    sgdm("sgdm: Nesterov", "learning_rate * m,",
         "learning_rate * (self.beta * m + (1 - self.beta) * g),", note="card 9"),
    sgdm("sgdm: moves with the gradient", "learning_rate * m,", "learning_rate * g,",
         note="memory kept and not used"),
    sgdm("sgdm: memory not kept", "learning_rate * m, (m,)", "learning_rate * m, slots", **SLOTS,
         note="the old slots are returned"),
    adagrad("adagrad: square missing", "np.square(g)", "np.abs(g)", **SLOTS, note="listed"),
    adagrad("adagrad: root missing", "np.sqrt(v)", "v", note="textbook slip"),
    adagrad("adagrad: average instead of sum", "v + np.square(g)", "0.9 * v + 0.1 * np.square(g)",
            **SLOTS, note="that is RMSProp"),
    adagrad("adagrad: forgets", "v = v + np.square(g)", "v = np.square(g)", **SLOTS,
            note="= for +="),
    adagrad("adagrad: epsilon inside the root", ROOT, "np.sqrt(v + self.epsilon)",
            note="card 11, Keras 3"),
    adagrad("adagrad: epsilon dropped", " + self.epsilon", "", note="card 11, TF's V1 kernel"),
    adagrad("adagrad: epsilon of 1e-8", "self.epsilon", "1e-8", note="card 2"),
    adagrad("adagrad: v of the step before", ROOT, "(np.sqrt(slots[0]) + self.epsilon)",
            note="update before accumulation"),
    adagrad("adagrad: parentheses missing", ROOT, "np.sqrt(v) + self.epsilon",
            note="evidence 9, d2l: epsilon is added to the weights"),
    rmsprop("rmsprop: (1 - beta) missing", RMSPROP_V, "self.beta * v + np.square(g)", **SLOTS,
            note="listed"),
    rmsprop("rmsprop: beta swapped", RMSPROP_V, "(1 - self.beta) * v + self.beta * np.square(g)",
            **SLOTS, note="which one weighs the past?"),
    rmsprop("rmsprop: square missing", "np.square(g)", "g", **SLOTS,
            note="root of negative numbers"),
    rmsprop("rmsprop: sum instead of average", RMSPROP_V, "v + np.square(g)", **SLOTS,
            note="that is Adagrad"),
    rmsprop("rmsprop: beta of 0.99", RMSPROP_V, "0.99 * v + (1 - 0.99) * np.square(g)", **SLOTS,
            note="card 13, torch's default"),
    rmsprop("rmsprop: root missing", "np.sqrt(v)", "v", note="textbook slip"),
    rmsprop("rmsprop: epsilon inside the root", ROOT, "np.sqrt(v + self.epsilon)",
            note="card 12: pytorch #23796, chainer #4754, jax PR #1427, keras #435"),
    rmsprop("rmsprop: epsilon dropped", " + self.epsilon", "", note="0 / 0 for a dead unit"),
    rmsprop("rmsprop: epsilon of 1e-8", "self.epsilon", "1e-8", note="card 2"),
    rmsprop("rmsprop: v corrected as in Adam", "np.sqrt(v)", "np.sqrt(v / (1 - self.beta**t))",
            note="that is Adam"),
    adam("adam: no bias correction", "m / (1 - self.beta_1**t)", "m", also=(
        ("v / (1 - self.beta_2**t)", "v"),), note="evidence 4; listed"),
    adam("adam: m not corrected", "m / (1 - self.beta_1**t)", "m", note="listed"),
    adam("adam: v not corrected", "v / (1 - self.beta_2**t)", "v", note="listed"),
    adam("adam: correction multiplied", "m / (1 - self.beta_1**t)", "m * (1 - self.beta_1**t)",
         note="listed"),
    adam("adam: t from 0", "self.beta_1**t", "self.beta_1 ** (t - 1)", also=(
        ("self.beta_2**t", "self.beta_2 ** (t - 1)"),), note="card 5: 0 / 0 in the first step"),
    adam("adam: t one ahead", "self.beta_1**t", "self.beta_1 ** (t + 1)", also=(
        ("self.beta_2**t", "self.beta_2 ** (t + 1)"),), note="card 5"),
    adam("adam: beta times t", "self.beta_1**t", "self.beta_1 * t", note="* for **"),
    adam("adam: corrections swapped", "m / (1 - self.beta_1**t)", "m / (1 - self.beta_2**t)",
         note="copied line"),
    adam("adam: correction in float32", "self.beta_2**t", "float(np.float32(self.beta_2)) ** t",
         note="card 4: Keras, 1.3e-5 at t = 1, seen in float32 too"),
    adam("adam: betas in float32", "(1 - self.beta_2) * np",
         "(1 - float(np.float32(self.beta_2))) * np",
         **SLOTS, note="card 4: TF #35938, Optimisers.jl PR #158"),
    adam("adam: epsilon inside the root", ADAM_ROOT, "np.sqrt(v_hat + self.epsilon)",
         note="evidence: invisible at ordinary gradients"),
    adam("adam: epsilon added to v", " + self.epsilon", "", also=(
        ("v / (1 - self.beta_2**t)", "(v + self.epsilon) / (1 - self.beta_2**t)"),),
         note="listed"),
    adam("adam: epsilon hat", ADAM_ROOT,
         "(np.sqrt(v_hat) + self.epsilon / (1 - self.beta_2**t) ** 0.5)",
         note="card 1: TensorFlow's kernel and Keras, 31.6 times at t = 1"),
    adam("adam: epsilon dropped", " + self.epsilon", "", note="0 / 0 for a dead unit"),
    adam("adam: epsilon of 1e-8", "self.epsilon", "1e-8", note="card 2"),
    adam("adam: parentheses missing", ADAM_ROOT, "np.sqrt(v_hat) + self.epsilon",
         note="evidence 9, d2l: epsilon is added to the weights"),
    adam("adam: betas swapped", ADAM_M, "self.beta_2 * m + (1 - self.beta_2) * g", also=(
        (ADAM_V, "self.beta_1 * v + (1 - self.beta_1) * np.square(g)"),), **SLOTS, note="listed"),
    adam("adam: (1 - beta_1) missing", ADAM_M, "self.beta_1 * m + g", **SLOTS, note="listed"),
    adam("adam: (1 - beta_2) missing", ADAM_V, "self.beta_2 * v + np.square(g)", **SLOTS,
         note="listed"),
    adam("adam: square missing", "np.square(g)", "g", **SLOTS, note="listed"),
    adam("adam: square of m", "np.square(g)", "np.square(m)", **SLOTS, note="g or m?"),
    adam("adam: centred square", "np.square(g)", "np.square(g - m)", **SLOTS,
         note="AdaBelief, card 14"),
    adam("adam: root missing", "np.sqrt(v_hat)", "v_hat", note="listed"),
    adam("adam: amsgrad", "v_hat = v /", "v_hat = np.maximum(slots[1], v) /", note="card 6"),
    adam("adam: corrected moments kept", "(m, v)", "(m_hat, v_hat)", **SLOTS,
         note="corrected twice"),
    adam("adam: m and v swapped", "(m, v)", "(v, m)", **SLOTS, note="listed"),
    adam("adam: m of the step before", "m_hat = m /", "m_hat = slots[0] /", note="stale memory"),
    adam("adam: moves with the gradient", "learning_rate * m_hat", "learning_rate * g",
         note="m kept and not used"),
    adam("adam: decays the weights", "return w - learning_rate", "return w * 0.999 - learning_rate",
         note="card 18: decoupled decay"),
    adam("adam: writes into the slots", ADAM_M, "np.multiply(m, self.beta_1, out=m)", also=(
        ("m_hat = m /", "m += (1 - self.beta_1) * g\n        m_hat = m /"),),
        caught_by=(checks.purity, ""), stage="rule", note="in place"),
    at("refnn.optimizers:update", checks.blocks, "", "slots")(
        "update: every block gets the first block's gradient", "g[block]", "g[: len(w[block])]",
        note="a slice without its start",
    ),
    at("refnn.optimizers:update", checks.blocks, "", "update")(
        "update: t grows from block to block", ", t, learning_rate\n        )",
        ", t + start // BLOCK, learning_rate\n        )", note="one call, one step",
    ),
    at("refnn.optimizers:update", checks.blocks, "", "slots")(
        "update: the last, short block is forgotten", "range(0, w.size, BLOCK)",
        "range(0, w.size - BLOCK, BLOCK)", also=(
            ("np.empty_like(w)", "0 * w"), ("np.empty_like(s)", "0 * s")),
        note="whole blocks only",
    ),
]

# Training ----------------------------------------------------------------------------------------

step = at("refnn.training:_step", checks.lockstep, "L2", "update")
fit = at("refnn:fit", checks.training, "", "theta")
save = at("refnn.checkpoints:_arrays", checks.files, "", "slots")
load = at("refnn.checkpoints:_state", checks.files, "", "slots")
STATE = "State(theta, slots, t),"
PENALTY = "g + regularizer.gradient(p.of(theta)) if p.is_weight else g"

TRAINING = [
    step("step: L2 on biases", PENALTY, "g + regularizer.gradient(p.of(theta))", stage="gradient",
         note="card 19: vision_networks #21"),
    step("step: L2 divided by the batch", "regularizer.gradient(p.of(theta))",
         "regularizer.gradient(p.of(theta)) / len(x)", stage="gradient", note="card 20, sklearn"),
    step("step: L2 in the loss alone", PENALTY, "g", stage="gradient", note="listed"),
    step("step: L2 in the gradient alone", "data_loss + penalty", "data_loss", stage="loss",
         note="listed"),
    step("step: L2 subtracted", "g + regularizer", "g - regularizer", stage="gradient",
         note="sign slip"),
    step("step: L2 decoupled", "gradient, state.slots, t, learning_rate)",
         "gradient, state.slots, t, learning_rate)\n"
         "    theta = theta - learning_rate * 0.1 * state.theta", note="card 18"),
    step("step: backward with the updated weights", "network.backward(theta, outputs, dy)",
         "network.backward(update(optimizer, theta, np.concatenate([g.reshape(-1) for g in"
         " network.backward(theta, outputs, dy)[1]]), state.slots, state.step + 1,"
         " rate_at(optimizer.learning_rate, state.step))[0], outputs, dy)", stage="backward",
         note="update before backward"),
    step("step: targets and outputs swapped", "(loss, y, outputs[-1])",
         "(loss, outputs[-1], y)", stage="backward", note="argument order"),
    step("step: gradients of earlier steps added", "gradient = np.concatenate(",
         "gradient = network.__dict__['kept'] = network.__dict__.get('kept', 0) + np.concatenate(",
         stage="slots", note="zero_grad forgotten"),
    step("step: slots not kept", STATE, "State(theta, state.slots, t),", stage="slots",
         note="old memory for ever"),
    step("step: slots in reverse", STATE, "State(theta, slots[::-1], t),", stage="slots",
         caught_by=(checks.lockstep, "Adam"), note="order of m and v"),
    step("step: theta not kept", STATE, "State(state.theta, slots, t),", note="nothing learned"),
    step("step: updates are not counted", STATE, "State(theta, slots, state.step),", stage="step",
         caught_by=(checks.states, ""), note="Adam's t stays 1, the schedule stands still"),
    step("step: t from 0", "t = state.step + 1", "t = state.step",
         caught_by=(checks.lockstep, "Adam"), note="card 5"),
    at("refnn:initial_state", checks.states, "", "initial slots")(
        "start: accumulator of 0.1", "np.zeros_like(theta)", "np.full_like(theta, 0.1)",
        note="card 10, TensorFlow's and Keras' Adagrad",
    ),
    at("refnn:initial_state", checks.states, "", "initial slots")(
        "start: one slot for all", "for _ in optimizer.slot_names",
        "for _ in optimizer.slot_names[:1]",
        note="v forgotten",
    ),
    at("refnn.training:_epoch", checks.training, "", "slots")(
        "fit: x shuffled and not y", "y.take(rows, axis=0)", "y.take(np.sort(rows), axis=0)",
        note="listed",
    ),
    fit("fit: the state starts anew in every epoch", "losses = []",
        "losses = []; state = initial_state(optimizer, state.theta)", stage="step",
        note="slots lost between epochs"),
    fit("fit: slots not carried on", "state = step.state\n",
        "state = State(step.state.theta, state.slots, step.state.step)\n", stage="slots",
        note="memory lost between steps"),
    fit("fit: one epoch less", "epochs + 1)", "epochs)", stage="epochs",
        note="off by one"),
    fit("fit: L2 forgotten", "y_batch, regularizer)", "y_batch, None)", stage="slots",
        note="argument not passed on"),
    fit("fit: every epoch has the first batches", "_epoch(x, y, batch_size, rng)",
        "_epoch(x[:batch_size], y[:batch_size], batch_size, rng)", stage="step", note="one batch"),
    fit("history: loss of the last batch", "math.fsum(losses) / len(losses)", "losses[-1]",
        stage="history", note="a variable of the inner loop"),
    fit("history: sum of the losses", "math.fsum(losses) / len(losses)", "math.fsum(losses)",
        stage="history", note="mean forgotten"),
    fit("history: data loss", "float(step.loss)", "float(step.data_loss)", stage="history",
        note="penalty left out"),
    fit("history: rate of the next step", "history.learning_rate.append(step.learning_rate)",
        "history.learning_rate.append(rate_at(optimizer.learning_rate, state.step))",
        stage="history of rates", note="read after the update"),
    at("refnn.training:_epoch", checks.training, "", "step")(
        "fit: the last, short batch is left out", "range(0, n, batch_size)",
        "range(0, n - batch_size + 1, batch_size)", note="whole batches only",
    ),
    fit("history: validation on training data",
        "held_out = _evaluate(network, loss, state.theta, *validation)",
        "held_out = _evaluate(network, loss, state.theta, x, y)", stage="validation",
        note="copied line"),
    fit("fit: a run into NaN is seen a step late", " and _finite(step.state)", "",
        stage="last state", caught_by=(checks.non_finite, ""), note="only the loss is looked at"),
    fit("fit: NaN is not seen", "if not (math.isfinite(step.loss)",
        "if False and (math.isfinite(step.loss)", stage="silence", caught_by=(checks.non_finite,
        ""), note="guard removed"),
    at("refnn.training:accuracy", checks.accuracies, "", "accuracy")(
        "accuracy: argmax over the batch", "np.argmax(y_pred, axis=1) == np.argmax(y_true, axis=1)",
        "np.argmax(y_pred, axis=0) == np.argmax(y_true, axis=0)", note="wrong axis",
    ),
    at("refnn.training:accuracy", checks.accuracies, "", "accuracy")(
        "accuracy: every output counts", "np.argmax(y_pred, axis=1) == np.argmax(y_true, axis=1)",
        "(y_pred > 0.5) == (y_true > 0.5)", note="multi-label accuracy",
    ),
    at("refnn.training:accuracy", checks.accuracies, "", "accuracy of one column")(
        "accuracy: argmax of one column", "(y_pred > 0.5) == (y_true > 0.5)",
        "np.argmax(y_pred, axis=1) != np.argmax(y_true, axis=1)", note="always class 0",
    ),
    at("refnn.training:accuracy", checks.accuracies, "", "accuracy of one column")(
        "accuracy: threshold included", "y_pred > 0.5", "y_pred >= 0.5", note="tie at 0.5",
    ),
    at("refnn.training:accuracy", checks.accuracies, "", "accuracy of one column")(
        "accuracy: threshold of 0", "y_pred > 0.5", "y_pred > 0", note="logits in mind",
    ),
    at("refnn.training:_evaluate", checks.accuracies, "", "evaluate")(
        "evaluate: targets and outputs swapped", "accuracy(y, y_pred)", "accuracy(y_pred > 0, y)",
        note="argument order",
    ),
    save("save: float32", '"theta": state.theta', '"theta": state.theta.astype(np.float32)', also=(
        (': slot for', ': slot.astype(np.float32) for'),),
         stage="theta", dtypes=F64, why="float32 is float32 already", note="half the file"),
    save("save: step forgotten", "np.array(state.step)", "np.array(0)", stage="step",
         note="bias correction and schedule start anew"),
    load("load: slots in reverse", "tuple(memory)", "tuple(memory[::-1])", note="order of m and v"),
    load("load: a slot too few", "tuple(memory)", "tuple(memory[:-1])", note="off by one"),
    at("refnn.losses:check_targets", checks.guards, "", "labels that are no distribution")(
        "guard: thrown away", "if bad.any():", "bad.any()\n    if False:",
        note="evidence 2, einops",
    ),
    at("refnn.losses:check_targets", checks.guards, "", "right data")(
        "guard: inverted", "if bad.any():", "if not bad.any():", note="evidence 1, array-api-tests",
    ),
    at("refnn.checks:finite", checks.guards, "", "NaN")(
        "guard: NaN compared", "~np.isfinite(value)", "value == np.nan", note="NaN equals nothing",
    ),
    at("refnn.checks:array", checks.guards, "", "another dtype")(
        "guard: any dtype", "dtype is not None and value.dtype != dtype", "False",
        note="a silent cast",
    ),
    at("refnn.checks:number", checks.dtypes, "", "learning rate")(
        "hyper-parameter kept as np.float64", "field, as_float)", "field, value)",
        note="turns float32 arithmetic into float64",
    ),
]

# Initializers and data ---------------------------------------------------------------------------

he = at("refnn.initializers:He.sample", checks.initializers, "", "He")
cut = at("refnn.initializers:TruncatedNormal.sample", checks.initializers, "", "TruncatedNormal")
standard = at("refnn.preparation:standardize", checks.preparation, "", "standardize")
hot = at("refnn.preparation:one_hot", checks.preparation, "", "one hot")
rows = at("refnn.preparation:batches", checks.preparation, "", "batches")
DRAWN = {"dtypes": F64, "why": NO_DTYPE}
INDICES = {"dtypes": F64, "why": NO_DTYPE}

DATA = [
    he("He: Xavier's 1 / fan_in", "2 / shape[0]", "1 / shape[0]", **DRAWN, note="listed"),
    he("He: fan_out", "2 / shape[0]", "2 / shape[-1]", **DRAWN, note="PyTorch's W is transposed"),
    he("He: mean of the fans", "2 / shape[0]", "4 / (shape[0] + shape[-1])", **DRAWN,
       note="Glorot"),
    he("He: variance for deviation", "math.sqrt(2 / shape[0])", "2 / shape[0]", **DRAWN,
       note="root forgotten"),
    he("He: uniform", "rng.standard_normal(shape)", "rng.uniform(-1, 1, shape)", **DRAWN,
       note="another distribution"),
    at("refnn.initializers:Normal.sample", checks.initializers, "", "Normal")(
        "normal: variance for deviation", "self.stddev *", "self.stddev**2 *", **DRAWN,
        note="stddev or variance?",
    ),
    cut("truncated normal: clipped", "w[beyond] = rng.standard_normal(np.count_nonzero(beyond))",
        "w[beyond] = 2", **DRAWN, note="piles up at the cut"),
    cut("truncated normal: one side", "np.abs(w) > 2", "w > 2", **DRAWN, note="sign forgotten"),
    cut("truncated normal: deviation restored", "self.stddev * w", "self.stddev * w / 0.8796",
        **DRAWN, note="Keras' variance scaling"),
    standard("standardize: N - 1", "np.std(wide, axis=0)", "np.std(wide, axis=0, ddof=1)",
             stage="deviation", note="pandas, listed"),
    standard("standardize: variance", "np.std(wide, axis=0)", "np.var(wide, axis=0)",
             stage="deviation", note="root forgotten"),
    standard("standardize: over everything", "np.mean(wide, axis=0)",
             "np.full(x.shape[1:], np.mean(wide))", stage="mean", note="axis forgotten"),
    standard("standardize: held-out data by themselves", "(wide - mean) / deviation",
             "(wide - np.mean(wide, axis=0)) / deviation", stage="held-out data",
             note="leaks nothing, learns nothing: another scale than in training"),
    standard("standardize: not divided", "(wide - mean) / deviation", "(wide - mean)",
             note="centred only"),
    standard("standardize: writes into x", "return Standardized(((wide",
             "x -= mean.astype(x.dtype); return Standardized(((wide",
             caught_by=(checks.purity, ""), note="in place"),
    standard("standardize: stays float64", ".astype(x.dtype), mean", ", mean",
             caught_by=(checks.dtypes, ""), dtypes=F32, why="float64 is float64 already",
             note="the sums are float64"),
    hot("one-hot: classes from 1", "y[np.arange(len(labels)), labels]",
        "y[np.arange(len(labels)), np.asarray(labels) - 1]",
        note="off by one, silent by wrap-around"),
    hot("one-hot: always float32", "np.zeros((len(labels), columns), dtype)",
        "np.zeros((len(labels), columns), np.float32)", dtypes=F64,
        why="float32 is float32 already", note="default dtype"),
    hot("one-hot: classes ignored", "int(max(labels)) + 1 if classes is None else classes",
        "int(max(labels)) + 1", stage="classes", note="a class without samples is lost"),
    rows("batches: the last, short one is dropped", "range(0, n, batch_size)",
         "range(0, n - batch_size + 1, batch_size)", **INDICES, note="listed"),
    rows("batches: one row in two of them", "start + batch_size]", "start + batch_size + 1]",
         **INDICES, note="off by one"),
    rows("batches: drawn with replacement", "rng.permutation(n)", "rng.integers(n, size=n)",
         **INDICES, stage="every row once", note="bootstrap"),
    rows("batches: one order for ever", "rng.permutation(n)",
         "np.random.default_rng(0).permutation(n)", **INDICES, stage="shuffled anew",
         note="seeded in the loop"),
    rows("batches: not shuffled", "np.arange(n) if rng is None else rng.permutation(n)",
         "np.arange(n)", **INDICES, stage="shuffled anew", note="argument without effect"),
]

# In the twin -------------------------------------------------------------------------------------


def in_twin(name: str, part: str, stage: str) -> Any:
    return at(f"tftwin.{name}", checks.lockstep, part, stage)


TWIN = [
    in_twin("activations:Relu.forward", "relu", "backward")(
        "twin: relu as maximum", "tf.nn.relu(x)", "tf.maximum(x, 0)",
        caught_by=(checks.dyadic, "relu"), note="card 35: derivative 1 at the tie",
    ),
    in_twin("activations:LeakyRelu.forward", "leaky relu", "forward")(
        "twin: tf.nn.leaky_relu", "tf.where(x > 0, x, self.alpha * x)",
        "tf.nn.leaky_relu(x, self.alpha)", dtypes=F64, why="its alpha is float32",
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
        "twin: W transposed", "tf.matmul(x, theta[0])", "tf.matmul(x, theta[0], transpose_b=True)",
        note="silent in square layers",
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
    in_twin("training:Trainer._step", "L2", "loss")(
        "twin: L2 on biases", "self.regularizer.value(self.weights)",
        "self.regularizer.value(self.variables)", note="card 19",
    ),
    in_twin("training:Trainer._step", "L2", "loss")(
        "twin: L2 outside the loss", "loss = data_loss + penalty", "loss = data_loss",
        note="forgotten losses of a Keras layer",
    ),
    in_twin("training:Trainer._scalars", "Adam", "update")(
        "twin: t from 0", "rule.corrections(s + 1)", "rule.corrections(s)", note="card 5",
    ),
    in_twin("training:Trainer._scalars", "decay", "update")(
        "twin: rate of the next step", "rate_at(rule.learning_rate, s)",
        "rate_at(rule.learning_rate, s + 1)", note="card 39",
    ),
    in_twin("schedules:PerEpoch.__call__", "per epoch", "learning rate")(
        "twin: counts updates", "step // self.steps_per_epoch", "step", note="card 40",
    ),
    in_twin("optimizers:SGDM.rule", "SGDM", "slots")(
        "twin: (1 - beta) missing", "(1 - self.beta) * g", "g", note="card 7, Keras' SGD",
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
    in_twin("optimizers:Adam.rule", "Adam", "slots")(
        "twin: slots not kept", "m.assign(self.beta_1 * m + (1 - self.beta_1) * g)",
        "m = self.beta_1 * m + (1 - self.beta_1) * g", note="a tensor instead of the variable",
    ),
]

# In both: no comparison of the two can see it ----------------------------------------------------

R, T = "refnn.", "tftwin."
BOTH_SIDES = [
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
    ),
    both_sides(
        "both: leaky relu's slope on the wrong side",
        Plant(R + "activations:LeakyRelu.forward", "x, self.alpha * x", "self.alpha * x, x"),
        Plant(R + "activations:LeakyRelu.backward", "dy, self.alpha * dy", "self.alpha * dy, dy"),
        Plant(T + "activations:LeakyRelu.forward", "x, self.alpha * x", "self.alpha * x, x"),
        part="leaky relu", caught_by=(checks.by_hand, "leaky relu"), stage="forward",
    ),
    both_sides(
        "both: no bias",
        Plant(R + "layers:Dense.forward", "z + self.bias(theta) if self.use_bias else z", "z"),
        Plant(R + "layers:Dense.parameter_gradients", "dy.sum(axis=0)", "0 * dy.sum(axis=0)"),
        Plant(T + "layers:Dense.forward", "z + theta[1]", "z + 0 * theta[1]"),
        part="layers", caught_by=(checks.mazur, ""), stage="loss",
        dtypes=F64, why=NINE_DECIMALS,
    ),
]

FAULTS = [
    *ACTIVATIONS, *LAYERS, *NETWORK, *LOSSES, *SCHEDULES, *OPTIMIZERS, *TRAINING, *DATA, *TWIN,
    *BOTH_SIDES,
]

# Changes that change nothing ---------------------------------------------------------------------


def equivalent(name: str, target: str, old: str, new: str, proof: str, *seen: Any) -> Equivalent:
    return Equivalent(name, (Plant(target, old, new),), proof, seen)


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
