"""What a study came to: its best recipe as a file, what it took, and runs of that recipe marked as tuned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.recipe import revised, to_toml
from benchmarks.recipe_base import Recipe
from benchmarks.schema import Tuning
from benchmarks.study import FINISHED, UPWARDS, Study, Trial, told, worth
from utils.errors import FAILURE, BenchError
from utils.files import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.run import Outcome


def best_of(study: Study, trials: Iterable[Trial]) -> Trial | None:
    """Return the trial that is best by the first objective, then the next; the earliest of equals."""
    done = [trial for trial in trials if trial.state == "complete"]
    return min(done, key=lambda trial: (*_costs(study, trial), trial.number), default=None)


def _costs(study: Study, trial: Trial) -> tuple[float, ...]:
    """Return a trial's values, each the better the lower."""
    return tuple(
        -trial.values[name] if name in UPWARDS else trial.values[name] for name in study.settings.objectives
    )


def front(study: Study, trials: Iterable[Trial]) -> list[Trial]:
    """Return the trials that no other beats in every objective, by the first one; twins count once."""
    done = [trial for trial in trials if trial.state == "complete" and trial.same_as is None]
    kept = [one for one in done if not any(_beats(study, other, one) for other in done)]
    return sorted(kept, key=lambda trial: (_costs(study, trial), trial.number))


def _beats(study: Study, one: Trial, other: Trial) -> bool:
    """Say whether a trial is nowhere worse than another, and somewhere better."""
    mine, theirs = _costs(study, one), _costs(study, other)
    return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))


def hours(trials: Iterable[Trial]) -> float:
    """Return what all trials took; one that goes on from another's checkpoint counts the other's time too."""
    taken: dict[int, float] = {}
    for trial in trials:
        taken[trial.root] = max(taken.get(trial.root, 0.0), trial.seconds)
    return round(sum(taken.values()) / 3600, 4)


def tried(trials: Iterable[Trial]) -> int:
    """Return how many recipes were tried: one that was taken up again counts once."""
    return sum(trial.state in FINISHED for trial in trials)


def tuning(study: Study) -> Tuning:
    """Return what a run's record says of the study that its recipe came from."""
    settings, trials = study.settings, list(study.all().values())
    pruned = "" if settings.pruner in {"none", settings.tuner} else f" with {settings.pruner}"
    return Tuning(
        study=settings.study,
        tuner=f"{settings.library} {settings.tuner}{pruned}",
        objectives=settings.objectives,
        trials=tried(trials),
        hours=hours(trials),
    )


def best_recipe(study: Study) -> tuple[Recipe, Trial]:
    """Return the best trial and its whole recipe.

    Raises:
        BenchError: no trial was completed.
    """
    trials = list(study.all().values())
    best = best_of(study, trials)
    if best is None:
        failed = [trial for trial in trials if trial.state == "failed"]
        why = f" The last that failed: {failed[-1].reason}" if failed else ""
        raise BenchError(f"No trial of {study.settings.study} is complete.{why}", exit_code=FAILURE)
    return revised(study.settings.base, **best.parameters), best


def write_best(study: Study) -> Path:
    """Write the best recipe as a recipe file, and with several objectives one per trial of the front."""
    recipe, best = best_recipe(study)
    write_text(study.best, _head(study, best) + to_toml(recipe))
    if len(study.settings.objectives) > 1:
        for trial in front(study, study.all().values()):
            text = _head(study, trial) + to_toml(revised(study.settings.base, **trial.parameters))
            write_text(study.folder / f"front-{trial.number}.toml", text)
    return study.best


def _head(study: Study, trial: Trial) -> str:
    """Say in comments where a recipe came from."""
    found = tuning(study)
    cost = f"{found.tuner}, {found.trials} trials, {found.hours:.2f} h"
    return (
        f"# Trial {trial.number} of study {found.study} ({cost}): {worth(trial)} on val.\n"
        f"# Searched: {told(trial.parameters)}.\n"
    )


def stamped(outcomes: Sequence[Outcome], study: Study, results: Path) -> list[Outcome]:
    """Write into the records of a study's final runs that their recipe was tuned, and at what cost."""
    from benchmarks.records import write_record  # noqa: PLC0415 - who only looks at a study needs it not

    found = tuning(study)
    marked = []
    for outcome in outcomes:
        known = outcome.record.tuning
        # The first study that came to a recipe keeps it: another one takes nothing away.
        if outcome.main and known != found and (known is None or known.study == found.study):
            record = outcome.record.model_copy(update={"tuning": found})
            outcome = replace(outcome, record=record, path=write_record(results, record))  # noqa: PLW2901
        marked.append(outcome)
    return marked
