"""Faults in refnn/optimizers.py."""

from typing import Any

from tests.faults import checks
from tests.faults.planting import F32, F64, TOO_SMALL, at


# fmt: off
def rule(name: str, stage: str = "update") -> Any:
    return at(f"refnn.optimizers:{name}.rule", checks.lockstep, name, stage)


sgd, sgdm, nesterov, adagrad, rmsprop, adam, nadam = map(
    rule, ("SGD", "SGDM", "Nesterov", "Adagrad", "RMSProp", "Adam", "Nadam")
)
momentum = at("refnn.optimizers:Nadam.momentum", checks.lockstep, "Nadam", "update")
products = at("refnn.optimizers:Nadam._products", checks.lockstep, "Nadam", "update")
SLOTS = {"stage": "slots"}
SGDM_M = "self.beta * m + (1 - self.beta) * g"
RMSPROP_V = "self.beta * v + (1 - self.beta) * np.square(g)"
ADAM_M = "self.beta_1 * m + (1 - self.beta_1) * g"
ADAM_V = "self.beta_2 * v + (1 - self.beta_2) * np.square(g)"
ROOT = "(np.sqrt(v) + self.epsilon)"
ADAM_ROOT = "(np.sqrt(v_hat) + self.epsilon)"
LOOK_AHEAD = "(self.beta * m + (1 - self.beta) * g)"
update = at("refnn.optimizers:update", checks.blocks, "", "update")
APPLIED = "optimizer.rule(w, gradient, slots, t, learning_rate)"
WHOLE = f"State(*{APPLIED}, t)"

FAULTS = [
    sgd("sgd: climbs", "w - lr", "w + lr", note="sign slip"),
    sgd("sgd: rate off by 1e-11", "lr * g", "lr * (1 + 1e-11) * g",
        dtypes=F64, why=TOO_SMALL,
        note="DESIGN 5; evidence 1: 1e-12 was caught"),
    sgd("sgd: rate in float32", "lr * g", "float(np.float32(lr)) * g",
        dtypes=F64, why="float32 rounds the rate anyway", note="card 42: Keras moves .10000000149"),
    sgd("sgd: rate as a float64 scalar", "lr * g", "np.float64(lr) * g",
        caught_by=(checks.dtypes, ""), dtypes=F32, why="float64 is float64 already",
        note="turns float32 parameters into float64"),
    sgd("sgd: writes into w", "return w - lr * g, ()",
        "w -= lr * g; return w, ()", caught_by=(checks.purity, ""), stage="rule",
        note="in place: the state before the step is lost"),
    sgdm("sgdm: (1 - beta) missing", SGDM_M, "self.beta * m + g", **SLOTS,
         note="cards 7, 8: pytorch #1099, autograd #289"),
    sgdm("sgdm: beta swapped", SGDM_M, "(1 - self.beta) * m + self.beta * g", **SLOTS,
         note="which one weighs the past?"),
    sgdm("sgdm: plain sum", SGDM_M, "m + g", **SLOTS, note="accumulates instead of averages"),
    sgdm("sgdm: rate inside the memory", SGDM_M,
         "self.beta * m + (1 - self.beta) * lr * g",
         **SLOTS, note="card 7: Keras' form in another form's step"),
    sgdm("sgdm: not damped at first", SGDM_M,
         "self.beta * m + (g if t == 1 else (1 - self.beta) * g)", **SLOTS, note="card 8: torch"),
    sgdm("sgdm: Nesterov", "lr * m,",
         "lr * (self.beta * m + (1 - self.beta) * g),", note="card 9"),
    sgdm("sgdm: moves with the gradient", "lr * m,", "lr * g,",
         note="memory kept and not used"),
    sgdm("sgdm: memory not kept", "lr * m, (m,)", "lr * m, slots", **SLOTS,
         note="the old slots are returned"),
    nesterov("nesterov: plain momentum", LOOK_AHEAD, "m", note="the look-ahead forgotten"),
    nesterov("nesterov: (1 - beta) missing", "        m = self.beta * m + (1 - self.beta) * g",
             "        m = self.beta * m + g", **SLOTS, note="card 9: Keras, PyTorch"),
    nesterov("nesterov: the whole gradient ahead", LOOK_AHEAD, "(self.beta * m + g)",
             note="PyTorch's g + beta m, in a moving average"),
    nesterov("nesterov: looks back", LOOK_AHEAD, "(self.beta * slots[0] + (1 - self.beta) * g)",
             note="the old m: that is plain momentum again"),
    nesterov("nesterov: m not damped ahead", LOOK_AHEAD, "(m + (1 - self.beta) * g)",
             note="beta forgotten once"),
    nesterov("nesterov: remembers the look-ahead", ", (m,)",
             ", (self.beta * m + (1 - self.beta) * g,)", **SLOTS, note="looked ahead again"),
    adagrad("adagrad: square missing", "np.square(g)", "np.abs(g)", **SLOTS, note="listed"),
    adagrad("adagrad: root missing", "np.sqrt(v)", "v", note="textbook slip"),
    adagrad("adagrad: average instead of sum", "v + np.square(g)", "0.9 * v + 0.1 * np.square(g)",
            **SLOTS, note="that is RMSProp"),
    adagrad("adagrad: forgets", "v = v + np.square(g)", "v = np.square(g)", **SLOTS,
            note="= for +="),
    adagrad("adagrad: epsilon inside the root", ROOT, "np.sqrt(v + self.epsilon)",
            note="card 11, Keras 3"),
    adagrad("adagrad: epsilon dropped", " + self.epsilon", "", note="card 11, TF's V1 kernel"),
    adagrad("adagrad: epsilon of 1e-8", "self.epsilon", "1e-8", note="card 2"),
    adagrad("adagrad: v of the step before", ROOT, "(np.sqrt(slots[0]) + self.epsilon)",
            note="update before accumulation"),
    adagrad("adagrad: parentheses missing", ROOT, "np.sqrt(v) + self.epsilon",
            note="evidence 9, d2l: epsilon is added to the weights"),
    rmsprop("rmsprop: (1 - beta) missing", RMSPROP_V, "self.beta * v + np.square(g)", **SLOTS,
            note="listed"),
    rmsprop("rmsprop: beta swapped", RMSPROP_V, "(1 - self.beta) * v + self.beta * np.square(g)",
            **SLOTS, note="which one weighs the past?"),
    rmsprop("rmsprop: square missing", "np.square(g)", "g", **SLOTS,
            note="root of negative numbers"),
    rmsprop("rmsprop: sum instead of average", RMSPROP_V, "v + np.square(g)", **SLOTS,
            note="that is Adagrad"),
    rmsprop("rmsprop: beta of 0.99", RMSPROP_V, "0.99 * v + (1 - 0.99) * np.square(g)", **SLOTS,
            note="card 13, torch's default"),
    rmsprop("rmsprop: root missing", "np.sqrt(v)", "v", note="textbook slip"),
    rmsprop("rmsprop: epsilon inside the root", ROOT, "np.sqrt(v + self.epsilon)",
            note="card 12: pytorch #23796, chainer #4754, jax PR #1427, keras #435"),
    rmsprop("rmsprop: epsilon dropped", " + self.epsilon", "", note="0 / 0 for a dead unit"),
    rmsprop("rmsprop: epsilon of 1e-8", "self.epsilon", "1e-8", note="card 2"),
    rmsprop("rmsprop: v corrected as in Adam", "np.sqrt(v)", "np.sqrt(v / (1 - self.beta**t))",
            note="that is Adam"),
    adam("adam: no bias correction", "m / (1 - self.beta_1**t)", "m", also=(
        ("v / (1 - self.beta_2**t)", "v"),), note="evidence 4; listed"),
    adam("adam: m not corrected", "m / (1 - self.beta_1**t)", "m", note="listed"),
    adam("adam: v not corrected", "v / (1 - self.beta_2**t)", "v", note="listed"),
    adam("adam: correction multiplied", "m / (1 - self.beta_1**t)", "m * (1 - self.beta_1**t)",
         note="listed"),
    adam("adam: t from 0", "self.beta_1**t", "self.beta_1 ** (t - 1)", also=(
        ("self.beta_2**t", "self.beta_2 ** (t - 1)"),), note="card 5: 0 / 0 in the first step"),
    adam("adam: t one ahead", "self.beta_1**t", "self.beta_1 ** (t + 1)", also=(
        ("self.beta_2**t", "self.beta_2 ** (t + 1)"),), note="card 5"),
    adam("adam: beta times t", "self.beta_1**t", "self.beta_1 * t", note="* for **"),
    adam("adam: corrections swapped", "m / (1 - self.beta_1**t)", "m / (1 - self.beta_2**t)",
         note="copied line"),
    adam("adam: correction in float32", "self.beta_2**t", "float(np.float32(self.beta_2)) ** t",
         note="card 4: Keras, 1.3e-5 at t = 1, seen in float32 too"),
    adam("adam: betas in float32", "(1 - self.beta_2) * np",
         "(1 - float(np.float32(self.beta_2))) * np",
         **SLOTS, note="card 4: TF #35938, Optimisers.jl PR #158"),
    adam("adam: epsilon inside the root", ADAM_ROOT, "np.sqrt(v_hat + self.epsilon)",
         note="evidence: invisible at ordinary gradients"),
    adam("adam: epsilon added to v", " + self.epsilon", "", also=(
        ("v / (1 - self.beta_2**t)", "(v + self.epsilon) / (1 - self.beta_2**t)"),),
         note="listed"),
    adam("adam: epsilon hat", ADAM_ROOT,
         "(np.sqrt(v_hat) + self.epsilon / (1 - self.beta_2**t) ** 0.5)",
         note="card 1: TensorFlow's kernel and Keras, 31.6 times at t = 1"),
    adam("adam: epsilon dropped", " + self.epsilon", "", note="0 / 0 for a dead unit"),
    adam("adam: epsilon of 1e-8", "self.epsilon", "1e-8", note="card 2"),
    adam("adam: parentheses missing", ADAM_ROOT, "np.sqrt(v_hat) + self.epsilon",
         note="evidence 9, d2l: epsilon is added to the weights"),
    adam("adam: betas swapped", ADAM_M, "self.beta_2 * m + (1 - self.beta_2) * g", also=(
        (ADAM_V, "self.beta_1 * v + (1 - self.beta_1) * np.square(g)"),), **SLOTS, note="listed"),
    adam("adam: (1 - beta_1) missing", ADAM_M, "self.beta_1 * m + g", **SLOTS, note="listed"),
    adam("adam: (1 - beta_2) missing", ADAM_V, "self.beta_2 * v + np.square(g)", **SLOTS,
         note="listed"),
    adam("adam: square missing", "np.square(g)", "g", **SLOTS, note="listed"),
    adam("adam: square of m", "np.square(g)", "np.square(m)", **SLOTS, note="g or m?"),
    adam("adam: centred square", "np.square(g)", "np.square(g - m)", **SLOTS,
         note="AdaBelief, card 14"),
    adam("adam: root missing", "np.sqrt(v_hat)", "v_hat", note="listed"),
    adam("adam: amsgrad", "v_hat = v /", "v_hat = np.maximum(slots[1], v) /", note="card 6"),
    adam("adam: corrected moments kept", "(m, v)", "(m_hat, v_hat)", **SLOTS,
         note="corrected twice"),
    adam("adam: m and v swapped", "(m, v)", "(v, m)", **SLOTS, note="listed"),
    adam("adam: m of the step before", "m_hat = m /", "m_hat = slots[0] /", note="stale memory"),
    adam("adam: moves with the gradient", "lr * m_hat", "lr * g",
         note="m kept and not used"),
    adam("adam: decays the weights", "return w - lr", "return w * 0.999 - lr",
         note="card 18: decoupled decay"),
    adam("adam: writes into the slots", ADAM_M, "np.multiply(m, self.beta_1, out=m)", also=(
        ("m_hat = m /", "m += (1 - self.beta_1) * g\n        m_hat = m /"),),
        caught_by=(checks.purity, ""), stage="rule", note="in place"),
    nadam("nadam: without look-ahead", "m_hat = ahead + (1 - self.momentum(t)) * g / (1 - "
          "self.product(t))", "m_hat = m / (1 - self.beta_1**t)", note="that is Adam"),
    nadam("nadam: the momentum of this step for both", "self.momentum(t + 1) * m",
          "self.momentum(t) * m", note="off by one"),
    nadam("nadam: t one ahead", "(1 - self.momentum(t)) * g", "(1 - self.momentum(t + 1)) * g",
          note="off by one"),
    nadam("nadam: one product for both", "(1 - self.product(t + 1))", "(1 - self.product(t))",
          note="off by one"),
    nadam("nadam: g not corrected", " * g / (1 - self.product(t))", " * g",
          note="a gradient needs no correction?"),
    nadam("nadam: m not corrected", "* m / (1 - self.product(t + 1))", "* m", note="listed"),
    nadam("nadam: corrected by a power", "(1 - self.product(t + 1))",
          "(1 - self.beta_1 ** (t + 1))", note="Adam's correction; optax has no warm-up"),
    nadam("nadam: g weighed by 1 - beta_1", "(1 - self.momentum(t)) * g",
          "(1 - self.beta_1) * g", note="optax has no warm-up"),
    nadam("nadam: v not corrected", "v / (1 - self.beta_2**t)", "v", note="listed"),
    nadam("nadam: epsilon inside the root", ADAM_ROOT, "np.sqrt(v_hat + self.epsilon)",
          note="where RMSProp of Keras has it"),
    nadam("nadam: epsilon of 1e-8", "self.epsilon", "1e-8", note="card 2, PyTorch"),
    nadam("nadam: square missing", "np.square(g)", "g", **SLOTS, note="listed"),
    nadam("nadam: look-ahead kept", "(m, v)", "(m_hat, v)", **SLOTS, note="looked ahead again"),
    momentum("nadam: exponent t", "self.momentum_decay * t", "t", note="Keras 3"),
    momentum("nadam: half forgotten", "0.5 * decay", "decay", note="starts at 0"),
    momentum("nadam: no warm-up", "(1 - 0.5 * decay)", "1", note="optax"),
    momentum("nadam: decays by 0.95", "0.96 **", "0.95 **", note="a constant from memory"),
    products("nadam: product one behind", "products, t = [1.0], 1", "products, t = [1.0, 1.0], 1",
             note="off by one"),
    products("nadam: product given up early", "2**-60", "2**-6",
             note="what is left seems to be nothing"),
    update("update: every block gets the first block's gradient", "gradient[block]",
           "gradient[: len(w[block])]", stage="slots", note="a slice without its start"),
    update("update: t grows from block to block", "before, t, learning_rate",
           "before, t + start // BLOCK, learning_rate", note="one call, one step"),
    update("update: the last, short block is forgotten", "range(0, w.size, BLOCK)",
           "range(0, w.size - BLOCK, BLOCK)", also=(
               ("np.empty_like(w)", "0 * w"), ("np.empty_like(slot)", "0 * slot")),
           stage="slots", note="whole blocks only"),
    update("update: slots not kept", WHOLE, f"State({APPLIED}[0], slots, t)", stage="slots",
           caught_by=(checks.lockstep, "SGDM"), note="old memory for ever"),
    update("update: slots in reverse", APPLIED, APPLIED.replace("slots", "slots[::-1]"),
           stage="slots", caught_by=(checks.lockstep, "Adam"), note="order of m and v"),
    update("update: theta not kept", WHOLE, f"State(w, {APPLIED}[1], t)",
           caught_by=(checks.lockstep, "SGDM"), note="nothing learned"),
    update("update: updates are not counted", WHOLE, f"State(*{APPLIED}, step)", stage="step",
           caught_by=(checks.states, ""),
           note="Adam's t stays 1, the schedule stands still"),
    update("update: t from 0", APPLIED, APPLIED.replace(" t,", " step,"),
           caught_by=(checks.lockstep, "Adam"), note="card 5"),
]
