"""Faults in refnn/complexity.py."""

from tests.faults import checks
from tests.faults.planting import F64, NO_DTYPE, at

# fmt: off
FAULTS = [
    at("refnn.complexity:_multiply_adds", checks.sizes, "", "complexity")(
        "complexity: inputs counted twice", "layer.inputs * layer.outputs",
        "(layer.inputs + layer.inputs) * layer.outputs",
        dtypes=F64, why=NO_DTYPE, note="FLOPs taken for multiply-adds",
    ),
    at("refnn.complexity:complexity", checks.sizes, "", "complexity")(
        "complexity: activations are layers", "sum(isinstance(layer, Dense) for layer in",
        "sum(layer is not None for layer in",
        dtypes=F64, why=NO_DTYPE, note="an activation belongs to its Dense layer",
    ),
]
