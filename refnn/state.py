"""What training computes, as plain data: a state, the gradients of a batch, a step."""

from typing import Any, NamedTuple

from refnn.typing import Array, Slots


class State(NamedTuple):
    """Where a training run stands."""

    theta: Array
    """The parameters, (size,)."""
    slots: Slots = ()
    """The optimizer's memory, in the order of its ``slot_names``, (size,) each."""
    step: int = 0
    """Updates done."""


class Gradients(NamedTuple):
    """Everything that ``backpropagate`` computes, in this order."""

    outputs: list[Array]
    """[x, y₁, …, yₙ], (N, width) each."""
    data_loss: Any
    """The loss of the batch without the penalty, a scalar."""
    penalty: Any
    """The L2 term."""
    loss: Any
    """Their sum."""
    output_gradients: list[Array]
    """[∂loss/∂y₁, …, ∂loss/∂yₙ], in the shapes of y₁, …, yₙ."""
    gradients: list[Array]
    """∂loss/∂W and ∂loss/∂b, penalty included, in the order and shapes of ``parameters``."""


class Step(NamedTuple):
    """Everything that a training step computes: its ``Gradients``, then the update."""

    outputs: list[Array]
    data_loss: Any
    penalty: Any
    loss: Any
    output_gradients: list[Array]
    gradients: list[Array]
    learning_rate: float
    """The rate of this step."""
    state: State
    """The state after it."""


class Evaluation(NamedTuple):
    """What ``evaluate`` finds on a data set."""

    loss: float
    """The data loss, without the penalty."""
    accuracy: float | None
    """The share of rows whose class is right; None if there are no classes."""
