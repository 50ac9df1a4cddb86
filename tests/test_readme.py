"""What the README says is what the code does."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


def blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_python_example_prints_what_the_readme_says() -> None:
    (code,), (printed,) = blocks("python"), blocks("text")
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == printed
    assert len([line for line in code.splitlines() if line.strip()]) <= 22


def test_the_activation_of_the_readme_agrees_with_its_twin() -> None:
    """It is held over wide inputs, where a softplus of another formula was reported as DIVERGED."""
    import tensorflow as tf

    import refnn
    from tftwin.lockstep import resynchronised

    text = (ROOT / "refnn/README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(class Softplus.*?)```", text, re.DOTALL)
    for dtype in (np.float32, np.float64):
        rng = np.random.default_rng(8)
        names: dict[str, Any] = {"np": np, "tf": tf, **vars(refnn)}
        exec(code, names)
        model = refnn.Model(names["network"], refnn.MeanSquaredError(), refnn.SGD(1e-5))
        x = (10 * rng.standard_normal((32, 2))).astype(dtype)
        y = rng.standard_normal((32, 1)).astype(dtype)
        state = model.initial_state(rng, dtype=dtype)
        report = resynchronised(model, state, [(x, y)] * 3, mode="eager")
        assert report.agreed, report.divergences[:1]


def test_the_activation_of_the_readme_agrees_with_tensorflows_kernel() -> None:
    """The kernel is another formula: its bound comes from its own graph."""
    import tensorflow as tf

    import refnn
    import tftwin

    text = (ROOT / "refnn/README.md").read_text(encoding="utf-8")
    code = re.findall(r"```python\n((?:class Softplus|x, own).*?)```", text, re.DOTALL)
    names: dict[str, Any] = {"np": np, "tf": tf, "tftwin": tftwin, **vars(refnn)}
    exec("\n".join(code), names)
    assert str(names["found"]).startswith("Agreed: value and derivative, 2,002 numbers")


@pytest.mark.parametrize(
    "page",
    [p.relative_to(ROOT) for p in (ROOT / "README.md", *ROOT.glob("[!.]*/**/README.md"))],
    ids=str,
)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not (ROOT / page.parent / link).exists()] == []


def test_every_folder_has_a_readme() -> None:
    assert [
        f for f in ("refnn", "tftwin", "tests", "examples") if not (ROOT / f / "README.md").exists()
    ] == []
