"""The only place that imports Keras, quietly, on TensorFlow."""

from tftwin.tensorflow import quiet, tf

with quiet():
    import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"Keras runs on {keras.backend.backend()!r}; expected TensorFlow: unset KERAS_BACKEND"
    )

__all__ = ["keras", "tf"]
