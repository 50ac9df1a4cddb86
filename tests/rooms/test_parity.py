"""The mirror: what refnn has, tftwin has under the same name; and who may import whom."""

import ast
import dataclasses
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from tftwin.counterparts import twin

FILES = [
    "activations", "crossentropies", "layers", "losses", "network", "optimizers", "regularizers",
    "schedules", "training",
]  # fmt: skip
DERIVATIVES = {
    "backward",
    "gradient",
    "value_and_gradient",
    "parameter_gradients",
    "input_gradient",
}
ROOT = Path(__file__).parents[2]
REFNN_ALONE = {
    "losses": {"value_and_gradient", "value_of"},  # TensorFlow finds the gradient
    "network": {"Parameter", "multilayer"},  # the twin of a network has its layers
}
TFTWIN_ALONE = {"training": {"differentiate", "as_arrays"}}  # tensors in, NumPy arrays out
METHODS_OF_REFNN_ALONE = {
    "Dense": {"weight", "bias"},  # views into the flat θ
    "Network": {"initial_theta"},
    "Model": {"initial_state", "state_at"},  # the twin is handed its state
}
METHODS_OF_TFTWIN_ALONE = {"Network": {"tensors"}}
SCALARS_OF_T = {"t"}


def modules(name):
    return importlib.import_module(f"refnn.{name}"), importlib.import_module(f"tftwin.{name}")


def public(module, kind):
    return {
        name: value
        for name, value in vars(module).items()
        if kind(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }


def everything_public(module):
    return set(public(module, inspect.isclass)) | set(public(module, inspect.isfunction))


def is_protocol(c):
    return getattr(c, "_is_protocol", False)


def public_methods(c):
    return {n: v for n, v in vars(c).items() if inspect.isfunction(v) and not n.startswith("_")}


def parameters(function):
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("name", FILES)
def test_the_same_public_names(name):
    """But for those that the lists above name; and what they name stands alone indeed."""
    ours, theirs = map(everything_public, modules(name))
    assert ours - theirs == REFNN_ALONE.get(name, set())
    assert theirs - ours == TFTWIN_ALONE.get(name, set())
    assert ours & theirs


def shared_classes():
    for name in FILES:
        ours, theirs = modules(name)
        for class_name, one in public(ours, inspect.isclass).items():
            if class_name in vars(theirs):
                yield pytest.param(one, getattr(theirs, class_name), id=f"{name}.{class_name}")


def field(f):
    default = f.default if f.default is dataclasses.MISSING else twin(f.default)
    return f.name, default, f.default_factory


@pytest.mark.parametrize(("one", "other"), list(shared_classes()))
def test_the_same_fields_defaults_and_methods(one, other):
    assert is_protocol(one) == is_protocol(other)
    if dataclasses.is_dataclass(one):
        assert dataclasses.is_dataclass(other)
        mine, its = ([field(f) for f in dataclasses.fields(c)] for c in (one, other))
        assert mine == its
        assert one.__dataclass_params__.frozen
        assert other.__dataclass_params__.frozen
        assert getattr(one, "slot_names", None) == getattr(other, "slot_names", None)
    ours, theirs = public_methods(one), public_methods(other)
    alone = METHODS_OF_REFNN_ALONE.get(one.__name__, set())
    assert set(ours) - set(theirs) - DERIVATIVES == alone
    alone = METHODS_OF_TFTWIN_ALONE.get(one.__name__, set())
    rules = {"corrections"} if hasattr(one, "slot_names") else set()
    assert set(theirs) - set(ours) == alone | rules
    assert not set(theirs) & DERIVATIVES
    for name in set(ours) & set(theirs):
        mine, its = parameters(ours[name]), parameters(theirs[name])
        if name == "rule":  # takes the scalars that depend on t in the place of t
            mine = [p for p in mine if p[0] not in SCALARS_OF_T]
            assert its[: len(mine)] == mine
            assert all(p[0].endswith(("_correction", "_factor")) for p in its[len(mine) :])
        else:
            assert mine == its, name


@pytest.mark.parametrize("name", FILES)
def test_functions_take_the_same_parameters(name):
    ours, theirs = modules(name)
    for function, one in public(ours, inspect.isfunction).items():
        if function in vars(theirs):
            assert parameters(one) == parameters(getattr(theirs, function)), function


@pytest.mark.parametrize("name", FILES)
def test_the_twin_has_no_derivative_by_hand(name):
    tree = ast.parse((ROOT / "tftwin" / f"{name}.py").read_text(encoding="utf-8"))
    defined = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    assert defined
    assert not defined & DERIVATIVES
    assert not any("grad" in n and n != "gradients" for n in defined)
    called = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    assert not called & {"custom_gradient", "raw_ops", "stop_gradient"}


def test_the_arrows_between_the_packages():
    """The contracts of pyproject.toml, held by import-linter."""
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert " 0 broken" in run.stdout
    kept = int(run.stdout.split("Contracts:")[1].split()[0])
    assert kept >= 3
