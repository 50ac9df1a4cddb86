"""Complexity: against the tutorial's example, and against numbers that count their own products."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnn.activations import Relu, Softmax
from refnn.complexity import Complexity, complexity, summary
from refnn.layers import Activation, Dense
from refnn.network import Network, multilayer

sizes = st.lists(st.integers(1, 6), min_size=2, max_size=5)


class Counted:
    """A number that counts the products it takes part in."""

    products = 0

    def __mul__(self, other):
        Counted.products += 1
        return self

    def __add__(self, other):
        return self


def test_the_example_of_the_tutorial():
    network = multilayer([3, 4, 2], Relu(), Softmax())
    assert complexity(network) == Complexity(
        layers=2, weights=20, biases=6, parameters=26, multiply_adds=20
    )


@given(sizes, st.booleans())
def test_counts_are_those_of_the_parameters_and_of_the_forward_pass(sizes, use_bias):
    layers = [Dense(a, b, use_bias) for a, b in zip(sizes, sizes[1:], strict=False)]
    network = Network(layers)
    counts = complexity(network)
    theta = network.initial_theta(np.random.default_rng(0))
    assert counts.parameters == counts.weights + counts.biases == len(theta)
    assert counts.biases == (sum(sizes[1:]) if use_bias else 0)
    assert counts.layers == len(sizes) - 1

    numbers = np.array([Counted() for _ in theta], dtype=object)
    sample = np.array([[Counted() for _ in range(sizes[0])]], dtype=object)
    Counted.products = 0
    network.forward(numbers, sample)
    assert counts.multiply_adds == Counted.products


def test_activations_cost_nothing():
    plain = Network([Dense(3, 4), Dense(4, 2)])
    assert complexity(multilayer([3, 4, 2], Relu(), Softmax())) == complexity(plain)


def test_summary_of_the_example():
    lines = summary(multilayer([3, 4, 2], Relu(), Softmax())).splitlines()
    assert [line.rstrip() for line in lines] == [
        "layer  kind     output      W       parameters  multiply-adds",
        "-------------------------------------------------------------",
        "1      Dense    (batch, 4)  (3, 4)          16             12",
        "2      Relu     (batch, 4)                   0              0",
        "3      Dense    (batch, 2)  (4, 2)          10              8",
        "4      Softmax  (batch, 2)                   0              0",
        "-------------------------------------------------------------",
        "total  2 Dense                              26             20",
    ]


@given(sizes, st.booleans())
def test_summary_adds_up_and_is_aligned(sizes, use_bias):
    network = multilayer([100 * size for size in sizes], Relu(), Softmax(), use_bias)
    counts = complexity(network)
    lines = summary(network).splitlines()
    assert len({len(line) for line in lines}) == 1
    numbers = [[int(cell) for cell in line.split()[-2:]] for line in lines[2:-2]]
    total = [int(cell) for cell in lines[-1].split()[-2:]]
    assert [sum(column) for column in zip(*numbers, strict=True)] == total
    assert total == [counts.parameters, counts.multiply_adds]
    assert len(numbers) == len(network.layers)


@pytest.mark.parametrize("place", [0, 1])
def test_summary_gives_the_width_where_an_activation_stands(place):
    layers = [Dense(3, 2)]
    layers.insert(place, Activation(Relu()))
    row = summary(Network(layers)).splitlines()[2 + place]
    assert f"(batch, {[3, 2][place]})" in row
