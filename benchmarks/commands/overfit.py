"""`bench overfit`: see in a minute whether a network and its recipe can learn anything at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.commands.line import clips_of, recipe_of
from benchmarks.commands.options import (
    Data,
    Device,
    Engine,
    Labels,
    Landmarks,
    Model,
    RecipeName,
    Results,
    Runs,
    Set,
    Split,
    Store,
    Weights,
)
from benchmarks.commands.run import known_device
from utils.errors import FAILURE, BenchError

if TYPE_CHECKING:
    from benchmarks.overfit import Learnt


def overfit(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    model: Model,
    split: Split = "100",
    labels: Labels = None,
    clips: Annotated[int, typer.Option(min=3, help="So many training clips, two of a sign.")] = 16,
    epochs: Annotated[int, typer.Option(min=1, help="At most so often each is seen.")] = 200,
    engine: Engine = None,
    recipe_name: RecipeName = None,
    landmarks: Landmarks = None,
    settings: Set = None,
    weights: Weights = None,
    data: Data = None,
    store: Store = None,
    results: Results = None,
    runs: Runs = None,
    device: Device = "auto",
) -> None:
    """Train on a few clips until all are named right: what cannot do that learns nothing from many."""
    from benchmarks import overfit as check  # noqa: PLC0415 - `bench --help` needs none of it
    from benchmarks.progress import Bars  # noqa: PLC0415
    from benchmarks.recipe import revised  # noqa: PLC0415
    from benchmarks.run import Machine  # noqa: PLC0415
    from utils.stopping import interruptible  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415

    told = {"engine": engine, "weights": weights, "landmarks": landmarks}
    recipe = recipe_of(model, split, recipe_name, told, settings, labels=labels, results=results)
    recipe = revised(recipe, epochs=epochs)
    with interruptible(), Bars() as bars:
        inputs = clips_of(recipe, data, store, bars)
        machine = Machine(known_device(device), progress=bars)
        found = check.overfit(recipe, inputs, clips, machine, runs or project_folder() / "runs")
    _say(found)


def _say(found: Learnt) -> None:
    """Print what became of it; BenchError where the network does not know its clips."""
    fell = f"loss {found.first:.3f} after one epoch, {found.last:.3f} after {found.epochs}"
    if found.whole:
        typer.echo(f"It learns: {found.clips} clips of {found.glosses} signs by heart ({fell}).")
        return
    raise BenchError(
        f"It names {found.right} of {found.clips} clips of {found.glosses} signs ({fell}). Try another rate"
        " (`bench lr-find`), more --epochs, or more blocks to train (--set unfreeze=none).",
        exit_code=FAILURE,
    )
