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


def test_the_python_examples_print_what_the_readme_says() -> None:
    codes, texts = blocks("python"), blocks("text")
    run = subprocess.run(
        [sys.executable, "-c", "".join(codes)], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == "".join(texts)
    assert len([line for line in codes[0].splitlines() if line.strip()]) <= 18


def test_the_first_example_needs_numpy_alone() -> None:
    code, text = blocks("python")[0], blocks("text")[0]
    allowed = "import sys; [sys.modules.__setitem__(m, None) for m in ('tensorflow', 'keras', "
    allowed += "'matplotlib', 'rich', 'h5py', 'jinja2', 'hypothesis', 'scipy', 'sklearn')]\n"
    run = subprocess.run(
        [sys.executable, "-c", allowed + code], cwd=ROOT, capture_output=True, text=True
    )
    assert (run.returncode, run.stdout) == (0, text), run.stderr


@pytest.mark.parametrize("module", ["tftwin", "examples", "examples.losses"])
def test_version(module: str) -> None:
    import refnn
    import tftwin

    assert refnn.__version__ == tftwin.__version__
    run = subprocess.run(
        [sys.executable, "-m", module, "--version"], cwd=ROOT, capture_output=True, text=True
    )
    assert (run.returncode, run.stdout) == (0, f"refnn {refnn.__version__}\n"), run.stderr


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
