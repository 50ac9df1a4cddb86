"""The only place that imports TensorFlow. If it is not installed, one line says so."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back the notes that TensorFlow's C++ writes to standard error while it loads.

    No environment variable silences all its notes on oneDNN and CUDA; TF_ENABLE_ONEDNN_OPTS=0
    silences one, and changes the kernels. If the block fails, the notes are written; a Ctrl-C
    inside the block writes nothing.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        try:
            yield
        except Exception:
            notes.seek(0)
            os.write(kept, notes.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


try:
    with quiet():
        import tensorflow as tf

        tf.config.set_visible_devices([], "GPU")  # the ledger and the bounds are of CPU kernels
except ImportError as error:
    raise ImportError(
        f"tftwin needs TensorFlow ({error}): pip install '.[tf]' in the folder of pyproject.toml"
    ) from None

# Grappler's remapper fuses matmul, bias and tanh if nothing reads the sum before tanh (float32,
# oneDNN). Then a step that is not recorded has other bits than the same step with its record.
tf.config.optimizer.set_experimental_options({"remapping": False})

__all__ = ["tf"]
