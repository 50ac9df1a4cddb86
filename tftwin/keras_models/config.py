"""config.json as a ``Description``: style, chain, loss, optimizer."""

from typing import Any

from refnn.checks import short
from tftwin.keras_models.allowlist import an_object, keys, text
from tftwin.keras_models.chain import read_chain
from tftwin.keras_models.compiled import read_compiled
from tftwin.keras_models.description import Description, Style

STYLES: dict[str, Style] = {
    "Sequential": "Sequential",
    "Functional": "Functional",
    "Model": "Functional",
}
HOMES = (
    "keras",
    "keras.models",
    "keras.src.models.functional",
    "keras.src.models.model",
    "keras.src.models.sequential",
)


def describe(config: Any) -> Description:
    """Return what a serialized Keras model is.

    Parameters
    ----------
    config : dict
        The content of config.json, which is also what
        ``keras.saving.serialize_keras_object(model)`` gives.

    Raises
    ------
    ValueError
        If it is another thing, or holds what is not allowed: the message names it.
    """
    name, inner = an_object("the model", config, HOMES, {"compile_config"})
    style = STYLES.get(name)
    if style is None:
        raise ValueError(
            f"the model is a {short(name)}; expected keras.Sequential, or keras.Model(inputs, "
            "outputs)"
        )
    keys("the model", inner, KEYS)
    chain = read_chain(style, inner)
    compiled = read_compiled(config.get("compile_config"))
    return Description(
        style=style,
        name=text("the model: name", inner.get("name")),
        dtype=chain.dtype,
        input_dtype=chain.input_dtype,
        shape=chain.shape,
        layers=chain.layers,
        loss=compiled.loss,
        optimizer=compiled.optimizer,
        lacks=(*chain.lacks, *compiled.lacks),
    )


KEYS = {
    *("name", "trainable", "dtype", "layers", "build_input_shape", "input_layers"),
    *("output_layers",),
}
