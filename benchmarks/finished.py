"""A finished run taken up again: its chosen weights, on the clips that it was trained and scored on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.engine import Engine, Job
from benchmarks.inputs import Inputs, loader, prepared
from benchmarks.recipe import revised
from benchmarks.recipe_base import Recipe
from benchmarks.records import Stored
from benchmarks.run import Machine, Places, engine_of
from benchmarks.schema import Record
from models import zoo
from utils.errors import FAILURE, BenchError
from wlasl.landmarks.sources import SOURCES
from wlasl.subsets import load


@dataclass(frozen=True)
class Request:
    """What a command line asks for.

    Attributes:
        places: where records lie, and where runs keep their weights.
        data: the data set's folder; None for the usual places.
        store: where prepared clips lie.
        machine: device and progress.
        landmarks: where the run's landmarks lie now; None for where its recipe says.
        again: probe anew where that was done.
    """

    places: Places
    data: Path | None
    store: Path
    machine: Machine
    landmarks: str | None = None
    again: bool = False


def check_run(run: Stored, places: Places) -> None:
    """Refuse a run that has no result, or no weights on this machine."""
    record = run.record
    if run.altered:
        raise BenchError(f"The record of run {run.path.stem} is not to be trusted: {run.altered}.")
    if record.status != "done":
        why = f"{record.status} ({record.reason})"
        raise BenchError(f"Run {record.id} is {why}: it has no result to go on from.")
    folder = places.runs / record.id
    if record.selection is not None and record.selection.epoch < 0:
        raise BenchError(f"Run {record.id} was scored with the weights that it began with, and kept none.")
    if not any(folder.glob("best.*")):
        raise BenchError(
            f"The weights of run {record.id} are not on this machine: {folder} has no best.pt or"
            " best.weights.npz. Copy the folder here, give another with --runs, or train the run anew.",
            exit_code=FAILURE,
        )


def inputs_of_run(recipe: Recipe, record: Record, request: Request) -> Inputs:
    """Return the clips of a run, and refuse others.

    Raises:
        BenchError: the test clips are not those that the run scored, or their landmarks are not.
    """
    progress = request.machine.progress
    dataset = load(recipe.split, request.data, progress)
    inputs = prepared(_found(recipe, record, request), dataset, request.store, progress=progress)
    here, how = inputs.fingerprint("test"), "Give the run's own with --data"
    if here != record.clips.test:
        what = f"The test clips under {dataset.root} are not those that run {record.id} scored"
        count = f"{len(inputs.clips('test'))} clips, fingerprint {here}, not {record.clips.test}"
        raise BenchError(f"{what} ({count}). {how}.")
    if inputs.landmarks is not None and inputs.content() != recipe.clips:
        what = (
            f"The landmarks under {dataset.root} are not those that run {record.id} was trained and scored on"
        )
        raise BenchError(
            f"{what} (fingerprint {inputs.content()}, not {recipe.clips}). {how} or --landmarks."
        )
    return inputs


def _found(recipe: Recipe, record: Record, request: Request) -> Recipe:
    """Return the recipe with the source that its landmarks have on this machine.

    Raises:
        BenchError: they came from a file or folder whose place a record does not hold, and nobody says it.
    """
    named = getattr(recipe, "landmarks", "")
    if not named:
        return recipe
    if request.landmarks is None and named not in SOURCES:
        raise BenchError(
            f"Run {record.id} saw landmarks of a file or folder of its own, {named}. Say where they lie now"
            " with --landmarks."
        )
    return revised(recipe, landmarks=request.landmarks or named)


def taken_up(recipe: Recipe, run_id: str, inputs: Inputs, places: Places, machine: Machine) -> Engine:
    """Return a finished run's engine with the weights that it chose.

    Raises:
        BenchError: the weights are gone, or are of another network.
    """
    job = Job(
        classes=len(inputs.dataset.subset.glosses),
        input=zoo.system(recipe.model).input,
        folder=places.runs / run_id,
        device=machine.device,
        runtime=machine.runtime,
        progress=machine.progress,
    )
    engine = engine_of(recipe, job)
    engine.restore(loader(recipe, inputs, "train", train=True))
    return engine
