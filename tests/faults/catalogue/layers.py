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
drop = at("refnn.layers:Dropout.forward", checks.lockstep, "dropout", "forward")
drop_back = at("refnn.layers:Dropout.input_gradient", checks.lockstep, "dropout", "backward")
draw = at("refnn.layers:Dropout.draw", checks.masks, "", "masks")
bias = at("refnn.layers:Dense.bias", checks.lockstep, "layers", "forward")

FAULTS = [
    dense("dense: W transposed", "x @ self.weight(part)", "x @ self.weight(part).T",
          caught_by=(checks.lockstep, "square layers"), note="silent in square layers"),
    dense("dense: bias ignored", "z + self.bias(part) if self.use_bias else z", "z",
          note="evidence: from-scratch classic"),
    dense("dense: bias added twice", "z + self.bias(part)", "z + self.bias(part) * 2",
          note="once in the product, once after it"),
    dense("dense: bias subtracted", "z + self.bias(part)", "z - self.bias(part)",
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
    dense_input("dense: dx through W instead of its transpose", "self.weight(part).T",
                "self.weight(part)", caught_by=(checks.lockstep, "square layers"),
                note="silent in square layers"),
    dense_input("dense: dx divided by the batch", "return dy @", "return dy / len(dy) @",
                note="the mean taken once a layer"),
    weight("dense: W read by columns", "reshape(self.inputs, self.outputs)",
           "reshape(self.outputs, self.inputs).T", note="PyTorch's layout, Fortran order"),
    weight("dense: W one place off", "theta[: self.inputs * self.outputs]",
           "theta[1 : self.inputs * self.outputs + 1]", note="off by one"),
    bias("dense: b one place off", "theta[self.inputs * self.outputs :]",
         "theta[self.inputs * self.outputs - 1 : -1]", note="off by one"),
    drop("dropout: not scaled", "x * part", "x * part * (1 - self.rate)",
         note="Srivastava et al. scale in evaluation"),
    drop("dropout: scaled twice", "x * part", "x * part * self.scale",
         note="in the mask and in the layer"),
    drop("dropout: what is kept is dropped", "x * part", "x * (self.scale - part)",
         note="rate taken for the share that is kept"),
    drop("dropout: every row has the first row's mask", "x * part", "x * part[:1]",
         note="noise_shape (1, D)"),
    drop("dropout: whole rows", "x * part", "x * part[:, :1]", note="noise_shape (N, 1)"),
    drop("dropout: drops nothing", "x * part", "x", note="evaluation mode left on"),
    drop_back("dropout: dx through what was dropped", "dy * part", "dy", note="mask forgotten"),
    drop_back("dropout: dx not scaled", "dy * part", "dy * part * (1 - self.rate)",
              note="the mask without its factor"),
    drop_back("dropout: dx of the first row's mask", "dy * part", "dy * part[:1]",
              note="a mask kept for one row"),
    drop("dropout: scaled in evaluation", "x if part is", "x * (1 - self.rate) if part is",
         caught_by=(checks.masks, ""), stage="predict",
         note="Srivastava et al., beside a scaled mask"),
    draw("dropout: rate taken for what is kept", ">= self.rate", "< self.rate",
         note="keep_prob of TensorFlow 1"),
    draw("dropout: mask not scaled", ".type(self.scale)", ".type(1)", note="Srivastava et al."),
    draw("dropout: mask scaled by the rate", ".type(self.scale)", ".type(1 / max(self.rate, 0.1))",
         note="the other share"),
    draw("dropout: one row drawn", "rng.random(shape)", "rng.random(shape[1:]) + np.zeros(shape)",
         note="noise_shape (1, D)"),
    draw("dropout: drawn in the dtype", "rng.random(shape)", "rng.random(shape, np.float32)",
         note="another mask in float32 than in float64"),
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
