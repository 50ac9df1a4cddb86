"""Faults in refnn/network.py."""

from tests.faults import checks
from tests.faults.planting import F32, at

# fmt: off
forward = at("refnn.network:Network.forward", checks.lockstep, "square layers", "forward")
backward = at("refnn.network:Network.backward", checks.lockstep, "square layers", "backward")

FAULTS = [
    forward("network: every layer is fed with x", "theta[place], outputs[-1]",
            "theta[place], outputs[0]", note="chain broken"),
    forward("network: slices in reverse", "self.slices, strict", "self.slices[::-1], strict",
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
    backward("network: dx with the first layer's W", "theta[self.slices[i]]",
             "theta[: len(theta[self.slices[i]])]", note="a slice without its start"),
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
