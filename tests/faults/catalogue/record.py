"""Faults in refnn/record.py: both sides use it, and so lockstep is blind to most of them."""

from tests.faults import checks
from tests.faults.planting import at

# fmt: off
BLIND = {"blind": (checks.lockstep, "layers")}
values = at("refnn.record:gradient_entries", checks.records, "", "backward")
vectors = at("refnn.record:state_entries", checks.records, "", "slots")

FAULTS = [
    values("record: outputs of the layer before", "found.outputs[1:]", "found.outputs[:-1]",
           stage="forward", **BLIND, note="the tape begins with x"),
    values("record: dy of another layer", "enumerate(found.output_gradients, 1)",
           "enumerate(found.output_gradients[::-1], 1)", **BLIND, note="reversed twice"),
    values("record: dW under another name", "zip(parameters, found.gradients,",
           "zip(parameters, found.gradients[::-1],", stage="gradient", **BLIND,
           note="reversed twice"),
    values("record: the total without the penalty", '"total", found.loss',
           '"total", found.data_loss', stage="loss", **BLIND, note="copied line"),
    values("record: backward in the order of forward", "backward[::-1]", "backward", **BLIND,
           note="the first fault would not come first"),
    values("record: dy without its source", '(f"dy{i + 1}", *of_layer(i + 1))',
           '(f"dy{i + 1}", *of_layer(i))', stage="inputs", **BLIND,
           note="diagnosis would look in the wrong layer"),
    vectors("record: one slot for all", "zip(slot_names, state.slots, strict=True)",
            "((name, state.slots[0]) for name in slot_names)",
            blind=(checks.lockstep, "Adam"),
            note="m shown as v"),
    vectors("record: the last slot is left out", "zip(slot_names, state.slots, strict=True)",
            "zip(slot_names[:-1], state.slots, strict=False)", stage="update",
            blind=(checks.lockstep, "Adam"), note="a list cut short: nothing of v is compared"),
]
