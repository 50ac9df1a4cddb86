"""Cards of whole steps, made from a small grammar: each choice, and each pair of choices.

In from-scratch code that was read, four of seven steps had two faults or more. So pairs are here.
"""

from collections.abc import Iterator
from functools import partial
from itertools import combinations, product

from tftwin.cards import Card
from tftwin.check.tasks.steps import RIGHT, Choices, gradients, update

WORDS = {
    ("loss", "mean squared error"): "the gradient of the mean squared error of the logits is taken",
    ("weights", "sum"): "dW is the sum over the batch, not the mean",
    ("weights", "twice"): "dW is divided by N twice",
    ("biases", "sum"): "db is the sum over the batch, not the mean",
    ("biases", "twice"): "db is divided by N twice",
    ("biases", "first row"): "db is that of the first sample",
    ("output", "again"): "p − y is multiplied by p (1 − p) once more",
    ("passed", "raw"): "the hidden layer gets the error without tanh'",
    ("hidden", "from z"): "tanh' = 1 − y² is taken of z, not of y",
    ("hidden", "missing square"): "tanh' is 1 − y, without the square",
    ("order", "update first"): "W2 is updated before the error goes back through it",
    ("penalty", "whole"): "the L2 gradient is 2 λ w (keras.regularizers.L2)",
    ("penalty", "over rows"): "the L2 gradient is λ w / N (scikit-learn's MLP)",
    ("penalty", "biases"): "L2 acts on the biases too",
    ("penalty", "minus"): "the L2 gradient has the wrong sign",
    ("penalty", "none"): "L2 is left out",
    ("sign", "plus"): "the update climbs: w + lr g",
}
"""What each choice is, in words."""

CONCEPTS = {
    "loss": "p − y belongs to softmax and crossentropy together",
    "weights": "a mean over the batch divides every gradient by N once",
    "biases": "a mean over the batch divides every gradient by N once; db sums all samples",
    "output": "in p − y the derivative of softmax has cancelled already",
    "passed": "the chain rule multiplies by the derivative of each layer that it passes",
    "hidden": "tanh' = 1 − tanh², which takes the output y",
    "order": "all gradients belong to the same weights: compute them all, then update",
    "penalty": "the penalty λ ½ Σ W² has the gradient λ W, and prices no bias",
    "sign": "the gradient points uphill",
}

OF_UPDATE = ("order", "penalty", "sign")
"""Questions that show in the update alone."""

INERT = {"passed", "hidden"}
"""Where the error passes without tanh', it does not matter how tanh' is computed."""


def cards(of: str) -> Iterator[Card]:
    """Yield the cards of "backpropagate" or of "train_step"."""
    function = gradients if of == "backpropagate" else update
    questions = [q for q in Choices._fields if of == "train_step" or q not in OF_UPDATE]
    by_question = {q: [choice for choice in WORDS if choice[0] == q] for q in questions}
    singles = [[choice] for choices in by_question.values() for choice in choices]
    pairs = [
        list(pair)
        for one, other in combinations(by_question.values(), 2)
        for pair in product(one, other)
        if not {question for question, _ in pair} >= INERT
    ]
    for taken in singles + pairs:
        choices = RIGHT._replace(**dict(taken))
        text = "; ".join(WORDS[choice] for choice in taken)
        concept = "; ".join(dict.fromkeys(CONCEPTS[question] for question, _ in taken))
        yield Card(
            " and ".join(f"{question}: {value}" for question, value in taken),
            of,
            "mistake",
            partial(function, choices=choices),
            text,
            "all gradients of the mean loss, then the update",
            "from-scratch code",
            f"{text}.",
            (f"step: which of these is not the mean loss's? {', '.join(q for q, _ in taken)}",
             f"{concept}.", text),
        )  # fmt: skip
