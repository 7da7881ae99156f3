"""`bench run`: train, choose on val, score test, record, and show the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.commands.options import Data, Landmarks, Model, Results, Runs, Set, Split, Store
from utils.errors import BenchError

if TYPE_CHECKING:
    from benchmarks.recipe_base import Recipe


def run(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    model: Model,
    split: Split = "100",
    engine: Annotated[str | None, typer.Option(help="torch or tensorflow; else torch.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the run; else 0.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Several seeds: 0..4 or 0,3,7.")] = None,
    recipe_name: Annotated[
        str | None, typer.Option("--recipe", help="A recipe of the model by name, or a file, TOML or JSON.")
    ] = None,
    landmarks: Landmarks = None,
    settings: Set = None,
    weights: Annotated[str | None, typer.Option(help="none, kinetics, or a checkpoint file.")] = None,
    data: Data = None,
    store: Store = None,
    results: Results = None,
    runs: Runs = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Processes, each with a device of its own.")] = 1,
    evaluate_on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPLIT[:LANDMARKS]",
            help="Also tell its signs apart that were not trained on, by embeddings; several times.",
        ),
    ] = None,
    if_running: Annotated[
        str, typer.Option(help="Where another process runs the same: wait for it, or leave it alone.")
    ] = "wait",
    again: Annotated[bool, typer.Option("--again", help="Train anew where a result is there.")] = False,  # noqa: FBT002
) -> None:
    """Train a model, choose its checkpoint on val, score it once on test, and show the table."""
    from benchmarks import campaign  # noqa: PLC0415 - `bench --help` needs none of it
    from benchmarks.run import Machine, Places  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415

    home = project_folder()
    layer = {"engine": engine, "weights": weights, "landmarks": landmarks}
    recipes = _recipes((model, split), recipe_name, layer, settings or [], seed_layers(seed, seeds))
    request = campaign.Request(
        recipes=recipes,
        data=data,
        store=store or home / "data" / "stores",
        places=Places(results or home / "results", runs or home / "runs"),
        machine=Machine(known_device(device), devices, wait=_waits(if_running)),
        again=again,
        evaluate_on=evaluate_on or (),
    )
    outcomes = campaign.carry_out(request)
    if outcomes[0].main:
        campaign.show(outcomes, request)


def _recipes(
    run_of: tuple[str, str],
    name: str | None,
    told: dict[str, str | None],
    settings: list[str],
    seeds: list[dict[str, int]],
) -> list[Recipe]:
    """Return one recipe per seed: the named fields, then the options', then `--set`'s."""
    from benchmarks.recipe import parse_settings, recipe_fields, resolve  # noqa: PLC0415

    fields = recipe_fields(run_of[0], name) if name else {}
    options = {name: value for name, value in told.items() if value is not None}
    return [resolve(*run_of, fields, options, parse_settings(settings), seed) for seed in seeds]


def seed_layers(seed: int | None, seeds: str | None) -> list[dict[str, int]]:
    """Return the seed layer of each run.

    Raises:
        BenchError: both options at once, or a list that is none.
    """
    if seed is not None and seeds is not None:
        raise BenchError("Give --seed or --seeds, not both.")
    if seeds is None:
        return [{}] if seed is None else [{"seed": seed}]
    try:
        first, dots, last = seeds.partition("..")
        numbers = list(range(int(first), int(last) + 1)) if dots else [int(word) for word in seeds.split(",")]
    except ValueError:
        numbers = []
    if not numbers:
        raise BenchError(f"--seeds takes 0..4 or 0,3,7, not {seeds!r}.")
    return [{"seed": number} for number in dict.fromkeys(numbers)]


def _waits(answer: str) -> bool:
    """Say whether to wait for another process that runs the same."""
    if answer not in {"wait", "leave"}:
        raise BenchError(f"--if-running takes wait or leave, not {answer!r}.")
    return answer == "wait"


def known_device(name: str) -> str:
    """Refuse a device that is none."""
    if name not in {"auto", "cpu", "cuda"}:
        raise BenchError(f"--device takes auto, cpu or cuda, not {name!r}.")
    return name
