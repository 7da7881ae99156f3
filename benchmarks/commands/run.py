"""`bench run`: train, choose on val, score test, record, and show the table."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks.commands.line import recipe_of
from benchmarks.commands.options import (
    Again,
    Data,
    Device,
    Engine,
    Labels,
    Landmarks,
    Model,
    RecipeName,
    Results,
    Runs,
    RuntimeName,
    Seed,
    Seeds,
    Set,
    Split,
    Store,
    Weights,
)
from utils.errors import BenchError
from utils.names import whole_numbers


def run(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    model: Model,
    split: Split = "100",
    labels: Labels = None,
    engine: Engine = None,
    seed: Seed = None,
    seeds: Seeds = None,
    recipe_name: RecipeName = None,
    landmarks: Landmarks = None,
    settings: Set = None,
    weights: Weights = None,
    data: Data = None,
    store: Store = None,
    results: Results = None,
    runs: Runs = None,
    device: Device = "auto",
    runtime: RuntimeName = "torch",
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
    again: Again = False,  # noqa: FBT002
) -> None:
    """Train a model, choose its checkpoint on val, score it once on test, and show the table."""
    from benchmarks import campaign  # noqa: PLC0415 - `bench --help` needs none of it
    from benchmarks.recipe import revised  # noqa: PLC0415
    from benchmarks.run import Machine, Places  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415

    home = project_folder()
    told = {"engine": engine, "weights": weights, "landmarks": landmarks}
    recipe = recipe_of(model, split, recipe_name, told, settings, labels=labels, results=results)
    request = campaign.Request(
        recipes=[revised(recipe, **seed) for seed in seed_layers(seed, seeds)],
        data=data,
        store=store or home / "data" / "stores",
        places=Places(results or home / "results", runs or home / "runs"),
        machine=Machine(known_device(device), devices, known_runtime(runtime), wait=_waits(if_running)),
        again=again,
        evaluate_on=evaluate_on or (),
    )
    outcomes = campaign.carry_out(request)
    if outcomes[0].main:
        campaign.show(outcomes, request)


def seed_layers(seed: int | None, seeds: str | None) -> list[dict[str, int]]:
    """Return the seed layer of each run.

    Raises:
        BenchError: both options at once, or a list that is none.
    """
    if seed is not None and seeds is not None:
        raise BenchError("Give --seed or --seeds, not both.")
    if seeds is None:
        return [{}] if seed is None else [{"seed": seed}]
    numbers = whole_numbers(seeds)
    if not numbers:
        raise BenchError(f"--seeds takes 0..4 or 0,3,7, not {seeds!r}.")
    return [{"seed": number} for number in numbers]


def _waits(answer: str) -> bool:
    """Say whether to wait for another process that runs the same."""
    if answer not in {"wait", "leave"}:
        raise BenchError(f"--if-running takes wait or leave, not {answer!r}.")
    return answer == "wait"


def known_runtime(name: str) -> str:
    """Refuse a runtime that is none."""
    known = ("torch", "auto", "openvino", "onnx")
    if name not in known:
        raise BenchError(f"--runtime takes {', '.join(known[:-1])} or {known[-1]}, not {name!r}.")
    return name


def known_device(name: str) -> str:
    """Refuse a device that is none."""
    if name not in {"auto", "cpu", "cuda"}:
        raise BenchError(f"--device takes auto, cpu or cuda, not {name!r}.")
    return name
