"""The history of a run, and the two ways in which a run may end early."""

from dataclasses import dataclass, field

from refnn.state import State


@dataclass
class History:
    """One entry for each epoch.

    Attributes
    ----------
    loss : list of float
        The mean over the epoch's batches of the loss before each update, penalty included. Keras
        gives a short last batch less weight; the tutorial and refnn do not.
    learning_rate : list of float
        The rate of the epoch's last update.
    seconds : list of float
        Time since ``fit`` was called; a resumed run continues the count.
    validation_loss, validation_accuracy : list
        On the held-out data, after the epoch; empty without held-out data. An accuracy is None if
        there are no classes.
    """

    loss: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float | None] = field(default_factory=list)

    def copy(self) -> "History":
        """Return a history with lists of its own."""
        return History(*(list(column) for column in vars(self).values()))


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
