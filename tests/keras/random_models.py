"""Keras models drawn at random from the allow-list: ``python -m tests.keras.random_models 300``.

Each is built, often trained a little, often saved and read again, and compared with refnn. Prints
what was found: alarms, crashes, and the share of models of which every number has a finite bound.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from tftwin.keras_lockstep import compare_keras
from tftwin.keras_models.library import keras

FUNCTIONS = [
    "linear",
    "relu",
    "sigmoid",
    "tanh",
    "softmax",
    "leaky_relu",
    "elu",
    "selu",
    "softplus",
]
LOSSES = {
    "mean_squared_error": ("linear", "relu", "tanh", "sigmoid", "softplus", "leaky_relu"),
    "mean_absolute_error": ("linear", "relu", "tanh", "sigmoid", "elu"),
    "categorical_crossentropy": ("softmax", "logits"),
    "sparse_categorical_crossentropy": ("softmax", "logits"),
    "binary_crossentropy": ("sigmoid", "logits"),
}
OPTIMIZERS = ("SGD", "momentum", "nesterov", "RMSprop", "Adagrad", "Adam", "Nadam")


def draw(rng):
    """Return a compiled model, x, y, steps and rows of a step."""
    loss = str(rng.choice(list(LOSSES)))
    last = str(rng.choice(LOSSES[loss]))
    width = int(rng.integers(2, 7)) if "categorical" in loss else int(rng.integers(1, 5))
    rows = int(rng.choice([1, 2, 7, 32, 45]))
    shape = (
        tuple(map(int, rng.integers(1, 6, 2))) if rng.random() < 0.2 else (int(rng.integers(1, 9)),)
    )
    penalty = float(10.0 ** rng.uniform(-5, 0)) if rng.random() < 0.4 else None
    use_bias = bool(rng.random() < 0.85)

    def dense(units, activation):
        regularizer = None if penalty is None else keras.regularizers.L2(penalty)
        return keras.layers.Dense(
            units, activation=activation, use_bias=use_bias, kernel_regularizer=regularizer
        )

    layers = [keras.layers.Flatten()] if len(shape) > 1 else []
    if rng.random() < 0.15:
        scale, offset = (
            float(rng.choice([1 / 255, 1 / 127.5, 0.3])),
            float(rng.choice([0, -1, 0.1])),
        )
        layers.insert(0, keras.layers.Rescaling(scale, offset))
    for _ in range(int(rng.integers(0, 4))):
        layers += _hidden(rng, dense)
    final = None if last == "logits" else last
    if rng.random() < 0.3 and final is not None:
        layers += [dense(width, None), keras.layers.Activation(final)]
    else:
        layers.append(dense(width, final))
    entrance = keras.Input(shape)
    if rng.random() < 0.4:
        at = entrance
        for layer in layers:
            at = layer(at)
        model = keras.Model(entrance, at)
    else:
        model = keras.Sequential([entrance, *layers])
    model.compile(_optimizer(rng), _loss(rng, loss, last), run_eagerly=True)
    x = rng.standard_normal((rows, *shape)) * 10.0 ** rng.uniform(-2, 1)
    if rng.random() < 0.3:
        x = np.round(x)  # ties
    return (
        model,
        x,
        _targets(rng, loss, rows, width),
        int(rng.integers(1, 4)),
        int(rng.integers(1, 33)),
    )


def _hidden(rng, dense):
    """Return a hidden Dense, with its activation in it or behind it, and perhaps a Dropout."""
    units, name = int(rng.integers(1, 18)), str(rng.choice(FUNCTIONS))
    kind = rng.random()
    if kind < 0.6:
        found = [dense(units, name)]
    elif kind < 0.75:
        found = [dense(units, None), keras.layers.Activation(name)]
    else:
        slope = float(rng.choice([0.01, 0.1, 0.2, 0.3]))
        layer = [
            keras.layers.LeakyReLU(negative_slope=slope),
            keras.layers.ReLU(),
            keras.layers.Softmax(),
            keras.layers.ELU(),
        ][int(rng.integers(4))]
        found = [dense(units, None), layer]
    if rng.random() < 0.3:
        found.append(keras.layers.Dropout(float(rng.choice([0.0, 0.1, 0.25, 0.5, 0.83]))))
    return found


def _optimizer(rng):
    rate = float(10.0 ** rng.uniform(-4, 0))
    if rng.random() < 0.2:
        rate = keras.optimizers.schedules.ExponentialDecay(
            rate, int(rng.integers(1, 50)), float(rng.uniform(0.5, 1)), bool(rng.random() < 0.5)
        )
    epsilon = float(rng.choice([1e-7, 1e-8, 1e-5, 1e-3]))
    betas = float(rng.choice([0.9, 0.8, 0.5])), float(rng.choice([0.999, 0.99, 0.9]))
    kinds = keras.optimizers
    name = str(rng.choice(OPTIMIZERS))
    if name in ("SGD", "momentum", "nesterov"):
        momentum = 0.0 if name == "SGD" else betas[0]
        return kinds.SGD(rate, momentum=momentum, nesterov=name == "nesterov")
    if name == "RMSprop":
        return kinds.RMSprop(rate, rho=betas[0], epsilon=epsilon)
    if name == "Adagrad":
        start = float(rng.choice([0.1, 0.01, 1.0]))
        return kinds.Adagrad(rate, initial_accumulator_value=start, epsilon=epsilon)
    return getattr(kinds, name)(rate, *betas, epsilon=epsilon)


def _loss(rng, name, last):
    kind = "".join(word.capitalize() for word in name.split("_"))
    if last == "logits":
        return getattr(keras.losses, kind)(from_logits=True)
    return name if rng.random() < 0.5 else getattr(keras.losses, kind)()


def _targets(rng, loss, rows, width):
    if loss.startswith("mean"):
        return rng.standard_normal((rows, width))
    if loss == "binary_crossentropy":
        return rng.integers(0, 2, (rows, width)).astype(float)
    labels = rng.integers(0, width, rows)
    return labels if loss.startswith("sparse") else np.eye(width)[labels]


def compare(seed):
    """Draw one model, and return its report."""
    rng = np.random.default_rng(seed)
    before = keras.config.floatx()
    dtype = str(rng.choice(["float32", "float64"]))
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    keras.utils.set_random_seed(seed)
    try:
        model, x, y, steps, rows = draw(rng)
        if rng.random() < 0.5:
            model.train_on_batch(x, y)
        kept = [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]
        if rng.random() < 0.4:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "model.keras")
                model.save(path)
                return compare_keras(path, x, y, steps=steps, batch_size=rows)
        report = compare_keras(model, x, y, steps=steps, batch_size=rows)
        after = [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]
        for one, other in zip(kept, after, strict=False):
            np.testing.assert_array_equal(one, other, "the model was changed")
        return report
    finally:
        keras.config.set_floatx(before)
        keras.backend.clear_session()


def main(count, first=0):
    """Compare ``count`` models and print what was found."""
    status, finite, bits, numbers = Counter(), 0, 0, 0
    for seed in range(first, first + count):
        try:
            report = compare(seed)
        except Exception as error:
            status[f"{type(error).__name__}"] += 1
            print(f"seed {seed}: {type(error).__name__}: {str(error)[:200]}", flush=True)
            continue
        status[report.status] += 1
        finite += report.found.unbounded == 0
        bits, numbers = bits + report.found.bit_equal, numbers + report.found.elements
        if report.status:
            print(f"seed {seed}: {str(report).splitlines()[0]} {report.lacks}", flush=True)
    print(f"{count} models: {dict(status)}")
    print(f"{numbers:,} numbers, {bits / max(numbers, 1):.1%} bit-equal")
    print(f"{finite} models with every number under a finite bound")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
