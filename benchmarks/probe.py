"""Probes of a finished run: its chosen weights score the test part again, changed in ways that should matter.

Nothing is trained, chosen or tuned here: what is scored was chosen before, and the record of the run stays
as it is. A system that names signs by their movement fails where frames are shuffled, and takes a sign for
its reversal where they are reversed; one that does not cannot tell the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import metrics
from benchmarks.engine import Engine, Job, Scores
from benchmarks.inputs import Inputs, loader, prepared
from benchmarks.probe_batches import batches
from benchmarks.probe_names import PLAIN, PROBES
from benchmarks.probe_records import (
    Draw,
    Probed,
    ProbeRecord,
    StoredProbes,
    agrees,
    probes_path,
    read_probes,
    write_probes,
)
from benchmarks.recipe import restored, revised
from benchmarks.recipe_base import Recipe
from benchmarks.records import Stored
from benchmarks.run import Machine, Places, engine_of
from benchmarks.schema import Record
from benchmarks.where import where
from models import zoo
from utils.clock import now
from utils.errors import FAILURE, BenchError
from wlasl.landmarks.sources import SOURCES
from wlasl.subsets import load

_KEPT = ("clips", "hits1", "top1", "hits5", "top5", "loss", "ties")
"""The metrics that a probe keeps of each scoring."""


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


def probe(run: Stored, request: Request) -> StoredProbes:
    """Probe a finished run, or recognise that it has been, and return what was found.

    Raises:
        BenchError: the run has no result to probe, or its weights or its clips are gone or are others.
    """
    record = run.record
    check_run(run, request.places)
    found = None if request.again else known(request.places.results, record)
    if found is not None:
        request.machine.progress.say(f"run {record.id} is probed already; --again does it anew")
        return found
    recipe = restored(record.recipe)
    inputs = inputs_of_run(recipe, record, request)
    made = _carried_out(recipe, record, inputs, request)
    path = probes_path(request.places.results, record)
    write_probes(path, made)
    if not agrees(made, record.metrics):
        request.machine.progress.say(disagreement(made, record))
    return StoredProbes(made, path)


def known(results: Path, record: Record) -> StoredProbes | None:
    """Return the probes of a run where they are there, unaltered, and of all kinds that there are."""
    try:
        found = read_probes(results, record)
    except BenchError:
        return None
    return found if found and not found.stale and found.record.probes.keys() == PROBES.keys() else None


def disagreement(found: ProbeRecord, record: Record) -> str:
    """Say that the plain scores are not those of the record, and what that may mean."""
    now, then = found.top1(PLAIN) or 0.0, record.metrics["test"].get("top1") or 0.0
    return (
        f"Scored again as it was, run {record.id} has top-1 {now:.2%}; its record says {then:.2%}. Other"
        " versions of the libraries or another processor round differently; or the weights are others."
    )


def check_run(run: Stored, places: Places) -> None:
    """Refuse a run that has no result, or no weights on this machine."""
    record = run.record
    if run.altered:
        raise BenchError(f"The record of run {run.path.stem} is not to be trusted: {run.altered}.")
    if record.status != "done":
        raise BenchError(f"Run {record.id} is {record.status} ({record.reason}): there is nothing to probe.")
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


def _carried_out(recipe: Recipe, record: Record, inputs: Inputs, request: Request) -> ProbeRecord:
    """Take up the run's weights and score the test part under every probe."""
    started, machine = now(), request.machine
    job = Job(
        classes=len(inputs.dataset.subset.glosses),
        input=zoo.system(recipe.model).input,
        folder=request.places.runs / record.id,
        device=machine.device,
        runtime=machine.runtime,
        progress=machine.progress,
    )
    engine = engine_of(recipe, job)
    engine.restore(loader(recipe, inputs, "train", train=True))
    partners = reversals(recipe.split, inputs.dataset.subset.glosses)
    return ProbeRecord(
        id=record.id,
        model=record.model,
        split=record.split,
        of=record.finished,
        test=record.clips.test,
        probes=_scored(engine, recipe, inputs, job, partners),
        where=where(recipe.engine, engine.facts()),
        started=started,
        finished=now(),
    )


def _scored(
    engine: Engine, recipe: Recipe, inputs: Inputs, job: Job, partners: Mapping[int, int]
) -> dict[str, Probed]:
    """Score the test part under every probe, the plain one first."""
    plain: Scores | None = None
    found: dict[str, Probed] = {}
    for name, one in PROBES.items():
        draws = [
            part for draw in range(one.draws) if (part := batches(recipe, inputs, name, draw)) is not None
        ]
        if not draws:
            found[name] = Probed(reason="pixels have no joints to hide")
            continue
        job.progress.begin(f"{name}: {one.words}", sum(part.steps() for part in draws))
        scores = [engine.predict(part) for part in draws]
        plain = scores[0] if plain is None else plain
        kept = tuple(measured(each, draws[0].labels, partners) for each in scores)
        change = None if name == PLAIN else max(largest_change(plain, each) for each in scores)
        found[name] = Probed(draws=kept, change=change)
        job.progress.end(_headline(found[name]))
    return found


def measured(scores: Scores, labels: npt.NDArray[np.int64], partners: Mapping[int, int]) -> Draw:
    """Return what a probe keeps of one scoring.

    Args:
        scores: float32 [clips, classes].
        labels: int64 [clips].
        partners: per class that is another one's reversal, that one.
    """
    whole = metrics.evaluate(scores, labels)
    found: Draw = {name: whole[name] for name in _KEPT}
    paired = [row for row, label in enumerate(labels.tolist()) if label in partners]
    if paired:
        other = [partners[int(labels[row])] for row in paired]
        right = scores[paired, labels[paired]] > scores[paired, other]
        found |= {"pairs": len(paired), "pair_hits": int(right.sum())}
    return found


def reversals(split: str, glosses: Sequence[str]) -> dict[int, int]:
    """Return, per class that is another one's reversal, that one: only the sample has such signs."""
    if split != "sample":
        return {}
    from wlasl.sample.signs import REVERSED_PAIRS  # noqa: PLC0415 - drawing the sample brings heavy packages

    at = {gloss: label for label, gloss in enumerate(glosses)}
    pairs = [(at[one], at[other]) for one, other in REVERSED_PAIRS if one in at and other in at]
    return dict(pairs) | {other: one for one, other in pairs}


def largest_change(plain: Scores, scores: Scores) -> float:
    """Return the largest difference of any log-probability; those that are -inf in both do not differ.

    A chance that became 0, or was 0 before, counts as float32's smallest.
    """
    least = np.log(np.finfo(np.float32).smallest_subnormal.astype(np.float64))
    one, other = (np.maximum(each.astype(np.float64), least) for each in (plain, scores))
    return float(np.abs(one - other).max(initial=0.0))


def _headline(found: Probed) -> str:
    """Say what a probe found, in a few words."""
    top1, clips = found.mean("top1") or 0.0, found.draws[0]["clips"]
    return f"top-1 {100 * top1:.1f} % of {clips} clips"
