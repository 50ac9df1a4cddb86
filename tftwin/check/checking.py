"""A whole module: each function of it that is known by name."""

from collections.abc import Iterator, Sequence

from tftwin.check.answer import EXAMPLES, Answer, check_function
from tftwin.check.layouts import check_layouts
from tftwin.check.process import SECONDS, Process
from tftwin.check.tasks import TASKS


def check_module(
    module: str,
    names: Sequence[str] = (),
    *,
    seed: int = 0,
    examples: int = EXAMPLES,
    seconds: float = SECONDS,
) -> Iterator[Answer]:
    """Yield the answer for each function, in the order of a training step.

    Parameters
    ----------
    module : str
        A Python file, or a dotted name. It is imported and run in a process of its own, and
        nothing else of the person's is.
    names : sequence of str
        The functions to check; all, if none are named.
    seed : int
        From which the inputs are drawn.
    examples : int
        Calls for each kind of numbers and each dtype.
    seconds : float
        The limit of one call.

    Raises
    ------
    ValueError
        If a name is not that of a task, a layout is unknown, or the module has no function of
        these names.
    Failed
        If the module cannot be imported; the text says why.
    """
    if unknown := [name for name in names if name not in TASKS]:
        raise ValueError(f"{unknown[0]!r} is not a function to check; expected {', '.join(TASKS)}")
    with Process(module, seconds) as process:
        check_layouts(process.layouts)
        wanted = [TASKS[name] for name in names] or list(TASKS.values())
        if not any(task.name in process.functions for task in wanted):
            found = ", ".join(sorted(process.functions)[:8]) or "none"
            raise ValueError(
                f"{module}: none of its functions ({found}) has a name that is checked: "
                f"{', '.join(task.name for task in wanted[:4])} …; see check --template FILE"
            )
        for task in wanted:
            yield check_function(process, task, seed, examples)
