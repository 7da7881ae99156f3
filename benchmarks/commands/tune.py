"""`bench tune`: search a system's recipe on val, run the best over seeds, and show the table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks.commands.options import (
    Data,
    Device,
    Engine,
    Labels,
    Landmarks,
    ProfileName,
    Profiles,
    Resource,
    Results,
    Runs,
    Set,
    Split,
    Store,
    Weights,
)
from benchmarks.commands.run import known_device
from utils.errors import BenchError
from utils.names import lookup

if TYPE_CHECKING:
    from slurm.profiles import Profile


Objective = Annotated[str, typer.Option(help="val_top1, val_loss, latency, parameters; several with commas.")]
Pruner = Annotated[str | None, typer.Option(help="Ends bad trials early: none, hyperband, median or asha.")]
Searched = Annotated[
    list[str] | None,
    typer.Option(help="field=1e-4..1e-2:log, 0..0.5:0.1 or 64,128: search this too; several times."),
]


def tune(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    model: Annotated[str | None, typer.Option("--model", "-m", help="A row of `bench list`.")] = None,
    split: Split = "100",
    labels: Labels = None,
    tuner: Annotated[str, typer.Option(help="tpe, bayesian, random or hyperband.")] = "tpe",
    trials: Annotated[int | None, typer.Option(min=1, help="Recipes to try; else 50.")] = None,
    study: Annotated[str | None, typer.Option(help="The study's name; else MODEL-SPLIT-TUNER.")] = None,
    objective: Objective = "val_top1",
    pruner: Pruner = None,
    search: Searched = None,
    space: Annotated[Path | None, typer.Option(help="TOML file of what to search.")] = None,
    engine: Engine = None,
    recipe_name: Annotated[
        str | None, typer.Option("--recipe", help="What trials start from: a recipe by name, or a file.")
    ] = None,
    landmarks: Landmarks = None,
    settings: Set = None,
    weights: Weights = None,
    seeds: Annotated[str, typer.Option(help="Of the best recipe's runs: 0..4, 0,3,7 or none.")] = "0..2",
    workers: Annotated[int, typer.Option(min=1, help="Trials side by side.")] = 1,
    hours: Annotated[float | None, typer.Option(min=0, help="Stop after so long; else never.")] = None,
    library: Annotated[
        str | None, typer.Option(help="optuna or keras-tuner; else what fits the engine.")
    ] = None,
    search_seed: Annotated[int, typer.Option(min=0, help="Seed of the search.")] = 123,
    data: Data = None,
    store: Store = None,
    results: Results = None,
    runs: Runs = None,
    device: Device = "auto",
    cluster: Annotated[str, typer.Option(help="Where workers run: local or slurm.")] = "local",
    profile: ProfileName = None,
    profiles: Profiles = None,
    resource: Resource = None,
    worker: Annotated[bool, typer.Option("--worker", hidden=True)] = False,  # noqa: FBT002
    show: Annotated[str | None, typer.Option(metavar="STUDY", help="Draw and print a study.")] = None,
) -> None:
    """Search a system's recipe on val, run the best over seeds, score those once on test, show the table."""
    from benchmarks import chain  # noqa: PLC0415 - `bench --help` needs none of it
    from benchmarks.run import Places  # noqa: PLC0415
    from wlasl.datasets.revised import labelled  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415

    home = project_folder()
    places = Places(results or home / "results", runs or home / "runs")
    store = store or home / "data" / "stores"
    if show is not None:
        _show(places.runs, show)
        return
    around: dict[str, Any] = {"data": data, "store": store, "places": places, "device": known_device(device)}
    if worker:
        _work(study, around, seeds)
        return
    told = {"engine": engine, "weights": chain.told(weights, places.results), "landmarks": landmarks}
    base = (model, labelled(split, labels), recipe_name, told, settings or ())
    how = (study, tuner, objective, trials, pruner, library, search_seed, search or (), space)
    around |= {"workers": workers, "hours": hours, "profile": _profile(cluster, profile, profiles, resource)}
    _carry_out(base, how, around, seeds)


def _profile(
    cluster: str, name: str | None, profiles: Path | None, resource: list[str] | None
) -> Profile | None:
    """Return what a worker asks of Slurm; None for workers on this machine."""
    if lookup("cluster", cluster, {"local": "", "slurm": "yes"}) != "yes":
        if name or profiles or resource:
            raise BenchError("--profile, --profiles and --resource are for --cluster slurm.")
        return None
    from slurm.cluster import required  # noqa: PLC0415 - `bench --help` needs none of it
    from slurm.profiles import profile  # noqa: PLC0415

    required()
    return profile(name, profiles, resource or ())


def _carry_out(base: tuple[Any, ...], how: tuple[Any, ...], around: dict[str, Any], seeds: str) -> None:
    """Carry out the study that the options ask for."""
    from benchmarks import tune as tuning  # noqa: PLC0415 - it brings the data pipeline in
    from benchmarks.tune_asked import Base, Search, seeds_of, settings_of  # noqa: PLC0415

    settings = settings_of(Search(*how), Base(*base), around["places"].runs)
    tuning.carry_out(tuning.Request(settings, seeds=seeds_of(seeds), **around))


def _work(name: str | None, around: dict[str, Any], seeds: str) -> None:
    """Be a worker of a study."""
    from benchmarks import tune as tuning  # noqa: PLC0415 - it brings the data pipeline in
    from benchmarks.study import open_study  # noqa: PLC0415
    from benchmarks.tune_asked import seeds_of  # noqa: PLC0415

    if name is None:
        raise BenchError("A worker is told its study by --study.")
    study = open_study(around["places"].runs, name)
    tuning.be_worker(study, tuning.Request(study.settings, seeds=seeds_of(seeds), **around))


def _show(runs: Path, name: str) -> None:
    """Print and draw a study."""
    from benchmarks.study_show import show  # noqa: PLC0415

    show(runs, name)
