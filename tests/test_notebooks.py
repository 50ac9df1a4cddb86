"""The chapters as notebooks, and the reference of all names: made here, and not kept."""

import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

from examples.__main__ import CHAPTERS

ROOT = Path(__file__).parents[1]


@pytest.fixture
def converted(tmp_path):
    pytest.importorskip("jupytext", reason="no jupytext: pip install -e '.[notebook]'")
    from examples import notebooks

    return lambda name: json.loads(notebooks.notebook(name, quick=True, execute=False))


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_notebook_has_the_script_cell_by_cell(name, converted):
    found = converted(name)
    text = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8")
    kinds = [cell["cell_type"] for cell in found["cells"]]
    assert kinds[:2] == ["markdown", "code"]
    sources = ["".join(cell["source"]) for cell in found["cells"]]
    assert sources[0].startswith("# Chapter ")
    assert "'--quick'" in sources[1]
    assert len(found["cells"]) >= text.count("\n# %%") + 2
    code = "\n".join(s for s, kind in zip(sources, kinds, strict=True) if kind == "code")
    compile(code, name, "exec")
    for line in text.partition("\n# %%")[2].splitlines()[1:]:
        if line.strip() and not line.startswith("# %%"):
            assert line.strip() in code, line


def test_a_notebook_runs(tmp_path):
    pytest.importorskip("nbclient", reason="no nbclient: pip install -e '.[notebook]'")
    command = ["-m", "examples.notebooks", str(tmp_path), "--only", "complexity", "--quick",
               "--execute"]  # fmt: skip
    run = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    found = json.loads((tmp_path / "complexity.ipynb").read_text(encoding="utf-8"))
    outputs = [o for cell in found["cells"] for o in cell.get("outputs", [])]
    assert not [o for o in outputs if o["output_type"] == "error"]
    assert any("image/png" in o.get("data", {}) for o in outputs)


def test_the_reference_of_all_names_needs_no_network(tmp_path):
    pytest.importorskip("pdoc", reason="no pdoc: pip install -e '.[docs]'")
    packages = [ROOT / name for name in ("refnn", "tftwin")]
    rooms = [
        f"{package.name}.{module.name}"
        for package in packages
        for module in pkgutil.walk_packages([str(package)])
        if module.name != "__main__"
    ]
    command = [sys.executable, "-m", "pdoc", "--docformat", "numpy", "-o", str(tmp_path)]
    run = subprocess.run(
        [*command, "refnn", "tftwin", *rooms], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=.https?://", text), (
            page
        )
    text = (tmp_path / "refnn" / "training.html").read_text(encoding="utf-8")
    assert "backpropagate" in text
