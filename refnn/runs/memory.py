"""Memory that a step frees is kept for the next step."""

from functools import cache

import numpy as np


@cache
def keep_freed_memory() -> None:
    """Let the allocator keep what is freed, once in a process.

    glibc gives a large freed block back to the system, which hands its pages out again, zeroed,
    at the next step: 4 of 16 ms on a network of 784-512-512-10. Once it has seen a block of 31 MiB
    freed, it keeps blocks of that size. Other allocators are not changed by this.
    """
    np.empty(31 * 2**20, np.uint8)
