"""Ctrl-C waits for the end of a step."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from refnn.runs.history import History, Interrupted
from refnn.state import State

Pause: TypeAlias = Callable[[State, History], None]


@contextmanager
def deferred(hint: str = "") -> Iterator[Pause]:
    """Give a function to call between two steps; it ends the block if Ctrl-C was pressed.

    A second Ctrl-C acts at once. Only the main thread gets signals. A handler that is not Python's
    own is left alone: its owner decides what Ctrl-C means.

    Parameters
    ----------
    hint : str
        The end of the message.
    """
    own = signal.default_int_handler
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not own
    ):
        yield lambda state, history: None
        return
    came = False
    last: tuple[State, History] | None = None

    def note(number: int, frame: object) -> None:
        nonlocal came
        came = True
        signal.signal(signal.SIGINT, own)

    def pause(state: State, history: History) -> None:
        nonlocal last
        last = state, history
        if came:
            raise Interrupted(
                f"after step {state.step}, with {len(history.loss)} whole epochs done. The state "
                f"is kept in this exception's .state{hint}",
                state,
                history,
            )

    signal.signal(signal.SIGINT, note)
    try:
        yield pause
    finally:
        signal.signal(signal.SIGINT, own)
    if came and last is not None:  # Ctrl-C came after the last step
        pause(*last)
