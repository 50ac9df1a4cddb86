"""Chapter 1: how large a network is.

A dense layer y = x W + b with D_in inputs and D_out outputs has D_in · D_out weights and D_out
biases; a sample passes it in D_in · D_out multiply-adds. The tutorial's 3-4-2 network has
3·4 + 4 + 4·2 + 2 = 26 parameters and needs 3·4 + 4·2 = 20 multiply-adds.
"""

# %% The tutorial's network: 3 inputs, 4 hidden units, 2 outputs
import numpy as np
from matplotlib import pyplot as plt

from examples.chapter import Chapter
from refnn import Dense, Network, Relu, multilayer, summary
from refnn.complexity import complexity
from tftwin.tensorflow import tf
from tftwin.twin import twin

chapter = Chapter("complexity", "1. The complexity of a network")

network = multilayer([3, 4, 2], Relu())
chapter.listing(summary(network))

# %% Its picture: one node a unit, one edge a weight, one bias in each unit that computes
figure, axis = plt.subplots(figsize=(9, 5))
widths, heights = (3, 4, 2), {}
for place, (width, letter) in enumerate(zip(widths, "xhy", strict=True)):
    heights[place] = (np.arange(width)[::-1] - (width - 1) / 2) * 1.2
    for unit, height in enumerate(heights[place], 1):
        sum_of_inputs = f"\n$\\Sigma + b_{unit}$" if place else ""
        axis.add_patch(plt.Circle((2.4 * place, height), 0.4, fc="white", ec="black", zorder=2))
        text = f"${letter}_{unit}${sum_of_inputs}"
        axis.text(2.4 * place, height, text, ha="center", va="center")
edges, layers = [], [layer for layer in network.layers if isinstance(layer, Dense)]
for place, (layer, color) in enumerate(zip(layers, ("tab:blue", "tab:orange"), strict=True)):
    ends = [2.4 * place, 2.4 * (place + 1)]
    for start in heights[place]:
        for stop in heights[place + 1]:
            edges += axis.plot(ends, [start, stop], color=color, linewidth=1.2, zorder=1)
    axis.text(
        np.mean(ends),
        -2.75,
        f"{layer.inputs} · {layer.outputs} = {layer.inputs * layer.outputs} weights\n"
        f"{layer.outputs} biases",
        color=color,
        ha="center",
        va="center",
    )
for place, title in enumerate(("input", "hidden, relu", "output")):
    axis.text(2.4 * place, 2.5, title, ha="center", fontweight="bold")
size = complexity(network)
chapter.equal("the edges of the picture", size.weights, len(edges))
axis.set(xlim=(-0.6, 5.4), ylim=(-3.1, 2.8), aspect="equal")
axis.set_title(f"{size.parameters} parameters, {size.multiply_adds} multiply-adds a sample")
axis.axis("off")
chapter.picture(
    "network",
    figure,
    f"The 3-4-2 network. Its {len(edges)} edges are its {size.weights} weights, and the "
    f"{size.multiply_adds} multiply-adds of one sample.",
)


# %% What TensorFlow counts: Keras its parameters, the profiler its floating-point operations
def keras_parameters(sizes: list[int]) -> int:
    """Parameters of the same network in Keras."""
    dense = [tf.keras.layers.Dense(outputs, activation="relu") for outputs in sizes[1:]]
    return int(tf.keras.Sequential([tf.keras.Input(sizes[:1]), *dense]).count_params())


def flops(network: Network) -> dict[str, int]:
    """Operations in TensorFlow's graph of one sample, by kind, as its profiler counts them."""
    twins, theta = twin(network), np.zeros(network.size, np.float32)
    forward = tf.function(lambda x: twins.forward(twins.tensors(theta), x)[-1])
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
    chapter.equal(f"{name}: parameters", size.parameters, parameters)
    chapter.equal(f"{name}: two operations a multiply-add", operations, counted["total"])
    chapter.equal(f"{name}: x W", 2 * size.multiply_adds, counted["MatMul"])
    chapter.equal(f"{name}: + b", size.biases, counted["AddV2"])
    row = (name, size.weights, size.biases, size.parameters, parameters, size.multiply_adds)
    rows.append([f"{n:,}" if n is not name else n for n in (*row, operations, counted["total"])])
chapter.table(
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
chapter.say(
    "TensorFlow's profiler counts a multiply-add as two floating-point operations and the addition "
    "of a bias as one more; for relu it counts none: FLOPs = 2 · multiply-adds + biases, exactly."
)

# %%
chapter.finish()
