""".keras files as Keras writes them, and as somebody may have changed them."""

import io
import json
import zipfile

import h5py
import numpy as np

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


def small_model(style="Sequential", dtype="float32"):
    """A model that everything is mapped of: 4 → 5 relu → dropout → 3 softmax, after two updates."""
    from tftwin.keras_models.library import keras

    layers = [
        keras.layers.Dense(5, activation="relu", name="first", dtype=dtype),
        keras.layers.Dropout(0.25, name="drop", dtype=dtype),
        keras.layers.Dense(3, activation="softmax", name="second", dtype=dtype),
    ]
    entrance = keras.Input((4,), dtype=dtype)
    if style == "Sequential":
        model = keras.Sequential([entrance, *layers], name="small")
    else:
        output = entrance
        for layer in layers:
            output = layer(output)
        model = keras.Model(entrance, output, name="small")
    model.compile("adam", "sparse_categorical_crossentropy")
    x = np.random.default_rng(0).standard_normal((8, 4))
    for _ in range(2):
        model.train_on_batch(x.astype(dtype), np.arange(8) % 3)
    return model


def members(path):
    """Return the members of an archive by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path, contents, compression=zipfile.ZIP_STORED):
    """Write an archive of these members, and return its path."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def with_config(path, sound, change):
    """Write a sound file again, with config.json as ``change(config)`` leaves or returns it."""
    contents = members(sound)
    config = json.loads(contents[CONFIG])
    returned = change(config)
    contents[CONFIG] = json.dumps(config if returned is None else returned)
    return packed(path, contents)


def with_member(path, sound, name, content):
    """Write a sound file again, with one member replaced, or left out where it is None."""
    contents = members(sound) | {name: content}
    return packed(
        path, {name: content for name, content in contents.items() if content is not None}
    )


def with_weights(path, sound, change):
    """Write a sound file again, with the HDF5 file as ``change(file)`` leaves it."""
    memory = io.BytesIO(members(sound)[WEIGHTS])
    with h5py.File(memory, "r+") as file:
        change(file)
    return with_member(path, sound, WEIGHTS, memory.getvalue())


def layer(config, number):
    """Return the configuration of a layer; the InputLayer is number 0."""
    return config["config"]["layers"][number]["config"]
