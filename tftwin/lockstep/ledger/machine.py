"""Whether the ledger knows the kernels of the machine at hand."""

import warnings
from functools import cache

from tftwin.lockstep.ledger import errors
from tftwin.lockstep.ledger.inputs import sample
from tftwin.lockstep.ledger.kernels import FUNCTIONS, instruction_set, version
from tftwin.lockstep.ledger.measure import measure


class LedgerWarning(UserWarning):
    """The ledger does not know this machine, or is too small for it."""


@cache
def check_machine() -> None:
    """Look, once in a process, whether the ledger knows this machine's kernels.

    Where it does not, they are sampled (XLA's apart, which take seconds to compile), and a
    warning tells whether the sample is within the ledger.

    Warns
    -----
    LedgerWarning
    """
    known = {errors.key(e)[2:] for e in errors.entries()}
    for kernel in ("numpy", "tensorflow vector", "tensorflow scalar"):
        library, _, which = kernel.partition(" ")
        instructions = instruction_set(kernel)
        if (library, which, version(kernel), instructions) not in known:
            name = f"{kernel} {version(kernel)} on {instructions}"
            for message in sampled(kernel, name) or [
                f"the ledger does not know {name}; a sample of its errors is within the ledger"
            ]:
                warnings.warn(f"{message}: run python -m tftwin certify", LedgerWarning, 3)


def sampled(kernel: str, name: str, size: int = 2**13) -> list[str]:
    """Return a line for each function of which a sample is worse than the ledger."""
    lines = []
    for dtype in ("float32", "float64"):
        try:
            magnitudes = sample(dtype, 256 if "scalar" in kernel else size, 0)
            for function in FUNCTIONS:
                found = measure(function, magnitudes, [kernel])[kernel].worst
                allowed = errors.worst(function, dtype)
                if found.error > allowed:
                    lines.append(
                        f"{function} in {dtype} by {name} errs by {found.error:.4g} ulp at "
                        f"{found.at}, the ledger allows {allowed:.4g}, and so the "
                        "bounds of lockstep are too tight here"
                    )
        except TypeError:  # no long double to measure float64 with
            continue
    return lines
