"""The ledger of worst errors against samples, against mpmath, and against planted mistakes.

An entry that is exhaustive is never exceeded. An entry from a sample may be, by another sample,
but not what is extrapolated from it. The caps are stated in the code, so that no measurement can
raise them.
"""

import copy
import warnings
from dataclasses import asdict

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings

from tests.strategies import seeds
from tftwin.lockstep import ledger
from tftwin.lockstep.ledger.certify import special_values
from tftwin.lockstep.ledger.findings import TRUTH, hexadecimal
from tftwin.lockstep.ledger.inputs import BREAKS, sample
from tftwin.lockstep.ledger.kernels import FUNCTIONS, KERNELS, evaluator, instruction_set, version
from tftwin.lockstep.ledger.measure import measure, wider

DTYPES = ("float32", "float64")
MEASURABLE = DTYPES if np.finfo(np.longdouble).nmant >= 63 else DTYPES[:1]
OURS = [  # the entries of this machine: their kernels can be run again
    e
    for e in ledger.entries()
    if (e["version"], e["instruction_set"])
    == (
        version(f"{e['library']} {e['kernel']}".strip()),
        instruction_set(f"{e['library']} {e['kernel']}".strip()),
    )
    and e["dtype"] in MEASURABLE
]
EXACT = {
    "tanh": mpmath.tanh,
    "exp": mpmath.exp,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "log": mpmath.log,
    "reciprocal": lambda x: 1 / x,
    "expm1": mpmath.expm1,
    "log1p": mpmath.log1p,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(-abs(x))) + max(x, 0),
}
mpmath.mp.dps = 40
SLOPE = {
    "tanh": lambda x: mpmath.sech(x) ** 2,
    "sigmoid": lambda x: 1 / ((1 + mpmath.exp(-x)) * (1 + mpmath.exp(x))),
}


def kernel_of(entry):
    return f"{entry['library']} {entry['kernel']}".strip()


def name_of(entry):
    return "-".join(ledger.key(entry)).replace("--", "-")


def is_makers_own(entry):
    """Whether the kernel starts from an instruction that each maker of processors rounds his way.

    TensorFlow's packets take 1/x from RCPPS, which promises a relative error of 1.5 · 2⁻¹² and no
    bits: where one maker's processor errs most, another's may err less, and never more.
    """
    return (*ledger.key(entry)[:2], kernel_of(entry)) == (
        "reciprocal",
        "float32",
        "tensorflow vector",
    )


each_function = pytest.mark.parametrize("function", FUNCTIONS)
each_dtype = pytest.mark.parametrize("dtype", MEASURABLE)
each_of_ours = pytest.mark.parametrize("entry", OURS, ids=name_of)


def exact(function, x, formulas=EXACT):
    """The exact value."""
    return formulas[function](mpmath.mpf(float(x)))


def mp(x):
    """A float or long double without rounding."""
    mantissa, exponent = np.frexp(x)
    return mpmath.ldexp(int(np.ldexp(mantissa, 64)), int(exponent) - 64)


def ulp_of(t, dtype):
    """2u times the power of two at or below |t|."""
    exponent = mpmath.frexp(abs(t))[1] - 1
    return mpmath.ldexp(float(np.finfo(dtype).eps), exponent)


def test_the_ledger_is_complete():
    keys = {ledger.key(e) for e in ledger.entries()}
    assert len(keys) == len(ledger.entries())
    for function in FUNCTIONS:
        for dtype in DTYPES:
            for instructions in ("AVX512", "AVX2", "SSE"):
                about = (function, dtype, "numpy", "", "2.4.6", instructions)
                assert about in keys
            for kernel in KERNELS[1:]:
                library, which = kernel.split()
                instructions = "AVX512" if which == "xla" else "AVX"
                assert (function, dtype, library, which, "2.21.0", instructions) in keys


def test_what_is_called_exhaustive_saw_every_float32():
    exhaustive = [e for e in ledger.entries() if e["exhaustive"]]
    assert exhaustive
    for e in exhaustive:
        signs = FUNCTIONS[e["function"]].signs
        assert (e["dtype"], e["inputs"]) == ("float32", 2**31 * len(signs))


def test_no_entry_exceeds_its_cap():
    assert ledger.exceeding(ledger.entries()) == []
    for function in FUNCTIONS:
        assert set(ledger.CAPS[function]) == set(DTYPES)


@pytest.mark.parametrize("what", ["worst", "derivative"])
def test_an_entry_beyond_its_cap_is_reported(what):
    entry = copy.deepcopy(next(e for e in ledger.entries() if e["function"] == "tanh"))
    entry[what] = {"error": 20.0, "at": "0x1.8p+0"}
    (line,) = ledger.exceeding([entry])
    assert "tanh" in line
    assert "20" in line
    assert "0x1.8p+0" in line


@each_of_ours
def test_the_worst_error_occurs_where_the_ledger_says(entry):
    kernel, dtype = kernel_of(entry), entry["dtype"]
    for what in ("worst", "derivative"):
        if not entry[what]["at"]:
            continue
        x = np.full(16, np.abs(float.fromhex(entry[what]["at"])), dtype)
        found = getattr(measure(entry["function"], x, [kernel])[kernel], what).error
        # The truth is another on a machine with another libm, and is as exact as is said.
        assert found >= entry[what]["error"] - 2 * TRUTH[dtype] or is_makers_own(entry)
        if entry["exhaustive"]:
            assert found <= entry[what]["error"] + 2 * TRUTH[dtype]


@each_of_ours
def test_the_worst_error_is_what_mpmath_says(entry):
    f, dtype = FUNCTIONS[entry["function"]], np.dtype(entry["dtype"]).type
    for what, formulas in (("worst", EXACT), ("derivative", SLOPE)):
        at = entry[what]["at"]
        if not at or entry[what]["error"] == 0:
            continue
        x = np.full(16, float.fromhex(at), dtype)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            y = evaluator(entry["function"], kernel_of(entry))(x)[0]
            value = y if what == "worst" else f.derivative(y)
        truth = exact(entry["function"], x[0], formulas)
        unit = ulp_of(truth, dtype) if what == "worst" else float(np.finfo(dtype).eps) / 2
        error = abs(mpmath.mpf(float(value)) - truth) / unit
        difference = error - entry[what]["error"]
        assert abs(difference) <= TRUTH[entry["dtype"]] or (is_makers_own(entry) and difference < 0)


@settings(max_examples=settings.default.max_examples // 4)
@given(seeds)
@each_of_ours
def test_no_sample_is_worse_than_the_ledger(entry, seed):
    function, dtype, kernel = entry["function"], entry["dtype"], kernel_of(entry)
    magnitudes = sample(dtype, 2**10, seed)
    if kernel == "tensorflow scalar":
        magnitudes = magnitudes[seed % 64 :: 64]
    magnitudes = np.pad(
        magnitudes, (0, -len(magnitudes) % (64 if "scalar" in kernel else 2048)), mode="edge"
    )
    found = measure(function, magnitudes, [kernel])[kernel]
    for what in ("worst", "derivative", "overflow"):
        assert getattr(found, what).error <= ledger.bound(entry, what) + TRUTH[dtype]
    if entry["exhaustive"]:
        assert found.underflow.error <= entry["underflow"]["error"] + TRUTH[dtype]
    for tally in ("symmetry", "range", "nan"):
        if not entry[tally]["count"]:
            assert getattr(found, tally).count == 0


@pytest.mark.parametrize("entry", [e for e in OURS if e["exhaustive"]], ids=name_of)
@pytest.mark.parametrize("size", [2**13, 2**17])
def test_what_is_extrapolated_from_a_sample_holds_where_all_inputs_are_known(entry, size):
    kernel = kernel_of(entry)
    found = measure(entry["function"], sample("float32", size, 0), [kernel])[kernel]
    sampled = {**entry, **asdict(found), "exhaustive": False}
    for what in ("worst", "derivative"):
        assert ledger.bound(sampled, what) >= entry[what]["error"]


@each_function
@each_dtype
def test_the_wider_formula_is_as_exact_as_is_said(function, dtype):
    """Which all the rest relies on: the truth is within 6 ulp of the wider type of mpmath."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.choice(sample(dtype, 2**12, 1), 100), np.array(BREAKS, dtype)])
    x = np.concatenate([x, -x])
    with np.errstate(all="ignore"):
        wide = FUNCTIONS[function].formula(x.astype(wider(np.dtype(dtype))))
    compared = 0
    for a, t in zip(x, wide, strict=True):
        if np.finfo(dtype).tiny <= abs(t) <= np.finfo(dtype).max and np.isfinite(a):
            truth = exact(function, a)
            assert abs(mp(t) - truth) / ulp_of(truth, dtype) <= TRUTH[dtype]
            compared += 1
    assert compared > 100


@each_of_ours
def test_the_special_values(entry):
    found = special_values(entry["function"], entry["dtype"], kernel_of(entry))
    assert found == entry["special"]


def test_the_special_values_that_have_exact_answers():
    for e in ledger.entries():
        table = e["special"]
        zero, one = hexadecimal(0.0), hexadecimal(1.0)
        expected = {
            "tanh": {zero: zero, "-" + zero: "-" + zero, "inf": one, "-inf": "-" + one},
            "exp": {zero: one, "-" + zero: one, "inf": "inf", "-inf": zero},
            "sigmoid": {zero: hexadecimal(0.5), "inf": one, "-inf": zero},
            "log": {zero: "-inf", "-" + zero: "-inf", "inf": "inf", "-inf": "nan"},
            "expm1": {zero: zero, "-" + zero: "-" + zero, "inf": "inf", "-inf": "-" + one},
            "log1p": {zero: zero, "inf": "inf", "-inf": "nan"},
            "softplus": {"inf": "inf", "-inf": zero},
            "reciprocal": {zero: "inf", "-" + zero: "-inf", "inf": zero, "-inf": "-" + zero},
        }[e["function"]]
        assert table["nan"] == "nan"
        assert {x: table[x] for x in expected} == expected, name_of(e)
