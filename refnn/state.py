"""What training computes, as plain data: the state, one step, the history."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from refnn.typing import Array


class State(NamedTuple):
    """Where a training run stands.

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
    slots: tuple[Array, ...] = ()
    step: int = 0


class Step(NamedTuple):
    """Everything that one training step computed, in this order."""

    outputs: list[Array]
    """[x, y₁, …, yₙ]."""
    data_loss: Any
    """The loss of the batch without the penalty."""
    penalty: Any
    """The L2 term."""
    loss: Any
    """Their sum, which the step descends."""
    output_gradients: list[Array]
    """∂loss/∂y₁ … ∂loss/∂yₙ."""
    gradients: list[Array]
    """∂loss/∂W and ∂loss/∂b, in the order of the network's parameters, penalty included."""
    learning_rate: float
    """The rate of this step."""
    state: State
    """The state after it."""


@dataclass
class History:
    """One entry an epoch.

    Attributes
    ----------
    loss : list of float
        Mean over the epoch's batches of the loss before each update, penalty included (Keras
        weighs a short last batch less; the tutorial, and this, do not).
    learning_rate : list of float
        Rate of the epoch's last update.
    seconds : list of float
        Time since ``fit`` was called.
    validation_loss, validation_accuracy : list
        On the held-out data, after the epoch; empty without any. An accuracy is None where there
        are no classes.
    """

    loss: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float | None] = field(default_factory=list)


class Evaluation(NamedTuple):
    """The data loss over a data set, and the share of rows classified rightly, if classes."""

    loss: float
    accuracy: float | None


class NonFiniteError(FloatingPointError):
    """A training run met NaN or an infinity, and stopped.

    Attributes
    ----------
    state : State
        The last finite one.
    history : History
        The epochs that were completed.
    tensor : str
        The first tensor of the step that is not finite.
    """

    def __init__(self, message: str, state: State, history: History, tensor: str) -> None:
        super().__init__(message)
        self.state, self.history, self.tensor = state, history, tensor


class Interrupted(KeyboardInterrupt):
    """Ctrl-C ended a training run, after a whole step.

    Attributes
    ----------
    state : State
        After the last step.
    history : History
        The epochs that were completed.
    """

    def __init__(self, message: str, state: State, history: History) -> None:
        super().__init__(message)
        self.state, self.history = state, history
