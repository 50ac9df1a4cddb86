"""Chapter 6: five optimizers on iris.

A network 4-3 with softmax and the mean squared error; 120 flowers to learn from, 30 held out. With
g the gradient of a batch, each rule moves a weight by −lr times

    SGD        g
    SGDM       m,            m = β m + (1 − β) g
    Adagrad    g / (√v + ε), v = v + g²
    RMSProp    g / (√v + ε), v = β v + (1 − β) g²
    Adam       m̂ / (√v̂ + ε), m and v as above, m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ)

Which is the best? All of them arrive, so the accuracy at the end does not tell. The chapter counts
how they arrive: the epoch from which the loss stays low and the held-out flowers stay right, the
time of a step, and how often the loss rises. The answer depends on the learning rate, which is 0.1
as in the tutorial; the last table tries others. Chapter 6a follows the last bit on these paths.
"""

# %% The data: the rows shuffled once, the last thirty held out
import time

import numpy as np

import refnn
import tftwin
from examples.account import Account
from examples.page import Page, bars, both, figure, legend_below, spread, track
from refnn import (
    SGD,
    SGDM,
    Activation,
    Adagrad,
    Adam,
    Dense,
    MeanSquaredError,
    Model,
    Network,
    NonFiniteError,
    RMSProp,
    Softmax,
    TruncatedNormal,
)
from refnn.datasets import batches, iris

page = Page("optimizers", __doc__)
account = Account(page)

# The tutorial's np.random.seed(116); np.random.shuffle(x), and the same for y, give this order.
order = np.random.RandomState(116).permutation(150)
flowers = iris()
x, y = flowers.x[order[:-30]], flowers.y[order[:-30]]
held = flowers.x[order[-30:]], flowers.y[order[-30:]]

network = Network([Dense(4, 3), Activation(Softmax())])
rules = {rule.__name__: rule for rule in (SGD, SGDM, Adagrad, RMSProp, Adam)}
models = {name: Model(network, MeanSquaredError(), rule(0.1)) for name, rule in rules.items()}


def first_state(model, seed=0):
    """Return weights from a normal distribution of deviation 0.1, cut at 0.2, and biases 0."""
    return model.initial_state(np.random.default_rng(seed), TruncatedNormal(0.1))


# %% Five runs in both libraries, from the same weights, and seven more draws in refnn alone
epochs, draws = (25, 2) if page.quick else (500, 8)
options = {"epochs": epochs, "batch_size": 32, "validation": held, "progress": False}
histories, others = {}, {}
for name, model in track(models.items(), "optimizers: refnn and TensorFlow"):
    start = first_state(model)
    _, ours = refnn.fit(model, start, x, y, **options)
    _, theirs = tftwin.fit(tftwin.twin(model), start, x, y, **options)
    histories[name] = {"refnn": ours, "TensorFlow": theirs}
    others[name] = [ours] + [
        refnn.fit(model, first_state(model, seed), x, y, **options)[1] for seed in range(1, draws)
    ]

# %% The time of a step: the five in turns, so that a busy moment meets all of them
turns, steps = (3, 20) if page.quick else (30, 100)
states = {name: first_state(model) for name, model in models.items()}
trainers = {name: tftwin.Trainer(tftwin.twin(m), states[name]) for name, m in models.items()}
seconds = {name: {"refnn": [], "TensorFlow": []} for name in models}
rows = [np.arange(32)] * steps
for trainer in trainers.values():
    trainer.run(x, y, rows)  # TensorFlow traces its graph once
for _ in track(range(turns), "optimizers: the time of a step"):
    for name, model in models.items():
        began = time.perf_counter()
        for batch in rows:
            states[name] = refnn.train_step(model, states[name], x[batch], y[batch]).state
        middle = time.perf_counter()
        trainers[name].run(x, y, rows)
        seconds[name]["refnn"].append(middle - began)
        seconds[name]["TensorFlow"].append(time.perf_counter() - middle)
time_of = {
    name: {library: 1e6 / steps * np.median(s) for library, s in of.items()}
    for name, of in seconds.items()
}


# %% What each reached, and from which epoch on
def for_good(reached):
    """Return the epoch from which something stays true; infinity if it is not true at the end."""
    if not reached[-1]:
        return np.inf
    return len(reached) - int(np.argmin(reached[::-1])) + 1 if not reached.all() else 1


def figures(history):
    """Return the last loss and accuracy, two epochs, and how often the loss rose."""
    loss, right = np.array(history.loss), np.array(history.validation_accuracy)
    return (
        loss[-1],
        right[-1],
        for_good(loss < 0.05),
        for_good(right > 0.95),
        (np.diff(loss) > 0).sum(),
    )


found = {name: {side: figures(h) for side, h in of.items()} for name, of in histories.items()}
columns = ("loss < 0.05 from epoch", "held out > 95 % from epoch", "epochs in which the loss rose")
page.table(
    f"After {epochs} epochs at the rate 0.1 (inf: not yet)",
    ("optimizer", "library", "loss", "held out right", *columns, "µs a step"),
    [
        (name, side, f"{loss:.4f}", f"{right:.1%}", f"{low}", f"{known}", f"{rises}")
        + (f"{time_of[name][side]:.1f}",)
        for name, of in found.items()
        for side, (loss, right, low, known, rises) in of.items()
    ],
)
drawn = {name: np.array([figures(h) for h in hs]).T for name, hs in others.items()}
forms = (".4f", ".0%", ".0f", ".0f", ".0f")
page.table(
    f"The same from {draws} draws of the first weights, refnn alone: median and range",
    ("optimizer", "loss", "held out right", *columns),
    [
        (name, *(spread(v, form) for v, form in zip(values, forms, strict=True)))
        for name, values in drawn.items()
    ],
)

# %% The conclusion, from these numbers
median = {name: np.median(values, axis=1) for name, values in drawn.items()}
right = np.concatenate([values[1] for values in drawn.values()])
page.say(
    f"At the end, {np.sum(right == 1)} of {len(right)} runs of refnn know all held-out flowers"
    + (": the accuracy at the end ranks nothing." if np.all(right == 1) else ".")
)
arrived = {name: m[2] for name, m in median.items() if np.isfinite(m[2])}
if len(arrived) > 1:
    first, last = min(arrived, key=arrived.get), max(arrived, key=arrived.get)
    ratio = arrived[last] / arrived[first]
    dearer = {side: time_of[first][side] / time_of[last][side] for side in ("refnn", "TensorFlow")}
    page.say(
        f"{first} has a loss below 0.05 for good from epoch {arrived[first]:.0f} on, {last} from "
        f"epoch {arrived[last]:.0f} on: {ratio:.1f} times as many. A step of {first} takes "
        f"{dearer['refnn']:.2f} times as long as a step of {last} in refnn, and "
        f"{dearer['TensorFlow']:.2f} times in TensorFlow, so {first} is there "
        f"{ratio / dearer['refnn']:.1f} times sooner in time."
    )
smooth = [name for name, values in drawn.items() if values[4].max() == 0]
jumps = max(median, key=lambda name: median[name][4])
lowest = min(median, key=lambda name: median[name][0])
page.say(
    "The loss never rises from one epoch to the next, in any draw, with "
    f"{' and '.join(smooth) or 'none of them'}. It rises most often with {jumps}, in "
    f"{median[jumps][4]:.0f} of {epochs - 1} epochs (median). The lowest loss at the end is "
    f"that of {lowest}, {median[lowest][0]:.4f}."
)

# %% The ranking belongs to the rate: each optimizer at seven rates, refnn alone
rates, short = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0), epochs * 2 // 5
ends = {}
for name, rule in track(rules.items(), "optimizers: seven rates"):
    for rate in rates:
        model = Model(network, MeanSquaredError(), rule(rate))
        try:
            _, history = refnn.fit(
                model, first_state(model), x, y, epochs=short, batch_size=32, progress=False
            )
            ends[name, rate] = np.mean(history.loss[-5:])
        except NonFiniteError:
            ends[name, rate] = np.inf
page.table(
    f"The loss after {short} epochs, mean of the last five",
    ("optimizer", *(f"rate {rate:g}" for rate in rates)),
    [(name, *(f"{ends[name, rate]:.4f}" for rate in rates)) for name in rules],
)
best = {name: min(rates, key=lambda rate, name=name: ends[name, rate]) for name in rules}
ranked = sorted(rules, key=lambda name: ends[name, best[name]])
page.say(
    "Each at the best of these rates, from the lowest loss to the highest: "
    + ", ".join(f"{name} {ends[name, best[name]]:.4f} at {best[name]:g}" for name in ranked)
    + ". A ranking of optimizers is a ranking at a rate."
)

# %% The five in one picture: loss, accuracy, time
fig, (left, middle, right) = figure(1, 3, (15, 5.2), gridspec_kw={"width_ratios": (3, 3, 1.8)})
epoch, colors = 1 + np.arange(epochs), ("#1b9e77", "#d95f02", "#7570b3", "#e7298a", "#66a61e")
for (name, of), color in zip(histories.items(), colors, strict=True):
    both(left, epoch, *(h.loss for h in of.values()), color, name)
    both(middle, epoch, *(h.validation_accuracy for h in of.values()), color, name)
    for line in (*left.lines[-2:], *middle.lines[-2:]):
        line.set(drawstyle="steps-mid" if line in middle.lines else "default")
        line.set_zorder(1.5 if name == jumps else 2)  # the one that jumps lies below the others
times = [[time_of[name][side] for name in rules] for side in ("refnn", "TensorFlow")]
bars(
    right,
    [*rules],
    *times,
    [f"{a / times[0][0]:.2f}, {b / times[1][0]:.2f}" for a, b in zip(*times, strict=True)],
)
left.set(xscale="log", yscale="log", xlabel="epoch", title="loss, mean of the epoch's batches")
middle.set(xscale="log", xlabel="epoch", title="accuracy, 30 held-out flowers")
right.set(title="µs a step", xlim=(0, 1.5 * np.max(times)))
legend_below(fig, left, 5)
page.picture(
    "curves",
    fig,
    "The five optimizers at the rate 0.1, refnn broad and pale, TensorFlow thin and dashed. Right: "
    "the time of a step (blue refnn, orange TensorFlow), and beside it how many times that of SGD "
    "it is, in refnn and in TensorFlow.",
)

# %% The account: each run once more, both libraries in one state before every step compared
steps = [(x[rows], y[rows]) for rows in batches(len(x), 32)] * epochs
for name, model in models.items():
    account.resynchronised(name, model, first_state(model), steps, every=len(steps) // 50)
account.finish()
