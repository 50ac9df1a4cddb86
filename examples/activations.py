"""Chapter 3: Activations, and what their derivatives do to a network.

On the way back each activation multiplies the gradient by its derivative:

    sigmoid' = σ (1 − σ) ≤ 0.25        relu' = 1 where x > 0, and 0 elsewhere

So n sigmoid layers multiply a gradient by at most 0.25ⁿ (the weights multiply it too): it
vanishes. relu lets it pass where x > 0. But a unit of relu that is 0 for every sample has no
gradient any more: it is dead. Leaky relu is α x for x ≤ 0: its derivative is never 0, and no unit
dies.
"""

# %% The four functions and their derivatives, from −6 to 6
from itertools import product

import numpy as np

import refnn
import tftwin
from examples.account import Account, kernel
from examples.page import Page, bars, both, figure, legend_below, spread, track
from refnn import (
    SGD,
    He,
    LeakyRelu,
    Model,
    Normal,
    Relu,
    Sigmoid,
    SoftmaxCrossentropy,
    Tanh,
    multilayer,
)
from refnn.activations import derivative
from refnn.datasets import iris, standardize

page = Page("activations", __doc__)
account = Account(page)

functions = {
    "sigmoid": Sigmoid(),
    "tanh": Tanh(),
    "relu": Relu(),
    "leaky relu, α = 0.2": LeakyRelu(alpha=0.2),
}


def compare(f, x):
    """Return f and f' of both libraries: (refnn, TensorFlow), (refnn, TensorFlow)."""
    from tftwin.activations import derivative as tf_derivative

    twin, wide = tftwin.twin(f), kernel(f)
    slopes = (lambda x: derivative(f, x), lambda x: tf_derivative(twin, x))
    return (
        account.agree("f", f.forward, twin.forward, x, bounded=wide.forward),
        account.agree("f'", *slopes, x, bounded=lambda x: derivative(wide, x)),
    )


x = np.linspace(-6, 6, 1201, dtype=np.float32)
picture, axes = figure(2, 2, size=(9, 7))
for axis, (name, f) in zip(axes.flat, functions.items(), strict=True):
    for label, values, color in zip(("f", "f'"), compare(f, x), ("C0", "C2"), strict=True):
        both(axis, x, *values, color, label)
        end = values[0][-1]
        axis.annotate(label, (6, end), (4, -4), textcoords="offset points", color=color, size=13)
    axis.plot(0, values[0][600], "o", color="C2", markersize=5)
    axis.set(title=name, xlabel="x")
legend_below(picture, axes[0, 0])
page.picture(
    "functions",
    picture,
    "Four activations f and their derivatives f'. The dots are f'(0): 0 in relu, α in leaky relu.",
)


# %% Their ranges, from −10 000 to 10 000
def span(values):
    return f"{values.min():g} … {values.max():g}"


wide = np.logspace(-4, 4, 401, dtype=np.float32)
wide = np.concatenate([-wide[::-1], [np.float32(0)], wide])
rows = []
for name, f in functions.items():
    values, slopes = compare(f, wide)
    at_zero = [f"{s[wide == 0][0]:g}" for s in slopes]
    rows.append((name, *map(span, values), *map(span, slopes), *at_zero))
    if name == "tanh":
        ours, theirs = slopes
page.table(
    "Smallest and largest value for x from −10 000 to 10 000",
    ("", "f: refnn", "TensorFlow", "f': refnn", "TensorFlow", "f'(0): refnn", "TensorFlow"),
    rows,
)
share = np.abs(ours - theirs) / np.maximum(ours, np.finfo(np.float32).tiny)
place = np.argmax(share)
page.say(
    "The sigmoid lies between 0 and 1 and never reaches them, nor does tanh reach −1 and 1; it is "
    "float32 that rounds to them. There 1 − tanh² is a difference of almost equal numbers, so that "
    f"two values of tanh' can differ much and agree within their bound: tanh'({wide[place]:.4g}) "
    f"is {ours[place]:.3g} in refnn and {theirs[place]:.3g} in TensorFlow."
)

# %% A deep network: the gradient of each layer at the first step, with sigmoid and with relu
depth = 4 if page.quick else 12
data = iris(np.float64)  # in float32 twelve layers can round so badly that no bound is left
x, y = standardize(data.x).x, data.y
norms, factors, through = {}, {}, {}
for name, function in (("sigmoid", Sigmoid()), ("relu", Relu())):
    model = Model(multilayer([4, *[16] * depth, 3], function), SoftmaxCrossentropy(), SGD(0.1))
    start = model.initial_state(np.random.default_rng(3), He(), np.float64)
    account.resynchronised(f"{depth} layers of {name}", model, start, [(x, y)], mode="eager")
    for side, found in (
        ("refnn", refnn.backpropagate(model, start.theta, x, y)),
        ("TensorFlow", tftwin.backpropagate(tftwin.twin(model), start.theta, x, y)),
    ):
        weights = found.gradients[::2]  # of W₁, b₁, W₂, b₂, …
        norms[name, side] = [np.linalg.norm(g) for g in weights]
        dz, dh = ([np.linalg.norm(g) for g in found.output_gradients[i::2]] for i in (0, 1))
        through[name, side] = dz[0] / dz[-1]
        factors[name, side] = [before / after for before, after in zip(dz, dh, strict=False)]

# %% The table: at the first layer hardly anything is left of the sigmoid net's gradient
page.table(
    "Gradient norm ‖∂loss/∂W‖ of each layer, and the factor ‖∂loss/∂z‖ / ‖∂loss/∂f(z)‖ of f'",
    ("layer", *(f"{name}: {side}" for name, side in norms))
    + ("σ': refnn", "TensorFlow", "relu': refnn", "TensorFlow"),
    [
        (f"{layer + 1}", *(f"{sizes[layer]:.2e}" for sizes in norms.values()))
        + tuple(f"{shares[layer]:.3f}" if layer < depth else "" for shares in factors.values())
        for layer in range(depth + 1)
    ],
)
for (name, side), shares in factors.items():
    shrinks, derivatives = through[name, side], np.prod(shares)
    page.say(
        f"{name}, {side}: from layer {depth + 1} back to layer 1, ‖∂loss/∂z‖ is multiplied by "
        f"{shrinks:.2g} = {derivatives:.2g} · {shrinks / derivatives:.2g}: the {depth} derivatives "
        f"(at most {max(shares):.3f} each), and the weights between them."
    )

# %% The picture
picture, axes = figure(1, 2, size=(11, 4.6))
for name, color in (("sigmoid", "C0"), ("relu", "C2")):
    sides = [(name, "refnn"), (name, "TensorFlow")]
    both(axes[0], range(1, depth + 2), *(norms[side] for side in sides), color, name)
    both(axes[1], range(1, depth + 1), *(factors[side] for side in sides), color, name)
axes[1].axhline(0.25, color="grey", linewidth=1)
axes[1].text(1, 0.27, "0.25, the largest σ'", color="grey")
axes[0].set(title="the weights' gradient", ylabel="‖∂loss/∂W‖", yscale="log")
axes[1].set(title="what f' makes of a gradient", ylabel="‖∂loss/∂z‖ / ‖∂loss/∂f(z)‖", ylim=(0, 1.1))
for axis in axes:
    axis.set(xlabel="layer", xticks=range(1, depth + 2))
legend_below(picture, axes[0])
page.picture(
    "vanishing",
    picture,
    f"The gradient on its way back through {depth} hidden layers of 16 units, before any training. "
    "Right: a sigmoid's derivative takes three quarters of a gradient or more, in every layer.",
)


# %% Dead relu units: 0 for every sample, before and after training
def dead_units(network, state, x):
    """Count the hidden units that are 0 for all samples; outputs are x, z, relu(z), z, …"""
    outputs = network.forward(state.theta, x)
    return sum(int(np.sum(np.all(h == 0, axis=0))) for h in outputs[2:-1:2])


width, epochs = 32, 2 if page.quick else 20
network = multilayer([4, width, width, 3], Relu())
weights = {"He": He(), "normal(0, 1)": Normal(stddev=1.0)}
features = {"standardized": standardize(data.x).x, "raw cm": data.x}
found = {}
for rate, initial, scale in product((0.01, 0.5), weights, features):
    model, x = Model(network, SoftmaxCrossentropy(), SGD(rate)), features[scale]
    start = model.initial_state(np.random.default_rng(1), weights[initial], np.float64)
    how = {"epochs": epochs, "batch_size": 30}
    ours, _ = refnn.fit(model, start, x, y, rng=np.random.default_rng(1), **how)
    theirs, _ = tftwin.fit(tftwin.twin(model), start, x, y, rng=np.random.default_rng(1), **how)
    account.resynchronised("dead units", model, start, [(x, y)] * epochs, every=5, mode="eager")
    counts = [dead_units(network, state, x) for state in (start, ours, theirs)]
    found[f"{rate}, {initial}, {scale}"] = counts
page.table(
    f"Dead units of {2 * width} after {epochs} epochs on iris",
    ("rate, initial weights, input", "before", "after: refnn", "after: TensorFlow"),
    [(label, *map(str, counts)) for label, counts in found.items()],
)
page.say(
    "Raw lengths are all positive, so a unit whose weights are mostly negative is dead from the "
    "start. A large step pushes weights and biases so far that a unit is 0 for every sample; from "
    "then on its gradient is 0. A unit of the first hidden layer that is dead stays dead."
)

# %% The picture
before, after, tf_after = zip(*found.values(), strict=True)
picture, axis = figure(size=(9, 4.6))
texts = [f"{a} and {b}" for a, b in zip(after, tf_after, strict=True)]
bars(axis, [*found], after, tf_after, texts)
axis.plot(before, range(len(before)), "|", color="black", markersize=22, label="before training")
axis.set(title=f"dead relu units of {2 * width}", xlabel="units", xlim=(-1, 78))
axis.legend(loc="upper right", markerscale=0.5)
low, high = min(found, key=lambda k: found[k][1]), max(found, key=lambda k: found[k][1])
page.picture(
    "dead",
    picture,
    f"Dead relu units on iris after {epochs} epochs, from {found[low][1]} ({low}) to "
    f"{found[high][1]} ({high}).",
)

# %% Leaky relu beside relu: the same initial weights, raw centimetres, where relu loses units
seeds, epochs = (2, 2) if page.quick else (20, 20)
order = np.random.default_rng(116).permutation(150)
train, held_out = order[:-30], order[-30:]
x, y = iris().x, iris().y
results = {}
for name, function in (("relu", Relu()), ("leaky relu", LeakyRelu())):
    model = Model(multilayer([4, 16, 16, 3], function), SoftmaxCrossentropy(), SGD(0.1))
    twin, ours = tftwin.twin(model), []
    for seed in track(range(seeds), f"activations: {name}"):
        start = model.initial_state(np.random.default_rng(seed))
        how = {"epochs": epochs, "progress": False, "rng": np.random.default_rng(1000 + seed)}
        state, _ = refnn.fit(model, start, x[train], y[train], **how)
        seen = refnn.evaluate(model, state, x[train], y[train])
        unseen = refnn.evaluate(model, state, x[held_out], y[held_out])
        ours.append((seen, unseen, dead_units(model.network, state, x[train])))
    how["rng"] = np.random.default_rng(1000 + seed)
    state, _ = tftwin.fit(twin, start, x[train], y[train], **how)  # the last of the runs
    theirs = tftwin.evaluate(twin, state, x[train], y[train]).loss
    account.resynchronised(f"{name}, raw cm", model, start, [(x[train], y[train])] * epochs)
    results[name] = ours, theirs
page.table(
    f"{seeds} runs on raw iris, 4-16-16-3, {epochs} epochs: median [smallest … largest]",
    ("", "training loss", "training accuracy", "held-out accuracy", "dead units")
    + ("last run: refnn", "TensorFlow"),
    [
        (
            name,
            spread([run.loss for run, _, _ in ours]),
            spread([run.accuracy for run, _, _ in ours], ".0%"),
            spread([run.accuracy for _, run, _ in ours], ".0%"),
            spread([count for _, _, count in ours], ".0f"),
            *(f"{loss:.5f}" for loss in (ours[-1][0].loss, theirs)),
        )
        for name, (ours, theirs) in results.items()
    ],
)
lower = sum(
    leaky[0].loss < relu[0].loss
    for relu, leaky in zip(results["relu"][0], results["leaky relu"][0], strict=True)
)
page.say(
    f"With the same initial weights and the same batches, leaky relu ends with the lower training "
    f"loss in {lower} of {seeds} runs."
)

# %%
account.finish()
