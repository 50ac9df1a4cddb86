"""The subcommand ``microscope``."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from refnn import guards
from refnn.datasets import standardize
from refnn.datasets.files import replacing
from refnn.runs.checkpoints import load_run
from refnn.runs.models import load_model
from refnn.training import Model
from refnn.typing import Array
from tftwin.running.command import add_settings, settings_of
from tftwin.running.settings import Run, Settings, batches_of, dataset, made_of

OF_A_MODEL = ("layers", "hidden", "last", "dropout", "loss", "l2", "optimizer", "schedule")
"""Settings that a saved model answers itself."""


def add_microscope(commands: Any) -> None:
    """Add the subcommand that writes a page."""
    command = commands.add_parser(
        "microscope",
        help="write a page with every number of some training steps",
        description="Train a network for some steps and write one HTML page with every number, the "
        "formula of each, and TensorFlow's number beside it. The network is that of the options, "
        "or of a file.",
    )
    source = command.add_mutually_exclusive_group()
    source.add_argument("--model", type=Path, metavar="M.npz", help="of refnn.save_model")
    source.add_argument("--keras", type=Path, metavar="M.keras", help="a Keras model")
    source.add_argument(
        "--checkpoint", type=Path, metavar="C.npz", help="the state of a run of fit; the options "
        "say the network",
    )  # fmt: skip
    add_settings(command)
    command.add_argument("--html", type=Path, required=True, metavar="OUT.html")
    command.add_argument("--title", default="", help="the heading")
    command.add_argument(
        "--no-tensorflow", action="store_true", help="refnn's numbers alone; needs no TensorFlow"
    )
    command.set_defaults(run=run_microscope)


def run_microscope(options: argparse.Namespace) -> int:
    """Make the steps, write the page, say how large it is."""
    from tftwin.microscope import page

    settings = settings_of(options)
    run = run_of(options, settings)
    mode: Any = settings.mode
    try:
        text = page(
            run.model, run.state, run.batches,
            title=options.title, tensorflow=not options.no_tensorflow, mode=mode,
        )  # fmt: skip
    except ImportError as error:
        if options.no_tensorflow or "TensorFlow" not in str(error):
            raise
        raise ImportError(f"{error}; --no-tensorflow shows refnn's numbers alone") from None
    with replacing(options.html) as file:
        file.write(text.encode())
    print(f"{options.html}: {len(run.batches)} steps, {len(text.encode()) / 1e6:.2f} MB")
    return 0


def run_of(options: argparse.Namespace, settings: Settings) -> Run:
    """Return the model, the state and the batches that the options name."""
    if options.model is None and options.keras is None:
        run = made_of(settings)
        if options.checkpoint is None:
            return run
        state = load_run(options.checkpoint).state
        try:
            guards.check_state(run.model, state)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{options.checkpoint}: {error}: the options do not describe its network"
            ) from None
        return run._replace(state=state)
    answered = [name for name in OF_A_MODEL if getattr(options, name) is not None]
    if answered:
        raise ValueError(
            f"--{answered[0]}: the file says it already; leave out the option, or the file"
        )
    return _of_keras(options.keras, settings) if options.keras else _saved(options.model, settings)


def _saved(path: Path, settings: Settings) -> Run:
    saved = load_model(path)
    data = dataset(replace(settings, standardize=False, dtype=saved.state.theta.dtype.name))
    x = data.x
    if saved.mean is not None:
        x = standardize(x, saved.mean, saved.deviation).x
    return _run(saved.model, saved.state, x, data.y, settings)


def _of_keras(path: Path, settings: Settings) -> Run:
    from tftwin.keras_models import read

    model, state, preparation = read(path)
    data = dataset(replace(settings, dtype=state.theta.dtype.name))
    x = preparation.inputs(data.x.reshape(len(data.x), *preparation.shape))
    y = data.y.argmax(axis=1) if preparation.integer_labels and data.y.shape[1] > 1 else data.y
    return _run(model, state, x, preparation.targets(y), settings)


def _run(model: Model, state: Any, x: Array, y: Array, settings: Settings) -> Run:
    rng = np.random.default_rng(settings.seed)
    return Run(model, state, list(batches_of(settings, x, y, model.network, rng)))
