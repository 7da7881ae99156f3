"""What training SPOTER and starting up cost: ours, and what its authors do, in turns in one run.

The yardstick (`benchmarks.speed_origin`) takes one clip at a time. Ours is what `bench run` does: the
engine's own step on batches of like length, padding masked. That a batch computes what its clips compute
alone is checked in the same run, against the yardstick's network with the same weights.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from benchmarks import speed_origin
from benchmarks.engine import Job
from benchmarks.fitting import Step
from benchmarks.inputs_landmarks import options
from benchmarks.machine import cpu_has_bf16
from benchmarks.made_landmarks import MadeStore, made
from benchmarks.recipe import resolve
from benchmarks.recipe_landmarks import SpoterRecipe
from benchmarks.recipe_table import PUBLISHED, named
from benchmarks.speed_equality import equality
from benchmarks.speed_report import Comparisons, Mark, Method, Section, measure
from benchmarks.speed_start import OPENED, START_UP, starting
from benchmarks.torch_engine import TorchEngine
from models import zoo
from utils.threads import be_polite
from wlasl.landmarks.loader import LandmarkLoader
from wlasl.loader import Batch

CLASSES = 100
AT_LEAST = {"fp32": 1.6, "bf16": 2.5}
"""Times as many samples per second as one clip at a time, at the best batch size of a precision."""
BATCHES = (8, 16, 32)

STEP = "SPOTER's training step"
EPOCH = "a whole epoch: items prepared, then the step"


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        clips: made clips that every method trains on in a turn.
        rounds: turns of each method.
        threads: of one network; with more than one the clock on the wall counts, not CPU time.
        rows: clips of the CSV file.
    """

    clips: int = 64
    rounds: int = 3
    threads: int = 1
    rows: int = 240


def measured(plan: Plan, folder: Path) -> Comparisons:
    """Compare training and starting up with what SPOTER's authors do.

    Args:
        plan: how much.
        folder: where files are written.
    """
    be_polite()
    clips, precisions = made(plan.clips, CLASSES), _precisions()
    before = torch.get_num_threads()
    try:
        training, epochs = _training(plan, precisions, clips, folder)
    finally:
        torch.set_num_threads(before)
    start = Section(*starting(plan.rows, min(plan.rounds, 2), folder))
    clock = "CPU time, one thread" if plan.threads == 1 else f"time on the wall, {plan.threads} threads"
    data = f"{plan.clips} made clips of 60 to 100 frames, {CLASSES} signs"
    what = f"{data}; {clock}; ratios are the median of {plan.rounds} turns"
    if "bf16" not in precisions:
        what += "; bf16 is left out, for which this processor has no instructions"
    marks = [_fast_enough(training, precision, AT_LEAST[precision]) for precision in precisions]
    faster = start.faster(OPENED)
    marks.append(Mark(f"from the store at least {START_UP} x as fast", f"{faster:.0f} x", faster >= START_UP))
    return Comparisons(what, (training, epochs, start), (equality(clips), *marks))


def _precisions() -> tuple[str, ...]:
    """Return the precisions that are worth measuring: a processor that imitates bf16 takes too long."""
    return tuple(name for name in AT_LEAST if name != "bf16" or cpu_has_bf16() is not False)


def _fast_enough(section: Section, precision: str, least: float) -> Mark:
    """Return whether a precision reaches its mark."""
    faster = section.faster(precision)
    return Mark(f"a step in {precision} at least {least} x as fast", f"{faster:.2f} x", faster >= least)


def _training(
    plan: Plan, precisions: Sequence[str], clips: MadeStore, folder: Path
) -> tuple[Section, Section]:
    """Measure steps alone, on inputs that are ready, and whole epochs."""
    origin = speed_origin.Trainer(CLASSES)
    ready = [(speed_origin.item(clips.points(clip.id)), clip.label) for clip in clips.clips]
    ours = {
        (precision, size): Ours(clips, _recipe(size, precision), folder)
        for precision in precisions
        for size in BATCHES
    }
    torch.set_num_threads(plan.threads)  # the engines have set their own
    clock = time.perf_counter if plan.threads > 1 else None
    first = "one clip at a time, as the original"
    steps: list[Method] = [(first, partial(_one_by_one, origin, ready))]
    steps += [(f"this project, batch {key[1]}, {key[0]}", each.step_through) for key, each in ours.items()]
    epochs: list[Method] = [(f"{first}, prepared in loops", partial(_prepared_one_by_one, origin, clips))]
    chosen = [key for key in (("fp32", 16), ("bf16", 32)) if key in ours]
    epochs += [(f"this project, batch {key[1]}, {key[0]}", ours[key].epoch_through) for key in chosen]
    rows = [measure(methods, plan.clips, plan.rounds, clock) for methods in (steps, epochs)]
    return Section(STEP, rows[0]), Section(EPOCH, rows[1])


def _one_by_one(origin: speed_origin.Trainer, items: Iterable[tuple[Tensor, int]]) -> None:
    """Learn from clips that are ready, one at a time."""
    for points, label in items:
        origin.step(points, label)


def _prepared_one_by_one(origin: speed_origin.Trainer, clips: MadeStore) -> None:
    """Prepare and learn from one clip at a time."""
    for clip in clips.clips:
        points = speed_origin.item(clips.points(clip.id))
        origin.step(points + torch.randn_like(points) * 0.001, clip.label)


def _recipe(size: int, precision: str) -> SpoterRecipe:
    """Return SPOTER as published, in larger batches."""
    changes = {"batch_size": size, "precision": precision, "landmarks": "made"}
    recipe = resolve("spoter", "100", named("spoter", PUBLISHED), changes)
    if not isinstance(recipe, SpoterRecipe):
        raise TypeError(type(recipe))
    return recipe


class Ours:
    """An engine and its batches, as `bench run` has them."""

    def __init__(self, clips: MadeStore, recipe: SpoterRecipe, folder: Path) -> None:
        """Build the engine; read the clips."""
        job = Job(classes=CLASSES, input=zoo.system("spoter").input, folder=folder, device="cpu")
        self.learner = TorchEngine(recipe, job).learner
        self.recipe = recipe
        self.loader = LandmarkLoader(clips, clips.clips, options(recipe, train=True))
        self.ready = list(self.loader.epoch(0))
        self.epoch = 0

    def step_through(self) -> None:
        """Learn from batches that are ready."""
        self._learn(self.ready)

    def epoch_through(self) -> None:
        """Prepare, vary and learn from the batches of one epoch."""
        self._learn(self.loader.epoch(self.epoch))

    def _learn(self, batches: Iterable[Batch]) -> None:
        """Take a step per batch."""
        for number, batch in enumerate(batches):
            self.learner.step(batch, Step((0, self.epoch, number), self.recipe.lr, 1.0, update=True))
        self.epoch += 1
