"""Call tftwin's doors, and lockstep's, with what is wrong; see ``fuzz``, whose questions these are.

python -m tests.refusals.fuzz_twin CALLS [SEED]
"""

import sys

import numpy as np

import refnn
import tftwin
from refnn.record import Entry, record
from tests.refusals.fuzz import (
    FITTED,
    FOLDER,
    MODEL,
    NASTY,
    START,
    TRAIN,
    X,
    Y,
    fuzz,
    tell,
)
from tftwin import lockstep
from tftwin.lockstep import records
from tftwin.lockstep.alone import given_by
from tftwin.lockstep.arbiter import Evidence
from tftwin.tensorflow import tf

TWIN = tftwin.twin(MODEL)
TRAINER = tftwin.Trainer(TWIN, START, "eager")
TWINNED = FITTED | {"model": TWIN}
ROWS = [np.arange(3), np.arange(3, 6)]
RECORD = FOLDER / "record.npz"
STEP = refnn.train_step(MODEL, START, X, Y)
ENTRIES = [e for e in record(MODEL.network, ("m",), STEP) if e.name != "penalty"]
records.save(RECORD, [ENTRIES])
GRADIENT = np.concatenate(STEP.gradients, axis=None)
GIVEN = given_by(STEP, START.theta, Y)
EVIDENCE = Evidence(MODEL, START, GRADIENT, GRADIENT, GIVEN, GIVEN)
RUN = {"mode": "eager", "callback": None}

WRONG = [
    *NASTY, TWIN, TWIN.network, TWIN.loss, TWIN.optimizer, tftwin.Model, tftwin.Trainer, TRAINER,
    refnn.Network([refnn.Dense(4, 3)]), tftwin.twin(refnn.Relu()), tftwin.twin(refnn.L2(0.1)),
    ROWS, [[0, 1]], [np.array([99])], [np.array([-1])], [np.array([0.5])], [np.arange(0)],
    [np.zeros((2, 2), int)], ["ab"], [(X, Y)], [(X,)], [X, Y], [(X, Y, Y)], [(Y, X)], [(X, "y")],
    [(X * np.nan, Y)], RECORD, [ENTRIES], ENTRIES, [[Entry("forward", "y1", "text")]],
    [[Entry("sideways", "y1", X)]], [[Entry("forward", "y1", X + 1j)]], [[Entry("forward", 3, X)]],
    [[Entry("forward", "y1", X, bound=-X**2)]], [[Entry("forward", "y1", [[1], [1, 2]])]],
    [[Entry("forward", "n" * 999, X)]], [[Entry(None, None, None)]], [[]], [[3]], [ENTRIES[1:]],
    EVIDENCE, lockstep.Report(), [lockstep.Report()], lockstep.Divergence, "xla", "eager ", "graph",
    STEP, X.astype(np.longdouble), refnn.State(START.theta.astype(np.longdouble), (), 0),
]  # fmt: skip

DOORS = {
    "Model": (tftwin.Model, {
        "network": TWIN.network, "loss": TWIN.loss, "optimizer": TWIN.optimizer,
        "regularizer": None}),
    "twin": (tftwin.twin, {"value": MODEL}),
    "Trainer": (tftwin.Trainer, {"model": TWIN, "state": START, "mode": "eager"}),
    "Trainer.load": (TRAINER.load, {"state": START}),
    "Trainer.step": (TRAINER.step, {"x": X, "y": Y, "masks": ()}),
    "Trainer.run": (TRAINER.run, {"x": X, "y": Y, "rows": ROWS, "masks": ()}),
    "backpropagate": (tftwin.backpropagate, {
        "model": TWIN, "theta": START.theta, "x": X, "y": Y, "masks": ()}),
    "train_step": (tftwin.train_step, TWINNED | {"masks": ()}),
    "objective": (tftwin.objective, {"model": TWIN, "theta": START.theta, "x": X, "y": Y}),
    "predict": (tftwin.predict, {"model": TWIN, "state": START, "x": X}),
    "evaluate": (tftwin.evaluate, TWINNED),
    "update": (tftwin.update, {
        "optimizer": TWIN.optimizer, "state": START, "gradient": GRADIENT, "learning_rate": 0.1}),
    "fit": (tftwin.fit, TWINNED | TRAIN | {"rng": None, "checkpoint": None, "history": None}),
    "resynchronised": (lockstep.resynchronised, {
        "model": MODEL, "state": START, "batches": [(X, Y)], "every": 1, "observe": None} | RUN),
    "run_free": (lockstep.run_free, FITTED | {"rows": ROWS, "looks": 1, "masks": ()} | RUN),
    "compare_function": (
        lambda ours, theirs, x, derivative, bounded: tftwin.compare_function(
            ours, theirs, x, derivative=derivative, bounded=bounded),
        {"ours": np.square, "theirs": tf.square, "x": X, "derivative": None, "bounded": None}),
    "bounds_of_step": (lockstep.bounds_of_step, FITTED | {"masks": ()}),
    "explain": (lockstep.explain, {"evidence": EVIDENCE, "divergences": []}),
    "compare": (lockstep.compare, {"one": [ENTRIES], "other": [ENTRIES]}),
    "records.save": (records.save, {"path": FOLDER / "other.npz", "steps": [ENTRIES]}),
    "records.load": (records.load, {"path": RECORD}),
}  # fmt: skip


if __name__ == "__main__":
    tell(*fuzz(*map(int, sys.argv[1:]), doors=DOORS, wrong=WRONG))
