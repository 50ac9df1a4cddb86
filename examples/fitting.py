"""Chapter 5a: what to do against underfitting and overfitting.

A network underfits if its loss stays high on the points that it learns from. The advice: give it
more features, more parameters, or less λ. It overfits if it knows these points much better than
points that it has never met. The advice: more data, cleaner data, or more λ.

Each piece of advice is followed once, from several first weights, and a table shows the change. The
points are those of chapter 5: 1 inside a circle, 0 outside.
"""

# %% The points: the tutorial's 300 to learn from, 2000 fresh ones to judge by
import numpy as np

import refnn
import tftwin
from examples.account import Account
from examples.page import Page, bars, figure, spread, track
from refnn import L2, Adam, MeanSquaredError, Model, Relu, multilayer
from refnn.datasets import batches, dots

page = Page("fitting", __doc__)
account = Account(page)

x, y = dots().x, dots().y
libraries = ("refnn", "TensorFlow")


def circle(n, rng, wrong=0):
    """Return n points by the same rule as the tutorial's, the first of them with wrong labels."""
    x = rng.standard_normal((n, 2)).astype(np.float32)
    y = (np.sum(x * x, axis=1, keepdims=True) < 2).astype(np.float32)
    y[:wrong] = 1 - y[:wrong]
    return x, y


fresh = circle(2000, np.random.default_rng(99))


def model_of(*widths, lam=0.0):
    penalty = L2(lam) if lam else None
    return Model(multilayer(widths, Relu()), MeanSquaredError(), Adam(0.01), penalty)


# %% Runs in both libraries: the same first weights, the same order of the rows
def train(model, data, held, epochs, seeds):
    """Return loss and accuracy: (seed, library, learned or held, loss or accuracy)."""
    twin, results = tftwin.twin(model), []
    trainer = tftwin.Trainer(twin, model.initial_state(np.random.default_rng(0)))
    for seed in range(seeds):
        learned = data(seed)
        start = model.initial_state(np.random.default_rng(seed))
        options = {"epochs": epochs, "rng": np.random.default_rng(1000 + seed), "progress": False}
        state, _ = refnn.fit(model, start, *learned, **options)

        rng = np.random.default_rng(1000 + seed)
        trainer.load(start)
        trainer.run(*learned, [r for _ in range(epochs) for r in batches(len(learned[0]), 32, rng)])

        sides = (refnn, model, state), (tftwin, twin, trainer.state())
        results.append(
            [
                [side.evaluate(of, found, *data) for data in (learned, held)]
                for side, of, found in sides
            ]
        )
    return np.array(results)


# %% Underfitting: more features, more parameters, less λ
epochs, seeds = (5, 2) if page.quick else (60, 6)
squares = tuple(np.hstack([points, points * points]) for points in (x, fresh[0]))
remedies = {
    "more features": {
        "x₁, x₂": (model_of(2, 1), x, fresh[0]),
        "x₁, x₂, x₁², x₂²": (model_of(4, 1), *squares),
    },
    "more parameters": {
        f"2-{hidden}-1": (model_of(2, hidden, 1), x, fresh[0]) for hidden in (1, 2, 3, 4, 11)
    },
    "less λ": {
        f"λ = {lam:g}": (model_of(2, 11, 1, lam=lam), x, fresh[0]) for lam in (1, 0.1, 0.03, 0.003)
    },
}
under = {
    advice: {
        name: train(model, lambda seed, z=z: (z, y), (held, fresh[1]), epochs, seeds)
        for name, (model, z, held) in track(steps.items(), f"fitting: {advice}")
    }
    for advice, steps in remedies.items()
}

# %% Overfitting: 60 points, six of them wrong, and a wide network
long_epochs, draws = (10, 2) if page.quick else (400, 8)
settings = {  # points, wrong labels, λ, epochs: about as many updates with more data
    "as it is": (60, 6, 0, long_epochs),
    "more data: 240 points, 24 wrong": (240, 24, 0, long_epochs // 4),
    "cleaner data: none wrong": (60, 0, 0, long_epochs),
    "more λ: 0.01": (60, 6, 0.01, long_epochs),
}
over = {
    name: train(
        model_of(2, 40, 1, lam=lam),
        lambda seed, n=n, wrong=wrong: circle(n, np.random.default_rng(200 + seed), wrong),
        *(fresh, passes, draws),
    )
    for name, (n, wrong, lam, passes) in track(settings.items(), "fitting: overfitting")
}


# %% The numbers: the median of the runs
def rows_of(advice, results):
    """Return a line for each setting and library: loss and accuracy, learned and fresh."""
    return [
        (advice, name, library)
        + tuple(f"{np.median(found[:, side, data, 0]):.3f}" for data in (0, 1))
        + tuple(f"{np.median(found[:, side, data, 1]):.1%}" for data in (0, 1))
        for name, found in results.items()
        for side, library in enumerate(libraries)
    ]


columns = ("advice", "setting", "library", "loss", "fresh points", "right", "fresh points")
page.table(
    f"Underfitting: 300 points, {epochs} epochs, median of {seeds} runs",
    columns,
    [row for advice, results in under.items() for row in rows_of(advice, results)],
)
for advice, results in under.items():
    (first, before), *_, (last, after) = results.items()
    for side, library in enumerate(libraries):
        one, other = before[:, side, 0, 0], after[:, side, 0, 0]
        page.say(
            f"{advice}, {library}: from {first} to {last}, the loss on the points of training goes "
            f"from {spread(one)} to {spread(other)}. It falls in {np.sum(other < one)} of {seeds} "
            "runs."
        )
page.table(
    f"Overfitting: 2-40-1, median of {draws} draws of the points",
    columns[1:],
    [row[1:] for row in rows_of("", over)],
)
before = over["as it is"]
for name, after in over.items():
    for side, library in enumerate(libraries):
        loss, change = after[:, side, 1, 0] - before[:, side, 1, 0], after - before
        gap = np.median(after[:, side, 1, 0] - after[:, side, 0, 0])
        text = f"{name}, {library}: the loss is {gap:+.3f} on the fresh points beside the learned."
        if name != "as it is":
            text += (
                f" On the fresh points, it is lower than before in {np.sum(loss < 0)} of {draws} "
                f"draws, and the accuracy is higher in {np.sum(change[:, side, 1, 1] > 0)}, by "
                f"{100 * np.mean(change[:, side, 1, 1]):+.1f} points on average."
            )
        page.say(text)

# %% The picture: the loss on the fresh points, before and after
fig, axes = figure(2, 2, (12, 7))
panels = {f"Underfitting: {advice}": found for advice, found in under.items()}
panels["Overfitting, and three ways out of it"] = over
for axis, (title, found) in zip(axes.flat, panels.items(), strict=True):
    ours, theirs = np.median([f[:, :, 1, 0] for f in found.values()], axis=1).T
    bars(axis, [*found], ours, theirs, [f"{loss:.3f}" for loss in ours])
    axis.set(title=title, xlim=(0, 1.2 * ours.max()))
axes[0, 0].legend(loc="lower right")
page.picture(
    "advice", fig, "The loss on points that no network was trained on, median of the runs."
)

# %% The account: the first run of each setting, in one state before every step that is compared
accounts = {
    advice: [(model, z, y, epochs) for model, z, _ in steps.values()]
    for advice, steps in remedies.items()
}
accounts["overfitting"] = [
    (model_of(2, 40, 1, lam=lam), *circle(n, np.random.default_rng(200), wrong), passes)
    for n, wrong, lam, passes in settings.values()
]
for label, started in accounts.items():
    for model, z, t, passes in started:
        rng = np.random.default_rng(1000)
        steps = [(z[r], t[r]) for _ in range(passes) for r in batches(len(z), 32, rng)]
        start = model.initial_state(np.random.default_rng(0))
        account.resynchronised(label, model, start, steps, every=max(len(steps) // 10, 1))
account.finish()
