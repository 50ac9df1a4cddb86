"""Messages between the command and the process that runs a person's functions.

A message is a line of JSON and then the bytes of its arrays, each as a .npy file. Nothing is ever
unpickled: what a stranger's process sends can only be numbers and texts.
"""

import io
import json
from typing import Any, BinaryIO, NamedTuple

import numpy as np

LARGEST = 64 * 2**20
"""Bytes of a message."""


class Message(NamedTuple):
    """Texts and numbers, and arrays."""

    header: dict[str, Any]
    arrays: list[Any]


def send(stream: BinaryIO, header: dict[str, Any], arrays: list[Any]) -> None:
    """Write a message."""
    parts = []
    for array in arrays:
        file = io.BytesIO()
        np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
        parts.append(file.getvalue())
    line = json.dumps(header | {"sizes": [len(part) for part in parts]}).encode()
    stream.write(b"".join([line, b"\n", *parts]))
    stream.flush()


def receive(stream: BinaryIO) -> Message | None:
    """Read a message; None at the end of the stream.

    Raises
    ------
    ValueError
        If it is none.
    """
    line = stream.readline(2**20)
    if not line:
        return None
    header = json.loads(line)
    sizes = header.pop("sizes")
    if not all(isinstance(size, int) and size >= 0 for size in sizes) or sum(sizes) > LARGEST:
        raise ValueError(f"a message of {sizes} bytes")
    arrays = []
    for size in sizes:
        part = stream.read(size)
        if len(part) != size:
            raise ValueError("a message that ends too soon")
        arrays.append(np.lib.format.read_array(io.BytesIO(part), allow_pickle=False))
    return Message(header, arrays)
