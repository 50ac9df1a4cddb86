"""The ledger: the worst errors of exp, log, tanh, sigmoid, 1/x that were measured, as data.

``python -m tftwin certify`` measures it (``certify``: over which inputs; ``measure``: what an
error is; ``kernels``: of what). Each entry of ``ledger.json`` is one function, in one dtype, by
one kernel of one version of a library on one instruction set. It holds the worst error, the
input where that occurs (in hexadecimal, exact), and what else was seen (``findings``). An error
bound has to hold for whichever kernel computed, and so ``worst`` is the largest over all entries
(``errors``). ``machine`` warns where the ledger does not know the machine at hand.
"""

from tftwin.lockstep.ledger.errors import (
    CAPS,
    DERIVATIVE_CAPS,
    bound,
    entries,
    exceeding,
    key,
    load,
    overflow,
    shipped,
    underflow,
    update,
    worst,
)
from tftwin.lockstep.ledger.machine import LedgerWarning, check_machine

__all__ = [
    "CAPS",
    "DERIVATIVE_CAPS",
    "LedgerWarning",
    "bound",
    "check_machine",
    "entries",
    "exceeding",
    "key",
    "load",
    "overflow",
    "shipped",
    "underflow",
    "update",
    "worst",
]
