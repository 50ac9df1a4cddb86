"""Cards of activations: other forms, other conventions at a kink, and mistakes."""

from typing import Any

import numpy as np

from tftwin.cards.card import MEASURED
from tftwin.cards.makers import (
    FORM,
    UPSTREAM,
    leaky,
    leaky_back,
    relu,
    relu_back,
    sigmoid,
    sigmoid_back,
    softmax,
    softmax_back,
    tanh,
    tanh_back,
)


def _sigma(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def naive_sigmoid(x: Any) -> Any:
    """As most write it; e⁻ˣ overflows for large negative x, and the result is still 0."""
    return (1 / (1 + np.exp(-x)),)


def sigmoid_of_exponential(x: Any) -> Any:
    """eˣ / (1 + eˣ): NaN where eˣ overflows."""
    e = np.exp(x)
    return (e / (1 + e),)


def sigmoid_by_tanh(x: Any) -> Any:
    """½ (1 + tanh(x/2))."""
    return (0.5 * (1 + np.tanh(0.5 * x)),)


def sigmoid_back_in_another_order(dy: Any, x: Any, y: Any) -> Any:
    """(dy y)(1 − y)."""
    return ((dy * y) * (1 - y),)


def sigmoid_back_of_x(dy: Any, x: Any, y: Any) -> Any:
    """x (1 − x): the formula is for y."""
    return (dy * (x * (1 - x)),)


def sigmoid_back_twice(dy: Any, x: Any, y: Any) -> Any:
    """σ(y)(1 − σ(y)): sigmoid is applied to its own output."""
    s = _sigma(y)
    return (dy * (s * (1 - s)),)


def sigmoid_back_without_dy(dy: Any, x: Any, y: Any) -> Any:
    """y (1 − y) alone."""
    return (y * (1 - y),)


def sigmoid_back_as_tanh(dy: Any, x: Any, y: Any) -> Any:
    """1 − y², tanh's."""
    return (dy * (1 - y * y),)


def sigmoid_back_half(dy: Any, x: Any, y: Any) -> Any:
    """dy y: one factor is missing."""
    return (dy * y,)


def tanh_by_sigmoid(x: Any) -> Any:
    """2 σ(2x) − 1, which cancels near 0."""
    return (2 * _sigma(2 * x) - 1,)


def tanh_by_exponentials(x: Any) -> Any:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ): NaN where eˣ overflows, and it cancels near 0."""
    a, b = np.exp(x), np.exp(-x)
    return ((a - b) / (a + b),)


def tanh_back_in_factors(dy: Any, x: Any, y: Any) -> Any:
    """(1 − y)(1 + y)."""
    return (dy * ((1 - y) * (1 + y)),)


def tanh_back_without_square(dy: Any, x: Any, y: Any) -> Any:
    """1 − y."""
    return (dy * (1 - y),)


def tanh_back_of_x(dy: Any, x: Any, y: Any) -> Any:
    """1 − x²: the formula is for y."""
    return (dy * (1 - x * x),)


def tanh_back_twice(dy: Any, x: Any, y: Any) -> Any:
    """1 − tanh²(y)."""
    s = np.tanh(y)
    return (dy * (1 - s * s),)


def tanh_back_without_dy(dy: Any, x: Any, y: Any) -> Any:
    """1 − y² alone."""
    return (1 - y * y,)


def sigmoid_sign(x: Any) -> Any:
    """1 / (1 + eˣ) = σ(−x)."""
    return (_sigma(-x),)


def tanh_half(x: Any) -> Any:
    """(eˣ − 1) / (eˣ + 1) = tanh(x/2)."""
    return (np.tanh(0.5 * x),)


def relu_mask(x: Any) -> Any:
    """x times 1 or 0."""
    return (x * (x > 0),)


def relu_half_sum(x: Any) -> Any:
    """½ (x + |x|)."""
    return (0.5 * (x + np.abs(x)),)


def relu_absolute(x: Any) -> Any:
    """|x|."""
    return (np.abs(x),)


def relu_wrong_side(x: Any) -> Any:
    """min(x, 0)."""
    return (np.minimum(x, 0),)


def relu_step(x: Any) -> Any:
    """1 where x > 0."""
    return (np.ones_like(x) * (x > 0),)


def leaky_maximum(x: Any, alpha: float) -> Any:
    """max(x, α x)."""
    return (np.maximum(x, alpha * x),)


def relu_back_one_at_zero(dy: Any, x: Any, y: Any) -> Any:
    """1 where x ≥ 0."""
    return (dy * (x >= 0),)


def relu_back_half_at_zero(dy: Any, x: Any, y: Any) -> Any:
    """½ where x = 0."""
    return (0.5 * (dy * (x > 0) + dy * (x >= 0)),)


def relu_back_mask_of_dy(dy: Any, x: Any, y: Any) -> Any:
    """dy where dy > 0."""
    return (dy * (dy > 0),)


def relu_back_without_mask(dy: Any, x: Any, y: Any) -> Any:
    """dy everywhere."""
    return (dy,)


def relu_back_without_dy(dy: Any, x: Any, y: Any) -> Any:
    """1 where x > 0."""
    return (np.ones_like(dy) * (x > 0),)


def leaky_wrong_side(x: Any, alpha: float) -> Any:
    """α x above 0."""
    return (np.where(x > 0, alpha * x, x),)


def leaky_plain(x: Any, alpha: float) -> Any:
    """Relu: no slope below 0."""
    return (np.maximum(x, 0),)


def leaky_back_plain(dy: Any, x: Any, y: Any, alpha: float) -> Any:
    """0 below 0."""
    return (dy * (x > 0),)


def leaky_back_minus(dy: Any, x: Any, y: Any, alpha: float) -> Any:
    """−α below 0."""
    return (np.where(x > 0, dy, -alpha * dy),)


def leaky_back_one_at_zero(dy: Any, x: Any, y: Any, alpha: float) -> Any:
    """1 where x ≥ 0."""
    return (np.where(x >= 0, dy, alpha * dy),)


def leaky_back_without_dy(dy: Any, x: Any, y: Any, alpha: float) -> Any:
    """The bare slope."""
    return (np.where(x > 0, np.ones_like(dy), alpha * np.ones_like(dy)),)


def softmax_without_shift(x: Any) -> Any:
    """e^x / Σ e^x: NaN where e^x overflows."""
    e = np.exp(x)
    return (e / e.sum(axis=-1, keepdims=True),)


def softmax_over_columns(x: Any) -> Any:
    """Over the batch, not over the classes."""
    e = np.exp(x - x.max(axis=0, keepdims=True))
    return (e / e.sum(axis=0, keepdims=True),)


def softmax_over_everything(x: Any) -> Any:
    """One sum for the whole batch."""
    e = np.exp(x - x.max())
    return (e / e.sum(),)


def softmax_back_diagonal(dy: Any, x: Any, y: Any) -> Any:
    """dy y (1 − y): the diagonal of the Jacobian alone."""
    return (dy * (y * (1 - y)),)


def softmax_back_plain_sum(dy: Any, x: Any, y: Any) -> Any:
    """y (dy − Σ dy)."""
    return ((dy - dy.sum(axis=-1, keepdims=True)) * y,)


def softmax_back_nothing(dy: Any, x: Any, y: Any) -> Any:
    """dy, as if the loss had softmax inside."""
    return (dy,)


def softmax_back_over_columns(dy: Any, x: Any, y: Any) -> Any:
    """The sum over the batch."""
    return ((dy - (dy * y).sum(axis=0, keepdims=True)) * y,)


DY_MISSING = (
    "The upstream gradient dy is missing: the chain rule multiplies by it. Tests with dy = 1 "
    "cannot see this."
)


LARGE = "what happens at x = 1000 and at x = −1000?"

CARDS = [
    sigmoid("sigmoid-naive", naive_sigmoid, "1 / (1 + e⁻ˣ)",
            "The same values; e⁻ˣ overflows with a warning where x is below −710 (float64).",
            LARGE, "An exponential of a large number overflows.", **FORM),
    sigmoid("sigmoid-exponential", sigmoid_of_exponential, "eˣ / (1 + eˣ)",
            "The same values, but NaN where eˣ overflows.",
            LARGE, "∞ / ∞ is NaN.", **FORM),
    sigmoid("sigmoid-by-tanh", sigmoid_by_tanh, "½ (1 + tanh(x/2))",
            "The same values; small results lose digits, because 1 + tanh cancels.",
            "how many digits has σ(−30)?", "A difference of near numbers loses digits.", **FORM),
    sigmoid_back("sigmoid-order", sigmoid_back_in_another_order, "(dy y)(1 − y)",
                 "The same values in another order, and so other last bits.",
                 "is the product of three numbers rounded in one order only?",
                 "Multiplication of floating-point numbers is not associative.", **FORM),
    sigmoid_back("sigmoid-derivative-of-x", sigmoid_back_of_x, "dy · x (1 − x)",
                 "σ' = y (1 − y) holds for the output y, and was applied to the input x.",
                 "which of x and y does the formula y (1 − y) take?",
                 "The derivative is written with the function's own value."),
    sigmoid_back("sigmoid-derivative-twice", sigmoid_back_twice, "dy · σ(y) (1 − σ(y))",
                 "Sigmoid is applied to its own output: the function expects x and was given y.",
                 "is the argument already an output of sigmoid?",
                 "Decide whether a derivative takes x or y, and give it just that."),
    sigmoid_back("sigmoid-dy-ignored", sigmoid_back_without_dy, "y (1 − y)", DY_MISSING,
                 *UPSTREAM),
    sigmoid_back("sigmoid-derivative-of-tanh", sigmoid_back_as_tanh, "dy · (1 − y²)",
                 "This is the derivative of tanh.", "whose derivative is 1 − y²?",
                 "Each activation has its own derivative."),
    sigmoid_back("sigmoid-factor-missing", sigmoid_back_half, "dy · y",
                 "The factor 1 − y is missing.", "what is σ' where y is near 1?",
                 "σ is flat at both ends: σ' = y (1 − y) is small there."),
    tanh("tanh-by-sigmoid", tanh_by_sigmoid, "2 σ(2x) − 1",
         "The same values; near 0 it loses digits.", "how many digits has tanh(1e-6)?",
         "A difference of near numbers loses digits.", **FORM),
    tanh("tanh-by-exponentials", tanh_by_exponentials, "(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)",
         "The same values; near 0 it loses digits, and it is NaN where eˣ overflows.",
         LARGE, "∞ / ∞ is NaN.", **FORM),
    tanh_back("tanh-factors", tanh_back_in_factors, "dy · (1 − y)(1 + y)",
              "The same values in another form, and so other last bits.",
              "are both forms rounded alike?", "1 − y² and (1 − y)(1 + y) round differently.",
              **FORM),
    tanh_back("tanh-square-missing", tanh_back_without_square, "dy · (1 − y)",
              "The square of y is missing.", "what is tanh' at x = 0, and where y = −1?",
              "tanh' = 1 − tanh², which is 0 at both ends."),
    tanh_back("tanh-derivative-of-x", tanh_back_of_x, "dy · (1 − x²)",
              "1 − y² holds for the output y, and was applied to the input x.",
              "which of x and y does 1 − y² take?",
              "The derivative is written with the function's own value."),
    tanh_back("tanh-derivative-twice", tanh_back_twice, "dy · (1 − tanh²(y))",
              "Tanh is applied to its own output: the function expects x and was given y.",
              "is the argument already an output of tanh?",
              "Decide whether a derivative takes x or y, and give it just that."),
    tanh_back("tanh-dy-ignored", tanh_back_without_dy, "1 − y²", DY_MISSING, *UPSTREAM),
    sigmoid("sigmoid-sign", sigmoid_sign, "1 / (1 + eˣ)", "The sign of the exponent is wrong.",
            "does σ rise or fall?", "σ(x) rises from 0 to 1: e⁻ˣ falls."),
    tanh("tanh-half", tanh_half, "(eˣ − 1) / (eˣ + 1)",
         "This is tanh(x/2): the exponents must be ±x, or 2x.", "what is the slope at 0?",
         "tanh'(0) = 1."),
    relu("relu-mask", relu_mask, "x · (x > 0)", "The same values.",
         "is it more than a way to write it?", "x times 1 or 0.", **FORM),
    relu("relu-half-sum", relu_half_sum, "½ (x + |x|)", "The same values.",
         "is it more than a way to write it?", "x + |x| is 2x or 0.", **FORM),
    relu("relu-absolute", relu_absolute, "|x|", "Below 0 relu is 0, not −x.",
         "what is relu(−1)?", "Below 0 the output is 0."),
    relu("relu-wrong-side", relu_wrong_side, "min(x, 0)", "The other side is kept.",
         "what is relu(1)?", "Above 0 the output is x."),
    relu("relu-step", relu_step, "1 where x > 0, else 0", "This is the derivative.",
         "what is relu(2)?", "Above 0 the output is x itself."),
    leaky("leaky-maximum", leaky_maximum, "max(x, α x)",
          "The same values for α at most 1; for α = 2 the sides are exchanged.",
          "what happens for α = 2?", "max takes the larger one.", kind="form",
          who="TensorFlow before 2019", source=MEASURED),
    relu_back("kink-relu-one", relu_back_one_at_zero, "dy where x ≥ 0, else 0",
              "At x = 0 the derivative is 1 here; relu of TensorFlow, PyTorch and JAX has 0.",
              "what is the derivative at x = 0?", "A kink has no derivative: it is a convention.",
              kind="convention", who="tf.maximum(x, 0), torch.clamp(min=0)", source=MEASURED),
    relu_back("kink-relu-half", relu_back_half_at_zero, "½ dy where x = 0",
              "At x = 0 the derivative is ½ here; relu of TensorFlow, PyTorch and JAX has 0.",
              "what is the derivative at x = 0?", "A kink has no derivative: it is a convention.",
              kind="convention", who="jnp.maximum(x, 0), torch.maximum", source=MEASURED),
    relu_back("relu-mask-of-dy", relu_back_mask_of_dy, "dy where dy > 0, else 0",
              "The mask is taken from dy, not from x: this is guided backpropagation.",
              "which number decides whether a unit was active?",
              "The derivative of relu depends on the forward pass."),
    relu_back("relu-mask-missing", relu_back_without_mask, "dy",
              "The mask is missing: dead units get a gradient.",
              "what is the gradient where relu gave 0?", "relu' is 0 where x is negative."),
    relu_back("relu-dy-ignored", relu_back_without_dy, "1 where x > 0, else 0", DY_MISSING,
              *UPSTREAM),
    leaky("leaky-wrong-side", leaky_wrong_side, "α x where x > 0, else x",
          "The slope α stands on the wrong side of 0.", "which side of 0 leaks?",
          "A leaky relu is the identity above 0."),
    leaky("leaky-slope-missing", leaky_plain, "max(x, 0)",
          "This is relu: there is no slope below 0.",
          "what is f(−1)?", "A leaky relu has the slope α below 0."),
    leaky_back("leaky-derivative-of-relu", leaky_back_plain, "dy where x > 0, else 0",
               "Below 0 the derivative is α, not 0.", "what is the slope below 0?",
               "The derivative of α x is α."),
    leaky_back("leaky-derivative-minus", leaky_back_minus, "dy where x > 0, else −α dy",
               "Below 0 the derivative is α, not −α.", "does f rise or fall below 0?",
               "The derivative of α x is α."),
    leaky_back("kink-leaky-one", leaky_back_one_at_zero, "dy where x ≥ 0, else α dy",
               "At x = 0 the derivative is 1 here; TensorFlow and PyTorch have α.",
               "what is the derivative at x = 0?", "A kink has no derivative: it is a convention.",
               kind="convention", who="jax.nn.leaky_relu", source=MEASURED),
    leaky_back("leaky-dy-ignored", leaky_back_without_dy, "1 where x > 0, else α", DY_MISSING,
               *UPSTREAM),
    softmax("softmax-without-shift", softmax_without_shift, "e^(xᵢ) / Σⱼ e^(xⱼ)",
            "The same values; NaN where e^x overflows, 0 / 0 where all of a row underflows.",
            LARGE, "Subtract the largest number of the row first: the quotient stays.", **FORM),
    softmax("softmax-over-batch", softmax_over_columns, "the sum over the batch (axis 0)",
            "The columns sum to 1, and not the rows: the sum runs over the batch.",
            "which sums are 1?", "Softmax normalises the classes of one sample."),
    softmax("softmax-over-everything", softmax_over_everything, "the sum over the whole array",
            "The whole batch sums to 1: axis and keepdims are missing.", "which sums are 1?",
            "Softmax normalises the classes of one sample."),
    softmax_back("softmax-diagonal", softmax_back_diagonal, "dx = dy y (1 − y)",
                 "Only the diagonal of the Jacobian is used; each output depends on every input.",
                 "what does yᵢ do when another xⱼ grows?",
                 "∂yᵢ/∂xⱼ = yᵢ (δᵢⱼ − yⱼ), and dx sums over i."),
    softmax_back("softmax-sum-of-dy", softmax_back_plain_sum, "y (dy − Σ dy)",
                 "The sum must be weighted by y.", "which sum stands in the bracket?",
                 "∂yᵢ/∂xⱼ = yᵢ (δᵢⱼ − yⱼ), and dx sums over i."),
    softmax_back("softmax-passed-through", softmax_back_nothing, "dx = dy",
                 "Nothing is done, as if the loss had softmax inside.",
                 "is dy the gradient by the probabilities, or by the logits?",
                 "(p − y)/N is the gradient of the fused loss by the logits already."),
    softmax_back("softmax-backward-over-batch", softmax_back_over_columns,
                 "the sum of dy y over the batch (axis 0)", "The sum runs over the batch.",
                 "which axis holds the classes?", "Softmax couples the classes of one sample."),
]  # fmt: skip
