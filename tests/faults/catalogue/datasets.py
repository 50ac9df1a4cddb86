"""Faults in refnn/datasets/."""

from tests.faults import checks
from tests.faults.planting import F32, F64, NO_DTYPE, at

# fmt: off
standard = at("refnn.datasets.preparation:standardize", checks.preparation, "", "standardize")
hot = at("refnn.datasets.preparation:one_hot", checks.preparation, "", "one hot")
rows = at("refnn.datasets.preparation:batches", checks.preparation, "", "batches")
INDICES = {"dtypes": F64, "why": NO_DTYPE}

FAULTS = [
    standard("standardize: N - 1", "np.std(wide, axis=0)", "np.std(wide, axis=0, ddof=1)",
             stage="deviation", note="pandas, listed"),
    standard("standardize: variance", "np.std(wide, axis=0)", "np.var(wide, axis=0)",
             stage="deviation", note="root forgotten"),
    standard("standardize: over everything", "np.mean(wide, axis=0)",
             "np.full(x.shape[1:], np.mean(wide))", stage="mean", note="axis forgotten"),
    standard("standardize: held-out data by themselves", "(wide - mean) / deviation",
             "(wide - np.mean(wide, axis=0)) / deviation", stage="held-out data",
             note="leaks nothing, learns nothing: another scale than in training"),
    standard("standardize: not divided", "(wide - mean) / deviation", "(wide - mean)",
             note="centred only"),
    standard("standardize: writes into x", "return Standardized(scaled",
             "x -= mean.astype(x.dtype); return Standardized(scaled",
             caught_by=(checks.purity, ""), note="in place"),
    standard("standardize: stays float64", "deviation).astype(x.dtype)", "deviation)",
             caught_by=(checks.dtypes, ""), dtypes=F32, why="float64 is float64 already",
             note="the sums are float64"),
    hot("one-hot: classes from 1", "y[np.arange(len(labels)), labels]",
        "y[np.arange(len(labels)), np.asarray(labels) - 1]",
        note="off by one, silent by wrap-around"),
    hot("one-hot: always float32", "np.zeros((len(labels), columns), dtype)",
        "np.zeros((len(labels), columns), np.float32)", dtypes=F64,
        why="float32 is float32 already", note="default dtype"),
    hot("one-hot: classes ignored", "int(max(labels)) + 1 if classes is None else classes",
        "int(max(labels)) + 1", stage="classes", note="a class without samples is lost"),
    rows("batches: the last, short one is dropped", "range(0, n, batch_size)",
         "range(0, n - batch_size + 1, batch_size)", **INDICES, note="listed"),
    rows("batches: one row in two of them", "start + batch_size]", "start + batch_size + 1]",
         **INDICES, note="off by one"),
    rows("batches: drawn with replacement", "rng.permutation(n)", "rng.integers(n, size=n)",
         **INDICES, stage="every row once", note="bootstrap"),
    rows("batches: one order for ever", "rng.permutation(n)",
         "np.random.default_rng(0).permutation(n)", **INDICES, stage="shuffled anew",
         note="seeded in the loop"),
    rows("batches: not shuffled", "np.arange(n) if rng is None else rng.permutation(n)",
         "np.arange(n)", **INDICES, stage="shuffled anew", note="argument without effect"),
]
