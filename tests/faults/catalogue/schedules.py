"""Faults in refnn/schedules.py."""

from tests.faults import checks
from tests.faults.planting import at

# fmt: off
decay = at(
    "refnn.schedules:ExponentialDecay.__call__", checks.lockstep, "decay", "learning rate"
)
per_epoch = at("refnn.schedules:PerEpoch.__call__", checks.lockstep, "per epoch", "learning rate")
rate = at("refnn.schedules:rate_at", checks.lockstep, "decay", "learning rate")

FAULTS = [
    decay("decay: one step ahead", "self.decay_rate**exponent",
          "self.decay_rate ** (exponent + 1 / self.decay_steps)",
          note="card 39: TF #52529, keras #2808"),
    decay("decay: integer division", "step / self.decay_steps", "step // self.decay_steps",
          note="Python 2"),
    decay("decay: steps ignored", "step / self.decay_steps", "step", note="card 40"),
    decay("decay: linear", "self.decay_rate**exponent", "(1 - (1 - self.decay_rate) * exponent)",
          note="another schedule"),
    decay("decay: in float32", "return self.initial_learning_rate * self.decay_rate**exponent",
          "import numpy as np; return float(np.float32(self.initial_learning_rate)"
          " * np.float32(self.decay_rate) ** np.float32(exponent))", note="card 41, Keras"),
    decay("staircase: rounded to the nearest", "step // self.decay_steps",
          "round(step / self.decay_steps)", caught_by=(checks.lockstep, "staircase"),
          note="round for floor"),
    decay("staircase: ignored", "step // self.decay_steps if self.staircase else ", "",
          caught_by=(checks.lockstep, "staircase"), note="parameter without effect"),
    per_epoch("per epoch: counts updates", "step // self.steps_per_epoch", "step", note="card 40"),
    per_epoch("per epoch: rounded up", "step // self.steps_per_epoch",
              "-(-step // self.steps_per_epoch)", note="epochs begun instead of epochs done"),
    per_epoch("per epoch: one epoch ahead", "step // self.steps_per_epoch",
              "step // self.steps_per_epoch + 1", note="epochs counted from 1"),
    rate("rate: the first step's for ever", "learning_rate(step)", "learning_rate(0)",
         note="a schedule read once"),
    rate("rate: in float32", "return checks.scheduled(rate, step)",
         "import numpy as np; return float(np.float32(rate))",
         note="card 42: Keras' learning rate is a float32 variable"),
]
