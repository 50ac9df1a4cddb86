"""Mistakes that are one change of refnn's own code: a text, and what stands there instead.

So a card cannot drift from the formula that it gets wrong: where the text is gone, importing this
file fails. The rest of the catalogue's functions are written out.
"""

import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from refnn import activations, losses, optimizers
from refnn.layers import Dense
from refnn.schedules import ExponentialDecay
from tftwin.cards.card import Card
from tftwin.cards.makers import (
    adagrad,
    adam,
    cce,
    cce_back,
    decay,
    dense,
    dense_back,
    dropout,
    elu,
    elu_back,
    fused,
    leaky,
    leaky_back,
    momentum,
    mse,
    nadam,
    nesterov,
    rmsprop,
    selu,
    selu_back,
    sgd,
    sigmoid,
    softmax,
    softmax_back,
    softplus,
)
from tftwin.lockstep.roundoff import Rounded

Change = tuple[str, str]


def changed(function: Callable[..., Any], *changes: Change) -> Callable[..., Any]:
    """Return a function of refnn with texts replaced; each must stand in it exactly once."""
    source = inspect.getsource(function)
    for old, new in changes:
        if source.count(old) != 1:
            raise ValueError(f"{function.__qualname__}: {old!r} stands {source.count(old)} times")
        source = source.replace(old, new)
    place: dict[str, Any] = {}
    text = f"from __future__ import annotations\n{textwrap.dedent(source)}"
    code = compile(text, "<a slip>", "exec")
    exec(code, function.__globals__, place)
    found: Callable[..., Any] = place[function.__name__]
    return found


def _forward(kind: Any, *changes: Change) -> Callable[..., Any]:
    forward = changed(kind.forward, *changes)
    return lambda x, **options: (forward(kind(**options), x),)


def _backward(kind: Any, *changes: Change) -> Callable[..., Any]:
    backward = changed(kind.backward, *changes)
    return lambda dy, x, y, **options: (backward(kind(**options), dy, x, y),)


def _value(kind: Any, *changes: Change) -> Callable[..., Any]:
    """The loss, of one that computes both together or each by itself."""
    if "value_and_gradient" in vars(kind):
        both = changed(kind.value_and_gradient, *changes)
        return lambda y_true, **y: (both(kind(), y_true, *y.values())[0],)
    rows = changed(kind.per_sample, *changes)
    return lambda y_true, **y: (rows(kind(), y_true, *y.values()).sum() / len(y_true),)


def _gradient(kind: Any, *changes: Change) -> Callable[..., Any]:
    if "value_and_gradient" in vars(kind):
        both = changed(kind.value_and_gradient, *changes)
        return lambda y_true, **y: (both(kind(), y_true, *y.values())[1],)
    gradient = changed(kind.gradient, *changes)
    return lambda y_true, **y: (gradient(kind(), y_true, *y.values()),)


def _rule(kind: Any, *changes: Change) -> Callable[..., Any]:
    rule = changed(kind.rule, *changes)

    def function(w: Any, g: Any, learning_rate: float, t: int = 1, **given: Any) -> Any:
        slots = tuple(given.pop(name) for name in kind.slot_names)
        after, kept = rule(kind(learning_rate, **given), w, g, slots, t, learning_rate)
        return after, *kept

    return function


def _decay(*changes: Change) -> Callable[..., Any]:
    """As the right one, with the bound of a power: e ln r roundings of the exponent e."""
    call = changed(ExponentialDecay.__call__, *changes)

    def function(step: int, **options: Any) -> Any:
        schedule = ExponentialDecay(**options)
        rate, u = np.float64(call(schedule, step)), 2.0**-53
        roundings = 8 + 4 * (step + 1) * abs(np.log(schedule.decay_rate))
        return (Rounded(rate, abs(rate) * u * roundings, u),)

    return function


def _dense(*changes: Change) -> Callable[..., Any]:
    gradients = changed(Dense.parameter_gradients, *changes)

    def function(dy: Any, x: Any, W: Any) -> Any:
        layer = Dense(*W.shape)
        return layer.input_gradient(W.reshape(-1), x, dy, dy), *gradients(layer, x, dy)

    return function


def _dense_forward(x: Any, W: Any, b: Any) -> Any:
    return (x @ W + b * 2,)


def _dropout_twice(x: Any, kept: Any, rate: float) -> Any:
    return (x * (kept * (1 / (1 - rate))) * (1 / (1 - rate)),)


def _dropout_first_row(x: Any, kept: Any, rate: float) -> Any:
    return (x * (kept * (1 / (1 - rate)))[:1],)


def _dropout_rows(x: Any, kept: Any, rate: float) -> Any:
    return (x * (kept * (1 / (1 - rate)))[:, :1],)


ABS = ("what becomes of e^(−x) for x = −1000?", "|x| keeps the exponential at most 1.")
KEPT = ("what does the step remember?", "The memory is m and v, before any correction.")
ROOT = ("where do the parentheses stand?", "√v + ε as a whole is the denominator.")
EPSILON = ("which ε was given?", "ε is an argument.")
START = ("by what is each average divided?", "A mean that started at 0 is divided by 1 − βᵗ.")
SHARE = ("do the two weights sum to 1?", "β and 1 − β.")
SQUARE = ("of what is v the average?", "v is the average of g².")
AXIS = ("over which axis is the sum?", "A row is a sample: softmax sums over its classes.")
SHIFT: Any = {"kind": "form", "who": "many"}
A, L, O = activations, losses, optimizers  # noqa: E741
SUM = "(axis=-1, keepdims=True)"

CARDS: list[Card] = [
    sigmoid("sigmoid-absolute-missing", _forward(A.Sigmoid, ("-np.abs(x)", "-x")),
            "the stable form without |x|: σ(|x|)",
            "Below 0 the exponential is e^(−x), and the result σ(−x).", *ABS),
    leaky("leaky-slope-fixed", _forward(A.LeakyRelu, ("self.alpha * x", "0.2 * x")), "α = 0.2",
          "The slope is fixed, whatever α is given.", "does the result change with α?",
          "α is an argument."),
    leaky_back("leaky-back-float32", _backward(
        A.LeakyRelu, ("self.alpha * dy", "float(np.float32(self.alpha)) * dy")),
        "float32(α) dy", "α is rounded to float32, for float64 arrays too.",
        "how many digits has α?", "0.2 in float32 is 0.200000003.", kind="convention",
        who="tf.nn.leaky_relu"),
    leaky_back("leaky-back-wrong-side", _backward(
        A.LeakyRelu, ("dy, self.alpha * dy", "self.alpha * dy, dy")), "α dy above 0",
        "The slope stands on the wrong side.", "what is the slope at x = 1?",
        "Above 0 the slope is 1."),
    elu("elu-wrong-side", _forward(A.Elu, ("x > 0", "x < 0")), "x where x < 0",
        "The sides are exchanged.", "what is elu(1)?", "Above 0 the output is x."),
    elu_back("elu-derivative-of-x", _backward(A.Elu, ("y + self.alpha", "x + self.alpha")),
             "dy (x + α) below 0", "The formula is for y, not for x.", "of which number is it?",
             "α eˣ = y + α."),
    elu_back("elu-dy-ignored-below", _backward(
        A.Elu, ("dy * (y + self.alpha)", "y + self.alpha")), "y + α below 0",
        "The upstream gradient dy is missing below 0.", "does the result change when dy changes?",
        "The chain rule multiplies by dy everywhere."),
    selu("selu-identity-above", _forward(A.Selu, ("self.scale * x", "x")), "x above 0",
         "λ is missing above 0.", "what is the slope above 0?", "Above 0 it is λ."),
    selu_back("selu-back-scale-below", _backward(
        A.Selu, ("y + self.scale_alpha", "y + self.scale")), "dy (y + λ) below 0",
        "λ stands for λ α.", "what is added to y?", "λ α eˣ = y + λ α."),
    softplus("softplus-absolute-missing", _forward(A.Softplus, ("-np.abs(x)", "-x")),
             "the stable form without |x|", "Below 0 the exponential is e^(−x).", *ABS),
    softmax("softmax-shifted-by-column", _forward(A.Softmax, ("x.max(axis=-1", "x.max(axis=0")),
            "shifted by the column's maximum",
            "Each class is shifted by another number: that changes softmax.",
            "are all logits of a row shifted by the same number?",
            "Softmax stays the same under a shift of the whole row: take the row's maximum."),
    softmax("softmax-shifted-by-batch", _forward(
        A.Softmax, ("x.max(axis=-1, keepdims=True)", "x.max()")), "shifted by the batch's maximum",
        "The same values, until a row underflows.", "which maximum keeps a row from overflow?",
        "The row's own.", **SHIFT),
    softmax("softmax-sum-over-batch", _forward(A.Softmax, ("e.sum(axis=-1", "e.sum(axis=0")),
            "e / Σ e over the batch", "The sum goes over the batch.", *AXIS),
    softmax("softmax-epsilon", _forward(
        A.Softmax, (f"return e / e.sum{SUM}", f"return e / (e.sum{SUM} + 1e-12)")),
        "e / (Σ e + 1e-12)", "An ε that nothing needs: the sum is at least 1.",
        "can Σ e be 0 after the shift?", "The largest term is e⁰ = 1."),
    softmax_back("softmax-sum-missing", _backward(
        A.Softmax, (f"(dy - (dy * y).sum{SUM}) * y", "dy * y")), "dy ⊙ y", "The sum is missing.",
        "does y₁ change when x₂ changes?", "All outputs of a row share its sum."),
    softmax_back("softmax-sign", _backward(A.Softmax, ("dy - (dy * y)", "dy + (dy * y)")),
                 "y ⊙ (dy + Σ dy ⊙ y)", "The sign of the sum is wrong.",
                 "what is the sum of dx over a row?", "It is 0: softmax keeps Σ y = 1."),
    dense("dense-bias-twice", _dense_forward, "x W + 2 b", "The bias is added twice.",
          "what is y for x = 0?", "It is b."),
    dense_back("dense-biases-over-outputs", _dense(("dy.sum(axis=0)", "dy.sum(axis=1)")),
               "db = Σ dy over the units", "The sum goes over the units, not over the batch.",
               "which shape has db?", "Each unit has one bias, which serves every sample."),
    dense_back("dense-biases-over-everything", _dense(
        ("dy.sum(axis=0)", "dy.sum() + 0 * dy[0]")), "db = Σ dy over everything",
        "Every bias gets the sum of all.", "does db differ from unit to unit?",
        "Each unit sums its own column."),
    dropout("dropout-scaled-twice", _dropout_twice, "x ⊙ kept / (1 − rate)²",
            "It is scaled twice.", "is the mean of the output that of the input?",
            "1 / (1 − rate) once."),
    dropout("dropout-first-row", _dropout_first_row, "x ⊙ kept[0] / (1 − rate)",
            "Every row has the first row's mask.", "is each sample dropped by itself?",
            "Each number is drawn by itself."),
    dropout("dropout-whole-rows", _dropout_rows, "x ⊙ kept[:, 0] / (1 − rate)",
            "Whole rows are dropped.", "is each unit dropped by itself?",
            "Each number is drawn by itself."),
    mse("mse-without-last-row", _value(
        L.MeanSquaredError,
        ("np.square(d).sum() / d.size", "np.square(d[: max(1, len(d) - 1)]).mean()")),
        "the mean without the last row", "The last row is left out.", "how many rows are there?",
        "A slice [: −1] ends before the last."),
    cce("cce-clip-8", _value(
        L.CategoricalCrossentropy, ("np.clip(q, CLIP, 1 - CLIP)", "np.clip(q, 1e-8, 1 - 1e-8)")),
        "clip(q, 1e-8, 1 − 1e-8)", "Clipped at 1e-8; Keras and refnn have 1e-7.",
        "what is the loss where p = 0?", "−ln 1e-7 = 16.1.", kind="convention",
        who="from-scratch code"),
    cce("cce-clip-below", _value(
        L.CategoricalCrossentropy, ("np.clip(q, CLIP, 1 - CLIP)", "np.clip(q, CLIP, 1.0)")),
        "clip(q, 1e-7, 1)", "Clipped below alone: for p = 1 the loss is 0, not 1e-7.",
        "what is the loss where p = 1?", "−ln(1 − 1e-7).", kind="convention", who="many"),
    cce("cce-normalised-over-batch", _value(
        L.CategoricalCrossentropy, ("y_pred.sum(axis=-1", "y_pred.sum(axis=0")),
        "p / Σ p over the batch", "The probabilities are divided by the column's sum.", *AXIS),
    cce_back("cce-gradient-through-clip", _gradient(
        L.CategoricalCrossentropy, ("np.where((q >= CLIP) & (q <= 1 - CLIP), dc, 0)", "dc")),
        "not 0 where clipped", "Where q is clipped, c does not move: the derivative is 0.",
        "what is the slope of a clip beyond its end?", "A clipped number is a constant."),
    cce_back("cce-gradient-not-renormalised", _gradient(
        L.CategoricalCrossentropy, (f" + (dq * (-q / s)).sum{SUM}", "")),
        "−y / (c N)", "It does not go through p / Σ p: 1/N is missing in each class.",
        "what does the loss do when all p of a row double?", "Nothing: p is divided by its sum."),
    fused("fused-epsilon", _value(L.SoftmaxCrossentropy, ("np.log(s)", "np.log(s + 1e-12)")),
          "ln(Σ e + 1e-12)", "An ε that nothing needs: the sum is at least 1.",
          "can Σ e be 0 after the shift?", "The largest term is e⁰ = 1."),
    decay("decay-one-ahead", _decay(
        ("self.decay_rate**exponent", "self.decay_rate ** (exponent + 1 / self.decay_steps)")),
        "lr₀ r^((step + 1) / s)", "One step ahead.", "what is the rate of the first step?",
        "step is 0 at the first update."),
    decay("decay-linear", _decay(
        ("self.decay_rate**exponent", "(1 - (1 - self.decay_rate) * exponent)")),
        "lr₀ (1 − (1 − r) step / s)", "A straight line: it becomes negative.",
        "what is the rate after many steps?", "A power never becomes 0."),
    decay("decay-without-steps", _decay(("step / self.decay_steps", "step")), "lr₀ r^step",
          "decay_steps is ignored without staircase.", "after how many steps has it fallen by r?",
          "After decay_steps."),
    sgd("sgd-rate-float32", _rule(O.SGD, ("lr * g", "float(np.float32(lr)) * g")),
        "float32(lr) g", "The rate is rounded to float32, for float64 weights too.",
        "how many digits has the rate?", "0.1 in float32 is 0.100000001.", kind="convention",
        who="Keras 3, whose rate is a float32 variable"),
    momentum("momentum-sum", _rule(
        O.SGDM, ("self.beta * m + (1 - self.beta) * g", "m + g")), "m = m + g",
        "Nothing is forgotten: the sum of all gradients.", *SHARE),
    momentum("momentum-rate-in-memory", _rule(
        O.SGDM, ("(1 - self.beta) * g", "(1 - self.beta) * lr * g")),
        "m = β m + (1 − β) lr g; w − lr m", "The rate acts twice.", "how often does lr stand?",
        "Once: inside the memory or in front of it."),
    momentum("momentum-nesterov", _rule(
        O.SGDM, ("lr * m,", "lr * (self.beta * m + (1 - self.beta) * g),")),
        "w − lr (β m + (1 − β) g)", "This is Nesterov's: it looks ahead.",
        "which m makes the move?", "The m that was just made."),
    nesterov("nesterov-memory-whole", _rule(
        O.Nesterov, ("        m = self.beta * m + (1 - self.beta) * g",
                     "        m = self.beta * m + g")),
        "m = β m + g; w − lr (β m + (1 − β) g)", "1 − β is missing in the memory.", *SHARE),
    nesterov("nesterov-not-damped", _rule(
        O.Nesterov, ("(self.beta * m + (1 - self.beta) * g)", "(m + (1 - self.beta) * g)")),
        "w − lr (m + (1 − β) g)", "β is missing ahead.", *SHARE),
    nesterov("nesterov-memory-ahead", _rule(
        O.Nesterov, (", (m,)", ", (self.beta * m + (1 - self.beta) * g,)")),
        "m = the look-ahead", "The look-ahead is remembered.", *KEPT),
    adagrad("adagrad-average", _rule(
        O.Adagrad, ("v + np.square(g)", "0.9 * v + 0.1 * np.square(g)")), "v = 0.9 v + 0.1 g²",
        "This is RMSProp.", "does v ever fall?", "Adagrad sums, and never forgets."),
    *(make(f"{name}-epsilon-missing", _rule(kind, (" + self.epsilon", "")), "√v, without ε",
           "ε is missing: 0 / 0 where the gradient was always 0.", "what if v = 0?",
           "ε keeps the division away from 0.")
      for make, name, kind in ((adagrad, "adagrad", O.Adagrad), (rmsprop, "rmsprop", O.RMSProp),
                               (adam, "adam", O.Adam), (nadam, "nadam", O.Nadam))),
    *(make(f"{name}-epsilon-fixed", _rule(kind, ("self.epsilon", "1e-8")), "ε = 1e-8",
           "ε is fixed at 1e-8, whatever is given.", *EPSILON)
      for make, name, kind in ((adagrad, "adagrad", O.Adagrad), (rmsprop, "rmsprop", O.RMSProp),
                               (adam, "adam", O.Adam), (nadam, "nadam", O.Nadam))),
    adagrad("adagrad-parentheses", _rule(
        O.Adagrad, ("(np.sqrt(v) + self.epsilon)", "np.sqrt(v) + self.epsilon")),
        "lr g / √v + ε", "The parentheses are missing: ε is added to the move.", *ROOT),
    adam("adam-parentheses", _rule(
        O.Adam, ("(np.sqrt(v_hat) + self.epsilon)", "np.sqrt(v_hat) + self.epsilon")),
        "lr m̂ / √v̂ + ε", "The parentheses are missing: ε is added to the move.", *ROOT),
    *(make(f"{name}-not-squared", _rule(kind, ("np.square(g)", "g")), "v = β v + (1 − β) g",
           "The square is missing.", *SQUARE)
      for make, name, kind in ((rmsprop, "rmsprop", O.RMSProp), (adam, "adam", O.Adam),
                               (nadam, "nadam", O.Nadam))),
    rmsprop("rmsprop-sum", _rule(
        O.RMSProp, ("self.beta * v + (1 - self.beta) * np.square(g)", "v + np.square(g)")),
        "v = v + g²", "This is Adagrad: nothing is forgotten.", *SHARE),
    rmsprop("rmsprop-beta-fixed", _rule(
        O.RMSProp, ("self.beta * v + (1 - self.beta) *", "0.99 * v + (1 - 0.99) *")),
        "β = 0.99", "β is fixed at 0.99, whatever is given.", "which β was given?",
        "β is an argument."),
    rmsprop("rmsprop-corrected", _rule(
        O.RMSProp, ("np.sqrt(v)", "np.sqrt(v / (1 - self.beta**t))")), "v / (1 − βᵗ)",
        "v is corrected as in Adam.", "is there a t in RMSProp?", "RMSProp has no correction."),
    adam("adam-correction-times", _rule(
        O.Adam, ("m / (1 - self.beta_1**t)", "m * (1 - self.beta_1**t)")), "m (1 − β₁ᵗ)",
        "Multiplied by the correction, not divided.", *START),
    adam("adam-beta-times-t", _rule(O.Adam, ("self.beta_1**t", "self.beta_1 * t")),
         "m / (1 − β₁ t)", "β₁ t stands for β₁ᵗ.", "is it a product or a power?",
         "What is left of the start after t steps is βᵗ."),
    adam("adam-m-corrected-by-beta-2", _rule(
        O.Adam, ("m / (1 - self.beta_1**t)", "m / (1 - self.beta_2**t)")), "m / (1 − β₂ᵗ)",
        "m is corrected by β₂.", *START),
    adam("adam-correction-float32", _rule(
        O.Adam, ("self.beta_2**t", "float(np.float32(self.beta_2)) ** t")), "float32(β₂)ᵗ",
        "β₂ is rounded to float32 in the correction.", "how many digits has β₂?",
        "0.999 in float32 is 0.99900001."),
    adam("adam-share-float32", _rule(
        O.Adam, ("(1 - self.beta_2) * np", "(1 - float(np.float32(self.beta_2))) * np")),
        "1 − float32(β₂)", "β₂ is rounded to float32 in front of g².", "how many digits has β₂?",
        "0.999 in float32 is 0.99900001."),
    adam("adam-epsilon-in-v", _rule(
        O.Adam, (" + self.epsilon", ""),
        ("v / (1 - self.beta_2**t)", "(v + self.epsilon) / (1 - self.beta_2**t)")),
        "√((v + ε) / (1 − β₂ᵗ))", "ε is added to v, before the correction and the root.",
        "where does ε stand?", "ε is added to the root of v̂."),
    adam("adam-betas-exchanged", _rule(
        O.Adam,
        ("self.beta_1 * m + (1 - self.beta_1) * g", "self.beta_2 * m + (1 - self.beta_2) * g"),
        ("self.beta_2 * v + (1 - self.beta_2) * np.square(g)",
         "self.beta_1 * v + (1 - self.beta_1) * np.square(g)")),
        "m with β₂, v with β₁, corrected with β₁, β₂", "The averages have each other's β.",
        "which average is the longer one?", "v, with β₂ = 0.999."),
    adam("adam-m-share-missing", _rule(
        O.Adam, ("self.beta_1 * m + (1 - self.beta_1) * g", "self.beta_1 * m + g")),
        "m = β₁ m + g", "1 − β₁ is missing.", *SHARE),
    adam("adam-v-share-missing", _rule(
        O.Adam, ("(1 - self.beta_2) * np.square(g)", "np.square(g)")), "v = β₂ v + g²",
        "1 − β₂ is missing.", *SHARE),
    adam("adam-square-of-m", _rule(O.Adam, ("np.square(g)", "np.square(m)")),
         "v = β₂ v + (1 − β₂) m²", "The square is that of m.", *SQUARE),
    adam("adam-centred", _rule(O.Adam, ("np.square(g)", "np.square(g - m)")),
         "v = β₂ v + (1 − β₂) (g − m)²", "The mean is subtracted first: this is AdaBelief.",
         *SQUARE),
    adam("adam-amsgrad", _rule(O.Adam, ("v_hat = v /", "v_hat = np.maximum(slots[1], v) /")),
         "v̂ of max(v, v before)", "The larger v is used: this is AMSGrad's idea.",
         "can v̂ fall?", "In Adam it can.", kind="convention", who="AMSGrad"),
    adam("adam-corrected-kept", _rule(O.Adam, ("(m, v)", "(m_hat, v_hat)")), "m = m̂; v = v̂",
         "The corrected averages are kept.", *KEPT),
    adam("adam-memory-swapped", _rule(O.Adam, ("(m, v)", "(v, m)")), "m = v; v = m",
         "m and v are returned in the wrong order.", *KEPT),
    adam("adam-old-m", _rule(O.Adam, ("m_hat = m /", "m_hat = slots[0] /")), "m̂ of the old m",
         "The weights move by the m of the step before.", "which m makes the move?",
         "The m that was just made."),
    adam("adam-moves-by-g", _rule(O.Adam, ("lr * m_hat", "lr * g")), "w − lr g / (√v̂ + ε)",
         "The weights move by the gradient: this is RMSProp with a correction.",
         "where is m used?", "m̂ makes the move."),
    adam("adam-decays-weights", _rule(O.Adam, ("return w - lr", "return w * 0.999 - lr")),
         "0.999 w − …", "The weights are decayed: this is AdamW's, with lr λ = 0.001.",
         "do the weights shrink where g = 0?", "Adam leaves them."),
    nadam("nadam-momentum-of-next", _rule(
        O.Nadam, ("(1 - self.momentum(t)) * g", "(1 - self.momentum(t + 1)) * g")),
        "(1 − μₜ₊₁) g", "g has the momentum of the next step.", *START),
    nadam("nadam-m-uncorrected", _rule(O.Nadam, ("* m / (1 - self.product(t + 1))", "* m")),
          "μₜ₊₁ m", "m's term is not corrected for the start.", *START),
    nadam("nadam-power", _rule(
        O.Nadam, ("(1 - self.product(t + 1))", "(1 - self.beta_1 ** (t + 1))")),
        "1 − β₁ᵗ⁺¹", "A power of β₁ stands for the product of the μ.", *START),
    nadam("nadam-share-constant", _rule(
        O.Nadam, ("(1 - self.momentum(t)) * g", "(1 - self.beta_1) * g")), "(1 − β₁) g",
        "g has 1 − β₁, not 1 − μₜ.", *SHARE),
    nadam("nadam-v-uncorrected", _rule(O.Nadam, ("v / (1 - self.beta_2**t)", "v")), "v̂ = v",
          "v is not corrected for the start.", *START),
    nadam("nadam-epsilon-inside", _rule(
        O.Nadam, ("(np.sqrt(v_hat) + self.epsilon)", "np.sqrt(v_hat + self.epsilon)")),
        "√(v̂ + ε)", "ε stands inside the root.", "where does ε stand?",
        "ε is added to the root."),
    nadam("nadam-ahead-kept", _rule(O.Nadam, ("(m, v)", "(m_hat, v)")), "m = m̂",
          "The look-ahead is remembered.", *KEPT),
]  # fmt: skip
