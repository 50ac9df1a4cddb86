"""The one place that imports TensorFlow, so that its absence is said once, and in one line."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

try:
    import tensorflow as tf
except ImportError as error:
    raise ImportError(f"tftwin needs TensorFlow ({error}): pip install 'refnn[tf]'") from None

__all__ = ["tf"]
