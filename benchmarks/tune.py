"""What one `bench tune` line asks for: a study carried out by workers, its best recipe run over seeds."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks import campaign
from benchmarks.inputs import initial_weights, prepared
from benchmarks.progress import Bars
from benchmarks.recipe import revised
from benchmarks.run import Machine, Places
from benchmarks.study import Settings, Study, begin_study, worth
from benchmarks.tune_best import best_recipe, stamped, tuning, write_best
from benchmarks.tune_pool import Pool, worker_line
from slurm.profiles import Profile
from utils.errors import BenchError
from utils.imports import optional
from utils.stopping import interruptible
from wlasl.subsets import load


@dataclass(frozen=True)
class Request:
    """What a command line asks for.

    Attributes:
        settings: of the study.
        data: the data set's folder; None for the usual places.
        store: where prepared clips lie.
        places: where studies, checkpoints and records go.
        device: auto, cpu or cuda.
        workers: how many trials are carried out side by side.
        hours: after so long no trial is left at work on this machine; None for no limit.
        seeds: of the runs of the best recipe; none for no runs.
        profile: what a worker asks of Slurm; None for workers on this machine.
    """

    settings: Settings
    data: Path | None
    store: Path
    places: Places
    device: str = "auto"
    workers: int = 1
    hours: float | None = None
    seeds: Sequence[int] = ()
    profile: Profile | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """Return what a worker's line says of folders and device."""
        folders = {
            "--runs": self.places.runs,
            "--results": self.places.results,
            "--store": self.store,
            "--data": self.data,
        }
        told = [word for name, path in folders.items() if path for word in (name, str(path.absolute()))]
        return (*told, "--device", self.device)


def carry_out(request: Request) -> Study:
    """Carry out a study, go on with one that was cut, and run its best recipe over the seeds.

    Raises:
        BenchError: nothing can be trained, or no trial was completed.
        KeyboardInterrupt: stopped; the same line goes on from there.
    """
    settings = request.settings
    package = "keras_tuner" if settings.library == "keras-tuner" else "optuna"
    if (
        importlib.util.find_spec(package) is None
    ):  # keras-tuner is not imported here: TensorFlow comes with it
        optional(package, "tune")
    if settings.base.chosen_on_test:
        raise BenchError("This recipe chooses on test, and a study sees val alone: tune another recipe.")
    if getattr(settings.base, "train_on_val", False):
        raise BenchError("This recipe trains on val, by which a study judges: tune another recipe.")
    if settings.library == "keras-tuner" and request.workers > 1:
        raise BenchError(
            "keras-tuner searches in one process: leave --workers at 1, or use --library optuna."
        )
    if request.profile is not None and request.hours is not None:
        raise BenchError(
            "--hours is for workers on this machine. One on Slurm ends for good at its time limit with"
            " --resource time=H:MM:SS --resource requeues=0."
        )
    study = begin(request)
    if request.profile is not None:
        _on_slurm(study, request, request.profile)
        return study
    with Bars("trials") as bars:
        pool = Pool(study, worker_line(study, request.words), request.workers, request.hours)
        finished = pool.run(bars)
    report(study)
    if finished and request.seeds:
        final_runs(study, request)
    return study


def _on_slurm(study: Study, request: Request, profile: Profile) -> None:
    """Hand workers to Slurm as long as there are trials to begin, or seeds to run; else say what came out."""
    from benchmarks import tune_slurm  # noqa: PLC0415 - only where there is a Slurm

    waiting, running = trials_left(study)
    if waiting or running:
        tune_slurm.submit(study, request, profile, most=max(1, waiting))
        return
    report(study)
    if tune_slurm.missing_seeds(study, request):
        tune_slurm.submit(study, request, profile, most=1)
    elif request.seeds:
        final_runs(study, request)


def trials_left(study: Study) -> tuple[int, int]:
    """Return how many trials of a study are to begin, and how many somebody works on."""
    if study.settings.library == "keras-tuner":
        from benchmarks.tune_keras import left  # noqa: PLC0415 - the other library's
    else:
        from benchmarks.study_claim import left  # noqa: PLC0415 - Optuna takes a second
    return left(study)


def be_worker(study: Study, request: Request) -> None:
    """Carry out trials; once all have ended, run the best recipe over the seeds, where some were told.

    Raises:
        BenchError: nothing can be trained.
        KeyboardInterrupt: somebody asked to stop.
    """
    if study.settings.library == "keras-tuner":
        from benchmarks.tune_keras import work  # noqa: PLC0415 - the other library's
    else:
        from benchmarks.tune_worker import work  # noqa: PLC0415 - Optuna takes a second
    work(study, request.data, request.store, request.device)
    if request.seeds and trials_left(study) == (0, 0):
        report(study)
        final_runs(study, request)


def begin(request: Request) -> Study:
    """Make the study, its journal and the clips before any worker needs them."""
    base = request.settings.base
    with interruptible(), Bars() as bars:
        inputs = prepared(base, load(base.split, request.data, bars), request.store, progress=bars)
        inputs.check(base)
        initial_weights(base, request.places.runs)
    study = begin_study(request.places.runs, request.settings)
    trials_left(study)  # makes the journal: workers that all made it would get in each other's way
    return study


def report(study: Study) -> None:
    """Write the best recipe, and say what the study came to."""
    path = write_best(study)
    _, best = best_recipe(study)
    found = tuning(study)
    console = Console(soft_wrap=True, highlight=False)
    console.print(
        f"Study {found.study}: {found.trials} trials, {found.hours:.2f} h of training.", markup=False
    )
    console.print(f"Best: trial {best.number}, {worth(best)} on val. Recipe: {path}", markup=False)


def final_runs(study: Study, request: Request) -> None:
    """Run the best recipe over the seeds, score each on test once, and show the table."""
    recipe, _ = best_recipe(study)
    asked = campaign.Request(
        recipes=[revised(recipe, seed=seed) for seed in request.seeds],
        data=request.data,
        store=request.store,
        places=request.places,
        machine=Machine(request.device),
    )
    outcomes = stamped(campaign.carry_out(asked), study, request.places.results)
    campaign.show(outcomes, asked)
