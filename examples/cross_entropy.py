"""Chapter 4a: cross-entropy, the loss for classes.

The cross-entropy of a guess ŷ, whose numbers are probabilities, is smaller for a better guess:

    −Σ y ln ŷ

The probabilities come from a network's last numbers, the logits z, by softmax. So there are two
ways to compute the loss: softmax, then cross-entropy; or both fused into one formula of z:

    ŷ = softmax(z) = exp(z) / Σ exp(z),    −Σ y ln ŷ = Σ y (ln Σ exp(z) − z)

They agree as long as no probability is rounded to 0 or 1. The last table shows a guess that is sure
and wrong: in two steps it has no gradient; the fused formula gives one.
"""

# %% The losses on both sides
import numpy as np

import tftwin
from examples.account import Account, kernel
from examples.page import Page
from refnn import CategoricalCrossentropy, Softmax, SoftmaxCrossentropy

page = Page("cross_entropy", __doc__)
account = Account(page)

from tftwin.tensorflow import tf  # noqa: E402  (so late that --help answers at once)

softmax, cross_entropy, fused = Softmax(), CategoricalCrossentropy(), SoftmaxCrossentropy()
tf_softmax, tf_cross_entropy, tf_fused = map(tftwin.twin, (softmax, cross_entropy, fused))

# %% The cross-entropy of two guesses: the better guess costs less
y = np.array([[1, 0], [1, 0]], np.float32)
guesses = np.array([[0.6, 0.4], [0.8, 0.2]], np.float32)
in_keras = tf.losses.categorical_crossentropy
values = account.agree(
    "cross-entropy", cross_entropy.per_sample, tf_cross_entropy.per_sample, y, guesses
)
_, keras = account.agree("cross-entropy", cross_entropy.per_sample, in_keras, y, guesses)
page.table(
    "Cross-entropy −Σ y ln ŷ against y = [1, 0]",
    ("ŷ", "refnn", "its twin", "tf.losses.categorical_crossentropy"),
    [
        (", ".join(f"{p:.1f}" for p in guess), *(f"{value:.8f}" for value in row))
        for guess, *row in zip(guesses, *values, keras, strict=True)
    ],
)


# %% Softmax and cross-entropy, in two steps and fused
def in_two_steps(softmax, cross_entropy):
    return lambda y, z: cross_entropy.per_sample(y, softmax.forward(z))


ours, theirs = in_two_steps(softmax, cross_entropy), in_two_steps(tf_softmax, tf_cross_entropy)
ours_wide = in_two_steps(kernel(softmax), cross_entropy)  # for the bound


def both_ways(y, z):
    """Return the losses in two steps and fused, each in refnn and in TensorFlow."""
    return (
        *account.agree("softmax, cross-entropy", ours, theirs, y, z, bounded=ours_wide),
        *account.agree("fused", fused.per_sample, tf_fused.per_sample, y, z),
    )


y = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1]]
z = np.array([[12, 3, 2], [3, 10, 1], [1, 2, 5], [4, 6.5, 1.2], [3, 6, 1]], np.float32)
p, _ = account.agree(
    "softmax", softmax.forward, tf_softmax.forward, z, bounded=kernel(softmax).forward
)
values = both_ways(y, z)
columns = ("two steps: refnn", "TensorFlow", "fused: refnn", "TensorFlow")
page.table(
    "Softmax and cross-entropy of the tutorial's logits",
    ("logits z", "class", "softmax", *columns),
    [
        (
            ", ".join(f"{number:g}" for number in z[i]),
            f"{y[i].argmax()}",
            ", ".join(f"{number:.4f}" for number in p[i]),
            *(f"{loss[i]:.8f}" for loss in values),
        )
        for i in range(len(y))
    ],
)
exact = fused.per_sample(y.astype(np.float64), z.astype(np.float64))
off = [np.max(np.abs(loss / exact - 1)) for loss in values]
page.say(
    f"Against float64, the two steps are off by up to {off[0]:.1e} of the loss in refnn and "
    f"{off[1]:.1e} in TensorFlow, fused by {off[2]:.1e} and {off[3]:.1e}. A small loss is the "
    "logarithm of a number next to 1, and float32 rounds that number, in both ways."
)


# %% Why fused: a guess that is sure and wrong. In two steps it is clipped, and has no gradient
def gradient_in_two_steps(softmax):
    """Return the chain rule by hand: through the cross-entropy, then through softmax."""

    def gradient(y, z):
        p = softmax.forward(z)
        return softmax.backward(cross_entropy.gradient(y, p), z, p)

    return gradient


def by_tape(loss):
    """Return the gradient that TensorFlow finds."""

    def gradient(y, z):
        z = tf.constant(z)
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = loss(y, z)
        return tape.gradient(value, z)

    return gradient


y, z = np.array([[1, 0]], np.float32), np.array([[0, 40]], np.float32)
values = both_ways(y, z)
gradients = (
    *account.agree(
        "gradient in two steps",
        gradient_in_two_steps(softmax),
        by_tape(theirs),
        *(y, z),
        bounded=gradient_in_two_steps(kernel(softmax)),
    ),
    *account.agree("gradient fused", fused.gradient, by_tape(tf_fused.value), y, z),
)
gradients = [f"{g[0, 0] + 0:.3g}, {g[0, 1] + 0:.3g}" for g in gradients]  # −0 + 0 is 0
page.table(
    "Class 0 guessed by the logits 0, 40",
    ("", *columns),
    [("loss", *(f"{v[0]:.6f}" for v in values)), ("gradient", *gradients)],
)
page.say(
    "In two steps, the probability of the class is clipped at 1e-7: the loss is "
    f"{values[0][0]:.2f} and its gradient {gradients[0]}. Fused, the loss is {values[2][0]:.2f} "
    f"and its gradient {gradients[2]}. A gradient of 0 does not say where to go."
)

# %%
account.finish()
