"""Keep the memory that a step frees, for the next step."""

from functools import cache

import numpy as np


@cache
def keep_freed_memory() -> None:
    """Let the allocator keep freed memory, once in a process.

    glibc gives a large freed block back to the system. At the next step the system returns its
    pages filled with zeros: this costs 4 of 16 ms on a network of 784-512-512-10. After glibc has
    seen a block of 31 MiB freed, it keeps blocks of this size. Other allocators do not change.
    """
    np.empty(31 * 2**20, np.uint8)
