"""Faults in refnn/initializers.py."""

from tests.faults import checks
from tests.faults.planting import F64, NO_DTYPE, at

# fmt: off
he = at("refnn.initializers:He.sample", checks.initializers, "", "He")
cut = at("refnn.initializers:TruncatedNormal.sample", checks.initializers, "", "TruncatedNormal")
DRAWN = {"dtypes": F64, "why": NO_DTYPE}

FAULTS = [
    he("He: Xavier's 1 / fan_in", "2 / shape[0]", "1 / shape[0]", **DRAWN, note="listed"),
    he("He: fan_out", "2 / shape[0]", "2 / shape[-1]", **DRAWN, note="PyTorch's W is transposed"),
    he("He: mean of the fans", "2 / shape[0]", "4 / (shape[0] + shape[-1])", **DRAWN,
       note="Glorot"),
    he("He: variance for deviation", "math.sqrt(2 / shape[0])", "2 / shape[0]", **DRAWN,
       note="root forgotten"),
    he("He: uniform", "rng.standard_normal(shape)", "rng.uniform(-1, 1, shape)", **DRAWN,
       note="another distribution"),
    at("refnn.initializers:Normal.sample", checks.initializers, "", "Normal")(
        "normal: variance for deviation", "self.stddev *", "self.stddev**2 *", **DRAWN,
        note="stddev or variance?",
    ),
    cut("truncated normal: clipped", "w[beyond] = rng.standard_normal(np.count_nonzero(beyond))",
        "w[beyond] = 2", **DRAWN, note="piles up at the cut"),
    cut("truncated normal: one side", "np.abs(w) > 2", "w > 2", **DRAWN, note="sign forgotten"),
    cut("truncated normal: deviation restored", "self.stddev * w", "self.stddev * w / 0.8796",
        **DRAWN, note="Keras' variance scaling"),
]
