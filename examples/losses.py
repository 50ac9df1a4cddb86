"""Chapter 4: losses, and what a network learns from them.

Yoghurt: predict a day's sales y from two numbers, y = w₁ x₁ + w₂ x₂, where the truth is
x₁ + x₂ and noise. The mean squared error, mean (ŷ − y)², finds weights near 1. A shop counts in
money: a yoghurt too many loses its COST, one too few the PROFIT it would have made,
Σ COST · (ŷ − y) where ŷ > y, Σ PROFIT · (y − ŷ) elsewhere. Where the profit is large, it pays to
bake too many, and the weights rise above 1; where the cost is large, they fall below.

For classes: the cross-entropy −Σ y ln ŷ, which is smaller for the better guess; softmax and
cross-entropy in two steps, and fused.
"""

# %% The data, and three losses
import numpy as np
from matplotlib import pyplot as plt

from examples.chapter import REFNN, REFNN_2, TFTWIN, TFTWIN_2, Chapter, kernel
from refnn import (
    SGD,
    Asymmetric,
    CategoricalCrossentropy,
    Dense,
    MeanSquaredError,
    Network,
    Normal,
    Softmax,
    SoftmaxCrossentropy,
    State,
)
from refnn.datasets import yoghurt
from tftwin.tensorflow import tf
from tftwin.twin import twin

chapter = Chapter("losses", "4. Losses")

data = yoghurt()
network = Network([Dense(2, 1, use_bias=False)])
optimizer = SGD(learning_rate=0.002)
start = State(network.initial_theta(np.random.default_rng(1), Normal(stddev=1.0)))
runs = {
    "MSE": (MeanSquaredError(), 15_000),
    "cost 1, profit 99": (Asymmetric(cost=1, profit=99), 10_000),
    "cost 99, profit 1": (Asymmetric(cost=99, profit=1), 10_000),
}

# %% Each run in both libraries, on all 32 days at each step, and sixty steps more to look closer
drifts, closer = {}, {}
for label, (loss, steps) in runs.items():
    steps = steps // 10 if chapter.quick else steps
    problem = (network, loss, optimizer)
    batches, rows = [(data.x, data.y)] * steps, [np.arange(len(data.x))] * steps
    report = chapter.lockstep(label, *problem, start, batches=batches, every=steps // 100)
    drifts[label] = chapter.free(
        label, *problem, start, *(data.x, data.y), rows=rows, looks=100 if chapter.quick else 500
    )
    closer[label] = chapter.free(
        f"{label}, 60 steps more",
        *(*problem, report.state, data.x, data.y),
        rows=rows[:60],
        mode="eager",
    )

# %% The weights at the end, and where they were in the second half
table = []
for label, drift in drifts.items():
    half = len(drift.steps) // 2
    ours, theirs = drift.refnn_thetas[half:], drift.tftwin_thetas[half:]
    away = max(np.abs(w - 1).max() for w in (ours, theirs))
    if min(ours.min(), theirs.min()) > 1:
        where = "above 1"
    elif max(ours.max(), theirs.max()) < 1:
        where = "below 1"
    else:
        where = f"on both sides of 1, at most {away:.3f} away"
    chapter.say(
        f"{label}: at all {len(ours)} looks in the second half, the weights of both libraries are "
        f"{where}."
    )
    final = [f"{w[0]:.6f}, {w[1]:.6f}" for w in (ours[-1], theirs[-1])]
    spans = [f"{w.min():.3f} … {w.max():.3f}" for w in (ours, theirs)]
    table.append((label, f"{drift.steps[-1]:,}", *final, *spans))
chapter.table(
    "Weights at a learning rate of 0.002",
    ("loss", "steps")
    + ("w₁, w₂: refnn", "w₁, w₂: TensorFlow")
    + ("second half, refnn", "second half, TensorFlow"),
    table,
)

# %% Their paths
figure, axes = plt.subplots(2, 3, figsize=(11, 6.4), sharey="row")
for column, label in enumerate(runs):
    for axis, drift in ((axes[0, column], drifts[label]), (axes[1, column], closer[label])):
        for w, (blue, orange) in enumerate(((REFNN, TFTWIN), (REFNN_2, TFTWIN_2))):
            name = f"w{'₁₂'[w]}"
            axis.plot(drift.steps, drift.refnn_thetas[:, w], label=f"{name}, refnn", **blue)
            axis.plot(drift.steps, drift.tftwin_thetas[:, w], label=f"{name}, TensorFlow", **orange)
        axis.axhline(1, color="grey", linewidth=0.8)
    axes[0, column].set(title=label, xlabel="step")
    axes[1, column].set(xlabel="sixty steps more")
    axes[0, column].locator_params(axis="x", nbins=4)
axes[0, 0].set(ylabel="weight", ylim=(0.2, 1.5))
axes[1, 0].set(ylabel="weight")
figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
chapter.picture(
    "paths",
    figure,
    f"The two weights on their way, at {len(drifts['MSE'].steps)} looks above, and at sixty steps "
    "more below. The asymmetric loss is a sum with slopes of 1 and 99, so its weights never "
    "come to rest: a day on the dear side of the truth moves a weight by 0.002 · 99 · x, up to "
    f"{0.002 * 99 * data.x.max():.2f}, and all days together moved it to "
    f"{drifts['cost 1, profit 99'].refnn_thetas.max():.1f} at first (beyond the picture).",
)

# %% What they mean for the shop: too many, or too few
figure, axes = plt.subplots(1, 3, figsize=(11, 4), sharey=True)
for axis, (label, drift) in zip(axes, drifts.items(), strict=True):
    ours = network.predict(drift.refnn_thetas[-1], data.x) - data.y
    theirs = twin(network).predict(drift.tftwin_thetas[-1], data.x).numpy() - data.y
    axis.scatter(data.y, ours, s=60, color=REFNN["color"], alpha=0.45, label="refnn")
    axis.scatter(data.y, theirs, s=22, color=TFTWIN["color"], marker="x", label="TensorFlow")
    axis.axhline(0, color="grey", linewidth=0.8)
    many = [int(np.sum(residual > 0)) for residual in (ours, theirs)]
    axis.set(title=f"{label}\ntoo many on {many[0]} of {len(ours)} days", xlabel="sales y")
    chapter.say(f"{label}: too many on {many[0]} days (refnn), {many[1]} days (TensorFlow).")
axes[0].set_ylabel("prediction − sales")
axes[0].legend(loc="lower left")
chapter.picture(
    "residuals", figure, "Each day's prediction after the last step: above 0 is too many."
)

# %% The cross-entropy of a class with two guesses: the better guess costs less
cross_entropy = CategoricalCrossentropy()
y = np.array([[1, 0], [1, 0]], np.float32)
guesses = np.array([[0.6, 0.4], [0.8, 0.2]], np.float32)
ours, theirs = chapter.agree(
    "cross-entropy", cross_entropy.per_sample, twin(cross_entropy).per_sample, y, guesses
)
_, keras = chapter.agree(
    "cross-entropy, Keras",
    cross_entropy.per_sample,
    tf.losses.categorical_crossentropy,
    *(y, guesses),
)
chapter.table(
    "Cross-entropy −Σ y ln ŷ against y = [1, 0]",
    ("ŷ", "refnn", "twin", "tf.losses.categorical_crossentropy"),
    [
        (str([round(float(p), 1) for p in guess]), *(f"{value:.8f}" for value in values))
        for guess, *values in zip(guesses, ours, theirs, keras, strict=True)
    ],
)


# %% Softmax and cross-entropy, in two steps and fused
def in_two_steps(softmax, cross_entropy):
    return lambda y, logits: cross_entropy.per_sample(y, softmax.forward(logits))


softmax, fused = Softmax(), SoftmaxCrossentropy()
y = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1]]
logits = np.array([[12, 3, 2], [3, 10, 1], [1, 2, 5], [4, 6.5, 1.2], [3, 6, 1]], np.float32)
probabilities, _ = chapter.agree(
    "softmax",
    softmax.forward,
    twin(softmax).forward,
    logits,
    bounded=kernel(softmax).forward,
)
two_steps = chapter.agree(
    "in two steps",
    in_two_steps(softmax, cross_entropy),
    in_two_steps(twin(softmax), twin(cross_entropy)),
    *(y, logits),
    bounded=in_two_steps(kernel(softmax), cross_entropy),
)
one_step = chapter.agree("fused", fused.per_sample, twin(fused).per_sample, y, logits)
chapter.table(
    "Softmax and cross-entropy of the tutorial's logits",
    ("logits", "y", "softmax") + ("two steps: refnn", "TensorFlow", "fused: refnn", "TensorFlow"),
    [
        (
            ", ".join(f"{z:g}" for z in logits[i]),
            ", ".join(f"{t:g}" for t in y[i]),
            ", ".join(f"{p:.4f}" for p in probabilities[i]),
            *(f"{loss[i]:.8f}" for loss in (*two_steps, *one_step)),
        )
        for i in range(len(y))
    ],
)
in_float64 = fused.per_sample(y.astype(np.float64), logits.astype(np.float64))
errors = [np.max(np.abs(loss / in_float64 - 1)) for loss in (*two_steps, *one_step)]
chapter.say(
    f"Against float64, the two steps are off by up to {errors[0]:.1e} of the loss in refnn and "
    f"{errors[1]:.1e} in TensorFlow, fused by {errors[2]:.1e} and {errors[3]:.1e}: a small loss is "
    "the logarithm of a number next to 1, in both ways, and that number is rounded to float32."
)

# %% Why fused: a guess that is sure and wrong. In two steps it is clipped, and has no gradient
y, logits = np.array([[1, 0]], np.float32), np.array([[0, 40]], np.float32)


def gradient_in_two_steps(softmax):
    def gradient(y, logits):
        p = softmax.forward(logits)
        return softmax.backward(cross_entropy.gradient(y, p), logits, p)

    return gradient


def gradient_by_tape(loss):
    def gradient(y, logits):
        logits = tf.constant(logits)
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(y, logits)
        return tape.gradient(value, logits)

    return gradient


in_tf = in_two_steps(twin(softmax), twin(cross_entropy))
losses = [
    chapter.agree(
        "sure and wrong, in two steps",
        in_two_steps(softmax, cross_entropy),
        in_tf,
        *(y, logits),
        bounded=in_two_steps(kernel(softmax), cross_entropy),
    ),
    chapter.agree("sure and wrong, fused", fused.per_sample, twin(fused).per_sample, y, logits),
]
gradients = [
    chapter.agree(
        "sure and wrong, gradient in two steps",
        gradient_in_two_steps(softmax),
        gradient_by_tape(in_tf),
        *(y, logits),
        bounded=gradient_in_two_steps(kernel(softmax)),
    ),
    chapter.agree(
        "sure and wrong, gradient fused",
        fused.gradient,
        gradient_by_tape(twin(fused).value),
        *(y, logits),
    ),
]
chapter.table(
    "Class 1 guessed by the logits 0, 40",
    ("", "loss, refnn", "loss, TensorFlow", "gradient, refnn", "gradient, TensorFlow"),
    [
        (
            name,
            *(f"{v[0]:.6f}" for v in loss),
            *(f"{g[0, 0]:.3g}, {g[0, 1]:.3g}" for g in np.add(gradient, 0)),
        )
        for name, loss, gradient in zip(("two steps", "fused"), losses, gradients, strict=True)
    ],
)

# %%
chapter.finish()
