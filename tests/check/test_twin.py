"""TensorFlow's number beside a wrong one: it is TensorFlow's, of the same arguments."""

import subprocess
import sys

import numpy as np
import pytest

from tests.check import modules
from tests.check.test_check import ROOT
from tftwin.check import answer, check_module, twin, words
from tftwin.check.judge import evaluated, fits
from tftwin.check.task import Draw, Sizes
from tftwin.check.tasks import TASKS
from tftwin.lockstep.bounds import with_kernel
from tftwin.lockstep.roundoff import exact


def formula(task, given):
    """Return the right function; an activation's y with it, as TensorFlow computes y by itself."""
    if task.group != "activations":
        return task.right, given

    def of_x(x, dy=None, y=None, **options):
        function = with_kernel(task.right.args[0](**options), x.value.dtype.name)
        y = function.forward(x)
        if task.name.endswith("_derivative"):
            dy = exact(np.ones_like(x.value))
        return (y if dy is None else function.backward(dy, x, y),)

    return of_x, given


@pytest.mark.parametrize("name", TASKS)
def test_tensorflow_computes_what_is_asked(name):
    task = TASKS[name]
    for seed in range(4):
        for flavour in task.flavours:
            for dtype in ("float64", "float32"):
                given = task.draw(Draw(Sizes(5, 4, 3, 6), seed, flavour, dtype))
                ours = evaluated(*formula(task, given))
                for theirs, right in zip(twin.results(task, given), ours, strict=True):
                    assert theirs.shape == right.value.shape
                    assert fits(theirs, right).all(), (flavour, dtype)


def test_it_stands_beside_a_wrong_number(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(modules.WRONG, encoding="utf-8")
    (found,) = check_module(str(path), ["tanh_backward"])
    assert found.failure.tensorflow is None  # only where it is asked for
    answer.add_tensorflow(found)
    failure = found.failure
    assert abs(failure.tensorflow - failure.ours) < abs(failure.tensorflow - failure.theirs)
    assert f"TensorFlow has {failure.tensorflow!r}" in "\n".join(words.details(found, None, ""))


def test_check_works_without_tensorflow_and_says_so(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(modules.WRONG, encoding="utf-8")
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from tftwin.__main__ import main\n"
        f"sys.exit(main(['check', {str(path)!r}, '--only', 'tanh_backward']))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 1
    assert "TensorFlow has" not in run.stdout
    assert run.stderr == ""
