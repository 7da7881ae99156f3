"""`bench folds`: judge a recipe by folds over train and val, where val alone is too small to choose by."""

from __future__ import annotations

from collections.abc import Mapping
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
    Seed,
    Set,
    Split,
    Store,
    Weights,
)
from benchmarks.commands.run import known_device, seed_layers
from utils.errors import BenchError
from utils.names import lookup, whole_numbers

if TYPE_CHECKING:
    from wlasl.folds import By

_WAYS: Mapping[str, By] = {"clip": "clip", "signer": "signer"}


def folds(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    model: Model,
    split: Split = "100",
    labels: Labels = None,
    count: Annotated[int, typer.Option("--folds", min=2, help="How many.")] = 5,
    by: Annotated[
        str, typer.Option(help="What stays together: clip (copies of a recording), or signer.")
    ] = "clip",
    only: Annotated[str | None, typer.Option(help="Some of the folds: 0..2 or 0,3.")] = None,
    engine: Engine = None,
    seed: Seed = None,
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
    """Train a recipe once per fold of train and val, and compare it with others; test is never read."""
    from rich.console import Console  # noqa: PLC0415 - `bench --help` needs none of it

    from benchmarks import folds as judging  # noqa: PLC0415
    from benchmarks import folds_report  # noqa: PLC0415
    from benchmarks.progress import Bars  # noqa: PLC0415
    from benchmarks.recipe import revised  # noqa: PLC0415
    from benchmarks.run import Machine, Places  # noqa: PLC0415
    from utils.stopping import interruptible  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415

    asked = judging.Asked(count, lookup("way to deal clips", by, _WAYS), _numbers(only))
    home = project_folder()
    places = Places(results or home / "results", runs or home / "runs")
    told = {"engine": engine, "weights": weights, "landmarks": landmarks}
    recipe = recipe_of(model, split, recipe_name, told, settings, labels=labels, results=results)
    recipe = revised(recipe, **seed_layers(seed, None)[0])
    with interruptible(), Bars() as bars:
        inputs = clips_of(recipe, data, store, bars)
        machine = Machine(known_device(device), progress=bars)
        dealt, mine = judging.judge(recipe, inputs, asked, places, machine)
    folds_report.print_folds(mine, judging.others(mine, dealt, places.runs), dealt, Console())


def _numbers(only: str | None) -> tuple[int, ...]:
    """Return the folds that are wanted; none for all."""
    if only is None:
        return ()
    numbers = whole_numbers(only)
    if not numbers:
        raise BenchError(f"--only takes 0..2 or 0,3, not {only!r}.")
    return tuple(numbers)
