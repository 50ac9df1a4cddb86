"""Faults in refnn/layers.py."""

from tests.faults import checks
from tests.faults.planting import Fault, Plant, at

# fmt: off
dense = at("refnn.layers:Dense.forward", checks.lockstep, "layers", "forward")
dense_parameters = at(
    "refnn.layers:Dense.parameter_gradients", checks.lockstep, "layers", "gradient"
)
dense_input = at("refnn.layers:Dense.input_gradient", checks.lockstep, "layers", "backward")
weight = at("refnn.layers:Dense.weight", checks.lockstep, "layers", "forward")
bias = at("refnn.layers:Dense.bias", checks.lockstep, "layers", "forward")

FAULTS = [
    dense("dense: W transposed", "x @ self.weight(theta)", "x @ self.weight(theta).T",
          caught_by=(checks.lockstep, "square layers"), note="silent in square layers"),
    dense("dense: bias ignored", "z + self.bias(theta) if self.use_bias else z", "z",
          note="evidence: from-scratch classic"),
    dense("dense: bias added twice", "z + self.bias(theta)", "z + self.bias(theta) * 2",
          note="once in the product, once after it"),
    dense("dense: bias subtracted", "z + self.bias(theta)", "z - self.bias(theta)",
          note="a threshold instead of a bias"),
    dense_parameters("dense: dW transposed", "x.T @ dy", "dy.T @ x",
                     caught_by=(checks.lockstep, "square layers"), note="silent in square layers"),
    dense_parameters("dense: dW a mean over the batch", "x.T @ dy", "x.T @ dy / len(x)",
                     note="the loss's mean and one more"),
    dense_parameters("dense: db a mean over the batch", "dy.sum(axis=0)", "dy.mean(axis=0)",
                     note="one factor for W, another one for b"),
    dense_parameters("dense: db over the outputs", "dy.sum(axis=0)", "dy.sum(axis=1)",
                     caught_by=(checks.lockstep, "square layers"),
                     note="silent where the batch is as large as the layer"),
    dense_parameters("dense: db over everything", "dy.sum(axis=0)", "dy.sum() + 0 * dy[0]",
                     note="stat453 #5"),
    dense_parameters("dense: db of the first sample", "dy.sum(axis=0)", "dy[0]",
                     note="right for a batch of one"),
    dense_parameters("dense: bias frozen", "dy.sum(axis=0)", "0 * dy.sum(axis=0)",
                     note="a parameter that never learns"),
    dense_input("dense: dx through W instead of its transpose", "self.weight(theta).T",
                "self.weight(theta)", caught_by=(checks.lockstep, "square layers"),
                note="silent in square layers"),
    dense_input("dense: dx divided by the batch", "return dy @", "return dy / len(dy) @",
                note="the mean taken once a layer"),
    weight("dense: W read by columns", "reshape(self.inputs, self.outputs)",
           "reshape(self.outputs, self.inputs).T", note="PyTorch's layout, Fortran order"),
    weight("dense: W one place off", "theta[: self.inputs * self.outputs]",
           "theta[1 : self.inputs * self.outputs + 1]", note="off by one"),
    bias("dense: b one place off", "theta[self.inputs * self.outputs :]",
         "theta[self.inputs * self.outputs - 1 : -1]", note="off by one"),
    Fault(
        "dense: W and b swapped in theta",
        (
            Plant("refnn.layers:Dense.weight", "theta[: self.inputs * self.outputs]",
                  "theta[-self.inputs * self.outputs :]"),
            Plant("refnn.layers:Dense.bias", "theta[self.inputs * self.outputs :]",
                  "theta[: self.outputs]"),
        ),
        (checks.lockstep, "layers"), "forward", note="two orders in one program",
    ),
]
