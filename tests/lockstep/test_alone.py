"""Every layer alone: refnn's half repeats the record to the bit, and no bound changes a value."""

import numpy as np
from hypothesis import given

from refnn.training import train_step
from tests.helpers import same_bits
from tests.strategies import cases
from tftwin.lockstep.alone import alone_entries, bounds_of_layers, given_by, of_step, on_refnn
from tftwin.lockstep.roundoff import plain


def both(case):
    """A step, and its layers alone: refnn's numbers, and their bounds."""
    model, state, x, y, *masks = case.step
    with np.errstate(all="ignore"):
        step = train_step(model, state, x, y, *masks)
        numbers = given_by(step, state.theta, y, *masks)
        alone, bounds = on_refnn(model, numbers), bounds_of_layers(model, numbers)
    return step, alone, bounds


@given(cases(steps=1))
def test_refnn_s_layers_alone_repeat_the_step_to_the_bit(case):
    step, alone, _ = both(case)
    assert same_bits(alone.outputs, step.outputs[1:])
    assert same_bits(alone.data_loss, step.data_loss)
    assert same_bits(np.asarray(alone.penalty, case.dtype), np.asarray(step.penalty, case.dtype))
    assert same_bits(np.asarray(alone.loss), np.asarray(step.loss))
    assert same_bits(alone.output_gradients, step.output_gradients)
    assert same_bits(alone.gradients, step.gradients)
    one, other = (alone_entries(case.model, side, "walk") for side in (alone, of_step(step)))
    assert [e[:2] for e in one] == [e[:2] for e in other]


@given(cases(steps=1))
def test_the_bounds_of_the_layers_change_no_bit_of_the_values(case):
    _, alone, bounds = both(case)
    entries = [alone_entries(case.model, side, "layer") for side in (alone, bounds)]
    for one, bounded in zip(*entries, strict=True):
        assert one[:2] == bounded[:2]
        assert same_bits(np.asarray(one.array), np.asarray(plain(bounded.array)))
