"""config.json as a stranger may write it: refused by the name of the thing, and nothing is run."""

import base64
import copy
import functools
import marshal

import pytest

from tests.helpers import refused, refused_cheaply
from tests.keras.files import layer, small_model, with_config
from tftwin.keras_models import inspect, read
from tftwin.keras_models.archive import read_archive
from tftwin.keras_models.config import describe
from tftwin.keras_models.mapping import to_refnn
from tftwin.keras_models.state import read_state


@pytest.fixture(scope="module", params=["Sequential", "Functional"])
def sound(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "small.keras"
    small_model(request.param).save(path)
    read(path)
    return path


def setting(number, key, value):
    """Return the change of one value of one layer."""

    def change(config):
        layer(config, number)[key] = value

    return change


def replaced(number, **values):
    """Return the change of a layer's class, module, registered name, configuration."""

    def change(config):
        config["config"]["layers"][number].update(values)

    return change


def an_object(name, config, module="keras.layers", registered=None):
    return {
        "module": module,
        "class_name": name,
        "config": config,
        "registered_name": registered,
    }


def dtype_policy(name):
    return an_object("DTypePolicy", {"name": name}, "keras")


def code(marker):
    """Return a lambda as Keras writes it: marshalled code, which leaves a marker behind."""
    names = {}
    exec(f"def payload(x):\n    open({str(marker)!r}, 'w').close()\n    return x", names)
    text = base64.b64encode(marshal.dumps(names["payload"].__code__)).decode()
    config = {"code": text, "defaults": None, "closure": None}
    return {"class_name": "__lambda__", "config": config}


def lambda_layer(marker):
    return replaced(
        2,
        class_name="Lambda",
        config={"name": "drop", "function": code(marker), "trainable": True, "dtype": "float32"},
    )


LAYERS = {
    "a layer that refnn lacks": (replaced(2, class_name="Conv2D"), "'Conv2D', which refnn lacks"),
    "a model as a layer": (replaced(2, class_name="Sequential"), "'Sequential', which refnn"),
    "a SavedModel as a layer": (replaced(2, class_name="TFSMLayer"), "'TFSMLayer', which refnn"),
    "a class of somebody": (
        replaced(1, registered_name="theirs>Dense"),
        "'theirs>Dense', which is not Keras' own",
    ),
    "a class of another module": (replaced(1, module="theirs"), "'theirs.Dense', which is not"),
    "a function of the system": (
        replaced(1, module="os", class_name="system", config="touch x"),
        "'os.system', which is not Keras' own",
    ),
    "no module": (replaced(1, module=None), "'None.Dense', which is not"),
    "a class that is a number": (replaced(1, class_name=7), "expected an object of Keras"),
    "a key beside": (replaced(1, custom_objects={}), "'custom_objects', which is unknown"),
    "an unknown key": (setting(1, "quantum", 1), "layer 'first' has the key 'quantum'"),
    "no configuration": (replaced(1, config=None), "the configuration of 'Dense' is None"),
    "units of 10¹²": (setting(1, "units", 10**12), "layer 'first': units = 1000000000000"),
    "units below 1": (setting(1, "units", -3), "units = -3; expected a whole number"),
    "units of True": (setting(1, "units", True), "units = True"),
    "units of text": (setting(1, "units", "5"), "units = '5'"),
    "units of 2³⁰": (setting(1, "units", 2**30), "at most 2147483648 weights"),
    "no units": (setting(1, "units", None), "units = None"),
    "other units": (setting(1, "units", 6), "expects (4, 6)"),
    "many units": (setting(1, "units", 2**24), "the layers of config.json need"),
    "use_bias of text": (setting(1, "use_bias", "no"), "use_bias = 'no'"),
    "an activation refnn lacks": (setting(1, "activation", "gelu"), "'gelu', which refnn lacks"),
    "an activation of one's own": (
        setting(1, "activation", an_object("function", "theirs", "builtins", "function")),
        "a function of your own, 'theirs'",
    ),
    "an activation as another layer": (
        setting(1, "activation", an_object("PReLU", {"name": "p"})),
        "is a 'PReLU', which refnn lacks",
    ),
    "a ReLU with a limit": (
        setting(
            1, "activation", an_object("ReLU", {"name": "r", "dtype": "float32", "max_value": 6.0})
        ),
        "max_value = 6.0, which refnn lacks",
    ),
    "quantized": (setting(1, "quantization_config", {"mode": "int8"}), "quantization_config"),
    "LoRA": (setting(1, "lora_rank", 4), "lora_rank = 4, which refnn lacks"),
    "float16": (setting(1, "dtype", dtype_policy("mixed_float16")), "dtype = 'mixed_float16'"),
    "bfloat16": (setting(1, "dtype", "bfloat16"), "dtype = 'bfloat16', which refnn lacks"),
    "two dtypes": (setting(1, "dtype", dtype_policy("float64")), "float32 and float64"),
    "a dtype that turns safety off": (
        setting(1, "dtype", an_object("enable_unsafe_deserialization", {}, "keras.config")),
        "'keras.config.enable_unsafe_deserialization', which is not",
    ),
    "a path as a name": (setting(1, "name", "../../x"), "'../../x'; expected a name"),
    "a name of two lines": (setting(1, "name", "a\nb"), "expected a name"),
    "one name twice": (setting(1, "name", "second"), "2 layers have the name 'second'"),
    "a rate of 1": (setting(2, "rate", 1.0), "rate = 1.0; expected a number in [0, 1)"),
    "a rate for each column": (setting(2, "noise_shape", [1, 5]), "noise_shape = [1, 5]"),
    "no batch_shape": (setting(0, "batch_shape", None), "batch_shape = None"),
    "any number of columns": (
        setting(0, "batch_shape", [None, None]),
        "batch_shape = [None, None]",
    ),
    "10⁹ × 10⁹ columns": (setting(0, "batch_shape", [None, 10**9, 10**9]), "expected at most"),
    "images without Flatten": (setting(0, "batch_shape", [None, 2, 2]), "expected a Flatten"),
    "sparse": (setting(0, "sparse", True), "sparse = True, which refnn lacks"),
    "an input of text": (setting(0, "dtype", "string"), "dtype = 'string'"),
    "no InputLayer": (replaced(0, class_name="Flatten"), "expected an InputLayer"),
}


@pytest.mark.parametrize(("change", "part"), LAYERS.values(), ids=LAYERS)
def test_a_layer_is_refused_by_name(tmp_path, sound, change, part):
    refused_cheaply(inspect, with_config(tmp_path / "x.keras", sound, change), part)


def of_model(**values):
    return lambda config: config.update(values)


def no_layers(config):
    config["config"]["layers"] = []


def many_layers(config):
    config["config"]["layers"] *= 300


MODELS = {
    "a class of one's own": (
        of_model(class_name="Mine", registered_name=None),
        "the model is a 'Mine'",
    ),
    "of another module": (of_model(module="theirs"), "which is not Keras' own"),
    "no class": (of_model(class_name=None), "expected an object of Keras"),
    "no configuration": (of_model(config=[]), "is []"),
    "no layers": (no_layers, "expected a list of 1 to 1000 layers"),
    "1,200 layers": (many_layers, "1200 of them"),
    "a key beside": (of_model(custom_objects={}), "'custom_objects', which is unknown"),
}


@pytest.mark.parametrize(("change", "part"), MODELS.values(), ids=MODELS)
def test_a_model_is_refused_by_name(tmp_path, sound, change, part):
    refused_cheaply(inspect, with_config(tmp_path / "x.keras", sound, change), part)


def node(config, number):
    return config["config"]["layers"][number]["inbound_nodes"]


def branch(config):
    node(config, 3)[0]["args"][0]["config"]["keras_history"][0] = "first"


def called_twice(config):
    node(config, 2).append(node(config, 2)[0])


def in_training(config):
    node(config, 2)[0]["kwargs"] = {"training": True}


def second_output(config):
    node(config, 3)[0]["args"][0]["config"]["keras_history"][2] = 1


def two_inputs(config):
    node(config, 3)[0]["args"] *= 2


def two_ends(config):
    config["config"]["output_layers"] = [["first", 0, 0], ["second", 0, 0]]


def no_node(config):
    node(config, 1)[0] = {"args": "first"}


def out_of_order(config):
    layers = config["config"]["layers"]
    layers[1], layers[2] = layers[2], layers[1]


CHAINS = {
    "a branch": (branch, "takes the output of 'first'"),
    "a layer called twice": (called_twice, "is called 2 times"),
    "dropout that never stops": (in_training, "is called with 'training' = True"),
    "another output": (second_output, "expected the first output"),
    "two inputs": (two_inputs, "expected one tensor"),
    "two outputs": (two_ends, "output_layers"),
    "no tensor": (no_node, "expected one tensor"),
    "listed in another order": (out_of_order, "expected a chain"),
}


@pytest.mark.parametrize(("change", "part"), CHAINS.values(), ids=CHAINS)
def test_what_is_no_chain_is_refused(tmp_path, change, part):
    small_model("Functional").save(tmp_path / "sound.keras")
    path = with_config(tmp_path / "x.keras", tmp_path / "sound.keras", change)
    refused_cheaply(inspect, path, part)


def lambda_loss(marker):
    return lambda config: config["compile_config"].update(loss=code(marker))


def lambda_rate(marker):
    def change(config):
        config["compile_config"]["optimizer"]["config"]["learning_rate"] = code(marker)

    return change


def lambda_activation(marker):
    return setting(1, "activation", code(marker))


@pytest.mark.parametrize("place", [lambda_layer, lambda_loss, lambda_rate, lambda_activation])
def test_code_in_a_file_is_not_executed(tmp_path, sound, place):
    marker = tmp_path / "marker"
    path = with_config(tmp_path / "x.keras", sound, place(marker))
    with refused("Lambda"):
        read(path)
    assert not marker.exists()


def test_the_code_would_leave_its_marker(tmp_path):
    """Keras' own loader, with its safe mode off, executes the same file."""
    from tftwin.keras_models.library import keras

    marker = tmp_path / "marker"
    small_model().save(tmp_path / "sound.keras")
    path = with_config(tmp_path / "x.keras", tmp_path / "sound.keras", lambda_layer(marker))
    keras.models.load_model(path, safe_mode=False)
    assert marker.exists()


JUNK = (None, True, 0, -1, 7, 2**70, 0.5, 1e308, "", "relu", "x" * 5000, [], [[]], {}, {"a": 1})


def places(value, path=()):
    """Yield where each value stands in a configuration."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inside:
        yield (*path, key)
        if isinstance(one, (dict, list)):
            yield from places(one, (*path, key))


def test_anything_anywhere_is_refused_in_one_line_or_changes_nothing_that_matters(sound):
    """Each value of config.json in turn is replaced by rubbish, left out, or wrapped in a list."""
    content = read_archive(sound)
    said = []
    for path in places(content.config):
        for junk in (*JUNK, ...):
            config = copy.deepcopy(content.config)
            *way, last = path
            parent = functools.reduce(lambda value, key: value[key], way, config)
            parent[last] = [parent[last]] if junk is ... else junk
            said.append(message(config, content.weights))
    refused = [one for one in said if one is not None]
    assert len(refused) > len(said) / 4
    assert all("\n" not in one and len(one) < 600 for one in refused)


def message(config, weights):
    """Return what is said of a configuration that is refused; None of one that is read."""
    try:
        description = describe(config)
        to_refnn("x", description, read_state(description, weights, "weights"))
    except ValueError as error:
        return str(error)
    return None
