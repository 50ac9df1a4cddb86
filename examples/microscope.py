"""Chapter 8: the microscope.

Every number of a training step on one page, each with its formula, and TensorFlow's number beside
it. Three networks, and one with a mistake: its activation has a wrong derivative in one unit. There
the page is red at exactly the numbers that are wrong, and nowhere behind them.
"""

# %% The pages: each is one file, and needs nothing else
import numpy as np

from examples.account import Account
from examples.page import Page
from refnn import (
    L2,
    SGDM,
    Adam,
    MeanSquaredError,
    Model,
    Relu,
    RMSProp,
    SoftmaxCrossentropy,
    Tanh,
    multilayer,
)
from refnn.datasets import batches, dots, iris, standardize

page = Page("microscope", __doc__)
account = Account(page)


class HalfRight(Tanh):
    """tanh, with a derivative that is half too large in unit 2."""

    def backward(self, dy, x, y):
        factors = np.where(np.arange(y.shape[1]) == 2, 1.5, 1).astype(y.dtype)
        return super().backward(dy, x, y) * factors

    def tensorflow(self, x):
        import tensorflow as tf

        return tf.tanh(x)


flowers, points = iris(), dots()
flowers_x, points_x = standardize(flowers.x).x, standardize(points.x).x
RUNS = {
    "iris": (
        "iris: one layer, momentum",
        Model(multilayer([4, 3], Tanh()), SoftmaxCrossentropy(), SGDM(0.1)),
        flowers_x, flowers.y,
    ),
    "dots": (
        "dots: 11 units of relu, L2, RMSProp",
        Model(multilayer([2, 11, 1], Relu()), MeanSquaredError(), RMSProp(0.01), L2(0.01)),
        points_x, points.y,
    ),
    "deep": (
        "iris: 16 and 16 units of tanh, Adam",
        Model(multilayer([4, 16, 16, 3], Tanh()), SoftmaxCrossentropy(), Adam(0.01)),
        flowers_x, flowers.y,
    ),
    "mistake": (
        "a mistake: tanh' is half too large in unit 2",
        Model(multilayer([4, 5, 3], HalfRight()), SoftmaxCrossentropy(), Adam(0.01)),
        flowers_x, flowers.y,
    ),
}  # fmt: skip

from tftwin.microscope import page as microscope  # noqa: E402

for name, (title, model, x, y) in RUNS.items():
    rng = np.random.default_rng(0)
    state = model.initial_state(rng)
    steps = [(x[rows], y[rows]) for _ in range(20) for rows in batches(len(x), 32, rng)]
    steps = steps[: 4 if page.quick else 20]
    page.link(name, microscope(model, state, steps, title=title), title)
    if name != "mistake":
        account.resynchronised(title, model, state, steps)

# %% The guide: each of its formulas leads to a number of the third page
from tftwin.guide import command, making  # noqa: E402

numbers, guide = (page.output / f"microscope_{name}.html" for name in ("deep", "guide"))
page.link("guide", making.page("en", command.links_to(numbers, guide)).html, "the guide")

account.finish()
