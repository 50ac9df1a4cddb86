"""Chapter 2: an exponentially decaying learning rate.

One weight w, loss (w + 1)², from w = 5. The minimum is at w = −1. With the rate
lr₀ · r^(t / s) = 0.2 · 0.99^t the weight arrives; at a constant 0.001 it hardly moves, at a
constant 0.999 it jumps to and fro.
"""

# %% The loss (w + 1)², as a network without bias: x = 1, y_pred = w, y_true = −1
import numpy as np
from matplotlib import pyplot as plt

from examples.chapter import REFNN, TFTWIN, Chapter
from refnn import SGD, Constant, Dense, ExponentialDecay, MeanSquaredError, Network, State

chapter = Chapter("learning_rate", "2. Exponential decay of the learning rate")

network = Network([Dense(1, 1, use_bias=False)])
loss = MeanSquaredError()
x, y = np.ones((1, 1), np.float32), -np.ones((1, 1), np.float32)
start = State(np.array([5.0], np.float32))

# %% Forty epochs under three schedules, in both libraries
epochs = 10 if chapter.quick else 40
schedules = {
    "0.2 · 0.99^t": ExponentialDecay(0.2, 0.99, decay_steps=1),
    "0.001, too small": Constant(0.001),
    "0.999, too large": Constant(0.999),
}
rows = [np.arange(1)] * epochs
drifts = {}
for label, schedule in schedules.items():
    optimizer = SGD(learning_rate=schedule)
    chapter.lockstep(label, network, loss, optimizer, start, batches=[(x, y)] * epochs)
    drifts[label] = chapter.free(
        label, network, loss, optimizer, start, x, y, rows=rows, looks=epochs
    )

# %% The table of the tutorial: after each epoch the weight, the loss, the rate
decay = schedules["0.2 · 0.99^t"]
drift = drifts["0.2 · 0.99^t"]
chapter.table(
    "lr₀ = 0.2, decay 0.99 an epoch",
    ("epoch", "learning rate", "loss", "w, refnn", "w, TensorFlow"),
    [
        (
            str(t),
            f"{decay(t):.6f}",
            f"{drift.refnn_loss[t]:.6f}",
            f"{drift.refnn_thetas[t + 1, 0]:.6f}",
            f"{drift.tftwin_thetas[t + 1, 0]:.6f}",
        )
        for t in range(epochs)
    ],
)
for label, drift in drifts.items():
    chapter.say(
        f"{label}: w = {drift.refnn_thetas[-1, 0]:.6f} (refnn), "
        f"{drift.tftwin_thetas[-1, 0]:.6f} (TensorFlow) after {epochs} epochs"
    )

# %% The curves
figure, axes = plt.subplots(2, 2, figsize=(10, 6), sharex=True)
axes = axes.ravel()
axes[0].plot([decay(t) for t in range(epochs)], color="tab:green")
axes[0].set(title="learning rate 0.2 · 0.99^t", ylabel="rate")
for axis, (label, drift) in zip(axes[1:], drifts.items(), strict=True):
    axis.plot(drift.steps, drift.refnn_thetas[:, 0], label="refnn", **REFNN)
    axis.plot(drift.steps, drift.tftwin_thetas[:, 0], label="TensorFlow", **TFTWIN)
    axis.axhline(-1, color="grey", linewidth=0.8)
    axis.set(title=f"w at rate {label}", ylabel="w")
axes[1].legend()
for axis in axes[2:]:
    axis.set_xlabel("epoch")
chapter.picture(
    "weight", figure, "The weight on its way from 5 to the minimum at −1, under three schedules."
)

# %%
chapter.finish()
