"""What Keras computes is what the mapped model computes: forward, loss, gradient; and in words."""

import json

import numpy as np
import pytest

import refnn
from refnn import losses
from tests.helpers import refused
from tests.keras.files import members, small_model, with_config
from tftwin.keras_models import inspect, read


@pytest.fixture(scope="module")
def keras():
    from tftwin.keras_models.library import keras

    return keras


def chain(keras, *layers, inputs=4, dtype="float32"):
    """A Sequential model with weights that are not 0."""
    model = keras.Sequential([keras.Input((inputs,), dtype=dtype), *layers])
    rng = np.random.default_rng(1)
    for variable in model.weights:
        variable.assign(rng.standard_normal(variable.shape))
    return model


def losses_of(model, x, y):
    """Return Keras' loss and gradients of a batch, as its training computes them."""
    from tftwin.keras_models.library import tf

    with tf.GradientTape() as tape:
        loss = model.compute_loss(x=x, y=y, y_pred=model(x, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    return float(loss), np.concatenate([g.numpy().ravel() for g in gradients])


def agree(model, x, y):
    """Keras and the mapped model give the same loss and gradient, within refnn's own bounds."""
    from tftwin.lockstep.roundoff import exact

    mapped, state, preparation = read(model)
    ours = preparation.inputs(x), preparation.targets(y)
    loss, gradient = losses_of(model, x, y)
    bounded = refnn.backpropagate(mapped, exact(state.theta), *map(exact, ours))
    flat = np.concatenate([np.ravel(g.value) for g in bounded.gradients])
    bound = np.concatenate([np.ravel(g.bound) for g in bounded.gradients])
    assert abs(loss - float(bounded.loss.value)) <= 4 * bounded.loss.bound
    assert (np.abs(gradient - flat) <= 4 * bound).all()
    return mapped
