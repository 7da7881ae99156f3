"""`bench lr-find`: the range test of the learning rate, with a plot and a suggested rate."""

from __future__ import annotations

from pathlib import Path
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
from utils.errors import BenchError

if TYPE_CHECKING:
    from benchmarks.lr_find import Found


def lr_find(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    model: Model,
    split: Split = "100",
    labels: Labels = None,
    low: Annotated[float, typer.Option("--from", help="The first rate.")] = 1e-7,
    high: Annotated[float, typer.Option("--to", help="The last rate.")] = 10.0,
    steps: Annotated[int, typer.Option(min=10, help="Batches to learn from.")] = 100,
    smoothing: Annotated[float, typer.Option(min=0, max=0.999, help="Share of earlier losses.")] = 0.9,
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
    """Raise the learning rate step by step on training clips, plot the loss, and suggest a rate."""
    from benchmarks import lr_find as test  # noqa: PLC0415 - `bench --help` needs none of it
    from benchmarks.progress import Bars  # noqa: PLC0415
    from utils.stopping import interruptible  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415

    if not 0 < low < high:
        raise BenchError("--from must be above 0 and below --to.")
    runs = runs or project_folder() / "runs"
    told = {"engine": engine, "weights": weights, "landmarks": landmarks}
    recipe = recipe_of(model, split, recipe_name, told, settings, labels=labels, results=results)
    with interruptible(), Bars() as bars:
        inputs = clips_of(recipe, data, store, bars)
        inputs.check(recipe)
        tried = test.Range(low, high, steps, smoothing)
        found = test.find(recipe, inputs, known_device(device), tried, bars, runs=runs)
    path = runs / "lr-find" / f"{model}-{recipe.split}-{recipe.id}.png"
    test.draw(path, found, f"{model} on {recipe.split}: range test of {recipe.optimizer}")
    _say(found, path)


def _say(found: Found, path: Path) -> None:
    """Print what the test came to."""
    if found.ended:
        typer.echo(f"Ended early: {found.ended}.")
    typer.echo(f"Lowest smoothed loss at lr {found.lowest:.2g}; stay well below it.")
    if found.suggested is None:
        typer.echo("No suggestion: the loss falls nowhere. Try more --steps, or look at the plot.")
    else:
        typer.echo(f"Suggested: --set lr={found.suggested:.2g}, where the loss falls fastest.")
    typer.echo(f"Wrote {path}")
