"""Chapter 4: losses, and what a network learns from them.

Yoghurt: predict a day's sales y from two numbers, ŷ = w₁ x₁ + w₂ x₂. The truth is x₁ + x₂ plus
noise. The mean squared error finds weights near 1:

    mean (ŷ − y)²

A shop counts in money. A yoghurt too many loses its COST, one too few loses the PROFIT that it
would have made:

    Σ COST · (ŷ − y) where ŷ > y,    Σ PROFIT · (y − ŷ) elsewhere

Where the profit is large, it pays to bake too many, and the weights rise above 1. Where the cost is
large, they fall below 1.

Chapter 4a is about the loss for classes, the cross-entropy.
"""

# %% The data, and three models that differ in the loss alone
import numpy as np

import refnn
import tftwin
from examples.account import Account
from examples.page import REFNN, TFTWIN, Page, both, figure, legend_below
from refnn import (
    SGD,
    Asymmetric,
    Dense,
    MeanSquaredError,
    Model,
    Network,
    Normal,
)
from refnn.datasets import yoghurt

page = Page("losses", __doc__)
account = Account(page)

x, y = yoghurt().x, yoghurt().y
network, rate = Network([Dense(2, 1, use_bias=False)]), 0.002
losses = {
    "MSE": MeanSquaredError(),
    "cost 1, profit 99": Asymmetric(cost=1, profit=99),
    "cost 99, profit 1": Asymmetric(cost=99, profit=1),
}
models = {label: Model(network, loss, SGD(rate)) for label, loss in losses.items()}
twins = {label: tftwin.twin(model) for label, model in models.items()}

# %% The tutorial's loop, in both libraries: every step sees all days, every tenth θ is kept
paths, closer = {}, {}
for label, model in models.items():
    looks = (1500 if label == "MSE" else 1000) // (10 if page.quick else 1)
    start = model.initial_state(np.random.default_rng(1), Normal(stddev=1.0))
    state, trainer = start, tftwin.Trainer(twins[label], start)
    path, tf_path = [start.theta], [start.theta]
    for _ in range(looks):
        for _ in range(10):
            state = refnn.train_step(model, state, x, y).state
        trainer.run(x, y, [np.arange(len(x))] * 10)
        path.append(state.theta)
        tf_path.append(trainer.state().theta)
    paths[label] = np.array([path, tf_path])

    trainer.load(state)  # sixty steps more, each of them kept, both from refnn's state
    path, tf_path = [state.theta], [state.theta]
    for _ in range(60):
        state = refnn.train_step(model, state, x, y).state
        path.append(state.theta)
        tf_path.append(trainer.step(x, y).state.theta)
    closer[label] = np.array([path, tf_path])


# %% The weights at the end, and where they were in the second half
def where(weights):
    """Return on which side of 1 all these weights lie."""
    if weights.min() > 1:
        return "above 1"
    if weights.max() < 1:
        return "below 1"
    return f"on both sides of 1, at most {np.abs(weights - 1).max():.3f} away"


rows = []
for label, path in paths.items():
    half = path[:, path.shape[1] // 2 :]
    page.say(
        f"{label}: at all {half.shape[1]} looks in the second half, the weights of both libraries "
        f"are {where(half)}."
    )
    ends = [f"{w[-1, 0]:.6f}, {w[-1, 1]:.6f}" for w in path]
    rows.append((label, *ends, *(f"{w.min():.3f} … {w.max():.3f}" for w in half)))
columns = ("w₁, w₂: refnn", "TensorFlow", "second half: refnn", "TensorFlow")
page.table(f"The weights at a learning rate of {rate}", ("loss", *columns), rows)

# %% Their paths: the mean of 25 looks as a line, and what they reach as a band
fig, axes = figure(2, 3, (11, 7), sharey="row")
for (label, path), upper, lower in zip(paths.items(), *axes, strict=True):
    windows = path[:, 1:].reshape(2, -1, 25, 2)
    steps = 250 * np.arange(1, windows.shape[1] + 1) - 125
    for w, (name, color) in enumerate((("w₁", "tab:blue"), ("w₂", "tab:green"))):
        both(upper, steps, *windows.mean(axis=2)[..., w], color, name)
        edges = windows[0].min(axis=1)[:, w], windows[0].max(axis=1)[:, w]
        upper.fill_between(steps, *edges, color=color, alpha=0.15, linewidth=0)
        both(lower, np.arange(61), *closer[label][..., w], color, name)
    for axis in (upper, lower):
        axis.axhline(1, color="grey", linewidth=0.8)
    upper.set(title=label, xlabel="step")
    upper.locator_params(axis="x", nbins=4)
    lower.set(xlabel="sixty steps more")
axes[0, 0].set(ylabel="weight, mean of 250 steps", ylim=(0.3, 1.3))
axes[1, 0].set(ylabel="weight at each step")
legend_below(fig, axes[0, 0])
page.picture(
    "paths",
    fig,
    "Above, the two weights on their way: the mean as a line, and what they reach as a pale band. "
    "Below, sixty steps more. The asymmetric loss is a sum with slopes of 1 and 99, so its weights "
    f"never come to rest: one day with a slope of 99 moves a weight by {rate} · 99 · x, up to "
    f"{rate * 99 * x.max():.2f}.",
)

# %% What they mean for the shop: too many or too few, and what each set of weights costs
fig, axes = figure(1, 3, (11, 4), sharey=True)
costs = []
for axis, (label, path) in zip(axes, paths.items(), strict=True):
    ours = refnn.predict(models[label], path[0, -1], x) - y
    theirs = tftwin.predict(twins[label], path[1, -1], x) - y
    costs.append([refnn.evaluate(model, path[0, -1], x, y).loss for model in models.values()])
    many = [int(np.sum(residual > 0)) for residual in (ours, theirs)]
    page.say(f"{label}: too many on {many[0]} days (refnn), {many[1]} days (TensorFlow).")
    axis.scatter(y, ours, s=60, color=REFNN["color"], alpha=0.45, label="refnn")
    axis.scatter(y, theirs, s=22, color=TFTWIN["color"], marker="x", label="TensorFlow")
    axis.axhline(0, color="grey", linewidth=0.8)
    axis.set(title=f"{label}\ntoo many on {many[0]} of {len(y)} days", xlabel="sales y")
axes[0].set_ylabel("prediction − sales")
axes[0].legend(loc="lower left")
page.picture("residuals", fig, "Each day's prediction after the last step: above 0 is too many.")
page.table(
    f"What the last weights cost on {len(y)} days",
    ("weights trained with", *losses),
    [(label, *(f"{c:.4g}" for c in row)) for label, row in zip(losses, costs, strict=True)],
)
best = [[*losses][int(np.argmin(column))] for column in np.transpose(costs)]
for label, winner in zip(losses, best, strict=True):
    page.say(f"Measured by {label}, the cheapest weights are those trained with {winner}.")

# %% The account: both libraries from the same weights at every hundredth step
for label, model in models.items():
    start = model.initial_state(np.random.default_rng(1), Normal(stddev=1.0))
    batches = [(x, y)] * 10 * (paths[label].shape[1] - 1)
    account.resynchronised(label, model, start, batches, every=len(batches) // 100)
account.finish()
