"""The functions that can be checked, in the order of a training step."""

from tftwin.check.task import Task
from tftwin.check.tasks import activations, dense, losses, rules, steps

TASKS: dict[str, Task] = {
    task.name: task for file in (activations, dense, losses, rules, steps) for task in file.TASKS
}
