"""`bench submit`: many runs, as jobs on a cluster or one after the other on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks.commands.options import (
    Again,
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
    Seed,
    Seeds,
    Set,
    Store,
    Weights,
)
from benchmarks.commands.run import known_device, seed_layers
from utils.errors import BenchError
from utils.names import lookup

if TYPE_CHECKING:
    from slurm.ledger import Cluster
    from slurm.plan import Plan
    from slurm.profiles import Profile


Models = Annotated[
    list[str] | None, typer.Option("--model", "-m", help="Rows of `bench list`: a,b or several times.")
]
Splits = Annotated[list[str] | None, typer.Option(help="Subsets: 100,300 or several times; else 100.")]
Recipes = Annotated[
    list[str] | None, typer.Option("--recipe", help="Recipes by name, or files: a,b or several times.")
]


def submit(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    model: Models = None,
    split: Splits = None,
    labels: Labels = None,
    engine: Engine = None,
    seed: Seed = None,
    seeds: Seeds = None,
    recipe_name: Recipes = None,
    landmarks: Landmarks = None,
    settings: Set = None,
    weights: Weights = None,
    data: Data = None,
    store: Store = None,
    results: Results = None,
    runs: Runs = None,
    device: Device = "auto",
    devices: Annotated[
        int, typer.Option(min=1, help="Devices of a run in one task; a cluster's are in its profile.")
    ] = 1,
    evaluate_on: Annotated[
        list[str] | None,
        typer.Option(metavar="SPLIT[:LANDMARKS]", help="As of `bench run`; several times."),
    ] = None,
    again: Again = False,  # noqa: FBT002
    cluster: Annotated[
        str | None, typer.Option(help="slurm, local or debug; else slurm where there is one, else local.")
    ] = None,
    profile: ProfileName = None,
    profiles: Profiles = None,
    resource: Resource = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; submit nothing.")] = False,  # noqa: FBT002
    wait: Annotated[bool, typer.Option("--wait", help="Stay until the local runs have ended.")] = False,  # noqa: FBT002
    plan_file: Annotated[Path | None, typer.Option("--plan", help="Submit a plan's file instead.")] = None,
    write_to: Annotated[
        Path | None, typer.Option("--write-plan", help="Write the plan's file; submit nothing.")
    ] = None,
) -> None:
    """Submit runs: what has a result, or is queued or running, is not submitted again."""
    from slurm.profiles import profile as profile_of  # noqa: PLC0415 - `bench --help` needs none of it

    if (plan_file is None) == (not model):
        raise BenchError("Give --model, or --plan with a plan's file.")
    asked = profile_of(profile, profiles, resource or ())
    if plan_file is not None:
        plan = _read(plan_file, asked if profile or profiles or resource else None)
    else:
        folders = {"data": data, "store": store, "results": results, "runs": runs}
        plan = _planned(
            {"models": _listed(model), "splits": _listed(split), "recipes": _listed(recipe_name)},
            {"engine": engine, "weights": weights, "landmarks": landmarks},
            {"labels": labels, "settings": settings or [], "seed": seed, "seeds": seeds},
            (folders, _rest(folders, device, devices, evaluate_on or ())),
            asked,
        )
    _hand_over(plan, cluster, write_to, dry_run=dry_run, wait=wait, again=again)


def _read(path: Path, profile: Profile | None) -> Plan:
    """Return a file's plan, with another profile where one was asked for."""
    from slurm.plan import read_plan  # noqa: PLC0415

    plan = read_plan(path)
    return plan if profile is None else replace(plan, profile=profile)


def _hand_over(
    plan: Plan, cluster: str | None, path: Path | None, *, dry_run: bool, wait: bool, again: bool
) -> None:
    """Submit a plan; or write or show it, where that is asked for."""
    from benchmarks import submit_report  # noqa: PLC0415 - `bench --help` needs none of it
    from slurm.plan import write_plan  # noqa: PLC0415

    if path is not None:
        write_plan(path, plan)
        print(f"{len(plan.tasks)} tasks in {path}")  # noqa: T201 - the command's answer
    elif dry_run:
        submit_report.show_plan(plan, _cluster(cluster))
    else:
        submit_report.carry_out(plan, _cluster(cluster), wait=wait, again=again)


def _planned(
    rows: dict[str, list[str]],
    told: dict[str, str | None],
    more: dict[str, Any],
    places: tuple[dict[str, Path | None], list[str]],
    profile: Profile,
) -> Plan:
    """Return the plan of what the options ask for."""
    from benchmarks import chain  # noqa: PLC0415 - `bench --help` needs none of it
    from benchmarks.planning import Wanted, planned  # noqa: PLC0415
    from wlasl.datasets.revised import labelled  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415

    folders, rest = places
    results = folders["results"] or project_folder() / "results"
    told = {**told, "weights": chain.told(told["weights"], results)}
    wanted = Wanted(
        models=rows["models"],
        splits=[labelled(name, more["labels"]) for name in rows["splits"] or ["100"]],
        recipes=rows["recipes"] or (None,),
        runs=folders["runs"] or project_folder() / "runs",
        results=results,
        seeds=[one["seed"] for one in seed_layers(more["seed"], more["seeds"]) if one] or None,
        fields={name: value for name, value in told.items() if value is not None},
        settings=more["settings"],
        rest=rest,
    )
    return planned(wanted, profile)


def _rest(
    folders: dict[str, Path | None], device: str, devices: int, evaluate_on: Sequence[str]
) -> list[str]:
    """Return the words that each line ends with: folders, wherever it will be started, and more."""
    words = [word for name, path in folders.items() if path for word in (f"--{name}", str(path.absolute()))]
    words += [word for name in evaluate_on for word in ("--evaluate-on", name)]
    words += ["--device", known_device(device)] if device != "auto" else []
    return words + (["--devices", str(devices)] if devices > 1 else [])


def _listed(words: Sequence[str] | None) -> list[str]:
    """Return the names in `a,b` and in repeated options."""
    return [name.strip() for word in words or () for name in word.split(",") if name.strip()]


def _cluster(name: str | None) -> Cluster:
    """Return where to submit to: what was asked for, else Slurm where there is one, else this machine."""
    from slurm.cluster import installed, required  # noqa: PLC0415
    from slurm.ledger import CLUSTERS  # noqa: PLC0415

    table: dict[str, Cluster] = {known: known for known in CLUSTERS}
    if name is None:
        return "slurm" if installed() else "local"
    found = lookup("cluster", name, table)
    if found == "slurm":
        required()
    return found
