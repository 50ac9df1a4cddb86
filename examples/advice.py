"""Chapter 3b: Four pieces of advice to beginners, and the range of an activation.

    use relu
    use a small learning rate
    standardize the features: mean 0, deviation 1
    draw the initial weights around 0, with the deviation √(2 / number of inputs)

Each is tried by leaving it out, in a network of six hidden layers that is trained many times. A
run succeeds if its loss falls below 0.15 (a network that only guesses has ln 3 = 1.0986).

The output of an activation may be bounded (sigmoid, tanh) or not (relu, leaky relu). A bounded one
cannot overflow. An unbounded one grows with the weights, and bears only a smaller learning rate.
"""

# %% All four pieces of advice, and each of them left out
import numpy as np

import refnn
import tftwin
from examples.account import Account
from examples.page import Page, figure, spread, track
from refnn import (
    SGD,
    He,
    LeakyRelu,
    Model,
    NonFiniteError,
    Normal,
    Relu,
    Sigmoid,
    SoftmaxCrossentropy,
    Tanh,
    multilayer,
)
from refnn.datasets import iris, standardize


class OnlyPositive:
    """He's weights without their signs: the mean is not 0."""

    def sample(self, shape, rng):
        return np.abs(He().sample(shape, rng))


page = Page("advice", __doc__)
account = Account(page)
raw, y = iris().x, iris().y
x = standardize(raw).x
seeds, epochs = (2, 3) if page.quick else (20, 30)


def losses_of(library, model, start, x, seed, epochs):
    """Train, and return the loss after each epoch; infinity at the end if the run overflowed."""
    losses = []

    def look(epoch, state, history):
        with np.errstate(all="ignore"):  # a state may be finite and its loss too large
            losses.append(library.evaluate(model, state, x, y).loss)

    rng = np.random.default_rng(1000 + seed)
    how = {"epochs": epochs, "batch_size": 30, "rng": rng, "callback": look, "progress": False}
    try:
        library.fit(model, start, x, y, **how)
    except NonFiniteError:
        losses.append(np.inf)
    return losses


settings = {  # activation, features, initial weights, learning rate
    "all four": (Relu(), x, He(), 0.1),
    "sigmoid instead of relu": (Sigmoid(), x, He(), 0.1),
    "tanh instead of relu": (Tanh(), x, He(), 0.1),
    "rate 3": (Relu(), x, He(), 3.0),
    "rate 1": (Relu(), x, He(), 1.0),
    "rate 0.01": (Relu(), x, He(), 0.01),
    "features in raw cm": (Relu(), raw, He(), 0.1),
    "weights normal(0, 1)": (Relu(), x, Normal(stddev=1.0), 0.1),
    "weights normal(0, 0.01)": (Relu(), x, Normal(stddev=0.01), 0.1),
    "weights not around 0": (Relu(), x, OnlyPositive(), 0.1),
}

rows, succeed, reached = [], {}, {}
for label, (function, features, initializer, rate) in track(settings.items(), "advice"):
    model = Model(multilayer([4, *[16] * 6, 3], function), SoftmaxCrossentropy(), SGD(rate))
    starts = [model.initial_state(np.random.default_rng(s), initializer) for s in range(seeds)]
    runs = [
        losses_of(refnn, model, start, features, seed, epochs) for seed, start in enumerate(starts)
    ]
    theirs = losses_of(tftwin, tftwin.twin(model), starts[0], features, 0, epochs)
    account.resynchronised("advice", model, starts[0], [(features, y)] * 3)
    ends = np.array([run[-1] for run in runs])
    first = [next((i for i, v in enumerate(run, 1) if v < 0.15), epochs + 1) for run in runs]
    succeed[label], reached[label] = np.sum(ends < 0.15), ends
    rows.append(
        (label, f"{succeed[label]} / {np.sum(~np.isfinite(ends))}", spread(ends, ".2f"))
        + (spread(first, ".0f"), f"{ends[0]:.5f}", f"{theirs[-1]:.5f}")
    )
page.table(
    f"Iris, six hidden layers of 16, {seeds} runs of {epochs} epochs: median [smallest … largest]",
    ("", "runs that succeed / overflow", "loss at the end")
    + (f"epochs until below 0.15 ({epochs + 1}: never)",)
    + ("first run: refnn", "TensorFlow"),
    rows,
)


def counted(labels):
    return "; ".join(f"{label} ({succeed[label]})" for label in labels) or "none"


others = [label for label in settings if label != "all four"]
near = [k for k in others if abs(succeed[k] - succeed["all four"]) <= seeds / 10]
page.say(
    f"With all four pieces of advice {succeed['all four']} of {seeds} runs succeed. About as many, "
    f"which means no difference, with: {counted(near)}. Others: "
    f"{counted(k for k in others if k not in near)}. A rate may fail because it is too large, and "
    "because it is too small for the number of epochs. (The first runs are free: each library goes "
    "on with its own numbers, and differences in the last bit may grow.)"
)

# %% The picture: the loss of every run
picture, axis = figure(size=(9, 4.8))
for place, ends in enumerate(reached.values()):
    shown = np.where(ends < 30, ends, 30)  # overflow stands at the right edge
    axis.plot(shown, np.full(seeds, place), "o", color="C0" if place else "C2", alpha=0.4)
axis.axvline(0.15, color="grey", linewidth=1)
axis.axvline(np.log(3), color="grey", linewidth=1, linestyle=":")
axis.set_yticks(range(len(reached)), [f"{k}: {succeed[k]} of {seeds}" for k in reached])
axis.set(xscale="log", xlabel=f"loss after {epochs} epochs (left of the line: success)")
axis.invert_yaxis()
page.picture(
    "left_out",
    picture,
    f"One dot for each of {seeds} runs. Dotted: ln 3, the loss of a network that only guesses. An "
    "overflow, or a loss above 30, is drawn at 30.",
)

# %% Why less advice can look better: the first steps are longer
few, many, seeds = *((2, 4) if page.quick else (20, 200)), min(seeds, 10)
rows, table = [], {}
for initial, initializer in (("He", He()), ("normal(0, 1)", Normal(stddev=1.0))):
    for scale, features in (("standardized", x), ("raw cm", raw)):
        label, sizes = f"{initial}, {scale}", [4, 32, 32, 3]
        slow, fast = (
            Model(multilayer(sizes, Relu()), SoftmaxCrossentropy(), SGD(r)) for r in (0.01, 0.1)
        )
        starts = [slow.initial_state(np.random.default_rng(s), initializer) for s in range(seeds)]
        slopes = [
            np.linalg.norm(np.concatenate(found.gradients, axis=None))
            for found in (refnn.backpropagate(slow, s.theta, features, y) for s in starts)
        ]
        long = [losses_of(refnn, slow, start, features, s, many) for s, start in enumerate(starts)]
        short = [losses_of(refnn, fast, start, features, s, few) for s, start in enumerate(starts)]
        theirs = losses_of(tftwin, tftwin.twin(slow), starts[0], features, 0, few)
        account.resynchronised("longer steps", slow, starts[0], [(features, y)] * 3)
        table[label] = slopes, [run[few - 1] for run in long], [run[-1] for run in long]
        table[label] += ([run[-1] for run in short],)
        rows.append(
            (label, spread(slopes, ".0f"), *(spread(losses, ".2f") for losses in table[label][1:]))
            + (f"{long[0][few - 1]:.5f}", f"{theirs[-1]:.5f}")
        )
page.table(
    f"Two hidden layers of 32 on iris, {seeds} runs: the first gradient, and the loss",
    ("", "‖gradient‖ at the start", f"rate 0.01, {few} epochs", f"rate 0.01, {many} epochs")
    + (f"rate 0.1, {few} epochs", "first run, rate 0.01: refnn", "TensorFlow"),
    rows,
)
medians = {label: [float(np.median(column)) for column in table[label]] for label in table}
advised, other = medians["He, standardized"], medians["normal(0, 1), raw cm"]
best = min(medians, key=lambda label: medians[label][2])
page.say(
    f"At rate 0.01 after {few} epochs the median loss is {advised[1]:.3f} with the advice, and "
    f"{other[1]:.3f} with weights of deviation 1 on raw centimetres. This compares two lengths of "
    "a step, and not the advice: the length is the rate times the gradient, and the first gradient "
    f"is {advised[0]:.3g} with the advice and {other[0]:.3g} without. With ten times the rate the "
    f"advice ends at {advised[3]:.3f} in {few} epochs ({advised[2]:.3f} in {many} epochs at 0.01), "
    f"and without it the loss is {other[3]:.3f}."
)
page.say(
    f"After {many} epochs at rate 0.01 the smallest median, {medians[best][2]:.3f}, belongs to "
    f"{best}: with only two hidden layers "
    + ("the advice is best here" if best == "He, standardized" else "less advice can do better")
    + f". With six, {succeed['all four']} runs succeed with all four pieces, and "
    f"{succeed['weights normal(0, 1)']} with normal(0, 1)."
)

# %% Bounded or not: four hidden layers with large initial weights, at five learning rates
shapes = {"sigmoid": Sigmoid(), "tanh": Tanh(), "relu": Relu(), "leaky relu": LeakyRelu()}
rates, epochs = (0.01, 0.03, 0.1, 0.3, 1.0), 1 if page.quick else 20
rows, good, lost = [], {}, {}
for name, function in track(shapes.items(), "advice: bounded or not"):
    network = multilayer([4, *[16] * 4, 3], function)
    model = Model(network, SoftmaxCrossentropy())
    starts = [
        model.initial_state(np.random.default_rng(s), Normal(stddev=1.0)) for s in range(seeds)
    ]
    outputs = [h for start in starts for h in network.forward(start.theta, x)[2:-1:2]]
    good[name], lost[name] = [], []
    for rate in rates:
        model = Model(network, SoftmaxCrossentropy(), SGD(rate))
        ends = [losses_of(refnn, model, s, x, i, epochs)[-1] for i, s in enumerate(starts)]
        if rate == 0.03:
            theirs = losses_of(tftwin, tftwin.twin(model), starts[0], x, 0, epochs)[-1]
            first = ends[0]
            account.resynchronised("bounded or not", model, starts[0], [(x, y)] * 2)
        good[name].append(int(np.sum(np.array(ends) < 0.3)))
        lost[name].append(int(np.sum(~np.isfinite(ends))))
    counts = (f"{a} / {b}" for a, b in zip(good[name], lost[name], strict=True))
    largest = f"{max(np.abs(h).max() for h in outputs):.3g}"
    rows.append((name, largest, *counts, f"{first:.5f}", f"{theirs:.5f}"))
page.table(
    f"Bounded or not, weights normal(0, 1), {epochs} epochs: how many of {seeds} runs end with a "
    "loss below 0.3 / how many overflow",
    ("", "largest output at the start", *(f"rate {rate}" for rate in rates))
    + ("first run, rate 0.03: refnn", "TensorFlow"),
    rows,
)
highest = {
    name: max((r for r, n in zip(rates, counts, strict=True) if 2 * n >= seeds), default=None)
    for name, counts in good.items()
}
page.say(
    "The largest rate at which at least half of the runs get there: "
    + ", ".join(f"{name} {rate or 'none'}" for name, rate in highest.items())
    + ". Runs that overflow: "
    + ", ".join(f"{name} {sum(counts)}" for name, counts in lost.items())
    + f" of {seeds * len(rates)}. (The initial weights are large on purpose.)"
)

# %%
account.finish()
