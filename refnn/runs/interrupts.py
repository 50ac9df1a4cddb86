"""Ctrl-C waits for the end of a step."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from refnn.runs.history import History, Interrupted, attach
from refnn.state import State

Pause: TypeAlias = Callable[[State, History], None]


@contextmanager
def deferred(hint: str = "") -> Iterator[Pause]:
    """Give a function to call between two steps; it ends the block if Ctrl-C was pressed.

    A second Ctrl-C acts at once. Only the main thread is sent signals, and a handler that is not
    Python's own is left alone: its owner decides what Ctrl-C means. Whatever ends the block is
    given the last state.

    Parameters
    ----------
    hint : str
        The end of the message.
    """
    own = signal.default_int_handler
    deferring = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is own
    )
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

    if deferring:
        signal.signal(signal.SIGINT, note)
    try:
        yield pause
    except BaseException as error:
        if last is not None:
            attach(error, *last)
        raise
    finally:
        if deferring:
            signal.signal(signal.SIGINT, own)
    if came and last is not None:  # between the last step and here
        pause(*last)
