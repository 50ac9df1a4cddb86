"""What each displayed formula of the guide is, in refnn: its symbols, and the number it must give.

A ``Scene`` holds drawn tensors. An ``Equation`` says which index letters its left side has, what
its symbols mean (a tensor's name, or a number), refnn's own number, and for a derivative the
function that it is the derivative of, and by what.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from refnn import activations as room
from refnn import initializers, losses, optimizers, schedules
from refnn.complexity import complexity
from refnn.crossentropies import CLIP
from refnn.datasets import standardize
from refnn.layers import Dense, Dropout
from refnn.network import Network
from refnn.regularizers import L2
from tftwin.lockstep.roundoff import exact

N, D, M = 5, 4, 3
SIZES = {"n": N, "i": D, "j": M, "k": M}
ALPHA, RATE, LAMBDA, BETA, BETA_1, BETA_2, EPSILON = 0.3, 0.1, 0.05, 0.8, 0.9, 0.99, 1e-3
COST, PROFIT, STEPS, T, PSI = 1.5, 4.0, 6, 7, 0.02
NADAM = optimizers.Nadam(RATE, BETA_1, BETA_2, EPSILON, PSI)


def scene(dtype, seed=0):
    """Tensors of every name that the equations use."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.standard_normal(shape).astype(dtype)

    p = rng.dirichlet(np.ones(M), size=N) * 0.9 + 0.03
    hot = np.eye(M)[rng.integers(M, size=N)]
    soft = np.floor(64 * rng.dirichlet(np.ones(M), size=N)) / 64
    soft[:, 0] += 1 - soft.sum(axis=1)
    found = {
        "x": normal(N, D), "W": normal(D, M), "b": normal(M), "dy": normal(N, M), "u": normal(N, M),
        "z": 2 * normal(N, M), "y": normal(N, M), "t": normal(N, M), "p": p.astype(dtype),
        "classes": np.where(np.arange(N)[:, None] < 3, hot, soft).astype(dtype),
        "yes": (rng.integers(65, size=(N, M)) / 64).astype(dtype),
        "mask": Dropout(0.4).draw(rng, (N, M), dtype),
        "w": normal(M), "g": normal(M), "m": normal(M), "v": np.square(normal(M)),
    }  # fmt: skip
    found["u"].flat[0] = 0  # a kink
    found["y"].flat[:2] = found["t"].flat[:2]  # ties
    return {name: np.asarray(array, dtype) for name, array in found.items()}


@dataclass(frozen=True)
class Equation:
    letters: str
    """Of the left side."""
    symbols: dict[str, Any]
    """TeX → a tensor's name, or a number."""
    refnn: Callable[[dict[str, Any]], Any]
    """The number that the formula must give."""
    of: Callable[[dict[str, Any], Any], Any] | None = None
    """The function of which it is the derivative: of the scene and one tensor."""
    by: str = ""
    """Which tensor."""
    bare: str = ""
    """The index letters of symbols that stand without: f acts on each number."""
    made: Callable[[dict[str, Any]], dict[str, Any]] = lambda s: {}
    """More tensors, computed from the scene by refnn."""
    dtypes: tuple[Any, ...] = (np.float64, np.float32)
    """Means of data are computed in float64, whatever x is."""


def dense(s):
    return Dense(D, M), np.concatenate([s["W"].reshape(-1), s["b"]])


def through_dense(s, **other):
    s = s | other
    return ((s["x"] @ s["W"] + s["b"]) * s["dy"]).sum()


def activation(kind, slope=False, **options):
    """y = f(u), or f'(u), at each number."""
    function = kind(**options)
    alpha = options.get("alpha", room.Selu.scale_alpha / room.Selu.scale)
    symbols = {"x": "u", "y": "f", "\\alpha": alpha, "\\lambda": room.Selu.scale}

    def made(s):
        return {"f": function.forward(s["u"])}

    if not slope:
        return Equation("nj", symbols, lambda s: made(s)["f"], bare="nj")
    return Equation(
        "nj", symbols, lambda s: room.derivative(function, s["u"]),
        lambda s, u: function.forward(u).sum(), "u", bare="nj", made=made,
    )  # fmt: skip


def loss(kind, gradient, t, y, *options, **symbols):
    """The loss of t and y, or its gradient by y."""
    one = kind(*options)
    names = {"t": t, "y": y, "z": y, "N": float(N), "M": float(M)} | symbols
    if not gradient:
        return Equation("", names, lambda s: one.value(s[t], s[y]), made=made_of)
    return Equation(
        "nj", names, lambda s: one.gradient(s[t], s[y]), lambda s, a: one.value(s[t], a), y,
        made=made_of,
    )  # fmt: skip


def made_of(s):
    whole = s["p"].sum(axis=-1)
    q = s["p"] / whole[:, None]
    return {
        "s": whole, "q": q, "c": np.clip(q, CLIP, 1 - CLIP),
        "clipped": np.clip(s["p"], CLIP, 1 - CLIP), "softmax": room.Softmax().forward(s["z"]),
    }  # fmt: skip


def rule(optimizer, result, **symbols):
    """The new w, or a new slot, of a rule; ``made`` are its numbers on the way."""
    names = {"w": "w", "g": "g", "m": "m", "v": "v", "m'": "m after", "v'": "v after",
             "\\eta": RATE, "\\epsilon": EPSILON, "\\beta": BETA, "t": float(T),
             "hat m": "m hat", "hat v": "v hat",
             "\\beta_1": BETA_1, "\\beta_2": BETA_2}  # fmt: skip

    def after(s):
        slots = tuple(s[name] for name in optimizer.slot_names)
        w, kept = optimizer.rule(s["w"], s["g"], slots, T, RATE)
        return {"w": w} | dict(zip(optimizer.slot_names, kept, strict=True))

    def made(s):
        found = {f"{name} after": array for name, array in after(s).items()}
        if type(optimizer) is optimizers.Adam:
            found["m hat"] = found["m after"] / (1 - BETA_1**T)
            found["v hat"] = found["v after"] / (1 - BETA_2**T)
        return found

    return Equation(
        "j", names | symbols, lambda s: (after(s) | made(s))[result], bare="j", made=made
    )


def nadam_hat(s):
    """m̂ from the step that refnn makes of w = 0: w' = −lr m̂ / (√v̂ + ε), with the bound of it."""
    w, g, m, v = (exact(a) for a in (0 * s["w"], s["g"], s["m"], s["v"]))
    after, (_, v) = NADAM.rule(w, g, (m, v), T, RATE)
    return -after * (np.sqrt(v / (1 - BETA_2**T)) + EPSILON) / RATE


class Ones:
    """Draws 1 for ever."""

    def standard_normal(self, shape):
        return np.ones(shape)


def he(s):
    """The deviation that He multiplies the draws of a normal by: here each draw is 1."""
    return initializers.He().sample((D, M), Ones())[0, 0]


def of_a_row(s):
    """One row of softmax: y, ∂y_k/∂x_j by one backward for each k, and the part -y_k y_j of it."""
    x, one = exact(s["z"][:1]), np.eye(M, dtype=s["z"].dtype)
    y = room.Softmax().forward(x)
    rows = [room.Softmax().backward(exact(one[k : k + 1]), x, y) for k in range(M)]
    jacobian = np.concatenate(rows)
    return {"y": y[0], "jacobian": jacobian, "product": jacobian - one * y[0]}


ROW = {"y": "row", "z": "logits"}


def made_of_a_row(s):
    return {"logits": s["z"][0], "row": room.Softmax().forward(s["z"][:1])[0]}


SGD, SGDM = optimizers.SGD(RATE), optimizers.SGDM(RATE, BETA)
NESTEROV, ADAGRAD = optimizers.Nesterov(RATE, BETA), optimizers.Adagrad(RATE, EPSILON)
RMSPROP = optimizers.RMSProp(RATE, BETA, EPSILON)
ADAM = optimizers.Adam(RATE, BETA_1, BETA_2, EPSILON)
DENSE = {"x": "x", "W": "W", "b": "b", "\\delta": "dy"}

EQUATIONS: dict[str, Equation] = {
    "step": rule(SGD, "w"),
    "dense-forward": Equation("nj", DENSE, lambda s: dense(s)[0].forward(dense(s)[1], s["x"])),
    "dense-weights": Equation(
        "ij", DENSE, lambda s: dense(s)[0].parameter_gradients(s["x"], s["dy"])[0],
        lambda s, W: through_dense(s, W=W), "W",
    ),
    "dense-biases": Equation(
        "j", DENSE, lambda s: dense(s)[0].parameter_gradients(s["x"], s["dy"])[1],
        lambda s, b: through_dense(s, b=b), "b",
    ),
    "dense-inputs": Equation(
        "ni", DENSE,
        lambda s: dense(s)[0].input_gradient(dense(s)[1], s["x"], s["dy"], s["dy"]),
        lambda s, x: through_dense(s, x=x), "x",
    ),
    "activation-chain": Equation(
        "nj", {"\\delta": "dy", "f'": "slope"},
        lambda s: room.Tanh().backward(s["dy"], s["u"], room.Tanh().forward(s["u"])),
        lambda s, u: (s["dy"] * room.Tanh().forward(u)).sum(), "u",
        made=lambda s: {"slope": room.derivative(room.Tanh(), s["u"])},
    ),
    "sigmoid": activation(room.Sigmoid),
    "sigmoid-slope": activation(room.Sigmoid, slope=True),
    "tanh": activation(room.Tanh),
    "tanh-slope": activation(room.Tanh, slope=True),
    "relu": activation(room.Relu),
    "relu-slope": activation(room.Relu, slope=True),
    "leaky-relu": activation(room.LeakyRelu, alpha=ALPHA),
    "leaky-relu-slope": activation(room.LeakyRelu, slope=True, alpha=ALPHA),
    "elu": activation(room.Elu, alpha=ALPHA),
    "elu-slope": activation(room.Elu, slope=True, alpha=ALPHA),
    "selu": activation(room.Selu),
    "selu-slope": activation(room.Selu, slope=True),
    "softplus": activation(room.Softplus),
    "softplus-slope": activation(room.Softplus, slope=True),
    "softmax": Equation("nj", {"x": "z"}, lambda s: room.Softmax().forward(s["z"])),
    "softmax-inputs": Equation(
        "nj", {"y": "softmax", "\\delta": "dy"},
        lambda s: room.Softmax().backward(s["dy"], s["z"], room.Softmax().forward(s["z"])),
        lambda s, z: (s["dy"] * room.Softmax().forward(z)).sum(), "z", made=made_of,
    ),
    "dropout": Equation(
        "nj", {"x": "y", "m": "mask"}, lambda s: Dropout(0.4).forward(s["mask"], s["y"])
    ),
    "dropout-inputs": Equation(
        "nj", {"\\delta": "dy", "m": "mask"},
        lambda s: Dropout(0.4).input_gradient(s["mask"], s["y"], s["y"], s["dy"]),
        lambda s, x: (s["dy"] * Dropout(0.4).forward(s["mask"], x)).sum(), "y",
    ),
    "mse": loss(losses.MeanSquaredError, False, "t", "y"),
    "mse-gradient": loss(losses.MeanSquaredError, True, "t", "y"),
    "mae": loss(losses.MeanAbsoluteError, False, "t", "y"),
    "mae-gradient": loss(losses.MeanAbsoluteError, True, "t", "y"),
    "asymmetric": loss(losses.Asymmetric, False, "t", "y", COST, PROFIT, a=COST, p=PROFIT),
    "asymmetric-gradient": loss(losses.Asymmetric, True, "t", "y", COST, PROFIT, a=COST, p=PROFIT),
    "crossentropy": loss(losses.CategoricalCrossentropy, False, "classes", "p", c="c"),
    "crossentropy-gradient": loss(
        losses.CategoricalCrossentropy, True, "classes", "p", s="s", q="q"
    ),
    "softmax-crossentropy": loss(losses.SoftmaxCrossentropy, False, "classes", "z"),
    "softmax-crossentropy-gradient": loss(
        losses.SoftmaxCrossentropy, True, "classes", "z", p="softmax"
    ),
    "binary-crossentropy": loss(losses.BinaryCrossentropy, False, "yes", "p", c="clipped"),
    "binary-crossentropy-gradient": loss(losses.BinaryCrossentropy, True, "yes", "p", c="clipped"),
    "sigmoid-crossentropy": loss(losses.SigmoidCrossentropy, False, "yes", "z"),
    "sigmoid-crossentropy-gradient": loss(losses.SigmoidCrossentropy, True, "yes", "z"),
    "l2": Equation("", {"W": "W", "\\lambda": LAMBDA}, lambda s: L2(LAMBDA).value([s["W"]])),
    "l2-gradient": Equation(
        "ij", {"W": "W", "\\lambda": LAMBDA}, lambda s: L2(LAMBDA).gradient(s["W"]),
        lambda s, W: L2(LAMBDA).value([W]), "W",
    ),
    "mean": Equation("i", {"x": "x", "N": float(N)}, lambda s: standardize(s["x"]).mean),
    "deviation": Equation(
        "i", {"x": "x", "bar x": "mean", "N": float(N)}, lambda s: standardize(s["x"]).deviation,
        made=lambda s: {"mean": standardize(s["x"]).mean}, dtypes=(np.float64,),
    ),
    "standardized": Equation(
        "ni", {"x": "x", "bar x": "mean", "s": "deviation"}, lambda s: standardize(s["x"]).x,
        made=lambda s: {"mean": standardize(s["x"]).mean,
                        "deviation": standardize(s["x"]).deviation},
        dtypes=(np.float64,),
    ),
    "he": Equation("", {"D": float(D)}, he),
    "momentum": rule(SGDM, "m"),
    "momentum-step": rule(SGDM, "w"),
    "nesterov-step": rule(NESTEROV, "w"),
    "adagrad": rule(ADAGRAD, "v"),
    "adaptive-step": rule(ADAGRAD, "w"),
    "rmsprop": rule(RMSPROP, "v"),
    "adam-m": rule(ADAM, "m"),
    "adam-v": rule(ADAM, "v"),
    "adam-m-hat": rule(ADAM, "m hat"),
    "adam-v-hat": rule(ADAM, "v hat"),
    "adam-step": rule(ADAM, "w"),
    "nadam-momentum": Equation(
        "", {"\\beta_1": BETA_1, "\\psi": PSI, "t": float(T)}, lambda s: NADAM.momentum(T)
    ),
    "nadam-m-hat": Equation(
        "j",
        {
            "g": "g", "m'": "m after",
            "\\mu_t+1": NADAM.momentum(T + 1), "\\mu_t": NADAM.momentum(T),
            "\\Pi_t+1": NADAM.product(T + 1), "\\Pi_t": NADAM.product(T),
        },
        nadam_hat, bare="j",
        made=lambda s: {"m after": NADAM.rule(s["w"], s["g"], (s["m"], s["v"]), T, RATE)[1][0]},
    ),
    "decay": Equation(
        "", {"\\eta_0": RATE, "r": 0.9, "t": float(T), "s": float(STEPS)},
        lambda s: schedules.ExponentialDecay(RATE, 0.9, STEPS)(T),
    ),
    "parameters": Equation(
        "", {"D": float(D), "M": float(M)},
        lambda s: float(complexity(Network([Dense(D, M)])).parameters),
    ),
}  # fmt: skip

INLINE: dict[str, Equation] = {
    "\\partial y_j / \\partial x_j = y_j (1 - y_j)": Equation(
        "j", ROW, lambda s: of_a_row(s)["jacobian"][range(M), range(M)], made=made_of_a_row
    ),
    "\\partial y_k / \\partial x_j = -y_k y_j": Equation(
        "kj", ROW, lambda s: of_a_row(s)["product"], made=made_of_a_row
    ),
    "\\ln p_j = z_j - \\ln \\sum_k e^{z_k}": Equation(
        "j", ROW, lambda s: np.log(of_a_row(s)["y"]), made=made_of_a_row
    ),
}  # fmt: skip
"""Equations within a line of text; of -y_k y_j, the diagonal without its own y_j."""
