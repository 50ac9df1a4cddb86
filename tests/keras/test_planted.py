"""The proof can fail: mistakes planted in the reader and the writer, each seen by a test of theirs.

A guard against hostile files is planted by its removal.
"""

import pytest

import refnn
from tests.faults.planting import Fault, Plant, planted
from tests.keras import test_mapping as mapping
from tests.keras import test_round_trips as trips
from tests.keras import test_strange_archives as archives
from tests.keras import test_strange_configs as configs
from tests.keras import test_strange_weights as arrays
from tests.keras.files import small_model

HOME = "tftwin.keras_models"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "small.keras"
    small_model().save(path)
    return path


def trains(name):
    """The check that a model of test_mapping has Keras' loss and gradient."""
    return lambda *_: mapping.test_loss_and_gradient_are_those_of_keras(*mapping.OTHERS[name])


def hidden(model, loss):
    models, losses = mapping.MODELS[model], mapping.CROSSENTROPIES[loss]
    return lambda *_: mapping.test_a_crossentropy_is_trained_from_hidden_logits(*models, losses)


def lacks(name):
    return lambda *_: mapping.test_what_refnn_lacks_is_named_with_what_can_be_compared(
        *mapping.LACKS[name]
    )


def archive(name):
    return lambda folder, sound: archives.test_an_archive_is_refused(
        folder, sound, *archives.ARCHIVES[name]
    )


def layer(name):
    return lambda folder, sound: configs.test_a_layer_is_refused_by_name(
        folder, sound, *configs.LAYERS[name]
    )


def array(name):
    return lambda folder, sound: arrays.test_an_array_is_refused(
        folder, sound, *arrays.ARRAYS[name]
    )


def plain(test):
    return lambda *_: test()


def at_folder(test):
    return lambda folder, sound: test(folder)


FAULTS = {
    "L2: λ as Keras has it": ("mapping:_regularizer", "L2(2 * rate)", "L2(rate)", trains("L2")),
    "L2: of the first Dense alone": (
        "mapping:_regularizer",
        "len(set(rates.values())) > 1",
        "False",
        lambda *_: mapping.test_a_penalty_that_refnn_lacks_leaves_forward_and_loss(
            *mapping.PENALTIES["in one of two"]
        ),
    ),
    "hidden logits: a Dense is looked through": (
        "mapping:hidden_logits",
        'activation.name.lower() not in (*HIDDEN, "linear")',
        "False",
        plain(mapping.test_a_softmax_before_another_activation_is_not_hidden),
    ),
    "hidden logits: of a softmax alone": (
        "mapping:hidden_logits",
        '(*HIDDEN, "linear")',
        '("softmax", "linear")',
        hidden("sigmoid", "categorical_crossentropy"),
    ),
    "hidden logits: not behind a linear one": (
        "mapping:hidden_logits",
        '(*HIDDEN, "linear")',
        "HIDDEN",
        hidden("softmax, then linear", "categorical_crossentropy"),
    ),
    "from_logits: ignored": (
        "mapping:_loss",
        "fused if logits else plain",
        "plain",
        trains("logits"),
    ),
    "slope: of the function": (
        "mapping:function_of",
        'arguments.get("negative_slope", 0.2)',
        "0.2",
        trains("slopes"),
    ),
    "labels: rows as they are": (
        "inspection:Preparation.targets",
        "self.integer_labels",
        "False",
        plain(mapping.test_images_are_flattened_and_labels_become_rows),
    ),
    "scale: not rounded": (
        "inspection:Preparation.inputs",
        "np.array(pair, np.float32)",
        "np.array(pair)",
        lambda *_: mapping.test_data_are_rescaled_as_keras_rescales_them("float64"),
    ),
    "rate: as Keras keeps it": (
        "rules:rate_of",
        "float(str(np.float32(said)))",
        "said",
        plain(mapping.test_a_learning_rate_is_what_a_person_wrote),
    ),
    "momentum: the sign": (
        "rules:averaged",
        "-(1 - beta) / rate",
        "(1 - beta) / rate",
        plain(mapping.test_the_momentum_of_keras_becomes_an_average),
    ),
    "momentum: without 1 − β": (
        "rules:averaged",
        "-(1 - beta) / rate",
        "-1 / rate",
        plain(mapping.test_the_momentum_of_keras_becomes_an_average),
    ),
    "slots: m and v exchanged": (
        "rules:rule_of",
        'slots["momentum"], slots["velocity"]',
        'slots["velocity"], slots["momentum"]',
        plain(mapping.test_slots_are_taken_by_name_and_step),
    ),
    "file: slots one place off": (
        "state:_read_optimizer",
        "for shape in shapes:\n        for name in fresh:",
        "for name in fresh:\n        for shape in shapes:",
        lambda folder, _: trips.test_a_file_and_its_model_in_memory_are_read_alike(
            folder, "Sequential", "float32"
        ),
    ),
    "file: a step too many": (
        "state:_read_optimizer",
        "iterations=iterations",
        "iterations=iterations + 1",
        lambda folder, _: trips.test_a_file_and_its_model_in_memory_are_read_alike(
            folder, "Sequential", "float32"
        ),
    ),
    "file: the weights of the first Dense for all": (
        "chain:read_chain",
        'f"_{kinds[\'Dense\']}" if kinds["Dense"] else ""',
        '""',
        at_folder(trips.test_weights_are_taken_by_layer),
    ),
    "construct: slots not set": (
        "building:_set_optimizer",
        "variable.assign(part)",
        "pass",
        at_folder(trips.test_the_constructed_model_goes_on_as_the_one_in_the_file),
    ),
    "construct: the step not set": (
        "building:_set_optimizer",
        "optimizer.iterations.assign(state.iterations)",
        "pass",
        at_folder(trips.test_the_constructed_model_goes_on_as_the_one_in_the_file),
    ),
    "write: probabilities left in sight": (
        "writing:describe_refnn",
        "hidden_logits(description)[1]",
        "False",
        lambda *_: trips.test_probabilities_are_hidden_from_keras(refnn.Softmax()),
    ),
    "live: names are believed": (
        "live:_check_functions",
        "function is not getattr(keras.activations, name, None)",
        "False",
        plain(mapping.test_a_function_of_your_own_is_no_function_of_keras_of_that_name),
    ),
    "live: any class": (
        "live:describe_live",
        "type(model) not in",
        "type(model) in () and",
        plain(mapping.test_a_class_of_your_own_is_refused),
    ),
    "amsgrad: overlooked": (
        "compiled:_optimizer",
        "BASE | OPTIMIZERS[name]",
        'BASE | OPTIMIZERS[name] | {"amsgrad": anything}',
        lacks("amsgrad"),
    ),
    "guard: members of any name": (
        "archive:read_archive",
        "name not in (CONFIG, METADATA, WEIGHTS)",
        "False",
        archive("a path that climbs"),
    ),
    "guard: any size of text": (
        "archive:read_archive",
        "info.file_size > most",
        "False",
        archive("long config"),
    ),
    "guard: any depth": (
        "archive:_check_depth",
        "if not left:",
        "if False:",
        archive("nested 100 times"),
    ),
    "guard: a key twice": (
        "archive:_json",
        "len(found) != len(pairs)",
        "False",
        archive("a key twice"),
    ),
    "guard: any module": (
        "allowlist:an_object",
        "home not in homes or",
        "",
        layer("a class of another module"),
    ),
    "guard: any registered name": (
        "allowlist:an_object",
        'registered not in (None, "", name)',
        "False",
        layer("a class of somebody"),
    ),
    "guard: any key": ("allowlist:keys", "key not in known", "False", layer("an unknown key")),
    "guard: links are followed": (
        "weights:_open",
        "kind != h5py.h5l.TYPE_HARD",
        "False",
        array("a link to a name"),
    ),
    "guard: data elsewhere": (
        "weights:read_array",
        "not plain or outside",
        "not plain",
        array("data elsewhere"),
    ),
    "guard: any layout": (
        "weights:read_array",
        "not plain or outside",
        "outside",
        array("pieces"),
    ),
    "guard: data that are not there": (
        "weights:read_array",
        "held != math.prod(shape) * dtype.itemsize",
        "False",
        array("nothing on the disk"),
    ),
    "guard: any shape": ("weights:read_array", "found != shape", "False", array("transposed")),
    "guard: memory before sizes": (
        "state:read_state",
        "> len(content)",
        "> 2**50",
        lambda folder, sound: arrays.test_a_short_file_is_refused_before_memory_is_taken(
            folder, sound
        ),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_mistake_is_seen(name, tmp_path, sound):
    """The same tests pass on the healthy code, in their own files."""
    target, old, new, check = FAULTS[name]
    fault = Fault(name, (Plant(f"{HOME}.{target}", old, new),), (check, ""), "")
    with planted(fault), pytest.raises((AssertionError, ValueError, pytest.fail.Exception)):
        check(tmp_path, sound)
