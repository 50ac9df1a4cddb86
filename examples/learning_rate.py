"""Chapter 2: An exponentially decaying learning rate.

One weight w, loss (w + 1)², from w = 5. The minimum is at w = −1. The tutorial's rate is

    lr₀ · r^(t / LR_STEP) = 0.2 · 0.99^t        with LR_STEP = 1, t = 0, 1, 2, …

A step multiplies the distance w + 1 by 1 − 2 lr. With the tutorial's rate the weight arrives. At a
constant 0.001 the factor is 0.998, and the weight hardly moves; at a constant 0.999 the factor is
−0.998, and the weight jumps from side to side. A constant 0.2 arrives too: this loss is the same in
every step, and near the minimum its gradient vanishes by itself. Decay helps if every step sees
other samples. Then the gradient of a step is not 0 at the minimum, and only a smaller rate makes
the steps smaller.

LR_STEP is the number of steps in which the rate falls by the factor r. If it is too small, the
weight stops before it arrives; if it is too large, the weight still jitters at the end. A staircase
rounds t / LR_STEP down, so that the rate falls once in LR_STEP steps.
"""

# %% The loss (w + 1)², as a network without bias: x = 1, y_pred = w, y_true = −1
import numpy as np

import refnn
import tftwin
from examples.account import Account
from examples.page import Page, both, figure, legend_below, spread, track
from refnn import SGD, Constant, Dense, ExponentialDecay, MeanSquaredError, Model, Network, Normal

page = Page("learning_rate", __doc__)
account = Account(page)

x, y = np.ones((1, 1), np.float32), -np.ones((1, 1), np.float32)
five = np.array([5.0], np.float32)

# %% Forty epochs under four schedules, in both libraries
epochs = 10 if page.quick else 40
decay = ExponentialDecay(0.2, 0.99, decay_steps=1)
schedules = {
    "0.2 · 0.99^t": decay,
    "constant 0.2": Constant(0.2),
    "constant 0.001": Constant(0.001),
    "constant 0.999": Constant(0.999),
}
paths, losses = {}, {}
for label, schedule in schedules.items():
    model = Model(Network([Dense(1, 1, use_bias=False)]), MeanSquaredError(), SGD(schedule))
    start = model.state_at(five)
    ours, theirs = [5.0], [5.0]  # w before the first epoch, and after each
    _, history = refnn.fit(
        *(model, start, x, y),
        epochs=epochs,
        callback=lambda epoch, state, history, w=ours: w.append(state.theta[0]),
    )
    tftwin.fit(
        *(tftwin.twin(model), start, x, y),
        epochs=epochs,
        callback=lambda epoch, state, history, w=theirs: w.append(state.theta[0]),
    )
    account.resynchronised("w from 5", model, start, [(x, y)] * epochs)
    paths[label], losses[label] = (ours, theirs), history.loss

# %% The table of the tutorial: after each epoch the weight, the loss, the rate
ours, theirs = paths["0.2 · 0.99^t"]
page.table(
    "lr₀ = 0.2, decay 0.99 an epoch",
    ("epoch", "learning rate", "loss before", "w, refnn", "w, TensorFlow"),
    [
        (str(t), f"{decay(t):.6f}", f"{loss:.6f}", f"{ours[t + 1]:.6f}", f"{theirs[t + 1]:.6f}")
        for t, loss in enumerate(losses["0.2 · 0.99^t"])
    ],
)
page.table(
    f"The weight after {epochs} epochs, and its distance from −1",
    ("learning rate", "w, refnn", "w, TensorFlow", "distance, refnn", "distance, TensorFlow"),
    [
        (label, *(f"{w[-1]:.6f}" for w in both_w), *(f"{abs(w[-1] + 1):.2g}" for w in both_w))
        for label, both_w in paths.items()
    ],
)
with_decay, without = (abs(paths[label][0][-1] + 1) for label in ("0.2 · 0.99^t", "constant 0.2"))
page.say(
    f"Here decay {'helps' if with_decay < without else 'does not help'}: the weight ends "
    f"{with_decay:.2g} from the minimum with it, and {without:.2g} with the constant rate 0.2."
)

# %% The curves, on one scale
picture, axes = figure(2, 2, size=(10, 6), sharex=True, sharey=True)
for axis, (label, (ours, theirs)) in zip(axes.flat, paths.items(), strict=True):
    both(axis, range(epochs + 1), ours, theirs)
    axis.axhline(-1, color="grey", linewidth=0.8)
    axis.set(title=f"learning rate {label}", xlabel="epochs", ylabel="w")
    axis.label_outer()
axes[0, 0].legend()
page.picture(
    "weight", picture, "The weight on its way from 5 to the minimum at −1, under four schedules."
)

# %% Where decay helps: the yoghurt sales, one day in each step, ten runs from ten weights
data = refnn.datasets.yoghurt()
best = data.x @ np.linalg.lstsq(data.x, data.y, rcond=None)[0]
smallest = float(np.mean((best - data.y) ** 2))  # no weights have a smaller loss on all days
epochs, seeds = (4, 2) if page.quick else (40, 10)
schedules = {"constant 0.2": Constant(0.2)}
for steps in (1, 4, 10, 32):
    schedules[f"LR_STEP {steps}"] = ExponentialDecay(0.2, 0.99, steps)
    if steps > 1:
        schedules[f"LR_STEP {steps}, staircase"] = ExponentialDecay(0.2, 0.99, steps, True)


def excess_after_epochs(library, model, start, seed):
    """Train, and return after each epoch how far the loss on all days is above the smallest."""
    excess = []
    library.fit(
        *(model, start, data.x, data.y),
        epochs=epochs,
        batch_size=1,
        rng=np.random.default_rng(1000 + seed),
        callback=lambda epoch, state, history: excess.append(
            library.evaluate(model, state, data.x, data.y).loss / smallest - 1
        ),
        progress=False,
    )
    return np.array(excess)


curves, ends = {}, {}
for label, schedule in track(schedules.items(), "learning_rate: yoghurt"):
    model = Model(Network([Dense(2, 1, use_bias=False)]), MeanSquaredError(), SGD(schedule))
    starts = [
        model.initial_state(np.random.default_rng(seed), Normal(stddev=1.0))
        for seed in range(seeds)
    ]
    runs = [excess_after_epochs(refnn, model, start, s) for s, start in enumerate(starts)]
    one = excess_after_epochs(tftwin, tftwin.twin(model), starts[0], 0)
    days = [(data.x[i : i + 1], data.y[i : i + 1]) for i in range(32)]
    account.resynchronised("yoghurt, one day a step", model, starts[0], days * epochs, every=40)
    curves[label] = runs[0], one
    ends[label] = np.mean(np.array(runs)[:, -epochs // 10 :], axis=1), np.mean(one[-epochs // 10 :])

# %% The table, and what it says
steps = 32 * epochs
page.table(
    f"Yoghurt sales, {steps} steps with one day each: loss above the smallest in the last tenth",
    (
        *("0.2 · 0.99^(t / LR_STEP)", "rate at the end", f"refnn, {seeds} runs"),
        *("first run: refnn", "TensorFlow"),
    ),
    [
        (
            label,
            f"{schedules[label](steps - 1):.2g}",
            spread(ours, ".3%"),
            *(f"{end:.4%}" for end in (ours[0], theirs)),
        )
        for label, (ours, theirs) in ends.items()
    ],
)
middle, worst = ({k: f(ours) for k, (ours, _) in ends.items()} for f in (np.median, np.max))
last = {label: schedule(steps - 1) for label, schedule in schedules.items()}
winner = min(middle, key=middle.get)
page.say(
    f"With the constant rate the loss ends {middle['constant 0.2']:.2%} above the smallest (median "
    f"of {seeds} runs). The smallest excess, {middle[winner]:.4%}, belongs to {winner}. With "
    f"LR_STEP 1 the rate ends at {last['LR_STEP 1']:.2g}, and the worst run is "
    f"{worst['LR_STEP 1']:.2%} above the smallest loss. With LR_STEP 32 the rate ends at "
    f"{last['LR_STEP 32']:.2g}, and the median is {middle['LR_STEP 32']:.2%} above."
)
ratios = [middle[f"LR_STEP {k}, staircase"] / middle[f"LR_STEP {k}"] for k in (4, 10, 32)]
page.say(
    "Smooth or staircase: the excess of the staircase is "
    + ", ".join(f"{ratio:.2f}" for ratio in ratios)
    + " times the excess of the smooth rate, for LR_STEP 4, 10 and 32."
)

# %% The picture: the rates, the first of them enlarged, and the excess loss
picture, axes = figure(1, 3, size=(13, 4.6), width_ratios=(3, 2, 4))
for place, label in enumerate(("constant 0.2", "LR_STEP 1", "LR_STEP 4", "LR_STEP 32")):
    color, rates = f"C{place}", [schedules[label](t) for t in range(steps)]
    axes[0].plot(rates, color, label=label)
    if place < 3:
        both(axes[2], range(1, epochs + 1), *curves[label], color, label)
for label, style in (("LR_STEP 32", "C3-"), ("LR_STEP 32, staircase", "k:")):
    axes[1].plot([schedules[label](t) for t in range(129)], style, label=label)
axes[0].legend(loc=(0.5, 0.38))
axes[1].legend(loc="lower left")
axes[0].set(title="the rate", xlabel="steps", ylabel="rate")
axes[1].set(title="its first 128 steps", xlabel="steps", xticks=range(0, 129, 32))
axes[2].set(title="loss above the smallest, run 1", xlabel="epochs", ylabel="share of the smallest")
axes[2].set(yscale="log")
legend_below(picture, axes[2], columns=3)
page.picture(
    "decay",
    picture,
    f"Yoghurt sales, one day in each step. The rate 0.2 · 0.99^(t / LR_STEP), and how far the loss "
    f"on all {len(data.x)} days is above the smallest one.",
)

# %%
account.finish()
