"""A study's workers as one Slurm job array on one shared folder; the last of them runs the best recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.planning import environment
from benchmarks.submit_report import carry_out as handed_over
from slurm.plan import Plan, Task
from slurm.profiles import Profile
from utils.errors import BenchError
from utils.files import short_hash

if TYPE_CHECKING:
    from benchmarks.study import Study
    from benchmarks.tune import Request

_DIGITS = 16


def submit(study: Study, request: Request, profile: Profile, *, most: int) -> None:
    """Hand workers to Slurm; those that are queued or at work already are not submitted again.

    Args:
        study: whose.
        request: what was asked for.
        profile: what a worker may use: one trial at a time, in one process.
        most: so many workers have something to do.

    Raises:
        BenchError: several processes per worker, or Slurm refuses.
    """
    if profile.processes > 1:
        raise BenchError(
            "A trial is trained in one process. Give --resource nodes=1 --resource tasks_per_node=1,"
            " and --workers N for several trials side by side."
        )
    handed_over(plan(study, request, profile, min(request.workers, most)), "slurm", wait=False)
    name = study.settings.study
    print(f"`bench tune --show {name}` shows what was found so far.")  # noqa: T201 - the command's answer
    print("The same line again submits workers where some are missing.")  # noqa: T201


def plan(study: Study, request: Request, profile: Profile, workers: int) -> Plan:
    """Return one worker line per task."""
    return Plan(
        tasks=tuple(
            Task(
                _key(study, number),
                worker_words(study, request),
                f"tune {study.settings.study} worker {number}",
            )
            for number in range(workers)
        ),
        runs=request.places.runs.absolute(),
        results=request.places.results.absolute(),
        profile=profile,
        environment=environment(),
    )


def _key(study: Study, number: int) -> str:
    """Return what stands for one worker of a study."""
    return short_hash([str(study.folder), number], _DIGITS)


def worker_words(study: Study, request: Request) -> tuple[str, ...]:
    """Return the words of a worker that also runs the best recipe once all trials have ended."""
    seeds = ",".join(map(str, request.seeds)) or "none"
    return ("tune", "--study", study.settings.study, "--worker", "--seeds", seeds, *request.words)


def missing_seeds(study: Study, request: Request) -> Sequence[int]:
    """Return the seeds over which the best recipe has not been run yet."""
    from benchmarks.asked import asked  # noqa: PLC0415 - only once a study has ended
    from benchmarks.recipe import revised  # noqa: PLC0415
    from benchmarks.records import index  # noqa: PLC0415
    from benchmarks.tune_best import best_recipe  # noqa: PLC0415

    recipe, _ = best_recipe(study)
    known = index(request.places.results)
    keys = {seed: asked(revised(recipe, seed=seed)) for seed in request.seeds}
    return [seed for seed, key in keys.items() if key not in known or known[key].status != "done"]
