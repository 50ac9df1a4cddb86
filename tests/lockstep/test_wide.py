"""Wide networks: sums of hundreds of terms, blocks of the rule, millions of numbers.

Three examples by default; ``pytest --hypothesis-profile=thorough`` draws a hundred, which compare
more than 1e8 numbers.
"""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from refnn import L2, SoftmaxCrossentropy, Tanh, multilayer
from refnn.activations import LeakyRelu, Relu, Sigmoid
from refnn.losses import MeanSquaredError
from refnn.training import Model
from tests.lockstep.compare import agrees, compare
from tests.strategies import Case, dtypes, middle_of_a_run, optimizers, seeds

functions = st.sampled_from([Tanh(), Relu(), Sigmoid(), LeakyRelu()])


@settings(max_examples=max(3, settings().max_examples // 20))
@given(
    inputs=st.integers(200, 800),
    hidden=st.lists(st.integers(100, 512), min_size=1, max_size=2),
    outputs=st.sampled_from([1, 10]),
    rows=st.sampled_from([1, 32, 128]),
    function=functions,
    optimizer=optimizers,
    regularizer=st.sampled_from([None, L2(1e-3)]),
    dtype=dtypes,
    seed=seeds,
)
def test_wide_networks_agree(
    inputs, hidden, outputs, rows, function, optimizer, regularizer, dtype, seed
):
    rng = np.random.default_rng(seed)
    network = multilayer([inputs, *hidden, outputs], function)
    state = middle_of_a_run(rng, optimizer, network.initial_theta(rng, dtype=dtype), 17)
    loss = MeanSquaredError() if outputs == 1 else SoftmaxCrossentropy()
    model = Model(network, loss, optimizer, regularizer)
    for _ in range(2):
        x = rng.standard_normal((rows, inputs)).astype(dtype)
        y = (
            rng.standard_normal((rows, 1))
            if outputs == 1
            else np.eye(10)[rng.integers(10, size=rows)]
        )
        report = compare(Case(model, state, [(x, y.astype(dtype))]))
        agrees(report)
        assert report.elements > 3 * network.size
