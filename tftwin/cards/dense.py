"""Cards of the dense layer and of L2."""

from typing import Any

import numpy as np

from refnn.typing import Array
from tftwin.cards.card import MEASURED
from tftwin.cards.makers import dense, dense_back, penalty, penalty_back


def without_bias(x: Any, W: Any, b: Any) -> Any:
    """x W."""
    return (x @ W,)


def bias_subtracted(x: Any, W: Any, b: Any) -> Any:
    """x W − b."""
    return (x @ W - b,)


def _right(dy: Any, x: Any, W: Any) -> tuple[Array, ...]:
    return dy @ W.T, x.T @ dy, dy.sum(axis=0)


def weights_averaged(dy: Any, x: Any, W: Any) -> Any:
    """DW / N."""
    dx, dW, db = _right(dy, x, W)
    return dx, dW / len(x), db


def biases_averaged(dy: Any, x: Any, W: Any) -> Any:
    """Db / N."""
    dx, dW, db = _right(dy, x, W)
    return dx, dW, db / len(x)


def both_averaged(dy: Any, x: Any, W: Any) -> Any:
    """DW / N and db / N."""
    dx, dW, db = _right(dy, x, W)
    return dx, dW / len(x), db / len(x)


def biases_of_first_row(dy: Any, x: Any, W: Any) -> Any:
    """Db of the first sample."""
    dx, dW, _ = _right(dy, x, W)
    return dx, dW, dy[0]


def reshaped_weights(dy: Any, x: Any, W: Any) -> Any:
    """W reshaped to (M, D), which is not its transpose."""
    _, dW, db = _right(dy, x, W)
    return dy @ W.reshape(W.shape[1], W.shape[0]), dW, db


def reshaped_gradient(dy: Any, x: Any, W: Any) -> Any:
    """dyᵀx reshaped to (D, M), which is not its transpose."""
    dx, _, db = _right(dy, x, W)
    return dx, (dy.T @ x).reshape(*W.shape), db


def biases_of_weights(dy: Any, x: Any, W: Any) -> Any:
    """Db as the column sums of dW."""
    dx, dW, _ = _right(dy, x, W)
    return dx, dW, dW.sum(axis=0)


def whole_penalty(W: Any, rate: float) -> Any:
    """λ Σ w²."""
    return (rate * np.square(W).sum(),)


def norm(W: Any, rate: float) -> Any:
    """λ ‖W‖: the root is too much."""
    return (rate * np.sqrt(np.square(W).sum()),)


def mean_penalty(W: Any, rate: float) -> Any:
    """λ ½ mean w²."""
    return (rate * (np.square(W).mean() / 2),)


def absolute(W: Any, rate: float) -> Any:
    """λ Σ |w|: L1."""
    return (rate * np.abs(W).sum(),)


def whole_gradient(W: Any, rate: float) -> Any:
    """2 λ w."""
    return (2 * rate * W,)


def sign_gradient(W: Any, rate: float) -> Any:
    """λ sign(w): L1's."""
    one = np.ones_like(W)
    return (rate * np.where(W > 0, one, np.where(W < 0, -one, 0 * one)),)


def minus_gradient(W: Any, rate: float) -> Any:
    """−λ w."""
    return (-rate * W,)


BATCH = (
    "over which axis is the batch summed, and who divides by N?",
    "A parameter serves every sample: its gradient is the sum over the batch. The mean's 1/N is in "
    "dy already.",
)
HALF: dict[str, Any] = {
    "kind": "convention", "who": "keras.regularizers.L2", "source": MEASURED,
}  # fmt: skip

CARDS = [
    dense("dense-bias-missing", without_bias, "x W", "The bias is missing.",
          "what is y where x = 0?", "An affine map has an offset."),
    dense("dense-bias-subtracted", bias_subtracted, "x W − b", "The bias is subtracted.",
          "what is y where x = 0?", "An affine map has an offset."),
    dense_back("dense-weights-averaged", weights_averaged, "dW = xᵀ dy / N",
               "dW is divided by N once more.", *BATCH),
    dense_back("dense-biases-averaged", biases_averaged, "db = mean dy",
               "db is divided by N once more.", *BATCH),
    dense_back("dense-averaged", both_averaged, "dW = xᵀ dy / N, db = mean dy",
               "dW and db are divided by N here; then dy must not be.", *BATCH,
               kind="convention", who="courses in which dy is the gradient of the sum"),
    dense_back("dense-biases-first-row", biases_of_first_row, "db = dy[0]",
               "db is that of the first sample.", *BATCH),
    dense_back("dense-reshaped-weights", reshaped_weights, "dx = dy W.reshape(M, D)",
               "W is reshaped instead of transposed: the shape fits, and the numbers do not.",
               "is W.reshape(M, D) the same as W.T?",
               "reshape keeps the order in memory; a transpose changes it."),
    dense_back("dense-reshaped-gradient", reshaped_gradient, "dW = (dyᵀ x).reshape(D, M)",
               "The product is reshaped instead of transposed.", "is a reshape a transpose?",
               "reshape keeps the order in memory; a transpose changes it."),
    dense_back("dense-biases-of-weights", biases_of_weights, "db = Σ dW",
               "db is the sum of dW's rows; x has slipped in.", "does db depend on x?",
               "∂y/∂b = 1: db is the sum of dy."),
    penalty("l2-half", whole_penalty, "λ Σ w²",
            "There is no ½ here: the penalty is twice refnn's.",
            "is there a ½?", "The ½ makes the gradient λ w.", **HALF),
    penalty("l2-norm", norm, "λ ‖w‖", "The root of the sum is taken.",
            "what does the penalty do when all weights double?", "L2 is a sum of squares."),
    penalty("l2-mean", mean_penalty, "λ ½ mean w²", "The mean of the squares is taken.",
            "what does the penalty do when the layer gets wider?", "L2 is a sum of squares."),
    penalty("l2-absolute", absolute, "λ Σ |w|", "This is L1.", "are large weights priced more?",
            "L2 prices squares."),
    penalty_back("l2-half-gradient", whole_gradient, "2 λ w", "This belongs to the penalty λ Σ w².",
                 "which penalty has this derivative?", "The derivative of ½ w² is w.", **HALF),
    penalty_back("l2-sign", sign_gradient, "λ sign(w)", "This is L1's.",
                 "do large weights shrink faster?", "The derivative of ½ w² is w."),
    penalty_back("l2-minus", minus_gradient, "−λ w", "The sign is wrong: weights grow.",
                 "in which direction must a weight move?", "The penalty is a part of the loss."),
]  # fmt: skip
