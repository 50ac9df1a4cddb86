"""Stubs of all functions that can be checked, with docstrings."""

from collections.abc import Iterable

from tftwin.check.task import Task
from tftwin.check.tasks import TASKS

HEAD = '''"""Fill in what you want to check, and delete the rest.

    python -m tftwin check {file}

A function may take fewer arguments than here: it is given those that it names. Arrays are float32
or float64; a result keeps the dtype. N, D, M, C are the rows, the inputs, the units, the classes.

Other layouts are declared, one line each:

    WEIGHTS = "outputs_inputs"    # W is (outputs, inputs)
    SAMPLES = "columns"           # a batch has one sample in each column
    STATE = "dict"                # an optimizer's m and v come and go as one dict, state
"""

import numpy as np
'''


def stub(task: Task) -> str:
    """Return one function that raises NotImplementedError."""
    arguments = [f"    {a.name}: {a.shape}, {a.meaning}" for a in task.arguments]
    results = [f"    {r.name}: {r.shape}, {r.meaning}" for r in task.results]
    signature = ", ".join(a.name for a in task.arguments)
    lines = [
        f"def {task.name}({signature}):",
        f'    """Return {", ".join(r.name for r in task.results)}.',
        "",
        "    Given",
        *arguments,
        "    Asked",
        *results,
        '    """',
        "    raise NotImplementedError",
    ]
    return "\n".join(lines)


def template(file: str = "mymodule.py", tasks: Iterable[Task] = tuple(TASKS.values())) -> str:
    """Return the text of a module of stubs."""
    return "\n\n\n".join([HEAD.format(file=file).strip(), *map(stub, tasks)]) + "\n"
