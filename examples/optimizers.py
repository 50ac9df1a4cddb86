"""Chapter 6: five optimizers on iris.

A network 4-3 with softmax and the mean squared error; 120 flowers to learn from, 30 held out.
With g the gradient of a batch, each rule moves a weight by −lr times

    SGD        g
    SGDM       m,            m = β m + (1 − β) g
    Adagrad    g / (√v + ε), v = v + g²
    RMSProp    g / (√v + ε), v = β v + (1 − β) g²
    Adam       m̂ / (√v̂ + ε), m and v as above, m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ)

RMSProp forgets: as the gradient fades, so does v, and the step g / √v stays large. At lr = 0.1 it
leaps over the minimum again and again, and every leap magnifies the last bit by which two
libraries differ. Free runs part; each step, made by both from one state, still agrees.
"""

# %% The data: the rows shuffled once, the last thirty held out
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D

import refnn
from examples.chapter import REFNN, TFTWIN, Chapter
from refnn import (
    SGD,
    SGDM,
    Activation,
    Adagrad,
    Adam,
    Dense,
    MeanSquaredError,
    Network,
    NonFiniteError,
    RMSProp,
    Softmax,
    TruncatedNormal,
)
from refnn.datasets import batches, iris
from tftwin import training as tftwin
from tftwin.lockstep.run import make_trainer
from tftwin.twin import twin

chapter = Chapter("optimizers", "6. Five optimizers on iris")

# The tutorial's np.random.seed(116); np.random.shuffle(x), and the same for y, give this order.
order = np.random.RandomState(116).permutation(150)
learn, held = order[:-30], order[-30:]
data = iris()
x, y = data.x[learn], data.y[learn]

network, loss = Network([Dense(4, 3), Activation(Softmax())]), MeanSquaredError()


def first_state(optimizer, dtype=np.float32):
    """Return weights from a normal distribution of deviation 0.1, cut at 0.2, and biases 0."""
    rng = np.random.default_rng(0)
    return refnn.initial_state(optimizer, network.initial_theta(rng, TruncatedNormal(0.1), dtype))


# %% Five runs in both libraries: free, and re-synchronised before every step that is compared
epochs, looks, compared = (25, 25, 10) if chapter.quick else (500, 100, 50)
steps = list(batches(len(x), 32)) * epochs
pairs = [(x[rows], y[rows]) for rows in steps]
optimizers = {
    type(o).__name__: o for o in (SGD(0.1), SGDM(0.1), Adagrad(0.1), RMSProp(0.1), Adam(0.1))
}
drifts, reports = {}, {}
for name, optimizer in optimizers.items():
    run = (name, network, loss, optimizer, first_state(optimizer))
    drifts[name] = chapter.free(*run, x, y, rows=steps, looks=looks)
    reports[name] = chapter.lockstep(*run, batches=pairs, every=len(steps) // compared)

# %% Loss and accuracy
twins = twin(network), twin(loss)
judged = {
    name: {
        "refnn": [
            refnn.evaluate(network, loss, theta, data.x[held], data.y[held])
            for theta in drift.refnn_thetas
        ],
        "TensorFlow": [
            tftwin.evaluate(*twins, theta, data.x[held], data.y[held])
            for theta in drift.tftwin_thetas
        ],
    }
    for name, drift in drifts.items()
}
styles = {"refnn": REFNN, "TensorFlow": TFTWIN}
figure, panels = plt.subplots(2, 5, figsize=(15, 6.5), sharex=True, sharey="row")
for column, (name, drift) in zip(panels.T, drifts.items(), strict=True):
    for library, style in styles.items():
        losses = drift.refnn_loss if library == "refnn" else drift.tftwin_loss
        column[0].plot(1 + np.arange(epochs), losses.reshape(epochs, -1).mean(axis=1), **style)
        column[1].plot(drift.steps / 4, [j.accuracy for j in judged[name][library]], **style)
    column[0].set(title=name, yscale="log")
    column[1].set(xlabel="epoch")
panels[0, 0].set(ylabel="loss: mean of the epoch's batches")
panels[1, 0].set(ylabel="accuracy, 30 held-out flowers")
key = [Line2D([], [], label=library, **style) for library, style in styles.items()]
figure.legend(handles=key, loc="outside upper center", ncols=2)
chapter.picture(
    "curves", figure, "The five optimizers: loss, and accuracy on the held-out flowers."
)

# %% Free runs part, re-synchronised steps agree, and the rule alone has equal bits
chapter.table(
    f"after {epochs} epochs, {len(steps):,} steps (TensorFlow's time includes tracing its graph)",
    ("optimizer", "library", "loss", "held-out loss", "held-out accuracy", "seconds"),
    [
        (
            name,
            library,
            f"{losses[-4:].mean():.5f}",
            f"{judged[name][library][-1].loss:.5f}",
            f"{judged[name][library][-1].accuracy:.1%}",
            f"{seconds:.2f}",
        )
        for name, drift in drifts.items()
        for library, losses, seconds in (
            ("refnn", drift.refnn_loss, drift.seconds_refnn),
            ("TensorFlow", drift.tftwin_loss, drift.seconds_tftwin),
        )
    ],
)
rows = []
for name, report in reports.items():
    rule = [row for row in report.rows if row.stage.startswith("rule")]
    equal = sum(row.bit_equal for row in rule) / sum(row.elements for row in rule)
    unbounded = sum(row.unbounded for row in report.rows)
    counts = str(report.steps), str(len(report.divergences)), f"{equal:.1%}", str(unbounded)
    rows.append((name, f"{drifts[name].normwise.max():.1e}", *counts))
chapter.table(
    "max |θ − θ′| / max |θ| of the free runs, and the re-synchronised steps",
    (
        *("optimizer", "free: largest", "steps compared", "out of bound"),
        *("rule bit-equal", "without bound"),
    ),
    rows,
)
chapter.say(
    "Without bound: where the terms of g have cancelled to less than their rounding errors may add "
    "up to, g / (√v + ε) may be anything. There only the rule's bits speak."
)

# %% RMSProp step by step, in float32 and float64; and refnn against itself, one weight moved 1 ulp
closer = 40 if chapter.quick else 150
rmsprop = RMSProp(0.1)
close, curves = {}, {}
for dtype in ("float32", "float64"):
    wide = iris(dtype)
    xs, ys, start = wide.x[learn], wide.y[learn], first_state(rmsprop, dtype)
    run = (f"RMSProp, {dtype}", network, loss, rmsprop, start)
    close[dtype] = chapter.free(*run, xs, ys, rows=steps[:closer], looks=closer)
    chapter.lockstep(
        *run, batches=[(xs[r], ys[r]) for r in steps[:closer]], every=closer // compared
    )
    curves[f"refnn and TensorFlow, {dtype}"] = close[dtype].normwise

state, moved = first_state(rmsprop), first_state(rmsprop)
moved.theta[0] = np.nextafter(moved.theta[0], np.float32(1))
itself = [0.0]
for pair in pairs[:closer]:
    state = refnn.train_step(network, loss, rmsprop, state, *pair).state
    moved = refnn.train_step(network, loss, rmsprop, moved, *pair).state
    itself.append(np.max(np.abs(state.theta - moved.theta)) / np.max(np.abs(state.theta)))
curves["refnn and refnn, one weight moved 1 ulp, float32"] = np.array(itself)

for label, curve in curves.items():
    large = next((t for t, apart in enumerate(curve) if apart > 1e-3), len(curve) - 1)
    decades = np.log10(curve[large] / curve[10])
    chapter.say(
        f"RMSProp, {label}: {curve[10]:.1e} apart after 10 steps, {curve[large]:.1e} after "
        f"{large}: tenfold every {(large - 10) / decades:.1f} steps"
    )

# %% The picture: how far the runs are apart, and what becomes of one weight
figure, panels = plt.subplots(1, 3, figsize=(15, 4.8))
for (name, drift), colour in zip(drifts.items(), plt.cm.Dark2.colors, strict=False):
    panels[0].plot(drift.steps[1:], drift.normwise[1:], label=name, color=colour)
panels[0].set(title="refnn and TensorFlow, float32", xlabel="step")
for (label, curve), colour in zip(curves.items(), ("tab:red", "tab:purple", "grey"), strict=True):
    panels[1].plot(np.where(curve > 0, curve, np.nan), label=label, color=colour)
panels[1].set(title="RMSProp, every step", xlabel="step")
for panel in panels[:2]:
    panel.set(yscale="log", ylabel="max |θ − θ′| / max |θ|", ylim=(1e-17, 10))
    panel.legend(fontsize=8, loc="lower right")
drift = close["float32"]
panels[2].plot(drift.steps, drift.refnn_thetas[:, 0], label="refnn", **REFNN)
panels[2].plot(drift.steps, drift.tftwin_thetas[:, 0], label="TensorFlow", **TFTWIN)
panels[2].set(title="RMSProp, float32: one weight", xlabel="step", ylabel="W1[0, 0]")
panels[2].legend()
chapter.picture(
    "drift",
    figure,
    "Free runs from the same weights. RMSProp magnifies the last bit, of two libraries as of one; "
    "in float64 it begins lower and climbs as well.",
)

# %% ε = 0, the tutorial's own formula, beside ε = 1e-7: the smallest v after each epoch
smallest = {}
for epsilon in (1e-7, 0.0):
    rule = RMSProp(0.1, epsilon=epsilon)
    for library, fit, *model in (
        ("refnn", refnn.fit, network, loss, rule),
        ("TensorFlow", tftwin.fit, twin(network), twin(loss), twin(rule)),
    ):
        seen = smallest[epsilon, library] = []

        def note(epoch, state, history, seen=seen):
            seen.append(state.slots[0].min())

        try:
            fit(*model, first_state(rule), x, y, epochs=epochs, callback=note, progress=False)
            outcome = f"all of {len(steps):,} steps are finite; the smallest v is {seen[-1]}"
        except NonFiniteError as error:
            outcome = str(error)
        chapter.say(f"RMSProp, ε = {epsilon:g}, {library}: {outcome}")

tiny, unit = np.finfo(np.float32).smallest_normal, np.finfo(np.float32).smallest_subnormal
last = smallest[0.0, "refnn"][-1]
if last < tiny:
    chapter.say(
        f"refnn's v ends at {last / unit:.0f} times the smallest number above 0, where "
        f"0.9 v rounds to {np.float32(0.9) * last / unit:.0f} times it."
    )
figure, panel = plt.subplots(figsize=(9, 4.6))
for (epsilon, library), seen in smallest.items():
    panel.plot(
        1 + np.arange(len(seen)), np.where(np.array(seen) > 0, seen, np.nan), **styles[library]
    )
    if len(seen) < epochs:
        label = f"NaN: {library}, ε = {epsilon:g}"
        panel.plot(len(seen), tiny, "x", color="tab:red", markersize=10, label=label)
    if library == "refnn":
        panel.text(epochs, seen[-1] * 20, f"ε = {epsilon:g}", ha="right")
panel.axhline(tiny, color="black", linestyle=":", linewidth=1, label="smallest normal float32")
panel.set(yscale="log", title="RMSProp, float32", xlabel="epoch", ylabel="the smallest v")
panel.legend(handles=key + panel.get_legend_handles_labels()[0], loc="lower left")
chapter.picture(
    "epsilon",
    figure,
    "With ε, steps shrink when √v falls below it. Without, nothing keeps v a normal number.",
)

# %% Why NaN: the first step that makes v subnormal, by both, from the same state
rule = RMSProp(0.1, epsilon=0.0)
state, good = first_state(rule), 0
for pair in pairs:
    step = refnn.train_step(network, loss, rule, state, *pair)
    if step.state.slots[0].min() < tiny:
        break
    state, good = step.state, good + 1
if good < len(pairs) - 1:
    trainer = make_trainer(network, loss, rule, state, mode="eager")
    other, next_one = trainer.step(*pair), trainer.step(*pairs[good + 1])
    at = int(np.argmin(step.state.slots[0]))

    def column(before, step):
        """Return what the step did to one number of θ."""
        g = np.concatenate([part.reshape(-1) for part in step.gradients])
        vectors = before.theta, before.slots[0], g, step.state.slots[0], step.state.theta
        return [f"{vector[at]:.8g}" for vector in vectors]

    chapter.table(
        f"θ[{at}] and its v; TensorFlow makes one step more",
        (
            *("", f"refnn, step {good + 1}", f"TensorFlow, step {good + 1}"),
            f"TensorFlow, step {good + 2}",
        ),
        list(
            zip(
                ("θ before", "v before", "g", "v = 0.9 v + 0.1 g²", "θ − 0.1 g / √v"),
                *(column(state, step), column(state, other), column(other.state, next_one)),
                strict=True,
            )
        ),
    )
    chapter.say(
        f"v falls below the smallest normal float32, {tiny:.8g}. NumPy keeps it, with fewer "
        "digits; TensorFlow's threads flush it to 0, and g / 0 is an infinity. From an infinite θ "
        "softmax makes 0 or NaN, so does its derivative g, and 0 / 0 is NaN too. Until then all "
        "steps that are compared agree:"
    )
chapter.lockstep(
    *("RMSProp, ε = 0", network, loss, rule, first_state(rule)),
    batches=pairs[:good],
    every=len(steps) // compared,
)

# %% Where ε = 0 ends at once, in both: a gradient that is exactly 0, as of a feature that is 0
blank = np.hstack([x, np.zeros((len(x), 1), x.dtype)])
wider = Network([Dense(5, 3), Activation(Softmax())])
theta = wider.initial_theta(np.random.default_rng(0), TruncatedNormal(0.1))
for library, fit, *model in (
    ("refnn", refnn.fit, wider, loss, rule),
    ("TensorFlow", tftwin.fit, twin(wider), twin(loss), twin(rule)),
):
    try:
        fit(*model, refnn.initial_state(rule, theta), blank, y, epochs=1, progress=False)
    except NonFiniteError as error:
        chapter.say(f"a feature that is always 0, ε = 0, {library}: {error}")

# %%
chapter.finish()
