"""What a run leaves behind: its history, and the three ways in which it may end early."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

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
        On the held-out data, after the epoch; empty without any. An accuracy is None where there
        are no classes. An epoch without held-out data among others has NaN and None.
    """

    loss: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float | None] = field(default_factory=list)

    def copy(self) -> "History":
        """Return a history with lists of its own."""
        return self.first(len(self.loss))

    def first(self, epochs: int) -> "History":
        """Return the history of the first epochs, with lists of its own."""
        return History(*(list(column[:epochs]) for column in vars(self).values()))

    def add(self, entry: Sequence[float | None]) -> None:
        """Append what an epoch gave, a number a column."""
        for column, number in zip(vars(self).values(), entry, strict=False):
            column.append(number)


class Ended(BaseException):
    """What ended a run, with the work that was done; it survives pickling.

    Attributes
    ----------
    state : State
        The last one.
    history : History
        The epochs that were completed.
    """

    def __init__(self, message: str, state: State, history: History) -> None:
        super().__init__(message)
        self.state, self.history = state, history

    def __reduce__(self) -> tuple[Any, ...]:
        return _blank, (type(self),), vars(self) | {"args": self.args}


def _blank(kind: type[Ended]) -> Ended:
    """Return an error to which pickle gives back its attributes."""
    return kind.__new__(kind)


class NonFiniteError(Ended, FloatingPointError):
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
        super().__init__(message, state, history)
        self.tensor = tensor


class Interrupted(Ended, KeyboardInterrupt):
    """Ctrl-C ended a training run, after a whole step.

    Attributes
    ----------
    state : State
        After the last step.
    history : History
        The epochs that were completed.
    """


class SaveError(Ended, OSError):
    """A checkpoint could not be written; the run stopped, and what it had done is here.

    Attributes
    ----------
    state : State
        After the last whole epoch.
    history : History
        The epochs that were completed.
    errno : int or None
        The number of the system's error.
    """

    def __init__(
        self, message: str, state: State, history: History, errno: int | None = None
    ) -> None:
        super().__init__(message, state, history)
        self.errno = errno

    def __reduce__(self) -> tuple[Any, ...]:
        make, kind, attributes = super().__reduce__()
        return make, kind, attributes | {"errno": self.errno}


def attach(error: BaseException, state: State, history: History) -> None:
    """Give an error the work that was done, if it has none yet and takes attributes."""
    columns = (history.loss, history.learning_rate, history.seconds)
    with suppress(Exception):
        if not (hasattr(error, "state") or hasattr(error, "history")):
            whole = history.first(min(map(len, columns)))
            error.state, error.history = state, whole  # type: ignore[attr-defined]
