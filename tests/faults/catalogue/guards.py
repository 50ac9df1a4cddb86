"""Faults in refnn/guards.py and refnn/checks.py."""

from tests.faults import checks
from tests.faults.planting import F64, at

# fmt: off
targets = at("refnn.guards:check_targets", checks.guards, "", "labels that are no distribution")
masks = at("refnn.guards:check_masks", checks.masks, "", "other numbers")
rows = at("refnn.labels:class_rows", checks.labels, "", "class numbers")
fast = at("refnn.guards:check_batch", checks.guards, "", "another dtype")

FAULTS = [
    targets("guard: thrown away", "if bad.any():", "bad.any()\n    if False:",
            note="evidence 2, einops"),
    targets("guard: inverted", "if bad.any():", "if not bad.any():", stage="right data",
            note="evidence 1, array-api-tests"),
    targets("guard: no loss takes distributions", '"takes_distributions", False',
            '"takes_distribution", False', note="a name misspelt, and a default that hides it"),
    fast("guard: the fast look forgets the dtype", "x.dtype == (dtype := theta.dtype) == y.dtype",
         "(dtype := theta.dtype)", note="the slow checks are never asked"),
    fast("guard: the fast look lets no rows in", "and n > 0", "and n >= 0", stage="no rows",
         note="off by one"),
    masks("guard: any number is a mask", "if wrong.any():", "if False:",
          note="what the layer multiplies by, taken on trust"),
    masks("guard: no mask is asked for", "and type(masks) is tuple and not masks", "or not masks",
          stage="no masks", note="training without dropout, silently"),
    rows("labels: counted from 1", "np.arange(len(labels)), labels]",
         "np.arange(len(labels)), labels - 1]", note="as R and MATLAB count"),
    rows("labels: the columns are the rows", "rows[np.arange(len(labels)), labels]",
         "rows[labels, np.arange(len(labels))]", note="transposed"),
    rows("labels: always float32", "(len(labels), classes), dtype)",
         "(len(labels), classes), np.float32)", dtypes=F64,
         why="float32 is what it should be", note="a dtype by name"),
    rows("labels: one class too many is let in", "labels >= classes", "labels > classes",
         stage="a class too many", note="off by one"),
    rows("labels: -1 is the last class", "(labels < 0) | ", "", stage="a class below 0",
         note="NumPy counts from the end"),
    rows("labels: floats are cut", "if not whole:", "if False:", stage="floats",
         note="0.9 is class 0"),
    at("refnn.checks:finite", checks.guards, "", "NaN")(
        "guard: NaN compared", "~np.isfinite(value)", "value == np.nan", note="NaN equals nothing",
    ),
    at("refnn.checks:array", checks.guards, "", "another dtype")(
        "guard: any dtype", "dtype is not None and value.dtype != dtype", "False",
        note="a silent cast",
    ),
    at("refnn.checks:number", checks.dtypes, "", "learning rate")(
        "hyper-parameter kept as np.float64", "return as_float", "return value",
        note="turns float32 arithmetic into float64",
    ),
]
