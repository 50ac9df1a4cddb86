"""Chapter 7: your own model.

"My calculation gives 0.19926 and Keras gives 0.19882. Who is right?" So asks issue 18324 of Keras.
The network has two inputs, five hidden units and one output, with sigmoids and without biases; the
input is (0, 0), the target t is 0, every weight of the output is 0.2, and the rate of SGD is 0.01.

    h = σ(0) = ½,    ŷ = σ(5 · 0.2 · ½) = 0.6225,    w − 0.01 · ∂loss/∂ŷ · ŷ(1 − ŷ) · h

Everything but ∂loss/∂ŷ is the same in both calculations. The loss decides, and a model has the one
that it was compiled with. One call puts the model beside refnn, number by number.
"""

# %% The model of the question
from dataclasses import replace

import numpy as np

import tftwin
from examples.account import Account
from examples.page import Page
from refnn import MeanAbsoluteError, train_step
from refnn.datasets import dots, iris, standardize, yoghurt
from tftwin.keras_models import read

page = Page("own_model", __doc__)
account = Account(page)

from tftwin.keras_models.library import keras  # noqa: E402  (so late that --help answers at once)

layers, optimizers = keras.layers, keras.optimizers
keras.utils.set_random_seed(0)

model = keras.Sequential([keras.Input((2,))])
model.add(layers.Dense(5, activation="sigmoid", use_bias=False))
model.add(layers.Dense(1, activation="sigmoid", use_bias=False))
model.layers[1].set_weights([np.full((5, 1), 0.2)])
model.compile(optimizers.SGD(0.01), "mae")

x, y = np.zeros((1, 2)), np.zeros((1, 1))
report = tftwin.compare_keras(model, x, y)
account.add("the model of the question", report.found)
page.listing(str(report))


# %% Who is right? The same step, under the loss of the model and under that of the hand calculation
class HalfSquaredError:
    """½(ŷ − t)²: the loss that the hand calculation differentiated."""

    def value(self, y_true, y_pred):
        return np.square(y_pred - y_true).sum() / 2

    def gradient(self, y_true, y_pred):
        return y_pred - y_true


in_refnn, state, preparation = read(model)
inputs, targets = preparation.inputs(x), preparation.targets(y)
model.fit(x, y, verbose=0)
in_keras = model.layers[1].get_weights()[0][0, 0]
guess = 1 / (1 + np.exp(-0.5))
rows = []
for name, loss, dy, keras_has in (
    ("of the model: |ŷ − t|", MeanAbsoluteError(), 1, f"{in_keras:.7f}"),
    ("of the hand calculation: ½(ŷ − t)²", HalfSquaredError(), guess, ""),
):
    step = train_step(replace(in_refnn, loss=loss), state, inputs, targets)
    by_hand = 0.2 - 0.01 * dy * guess * (1 - guess) * 0.5
    rows.append((name, f"{dy:.6f}", f"{by_hand:.7f}", f"{step.state.theta[-1]:.7f}", keras_has))
page.table(
    "The output weight after one step", ("loss", "∂loss/∂ŷ", "by hand", "refnn", "Keras"), rows
)
page.say(
    "Keras is right: the model was compiled with the mean absolute error, whose derivative is 1. "
    "The hand calculation differentiated ½(ŷ − t)², whose derivative is ŷ − t. Both made the chain "
    "rule correctly. They part at the very first derivative, of the loss, and nowhere before."
)

# %% Three models as people train them, each saved, and then read without executing anything
flowers, sales, points = iris(), yoghurt(), dots()
penalty = keras.regularizers.L2(1e-3)


def flowers_in_keras():
    """Return a functional model with L2 and Adam."""
    entrance = keras.Input((4,))
    hidden = layers.Dense(16, activation="relu", kernel_regularizer=penalty)(entrance)
    output = layers.Dense(3, activation="softmax", kernel_regularizer=penalty)(hidden)
    model = keras.Model(entrance, output)
    model.compile("adam", "categorical_crossentropy")
    return model, standardize(flowers.x).x, flowers.y


def sales_in_keras():
    """Return a regressor with leaky relu."""
    model = keras.Sequential([keras.Input((2,)), layers.Dense(11), layers.LeakyReLU()])
    model.add(layers.Dense(1))
    model.compile("rmsprop", "mse")
    return model, sales.x, sales.y


def points_in_keras():
    """Return a classifier with dropout, whose targets are the numbers of the classes."""
    model = keras.Sequential([keras.Input((2,)), layers.Dense(16, activation="tanh")])
    model.add(layers.Dropout(0.25))
    model.add(layers.Dense(2, activation="softmax"))
    loss = keras.losses.SparseCategoricalCrossentropy()
    model.compile(optimizers.SGD(0.1, momentum=0.9), loss)
    return model, points.x, points.y[:, 0].astype(int)


rows = []
for name, make in (
    ("iris: relu, L2, Adam", flowers_in_keras),
    ("yoghurt: leaky relu, MSE, RMSprop", sales_in_keras),
    ("dots: dropout, class numbers, momentum", points_in_keras),
):
    model, x, y = make()
    model.fit(x, y, epochs=1 if page.quick else 5, verbose=0)
    path = page.output / "own_model.keras"
    model.save(path)
    report = tftwin.compare_keras(path, x, y, steps=3)
    path.unlink()
    account.add(name, report.found)
    named = ", ".join(c.name for c in report.conventions)
    bits = "to the bit" if report.update_to_the_bit else "within its bound"
    rows.append(
        (name, "agrees" if report.agreed else "diverges", bits, f"{report.apart:.2g}", named)
    )
page.table(
    "Three models, three steps each",
    ("model", "Keras", "its rule", "refnn's rule is off by, of the move", "because of"),
    rows,
)
page.say(
    "The command line does the same for a file: python -m tftwin keras MODEL.keras --data D.npz. A "
    "convention is no mistake: Keras computes another formula, and exactly that one. The log of "
    "fit is not compared: fit shuffles the rows, and prints a mean of losses while weights move."
)

# %%
account.finish()
