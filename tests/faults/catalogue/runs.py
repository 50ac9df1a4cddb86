"""Faults in refnn/runs/: fit, its history, states and models on disk."""

from tests.faults import checks
from tests.faults.planting import F64, at

# fmt: off
fit = at("refnn.runs.fit:fit", checks.training, "", "theta")
loop = at("refnn.runs.loop:repeat", checks.training, "", "history")
cut = at("refnn.runs.fit:cut", checks.training, "", "slots")
save = at("refnn.runs.states:arrays", checks.files, "", "slots")
load = at("refnn.runs.states:read", checks.files, "", "slots")
save_model = at("refnn.runs.models:save_model", checks.models, "", "slots")
load_model = at("refnn.runs.models:load_model", checks.models, "", "preparation")
answer = at("refnn.runs.models:SavedModel.predict", checks.models, "", "predict")
MEAN = "math.fsum(losses) / len(losses)"

FAULTS = [
    cut("fit: x shuffled and not y", "y.take(rows, axis=0)", "y.take(np.sort(rows), axis=0)",
        note="listed"),
    cut("fit: the last, short batch is left out", "range(0, n, batch_size)",
        "range(0, n - batch_size + 1, batch_size)", stage="step", note="whole batches only"),
    fit("fit: the state starts anew in every epoch", "losses = []",
        "losses = []; state = model.state_at(state.theta)", stage="step",
        note="slots lost between epochs"),
    fit("fit: slots not carried on", "state = step.state\n",
        "state = State(step.state.theta, state.slots, step.state.step)\n", stage="slots",
        note="memory lost between steps"),
    fit("fit: L2 forgotten", "train_step(model, state, x_batch, y_batch, masks)",
        "train_step(Model(model.network, model.loss, model.optimizer), state, x_batch, y_batch,"
        " masks)", stage="slots", note="argument not passed on"),
    fit("fit: the same masks for every batch", "draw_masks(model.network, rng,",
        "draw_masks(model.network, np.random.default_rng(0),",
        caught_by=(checks.masks, ""), stage="fit", note="a generator made anew"),
    fit("fit: the masks of the batch before",
        "draw_masks(model.network, rng, len(x_batch), x.dtype)",
        "model.network.__dict__.setdefault("
        "len(x_batch), draw_masks(model.network, rng, len(x_batch), x.dtype))",
        caught_by=(checks.masks, ""), stage="fit", note="drawn once"),
    fit("fit: every epoch has the first batches", "cut(x, y, plan.batch_size, rng)",
        "cut(x[: plan.batch_size], y[: plan.batch_size], plan.batch_size, rng)", stage="step",
        note="one batch"),
    fit("fit: a run into NaN is seen a step late", " and finite(step)", "",
        stage="last state", caught_by=(checks.non_finite, ""), note="only the loss is looked at"),
    fit("fit: NaN is not seen", "if not (math.isfinite(step.loss)",
        "if False and (math.isfinite(step.loss)", stage="silence", caught_by=(checks.non_finite,
        ""), note="guard removed"),
    fit("history: data loss", "float(step.loss)", "float(step.data_loss)", stage="history",
        note="penalty left out"),
    fit("history: rate of the next step", "losses, step.learning_rate)",
        "losses, model.optimizer.learning_rate(state.step))",
        stage="history of rates", note="read after the update"),
    fit("history: validation on training data", "evaluate(model, state, *validation)",
        "evaluate(model, state, x, y)", stage="validation", note="copied line"),
    loop("fit: one epoch less", "plan.epochs + 1)", "plan.epochs)", stage="epochs",
         note="off by one"),
    loop("history: loss of the last batch", MEAN, "losses[-1]",
         note="a variable of the inner loop"),
    loop("history: sum of the losses", MEAN, "math.fsum(losses)", note="mean forgotten"),
    loop("history: validation before the epoch", "held_out(state)", "held_out(before)", also=(
        ("state, losses, learning_rate = one_epoch", "before = state; state, losses, learning_rate"
         " = one_epoch"),), stage="validation", note="an epoch late"),
    save("save: float32", '"theta": state.theta', '"theta": state.theta.astype(np.float32)', also=(
        (': slot for', ': slot.astype(np.float32) for'),),
         stage="theta", dtypes=F64, why="float32 is float32 already", note="half the file"),
    save("save: step forgotten", "np.array(state.step)", "np.array(0)", stage="step",
         note="bias correction and schedule start anew"),
    load("load: slots in reverse", "tuple(memory)", "tuple(memory[::-1])", note="order of m and v"),
    load("load: a slot too few", "tuple(memory)", "tuple(memory[:-1])", note="off by one"),
    save_model("save model: slots start anew", "states.arrays(state)",
               "states.arrays(model.state_at(state.theta)._replace(step=state.step))",
               note="training cannot go on where it stopped"),
    save_model("save model: slots lost", "states.arrays(state)",
               "states.arrays(State(state.theta, (), state.step))", stage="refused",
               note="a file to predict from, and nothing else"),
    save_model("save model: the initial state", "states.arrays(state)",
               "states.arrays(State(0 * state.theta, state.slots, state.step))", stage="theta",
               note="the variable of before the training"),
    save_model("save model: mean and deviation swapped",
               '{"mean": mean, "deviation": deviation}', '{"mean": deviation, "deviation": mean}',
               stage="preparation", note="two vectors of one shape"),
    save_model("save model: the regularizer is left out",
               "for f in fields(Model)}", "for f in fields(Model)} | {'regularizer': None}",
               stage="regularizer", note="what a prediction does not need"),
    load_model("load model: names mixed up", '("feature_names", "class_names")',
               '("class_names", "feature_names")', stage="names", note="argument order"),
    answer("saved model: what it is given is not standardized", "self.mean is not None", "False",
           note="trained on another scale"),
    answer("saved model: standardized by itself", "x, self.mean, self.deviation,",
           "x, None, None,", note="the mean of what is to be predicted"),
]
