"""A training of milliseconds for the chaos test: real loop, real checkpoints, and a log of every step taken.

Its weights are 16 numbers, and each step depends on all steps before it: a run that took one step twice, or
missed one, ends with other scores. Clips are made up; nothing is read.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine import Batches, Fitted, Job, Scores
from benchmarks.fitting import Fit, Step
from benchmarks.inputs import Inputs
from benchmarks.recipe_base import Recipe
from benchmarks.schema import Clips, Coverage
from utils.files import short_hash, write_whole
from utils.seeds import generator
from wlasl.clips import PARTS, Clip, Part, Subset, fingerprint
from wlasl.loader import Batch
from wlasl.root import VideoFiles
from wlasl.subsets import DataSet

CLASSES, PER_CLASS = 4, 2
STEPS_LOG = "steps.log"
"""In a run's folder: a line per step, `EPOCH STEP ATTEMPT`."""
PACE = "CHAOS_PACE"
"""The environment's seconds per step."""


def made_clips() -> DataSet:
    """Return a data set of 4 glosses with 2 clips each in every part, of which no file exists."""
    glosses = tuple(f"sign-{label}" for label in range(CLASSES))
    clips = tuple(
        Clip(f"{part}-{label}-{number}", glosses[label], label, part)
        for part in PARTS
        for label in range(CLASSES)
        for number in range(PER_CLASS)
    )
    return DataSet(Subset("sample", glosses, clips, "chaos"), Path(), VideoFiles({}, {}))


class MadeInputs(Inputs):
    """Clips that are all there, without a store."""

    def __init__(self) -> None:
        """Make the clips."""
        super().__init__(made_clips(), cast("Any", None), {})

    def clips(self, part: Part) -> tuple[Clip, ...]:
        """Return all clips of a part."""
        return self.dataset.subset.part(part)

    def content(self) -> str:
        """Return the fingerprint of the clips."""
        return fingerprint(self.dataset.subset.clips, self.dataset.subset.revision)

    def coverage(self) -> Clips:
        """Return that every clip is there."""
        there = len(self.clips("test"))
        parts: dict[str, Coverage] = dict.fromkeys(PARTS, Coverage(scored=there, missing=0, official=there))
        return Clips(parts=parts, test=short_hash("chaos", 16))


class MadeBatches:
    """One part's made clips as batches of two."""

    def __init__(self, clips: tuple[Clip, ...]) -> None:
        """Note the clips and their labels."""
        self.clips = clips
        self.labels = np.array([clip.label for clip in clips], dtype=np.int64)

    def steps(self) -> int:
        """Return the number of batches."""
        return (len(self.clips) + 1) // 2

    def epoch(self, epoch: int, *, start: int = 0, rank: int = 0, world: int = 1) -> Iterator[Batch]:  # noqa: ARG002
        """Yield batches from step `start`: the labels alone, there is nothing to see."""
        for step in range(start, self.steps()):
            indices = np.arange(2 * step, min(2 * step + 2, len(self.clips)), dtype=np.int64)
            nothing = np.zeros((len(indices), 1, 1, 1), dtype=np.float32)
            yield Batch(nothing, self.labels[indices], indices)


class _Learner:
    """Sixteen numbers that every step stirs."""

    rank, world = 0, 1

    def __init__(self, seed: int, folder: Path, attempt: str) -> None:
        """Begin with the seed's weights.

        Args:
            seed: of everything.
            folder: the run's; weights are kept and steps logged there.
            attempt: names this process in the log; empty for no log, no files and no waiting.
        """
        self.weights = generator(seed).standard_normal(16)
        self._folder, self._attempt = folder, attempt
        self._chosen = self.weights
        self._pace = float(os.environ.get(PACE, "0"))

    def step(self, batch: Batch, step: Step) -> float:
        """Stir the weights, and say in the log that this was done."""
        drawn = generator(*step.key).standard_normal(16)
        self.weights = np.cos(2.7 * np.roll(self.weights, 1) + drawn + batch.labels.sum() * step.lr)
        if self._attempt:
            _log(self._folder / STEPS_LOG, f"{step.key[1]} {step.key[2]} {self._attempt}")
            time.sleep(self._pace)
        return float(np.abs(self.weights).mean())

    def agreed(self, wish: int) -> int:
        """Return the wish of the one process that there is."""
        return wish

    def measures(self, _val: Batches) -> dict[str, float]:
        """Return two numbers that depend on the weights."""
        return {"val_loss": float(np.abs(self.weights).sum()), "val_top1": float(self.weights[0] > 0)}

    def keep(self) -> None:
        """Keep the weights as the chosen ones, in a file as the real engines do."""
        self._chosen = self.weights
        if self._attempt:
            write_whole(self._folder / "best.npy", lambda file: np.save(file, self._chosen))

    def choose(self) -> None:
        """Go back to the chosen weights."""
        self.weights = np.load(self._folder / "best.npy") if self._attempt else self._chosen

    def state(self) -> bytes:
        """Return the weights."""
        buffer = io.BytesIO()
        np.save(buffer, self.weights)
        return buffer.getvalue()

    def restore(self, state: bytes) -> None:
        """Take up the weights."""
        self.weights = np.load(io.BytesIO(state))


def _log(path: Path, line: str) -> None:
    """Append a line in one write, which no kill can halve."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)


class ChaosEngine:
    """Carries out a recipe with the sixteen numbers; the loop is `benchmarks.fitting`'s."""

    main = True

    def __init__(self, recipe: Recipe, job: Job, *, attempt: str | None = None) -> None:
        """Note what to do; the attempt is this process and its Slurm restart unless told otherwise."""
        number, restart = (os.environ.get(f"SLURM_{name}", "-") for name in ("JOB_ID", "RESTART_COUNT"))
        told = f"{number}.{restart}.{os.getpid()}"
        self._recipe, self._job = recipe, job
        self.learner = _Learner(recipe.seed, job.folder, told if attempt is None else attempt)

    def fit(self, train: Batches, val: Batches) -> Fitted:
        """Train with the real loop."""
        return Fit(self.learner, self._recipe, self._job).run(train, val)

    def restore(self, train: Batches) -> None:  # noqa: ARG002 - the sixteen numbers need no clips
        """Take up the chosen weights."""
        self.learner.choose()

    def predict(self, batches: Batches) -> Scores:
        """Return scores that depend on the chosen weights and on the clip."""
        return scores_of(self.learner.weights, len(batches.clips))

    def facts(self) -> dict[str, Any]:
        """Return what a record says of the device."""
        return {"device": "cpu", "parameters": 16}


def scores_of(weights: NDArray[np.float64], clips: int) -> Scores:
    """Return the scores of the first so many clips."""
    angles = np.arange(1, clips * CLASSES + 1, dtype=np.float64).reshape(clips, CLASSES)
    scores: Scores = np.sin(angles * weights.sum() + weights[:CLASSES]).astype(np.float32)
    return scores
