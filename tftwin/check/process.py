"""A person's module in a process of its own, with limits of time and memory."""

import os
import queue
import subprocess
import sys
import threading
from types import TracebackType
from typing import Any

import numpy as np

from tftwin.check.messages import Message, receive, send

SECONDS = 10.0
"""For one call, and for the import."""


class Failed(Exception):  # noqa: N818
    """The module cannot be imported, or its process ended; the text says why."""


class Process:
    """The process, started again after a call that ended it.

    Attributes
    ----------
    functions : dict
        The public functions of the module, with the names of their parameters.
    layouts : dict
        The conventions that it declares.
    """

    def __init__(self, module: str, seconds: float = SECONDS) -> None:
        self.module, self.seconds = module, seconds
        self._start()

    def __enter__(self) -> "Process":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, t: TracebackType | None
    ) -> None:
        self._end()

    def _start(self) -> None:
        command = [sys.executable, "-m", "tftwin.check.worker", self.module]
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._answers: queue.Queue[Any] = queue.Queue()
        threading.Thread(
            target=_listen, args=(self._process.stdout, self._answers), daemon=True
        ).start()
        header = self._answer("the import").header
        if "failed" in header:
            raise Failed(header["failed"])
        self.functions: dict[str, list[str]] = header["functions"]
        self.layouts: dict[str, str] = header["layouts"]
        self._printed = 0

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _answer(self, what: str) -> Message:
        try:
            answer = self._answers.get(timeout=self.seconds)
        except queue.Empty:
            self._end()
            raise Failed(f"{what} took more than {self.seconds:g} s") from None
        if isinstance(answer, Message):
            return answer
        status = self._process.wait()
        self._end()
        signal = f"signal {-status}" if status < 0 else f"status {status}"
        raise Failed(f"{what} ended the process ({signal}){answer}")

    def call(
        self,
        function: str,
        given: dict[str, Any],
        results: list[str],
        *,
        by_place: bool = False,
        in_state: list[str] | None = None,
        twice: bool = False,
    ) -> Message:
        """Call a function of the module, and return the answer of the process.

        The header has "raised", or "changed", "kinds", "printed" and, if called twice, "changes".
        """
        header = {
            "function": function,
            "given": {k: None if isinstance(v, np.ndarray) else v for k, v in given.items()},
            "results": results,
            "by_place": by_place,
            "in_state": in_state or [],
            "twice": twice,
        }
        stream: Any = self._process.stdin
        try:
            send(stream, header, [v for v in given.values() if isinstance(v, np.ndarray)])
            answer = self._answer("the call")
        except (Failed, OSError) as error:
            self._start()
            return Message({"raised": str(error), "ended": True, "printed": 0}, [])
        printed = answer.header["printed"] - self._printed
        self._printed = answer.header["printed"]
        return Message(answer.header | {"printed": printed}, answer.arrays)


def _listen(stream: Any, answers: "queue.Queue[Any]") -> None:
    """Pass on each message, and at the end the text of what went wrong."""
    try:
        while (message := receive(stream)) is not None:
            answers.put(message)
        answers.put("")
    except Exception as error:
        answers.put(f": {error}")
