"""Chapter 1: How large a network is.

A dense layer y = x W + b with D_in inputs and D_out outputs has D_in · D_out weights and D_out
biases; each sample needs D_in · D_out multiply-adds. The tutorial's 3-4-2 network has

    3·4 + 4 + 4·2 + 2 = 26 parameters, and needs 3·4 + 4·2 = 20 multiply-adds.

More parameters make a network larger, but not always more able. Two linear layers without an
activation between them are one linear layer, because a product of matrices is a matrix:

    (x W₁ + b₁) W₂ + b₂ = x (W₁ W₂) + (b₁ W₂ + b₂)
"""

# %% The tutorial's network: 3 inputs, 4 hidden units, 2 outputs
import numpy as np

import refnn
import tftwin
from examples.account import Account
from examples.page import Page, figure
from refnn import SGD, Dense, Identity, MeanSquaredError, Model, Network, Relu, multilayer
from refnn.complexity import complexity

page = Page("complexity", __doc__)
account = Account(page)

network = multilayer([3, 4, 2], Relu())
size = complexity(network)
page.listing(refnn.summary(network))

# %% Its picture: one node a unit, one edge a weight, one bias in each unit that computes
picture, axis = figure(size=(7.2, 5))
units, edges = [], 0
for place, (width, letter) in enumerate(zip((3, 4, 2), "xhy", strict=True)):
    units.append([(2.4 * place, 1.2 * ((width - 1) / 2 - unit)) for unit in range(width)])
    for unit, (x, y) in enumerate(units[-1], 1):
        text = f"${letter}_{unit}$" + (f"\n$\\Sigma + b_{unit}$" if place else "")
        circle = {"boxstyle": "circle", "fc": "white"}
        axis.text(x, y, text, ha="center", va="center", bbox=circle)
layers = [layer for layer in network.layers if isinstance(layer, Dense)]
for starts, stops, layer, color in zip(units, units[1:], layers, ("C0", "C1"), strict=False):
    for start in starts:
        for stop in stops:
            axis.plot(*zip(start, stop, strict=True), color=color, linewidth=1.2, zorder=1)
            edges += 1
    counts = f"{layer.inputs} · {layer.outputs} = {layer.inputs * layer.outputs} weights"
    text = f"{counts}\n{layer.outputs} biases"
    axis.text(starts[0][0] + 1.2, -2.75, text, color=color, ha="center", va="center")
for place, title in enumerate(("input", "hidden, relu", "output")):
    axis.text(2.4 * place, 2.5, title, ha="center", fontweight="bold")
axis.set(xlim=(-0.6, 5.4), ylim=(-3.1, 2.8), aspect="equal")
axis.set_title(f"{size.parameters} parameters, {size.multiply_adds} multiply-adds a sample")
axis.axis("off")
account.equal("counts of the networks", "edges of the picture", size.weights, edges)
page.picture(
    "network",
    picture,
    f"The 3-4-2 network. Its {edges} edges are its {size.weights} weights, and the "
    f"{size.multiply_adds} multiply-adds of one sample.",
)


# %% What TensorFlow counts: Keras its parameters, the profiler its floating-point operations
def keras_parameters(sizes: list[int]) -> int:
    """Parameters of the same network in Keras."""
    from tftwin.tensorflow import tf

    dense = [tf.keras.layers.Dense(outputs, activation="relu") for outputs in sizes[1:]]
    return int(tf.keras.Sequential([tf.keras.Input(sizes[:1]), *dense]).count_params())


def flops(network: Network) -> dict[str, int]:
    """Operations in TensorFlow's graph of one sample, by kind, as its profiler counts them."""
    from tftwin.tensorflow import tf

    twins, theta = tftwin.twin(network), np.zeros(network.size, np.float32)
    forward = tf.function(lambda x: twins.forward(twins.tensors(np.asarray(theta)), x)[-1])
    graph = forward.get_concrete_function(tf.TensorSpec((1, network.inputs))).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder(
        tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    )
    node = tf.compat.v1.profiler.profile(
        graph, cmd="op", options=options.with_empty_output().build()
    )
    counts = {"total": node.total_float_ops}
    while node.children:  # a chain: one node for each kind of operation
        node = node.children[0]
        counts[node.name] = node.float_ops
    return counts


# %% Five networks, counted on both sides
rows = []
for sizes in ([3, 4, 2], [4, 3], [2, 11, 1], [4, 16, 16, 3], [784, 128, 10]):
    name = "-".join(map(str, sizes))
    network = multilayer(sizes, Relu())
    size, parameters, counted = complexity(network), keras_parameters(sizes), flops(network)
    operations = 2 * size.multiply_adds + size.biases
    for what, ours, theirs in (
        ("parameters", size.parameters, parameters),
        ("two operations a multiply-add", operations, counted["total"]),
        ("x W", 2 * size.multiply_adds, counted["MatMul"]),
        ("+ b", size.biases, counted["AddV2"]),
    ):
        account.equal("counts of the networks", f"{name}: {what}", ours, theirs)
    row = (size.weights, size.biases, size.parameters, parameters, size.multiply_adds)
    rows.append([name, *(f"{n:,}" for n in (*row, operations, counted["total"]))])
page.table(
    "Parameters, and operations for one sample forward",
    (
        "network",
        "weights",
        "biases",
        "parameters, refnn",
        "Keras count_params",
        "multiply-adds, refnn",
        "2 · multiply-adds + biases",
        "TensorFlow's profiler, FLOPs",
    ),
    rows,
)
page.say(
    "TensorFlow's profiler counts a multiply-add as two floating-point operations and the addition "
    "of a bias as one more; for relu it counts none: FLOPs = 2 · multiply-adds + biases, exactly."
)


# %% Two linear layers are one: in whole numbers, where nothing is rounded, to the last bit
def collapsed(network, theta):
    """Return W and b of the one layer that a network of linear layers is."""
    parameters = [p.of(theta) for p in network.parameters]  # W₁, b₁, W₂, b₂, …
    W, b = parameters[0], parameters[1]
    for W_next, b_next in zip(parameters[2::2], parameters[3::2], strict=True):
        W, b = W @ W_next, b @ W_next + b_next
    return W, b


def output(network):
    """Return the network as a function of θ and x, in refnn and in TensorFlow."""
    twins = tftwin.twin(network)
    return (
        lambda theta, x: network.forward(theta, x)[-1],
        lambda theta, x: twins.forward(twins.tensors(np.asarray(theta)), x)[-1],
    )


two, one = multilayer([3, 4, 2], Identity()), multilayer([3, 2], Identity())
draws, same = 20 if page.quick else 100, 0
for seed in range(draws):
    rng = np.random.default_rng(seed)
    theta = rng.integers(-3, 4, two.size).astype(np.float32)
    x = rng.integers(-3, 4, (10, 3)).astype(np.float32)
    W, b = collapsed(two, theta)
    y_two = account.agree("linear layers", *output(two), theta, x)
    y_one = account.agree("linear layers", *output(one), np.concatenate([W, [b]], axis=None), x)
    same += all(np.array_equal(ours, theirs) for ours, theirs in zip(y_two, y_one, strict=True))
W1, b1, W2, b2 = (p.of(theta) for p in two.parameters)
for name, matrix in (("W₁", W1), ("W₂", W2), ("W₁ W₂", W1 @ W2)):
    page.listing(f"{name} =\n{matrix.astype(int)}")
page.say(
    f"The 3-4-2 network without relu has {two.size} parameters, and the 3-2 layer with W₁ W₂ and "
    f"b₁ W₂ + b₂ has {one.size}. In {same} of {draws} draws of whole numbers both give the same "
    "bits for ten samples, in refnn and in TensorFlow."
)

# %% With relu between them there is no such layer: the best one, by least squares, misses much
x = np.random.default_rng(0).standard_normal((200, 3)).astype(np.float32)
x_one = np.column_stack([x, np.ones(len(x))])
rests = {}
for name, function in (("no activation", Identity()), ("relu", Relu())):
    outputs = account.agree("linear layers", *output(multilayer([3, 4, 2], function)), theta, x)
    for side, y in zip(("refnn", "TensorFlow"), outputs, strict=True):
        best = x_one @ np.linalg.lstsq(x_one, y, rcond=None)[0]
        rests[f"{name}, {side}"] = np.sqrt(np.mean((y - best) ** 2)) / y.std()
page.say(
    "The share of the output's deviation that the best single layer leaves out: "
    + "; ".join(f"{name} {rest:.2g}" for name, rest in rests.items())
    + "."
)

# %% Trained: more linear layers have more parameters, and find the same line
data = refnn.datasets.yoghurt(np.float64)
x_one = np.column_stack([data.x, np.ones(len(data.x))])
line = np.linalg.lstsq(x_one, data.y, rcond=None)[0].ravel()
epochs = 20 if page.quick else 1500
rows, distances = [("least squares", "3", *(f"{v:.6f}" for v in line), "")], []
for sizes in ([2, 1], [2, 8, 1], [2, 8, 8, 1]):
    name = "-".join(map(str, sizes))
    model = Model(multilayer(sizes, Identity()), MeanSquaredError(), SGD(0.1))
    start = model.initial_state(np.random.default_rng(0), dtype=np.float64)
    ours, _ = refnn.fit(model, start, data.x, data.y, epochs=epochs)
    theirs, _ = tftwin.fit(tftwin.twin(model), start, data.x, data.y, epochs=epochs)
    account.resynchronised(
        "linear networks, training", model, start, [(data.x, data.y)] * epochs, every=60
    )
    for side, state in (("refnn", ours), ("TensorFlow", theirs)):
        found = np.concatenate(collapsed(model.network, state.theta), axis=None)
        distances.append(np.abs(found - line).max())
        numbers = (*(f"{v:.6f}" for v in found), f"{distances[-1]:.1e}")
        rows.append((f"{name}, {side}", str(model.network.size), *numbers))
page.table(
    f"Linear networks on the yoghurt sales after {epochs} epochs: the one layer that each is",
    ("", "parameters", "weight of x₁", "weight of x₂", "bias", "from least squares"),
    rows,
)
page.say(
    f"The network with {model.network.size} parameters computes a plane, as the one with 3 does. "
    f"All are at most {max(distances):.1e} from the three numbers of least squares. Only an "
    "activation that is not linear makes use of a second layer: chapter 3."
)

# %%
account.finish()
