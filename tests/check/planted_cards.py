"""The planted faults, seen by the checker: refnn with a fault in it is a person's wrong code.

    python -m tests.check.planted_cards

prints, for each fault in a function that a person would write, what the checker calls it.
"""

import re

import numpy as np

from tests.faults.catalogue import ROOMS
from tests.faults.planting import planted
from tftwin.check.diagnose import Diagnosis, diagnose
from tftwin.check.judge import Case
from tftwin.check.prove import SIZES, wrong_results
from tftwin.check.task import Draw
from tftwin.check.tasks import TASKS

ACTIVATIONS = {
    "Sigmoid": "sigmoid", "Tanh": "tanh", "Relu": "relu", "LeakyRelu": "leaky_relu", "Elu": "elu",
    "Selu": "selu", "Softplus": "softplus", "Softmax": "softmax",
}  # fmt: skip
LOSSES = {
    "MeanSquaredError": "mean_squared_error",
    "MeanAbsoluteError": "mean_absolute_error",
    "CategoricalCrossentropy": "categorical_crossentropy",
    "SoftmaxCrossentropy": "softmax_crossentropy",
    "BinaryCrossentropy": "binary_crossentropy",
    "SigmoidCrossentropy": "sigmoid_crossentropy",
}
RULES = {
    "SGD": "sgd", "SGDM": "momentum", "Nesterov": "nesterov", "Adagrad": "adagrad",
    "RMSProp": "rmsprop", "Adam": "adam", "Nadam": "nadam",
}  # fmt: skip
OTHERS = {
    "Dense.forward": ["dense_forward"],
    "Dense.parameter_gradients": ["dense_backward"],
    "Dense.input_gradient": ["dense_backward"],
    "Dropout.forward": ["dropout"],
    "Dropout.input_gradient": [],
    "L2.value": ["l2_penalty"],
    "L2.gradient": ["l2_gradient"],
    "ExponentialDecay.__call__": ["exponential_decay"],
}


def tasks_of(target):
    """The functions that a person would write in the place of this one of refnn."""
    path = target.partition(":")[2]
    kind, _, method = path.partition(".")
    if path in OTHERS:
        return OTHERS[path]
    if kind in ACTIVATIONS:
        return [ACTIVATIONS[kind] + ("" if method == "forward" else "_backward")]
    if kind in LOSSES:
        return [LOSSES[kind], f"{LOSSES[kind]}_gradient"]
    return [RULES[kind]] if kind in RULES and method == "rule" else []


def faults():
    """Each fault whose one target is such a function, with its task."""
    for room in ("activations", "layers", "losses", "regularizers", "schedules", "optimizers"):
        for fault in ROOMS[room]:
            targets = {plant.target for plant in fault.plants}
            if len(targets) == 1 and re.match(r"refnn\.", target := targets.pop()):
                for name in tasks_of(target):
                    yield fault, TASKS[name]


def cases(fault, task):
    """The function of refnn with the fault in it, called as a person's; None if it raises."""
    found = []
    for number, flavour in enumerate(task.flavours * 4):
        for dtype in ("float64", "float32"):
            draw = Draw(SIZES[number % 3], number, flavour, dtype)
            given = task.draw(draw)
            with planted(fault), np.errstate(all="ignore"):
                try:
                    given_results = task.right(**given)
                except (TypeError, ValueError, NameError, IndexError):
                    return None
            results = {
                r.name: np.asarray(getattr(one, "value", one))
                for r, one in zip(task.results, given_results, strict=True)
            }
            found.append(Case(draw, given, results))
    return found


def named(fault, task):
    """What the checker calls a fault: for each wrong result the cards, or the relation."""
    calls = cases(fault, task)
    if calls is None:
        return {"": "raises"}
    wrong = wrong_results(task, calls)
    return {name: called(found) for name, found in diagnose(task, wrong, calls).items()}


def called(found: Diagnosis):
    return " | ".join(card.name for card in found.cards) or found.relation or "unknown"


def main():
    for fault, task in faults():
        said = named(fault, task)
        if said:
            print(f"{task.name:32} {fault.name:48} {said}")


if __name__ == "__main__":
    main()
