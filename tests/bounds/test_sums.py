"""Sums and products of matrices, in any order."""

from fractions import Fraction
from functools import reduce
from itertools import product
from math import fsum

import numpy as np
import pytest

from tests.bounds.operands import (
    COUNT,
    EXTENDED,
    GRAIN,
    SAMPLE,
    TRUTH,
    Operand,
    draw,
    each_dtype,
    flushed,
    largest_share,
    rational,
)
from tests.helpers import same_bits

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def pairwise(terms):
    terms = list(terms)
    while len(terms) > 1:
        odd = terms[len(terms) // 2 * 2 :]
        terms = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)] + odd
    return terms[0]


ORDERS = {
    "forward": lambda terms: reduce(np.add, terms),
    "reversed": lambda terms: reduce(np.add, terms[::-1]),
    "pairwise": pairwise,
    "largest first": lambda terms: reduce(
        np.add, np.take_along_axis(terms, np.argsort(-np.abs(terms), axis=0), 0)
    ),
    "correctly rounded": lambda terms: np.array(
        [fsum(column) for column in terms.astype(np.float64).T[:2000]]
    ).astype(terms.dtype),
}


def terms_of(rng, n, count, dtype):
    """(n, count): columns of like scale, of any scale, and columns that cancel."""
    ranges = [(-2, 2)] if rng.random() < 0.7 else None
    operand = draw(rng, (n, count), dtype, exponents=ranges)
    if n > 1 and rng.random() < 0.5:
        v = operand.rounded.value.copy()
        v[-1] = -np.sum(v[:-1], axis=0)
        operand = Operand(rng, v, operand.rounded.bound)
    return operand


@each_dtype
@pytest.mark.parametrize("function", [np.sum, np.mean], ids=lambda f: f.__name__)
def test_sums_in_any_order(function, dtype):
    rng = np.random.default_rng(20)
    share, elements = 0.0, 0
    for n in (1, 2, 2, 3, 4, 7, 8, 16, 32, 100):
        count = COUNT // 9 if n < 50 else COUNT // 50
        a = terms_of(rng, n, count, dtype)
        divisor = EXTENDED(n if function is np.mean else 1)
        with np.errstate(under="ignore"):
            truth = reduce(np.add, a.truth) / divisor
            slack = n * TRUTH * reduce(np.add, np.abs(a.truth)) / divisor
            for axis, keepdims in ((0, False), (0, True)):
                result = function(a.rounded, axis=axis, keepdims=keepdims)
                plain = function(a.rounded.value, axis=axis, keepdims=keepdims)
                assert same_bits(result.value, plain)
            across = function(a.rounded.T, axis=-1)
            assert same_bits(across.value, function(a.rounded.value.T, axis=-1))
            for one, order in product(a.others, ORDERS.values()):
                total = order(one)
                m = len(total)
                rounded_twice = total * dtype(1 / n) if function is np.mean else total
                mean = (total / divisor).astype(dtype) if function is np.mean else total
                for value in (mean, rounded_twice, flushed(mean, dtype)):
                    error = np.abs(value - truth[:m])
                    for bound in (result.bound[0, :m], across.bound[:m]):
                        share = max(share, largest_share(bound, [error], slack[:m]))
        elements += count
    assert elements >= COUNT
    assert 0.1 < share <= 1


@each_dtype
@pytest.mark.parametrize("function", [np.sum, np.mean], ids=lambda f: f.__name__)
def test_the_sum_of_everything(function, dtype):
    rng = np.random.default_rng(21)
    for shape in [(1, 1), (3, 1), (5, 7), (40, 25)]:
        a = draw(rng, shape, dtype, exponents=[(-4, 4)])
        result = function(a.rounded)
        assert same_bits(np.asarray(result.value), np.asarray(function(a.rounded.value)))
        truth = sum(map(rational, a.truth.flat), Fraction())
        n = a.rounded.size if function is np.mean else 1
        for one in a.others:
            value = np.float64(fsum(one.ravel())) / n
            error = abs(rational(dtype(value)) - truth / n)
            assert error <= rational(result.bound) + Fraction(GRAIN)
            assert abs(rational(function(one)) - truth / n) <= rational(result.bound) + Fraction(
                GRAIN
            )


@each_dtype
def test_sums_against_exact_rationals(dtype):
    rng = np.random.default_rng(22)
    for n in (2, 3, 5, 9, 33):
        a = terms_of(rng, n, SAMPLE // 10, dtype)
        result, average = np.sum(a.rounded, axis=0), np.mean(a.rounded, axis=0)
        values = [order(one) for one, order in product(a.others, ORDERS.values())]
        for i in range(SAMPLE // 10):
            truth = sum(map(rational, a.truth[:, i]), Fraction())
            for value in values:
                assert abs(rational(value[i]) - truth) <= rational(result.bound[i]) + Fraction(
                    GRAIN
                )
                mean = dtype(value[i] / dtype(n))
                assert abs(rational(mean) - truth / n) <= rational(average.bound[i]) + Fraction(
                    GRAIN
                )


@each_dtype
def test_products_of_matrices_in_any_order(dtype):
    rng = np.random.default_rng(23)
    share, elements = 0.0, 0
    for k, ranges in [
        (1, None), (1, [(-3, 3)]), (2, [(-3, 3)]), (3, None), (4, [(-3, 3)]), (7, [(-3, 3)]),
        (16, [(-3, 3)]), (33, [(-3, 3)]),
    ]:  # fmt: skip
        rows = 160 if k < 10 else 60
        a = draw(rng, (rows, k), dtype, exponents=ranges)
        b = draw(rng, (k, 120), dtype, exponents=ranges)
        with np.errstate(all="ignore"):
            result = a.rounded @ b.rounded
            assert same_bits(result.value, a.rounded.value @ b.rounded.value)
            terms = a.truth.T[:, :, None] * b.truth[:, None, :]
            truth, absolute = (reduce(np.add, t) for t in (terms, np.abs(terms)))
            errors = []
            for one, other in product(a.others, b.others):
                rounded_terms = one.T[:, :, None] * other[:, None, :]
                orders = [ORDERS[o](rounded_terms) for o in ("forward", "reversed", "pairwise")]
                orders.append(reduce(np.add, flushed(rounded_terms, dtype)))
                contracted = reduce(  # each product enters unrounded, as by a fused a·b + c
                    lambda s, t: (s + t).astype(dtype),
                    one.astype(EXTENDED).T[:, :, None] * other.astype(EXTENDED)[:, None, :],
                    np.zeros((), dtype),
                )
                errors += [np.abs(v - truth) for v in (*orders, contracted, one @ other)]
            share = max(share, largest_share(result.bound, errors, k * TRUTH * absolute))
        elements += truth.size
    assert elements >= COUNT
    assert 0.1 < share <= 1


@each_dtype
def test_products_of_matrices_against_exact_rationals(dtype):
    rng = np.random.default_rng(24)
    for k, ranges in [(1, None), (2, None), (3, [(-3, 3)]), (17, [(-3, 3)])]:
        a = draw(rng, (4, k), dtype, exponents=ranges)
        b = draw(rng, (k, 5), dtype, exponents=ranges)
        with np.errstate(all="ignore"):
            result = a.rounded @ b.rounded
            values = [one @ other for one, other in product(a.others, b.others)]
        for i, j in np.ndindex(4, 5):
            truth = sum(
                (rational(x) * rational(y) for x, y in zip(a.truth[i], b.truth[:, j], strict=True)),
                Fraction(),
            )
            if np.isfinite(result.bound[i, j]):
                for value in values:
                    bound = rational(result.bound[i, j]) + Fraction(GRAIN)
                    assert abs(rational(value[i, j]) - truth) <= bound
