"""Plant random small mistakes in refnn, tftwin and lockstep, and say which ones no test sees.

    python -m tests.power.mutate --count 300 --seed 0 --seconds 1200

A mutant is one change of one node of the syntax tree: a sign, a comparison, a constant, a dropped
term or statement, a name for its neighbour, and so on (``changes``). It is written into a copy of
the tree; everything else of the file keeps its text. Docstrings, messages, annotations and
decorators are left alone.

First the suite runs once on the healthy tree, and each test is followed: which lines does it run?
A mutant is shown the tests that run its line, the cheapest first, until one fails or the budget is
spent; of a line that runs only when its file is imported, the tests of its room. Left out are
the examples, the faults (which name the text that they replace, and would only notice that it
changed), the tests of READMEs, and what fails on the healthy tree. A child process runs the tests,
forked from one that has imported TensorFlow already.

The result is a line a mutant; the survivors are in a JSON file too.
"""

import argparse
import ast
import copy
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
GROUPS = {
    "refnn": lambda path: path.startswith("refnn/"),
    "tftwin": lambda path: path.startswith("tftwin/") and "/lockstep/" not in path,
    "lockstep": lambda path: "/lockstep/" in path,
}
POWER = "tests/power"
FIRST = [  # where the file's path begins so, these tests run first
    ("refnn/runs", [f"{POWER}/test_doors.py", "tests/runs"]),
    ("refnn/datasets", ["tests/datasets", f"{POWER}/test_edges.py", f"{POWER}/test_sizes.py"]),
    ("refnn/checks", [f"{POWER}/test_edges.py", "tests/refusals"]),
    ("refnn/guards", [f"{POWER}/test_edges.py", f"{POWER}/test_doors.py", "tests/refusals"]),
    ("refnn", [f"{POWER}/test_conventions.py", "tests/rooms", "tests/witnesses"]),
    ("tftwin/lockstep/roundoff", ["tests/bounds"]),
    ("tftwin/lockstep/bounds", ["tests/bounds"]),
    ("tftwin/lockstep/definitions", ["tests/bounds"]),
    ("tftwin/lockstep/ledger", ["tests/bounds"]),
    ("tftwin/lockstep", [f"{POWER}/test_below_one_rounding.py", "tests/lockstep"]),
    ("tftwin/cards", ["tests/keras"]),
    ("tftwin/keras", ["tests/keras"]),
    ("tftwin", [f"{POWER}/test_conventions.py", "tests/rooms"]),
]
EVERYTHING = [
    "refusals", "rooms", "power", "witnesses", "bounds", "datasets", "runs", "keras", "check",
    "lockstep",
]  # fmt: skip
SLOW = (
    "not killed and not any_byte and not truncated and not corner_of_the_cube and not TestTraining"
)
"""Tests that kill processes, change each byte of a file, or start TensorFlow anew: left out."""

NEIGHBOURS = [
    ("maximum", "minimum"), ("max", "min"), ("argmax", "argmin"), ("any", "all"), ("fmin", "fmax"),
    ("zeros_like", "ones_like"), ("floor", "ceil"), ("isfinite", "isnan"), ("value", "bound"),
    ("sum", "mean"), ("inputs", "outputs"), ("exp", "expm1"), ("theta", "slots"), ("start", "stop"),
    ("data_loss", "loss"), ("greater", "less"), ("tiny", "eps"), ("append", "extend"),
    ("output_gradients", "gradients"), ("square", "sqrt"), ("weight", "bias"), ("cost", "profit"),
    ("beta_1", "beta_2"), ("mean", "sum"), ("logical_and", "logical_or"), ("refnn", "tftwin"),
]  # fmt: skip
SWAPS = {
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div, ast.Add], ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Div], ast.Pow: [ast.Mult], ast.Mod: [ast.FloorDiv], ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
    ast.Lt: [ast.LtE, ast.Gt], ast.LtE: [ast.Lt, ast.GtE], ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.In: [ast.NotIn],
    ast.NotIn: [ast.In], ast.Is: [ast.IsNot], ast.IsNot: [ast.Is],
}  # fmt: skip


# Mutants -----------------------------------------------------------------------------------------


def negated(node):
    return ast.UnaryOp(ast.Not(), node)


def of_operators(node):
    """Other operators, operands swapped, a term dropped."""
    if isinstance(node, ast.BinOp):
        for op in SWAPS.get(type(node.op), []):
            yield "operator", ast.BinOp(node.left, op(), node.right)
        yield "left term alone", node.left
        yield "right term alone", node.right
        if isinstance(node.op, (ast.Sub, ast.Div, ast.MatMult, ast.Pow)):
            yield "operands swapped", ast.BinOp(node.right, node.op, node.left)
    elif isinstance(node, ast.UnaryOp):
        yield "unary dropped", node.operand
    elif isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            for other in SWAPS.get(type(op), []):
                ops = [*node.ops[:i], other(), *node.ops[i + 1 :]]
                yield "comparison", ast.Compare(node.left, ops, node.comparators)
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "and / or", ast.BoolOp(other, node.values)
        for i in range(len(node.values)):
            rest = node.values[:i] + node.values[i + 1 :]
            yield "operand dropped", rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    elif isinstance(node, ast.IfExp):
        yield "condition negated", ast.IfExp(negated(node.test), node.body, node.orelse)


def of_values(node, names):
    """Other constants, bounds of slices, names, attributes, arguments."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield "constant", ast.Constant(not node.value)
        elif isinstance(node.value, (int, float)):
            for value in (node.value * 2, node.value * 10, node.value + 1, node.value - 1):
                if value != node.value:
                    yield "constant", ast.Constant(value)
    elif isinstance(node, ast.Slice):
        for part in ("lower", "upper"):
            if (value := getattr(node, part)) is not None:
                for op in (ast.Add(), ast.Sub()):
                    moved = copy.copy(node)
                    setattr(moved, part, ast.BinOp(value, op, ast.Constant(1)))
                    yield "slice", moved
    elif isinstance(node, ast.Name) and node.id in names:
        for other in names:
            if other != node.id:
                yield "neighbour", ast.Name(other, node.ctx)
    elif isinstance(node, ast.Attribute):
        for pair in NEIGHBOURS:
            for one, other in (pair, pair[::-1]):
                if node.attr == one:
                    yield "neighbour", ast.Attribute(node.value, other, node.ctx)
    elif isinstance(node, ast.Call):
        args, keywords = node.args, node.keywords
        if len(args) >= 2 and not any(isinstance(a, ast.Starred) for a in args[:2]):
            yield "arguments swapped", ast.Call(node.func, [args[1], args[0], *args[2:]], keywords)
        for i, keyword in enumerate(keywords):
            if keyword.arg == "axis":
                for axis in (0, -1):
                    changed = [
                        *keywords[:i],
                        ast.keyword("axis", ast.Constant(axis)),
                        *keywords[i + 1 :],
                    ]
                    if ast.dump(changed[i]) != ast.dump(keyword):
                        yield "axis", ast.Call(node.func, args, changed)
            if keyword.arg:
                yield "keyword dropped", ast.Call(node.func, args, keywords[:i] + keywords[i + 1 :])
        if len(args) == 1 and not keywords and isinstance(node.func, (ast.Name, ast.Attribute)):
            yield "call dropped", args[0]


def changes(node, names):
    """Every mutant of a node, as (what was done, the new node)."""
    if isinstance(node, (ast.If, ast.While)):
        yield "condition negated", negated(node.test)  # takes the place of the condition
    elif isinstance(node, ast.stmt):
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if (
            isinstance(node, (ast.AugAssign, ast.Raise, ast.Continue, ast.Break))
            or (isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Yield)))
            or isinstance(target, (ast.Attribute, ast.Subscript))
        ):
            yield "statement dropped", ast.Pass()
    elif isinstance(node, (ast.expr, ast.Slice)):
        yield from of_operators(node)
        yield from of_values(node, names)


class Sites(ast.NodeVisitor):
    """The nodes that may be changed, each with the names that stand near it."""

    def __init__(self):
        self.found, self.names = [], []

    def visit_FunctionDef(self, node):  # noqa: N802
        arguments = [a.arg for a in node.args.args + node.args.kwonlyargs]
        local = {t.id for n in ast.walk(node) for t in ast.walk(n)
                 if isinstance(t, ast.Name) and isinstance(t.ctx, ast.Store)}  # fmt: skip
        outer = self.names
        self.names = sorted({*arguments, *local} - {"self"})
        for part in [*node.args.defaults, *[d for d in node.args.kw_defaults if d], *node.body]:
            self.visit(part)
        self.names = outer

    def visit_ClassDef(self, node):  # noqa: N802
        if not any("Protocol" in ast.unparse(base) for base in node.bases):
            for part in node.body:
                self.visit(part)

    def visit_AnnAssign(self, node):  # noqa: N802
        if node.value is not None:
            self.visit(node.value)

    def visit_Raise(self, node):  # noqa: N802
        self.found.append((node, self.names))  # to drop it; what it says is a message

    def visit_JoinedStr(self, node):  # noqa: N802
        pass

    def visit_Import(self, node):  # noqa: N802
        pass

    def visit_ImportFrom(self, node):  # noqa: N802
        pass

    def visit_Expr(self, node):  # noqa: N802
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.generic_visit_self(node)

    def visit_If(self, node):  # noqa: N802
        if ast.unparse(node.test) not in ("TYPE_CHECKING", "__name__ == '__main__'"):
            self.generic_visit_self(node)

    def generic_visit_self(self, node):
        self.found.append((node, self.names))
        super().generic_visit(node)

    def generic_visit(self, node):
        if isinstance(node, (ast.expr, ast.stmt, ast.Slice)):
            self.found.append((node, self.names))
        super().generic_visit(node)


def mutants_of(path):
    """Every mutant of a file: its place (path, first byte, last byte, line), and what was done."""
    source = (ROOT / path).read_text(encoding="utf-8")
    starts = np.cumsum([0, *(len(line) for line in source.encode().splitlines(keepends=True))])
    sites = Sites()
    sites.visit(ast.parse(source))
    for node, names in sites.found:
        place = node.test if isinstance(node, (ast.If, ast.While)) else node
        first = int(starts[place.lineno - 1]) + place.col_offset
        last = int(starts[place.end_lineno - 1]) + place.end_col_offset
        for what, new in changes(node, names):
            yield (path, first, last, place.lineno), what, new


def written(path, first, last, new):
    """The old text of a place, the new one, and the whole file; None where nothing changes."""
    source = (ROOT / path).read_bytes()
    text = ast.unparse(ast.fix_missing_locations(copy.deepcopy(new)))
    if isinstance(new, ast.expr) and not isinstance(new, (ast.Name, ast.Constant)):
        text = f"({text})"
    whole = source[:first] + text.encode() + source[last:]
    try:
        if ast.dump(ast.parse(whole)) == ast.dump(ast.parse(source)):
            return None
    except SyntaxError:
        return None
    return source[first:last].decode(), text, whole.decode()


def sample(rng, count, only):
    """So many mutants: a group, a kind of change, a place for it, a mutant of those."""
    files = [
        str(path.relative_to(ROOT))
        for part in ("refnn", "tftwin")
        for path in sorted((ROOT / part).rglob("*.py"))
        if path.name != "__init__.py" and only in str(path)
    ]
    pools = []
    for belongs in GROUPS.values():
        kinds = {}  # equally often, so that many names do not crowd out the rest
        for path in filter(belongs, files):
            for place, what, new in mutants_of(path):
                kinds.setdefault(what, {}).setdefault(place, []).append(new)
        if kinds:
            pools.append({what: list(places.items()) for what, places in kinds.items()})
    while count and pools:
        pool = pools[int(rng.integers(len(pools)))]
        what = list(pool)[int(rng.integers(len(pool)))]
        if not pool[what]:
            continue
        (path, first, last, line), same = pool[what].pop(int(rng.integers(len(pool[what]))))
        found = written(path, first, last, same[int(rng.integers(len(same)))])
        if found is not None:
            count -= 1
            yield path, what, line, *found


# Tests -------------------------------------------------------------------------------------------


class Watch:
    """A plugin: hypothesis without shrinking; failures, the seconds and lines of each test."""

    def __init__(self, folder, chosen, left_out, follow):
        self.folder, self.chosen, self.left_out, self.follow = str(folder), chosen, left_out, follow
        self.failed, self.seconds, self.lines = [], {}, {}

    def pytest_configure(self, config):
        from hypothesis import Phase, settings

        phases = [Phase.explicit, Phase.generate]
        current = settings.get_profile("default")
        count = 8 if self.follow else current.max_examples  # enough to see which lines are run
        options = {"phases": phases, "database": None, "max_examples": count}
        settings.register_profile("mutants", current, **options)
        settings.load_profile("mutants")

    def pytest_collection_modifyitems(self, items):
        order = {name: place for place, name in enumerate(self.chosen)}
        kept = [item for item in items if item.nodeid not in self.left_out]
        if order:
            kept = [item for item in kept if item.nodeid in order]
            kept.sort(key=lambda item: order[item.nodeid])
        items[:] = kept

    def pytest_collectreport(self, report):
        self.failed += [report.nodeid] * (report.failed and report.nodeid not in self.left_out)

    def pytest_runtest_setup(self, item):
        if self.follow:
            self.now = self.lines.setdefault(item.nodeid, set())
            sys.settrace(self.call)

    def pytest_runtest_teardown(self):
        if self.follow:
            sys.settrace(None)

    def call(self, frame, event, argument):
        file = frame.f_code.co_filename
        if not file.startswith((f"{self.folder}/refnn/", f"{self.folder}/tftwin/")):
            return None
        path, now = file[len(self.folder) + 1 :], self.now
        now.add((path, frame.f_lineno))

        def line(frame, event, argument):
            now.add((path, frame.f_lineno))
            return line

        return line

    def pytest_runtest_logreport(self, report):
        name = report.nodeid
        self.seconds[name] = self.seconds.get(name, 0) + report.duration
        if report.failed:
            self.failed.append(name)


def tried(folder, tests, seconds, chosen=(), left_out=(), follow=False):
    """Run tests in a child process: failed, seconds, lines; None if they take too long."""
    answer = folder / ".answer.json"
    answer.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        os.setsid()
        os.chdir(folder)
        sys.path[:] = [str(folder), *[p for p in sys.path if Path(p or ".").resolve() != ROOT]]
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        import pytest

        watch = Watch(folder, chosen, set(left_out), follow)
        options = ["-q", "-p", "no:cacheprovider", "--continue-on-collection-errors", "-k", SLOW]
        pytest.main([*options, *["-x"] * (not follow), *tests], plugins=[watch])
        lines = {name: sorted(found) for name, found in watch.lines.items()}
        found = {"failed": watch.failed, "seconds": watch.seconds, "lines": lines}
        answer.write_text(json.dumps(found))
        os._exit(0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG)[0]:
            return json.loads(answer.read_text()) if answer.exists() else {"failed": ["crashed"]}
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


class Suite:
    """The tests of the healthy tree: which fail, how long each takes, the lines it runs."""

    def __init__(self, folder, kept):
        found = {"failed": [], "seconds": {}, "lines": {}, "done": []}
        if kept is not None and kept.exists():
            found = json.loads(kept.read_text(encoding="utf-8"))
        for part in [*EVERYTHING, "test_first_agreement.py"]:
            if part not in found["done"]:
                more = tried(folder, [f"tests/{part}"], 3000, follow=True)
                found["failed"] += more["failed"]
                found["seconds"] |= more["seconds"]
                found["lines"] |= more["lines"]
                found["done"].append(part)
                print(f"{part}: {sum(more['seconds'].values()):.0f} s", flush=True)
                if kept is not None:
                    kept.write_text(json.dumps(found), encoding="utf-8")
        self.left_out, self.seconds = found["failed"], found["seconds"]
        self.by_line = {}
        for name, lines in found["lines"].items():
            for path, line in lines:
                self.by_line.setdefault((path, line), []).append(name)

    def of(self, path, line, budget):
        """The tests that run a line (or the nearest before it), cheapest first, within a budget."""
        near = (self.by_line.get((path, line - back), []) for back in range(9))
        names = sorted(next(filter(None, near), []), key=self.seconds.get)
        spent = np.cumsum([0.0, *(self.seconds[name] for name in names)])
        return [name for name, before in zip(names, spent, strict=False) if before < budget]


def first_tests(path):
    return next(tests for start, tests in FIRST if path.startswith(start))


def copied():
    folder = Path(tempfile.mkdtemp(prefix="mutants-"))
    leave = shutil.ignore_patterns("__pycache__", ".*", "out", "benchmarks", "*.png")
    for part in ("refnn", "tftwin", "tests", "examples"):
        shutil.copytree(ROOT / part, folder / part, ignore=leave)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def forked_from():
    """Import what the tests need and what no mutant changes."""
    sys.dont_write_bytecode = True
    from tests import conftest  # noqa: F401  one thread for each library

    for name in [m for m in sys.modules if m.split(".")[0] in ("tests", "refnn", "tftwin")]:
        if name != "__main__":
            del sys.modules[name]
    import hypothesis.extra.numpy
    import mpmath
    import numpy.testing
    import pytest
    import sklearn.datasets
    import tensorflow  # noqa: F401

    assert hypothesis.extra.numpy, mpmath
    assert numpy.testing, pytest
    assert sklearn.datasets


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3600, help="stop after so many seconds")
    parser.add_argument("--only", default="", help="files whose path holds this")
    parser.add_argument("--out", default="survivors.json")
    parser.add_argument("--map", type=Path, help="where to keep what each test runs")
    parser.add_argument("--skip", type=int, default=0, help="mutants that are done already")
    parser.add_argument("--budget", type=float, default=20, help="seconds of tests a mutant")
    options = parser.parse_args()
    began = time.monotonic()
    chosen = list(sample(np.random.default_rng(options.seed), options.count, options.only))
    forked_from()
    folder = copied()
    suite = Suite(folder, options.map)
    count, seconds = len(suite.seconds), sum(suite.seconds.values())
    print(f"{count} tests, {seconds:.0f} s, left out: {suite.left_out}", flush=True)
    alive, done = [], 0
    for path, what, line, old, new, whole in chosen[options.skip :]:
        if time.monotonic() - began > options.seconds:
            break
        name = f"{path}:{line} {what}: {' '.join(old.split())} -> {' '.join(new.split())}"
        target = folder / path
        healthy = target.read_text(encoding="utf-8")
        target.write_text(whole, encoding="utf-8")
        start = time.monotonic()
        names = suite.of(path, line, options.budget)
        files = list(dict.fromkeys(name.split("::")[0] for name in names)) or first_tests(path)
        found = tried(folder, files, 60 + 6 * options.budget, names, suite.left_out)
        target.write_text(healthy, encoding="utf-8")
        killer = "took too long" if found is None else (found["failed"] or [""])[0]
        done += 1
        spent = f"{time.monotonic() - start:4.0f} s {len(names):4} tests"
        word = "killed" if killer else "ALIVE "
        print(f"{done} {word} {spent} {name} [{killer}]", flush=True)
        if not killer:
            mutant = {"path": path, "line": line, "what": what, "old": old, "new": new}
            alive.append(mutant | {"tests": len(names)})
            Path(options.out).write_text(json.dumps(alive, indent=1), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    print(f"{done} mutants, {done - len(alive)} killed, {len(alive)} alive")


if __name__ == "__main__":
    main()
