"""What Keras trains is what the mapped model trains: loss and gradient; and what is said of it."""

import numpy as np
import pytest

import refnn
from refnn import losses
from tests.helpers import assert_same_bits, bits, refused
from tests.keras.files import small_model, with_config, with_weights
from tftwin.keras_models import inspect, read, write
from tftwin.keras_models.library import keras, tf
from tftwin.lockstep.bounds import bounds_of_step

LAYERS = keras.layers
L2 = keras.regularizers.L2(0.03)


def chain(*layers, shape=(4,)):
    """A Sequential model whose weights and biases are not 0."""
    model = keras.Sequential([keras.Input(shape), *layers])
    rng = np.random.default_rng(1)
    for variable in model.weights:
        variable.assign(rng.standard_normal(variable.shape))
    return model


def data(model, loss):
    """Rows of random numbers, and targets that the loss takes."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((6, *model.input_shape[1:])).astype("f4")
    outputs = model.output_shape[-1]
    name = loss if isinstance(loss, str) else loss.name
    if name.startswith("sparse"):
        return x, rng.integers(0, outputs, 6)
    if name.startswith("binary"):
        return x, rng.integers(0, 2, (6, outputs)).astype("f4")
    if name.startswith("categorical"):
        return x, np.eye(outputs, dtype="f4")[rng.integers(0, outputs, 6)]
    return x, rng.standard_normal((6, outputs)).astype("f4")


def gradient_of(model, x, y):
    """Return Keras' loss and gradient of a batch, as its training computes them."""
    with tf.GradientTape() as tape:
        loss = model.compute_loss(x=x, y=y, y_pred=model(x, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    return loss.numpy(), np.concatenate([g.numpy() for g in gradients], axis=None)


SOFTMAX, SIGMOID = "trained from hidden logits: SoftmaxCrossentropy", "logits behind the sigmoid"
MODELS = {
    "softmax in a Dense": ([lambda: LAYERS.Dense(3, activation="softmax")], SOFTMAX),
    "softmax as Activation": (
        [lambda: LAYERS.Dense(3), lambda: LAYERS.Activation("softmax")],
        SOFTMAX,
    ),
    "softmax as layer": ([lambda: LAYERS.Dense(3), lambda: LAYERS.Softmax()], SOFTMAX),
    "softmax as layer in a Dense": (
        [lambda: LAYERS.Dense(3, activation=LAYERS.Softmax())],
        SOFTMAX,
    ),
    "softmax, then linear": (
        [lambda: LAYERS.Dense(3, activation="softmax"), lambda: LAYERS.Activation("linear")],
        SOFTMAX,
    ),
    "sigmoid": ([lambda: LAYERS.Dense(3, activation="sigmoid")], SIGMOID),
}
CROSSENTROPIES = {
    "categorical_crossentropy": "categorical_crossentropy",
    "sparse_categorical_crossentropy": "sparse_categorical_crossentropy",
    "an object": keras.losses.CategoricalCrossentropy(),
    "a function": keras.losses.categorical_crossentropy,
    "from logits": keras.losses.CategoricalCrossentropy(from_logits=True),
}


def agree(model, x, y):
    """The mapped model has Keras' loss and gradient, within twice the bound of the step."""
    mapped, state, preparation = read(model)
    ours = preparation.inputs(x), preparation.targets(y)
    loss, gradient = gradient_of(model, x, y)
    bounded = bounds_of_step(mapped, state, *ours)
    flat, bound = (
        np.concatenate([getattr(g, part) for g in bounded.gradients], axis=None)
        for part in ("value", "bound")
    )
    assert gradient.shape == flat.shape
    assert abs(float(loss) - bounded.loss.value) <= 2 * bounded.loss.bound
    assert (np.abs(gradient - flat) <= 2 * bound).all()
    assert bound.max() < 1e-3 * np.abs(flat).max()


@pytest.mark.filterwarnings("ignore:.*from_logits.*:UserWarning")
@pytest.mark.parametrize("loss", CROSSENTROPIES.values(), ids=CROSSENTROPIES)
@pytest.mark.parametrize(("last", "words"), MODELS.values(), ids=MODELS)
def test_a_crossentropy_is_trained_from_hidden_logits(last, words, loss):
    model = chain(LAYERS.Dense(5, activation="tanh"), *(make() for make in last))
    model.compile("sgd", loss)
    name = loss if isinstance(loss, str) else "categorical"
    agree(model, *data(model, name))
    found = inspect(model)
    assert type(found.loss) is losses.SoftmaxCrossentropy
    assert words in " ".join(found.mappings)
    assert found.places[-len(last)].name == model.layers[1].name
    hidden = [place.hidden for place in found.places if place.hidden is not None]
    assert hidden[0] in (refnn.Softmax(), refnn.Sigmoid())


OTHERS = {
    "logits": ([LAYERS.Dense(3)], keras.losses.CategoricalCrossentropy(from_logits=True)),
    "probabilities behind a Flatten": (
        [LAYERS.Dense(3, activation="softmax"), LAYERS.Flatten()],
        "categorical_crossentropy",
    ),
    "squares": ([LAYERS.Dense(5, activation="sigmoid"), LAYERS.Dense(2)], "mse"),
    "squares of a softmax": ([LAYERS.Dense(3, activation="softmax")], "mean_squared_error"),
    "slopes": (
        [LAYERS.Dense(5), LAYERS.LeakyReLU(), LAYERS.Dense(3, activation="leaky_relu")],
        keras.losses.MeanSquaredError(reduction="mean"),
    ),
    "absolute errors of a sigmoid": ([LAYERS.Dense(2, activation="sigmoid")], "mae"),
    "elu, selu": (
        [
            LAYERS.Dense(5, activation="elu"),
            LAYERS.Dense(4, activation="selu"),
            LAYERS.ELU(0.5),
            LAYERS.Dense(3, activation="softplus"),
        ],
        "mse",
    ),
    "yes or no": ([LAYERS.Dense(1, activation="sigmoid")], "binary_crossentropy"),
    "yes or no, of a softmax": ([LAYERS.Dense(3, activation="softmax")], "bce"),
    "yes or no, logits": ([LAYERS.Dense(2)], keras.losses.BinaryCrossentropy(from_logits=True)),
    "yes or no behind a Flatten": (
        [LAYERS.Dense(2, activation="sigmoid"), LAYERS.Flatten()],
        "binary_crossentropy",
    ),
    "ReLU as a layer": ([LAYERS.Dense(5), LAYERS.ReLU(negative_slope=0.1)], "mse"),
    "L2": (
        [
            LAYERS.Dense(5, activation="relu", kernel_regularizer=L2),
            LAYERS.Dense(3, use_bias=False, kernel_regularizer=L2),
        ],
        "mse",
    ),
}


@pytest.mark.parametrize(("layers", "loss"), OTHERS.values(), ids=OTHERS)
def test_loss_and_gradient_are_those_of_keras(layers, loss):
    model = chain(*(type(layer).from_config(layer.get_config()) for layer in layers))
    model.compile("sgd", loss)
    agree(model, *data(model, loss))


def test_a_softmax_before_another_activation_is_not_hidden():
    model = chain(LAYERS.Dense(3, activation="softmax"), LAYERS.ReLU())
    model.compile("sgd", "categorical_crossentropy")
    found = inspect(model)
    assert found.network.layers[-1] == refnn.Activation(refnn.Relu())
    assert "expects probabilities" in " ".join(found.lacks)


def test_images_are_flattened_and_labels_become_rows():
    model = chain(LAYERS.Flatten(), LAYERS.Dense(3, activation="softmax"), shape=(2, 5))
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = data(model, "sparse")
    agree(model, x, y)
    agree(model, x, y[:, None])
    preparation = read(model).preparation
    assert preparation.inputs(x).shape == (6, 10)
    assert np.array_equal(preparation.targets(y), np.eye(3, dtype="f4")[y])
    with refused("x has shape (6, 4); expected (any, 2, 5)"):
        preparation.inputs(x[:, 0, :4])
    with refused("labels: row 1 is 3; expected a whole number 0 to 2"):
        preparation.targets(np.array([0, 3]))
    with refused("y holds array([0.5])"):
        preparation.targets(np.array([0.5]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_data_are_rescaled_as_keras_rescales_them(dtype):
    """Keras rounds 1/255 to float32, in a float64 model too."""
    pixels = np.arange(256).reshape(64, 2, 2).astype("uint8")
    scaling = LAYERS.Rescaling(1 / 255, -0.1, dtype=dtype)
    layers = [scaling, LAYERS.Flatten(dtype=dtype), LAYERS.Dense(3, dtype=dtype)]
    found = inspect(keras.Sequential([keras.Input((2, 2), dtype="uint8"), *layers]))
    assert_same_bits(found.preparation.inputs(pixels), layers[1](scaling(pixels)).numpy())
    again = write(
        refnn.Model(found.network, losses.MeanSquaredError()), found.state, found.preparation
    )
    assert again.layers[0].get_config()["scale"] == 1 / 255
    assert inspect(again).preparation == found.preparation
    with refused("is a Rescaling; expected it before all other layers"):
        inspect(chain(LAYERS.Dense(3), LAYERS.Rescaling(2.0)))


# Optimizers --------------------------------------------------------------------------------------


def test_a_learning_rate_is_what_a_person_wrote():
    """Keras keeps a float32 variable; float64 only where floatx is float64."""
    model = small_model()
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    found = inspect(model)
    assert found.description.optimizer.arguments["learning_rate"] == np.float32(0.01)
    assert found.optimizer.learning_rate == 0.01


def test_the_momentum_of_keras_becomes_an_average():
    """v = −lr Σ βᵏ g and m = (1 − β) Σ βᵏ g: after two updates both have met the same gradients."""
    model = chain(LAYERS.Dense(3))
    model.compile(keras.optimizers.SGD(0.25, momentum=0.5), "mse")
    x, y = data(model, "mse")
    before = read(model)
    gradients = []
    for _ in range(2):
        gradients.append(gradient_of(model, x, y)[1].astype(float))
        model.train_on_batch(x, y)
    after = read(model)
    assert before.state.step == 0
    assert not before.state.slots[0].any()
    assert after.model.optimizer == refnn.SGDM(0.25, 0.5)
    m = 0.5 * (gradients[1] + 0.5 * gradients[0])
    size = 0.5 * (np.abs(gradients[1]) + 0.5 * np.abs(gradients[0]))
    u = np.finfo("f4").eps / 2
    assert (np.abs(after.state.slots[0] - m) <= 12 * u * size).all()


def test_nesterov_and_nadam_are_refnns():
    model = chain(LAYERS.Dense(3))
    model.compile(keras.optimizers.SGD(0.25, momentum=0.5, nesterov=True), "mse")
    assert read(model).model.optimizer == refnn.Nesterov(0.25, 0.5)
    model.compile(keras.optimizers.Nadam(0.25), "mse")
    assert read(model).model.optimizer == refnn.Nadam(0.25, momentum_decay=1.0)
    for _ in range(2):
        model.train_on_batch(*data(model, "mse"))
    found = inspect(model)
    u = np.finfo("f4").eps / 2
    product = found.optimizer.product(2)
    assert abs(found.keras_state.u_product - product) <= 12 * u * product


def test_slots_are_taken_by_name_and_step():
    model = small_model()
    _, state, _ = read(model)
    m = np.concatenate([v.numpy() for v in model.optimizer.variables[2::2]], axis=None)
    v = np.concatenate([v.numpy() for v in model.optimizer.variables[3::2]], axis=None)
    assert state.step == 2
    assert np.array_equal(state.slots[0], m)
    assert np.array_equal(state.slots[1], v)


def test_the_rate_is_the_one_that_the_optimizer_has_now(tmp_path):
    model = small_model()
    model.optimizer.learning_rate = 0.5
    model.save(tmp_path / "x.keras")
    for source in (model, tmp_path / "x.keras"):
        assert read(source).model.optimizer == refnn.Adam(0.5)


@pytest.mark.parametrize("name", ["adam", "Adam"])
def test_older_files_have_the_name_of_an_optimizer_alone(tmp_path, name):
    """Keras 3.0 to 3.3 write "adam"; its learning rate stands with the weights."""

    def older(config):
        config["compile_config"]["optimizer"] = name

    model = small_model()
    model.optimizer.learning_rate = 0.25
    model.save(tmp_path / "x.keras")
    one = read(tmp_path / "x.keras")
    other = read(with_config(tmp_path / "older.keras", tmp_path / "x.keras", older))
    assert other.model == one.model
    assert bits(other.state) == bits(one.state)
    assert other.model.optimizer == refnn.Adam(0.25)


def test_older_files_have_the_product_of_nadam_before_its_slots(tmp_path):
    def older(file):
        group = file["optimizer/vars"]
        numbers = [group[str(i)][()] for i in range(len(group))]
        file["optimizer"].pop("vars")
        for i, number in enumerate([*numbers[:2], numbers[-1], *numbers[2:-1]]):
            file[f"optimizer/vars/{i}"] = number

    model = chain(LAYERS.Dense(3))
    model.compile("nadam", "mse")
    model.train_on_batch(*data(model, "mse"))
    model.save(tmp_path / "x.keras")
    one = inspect(tmp_path / "x.keras")
    other = inspect(with_weights(tmp_path / "older.keras", tmp_path / "x.keras", older))
    assert bits(other.state) == bits(one.state)
    assert other.keras_state.u_product == one.keras_state.u_product < 1


# What refnn lacks --------------------------------------------------------------------------------

SMALL = "sparse_categorical_crossentropy"
OPT = keras.optimizers
LACKS = {
    "not compiled": (None, None, "the model is not compiled", 1),
    "another loss": ("adam", "huber", "loss 'huber', which refnn lacks", 1),
    "a loss chosen by the data": ("adam", "crossentropy", "loss 'crossentropy', which", 1),
    "a sum": ("adam", keras.losses.MeanSquaredError(reduction="sum"), "reduction = 'sum'", 1),
    "smoothed labels": (
        "adam",
        keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        "label_smoothing = 0.1",
        1,
    ),
    "an ignored class": (
        "adam",
        keras.losses.SparseCategoricalCrossentropy(ignore_class=0),
        "ignore_class = 0",
        1,
    ),
    "no loss": ("adam", None, "compiled without a loss", 1),
    "amsgrad": (OPT.Adam(amsgrad=True), SMALL, "optimizer Adam: amsgrad = True", 3),
    "clipnorm": (OPT.Adam(clipnorm=1.0), SMALL, "clipnorm = 1.0, which refnn lacks", 3),
    "clipvalue": (OPT.SGD(clipvalue=1.0), SMALL, "clipvalue = 1.0", 3),
    "weight decay": (OPT.SGD(weight_decay=0.1), SMALL, "weight_decay = 0.1", 3),
    "ema": (OPT.SGD(use_ema=True), SMALL, "use_ema = True", 3),
    "loss scale": (OPT.SGD(loss_scale_factor=8.0), SMALL, "loss_scale_factor = 8.0", 3),
    "accumulation": (OPT.SGD(gradient_accumulation_steps=2), SMALL, "accumulation_steps = 2", 3),
    "centered": (OPT.RMSprop(centered=True), SMALL, "centered = True", 3),
    "RMSprop's momentum": (OPT.RMSprop(momentum=0.5), SMALL, "momentum = 0.5", 3),
    "another optimizer": ("adamw", SMALL, "optimizer 'AdamW', which refnn lacks", 3),
    "another schedule": (
        OPT.SGD(OPT.schedules.CosineDecay(0.1, 10)),
        SMALL,
        "a 'CosineDecay', which refnn lacks",
        3,
    ),
    "momentum of 1": (OPT.SGD(momentum=1.0), SMALL, "momentum = 1.0; expected a number in", 3),
}


@pytest.mark.parametrize(("optimizer", "loss", "part", "stages"), LACKS.values(), ids=LACKS)
def test_what_refnn_lacks_is_named_with_what_can_be_compared(optimizer, loss, part, stages):
    model = chain(LAYERS.Dense(3, activation="softmax"), shape=(2,))
    if optimizer is not None:
        if not isinstance(optimizer, str):
            optimizer = type(optimizer).from_config(optimizer.get_config())
        model.compile(optimizer, loss)
    found = inspect(model)
    assert part in " ".join(found.lacks)
    assert found.stages == ("forward", "loss", "gradient", "update")[:stages]
    assert (found.model is None) == (stages == 1)
    with refused(part, f"refnn can compute {', '.join(found.stages)}"):
        read(model)


PENALTIES = {
    "in one of two": ({"kernel_regularizer": L2}, {}, "L2 of another λ in each Dense"),
    "L1": ({"kernel_regularizer": "l1"}, {"kernel_regularizer": "l1"}, "'L1', which refnn lacks"),
    "on biases": ({"bias_regularizer": L2}, {}, "bias_regularizer = 'L2'"),
    "on outputs": ({"activity_regularizer": L2}, {}, "activity_regularizer = 'L2'"),
    "frozen": ({"trainable": False}, {}, "trainable = False"),
}


@pytest.mark.parametrize(("one", "other", "part"), PENALTIES.values(), ids=PENALTIES)
def test_a_penalty_that_refnn_lacks_leaves_forward_and_loss(one, other, part):
    model = chain(LAYERS.Dense(3, **one), LAYERS.Dense(2, **other))
    model.compile("sgd", "mse")
    found = inspect(model)
    assert part in " ".join(found.lacks)
    assert found.stages == ("forward", "loss")


def test_a_constraint_leaves_all_but_the_update():
    model = chain(LAYERS.Dense(3, kernel_constraint="non_neg"))
    model.compile("sgd", "mse")
    assert inspect(model).stages == ("forward", "loss", "gradient")


# Models in memory that are none ------------------------------------------------------------------


class Mine(keras.Model):
    def call(self, x):
        return x


def relu(x):
    """A function of somebody's, with a name of Keras'."""
    return x + 1


def mean_squared_error(y_true, y_pred):
    return keras.ops.mean(y_pred)


def test_a_class_of_your_own_is_refused():
    with refused("is a Mine; expected keras.Sequential"):
        read(Mine(name="mine"))


def test_a_model_without_shapes_is_refused():
    with refused("is not built; expected one that begins with keras.Input(shape)"):
        read(keras.Sequential([LAYERS.Dense(3)]))


def test_a_function_of_your_own_is_no_function_of_keras_of_that_name():
    with refused("the activation 'relu' is a function of your own"):
        inspect(chain(LAYERS.Dense(3, activation=relu)))
    model = chain(LAYERS.Dense(3))
    model.compile("sgd", mean_squared_error)
    with refused("loss 'mean_squared_error' is a function of your own"):
        inspect(model)


def test_a_layer_used_twice_is_refused():
    entrance, layer = keras.Input((3,)), LAYERS.Dense(3, name="again")
    with refused("layer 'again' is called 2 times"):
        inspect(keras.Model(entrance, layer(layer(entrance))))


def test_a_branch_is_refused():
    entrance = keras.Input((3,))
    one, other = LAYERS.Dense(3)(entrance), LAYERS.Dense(3)(entrance)
    with refused("takes the output of", "a chain without branches"):
        inspect(keras.Model(entrance, LAYERS.Concatenate()([one, other])))
