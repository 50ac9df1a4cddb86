"""Chapter 6a: the last bit, followed through five optimizers.

Two libraries that compute the same step may differ in the last bit of a number. How far does this
difference grow? The network, the flowers and the five optimizers are those of chapter 6.

RMSProp forgets: as the gradient fades, so does v, and the step g / √v stays large. At the rate 0.1
it leaps over the minimum again and again, and every leap magnifies the last bit. The free runs of
two libraries part; so do two runs of refnn that start one bit apart. Yet each step, made by both
libraries from one state, agrees.

The tutorial's own formula has no ε. Then v may become smaller than every normal number: TensorFlow
rounds it to 0, and divides by it. If a gradient is exactly 0, for example because a feature is
always 0, the first step of both libraries divides 0 by 0.
"""

# %% The data and the models of chapter 6
import numpy as np

import refnn
import tftwin
from examples.account import Account, apart
from examples.page import REFNN, TFTWIN, Page, both, figure, track
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

page = Page("last_bit", __doc__)
account = Account(page)

learn = np.random.RandomState(116).permutation(150)[:-30]
x, y = iris().x[learn], iris().y[learn]
network = Network([Dense(4, 3), Activation(Softmax())])
rules = {rule.__name__: rule(0.1) for rule in (SGD, SGDM, Adagrad, RMSProp, Adam)}
models = {name: Model(network, MeanSquaredError(), rule) for name, rule in rules.items()}
epochs = 25 if page.quick else 500
steps = [*batches(len(x), 32)] * epochs


def first_state(model, dtype=np.float32):
    return model.initial_state(np.random.default_rng(0), TruncatedNormal(0.1), dtype)


# %% Free runs: both libraries from one state, each with its own numbers
def run_freely(model, start, x, y, steps, every):
    """Return θ of both libraries at the start and after every few steps, (look, library, size)."""
    state, trainer = start, tftwin.Trainer(tftwin.twin(model), start)
    thetas = [(start.theta, start.theta)]
    for first in range(0, len(steps), every):
        for rows in steps[first : first + every]:
            state = refnn.train_step(model, state, x[rows], y[rows]).state
        trainer.run(x, y, steps[first : first + every])
        thetas.append((state.theta, trainer.state().theta))
    return np.array(thetas)


free = {
    name: run_freely(model, first_state(model), x, y, steps, every=20)
    for name, model in track(models.items(), "last_bit: free runs")
}
distances = {name: np.array([apart(*pair) for pair in thetas]) for name, thetas in free.items()}

# %% The same runs with one state for both before each step that is compared: all steps agree
pairs = [(x[rows], y[rows]) for rows in steps]
table = []
for name, model in models.items():
    report = account.resynchronised(name, model, first_state(model), pairs, every=len(pairs) // 50)
    rule = [row for row in report.rows if row.stage.startswith("rule")]
    equal = sum(row.bit_equal for row in rule) / sum(row.elements for row in rule)
    counts = report.steps, len(report.divergences), report.unbounded
    table.append((name, f"{distances[name].max():.1e}", *map(str, counts), f"{equal:.1%}"))
page.table(
    f"Free: max |θ − θ′| / max |θ| over {len(steps):,} steps. In one state: the steps compared",
    ("optimizer", "free: largest", "steps", "out of bound", "no bound", "rule bit-equal"),
    table,
)

# %% RMSProp step by step, in float32 and float64; and refnn against itself, one weight moved 1 ulp
model, closer = models["RMSProp"], 40 if page.quick else 150
curves, close = {}, {}
for dtype in ("float32", "float64"):
    wide = iris(dtype)
    x_wide, y_wide, start = wide.x[learn], wide.y[learn], first_state(model, dtype)
    close[dtype] = run_freely(model, start, x_wide, y_wide, steps[:closer], every=1)
    label = f"refnn and TensorFlow, {dtype}"
    curves[label] = np.array([apart(*pair) for pair in close[dtype]])
    first = [(x_wide[rows], y_wide[rows]) for rows in steps[:closer]]
    account.resynchronised(f"RMSProp, {dtype}", model, start, first, every=closer // 10)

state, moved = first_state(model), first_state(model)
moved.theta[0] = np.nextafter(moved.theta[0], np.float32(1))
itself = [apart(state.theta, moved.theta)]
for batch in pairs[:closer]:
    state = refnn.train_step(model, state, *batch).state
    moved = refnn.train_step(model, moved, *batch).state
    itself.append(apart(state.theta, moved.theta))
curves["refnn and refnn, one weight moved 1 ulp, float32"] = np.array(itself)

for label, curve in curves.items():
    large = next((t for t, distance in enumerate(curve) if distance > 1e-3), len(curve) - 1)
    decades = np.log10(curve[large] / curve[10])
    page.say(
        f"RMSProp, {label}: {curve[10]:.1e} apart after 10 steps, {curve[large]:.1e} after "
        f"{large}: tenfold every {(large - 10) / decades:.1f} steps."
    )

fig, (left, middle, right) = figure(1, 3, (15, 4.8))
for name, color in zip(
    models, ("#1b9e77", "#d95f02", "#7570b3", "#e7298a", "#66a61e"), strict=True
):
    left.plot(20 * np.arange(1, len(free[name])), distances[name][1:], color=color, label=name)
left.set(title="refnn and TensorFlow, float32", xlabel="step")
for (label, curve), color in zip(curves.items(), ("tab:red", "tab:purple", "grey"), strict=True):
    middle.plot(np.where(curve > 0, curve, np.nan), label=label, color=color)
middle.set(title="RMSProp, every step", xlabel="step")
for axis in (left, middle):
    axis.set(yscale="log", ylabel="max |θ − θ′| / max |θ|", ylim=(1e-17, 10))
    axis.legend(fontsize=8, loc="lower right")
both(right, np.arange(len(close["float32"])), *close["float32"][..., 0].T)
right.set(title="RMSProp, float32: one weight", xlabel="step", ylabel="W1[0, 0]")
right.legend()
page.picture(
    "drift",
    fig,
    "Free runs from the same weights. RMSProp magnifies the last bit, of two libraries as of one; "
    "in float64 it begins lower and climbs as well.",
)

# %% ε = 0, the tutorial's own formula, beside ε = 1e-7: the smallest v after each epoch
smallest = {}
for epsilon in (1e-7, 0.0):
    model = Model(network, MeanSquaredError(), RMSProp(0.1, epsilon=epsilon))
    for name, side, sided in (("refnn", refnn, model), ("TensorFlow", tftwin, tftwin.twin(model))):
        seen = smallest[epsilon, name] = []

        def note(epoch, state, history, seen=seen):
            seen.append(state.slots[0].min())

        options = {"epochs": epochs, "callback": note, "progress": False}
        try:
            side.fit(sided, first_state(model), x, y, **options)
            outcome = f"all of {len(steps):,} steps are finite; the smallest v is {seen[-1]}"
        except NonFiniteError as error:
            outcome = str(error)
        page.say(f"RMSProp, ε = {epsilon:g}, {name}: {outcome}")

tiny, unit = np.finfo(np.float32).smallest_normal, np.finfo(np.float32).smallest_subnormal
last = smallest[0.0, "refnn"][-1]
if last < tiny:
    page.say(
        f"refnn's v ends at {last / unit:.0f} times the smallest number above 0, where 0.9 v "
        f"rounds to {np.float32(0.9) * last / unit:.0f} times it."
    )
fig, axis = figure(1, 1, (9, 4.6))
for (epsilon, name), seen in smallest.items():
    values = np.where(np.array(seen) > 0, seen, np.nan)
    style = REFNN if name == "refnn" else TFTWIN
    axis.plot(1 + np.arange(len(seen)), values, label=name if epsilon else None, **style)
    if len(seen) < epochs:
        label = f"NaN: {name}, ε = {epsilon:g}"
        axis.plot(len(seen), tiny, "x", color="tab:red", markersize=10, label=label)
    if name == "refnn":
        axis.text(epochs, seen[-1] * 20, f"ε = {epsilon:g}", ha="right")
axis.axhline(tiny, color="black", linestyle=":", linewidth=1, label="smallest normal float32")
axis.set(yscale="log", title="RMSProp, float32", xlabel="epoch", ylabel="the smallest v")
axis.legend(loc="lower left")
page.picture(
    "epsilon",
    fig,
    "With ε, steps shrink when √v falls below it. Without ε, nothing keeps v a normal number.",
)

# %% Why NaN: the first step that makes v subnormal, by both libraries from the same state
state, good = first_state(model), 0
for batch in pairs:
    step = refnn.train_step(model, state, *batch)
    if step.state.slots[0].min() < tiny:
        break
    state, good = step.state, good + 1
if good < len(pairs) - 1:
    trainer = tftwin.Trainer(tftwin.twin(model), state, mode="eager")
    other, next_one = trainer.step(*batch), trainer.step(*pairs[good + 1])
    at = int(np.argmin(step.state.slots[0]))

    def column(before, step):
        """Return the numbers of a step that belong to one number of θ."""
        g = np.concatenate(step.gradients, axis=None)
        vectors = before.theta, before.slots[0], g, step.state.slots[0], step.state.theta
        return [f"{vector[at]:.8g}" for vector in vectors]

    names = ("θ before", "v before", "g", "v = 0.9 v + 0.1 g²", "θ − 0.1 g / √v")
    columns = column(state, step), column(state, other), column(other.state, next_one)
    page.table(
        f"θ[{at}] and its v; TensorFlow makes one step more",
        ("", f"refnn, step {good + 1}", f"TensorFlow, step {good + 1}")
        + (f"TensorFlow, step {good + 2}",),
        [*zip(names, *columns, strict=True)],
    )
    if other.state.slots[0][at] == 0:
        page.say(
            f"v falls below the smallest normal float32, {tiny:.8g}. NumPy keeps it, with fewer "
            "digits. TensorFlow's threads flush it to 0, and g / 0 is an infinity. From an "
            "infinite θ softmax makes 0 or NaN, so does its derivative g, and 0 / 0 is NaN too."
        )
report = account.resynchronised(
    "RMSProp, ε = 0", model, first_state(model), pairs[:good], every=len(pairs) // 50
)
if report.unbounded:
    page.say(
        f"{report.unbounded} numbers of the steps before have no bound. Where the terms of g have "
        "cancelled to less than their rounding errors may add up to, g / √v may be anything. There "
        "only the rule alone, which is given g, says something."
    )

# %% Where ε = 0 ends at once, in both: a gradient that is exactly 0, as of a feature that is 0
blank = np.hstack([x, np.zeros((len(x), 1), x.dtype)])
wider = Model(Network([Dense(5, 3), Activation(Softmax())]), MeanSquaredError(), model.optimizer)
for name, side, sided in (("refnn", refnn, wider), ("TensorFlow", tftwin, tftwin.twin(wider))):
    try:
        side.fit(sided, first_state(wider), blank, y, epochs=1, progress=False)
    except NonFiniteError as error:
        page.say(f"A feature that is always 0, ε = 0, {name}: {error}")

# %%
account.finish()
