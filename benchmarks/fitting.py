"""The training loop, written once for every framework: order, schedule, choice on val, checkpoints.

A framework supplies a `Learner`; what decides the protocol is here. Nothing random is carried from step to
step: order, sampling and augmentation depend on (seed, epoch, clip), a step's own randomness on (seed, epoch,
step), so a run that was cut anywhere takes the same steps after its checkpoint as one that was not.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks import checkpoints, metrics
from benchmarks.engine import Batches, Fitted, Job, Scores, of_epoch, resumable
from benchmarks.recipe_base import Recipe
from benchmarks.schedule import WATCHED, learning_rate, plateaus_met
from utils.errors import FAILURE, BenchError
from utils.lease import HeldElsewhereError
from utils.stopping import stoppable
from wlasl.clips import Clip
from wlasl.loader import Batch

CHECKPOINT = "last.ckpt"
_LOST = 2
"""What a process wishes whose run is another's now: more than to stop."""

_MEASURES = {
    "val_loss": "val loss {:.3f}",
    "val_silhouette": "val silhouette {:.3f}",
    "val_top1": "val top-1 {:.1%}",
}


@dataclass(frozen=True)
class Step:
    """What a learner needs to know of one step.

    Attributes:
        key: (seed, epoch, step): the seed of everything random within the step.
        lr: the learning rate.
        share: the weight of this process's mean loss in its optimiser step; an optimiser step's shares,
            over its forward passes and averaged over the processes, add up to 1.
        update: whether the optimiser moves after this forward pass.
    """

    key: tuple[int, int, int]
    lr: float
    share: float
    update: bool


class Learner(Protocol):
    """A network and its optimiser in one framework."""

    rank: int
    world: int

    def step(self, batch: Batch, step: Step) -> float:
        """Learn from one batch and return its mean loss over this process's clips."""
        ...

    def measures(self, val: Batches) -> dict[str, float]:
        """Return what an epoch is judged by; `classified` serves networks that give scores."""
        ...

    def agreed(self, wish: int) -> int:
        """Return the largest of what the processes wish; each of them calls this at the same step."""
        ...

    def keep(self) -> None:
        """Write the present weights to the run's folder as the chosen ones."""
        ...

    def choose(self) -> None:
        """Go back to the chosen weights."""
        ...

    def state(self) -> bytes:
        """Return all that training goes on from: weights, averages, optimiser."""
        ...

    def restore(self, state: bytes) -> None:
        """Go on from what `state` returned."""
        ...


@dataclass
class _Loop:
    """Where the loop stands; saved with every checkpoint."""

    epoch: int = 0
    step: int = 0
    steps: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0
    waited: float = 0.0
    best_epoch: int = -1
    history: list[dict[str, float]] = field(default_factory=list)
    resumed: int = 0


class Fit:
    """One `fit`: the loop's state beside the learner that it drives."""

    def __init__(
        self, learner: Learner, recipe: Recipe, job: Job, *, name: str = "", checkpoint: str = CHECKPOINT
    ) -> None:
        """Pick up the checkpoint where there is an intact one.

        Args:
            learner: what learns.
            recipe: how; a phase before the training proper has a recipe of its own.
            job: where.
            name: of such a phase, for people.
            checkpoint: its file in the run's folder.
        """
        self.learner, self.recipe, self.job = learner, recipe, job
        self.name, self.checkpoint = name, checkpoint
        self.loop = _Loop()
        self._resume()
        self._saved_at = time.monotonic()

    def run(self, train: Batches, val: Batches) -> Fitted:
        """Train until the last epoch or until val has not improved for `patience` epochs, then choose.

        Raises:
            BenchError: the loss is no longer a number, or a checkpoint cannot be written.
            KeyboardInterrupt: somebody asked to stop; the checkpoint is written.
            HeldElsewhereError: another process has taken the run over.
        """
        with stoppable() as self._stop:
            while self.loop.epoch < self.recipe.epochs and not self._patience_is_over():
                self._epoch(train, val)
        if self.loop.best_epoch >= 0:
            self.learner.choose()
        loop = self.loop
        return Fitted(loop.history, loop.best_epoch, self.recipe.select, loop.steps, loop.resumed)

    def _epoch(self, train: Batches, val: Batches) -> None:
        """Go through the training part once, from where the checkpoint left it, and look at val."""
        loop, since = self.loop, time.monotonic()
        clips, train = train.clips, of_epoch(train, loop.epoch)
        total = train.steps() + val.steps()
        name = f"{self.name} epoch {loop.epoch + 1}/{self.recipe.epochs}".lstrip()
        self.job.progress.begin(name, total, loop.step)
        for batch, step in self._steps(train):
            loss = self.learner.step(batch, step)
            self._note(loss, batch, step, clips)
            self.job.progress.advance(f"loss {loop.loss_sum / loop.step:.3f}")
            # Between two moves of the optimiser there are gradients, which no checkpoint holds.
            if not step.update or not resumable(train, loop.step):
                continue
            stop = self._is_to_stop()
            if stop or time.monotonic() - self._saved_at > self.job.checkpoint_seconds:
                loop.seconds, since = loop.seconds + time.monotonic() - since, time.monotonic()
                self._save()
            if stop:
                raise KeyboardInterrupt
        self._close_epoch(train, val, since)
        if self._is_to_stop():
            raise KeyboardInterrupt

    def _is_to_stop(self) -> bool:
        """Say whether somebody asked any of the processes to stop: all of them stop after the same step.

        Raises:
            HeldElsewhereError: another process has taken this run over.
        """
        wish = _LOST if self.job.lost.is_set() else int(self._stop.is_set())
        wish = self.learner.agreed(wish)
        if wish == _LOST:
            raise HeldElsewhereError("Another process has taken this run over, and goes on with it.")
        return bool(wish)

    def _steps(self, train: Batches) -> Iterator[tuple[Batch, Step]]:
        """Yield this process's batches of the epoch with what the learner must know of each."""
        loop, recipe, total = self.loop, self.recipe, train.steps()
        batches = train.epoch(loop.epoch, start=loop.step, rank=self.learner.rank, world=self.learner.world)
        for number, batch in enumerate(self._waiting(batches), start=loop.step):
            # Counted in clips, so that accumulated small batches learn at the rate of one large batch.
            first, clips = self._group(number, train)
            lr = learning_rate(recipe, loop.epoch + first / len(train.clips), self._plateaus())
            share = len(batch.labels) * self.learner.world / clips
            update = (number + 1) % recipe.accumulate == 0 or number + 1 == total
            yield batch, Step((recipe.seed, loop.epoch, number), lr, share, update)

    def _waiting(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield batches, and count the seconds that the loader keeps the learner waiting."""
        while True:
            since = time.monotonic()
            batch = next(batches, None)
            self.loop.waited += time.monotonic() - since
            if batch is None:
                return
            yield batch

    def _group(self, number: int, train: Batches) -> tuple[int, int]:
        """Return where in the epoch the optimiser step of step `number` begins, and its number of clips."""
        group = self.recipe.batch_size * self.recipe.accumulate
        first = number // self.recipe.accumulate * group
        return first, min(group, len(train.clips) - first)

    def _note(self, loss: float, batch: Batch, step: Step, clips: Sequence[Clip]) -> None:
        """Count a step; a loss that is no number ends the run with the clips that it was met at."""
        if not math.isfinite(loss):
            met = ", ".join(clips[index].id for index in batch.indices)
            where = f"epoch {step.key[1] + 1}, step {step.key[2] + 1} (clips {met})"
            advice = "Try a lower lr, a clip_norm, or precision=fp32."
            raise BenchError(f"The loss is {loss} at {where}. {advice}", exit_code=FAILURE)
        self.loop.loss_sum += loss
        self.loop.step += 1
        self.loop.steps += step.update

    def _close_epoch(self, train: Batches, val: Batches, since: float) -> None:
        """Score val, write the epoch down, keep the weights if they are the best, and save."""
        loop = self.loop
        row = {"epoch": loop.epoch, "train_loss": loop.loss_sum / train.steps()}
        row["lr"] = learning_rate(self.recipe, loop.epoch + 1, self._plateaus())
        if len(val.clips):
            row.update(self.learner.measures(val))
        row["seconds"] = round(loop.seconds + time.monotonic() - since, 3)
        row["waited"] = round(loop.waited, 3)
        loop.history.append(row)
        if self._is_best(row):
            loop.best_epoch = loop.epoch
            self.learner.keep()
        loop.epoch, loop.step, loop.loss_sum, loop.seconds, loop.waited = loop.epoch + 1, 0, 0.0, 0.0, 0.0
        self._save()
        self.job.progress.end(_summary(row, "test" if self.recipe.chosen_on_test else "val"))
        if not self.name:
            self.job.report(loop.history)

    def _is_best(self, row: dict[str, float]) -> bool:
        """Say whether an epoch is the one to keep so far; of two equal on top-1, the lower loss wins."""
        if self.recipe.select == "last" or self.loop.best_epoch < 0:
            return True
        return self._rank(row) < self._rank(self.loop.history[self.loop.best_epoch])

    def _rank(self, row: dict[str, float]) -> tuple[float, float]:
        """Return what an epoch is compared by; lower is better."""
        loss = row.get("val_loss", 0.0)
        return (loss, 0.0) if self.recipe.select == "val_loss" else (-row[self.recipe.select], loss)

    def _patience_is_over(self) -> bool:
        """Say whether val has not improved for `patience` epochs."""
        waited = len(self.loop.history) - 1 - self.loop.best_epoch
        return self.recipe.patience is not None and waited >= self.recipe.patience

    def _plateaus(self) -> int:
        """Count the plateaus so far in the loss that the schedule watches; without val, training's."""
        watched = WATCHED.get(self.recipe.schedule)
        if watched is None:
            return 0
        losses = [row.get(watched, row["train_loss"]) for row in self.loop.history]
        return plateaus_met(self.recipe, losses)

    def _save(self) -> None:
        """Write the checkpoint: one line of JSON, then the learner's state."""
        self._saved_at = time.monotonic()
        if self.learner.rank == 0:
            line = json.dumps(asdict(self.loop)).encode()
            checkpoints.save(self.job.folder / self.checkpoint, line + b"\n" + self.learner.state())

    def _resume(self) -> None:
        """Take up the run's checkpoint, if there is one."""
        saved = checkpoints.load(self.job.folder / self.checkpoint)
        if saved is None:
            return
        line, _, state = saved.partition(b"\n")
        self.loop = _Loop(**json.loads(line))
        self.loop.resumed += 1
        self.learner.restore(state)


def classified(scores: Scores, labels: NDArray[np.int64]) -> dict[str, float]:
    """Return val_loss and val_top1 of scores [clips, classes].

    Raises:
        BenchError: the scores are no numbers.
    """
    metrics.check(scores, labels)
    top1 = float((metrics.ranks(scores, labels) == 0).mean())
    return {"val_loss": metrics.cross_entropy(scores, labels), "val_top1": top1}


def _summary(row: dict[str, float], part: str) -> str:
    """Say an epoch's result in a few words; `part` is what judges it, whatever the measures are called."""
    words = [f"loss {row['train_loss']:.3f}"]
    for name, written in _MEASURES.items():
        if name in row:
            words.append(written.format(row[name]).replace("val ", f"{part} ", 1))
    return "  ".join(words)
