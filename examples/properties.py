"""Chapter 3a: Four properties of a good activation.

The tutorial asks four things of an activation f. For each of them an activation that lacks it shows
why: the identity, a step, the sine, and the sigmoid.

    not linear          with enough hidden units a network can approximate any function
    differentiable      gradient descent needs a derivative that says where to go
    monotone            the loss of a single layer has one minimum along a weight
    f(x) ≈ x near 0     small initial weights let the signal through
"""

# %% Two activations of our own: refnn asks for forward and backward, its twin for tensorflow
import numpy as np

import refnn
import tftwin
from examples.account import Account
from examples.page import Page, both, figure, spread
from refnn import (
    SGD,
    Activation,
    Adam,
    Dense,
    Identity,
    LeakyRelu,
    MeanSquaredError,
    Model,
    Network,
    Normal,
    Relu,
    Sigmoid,
    SoftmaxCrossentropy,
    Tanh,
    multilayer,
)
from refnn.datasets import dots, iris, standardize


class Jump:
    """1 where x > 0, else 0. Its derivative is 0."""

    def forward(self, x):
        return (x > 0).astype(x.dtype)

    def backward(self, dy, x, y):
        return 0 * dy

    def tensorflow(self, x):
        from tftwin.tensorflow import tf

        return tf.cast(x > 0, x.dtype) + 0 * x  # + 0 x: tf.cast alone has no derivative at all


class Sine:
    """sin x, which is not monotone."""

    def forward(self, x):
        return np.sin(x)

    def backward(self, dy, x, y):
        return dy * np.cos(x)

    def tensorflow(self, x):
        from tftwin.tensorflow import tf

        return tf.sin(x)


page = Page("properties", __doc__)
account = Account(page)
seeds, share = (2, 20) if page.quick else (5, 1)  # a quick run makes one epoch in twenty
identity, sigmoid, tanh, relu, leaky = Identity(), Sigmoid(), Tanh(), Relu(), LeakyRelu()


def train(model, starts, x, y, **how):
    """Train from each start with refnn, and from the first with TensorFlow: states."""
    ours = [
        refnn.fit(model, start, x, y, rng=np.random.default_rng(seed), progress=False, **how)[0]
        for seed, start in enumerate(starts)
    ]
    rng = np.random.default_rng(0)
    theirs, _ = tftwin.fit(tftwin.twin(model), starts[0], x, y, rng=rng, progress=False, **how)
    return ours, theirs


def initial_states(model, initializer=None):
    return [model.initial_state(np.random.default_rng(s), initializer) for s in range(seeds)]


# %% Not linear: sin 3x + |x| with hidden units that have no activation, tanh, relu
x = np.linspace(-2, 2, 200, dtype=np.float32)[:, None]
y = np.sin(3 * x) + np.abs(x)
rows, losses, curves = [], {}, {}
for name, function in (("identity", identity), ("tanh", tanh), ("relu", relu)):
    for hidden in (2, 32):
        model = Model(multilayer([1, hidden, 1], function), MeanSquaredError(), Adam(0.02))
        starts = initial_states(model)
        ours, theirs = train(model, starts, x, y, epochs=400 // share, batch_size=50)
        account.resynchronised("sin 3x + |x|", model, starts[0], [(x, y)] * 5)
        losses[name, hidden] = [refnn.evaluate(model, state, x, y).loss for state in ours]
        curves[name] = [refnn.predict(model, ours[0], x)]
        curves[name].append(tftwin.predict(tftwin.twin(model), theirs, x))
        tf_loss = tftwin.evaluate(tftwin.twin(model), theirs, x, y).loss
        numbers = (spread(losses[name, hidden]), f"{losses[name, hidden][0]:.5f}", f"{tf_loss:.5f}")
        rows.append((name, str(hidden), *numbers))
page.table(
    f"Not linear: mean squared error for sin 3x + |x|, {seeds} runs: median [smallest … largest]",
    ("activation", "hidden units", "refnn", "first run: refnn", "TensorFlow"),
    rows,
)
linear = losses["identity", 2] + losses["identity", 32]
line = np.column_stack([x, np.ones(len(x))])
best = float(np.mean((y - line @ np.linalg.lstsq(line, y, rcond=None)[0]) ** 2))
tanh_loss, relu_loss = (np.median(losses[name, 32]) for name in ("tanh", "relu"))
page.say(
    f"The best straight line has the loss {best:.3f}. Without an activation the smallest loss is "
    f"{min(linear):.3f}, however many units there are (chapter 1 says why). With 32 units the "
    f"median is {tanh_loss:.2g} for tanh and {relu_loss:.2g} for relu."
)

# %% Differentiable: a step has the derivative 0, and no weight in front of it ever moves
data = dots()
rng = np.random.default_rng(0)
x_new = rng.standard_normal((1000, 2)).astype(np.float32)
y_new = (np.sum(x_new**2, axis=1, keepdims=True) < 2).astype(np.float32)
rows, moved = [], {}
for name, function in (("step", Jump()), ("relu", relu), ("sigmoid", sigmoid)):
    model = Model(multilayer([2, 11, 1], function), MeanSquaredError(), SGD(0.1))
    starts = initial_states(model)
    ours, theirs = train(model, starts, data.x, data.y, epochs=200 // share)
    if function in (relu, sigmoid):
        account.resynchronised("dots", model, starts[0], [(data.x, data.y)] * 5)
    W1 = model.network.parameters[0]
    moves = [
        np.abs(W1.of(end.theta) - W1.of(start.theta)).max()
        for start, end in zip([*starts, starts[0]], [*ours, theirs], strict=True)
    ]
    right = [refnn.evaluate(model, state, x_new, y_new).accuracy for state in ours]
    tf_right = tftwin.evaluate(tftwin.twin(model), theirs, x_new, y_new).accuracy
    moved[name] = moves
    rows.append(
        (name, spread(moves[:-1], ".2g"), f"{moves[0]:.4g}", f"{moves[-1]:.4g}")
        + (spread(right, ".0%"), f"{right[0]:.2%}", f"{tf_right:.2%}")
    )
page.table(
    f"Differentiable: dots, 2-11-1, {seeds} runs: how far W₁ moves at most, and accuracy on "
    f"{len(x_new)} new dots",
    ("activation", "W₁ moves", "first run: refnn", "TensorFlow")
    + ("accuracy", "first run: refnn", "TensorFlow"),
    rows,
)
page.say(
    f"The largest move of a weight in W₁ is {max(moved['step']):.2g} with a step: its hidden units "
    f"stay as they were drawn, and only the last layer learns. With relu the smallest move of any "
    f"run is {min(moved['relu']):.2g}. (relu has no derivative at 0, one point, where refnn and "
    "TensorFlow take 0. That is enough.)"
)

# %% Monotone: 41 networks f(w x) with one weight each, side by side, for the target f(1.5 x)
x = np.linspace(-2, 2, 41)[:, None]
weights, start = np.linspace(-12, 12, 961), np.linspace(-10, 10, 41)
shapes = {"identity": identity, "sigmoid": sigmoid, "tanh": tanh, "relu": relu, "leaky relu": leaky}
rows, valleys, minima, arrived = [], {}, {}, {}
for name, function in (shapes | {"sine": Sine()}).items():
    target = function.forward(1.5 * x)
    valleys[name] = np.mean((function.forward(x * weights) - target) ** 2, axis=0)
    inner = valleys[name][1:-1]
    minima[name] = np.sum((inner < valleys[name][:-2]) & (inner <= valleys[name][2:]))
    network = Network([Dense(1, 41, use_bias=False), Activation(function)])
    model = Model(network, MeanSquaredError(), SGD(0.3 * 41))  # the mean is over 41 outputs
    y, ends = np.repeat(target, 41, axis=1), []
    for library, of in ((refnn, model), (tftwin, tftwin.twin(model))):
        state, _ = library.fit(of, model.state_at(start), x, y, epochs=400 // share, batch_size=41)
        ends.append(np.sum(np.abs(state.theta - 1.5) < 0.05))
    if name in shapes:
        account.resynchronised("one weight", model, model.state_at(start), [(x, y)] * 5)
    arrived[name] = ends[0]
    rows.append((name, *(f"{n}" for n in (minima[name], *ends))))
page.table(
    "Monotone: the loss along one weight w from −12 to 12, and 41 runs that start from −10 to 10",
    ("activation", "minima", "runs that arrive at 1.5: refnn", "TensorFlow"),
    rows,
)
single = [name for name in minima if minima[name] == 1]
convex = [name for name in single if np.diff(valleys[name], 2).min() > -1e-9]
page.say(
    f"One minimum: {', '.join(single)}. The sine, which is not monotone, has {minima['sine']}. One "
    "minimum is not yet success. Where a monotone f is flat, the gradient is nearly 0, or 0, and a "
    "run stays where it is: "
    + ", ".join(f"{name} {arrived[name]}" for name in single)
    + " of 41 arrive. The tutorial says that the loss of a single layer is convex then. Of these "
    f"losses the convex ones are: {', '.join(convex)}. What holds for all of them is one minimum."
)

# %% The two pictures: what is approximated, and the loss along a weight
picture, axes = figure(1, 2, size=(11, 4.6))
x_line = np.linspace(-2, 2, 200)
axes[0].plot(x_line, np.sin(3 * x_line) + np.abs(x_line), "k:", label="sin 3x + |x|")
for name, color in (("identity", "C0"), ("tanh", "C2"), ("relu", "C3")):
    both(axes[0], x_line, *curves[name], color, name)
axes[0].set(title="32 hidden units", xlabel="x")
axes[0].legend(fontsize=8)
for name, color in (("identity", "C0"), ("tanh", "C2"), ("relu", "C3"), ("sine", "C4")):
    axes[1].plot(weights, valleys[name], color, label=name)
axes[1].set(title="loss of f(w x) for the target f(1.5 x)", xlabel="w", ylim=(0, 1.5))
axes[1].legend()
page.picture(
    "shapes",
    picture,
    "Left: without an activation 32 hidden units give a line. Right: the loss along one weight has "
    f"one minimum for a monotone activation, and {minima['sine']} for the sine.",
)

# %% f(x) ≈ x near 0: five hidden layers, small initial weights
x, y = standardize(iris().x).x, iris().y
rows, kept, ends = [], {}, {}
for name, function in (("sigmoid", sigmoid), ("tanh", tanh), ("relu", relu)):
    model = Model(multilayer([4, *[16] * 5, 3], function), SoftmaxCrossentropy(), SGD(0.1))
    starts = initial_states(model, Normal(stddev=0.25))
    kept[name] = []
    for start in starts:
        gradients = refnn.backpropagate(model, start.theta, x, y).gradients
        kept[name].append(np.linalg.norm(gradients[0]) / np.linalg.norm(gradients[-2]))
    ours, theirs = train(model, starts, x, y, epochs=60 // share)
    account.resynchronised("near 0", model, starts[0], [(x, y)] * 2)
    found = [refnn.evaluate(model, state, x, y) for state in ours]
    tf_loss = tftwin.evaluate(tftwin.twin(model), theirs, x, y).loss
    ends[name] = np.median([one.loss for one in found])
    rows.append(
        (name, f"{function.forward(np.float32(0)):g}", spread(kept[name], ".2g"))
        + (spread([one.loss for one in found]), spread([one.accuracy for one in found], ".0%"))
        + (f"{found[0].loss:.5f}", f"{tf_loss:.5f}")
    )
page.table(
    f"f(x) ≈ x near 0: iris, five hidden layers, weights normal(0, 0.25), {seeds} runs",
    ("activation", "f(0)", "‖dW₁‖ / ‖dW₆‖ at the start", "loss", "accuracy")
    + ("first run: refnn", "TensorFlow"),
    rows,
)
through, weak = (np.median(kept[name]) for name in ("tanh", "sigmoid"))
page.say(
    f"At the start the first layer's gradient is {through:.2g} times the last layer's with tanh, "
    f"and {weak:.2g} times with the sigmoid. Near 0 that is 0.5 + x / 4: a constant, and a quarter "
    f"of the signal. The losses end at {ends['tanh']:.3f} and {ends['sigmoid']:.3f}; a network "
    f"that only guesses has ln 3 = {np.log(3):.3f}."
)

# %%
account.finish()
