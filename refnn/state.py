"""What training computes, as plain data: a state, the gradients of a batch, a step."""

from typing import Any, NamedTuple

from refnn.typing import Array, Slots


class State(NamedTuple):
    """Where a training run stands: ``State(theta, slots, step)``.

    Attributes
    ----------
    theta : Array, (size,)
        The parameters.
    slots : tuple of Array, (size,) each
        The optimizer's memory, in the order of its ``slot_names``.
    step : int
        Updates done.
    """

    theta: Array
    slots: Slots = ()
    step: int = 0


class Gradients(NamedTuple):
    """Everything that ``backpropagate`` computes, in this order."""

    outputs: list[Array]
    """[x, y₁, …, yₙ]."""
    data_loss: Any
    """The loss of the batch without the penalty."""
    penalty: Any
    """The L2 term."""
    loss: Any
    """Their sum."""
    output_gradients: list[Array]
    """∂loss/∂y₁ … ∂loss/∂yₙ."""
    gradients: list[Array]
    """∂loss/∂W and ∂loss/∂b, in the order of the network's parameters, penalty included."""


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
    """The data loss over a data set, and the share of rows classified rightly, if classes."""

    loss: float
    accuracy: float | None
