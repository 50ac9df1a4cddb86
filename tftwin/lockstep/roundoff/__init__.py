"""Arrays that carry a bound on their own rounding error.

A ``Rounded`` array is a value, computed by the same NumPy operation as ever, and a bound e ≥ 0
for each element:

    |a − a*| ≤ e   for every correct evaluation a at this precision (the value is one of them).

Here a* is the exact result, in real arithmetic, of the operations applied so far. A correct
evaluation may sum in any order, contract a·b + c, flush subnormal numbers to zero, and use any
exp, log or tanh within the ledger. Two of them are therefore at most 2 e apart.

The unchanged code of refnn runs on these arrays, because NumPy's operators and functions
dispatch on them (``array``). Notation of the rules: ``v`` a value, ``e`` its bound, ``p`` the
error that comes from the operands (propagated), u the unit roundoff. An evaluation's operand
lies within 2 e of the value v at hand, so that its magnitude is at most |v| + 2 e.

- + − × ÷ √: u |result| (Higham, *Accuracy and Stability of Numerical Algorithms*, ch. 2);
  ``arithmetic``.
- exp, log, tanh, 1/x, expm1, log1p: the ledger's worst error, in ulp; ``functions``.
- Sums and products of matrices, n terms: γₙ = n u / (1 − n u) times the sum of the absolute
  terms (Higham, ch. 3), for n u < 1; ``sums``.
- A comparison that the bounds leave undecided: the jump between its two branches is added;
  ``choices``.
- Results below the smallest normal number: they may be flushed to zero; ``rounding``.

An operation that is not here is refused: there is no bound without a derivation.

A rule is a function of a result's value and of its operands. It returns the result's bound, and
it stands beside its derivation. ``array`` has the table that says which rule is whose, and it
alone makes ``Rounded`` arrays.
"""

from tftwin.lockstep.roundoff.array import FUNCTIONS, UFUNCS, Mask, Rounded, exact
from tftwin.lockstep.roundoff.operands import NoBoundError, plain
from tftwin.lockstep.roundoff.rounding import largest, ulp
from tftwin.lockstep.roundoff.sums import LAMBDA, gamma, usual

__all__ = [
    "FUNCTIONS",
    "LAMBDA",
    "UFUNCS",
    "Mask",
    "NoBoundError",
    "Rounded",
    "exact",
    "gamma",
    "largest",
    "plain",
    "ulp",
    "usual",
]
