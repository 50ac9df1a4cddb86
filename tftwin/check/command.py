"""The subcommands ``check`` and ``explain``."""

import argparse
import csv
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from refnn.datasets.files import replacing
from tftwin.cards import CARDS, Card
from tftwin.check import NEEDS


def add_check(commands: Any) -> None:
    """Add the subcommand that checks a person's functions."""
    command = commands.add_parser(
        "check",
        help="check anybody's NumPy functions, and say what is wrong",
        description="Import a module in a process of its own, call those of its functions that are "
        "known by name on drawn inputs, and hold every number against refnn's under a derived "
        "bound. Nothing but the named module is executed. Exit status: 0 if nothing is wrong, 1 "
        "if something is, 2 if it cannot be checked.",
    )
    command.add_argument(
        "module", nargs="?", metavar="MODULE", help="a Python file, a dotted name, or a folder"
    )
    command.add_argument("--template", type=Path, metavar="FILE", help="write stubs, and stop")
    command.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these functions")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the inputs (0)")
    command.add_argument(
        "--hint", type=int, choices=(1, 2, 3), help="a hint in the place of the diagnosis"
    )
    command.add_argument("--json", type=Path, metavar="PATH", help="write the answers as JSON")
    command.add_argument("--junit", type=Path, metavar="PATH", help="write them as JUnit XML")
    command.add_argument("--csv", type=Path, metavar="PATH", help="of a folder: a table")
    command.add_argument("--jobs", type=int, default=1, metavar="N", help="of a folder: processes")
    command.add_argument(
        "--prove", action="store_true", help="how many known mistakes are caught and named"
    )
    command.set_defaults(run=run_check)


def run_check(options: argparse.Namespace) -> int:
    """Check a module or a folder, print the answers, write the files."""
    try:
        from tftwin.check import many, prove, template
        from tftwin.check.process import Failed
    except ModuleNotFoundError as error:
        raise ImportError(NEEDS.format(error.name)) from None
    if options.template is not None:
        if options.template.exists():
            raise ValueError(f"argument --template: {options.template} exists already")
        options.template.write_text(template.template(options.template.name), encoding="utf-8")
        print(f"{options.template} written: fill in what you want to check")
        return 0
    if options.prove:
        print(prove.table(prove.prove(options.only)))
        return 0
    if options.module is None:
        raise ValueError("expected a MODULE, or --template FILE, or --prove")
    path = Path(options.module)
    try:
        if path.is_dir():
            return _folder(options, path, many)
        return _module(options)
    except Failed as error:
        raise ValueError(f"{options.module} cannot be checked: {error}") from None


def _module(options: argparse.Namespace) -> int:
    from tftwin.check import files, words
    from tftwin.check.answer import MISFIT, WRONG, Answer, add_tensorflow
    from tftwin.check.checking import check_module

    if options.module.endswith(".py") and not Path(options.module).is_file():
        raise ValueError(f"{options.module} is no file")
    command = f"python -m tftwin check {options.module}"
    print(f"Only {options.module} is executed, in a process of its own. Seed {options.seed}.")
    answers: list[Answer] = []
    with _bar() as advance:
        for answer in check_module(options.module, options.only, seed=options.seed):
            answers.append(answer)
            advance(answer.task.name)
            if answer.status != "not provided":
                print(f"{answer.task.name:32} {words.line(answer)}", flush=True)
                add_tensorflow(answer)
                for text in words.details(answer, options.hint, command):
                    print(f"    {text}")
    print(words.summary(answers) + f". Score {words.score(answers):.0%}.")
    _write(options.json, json.dumps(files.to_json(options.module, answers, options.seed), indent=1))
    if options.junit is not None:
        _write(options.junit, files.to_junit({options.module: answers}).decode())
    return 1 if any(a.status in (WRONG, MISFIT) for a in answers) else 0


def _folder(options: argparse.Namespace, path: Path, many: Any) -> int:
    from tftwin.check import files

    found = many.check_folder(path, options.only, seed=options.seed, jobs=options.jobs)
    print(many.table(found))
    if options.csv is not None:
        page = io.StringIO()
        csv.writer(page, lineterminator="\n").writerows(many.rows(found))
        _write(options.csv, page.getvalue())
    if options.json is not None:
        data = [files.to_json(name, a, options.seed) for name, a in found.answers.items()]
        _write(options.json, json.dumps(data, indent=1))
    if options.junit is not None:
        _write(options.junit, files.to_junit(found.answers).decode())
    return 1 if found.wrong else 0


def _write(path: Path | None, text: str) -> None:
    if path is not None:
        with replacing(path) as file:
            file.write(text.encode())


@contextmanager
def _bar() -> Iterator[Any]:
    """Draw a bar on standard error, if rich is installed and a terminal is there."""
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        yield lambda name: None
        return
    from tftwin.check.tasks import TASKS

    console = Console(stderr=True)
    shown = console.is_terminal and not sys.stdout.isatty()  # it would tear the lines apart
    with Progress(console=console, disable=not shown, transient=True) as bar:
        task = bar.add_task("check", total=len(TASKS))
        yield lambda name: bar.update(task, advance=1, description=name)


def add_explain(commands: Any) -> None:
    """Add the subcommand that shows the catalogue."""
    command = commands.add_parser(
        "explain",
        help="the catalogue of conventions and mistakes",
        description="List the cards of the catalogue; with a NAME show one, with both formulas. "
        "With --blind say which rule made the parameters of a file out of its gradients.",
    )
    command.add_argument("name", nargs="?", metavar="NAME", help="of a card, or of a function")
    command.add_argument(
        "--blind", type=Path, metavar="FILE.npz",
        help="gradients (T, …) and parameters (T + 1, …), perhaps parameters_2",
    )  # fmt: skip
    for option in ("learning-rate", "beta", "beta-1", "beta-2", "epsilon"):
        command.add_argument(f"--{option}", type=float, metavar="X", help="if it is known")
    command.set_defaults(run=run_explain)


def run_explain(options: argparse.Namespace) -> int:
    """Print the list, the cards of one function, one card, or the name of a rule."""
    if options.blind is not None:
        return _blind(options)
    if options.name is None:
        for card in CARDS:
            print(f"{card.name:34} {card.of:32} {card.kind:11} {card.who}")
        print(f"{len(CARDS)} cards; explain NAME shows one")
        return 0
    named = [card for card in CARDS if card.name == options.name]
    of = [card for card in CARDS if card.of == options.name]
    if not (named or of):
        near = [c.name for c in CARDS if options.name.split("-")[0] in c.name][:6]
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise ValueError(f"{options.name!r} is no card and no function of the catalogue{hint}")
    print("\n\n".join(map(page, named or of)))
    return 0


def _blind(options: argparse.Namespace) -> int:
    """Name the rule of each sequence; 0 if all have a name, else 1."""
    try:
        from tftwin.check import naming
    except ModuleNotFoundError as error:
        raise ImportError(NEEDS.format(error.name)) from None
    data, status = naming.read(options.blind), 0
    names = ("learning_rate", "beta", "beta_1", "beta_2", "epsilon")
    given = {n: getattr(options, n) for n in names if getattr(options, n) is not None}
    for name in ("parameters", "parameters_2"):
        if name not in data:
            continue
        found = naming.name(data["gradients"], data[name], given)
        evidence = f"the next best explains {found.next_best:,}"
        if found.candidates:
            print(f"{name}: all {found.numbers:,} numbers are those of", end=" ")
            print("; or of ".join(map(str, found.candidates)), end=f"; {evidence}\n")
            continue
        status = 1
        best = f"; the best, {found.best}, explains {found.next_best:,}" if found.best else ""
        print(f"{name}: unknown{best} of {found.numbers:,} numbers")
    return status


def page(card: Card) -> str:
    """Return a card as text."""
    lines = [
        f"{card.name} ({card.kind} of {card.of})",
        f"  {card.sentence}",
        f"  refnn   {card.refnn}",
        f"  other   {card.formula}",
        f"  who     {card.who}",
    ]
    if card.source:
        lines.append(f"  source  {card.source}")
    try:
        from tftwin.check.example import both_numbers
    except ModuleNotFoundError:  # the formulas need nothing, the numbers need hypothesis
        return "\n".join(lines)
    if numbers := both_numbers(card):
        lines.append(f"  numbers {numbers}")
    return "\n".join(lines)
