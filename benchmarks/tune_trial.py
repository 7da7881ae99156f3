"""One trial: a training on train whose worth is measured on val; no test clip is ever read."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Protocol

from benchmarks.engine import Engine, Fitted, Job, Pruned
from benchmarks.inputs import Inputs, initial_weights, job_of, loader
from benchmarks.recipe import revised
from benchmarks.recipe_base import Recipe
from benchmarks.recipe_clips import ClipRecipe
from benchmarks.run import engine_of
from benchmarks.study import Objective, Study, Trial
from utils.errors import FAILURE, BenchError
from utils.lease import HeldElsewhereError
from utils.progress import Progress, Silent

_TIMED, _REPEATS = 20, 3
"""Clips whose way from the store to scores is timed, and how often; the fastest time counts."""


@dataclass(frozen=True)
class Around:
    """What a worker trains with: none of it is part of a trial.

    Attributes:
        inputs: the prepared clips.
        device: auto, cpu or cuda.
        progress: hears how it goes.
        parent: the process that started this one, without which it stops; None for none.
        runs: where runs keep their weights, for a study of trainings that start from one.
    """

    inputs: Inputs
    device: str = "auto"
    progress: Progress = field(default_factory=Silent)
    parent: int | None = None
    runs: Path | None = None


@dataclass(frozen=True)
class Found:
    """What a trial came to.

    Attributes:
        values: per objective.
        epochs: trained in all.
        seconds: that they took.
    """

    values: dict[str, float]
    epochs: int
    seconds: float


class Claim(Protocol):
    """A trial that this process works on (`benchmarks.study_claim.Claimed` is one)."""

    study: Study
    record: Trial
    lost: Event

    @property
    def keeps(self) -> bool:
        """Say whether a later trial may go on from this one's checkpoint."""
        ...

    def told(self, curve: Sequence[float], seconds: float) -> bool:
        """Note the first objective after each epoch so far; say whether to go no further."""
        ...

    def end(self, **fields: object) -> Trial:
        """Write how the trial ended."""
        ...


def recipe_of(study: Study, trial: Trial) -> Recipe:
    """Return the recipe that a trial tries.

    Raises:
        BenchError: its parameters do not go together.
    """
    return revised(study.settings.base, **trial.parameters)


def carry_out(claim: Claim, around: Around) -> Trial:
    """Train a trial's recipe and write down what came of it: values, an early end, or why it failed.

    Raises:
        KeyboardInterrupt: somebody asked to stop; the trial goes on from its checkpoint another time.
        BenchError: the disk is full or cannot be written to, which is no fault of the trial's.
    """
    folder = claim.study.work(claim.record)
    try:
        ended = _ended(claim, around, folder)
    except KeyboardInterrupt:
        claim.end(state="stopped", reason="somebody asked to stop")
        raise
    except HeldElsewhereError:
        return claim.record
    except BenchError as error:
        if isinstance(error.__cause__, OSError):
            claim.end(state="stopped", reason=str(error))
            raise
        ended = claim.end(state="failed", reason=str(error))
    except Exception as error:  # noqa: BLE001 - one trial's failure is not the study's
        ended = claim.end(state="failed", reason=f"{type(error).__name__}: {error}"[:2000])
    if not claim.keeps:
        shutil.rmtree(folder, ignore_errors=True)
    _tidy()
    return ended


def _ended(claim: Claim, around: Around, folder: Path) -> Trial:
    """Train, and write down the values or the early end."""
    report = Report(claim, around)
    try:
        found = measured(recipe_of(claim.study, claim.record), folder, around, report)
    except Pruned:
        return claim.end(state="pruned")
    return claim.end(
        state="complete", values=found.values, epochs=found.epochs, seconds=round(found.seconds, 1)
    )


class Report:
    """Hears of every epoch of a trial.

    Attributes:
        objectives: what is measured of a trial.
        lost: set once another process has taken the trial over.
    """

    def __init__(self, claim: Claim, around: Around) -> None:
        """Note what is watched."""
        self.claim, self.parent, self.lost = claim, around.parent, claim.lost
        self.objectives = claim.study.settings.objectives
        self.measure = next((name for name in self.objectives if name.startswith("val_")), "val_top1")

    def __call__(self, history: Sequence[dict[str, float]]) -> None:
        """Tell the study, and end the training where it has seen enough or nobody wants it any more.

        Raises:
            Pruned: it has seen enough.
            KeyboardInterrupt: the process that started this one is gone.
        """
        if self.parent is not None and os.getppid() != self.parent:
            raise KeyboardInterrupt
        curve = [row[self.measure] for row in history]
        if self.claim.told(curve, sum(row["seconds"] for row in history)):
            raise Pruned(f"pruned after epoch {len(curve)}")


def measured(recipe: Recipe, folder: Path, around: Around, report: Report) -> Found:
    """Train a recipe and measure every objective on val.

    Raises:
        Pruned: `report` has seen enough.
        BenchError: it cannot be trained.
    """
    if recipe.chosen_on_test:
        raise BenchError("This recipe chooses on test: a study sees val alone. Tune another recipe.")
    if getattr(recipe, "train_on_val", False):
        raise BenchError("This recipe trains on val, by which a study judges. Tune another recipe.")
    folder.mkdir(parents=True, exist_ok=True)
    engine = engine_of(recipe, _job(recipe, folder, around, report))
    fitted = engine.fit(
        loader(recipe, around.inputs, "train", train=True), loader(recipe, around.inputs, "val", watched=True)
    )
    seconds = fitted.seconds_before + sum(row["seconds"] for row in fitted.history)
    measures = _measures(engine, fitted, recipe, around.inputs)
    values = {str(name): measures[name]() for name in report.objectives}
    return Found(values, len(fitted.history), seconds)


def _job(recipe: Recipe, folder: Path, around: Around, report: Report) -> Job:
    """Return what the engine needs besides the recipe."""
    job = job_of(recipe, around.inputs, folder, around.runs, initial_weights(recipe, around.runs))
    return replace(job, device=around.device, progress=around.progress, report=report, lost=report.lost)


def _measures(
    engine: Engine, fitted: Fitted, recipe: Recipe, inputs: Inputs
) -> dict[Objective, Callable[[], float]]:
    """Return how each objective is measured of the chosen weights."""
    if fitted.chosen_epoch < 0:
        raise BenchError("No epoch was trained: set epochs to 1 or more.", exit_code=FAILURE)
    chosen = fitted.history[fitted.chosen_epoch]
    return {
        "val_top1": lambda: chosen["val_top1"],
        "val_loss": lambda: chosen["val_loss"],
        "latency": lambda: latency(engine, recipe, inputs),
        "parameters": lambda: float(engine.facts()["parameters"]),
    }


def latency(engine: Engine, recipe: Recipe, inputs: Inputs) -> float:
    """Return the milliseconds that one val clip takes from the store to scores, on this device."""
    # Mixing needs two clips, and is of training alone.
    unmixed = {"mixup": 0.0, "cutmix": 0.0} if isinstance(recipe, ClipRecipe) else {}
    single = revised(recipe, batch_size=1, **unmixed)
    few = loader(single, inputs.only(inputs.clips("val")[:_TIMED]), "val")
    engine.predict(few)  # the first pass allocates, and may compile
    taken = []
    for _ in range(_REPEATS):
        since = time.perf_counter()
        engine.predict(few)
        taken.append(time.perf_counter() - since)
    return round(1000 * min(taken) / len(few.clips), 3)


def parent_process() -> int | None:
    """Return the process that watches this worker, by what it set in its environment; None for none."""
    told = os.environ.get("BENCH_PARENT", "")
    return int(told) if told.isdigit() and int(told) == os.getppid() else None


def _tidy() -> None:
    """Give back what a network took, whichever framework it was of."""
    gc.collect()
    if (torch := sys.modules.get("torch")) is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    if (keras := sys.modules.get("tf_keras")) is not None:
        keras.backend.clear_session()
