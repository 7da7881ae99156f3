"""Probes of a finished run: its chosen weights score the test part again, changed in ways that should matter.

Nothing is trained, chosen or tuned here: what is scored was chosen before, and the record of the run stays
as it is. A system that names signs by their movement fails where frames are shuffled, and takes a sign for
its reversal where they are reversed; one that does not cannot tell the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import metrics
from benchmarks.engine import Batches, Engine, Scores
from benchmarks.finished import Request, check_run, inputs_of_run, taken_up
from benchmarks.inputs import Inputs
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
from benchmarks.recipe import restored
from benchmarks.recipe_base import Recipe
from benchmarks.records import Stored
from benchmarks.schema import Record
from benchmarks.where import where
from utils.clock import now
from utils.errors import BenchError
from utils.progress import Progress

_KEPT = ("clips", "hits1", "top1", "hits5", "top5", "loss", "ties")
"""The metrics that a probe keeps of each scoring."""
_UNSURE = (1e-5, 1e-3)
"""Changes of a log-probability that single precision's rounding alone can make."""


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


def _carried_out(recipe: Recipe, record: Record, inputs: Inputs, request: Request) -> ProbeRecord:
    """Take up the run's weights and score the test part under every probe."""
    started, machine = now(), request.machine
    engine = taken_up(recipe, record.id, inputs, request.places, machine)
    partners = reversals(recipe.split, inputs.dataset.subset.glosses)
    return ProbeRecord(
        id=record.id,
        model=record.model,
        split=record.split,
        of=record.finished,
        test=record.clips.test,
        probes=_scored(engine, recipe, inputs, machine.progress, partners),
        where=where(recipe.engine, engine.facts()),
        started=started,
        finished=now(),
    )


def _scored(
    engine: Engine, recipe: Recipe, inputs: Inputs, progress: Progress, partners: Mapping[int, int]
) -> dict[str, Probed]:
    """Score the test part under every probe, the plain one first."""
    plain: Scores | None = None
    found: dict[str, Probed] = {}
    for name, one in PROBES.items():
        draws = _drawn(recipe, inputs, name)
        if not draws:
            found[name] = Probed(reason="pixels have no joints to hide")
            continue
        progress.begin(f"{name}: {one.words}", sum(part.steps() for part in draws))
        scores = [engine.predict(part) for part in draws]
        plain = scores[0] if plain is None else plain
        kept = tuple(measured(each, draws[0].labels, partners) for each in scores)
        change = None if name == PLAIN else max(largest_change(plain, each) for each in scores)
        found[name] = Probed(draws=kept, change=change)
        progress.end(_headline(found[name]))
    return _exactly(engine, recipe, inputs, progress, found)


def _exactly(
    engine: Engine, recipe: Recipe, inputs: Inputs, progress: Progress, found: dict[str, Probed]
) -> dict[str, Probed]:
    """Look again in double precision at changes that may be rounding."""
    low, high = _UNSURE
    unsure = [name for name, one in found.items() if one.change is not None and low <= one.change < high]
    if not unsure or not engine.in_double():
        return found
    progress.say(f"{', '.join(unsure)}: changes of {low:.0e} to {high:.0e}, looked at in double precision")
    (plain,) = _drawn(recipe, inputs, PLAIN)
    before = engine.predict(plain)
    changes = {
        name: max(largest_change(before, engine.predict(part)) for part in _drawn(recipe, inputs, name))
        for name in unsure
    }
    return found | {name: found[name].model_copy(update={"double": to}) for name, to in changes.items()}


def _drawn(recipe: Recipe, inputs: Inputs, name: str) -> list[Batches]:
    """Return the test part as a probe changes it, once for each of its draws; nothing where it cannot."""
    parts = (batches(recipe, inputs, name, draw) for draw in range(PROBES[name].draws))
    return [part for part in parts if part is not None]


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
