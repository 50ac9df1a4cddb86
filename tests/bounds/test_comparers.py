"""The comparer itself, against planted faults of tensors, beside the rules that others use.

The tensor is a gradient dW = xᵀ dy with its derived bound. Nine faults are planted in it at four
scales; a comparer should see all of them. The same product with its terms in another order is no
fault; a comparer should never complain of it. ``python -m tests.bounds.test_comparers`` prints the
table.
"""

import numpy as np
import pytest

from tftwin.lockstep.roundoff import exact
from tftwin.lockstep.verdict import Row, judge

SCALES = (1.0, 1e-4, 1e-7, 1e-30)
ROWS, INPUTS, OUTPUTS = 32, 5, 4


def swap_rows(a):
    return a[::-1]


def transpose(a):
    return np.reshape(a.T, a.shape)


def flip_one_sign(a):
    return put(a, -a.flat[7])


def double(a):
    return 2 * a


def one_ten_percent_off(a):
    return put(a, a.flat[7] * a.dtype.type(1.1))


def zero(a):
    return np.zeros_like(a)


def other_infinity(a):
    return put(a, -np.inf)


def nan_elsewhere(a):
    return put(put(a, a.flat[8], 7), np.nan, 8)


def one_nan(a):
    return put(a, np.nan)


def put(a, value, place=7):
    a = a.copy()
    a.flat[place] = value
    return a


FAULTS = {
    "rows permuted": swap_rows,
    "transposed": transpose,
    "one sign flipped": flip_one_sign,
    "doubled": double,
    "one element +10 %": one_ten_percent_off,
    "zeroed": zero,
    "+inf for −inf": other_infinity,
    "NaN moved": nan_elsewhere,
    "one NaN": one_nan,
}


def ours(a, b, bound):
    return not judge(Row("gradient", "dW1"), 1, a, b, bound)


def numpy_default(a, b, bound):
    """``numpy.testing.assert_allclose``: rtol = 1e-7, atol = 0, NaN equals NaN."""
    return _close(a, b, 1e-7, 0.0, equal_nan=True)


def torch_default(a, b, bound):
    """``torch.testing.assert_close``: 1.3e-6 and 1e-5 in float32, 1e-7 and 1e-7 in float64."""
    rtol, atol = (1.3e-6, 1e-5) if a.dtype == np.float32 else (1e-7, 1e-7)
    return _close(a, b, rtol, atol, equal_nan=False)


def _close(a, b, rtol, atol, equal_nan):
    with np.errstate(all="ignore"):
        a, b = a.astype(np.float64), b.astype(np.float64)
        near = np.isfinite(b) & (np.abs(a - b) <= atol + rtol * np.abs(b))
    nan = np.isnan(a) & np.isnan(b) & equal_nan
    return bool(np.all(near | (a == b) | nan))


COMPARERS = {
    "derived bound": ours,
    "NumPy's default": numpy_default,
    "PyTorch's default": torch_default,
}


def product(rng, dtype, scale):
    """Return x, dy, and dW = xᵀ dy with its bound."""
    x = rng.standard_normal((ROWS, INPUTS)).astype(dtype)
    dy = (scale * rng.standard_normal((ROWS, OUTPUTS))).astype(dtype)
    bounded = exact(x).T @ exact(dy)
    return x, dy, bounded.value, bounded.bound


def planted(name, a):
    """Return the tensor and its faulty copy."""
    if name == "+inf for −inf":
        a = put(a, np.inf)
    if name == "NaN moved":
        a = put(a, np.nan)
    return a, FAULTS[name](a)


def caught(comparer, name, dtype):
    """Return at which scales a comparer sees the fault."""
    rng = np.random.default_rng(0)
    seen = []
    for scale in SCALES:
        _, _, a, bound = product(rng, dtype, scale)
        one, other = planted(name, a)
        seen.append(not comparer(one, other, bound))
    return seen


def reordered(rng, x, dy):
    """Return xᵀ dy with its terms in another order, summed one by one or in blocks."""
    order = rng.permutation(ROWS)
    terms = x[order, :, None] * dy[order, None, :]
    if rng.random() < 0.5:
        total = np.zeros_like(terms[0])
        for term in terms:
            total = total + term
        return total
    return np.sum(terms.reshape(-1, 8, INPUTS, OUTPUTS).sum(axis=0), axis=0)


def false_alarms(comparer, dtype, count):
    """Return of how many legal re-orderings a comparer complains."""
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(count):
        x, dy, a, bound = product(rng, dtype, rng.choice(SCALES))
        alarms += not comparer(a, reordered(rng, x, dy), bound)
    return alarms


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FAULTS)
def test_every_planted_fault_is_caught_at_every_scale(name, dtype):
    assert caught(ours, name, dtype) == [True] * len(SCALES)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_false_alarm_on_10_000_legal_reorderings(dtype):
    assert false_alarms(ours, dtype, 5_000) == 0


def test_the_rules_of_others_have_holes_or_false_alarms():
    """That the table is no tautology: each default misses a fault or complains of a legal sum."""
    for comparer in (numpy_default, torch_default):
        misses = [n for n in FAULTS if not all(caught(comparer, n, np.float32))]
        assert misses or false_alarms(comparer, np.float32, 200)


def table():
    """Return the table that tests/README.md shows."""
    lines = [
        "| planted | " + " | ".join(f"{c}, {d}" for c in COMPARERS for d in ("f32", "f64")) + " |"
    ]
    lines.append("|---" * (1 + 2 * len(COMPARERS)) + "|")
    for name in FAULTS:
        cells = []
        for comparer in COMPARERS.values():
            for dtype in (np.float32, np.float64):
                missed = [
                    f"{s:g}"
                    for s, c in zip(SCALES, caught(comparer, name, dtype), strict=True)
                    if not c
                ]
                cells.append(f"missed at {', '.join(missed)}" if missed else "caught")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    alarms = [
        f"{false_alarms(comparer, dtype, 5_000):,}"
        for comparer in COMPARERS.values()
        for dtype in (np.float32, np.float64)
    ]
    lines.append("| false alarms in 5,000 legal sums | " + " | ".join(alarms) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
