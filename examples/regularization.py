"""Chapter 5: overfitting, and L2 regularization.

300 points, 1 inside a circle and 0 outside, and a network 2-H-1 with relu that learns them by the
mean squared error. L2 adds a price on the weights, biases excluded:

    loss = mean (ŷ − y)² + λ · ½ Σ w²,    ∂loss/∂W = dW + λ W

Each step then also multiplies every weight by 1 − lr λ. Small weights make a smooth surface. Does
that help? Only points that the network has never met can tell. The chapter asks them twice: in the
tutorial's own setting, where the 300 points are many and clean; and with 60 of the points, nine of
them with a wrong label, which a wide network learns too. If λ is too large, the weights vanish, and
the network gives the same output everywhere.
"""

# %% The points, and 2000 fresh ones, drawn by the same rule, that no network is trained on
import numpy as np
from contourpy import contour_generator

import refnn
import tftwin
from examples.account import Account
from examples.page import REFNN, TFTWIN, Page, both, figure, spread, track
from refnn import L2, SGD, MeanSquaredError, Model, Relu, multilayer
from refnn.datasets import batches, dots

page = Page("regularization", __doc__)
account = Account(page)

libraries = ("refnn", "TensorFlow")
x, y = dots().x, dots().y
x_fresh = np.random.default_rng(99).standard_normal((2000, 2)).astype(np.float32)
y_fresh = (np.sum(x_fresh * x_fresh, axis=1, keepdims=True) < 2).astype(np.float32)
fresh = x_fresh, y_fresh


def model_of(hidden, lam, rate=0.005):
    network, penalty = multilayer([2, hidden, 1], Relu()), L2(lam) if lam else None
    return Model(network, MeanSquaredError(), SGD(rate), penalty)


def train(model, trainer, seed, x, y, epochs, looks):
    """Return the states of both libraries at the start and at each look, evenly spread."""
    state, part = model.initial_state(np.random.default_rng(seed)), epochs // looks
    trainer.load(state)
    states = [(state, state)]
    for _ in range(looks):
        state, _ = refnn.fit(model, state, x, y, epochs=part, progress=False)
        trainer.run(x, y, [*batches(len(x), 32)] * part)
        states.append((state, trainer.state()))
    return states


def trainer_of(model):
    start = model.initial_state(np.random.default_rng(0))
    return tftwin.Trainer(tftwin.twin(model), start)


def evaluate(model, states, *data):
    """Return loss (without the penalty) and accuracy: (data, library, loss or accuracy)."""
    sides = zip((refnn, tftwin), (model, tftwin.twin(model)), states, strict=True)
    return np.swapaxes([[s.evaluate(m, state, *d) for d in data] for s, m, state in sides], 0, 1)


# %% The tutorial's setting: batches of 32 in order, SGD at 0.005, 800 epochs, λ = 0 and 0.03
epochs, seeds = (20, 2) if page.quick else (800, 3)
widths, lams = (4, 22, 40), (0, 0.03)
models = {(h, lam): model_of(h, lam) for h in widths for lam in lams} | {(22, 3): model_of(22, 3)}
runs = {}
for case, model in track(models.items(), "regularization: the tutorial's setting"):
    trainer = trainer_of(model)
    for seed in range(1 if case[1] == 3 else seeds):
        runs[*case, seed] = train(model, trainer, seed, x, y, epochs, looks=20)
found = {run: evaluate(models[run[:2]], at[-1], (x, y), fresh) for run, at in runs.items()}


# %% What a smoother line is: it turns less. A circle turns by 360°
plane = np.linspace(-3, 3, 121, dtype=np.float32)
grid = np.stack(np.meshgrid(plane, plane), axis=-1).reshape(-1, 2)


def surfaces(model, states):
    """Return the network's output over the plane, in both libraries, each from its own weights."""
    one, other = states
    outputs = refnn.predict(model, one, grid), tftwin.predict(tftwin.twin(model), other, grid)
    return [output.reshape(121, 121) for output in outputs]


def lines(surface):
    """Return the lines where the output is 0.5: there the predicted class changes."""
    return contour_generator(plane, plane, surface).lines(0.5)


def turns(surface):
    """Return the sum of all turns of these lines, left and right, in degrees."""
    degrees = 0.0
    for line in lines(surface):
        x1, x2 = np.diff(np.concatenate([line, line[1:2]]), axis=0).T
        degrees += np.sum(np.abs(np.diff(np.unwrap(np.arctan2(x2, x1))))) * 180 / np.pi
    return degrees


rows = []
for (hidden, lam), model in models.items():
    for library, name in enumerate(libraries):
        states = runs[hidden, lam, 0][-1]
        theta, surface = states[library].theta, surfaces(model, states)[library]
        squares = sum(np.sum(p.of(theta) ** 2) for p in model.network.parameters if p.is_weight)
        line = f"{turns(surface):.0f}°" if lines(surface) else "no line"
        results = np.mean([found[run] for run in runs if run[:2] == (hidden, lam)], axis=0)
        (loss, right), (fresh_loss, fresh_right) = results[:, library]
        rows.append(
            (f"2-{hidden}-1", f"{lam:g}", name, f"{squares:.4g}", line)
            + (f"{loss:.4f}", f"{fresh_loss:.4f}", f"{right:.1%}", f"{fresh_right:.1%}")
        )
columns = ("loss", "fresh points", "right", "fresh points")
page.table(
    f"After {epochs} epochs: Σ w² and turns of the first run, means of {seeds} runs (λ = 3: one)",
    ("network", "λ", "library", "Σ w²", "turns", *columns),
    rows,
)


# %% Does it help? In pairs: the same first weights, with L2 and without
def judged(change):
    """Say in how many pairs the accuracy rose, by how much, and whether the mean is clear."""
    mean, error = 100 * np.mean(change), 100 * np.std(change, ddof=1) / np.sqrt(len(change))
    outcome = "L2 helps here" if mean > 0 else "L2 harms here"
    return (
        f"higher in {np.sum(change > 0)} of {len(change)} pairs and lower in {np.sum(change < 0)}, "
        f"by {mean:+.1f} ± {error:.1f} points on average: "
        f"{outcome if abs(mean) > 2 * error else 'no clear difference'}"
    )


pairs = [(h, s) for h in widths for s in range(seeds)]
for library, name in enumerate(libraries):
    change = np.array([(found[h, 0.03, s] - found[h, 0, s])[1, library, 1] for h, s in pairs])
    page.say(f"The tutorial's setting, {name}: accuracy on fresh points is {judged(change)}.")
angles = [[turns(surfaces(models[h, lam], runs[h, lam, 0][-1])[0]) for lam in lams] for h in widths]
page.say(
    f"With L2 the line turns less in {sum(a > b for a, b in angles)} of {len(widths)} networks. It "
    "is smoother there, and the accuracy says whether it is better."
)
flat = surfaces(models[22, 3], runs[22, 3, 0][-1])[0]
page.say(
    f"λ = 3: every step multiplies the weights by 1 − 0.005 · 3 = {1 - 0.005 * 3:g}. The output "
    f"lies between {flat.min():.4f} and {flat.max():.4f} on the whole square, with loss "
    f"{found[22, 3, 0][0, 0, 0]:.4f}. The best constant, the mean label {y.mean():.4f}, has "
    f"{np.var(y):.4f}."
)

# %% Where it may help: 60 of the 300 points, nine with a wrong label; the other 240 are held out
few_seeds, few_lams, wrong = (3 if page.quick else 16), (0, 0.03, 0.1), 9
few_epochs = 20 if page.quick else 400
few_models, few, first_few = {lam: model_of(40, lam, rate=0.05) for lam in few_lams}, {}, {}
for lam, model in track(few_models.items(), "regularization: few points, wrong labels"):
    trainer, few[lam] = trainer_of(model), []
    for seed in range(few_seeds):
        order = np.random.default_rng(100 + seed).permutation(300)
        learn, held = order[:60], order[60:]
        x_few, y_few = x[learn], y[learn]
        y_few[:wrong] = 1 - y_few[:wrong]
        _, states = train(model, trainer, seed, x_few, y_few, few_epochs, looks=1)
        first_few.setdefault(lam, (states, x_few, y_few))
        few[lam].append(evaluate(model, states, (x_few, y_few), (x[held], y[held])))
few = {lam: np.array(results) for lam, results in few.items()}
page.table(
    f"60 points, {wrong} of them wrong, 2-40-1: median and range of {few_seeds} draws",
    ("λ", "library", "loss", "held-out loss", "right", "held out"),
    [
        (f"{lam:g}", name)
        + tuple(spread(few[lam][:, data, library, 0]) for data in (0, 1))
        + tuple(spread(few[lam][:, data, library, 1], ".1%") for data in (0, 1))
        for lam in few_lams
        for library, name in enumerate(libraries)
    ],
)
for lam in few_lams[1:]:
    for library, name in enumerate(libraries):
        change = (few[lam] - few[0])[:, 1, library, 1]
        page.say(f"60 points, λ = {lam:g}, {name}: held-out accuracy is {judged(change)}.")


# %% Pictures: the surfaces, the losses, the case where it helps, and λ too large
def draw(axis, model, states, x, y, title):
    """Draw the output as colour, the points, the rule, and both libraries' 0.5 lines."""
    both_surfaces = surfaces(model, states)
    colour = axis.pcolormesh(plane, plane, both_surfaces[0], cmap="PRGn", vmin=0, vmax=1, alpha=0.6)
    axis.scatter(*x.T, c=np.where(y[:, 0] > 0.5, "darkgreen", "indigo"), s=12, linewidth=0)
    angle = np.linspace(0, 2 * np.pi, 100)
    axis.plot(np.sqrt(2) * np.cos(angle), np.sqrt(2) * np.sin(angle), "k:", linewidth=1)
    for surface, style in zip(both_surfaces, (REFNN, TFTWIN), strict=True):
        for line in lines(surface):
            axis.plot(*line.T, **style)
    axis.set(title=title, aspect="equal", xlim=plane[[0, -1]], ylim=plane[[0, -1]])
    axis.grid(False)
    return colour


fig, axes = figure(2, 3, (13.5, 8.9), sharex=True, sharey=True)
for column, hidden in zip(axes.T, widths, strict=True):
    for axis, lam in zip(column, lams, strict=True):
        states, title = runs[hidden, lam, 0][-1], f"2-{hidden}-1, λ = {lam:g}"
        colour = draw(axis, models[hidden, lam], states, x, y, title)
fig.colorbar(colour, ax=axes, label="the network's output", shrink=0.5, pad=0.01)
page.picture(
    "surfaces",
    fig,
    "The output as colour, without L2 above and with it below. Dots are the training points, green "
    "for 1 and violet for 0; the lines are where each library's output is 0.5; the dotted circle "
    "is the rule x₁² + x₂² = 2.",
)

fig, axes = figure(2, 2, (11, 7.5), sharex=True)
panels = [[(h, lam) for lam in lams] for h in widths] + [[(22, 3)]]
for axis, panel in zip(axes.flat, panels, strict=True):
    for case, color in zip(panel, ("tab:red", "tab:blue"), strict=False):
        epoch, model = np.linspace(0, epochs, 21), models[case]
        seen = np.array([evaluate(model, s, (x, y), fresh)[..., 0] for s in runs[*case, 0]])
        both(axis, epoch, *seen[:, 0].T, color, f"λ = {case[1]:g}")
        axis.plot(epoch, seen[:, 1, 0], "o", color=color, markersize=5, alpha=0.45)
        axis.plot(epoch, seen[:, 1, 1], "--.", color=color, linewidth=1, label="on fresh points")
    axis.set(title=f"2-{case[0]}-1", ylim=(0.06, 0.26) if case[1] == 3 else (0.06, 0.15))
    axis.legend(fontsize=8)
fig.supxlabel("epoch", fontsize="medium")
fig.supylabel("mean squared error", fontsize="medium")
page.picture(
    "losses",
    fig,
    "The loss without the penalty: plain lines on the training points, dotted lines on the fresh "
    "ones. λ = 3 is too large: both stay high.",
)

fig, axes = figure(2, 2, (10.5, 9.6))
for axis, lam in zip(axes.flat, few_lams, strict=False):
    draw(axis, few_models[lam], *first_few[lam], f"2-40-1, λ = {lam:g}")
    ringed = first_few[lam][1][:wrong]
    axis.scatter(*ringed.T, s=60, facecolors="none", edgecolors="red", linewidth=1.5)
accuracies = 100 * np.array([few[lam][:, 1, :, 1] for lam in few_lams])
both(axes[1, 1], range(3), *accuracies.transpose(2, 0, 1), label=None)
axes[1, 1].plot(range(3), accuracies[..., 0].mean(axis=1), "ko-", label="mean")
axes[1, 1].set(xticks=range(3), xticklabels=[f"λ = {lam:g}" for lam in few_lams])
axes[1, 1].set(title=f"right on the held-out points, {few_seeds} draws", ylabel="%")
axes[1, 1].legend()
page.picture(
    "few",
    fig,
    f"60 points, {wrong} of them with a wrong label (ringed), and a draw of 60 in each thin line. "
    "Without L2 the network bends its line around single points; too much L2 flattens the output.",
)

# %% The account: a quarter of each run, both libraries in one state before every step compared
for (hidden, lam), model in models.items():
    steps = [(x[rows], y[rows]) for rows in batches(len(x), 32)] * (epochs // 4)
    (start, _), *_, (end, _) = runs[hidden, lam, 0]
    label = f"2-{hidden}-1, λ = {lam:g}"
    account.resynchronised(label, model, start, steps, every=max(len(steps) // 25, 1))
    account.agree(
        "surfaces",
        lambda theta, model=model: refnn.predict(model, theta, grid),
        lambda theta, model=model: tftwin.predict(tftwin.twin(model), np.asarray(theta), grid),
        end.theta,
    )
for lam, model in few_models.items():
    _, x_few, y_few = first_few[lam]
    steps = [(x_few[rows], y_few[rows]) for rows in batches(60, 32)] * (few_epochs // 4)
    start = model.initial_state(np.random.default_rng(0))
    account.resynchronised(
        f"60 points, λ = {lam:g}", model, start, steps, every=max(len(steps) // 25, 1)
    )
account.finish()
