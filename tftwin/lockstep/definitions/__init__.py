"""The definition of each layer and each loss, with an error bound that is written by hand.

The bounds of lockstep come from running refnn's own formulas, so a formula that loses digits would
widen its own bound. Here the textbook definition of each layer and loss stands a second time,
beside the error that a careful evaluation makes at unit roundoff u, to first order. Two things
rest on it:

- refnn's derived bound is at most ``MULTIPLE`` times the bound here; above it, refnn loses digits;
- where refnn and TensorFlow differ, the definition in wider arithmetic says who is wrong.

A user's own activation or loss has no definition here; its bound is not bounded.

Notation: ``v`` a value, ``e`` a bound on its error, u the unit roundoff, γ n = n u. What is given
(x, W, b, y_true, y_pred, dy) is exact.
"""

from tftwin.lockstep.definitions.activations import BACKWARD, FORWARD
from tftwin.lockstep.definitions.layers import (
    dense_forward,
    dense_input_gradient,
    dense_parameter_gradients,
    forward,
    input_gradient,
    is_l2,
    penalty,
    weight_and_bias,
    with_penalty,
)
from tftwin.lockstep.definitions.losses import LOSSES, loss
from tftwin.lockstep.definitions.rules import rate, rule
from tftwin.lockstep.definitions.terms import MULTIPLE, Arithmetic, Defined

__all__ = [
    "BACKWARD",
    "FORWARD",
    "LOSSES",
    "MULTIPLE",
    "Arithmetic",
    "Defined",
    "dense_forward",
    "dense_input_gradient",
    "dense_parameter_gradients",
    "forward",
    "input_gradient",
    "is_l2",
    "loss",
    "penalty",
    "rate",
    "rule",
    "weight_and_bias",
    "with_penalty",
]
