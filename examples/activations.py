"""Chapter 3: activations, and what their derivatives do to a network.

On the way back each activation multiplies the gradient by its derivative. sigmoid' = σ (1 − σ)
is at most 0.25, so that n sigmoid layers shrink a gradient by 0.25ⁿ or more (times what the
weights do): it vanishes. relu' is 1 where x > 0, and lets it pass; but it is 0 where x ≤ 0, and
a unit that is there for every sample has no gradient any more: it is dead.
"""

# %% The four functions and their derivatives, from −6 to 6
import numpy as np
from matplotlib import pyplot as plt

from examples.chapter import REFNN, REFNN_2, TFTWIN, TFTWIN_2, Chapter, kernel
from refnn import (
    SGD,
    He,
    LeakyRelu,
    Normal,
    Relu,
    Sigmoid,
    SoftmaxCrossentropy,
    State,
    Tanh,
    evaluate,
    multilayer,
)
from refnn.activations import derivative
from refnn.datasets import batches, iris, standardize
from tftwin import activations as tf_activations
from tftwin import training as tf_training
from tftwin.lockstep.verdict import ulp_distance
from tftwin.twin import twin

chapter = Chapter("activations", "3. Activations")

functions = {
    "sigmoid": Sigmoid(),
    "tanh": Tanh(),
    "relu": Relu(),
    "leaky relu, α = 0.2": LeakyRelu(alpha=0.2),
}


def compare(name, x):
    """Return f and f' of both libraries: (refnn, TensorFlow), (refnn, TensorFlow)."""
    f = functions[name]
    return (
        chapter.agree(name, f.forward, twin(f).forward, x, bounded=kernel(f).forward),
        chapter.agree(
            f"{name}'",
            lambda x: derivative(f, x),
            lambda x: tf_activations.derivative(twin(f), x),
            x,
            bounded=lambda x: derivative(kernel(f), x),
        ),
    )


x = np.linspace(-6, 6, 1201, dtype=np.float32)
figure, axes = plt.subplots(2, 2, figsize=(9, 7))
for axis, name in zip(axes.flat, functions, strict=True):
    for (ours, theirs), (blue, orange), label in zip(
        compare(name, x), ((REFNN, TFTWIN), (REFNN_2, TFTWIN_2)), ("f", "f'"), strict=True
    ):
        axis.plot(x, ours, label=f"{label}, refnn", **blue)
        axis.plot(x, theirs, label=f"{label}, TensorFlow", **orange)
    axis.plot(0, ours[x == 0], "o", color=REFNN_2["color"], markersize=5)
    axis.set(title=name, xlabel="x", ylabel="f(x) and f'(x)")
figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
chapter.picture(
    "functions",
    figure,
    "Four activations f and their derivatives f'. The dots are f'(0): 0 in relu, α in leaky relu.",
)


# %% Their ranges, from −10 000 to 10 000
def span(values):
    return f"{values.min():g} … {values.max():g}"


wide = np.logspace(-4, 4, 401, dtype=np.float32)
wide = np.concatenate([-wide[::-1], [np.float32(0)], wide])
rows = []
for name in functions:
    f, slope = compare(name, wide)
    at_zero = [f"{s[wide == 0][0]:g}" for s in slope]
    rows.append((name, *map(span, f), *map(span, slope), *at_zero))
chapter.table(
    "Smallest and largest value for x from −10 000 to 10 000",
    ("", "f: refnn", "TensorFlow", "f': refnn", "TensorFlow", "f'(0): refnn", "TensorFlow"),
    rows,
)
chapter.say(
    "The sigmoid lies between 0 and 1 and never reaches them, nor does tanh reach −1 and 1; it is "
    "float32 that rounds to them. There 1 − tanh² is a difference of almost equal numbers, so that "
    "two values of tanh' can be many ulp apart and within their bound:"
)
ours, theirs = compare("tanh", wide)[1]
apart = np.argmax(ulp_distance(ours, theirs))
chapter.say(
    f"tanh'({wide[apart]:.4g}) is {ours[apart]:.3g} in refnn, {theirs[apart]:.3g} in TensorFlow."
)

# %% A deep network: the gradient of each layer at the first step, with sigmoid and with relu
depth = 4 if chapter.quick else 12
data = iris(dtype=np.float64)  # in float32 twelve layers can round so badly that no bound is left
x, y = standardize(data.x).x, data.y
loss = SoftmaxCrossentropy()
norms, factors, through = {}, {}, {}
for name, function in (("sigmoid", Sigmoid()), ("relu", Relu())):
    network = multilayer([4, *[16] * depth, 3], function)
    state = State(network.initial_theta(np.random.default_rng(3), He(), np.float64))
    records = []
    chapter.lockstep(
        f"{depth} hidden layers of {name}",
        *(network, loss, SGD(0.1), state),
        batches=[(x, y)],
        mode="eager",
        observe=lambda *both, records=records: records.extend(both),
    )
    for side, entries in zip(("refnn", "TensorFlow"), records, strict=True):
        size = {e.name: np.linalg.norm(e.array) for e in entries}
        norms[name, side] = [size[f"dW{2 * layer - 1}"] for layer in range(1, depth + 2)]
        through[name, side] = size["dy1"] / size[f"dy{2 * depth + 1}"]
        factors[name, side] = [  # ∂loss/∂z over ∂loss/∂f(z): what f' does in each hidden layer
            size[f"dy{2 * layer - 1}"] / size[f"dy{2 * layer}"] for layer in range(1, depth + 1)
        ]

# %% The table: at the first layer hardly anything is left of the sigmoid net's gradient
sides = [(name, side) for name in ("sigmoid", "relu") for side in ("refnn", "TensorFlow")]
chapter.table(
    "Gradient norm ‖∂loss/∂W‖ of each layer, and the factor ‖∂loss/∂z‖ / ‖∂loss/∂f(z)‖ of f'",
    ("layer", *(f"{name}: {side}" for name, side in sides))
    + ("σ': refnn", "TensorFlow", "relu': refnn", "TensorFlow"),
    [
        (f"{layer + 1}", *(f"{norms[key][layer]:.2e}" for key in sides))
        + tuple(f"{factors[key][layer]:.3f}" if layer < depth else "" for key in sides)
        for layer in range(depth + 1)
    ],
)
for name, side in sides:
    shrinks, derivatives = through[name, side], np.prod(factors[name, side])
    chapter.say(
        f"{name}, {side}: from layer {depth + 1} back to layer 1, ‖∂loss/∂z‖ is multiplied by "
        f"{shrinks:.2g} = {derivatives:.2g} · {shrinks / derivatives:.2g}: the {depth} derivatives "
        f"(at most {max(factors[name, side]):.3f} each), and the weights between them."
    )

# %% The picture
figure, axes = plt.subplots(1, 2, figsize=(11, 4.6))
styles = {("sigmoid", "refnn"): REFNN, ("sigmoid", "TensorFlow"): TFTWIN}
styles |= {("relu", "refnn"): REFNN_2, ("relu", "TensorFlow"): TFTWIN_2}
for key, style in styles.items():
    axes[0].semilogy(range(1, depth + 2), norms[key], label=", ".join(key), **style)
    axes[1].plot(range(1, depth + 1), factors[key], label=", ".join(key), **style)
axes[1].axhline(0.25, color="grey", linewidth=1)
axes[1].text(1, 0.27, "0.25, the largest σ'", color="grey")
axes[0].set(title="the weights' gradient", ylabel="‖∂loss/∂W‖")
axes[1].set(title="what f' makes of a gradient", ylabel="‖∂loss/∂z‖ / ‖∂loss/∂f(z)‖", ylim=(0, 1.1))
for axis in axes:
    axis.set(xlabel="layer", xticks=range(1, depth + 2))
axes[0].legend(loc="lower right")
axes[1].legend(loc="upper right")
chapter.picture(
    "vanishing",
    figure,
    f"The gradient on its way back through {depth} hidden layers of 16 units, before any training. "
    "Right: a sigmoid's derivative takes three quarters of a gradient or more, in every layer.",
)


# %% Dead relu units: 0 for every sample, before and after training
def dead_units(outputs):
    """Units of both hidden layers that are 0 for all samples; outputs are x, z, relu(z), z, …"""
    return sum(int(np.sum(np.all(np.asarray(h) == 0, axis=0))) for h in outputs[2:-1:2])


width, epochs = 32, 2 if chapter.quick else 20
network = multilayer([4, width, width, 3], Relu())
tf_network = twin(network)
table, bars = [], []
for rate in (0.01, 0.5):
    for initial, initializer in (("He", He()), ("normal(0, 1)", Normal(stddev=1.0))):
        for scale, x in (("standardized", standardize(data.x).x), ("raw cm", data.x)):
            rng = np.random.default_rng(1)
            state = State(network.initial_theta(rng, initializer, np.float64))
            rows = [row for _ in range(epochs) for row in batches(len(x), 30, rng)]
            label = f"rate {rate}, {initial}, {scale}"
            problem = (network, loss, SGD(rate), state)
            chapter.lockstep(
                label, *problem, batches=[(x[r], y[r]) for r in rows], every=10, mode="eager"
            )
            drift = chapter.free(label, *problem, x, y, rows=rows, looks=1)
            ours, theirs = drift.refnn_thetas[-1], drift.tftwin_thetas[-1]
            before = dead_units(network.forward(state.theta, x))
            after = dead_units(network.forward(ours, x))
            tf_after = dead_units(tf_network.forward(tf_network.tensors(theirs), x))
            found = (
                evaluate(network, loss, ours, x, y),
                tf_training.evaluate(tf_network, twin(loss), theirs, x, y),
            )
            bars.append((label, before, after, tf_after))
            table.append(
                (f"{rate}", initial, scale)
                + tuple(f"{n} of {2 * width}" for n in (before, after, tf_after))
                + tuple(f"{e.accuracy:.0%}" for e in found)
            )
chapter.table(
    f"Dead units of {2 * width} after {epochs} epochs on iris",
    ("rate", "initial weights", "input", "dead before")
    + ("after: refnn", "TensorFlow", "accuracy: refnn", "TensorFlow"),
    table,
)
chapter.say(
    "Raw lengths are all positive, so a unit whose weights are mostly negative is dead from the "
    "start. A large step pushes weights and biases so far that a unit is 0 for every sample; from "
    "then on its gradient is 0. A unit of the first hidden layer that is dead stays dead."
)

# %% The picture
figure, axis = plt.subplots(figsize=(9, 4.6))
labels, before, after, tf_after = zip(*bars, strict=True)
place = np.arange(len(bars))
bar = axis.barh(place, after, 0.7, color=REFNN["color"], alpha=0.45, label="after: refnn")
axis.barh(place, tf_after, 0.3, color=TFTWIN["color"], label="after: TensorFlow")
axis.plot(before, place, "|", color="black", markersize=22, label="before training")
axis.bar_label(bar, [f"{a} and {b}" for a, b in zip(after, tf_after, strict=True)], padding=5)
axis.set(
    title=f"dead relu units of {2 * width} after {epochs} epochs", xlabel="units", xlim=(-1, 78)
)
axis.set_yticks(place, labels)
axis.invert_yaxis()
axis.grid(axis="y", visible=False)
axis.legend(loc="upper right", markerscale=0.5)
chapter.picture(
    "dead",
    figure,
    f"Dead relu units on iris, from {min(after)} ({labels[np.argmin(after)]}) to {max(after)} "
    f"({labels[np.argmax(after)]}).",
)

# %%
chapter.finish()
