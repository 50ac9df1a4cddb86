"""The process that imports a person's module and calls its functions.

It imports nothing but the named module and NumPy. What the module prints goes to a file, so that it
cannot be mistaken for an answer; the command counts it.
"""

import importlib
import importlib.util
import inspect
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

from tftwin.check.messages import receive, send

MEMORY = 4 * 2**30
"""Bytes of address space that the process may use, NumPy's own included."""


def main(module: str) -> None:
    """Answer calls until the stream ends."""
    answers, calls = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(0), "rb")
    with tempfile.TemporaryFile() as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        limit_memory()
        try:
            functions = public_functions(load(module))
        except BaseException as error:
            send(answers, {"failed": said(error)}, [])
            return
        header = {"functions": functions, "printed": size_of(printed)}
        loaded = sys.modules["the_module_under_check"]
        header["layouts"] = {
            name: value
            for name in ("WEIGHTS", "SAMPLES", "STATE")
            if isinstance(value := getattr(loaded, name, None), str)
        }
        send(answers, header, [])
        while (message := receive(calls)) is not None:
            header, arrays = call(loaded, *message)
            send(answers, header | {"printed": size_of(printed)}, arrays)


def limit_memory() -> None:
    """Refuse memory beyond the limit, where the system can."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def load(name: str) -> ModuleType:
    """Import a module by its file or by its dotted name."""
    path = Path(name)
    if path.suffix == ".py":
        sys.path.insert(0, str(path.parent.absolute()))  # it may import its neighbours
        spec = importlib.util.spec_from_file_location("the_module_under_check", path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{name} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules["the_module_under_check"] = module
        spec.loader.exec_module(module)
        return module
    sys.path.insert(0, os.getcwd())
    module = importlib.import_module(name)
    sys.modules["the_module_under_check"] = module
    return module


def public_functions(module: ModuleType) -> dict[str, list[str]]:
    """Return each function's name with those of its parameters; "*" if they cannot be known."""
    found = {}
    for name, value in vars(module).items():
        if name.startswith("_") or not callable(value) or isinstance(value, type):
            continue
        try:
            parameters = list(inspect.signature(value).parameters.values())
        except (TypeError, ValueError):
            found[name] = ["*"]
            continue
        open_ended = any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)
        found[name] = ["*"] if open_ended else [p.name for p in parameters]
    return found


def call(module: ModuleType, header: dict[str, Any], arrays: list[Any]) -> tuple[Any, list[Any]]:
    """Call a function once, or twice if asked, and return what it gave and what it did."""
    values = iter(arrays)
    given = {
        name: next(values) if value is None else value for name, value in header["given"].items()
    }
    results, done = _once(module, header, given, seed=1)
    if "raised" in done or not header["twice"]:
        return done, results
    again, other = _once(module, header, given, seed=2)
    if "raised" in other or not _same(results, again):
        same_seed, third = _once(module, header, given, seed=1)
        random = "raised" not in third and _same(results, same_seed)
        done["changes"] = "random" if random else "state"
    return done, results


def _once(
    module: ModuleType, header: dict[str, Any], given: dict[str, Any], seed: int
) -> tuple[list[Any], dict[str, Any]]:
    np.random.seed(seed)  # noqa: NPY002 (does the function depend on it?)
    copies = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in given.items()}
    state = {name: copies.pop(name) for name in header["in_state"]}
    arguments = copies | ({"state": state} if header["in_state"] else {})
    by_place = header["by_place"]
    try:
        with np.errstate(all="ignore"):
            function = getattr(module, header["function"])
            value = function(*arguments.values()) if by_place else function(**arguments)
        results, kinds = _unpacked(value, header["results"])
    except (Exception, SystemExit) as error:
        return [], {"raised": said(error)}
    everything = arguments | state
    changed = [
        name
        for name, before in given.items()
        if isinstance(before, np.ndarray) and not _same([before], [everything[name]])
    ]
    return results, {"changed": changed, "kinds": kinds}


def _unpacked(value: Any, names: list[str]) -> tuple[list[Any], list[str]]:
    """Return the results as arrays, in the order of the task, and the type of each."""
    if isinstance(value, (tuple, list)) and any(isinstance(part, dict) for part in value):
        rest = [part for part in value if not isinstance(part, dict)]
        named = {k: v for part in value if isinstance(part, dict) for k, v in part.items()}
        value = dict(zip([n for n in names if n not in named], rest, strict=False)) | named
    if isinstance(value, dict):
        if missing := [name for name in names if name not in value]:
            raise ValueError(f"returned a dict without {', '.join(missing)}")
        parts = [value[name] for name in names]
    elif len(names) == 1:
        alone = isinstance(value, tuple) and len(value) == 1
        parts = [value[0] if alone else value]
    elif isinstance(value, (tuple, list)) and len(value) == len(names):
        parts = list(value)
    else:
        count = len(value) if isinstance(value, (tuple, list)) else 1
        raise ValueError(f"returned {count} results; expected {len(names)}: {', '.join(names)}")
    arrays = []
    for name, part in zip(names, parts, strict=True):
        array = np.asarray(part)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{name} is a {type(part).__name__}; expected numbers")
        arrays.append(array)
    return arrays, [type(part).__name__ for part in parts]


def _same(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(
        np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in zip(one, other, strict=True)
    )


def said(error: BaseException) -> str:
    """Return an exception in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def size_of(printed: BinaryIO) -> int:
    """Return how many bytes were printed."""
    sys.stdout.flush()
    return os.fstat(printed.fileno()).st_size


if __name__ == "__main__":
    main(sys.argv[1])
