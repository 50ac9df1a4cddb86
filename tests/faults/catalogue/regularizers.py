"""Faults in refnn/regularizers.py."""

from tests.faults import checks
from tests.faults.planting import at

# fmt: off
l2 = at("refnn.regularizers:L2.value", checks.lockstep, "L2", "loss")
l2_back = at("refnn.regularizers:L2.gradient", checks.lockstep, "L2", "gradient")

FAULTS = [
    l2("L2: half forgotten", "np.square(W).sum() / 2", "np.square(W).sum()",
       note="card 16: keras L2 beside a gradient with the half"),
    l2("L2: mean instead of sum", "np.square(W).sum()", "np.square(W).mean()", note="card 20"),
    l2("L2: root of the sum", "np.square(W).sum() / 2", "np.sqrt(np.square(W).sum())",
       note="the norm instead of its square"),
    l2("L2: first matrix only", "for W in weights", "for W in weights[:1]", note="loop cut short"),
    l2("L2: rate squared", "self.rate * sum", "self.rate * self.rate * sum", note="applied twice"),
    l2_back("L2': 2 too much", "self.rate * W", "2 * self.rate * W",
            note="card 16: tensorpack #1381, DenseNet #57"),
    l2_back("L2': sign", "self.rate * W", "-self.rate * W", note="weights grow"),
    l2_back("L2': L1's", "self.rate * W", "self.rate * ((W > 0) * 1.0 - (W < 0) * 1.0)",
            caught_by=(checks.by_hand, "L2"), note="sign of w"),
]
