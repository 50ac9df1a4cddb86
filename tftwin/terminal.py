"""The command lines on odd terminals, and what stops them: one line, and the right exit status.

0, 1 and 2 are a command's own. It is 2 too where standard output cannot be written, 130 after
Ctrl-C, 141 where the reader of a pipe has gone, and 143 after SIGTERM.
"""

import argparse
import codecs
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn

WRONG, CTRL_C, PIPE, TERMINATED = 2, 130, 141, 143
PLAIN = {"−": "-", "–": "-", "…": "...", "·": ".", "×": "x", "→": "->", "≤": "<=", "∂": "d"}
LINES = {"─": "-", "━": "-", "═": "=", "│": "|", "┃": "|", "║": "|"}
SHOW_CURSOR = "\x1b[?25h"


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG, f"{self.prog}: {one_line(message)}\n")


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


class Lost(SystemExit):
    """Standard output cannot be written any more."""


def one_line(message: object, length: int = 500) -> str:
    """Return a message in one line of bearable length."""
    text = " ".join(str(message).split())
    return text if len(text) <= length else f"{text[: length // 2]}…{text[-length // 2 :]}"


def run(program: str, work: Callable[[], int]) -> NoReturn:
    """Do the work of a command line, and end the process with its status."""
    prepare(program)
    try:
        try:
            status: Any = work()
        except SystemExit as error:
            if isinstance(error, Lost):
                raise
            status = error.code
        sys.stdout.flush()
    except (KeyboardInterrupt, OSError) as error:
        status = stopped(program, error)
    sys.exit(status)


def begin(package: str) -> None:
    """Prepare, if this package is run; Ctrl-C and SIGTERM end the process at once.

    They do so while its packages are imported, until ``prepare`` is called again. Nothing is begun
    that would have to be undone, and what is written in C turns an interruption into an error of
    its own.
    """
    module = next((a for a in sys.orig_argv if a.partition(".")[0] == package), "")
    if not module:
        return
    prepare(f"python -m {module}")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _leave)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _leave)


def _leave(number: int, frame: object) -> NoReturn:
    os._exit(stopped("", Terminated() if number == signal.SIGTERM else KeyboardInterrupt()))


def prepare(program: str) -> None:
    """Make this process a command line: its output, its signals, its last line.

    Characters that the output cannot show are replaced. SIGTERM ends the process as Ctrl-C does,
    so that what was begun is undone. A script that ends in an exception of the system says so in
    one line.
    """
    codecs.register_error("tftwin.plain", plain)
    if sys.stderr is None:  # closed: what is written there must not reach a file
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        say(f"{program}: standard output is closed; expected >/dev/null if nobody is to read it")
        raise Lost(WRONG)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="tftwin.plain")
    output: Any = sys.stdout
    output = Output(getattr(output, "stream", output), program)
    sys.stdout = output
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
        if signal.getsignal(signal.SIGINT) is _leave:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.excepthook = _hook(program)


class Output:
    """Standard output that ends the process in one line when it cannot be written."""

    def __init__(self, stream: Any, program: str) -> None:
        self.stream, self.program = stream, program

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        try:
            return int(self.stream.write(text))
        except OSError as error:
            self.lose(error)

    def flush(self) -> None:
        try:
            self.stream.flush()
        except OSError as error:
            self.lose(error)

    def lose(self, error: OSError) -> NoReturn:
        """Say it, and end; what is left in the buffer goes nowhere."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if error.errno in (errno.EPIPE, errno.EINVAL):  # the second is how Windows says it
            say(f"{self.program}: the reader of its output has gone")
            raise Lost(PIPE)
        say(f"{self.program}: standard output cannot be written ({error.strerror})")
        raise Lost(WRONG)


def stopped(program: str, error: BaseException) -> int:
    """Say in one line what stopped a command, and return its exit status."""
    if not isinstance(error, KeyboardInterrupt):
        say(f"{program}: {one_line(error)}")
        return WRONG
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # one line is enough
    terminated = isinstance(error, Terminated)
    say("stopped by SIGTERM" if terminated else "stopped by Ctrl-C")
    return TERMINATED if terminated else CTRL_C


def say(line: str) -> None:
    """Print a line on standard error, behind whatever a progress bar left there."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and stream.isatty():
            stream.write(SHOW_CURSOR)
            stream.flush()
    print(line, file=sys.stderr, flush=True)


def plain(error: UnicodeError) -> tuple[str, int]:
    """Return characters that every terminal shows, for those that this one does not."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(map(_plain, text)), error.end


def _plain(character: str) -> str:
    if "\u2500" <= character <= "\u257f":  # the lines of tables
        return LINES.get(character, "+")
    return PLAIN.get(character, "?")


def _terminate(number: int, frame: object) -> NoReturn:
    raise Terminated


def _hook(program: str) -> Callable[..., None]:
    def hook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        if not isinstance(error, (KeyboardInterrupt, OSError)):
            sys.__excepthook__(kind, error, trace)
            return
        raise SystemExit(stopped(program, error))

    return hook
