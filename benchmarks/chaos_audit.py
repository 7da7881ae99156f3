"""What the chaos test holds against a folder of results: nothing lost, doubled, damaged, wrong or done twice.

Right is what the same training gives when nothing disturbs it, number for number. What was really done stands
in the log that each run keeps of its steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

from benchmarks import metrics
from benchmarks.asked import asked_of
from benchmarks.chaos_engine import CLASSES, PER_CLASS, STEPS_LOG, ChaosEngine, MadeBatches, MadeInputs
from benchmarks.chaos_run import made_recipe
from benchmarks.engine import Job
from benchmarks.fitting import Fit
from benchmarks.records import Stored, read_records
from benchmarks.run import Places
from models import zoo

STEPS = CLASSES * PER_CLASS // 2
"""Steps of an epoch, which is what lies between two checkpoints."""


@dataclass(frozen=True)
class Audit:
    """What was found wrong, by seed or by file.

    Attributes:
        runs: how many there should be.
        lost: runs without a result.
        failed: runs whose record says why they failed.
        duplicated: runs with more than one record.
        corrupt: files that are no record, or were changed after they were written.
        wrong: runs whose result is not the undisturbed one.
        twice: runs that two processes worked on at a time, or that went back beyond the last checkpoint.
        redone: steps that were taken again after a cut, since the last checkpoint.
        cuts: how often a run was taken up again.
    """

    runs: int
    lost: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()
    duplicated: tuple[int, ...] = ()
    corrupt: tuple[str, ...] = ()
    wrong: tuple[int, ...] = ()
    twice: tuple[int, ...] = ()
    redone: int = 0
    cuts: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.failed or self.duplicated or self.corrupt or self.wrong or self.twice)


@dataclass
class _Steps:
    """What a run's log says.

    Attributes:
        redone: steps that were taken more than once.
        cuts: attempts after the first.
        twice: two attempts took turns, or one went back beyond a checkpoint.
    """

    redone: int = 0
    cuts: int = 0
    twice: bool = False


@dataclass
class _Shelf:
    """Records by seed."""

    done: dict[int, list[Stored]] = field(default_factory=dict)
    failed: dict[int, list[Stored]] = field(default_factory=dict)
    corrupt: list[str] = field(default_factory=list)


def audited(seeds: Iterable[int], epochs: int, places: Places) -> Audit:
    """Compare every record and every log of a folder with what should be there."""
    wanted = sorted(set(seeds))
    shelf = _shelf(places.results)
    logs = {path.parent.name: read_steps(path) for path in places.runs.glob(f"*/{STEPS_LOG}")}
    ids = {stored.record.id: seed for seed, found in shelf.done.items() for stored in found}
    return Audit(
        runs=len(wanted),
        lost=tuple(seed for seed in wanted if seed not in shelf.done and seed not in shelf.failed),
        failed=tuple(seed for seed in wanted if seed not in shelf.done and seed in shelf.failed),
        duplicated=tuple(seed for seed, found in sorted(shelf.done.items()) if len(found) > 1),
        corrupt=tuple(shelf.corrupt),
        wrong=tuple(seed for seed, found in sorted(shelf.done.items()) if not _right(found, seed, epochs)),
        twice=tuple(sorted(ids.get(name, -1) for name, steps in logs.items() if steps.twice)),
        redone=sum(steps.redone for steps in logs.values()),
        cuts=sum(steps.cuts for steps in logs.values()),
    )


def _shelf(results: Path) -> _Shelf:
    """Sort what lies in a folder of results."""
    found, shelf = read_records(results), _Shelf()
    shelf.corrupt.extend(found.unreadable)
    for stored in found.records:
        record = stored.record
        if stored.altered:
            shelf.corrupt.append(f"{stored.path}: {stored.altered}")
            continue
        table = shelf.done if record.status == "done" else shelf.failed
        table.setdefault(int(record.recipe["seed"]), []).append(stored)
    return shelf


def _right(found: list[Stored], seed: int, epochs: int) -> bool:
    """Say whether all records of a seed are what the undisturbed training gives."""
    key = asked_of(made_recipe(seed, epochs).model_dump(mode="json"))
    right = undisturbed(seed, epochs)
    return all(
        asked_of(stored.record.recipe) == key and stored.record.metrics["test"]["loss"] == right
        for stored in found
    )


class _Undisturbed(Fit):
    """The loop without a file."""

    def _save(self) -> None:
        """Keep nothing."""

    def _resume(self) -> None:
        """Begin at the beginning."""


@cache
def undisturbed(seed: int, epochs: int) -> float:
    """Return the test loss of a made run that nobody disturbed."""
    recipe, inputs = made_recipe(seed, epochs), MadeInputs()
    job = Job(classes=CLASSES, input=zoo.system(recipe.model).input, folder=Path())
    engine = ChaosEngine(recipe, job, attempt="")
    train, val, test = (MadeBatches(inputs.clips(part)) for part in ("train", "val", "test"))
    _Undisturbed(engine.learner, recipe, job).run(train, val)
    loss = metrics.evaluate(engine.predict(test), test.labels)["loss"]
    return float(loss or 0.0)


def read_steps(path: Path) -> _Steps:
    """Read a run's log: where each attempt began, and whether any came back after another had begun."""
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    places = [(STEPS * int(epoch) + int(step), attempt) for epoch, step, attempt in rows]
    found = _Steps(redone=len(places) - len({place for place, _ in places}))
    seen = {attempt for _, attempt in places[:1]}
    for (before, earlier), (place, attempt) in pairwise(places):
        if attempt == earlier:
            found.twice |= place != before + 1
            continue
        found.cuts += 1
        # Cut before the checkpoint at an epoch's end was written, it goes back to that epoch's beginning.
        found.twice |= attempt in seen or not before - STEPS < place <= before + 1
        seen.add(attempt)
    return found
