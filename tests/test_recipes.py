"""Each block of the recipes runs, in order, in an empty folder, and prints what stands below it."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "examples" / "recipes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", PAGE, re.S)
MARK = "=" * 20
WITHOUT = "import sys; sys.modules.update(dict.fromkeys(['tensorflow', 'keras', 'rich'], None))\n"


def run(blocks, folder, first=""):
    code = first + f"\nprint('{MARK}')\n".join(code for code, _ in blocks)
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "TF_CPP_MIN_LOG_LEVEL": "3",
             "HOME": str(folder)},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout.split(f"{MARK}\n")


def test_the_recipes_print_what_they_say(tmp_path):
    printed = run(BLOCKS, tmp_path)
    assert len(printed) == len(BLOCKS) == PAGE.count("```python")
    for (code, wanted), said in zip(BLOCKS, printed, strict=True):
        assert said == wanted, code


def test_the_first_recipes_need_numpy_alone(tmp_path):
    until = next(i for i, (code, _) in enumerate(BLOCKS) if "import tensorflow" in code)
    assert until >= 8
    run(BLOCKS[:until], tmp_path, WITHOUT)
