"""The subcommands ``run`` and ``record``."""

import argparse
import json
import shlex
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from refnn.datasets.files import replacing
from refnn.record import Entry, record
from refnn.training import train_step
from tftwin.running.names import ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES
from tftwin.running.settings import Run, Settings, made_of, read_toml

HELP = {
    "data": "iris, yoghurt, dots, or a file .npz (x, y) or .csv",
    "label": "the label's column of a CSV: name or number",
    "task": "classification or regression, where a CSV is in doubt",
    "standardize": "give each column of x mean 0 and deviation 1",
    "layers": "widths of the hidden layers",
    "hidden": f"behind each of them: {', '.join(ACTIVATIONS)}",
    "last": "the activation behind the last layer (none)",
    "dropout": "the rate behind each hidden activation",
    "loss": ", ".join(LOSSES),
    "l2": "λ of the penalty",
    "optimizer": f"{', '.join(OPTIMIZERS)}; arguments as adam:learning_rate=0.01,beta_1=0.8",
    "schedule": f"of the learning rate: {', '.join(SCHEDULES)}",
    "dtype": "float32 or float64",
    "batch_size": "rows of a step",
    "steps": "updates",
    "seed": "of θ, of the order of the rows, of the masks",
    "mode": "how TensorFlow computes a step: function, eager, xla",
}


def add_settings(command: argparse.ArgumentParser) -> None:
    """Add an option for each setting; None where it is not given."""
    command.add_argument("--config", type=Path, metavar="FILE.toml", help="the same, in a file")
    for field in fields(Settings):
        option, usual = f"--{field.name.replace('_', '-')}", field.default
        if isinstance(usual, bool):
            command.add_argument(option, action="store_true", default=None, help=HELP[field.name])
            continue
        several = {"nargs": "*"} if isinstance(usual, tuple) else {}
        kind = int if isinstance(usual, tuple) else type(usual)
        shown = " ".join(map(str, usual)) if isinstance(usual, tuple) else usual
        said = HELP[field.name] + (f" ({shown})" if shown not in ("", 0.0) else "")
        options: dict[str, Any] = {"type": kind, "help": said.replace("%", "%%")} | several
        command.add_argument(option, metavar=field.name.upper(), **options)


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings: those of the file, and over them those of the command line."""
    given = {} if options.config is None else read_toml(options.config)
    for field in fields(Settings):
        value = getattr(options, field.name)
        if value is not None:
            given[field.name] = tuple(value) if isinstance(value, list) else value
    return replace(Settings(), **given)


def add_run(commands: Any) -> None:
    """Add the subcommand that runs lockstep."""
    command = commands.add_parser(
        "run",
        help="run a network in refnn and in TensorFlow side by side",
        description="Train a network in refnn and in TensorFlow, both from the same state at every "
        "step, and hold every number against its derived bound. Exit status: 0 if they agree, 1 "
        "if not, 2 if something cannot be compared.",
    )
    add_settings(command)
    command.add_argument(
        "--free", action="store_true", help="each side from its own numbers: prints the drift"
    )
    command.add_argument(
        "--only", type=int, metavar="STEP", help="compare this step alone, 1 the first"
    )
    command.add_argument("--json", type=Path, metavar="PATH", help="write the report as JSON")
    command.add_argument("--html", type=Path, metavar="PATH", help="write the report as a page")
    command.set_defaults(run=run_run)


def run_run(options: argparse.Namespace) -> int:
    """Run lockstep, print the report, write the files."""
    settings = settings_of(options)
    run = made_of(settings)
    if options.free:
        return _free(run, settings)
    from tftwin.lockstep import report, resynchronised

    mode: Any = settings.mode
    found = resynchronised(run.model, run.state, _steps(run), mode=mode, only=options.only)
    again = "" if found.origin is None else command_of(settings, found.origin.step)
    if options.json is not None:
        with replacing(options.json) as file:
            data = report.to_json(found) | ({"again": again} if again else {})
            file.write(json.dumps(data, indent=1).encode())
    if options.html is not None:
        with replacing(options.html) as file:
            file.write(report.html(found).encode())
    print(found)
    if again:
        print(f"Or: {again}")
    return 0 if found.agreed else 1


def command_of(settings: Settings, step: int) -> str:
    """Return the command line that compares one step of a run alone."""
    words = ["python", "-m", "tftwin", "run"]
    for field in fields(Settings):
        value = getattr(settings, field.name)
        if value == field.default:
            continue
        words.append(f"--{field.name.replace('_', '-')}")
        if not isinstance(value, bool):
            words += map(str, value) if isinstance(value, tuple) else [str(value)]
    return shlex.join([*words, "--only", str(step)])


def _steps(run: Run) -> list[Any]:
    """Return the batches as lockstep takes them: with masks only where there are some."""
    return [(x, y, masks) if masks else (x, y) for x, y, masks in run.batches]


def _free(run: Run, settings: Settings) -> int:
    """Run both from one state, each with its own numbers, and print how far they part."""
    import numpy as np

    from tftwin.lockstep import run_free

    if run.model.network.dropouts:
        raise ValueError("--free takes no dropout: it draws the rows itself; leave out one of them")
    sizes = [len(x) for x, _, _ in run.batches]
    rows = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    x, y = (np.concatenate([batch[i] for batch in run.batches]) for i in (0, 1))
    mode: Any = settings.mode
    drift = run_free(run.model, run.state, x, y, rows, mode=mode, looks=10)
    print("steps   largest difference of θ over its largest number")
    for steps, normwise in zip(drift.steps, drift.normwise, strict=True):
        print(f"{steps:5}   {normwise:.3g}")
    print(f"loss {drift.refnn_loss[-1]:.9g} in refnn, {drift.tftwin_loss[-1]:.9g} in TensorFlow")
    return 0


def add_record(commands: Any) -> None:
    """Add the subcommand that writes a run's record."""
    command = commands.add_parser(
        "record",
        help="write every number of a run into a file, for compare",
        description="Write every number of some steps into an .npz file: refnn's with their "
        "bounds, or those of TensorFlow, each step from refnn's state. Two such files are what "
        "compare takes. refnn's side needs no TensorFlow.",
    )
    command.add_argument("--output", type=Path, required=True, metavar="R.npz")
    command.add_argument("--side", choices=("refnn", "tftwin"), default="refnn")
    add_settings(command)
    command.set_defaults(run=run_record)


def run_record(options: argparse.Namespace) -> int:
    """Make the steps and save their numbers."""
    from tftwin.lockstep.records import save

    steps = recorded(made_of(settings_of(options)), options.side)
    save(options.output, steps)
    count = sum(entry.array.size for entries in steps for entry in entries)
    print(f"{options.output}: {count:,} numbers of {options.side} in {len(steps)} steps")
    return 0


def recorded(run: Run, side: str) -> list[list[Entry]]:
    """Return the record of each step of one side; both sides start each step from refnn's state."""
    import numpy as np

    model, state = run.model, run.state
    names, network, steps = model.optimizer.slot_names, model.network, []
    for x, y, masks in run.batches:
        step = train_step(model, state, x, y, masks)
        if side == "refnn":
            from tftwin.lockstep.bounds import bound_of, bounds_of_step

            bounds = record(network, names, bounds_of_step(model, state, x, y, masks))
            entries = record(network, names, step)
            bounded = zip(entries, bounds, strict=True)
            steps.append([e._replace(bound=bound_of(b.array)) for e, b in bounded])
        else:
            from tftwin import train_step as tf_train_step
            from tftwin import twin

            steps.append(record(network, names, tf_train_step(twin(model), state, x, y, masks)))
        steps[-1] = [
            e._replace(array=np.asarray(e.array, getattr(e.array, "dtype", x.dtype)),
                       bound=None if e.bound is None else np.broadcast_to(
                           np.asarray(e.bound, np.float64), np.shape(e.array)).copy())
            for e in steps[-1]
        ]  # fmt: skip
        state = step.state
    return steps
