"""The contract between a recipe and a framework: what an engine is given, and what it gives back.

`fit` has no place for the test part: the checkpoint is chosen on val, and what trains cannot see test.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.recipe_base import Recipe
from models.zoo import Input, LandmarkInput
from utils.progress import Progress, Silent
from wlasl.clips import Clip
from wlasl.loader import Batch

Scores = NDArray[np.float32]
"""Float32 [clips, classes]: the logarithm of the mean over views of the softmax probabilities."""


class Batches(Protocol):
    """One part of a subset as batches (`wlasl.loader.ClipLoader` is one)."""

    clips: tuple[Clip, ...]
    labels: NDArray[np.int64]

    def steps(self) -> int:
        """Return the number of batches in an epoch."""
        ...

    def epoch(self, epoch: int, *, start: int = 0, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        """Yield the batches of one epoch from step `start`, this rank's share of each."""
        ...


def of_epoch(batches: Batches, epoch: int) -> Batches:
    """Return the batches of one epoch, where they change from epoch to epoch (`benchmarks.mining`)."""
    chosen: Batches = getattr(batches, "of_epoch", lambda _: batches)(epoch)
    return chosen


def resumable(batches: Batches, step: int) -> bool:
    """Say whether an epoch can be taken up at a step; always, unless its batches hang on earlier weights."""
    return bool(getattr(batches, "resumable", lambda _: True)(step))


class Pruned(Exception):  # noqa: N818 - no error: somebody has seen enough of a training
    """Raised by `Job.report` to end a training early."""


Heard = Callable[[Sequence[dict[str, float]]], None]
"""Hears of all epochs so far, one row of the history each."""


def unheard(_history: Sequence[dict[str, float]]) -> None:
    """Hear of an epoch and do nothing about it."""


@dataclass(frozen=True)
class Job:
    """What an engine needs besides the recipe: nothing of it changes the scores.

    Attributes:
        classes: glosses that the head tells apart.
        input: what the row expects: mean, std and channel order of pixels, or joints.
        folder: where checkpoints of this run lie, `runs/<id>`.
        weights: file of initial weights; None for random ones.
        head: the weights' classifier may be taken over where it fits; otherwise it starts at random.
        device: auto, cpu or cuda.
        devices: processes, each with a device of its own.
        runtime: what scores at the end: torch, or what `benchmarks.runtimes` chooses from.
        checkpoint_seconds: an epoch that takes longer is checkpointed within it as often as this.
        progress: hears how it goes.
        report: called with all epochs so far after each one is checkpointed, but not in a phase before the
            training proper; it may raise `Pruned`.
        lost: set once another process has taken the run over.
    """

    classes: int
    input: Input | LandmarkInput
    folder: Path
    weights: Path | None = None
    head: bool = True
    device: str = "auto"
    devices: int = 1
    runtime: str = "torch"
    checkpoint_seconds: float = 60.0
    progress: Progress = field(default_factory=Silent)
    report: Heard = unheard
    lost: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Fitted:
    """What `fit` did.

    Attributes:
        history: per epoch: epoch, train_loss, val_loss, val_top1, lr, seconds, and of those what training
            waited for the loader.
        chosen_epoch: the epoch whose weights were kept, 0-based; -1 for the initial ones.
        selection: the rule that chose it.
        steps: optimiser steps taken in all.
        resumed: how many times the run was picked up from a checkpoint.
        seconds_before: what a phase before the training proper took, such as pre-training.
    """

    history: list[dict[str, float]]
    chosen_epoch: int
    selection: str
    steps: int
    resumed: int
    seconds_before: float = 0.0


class Engine(Protocol):
    """A framework that carries out a recipe."""

    @property
    def main(self) -> bool:
        """Say whether this process is the one that writes records and prints."""
        ...

    def fit(self, train: Batches, val: Batches) -> Fitted:
        """Train on train, choose on val, and leave the network with the chosen weights."""
        ...

    def restore(self, train: Batches) -> None:
        """Leave the network with the weights that a finished run of this recipe kept in the job's folder.

        `train` is what that run was trained on: scores may be distances from its clips.

        Raises:
            BenchError: they are gone, damaged, or of another network.
        """
        ...

    def predict(self, part: Batches) -> Scores:
        """Return the scores of every clip of a part, in the order of `part.clips`."""
        ...

    def in_double(self) -> bool:
        """Score in double precision from now on, to tell what a network sees from rounding.

        Returns:
            whether this engine can; where it cannot, nothing changes.
        """
        ...

    def facts(self) -> dict[str, Any]:
        """Return what the record says of where it ran: device, versions, parameters, peak memory."""
        ...


EngineFactory = Callable[[Recipe, Job], Engine]
