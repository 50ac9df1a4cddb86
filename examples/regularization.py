"""Chapter 5: overfitting, and L2 regularization.

300 points, 1 inside a circle and 0 outside, and a network 2-H-1 with relu that learns them by the
mean squared error. L2 adds λ · ½ Σ w² over the weights, biases excluded:

    loss = mean (y_pred − y)² + λ · ½ Σ w²,    ∂loss/∂W = dW + λ W

so that each step also multiplies every weight by 1 − lr λ. Small weights make a smooth surface.
Whether that helps is told by points that the network has never met. With λ too large the
weights vanish, and the network says the same everywhere.
"""

# %% The points, and as many fresh ones, drawn by the same rule, that no network is trained on
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D

import refnn
from examples.chapter import REFNN, TFTWIN, Chapter
from refnn import L2, SGD, Activation, Dense, MeanSquaredError, Network, Relu
from refnn.datasets import batches, dots
from tftwin import training as tftwin
from tftwin.twin import twin

chapter = Chapter("regularization", "5. Overfitting and L2 regularization")

data = dots()
x, y = data.x, data.y
x_held = np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)
y_held = (np.sum(x_held * x_held, axis=1, keepdims=True) < 2).astype(np.float32)

# %% Seven networks, each trained in both libraries from the same weights
epochs, looks = (20, 10) if chapter.quick else (800, 50)
widths, rates = (4, 22, 40), (0.0, 0.03)
cases = [(hidden, rate) for hidden in widths for rate in rates] + [(22, 3.0)]
networks = {h: Network([Dense(2, h), Activation(Relu()), Dense(h, 1)]) for h in widths}
loss, optimizer = MeanSquaredError(), SGD(0.005)
steps = list(batches(len(x), 32)) * epochs
pairs = [(x[rows], y[rows]) for rows in steps]
thetas = {}
for hidden, rate in cases:
    theta = networks[hidden].initial_theta(np.random.default_rng(0))
    start = refnn.initial_state(optimizer, theta)
    run = (f"2-{hidden}-1, λ = {rate:g}", networks[hidden], loss, optimizer, start)
    penalty = L2(rate) if rate else None
    drift = chapter.free(*run, x, y, rows=steps, regularizer=penalty, looks=looks)
    chapter.lockstep(*run, batches=pairs, regularizer=penalty, every=len(steps) // looks)
    thetas[hidden, rate, "refnn"] = drift.refnn_thetas
    thetas[hidden, rate, "TensorFlow"] = drift.tftwin_thetas
epoch = drift.steps * epochs / len(steps)

# %% What each network, in its own library, says of both sets of points, without the penalty
twins = {h: twin(network) for h, network in networks.items()}
libraries = {
    "refnn": (refnn.evaluate, networks, loss),
    "TensorFlow": (tftwin.evaluate, twins, twin(loss)),
}
training, held_out = {}, {}
for case, looked in thetas.items():
    evaluate, nets, value = libraries[case[2]]
    training[case] = [evaluate(nets[case[0]], value, theta, x, y) for theta in looked]
    held_out[case] = [evaluate(nets[case[0]], value, theta, x_held, y_held) for theta in looked]

# %% The surface over the plane: of the same weights in both libraries, and of each one's own
axis = np.linspace(-3.3, 3.3, 133, dtype=np.float32)
grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
surfaces = {}
for hidden, rate in cases:
    predict, tf_predict = networks[hidden].predict, twins[hidden].predict
    one, _ = chapter.agree(
        f"surface of 2-{hidden}-1, λ = {rate:g}",
        predict,
        tf_predict,
        thetas[hidden, rate, "refnn"][-1],
        grid,
    )
    other = np.asarray(tf_predict(thetas[hidden, rate, "TensorFlow"][-1], grid))
    surfaces[hidden, rate, "refnn"] = one.reshape(133, 133)
    surfaces[hidden, rate, "TensorFlow"] = other.reshape(133, 133)

# %% The pictures
styles = {"refnn": REFNN, "TensorFlow": TFTWIN}
lines = {}


def draw_surface(panel, hidden, rate):
    """Draw the output as colour, the points, the circle, and both libraries' 0.5 lines."""
    surface = surfaces[hidden, rate, "refnn"]
    colour = panel.pcolormesh(axis, axis, surface, cmap="PRGn", vmin=0, vmax=1, alpha=0.6)
    panel.scatter(*x.T, c=np.where(y[:, 0] > 0.5, "darkgreen", "indigo"), s=7, linewidth=0)
    panel.add_patch(plt.Circle((0, 0), np.sqrt(2), fill=False, linestyle=":", zorder=3))
    for library, style in styles.items():
        surface = surfaces[hidden, rate, library]
        crosses = surface.min() < 0.5 < surface.max()
        contour = panel.contour(axis, axis, surface, [0.5], alpha=0) if crosses else None
        lines[hidden, rate, library] = contour.allsegs[0] if contour else []
        for line in lines[hidden, rate, library]:
            panel.plot(*line.T, **style)
    panel.set(title=f"2-{hidden}-1, λ = {rate:g}", xlabel="x₁", ylabel="x₂", aspect="equal")
    panel.set(xlim=axis[[0, -1]], ylim=axis[[0, -1]])
    panel.grid(False)
    return colour


def draw_losses(panel, hidden, rate, **limits):
    """Draw both libraries' losses on the points of training and on the held-out ones."""
    for library, style in styles.items():
        case = hidden, rate, library
        panel.plot(epoch, [e.loss for e in training[case]], **style)
        panel.plot(
            epoch, [e.loss for e in held_out[case]], marker="o", markevery=5, markersize=4, **style
        )
    panel.set(title=f"losses of 2-{hidden}-1, λ = {rate:g}", xlabel="epoch", **limits)
    panel.set(ylabel="mean squared error")


def point(colour, label):
    return Line2D([], [], linestyle="", marker="o", markersize=4, color=colour, label=label)


key = [
    Line2D([], [], label="refnn", **REFNN),
    Line2D([], [], label="TensorFlow", **TFTWIN),
    point("darkgreen", "1 (training)"),
    point("indigo", "0 (training)"),
    Line2D([], [], linestyle=":", color="black", label="the rule: x₁² + x₂² = 2"),
    Line2D([], [], color="grey", label="line in a surface: output 0.5"),
    Line2D([], [], color="grey", label="loss on the training points"),
    Line2D([], [], color="grey", marker="o", markersize=4, label="loss on the held-out points"),
]

figure, panels = plt.subplots(3, 4, figsize=(15, 11.5))
for row, hidden in zip(panels, widths, strict=True):
    for place, rate in zip((0, 2), rates, strict=True):
        colour = draw_surface(row[place], hidden, rate)
        draw_losses(row[place + 1], hidden, rate, ylim=(0.06, 0.15))
figure.colorbar(colour, ax=panels, label="the network's output", shrink=0.4, pad=0.01)
figure.legend(handles=key, loc="outside upper center", ncols=4)
chapter.picture(
    "surfaces",
    figure,
    "Hidden layers of 4, 22 and 40 units, without L2 (left) and with it (right): the output as "
    "colour, both libraries' 0.5 lines, and beside it the losses without the penalty.",
)

figure, panels = plt.subplots(1, 2, figsize=(10, 4.4))
colour = draw_surface(panels[0], 22, 3.0)
draw_losses(panels[1], 22, 3.0, ylim=(0.06, 0.26))
for library, style in styles.items():
    losses = [e.loss for e in held_out[22, 0.03, library]]
    panels[1].plot(epoch, losses, **style | {"color": "black"})
panels[1].text(0.98, 0.19, "black: held out, λ = 0.03", ha="right", transform=panels[1].transAxes)
figure.colorbar(colour, ax=panels[0], label="the network's output")
figure.legend(handles=key, loc="outside upper center", ncols=3, fontsize=9)
chapter.picture(
    "underfits",
    figure,
    "λ = 3 is too large: the output is the same nearly everywhere, and both losses stay high.",
)


# %% The numbers: a smooth line turns little, and a held-out loss that rises again is overfitting
def turns(closed):
    """Return by how many degrees closed lines turn in all, to the left or to the right."""
    degrees = 0.0
    for line in closed:
        x1, x2 = np.diff(np.concatenate([line, line[1:2]]), axis=0).T
        degrees += np.sum(np.abs(np.diff(np.unwrap(np.arctan2(x2, x1))))) * 180 / np.pi
    return f"{degrees:.0f}°" if closed else "no line"


rows = []
for (hidden, rate, library), looked in thetas.items():
    case, network = (hidden, rate, library), networks[hidden]
    weights = [p.of(looked[-1]) for p in network.parameters if p.is_weight]
    train, held = training[case][-1], held_out[case][-1]
    lowest = int(np.argmin([e.loss for e in held_out[case]]))
    rows.append(
        (
            f"2-{hidden}-1",
            f"{rate:g}",
            library,
            f"{sum(np.sum(w * w) for w in weights):.4g}",
            turns(lines[case]),
            f"{train.loss:.4f}",
            f"{held.loss:.4f}",
            f"{held_out[case][lowest].loss:.4f}",
            f"{epoch[lowest]:.0f}",
            f"{train.accuracy:.1%}",
            f"{held.accuracy:.1%}",
        )
    )
chapter.table(
    f"after {epochs} epochs (the 0.5 line: a circle turns by 360°)",
    (
        *("network", "λ", "library", "Σ w²", "turns", "loss", "held out", "its lowest", "at epoch"),
        *("right", "held out"),
    ),
    rows,
)
flat, end = surfaces[22, 3.0, "refnn"], training[22, 3.0, "refnn"][-1]
chapter.say(
    f"λ = 3: every step multiplies the weights by 1 − 0.005 · 3 = {1 - 0.005 * 3.0:g}. The output "
    f"lies between {flat.min():.4f} and {flat.max():.4f} on the whole square, with loss "
    f"{end.loss:.4f}. The best constant, the mean label {y.mean():.4f}, has {np.var(y):.4f}."
)

# %%
chapter.finish()
