"""Faults in refnn/network.py."""

from tests.faults import checks
from tests.faults.planting import F32, at

# fmt: off
forward = at("refnn.network:Network.forward", checks.lockstep, "square layers", "forward")
cut = at("refnn.network:Network._cut", checks.lockstep, "square layers", "forward")
parts = at("refnn.network:Network.parts", checks.lockstep, "square layers", "forward")
backward = at("refnn.network:Network.backward", checks.lockstep, "square layers", "backward")

FAULTS = [
    forward("network: every layer is fed with x", "part, outputs[-1]",
            "part, outputs[0]", note="chain broken"),
    cut("network: slices in reverse", "*self.slices)", "*self.slices[::-1])",
        caught_by=(checks.lockstep, "square layers without bias"),
          note="layer order; the layers in between have no parameters"),
    forward("network: stale activations", "return outputs",
            "return self.__dict__.setdefault('tape', outputs)",
            note="a tape kept in the object, made by an earlier batch"),
    backward("network: every layer gets the loss's dy", "outputs[i + 1], output_gradients[0]",
             "outputs[i + 1], output_gradients[-1]", note="list read from the wrong end"),
    backward("network: derivatives from x instead of y", "outputs[i], outputs[i + 1]",
             "outputs[i], outputs[i]", note="off by one on the tape"),
    backward("network: dW from the layer's output", "layer.parameter_gradients(x, dy)",
             "layer.parameter_gradients(y, dy)", stage="gradient", note="off by one on the tape"),
    backward("network: first layer's gradient dropped", "layer.parameter_gradients(x, dy) +",
             "[g * (i > 0) for g in layer.parameter_gradients(x, dy)] +", stage="gradient",
             note="a loop that stops one layer early"),
    backward("network: gradients in reverse", "layer.parameter_gradients(x, dy) + gradients",
             "gradients + layer.parameter_gradients(x, dy)", stage="gradient",
             caught_by=(checks.lockstep, "square layers without bias"),
             note="silent where all layers have one shape"),
    backward("network: dx with the first layer's W", "parts[i]", "theta[: len(parts[i])]",
             note="a slice without its start"),
    parts("network: another layer's mask", "masks or", "masks[::-1] or",
          caught_by=(checks.lockstep, "dropout"), note="masks in another order than the layers"),
    backward("network: no mask on the way back", "self.parts(theta, masks)", "self.parts(theta)",
             caught_by=(checks.lockstep, "dropout"), note="an argument not passed on"),
    at("refnn.network:Network.draw_masks", checks.masks, "", "masks")(
        "network: one mask for all rows", "rng, (rows, width)", "rng, (1, width)",
        note="a mask row by row is what keeps the units apart",
    ),
    backward("network: the tape is consumed", "outputs[i], outputs[i + 1]",
             "outputs[i], outputs.pop()", caught_by=(checks.purity, ""), stage="tape",
             note="a second backward finds nothing"),
    at("refnn.network:Parameter.is_weight", checks.lockstep, "L2", "loss")(
        "network: a bias counts as a weight", 'self.letter == "W"', "True",
        note="card 19: L2 on biases, in value and gradient",
    ),
    at("refnn.network:Network.initial_theta", checks.initializers, "", "biases")(
        "network: random biases", "(initializer if p.is_weight else Zeros())", "initializer",
        note="He on b",
    ),
    at("refnn.network:Network.initial_theta", checks.dtypes, "", "theta")(
        "network: theta stays float64", ".astype(dtype)", "",
        dtypes=F32, why="float64 is float64 already", note="the draws are float64",
    ),
]
