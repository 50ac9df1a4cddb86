"""Every layer alone: refnn's half repeats the record to the bit, and no bound changes a value."""

import numpy as np
from hypothesis import given

from refnn.training import train_step
from tests.helpers import same_bits
from tests.strategies import cases
from tftwin.lockstep.alone import alone_entries, bounds_of_layers, on_refnn
from tftwin.lockstep.roundoff import plain


def both(case):
    """A step, and its layers alone: refnn's numbers, and their bounds."""
    model, state, x, y = case.step
    with np.errstate(all="ignore"):
        step = train_step(model, state, x, y)
        alone = on_refnn(model, state.theta, step, y)
        bounds = bounds_of_layers(model, state.theta, step, y)
    return step, alone, bounds


@given(cases(steps=1))
def test_refnn_s_layers_alone_repeat_the_step_to_the_bit(case):
    step, alone, _ = both(case)
    assert same_bits(alone.outputs, step.outputs[1:])
    assert same_bits(alone.loss, step.data_loss)
    assert same_bits([*alone.input_gradients, alone.loss_gradient], step.output_gradients)
    for p, g, whole in zip(case.network.parameters, alone.gradients, step.gradients, strict=True):
        if case.regularizer is None or not p.is_weight:
            assert same_bits(g, whole)
        else:
            penalty = case.regularizer.gradient(p.of(case.state.theta))
            assert same_bits(g + penalty, whole)


@given(cases(steps=1))
def test_the_bounds_of_the_layers_change_no_bit_of_the_values(case):
    _, alone, bounds = both(case)
    pairs = zip(alone_entries(case.model, alone), alone_entries(case.model, bounds), strict=True)
    for one, bounded in pairs:
        assert one[:2] == bounded[:2]
        assert same_bits(np.asarray(one.array), np.asarray(plain(bounded.array)))
