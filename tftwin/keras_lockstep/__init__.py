"""A person's own Keras model beside refnn, number by number.

    report = compare_keras(model, x, y)
    print(report)

Keras computes each step with its own layers, compiled loss and optimizer (``live``). refnn makes
the same step from the same numbers, with Keras' rule in NumPy in the place of its own (``rules``):
so everything is held under a derived bound. How far refnn's own rule is from Keras' is measured
beside it, and has a name (``conventions``).
"""

from tftwin.keras_lockstep.comparison import compare_keras
from tftwin.keras_lockstep.report import KerasReport

__all__ = ["KerasReport", "compare_keras"]
