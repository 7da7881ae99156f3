"""SPOBET's pre-training: some frames of a clip are masked, and the network guesses them from the others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from benchmarks.engine import Batches, Job
from benchmarks.fitting import Fit, Step
from benchmarks.keras_learner import Arrays, Mover
from benchmarks.keras_network import arguments
from benchmarks.keras_random import seeded
from benchmarks.keras_runtime import tf
from benchmarks.keras_state import Groups
from benchmarks.recipe import revised
from benchmarks.recipe_base import Recipe
from benchmarks.recipe_spobet import SpobetRecipe
from utils.errors import FAILURE, BenchError
from utils.files import write_json
from utils.seeds import generator
from wlasl.loader import Batch

CHECKPOINT, HISTORY = "pretrain.ckpt", "pretrain.json"

_NAMED = 8
"""So many clips are named where something is wrong with them."""
_TRAIN, _VAL = 1, 2
"""The last number of the keys of pre-training's random numbers, so that no other purpose has the same."""


class Chosen(Batches, Protocol):
    """Batches whose clips the caller may choose (`wlasl.landmarks.loader.LandmarkLoader`)."""

    def batch(self, positions: Sequence[int] | npt.NDArray[np.int64], key: int, *, train: bool) -> Batch:
        """Return these clips as one batch."""
        ...


@dataclass(frozen=True)
class Before:
    """What a phase before the training proper took: optimiser steps, and seconds."""

    steps: int = 0
    seconds: float = 0.0


def pretrain(recipe: Recipe, job: Job, network: Any, parts: tuple[Batches, Batches]) -> Before:  # noqa: ANN401
    """Pre-train a network of SPOBET in place, or go back to what was pre-trained before.

    One that starts from weights has been pre-trained: as in the authors' code, that is not done again.

    Args:
        recipe: of the whole run; others than SPOBET's have no such phase.
        job: of the run.
        network: `models.spobet.Spobet`.
        parts: train and val; val is watched, and chooses nothing.
    """
    if not isinstance(recipe, SpobetRecipe) or recipe.pretrain_rounds == 0:
        return Before()
    if job.weights is not None:
        job.progress.say(f"{recipe.model} starts from weights: it is not pre-trained again.")
        return Before()
    phase = phase_of(recipe)
    learner = PretrainLearner(phase, job, network)
    train, val = (
        MaskedBatches(cast("Chosen", part), phase, purpose)
        for part, purpose in zip(parts, (_TRAIN, _VAL), strict=True)
    )
    fitted = Fit(learner, phase, job, name="pre-training", checkpoint=CHECKPOINT).run(train, val)
    write_json(job.folder / HISTORY, fitted.history)
    return Before(fitted.steps, sum(row["seconds"] for row in fitted.history))


def phase_of(recipe: SpobetRecipe) -> SpobetRecipe:
    """Return the phase's recipe: Adam at one rate, the epochs of all rounds, the last one kept."""
    return revised(
        recipe,
        epochs=recipe.pretrain_rounds * recipe.pretrain_epochs,
        batch_size=recipe.pretrain_batch_size,
        lr=recipe.lr if recipe.pretrain_lr else recipe.pretrain_lr_value,
        optimizer="adam",
        schedule="constant",
        warmup_epochs=0.0,
        weight_decay=0.0,
        accumulate=1,
        ema=0.0,
        select="last",
        patience=None,
    )


@dataclass(frozen=True)
class MaskedBatch(Batch):
    """A batch with some frames masked.

    Attributes:
        whole: float32 [B, T, J, D], the points before.
        weights: float32 [B, T], 1 where a frame was drawn.
    """

    whole: npt.NDArray[np.float32] = field(kw_only=True)
    weights: npt.NDArray[np.float32] = field(kw_only=True)


class MaskedBatches:
    """One part of a subset as batches of masked clips; the masks last for a round of epochs.

    Args:
        batches: the part.
        recipe: the phase's.
        purpose: _TRAIN or _VAL.
    """

    def __init__(self, batches: Chosen, recipe: SpobetRecipe, purpose: int) -> None:
        """Note which clips there are."""
        self.clips, self.labels = batches.clips, batches.labels
        self._batches, self._recipe, self._purpose = batches, recipe, purpose

    def steps(self) -> int:
        """Return the number of batches in an epoch."""
        return math.ceil(len(self.clips) / self._recipe.batch_size)

    def epoch(self, epoch: int, *, start: int = 0, rank: int = 0, world: int = 1) -> Iterator[MaskedBatch]:
        """Yield the batches of one epoch from step `start`, in an order and under masks of their own."""
        size = self._recipe.batch_size
        order = generator(self._recipe.seed, epoch, 0, self._purpose).permutation(len(self.clips))
        for step in range(start, self.steps()):
            chosen = order[step * size : (step + 1) * size][rank::world]
            yield self._masked(self._batches.batch(chosen, epoch, train=False), epoch)

    def _masked(self, batch: Batch, epoch: int) -> MaskedBatch:
        """Mask a batch as the epoch's round does.

        Raises:
            BenchError: some clips are no numbers.
        """
        self._check(batch)
        seed, turn = self._recipe.seed, epoch // self._recipe.pretrain_epochs
        inputs = np.array(batch.inputs, np.float32)
        lengths = np.full(len(inputs), inputs.shape[1]) if batch.lengths is None else batch.lengths
        weights = np.zeros(inputs.shape[:2], np.float32)
        for row, (index, length) in enumerate(zip(batch.indices, lengths, strict=True)):
            rng = generator(seed, turn, int(index), self._purpose)
            drawn = mask(inputs[row, :length], self._recipe, rng)
            weights[row, drawn] = 1
        whole = np.asarray(batch.inputs, np.float32)
        return MaskedBatch(inputs, batch.labels, batch.indices, lengths, whole=whole, weights=weights)

    def _check(self, batch: Batch) -> None:
        """Refuse clips of which frames are no numbers, while it can be said why."""
        bad = batch.indices[~np.isfinite(batch.inputs).all((1, 2, 3))]
        if len(bad):
            ids = ", ".join(self.clips[index].id for index in bad[:_NAMED]) + (
                ", ..." if len(bad) > _NAMED else ""
            )
            raise BenchError(
                f"Frames of {len(bad)} of {len(batch.indices)} clips are no numbers ({ids}): where neck and"
                " nose are not seen, zero_head divides by 0. Use landmarks of body and hands, or set"
                " zero_head=false.",
                exit_code=FAILURE,
            )


def mask(
    frames: npt.NDArray[np.float32], recipe: SpobetRecipe, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Mask some frames of one clip [T, J, D] in place: by zeros, or by random numbers from 0 to 1.

    Returns:
        The frames that were drawn, int64; with replacement, so that some are there more than once.
    """
    count = int(recipe.pretrain_mask * len(frames))
    drawn = rng.integers(len(frames), size=count) if count else np.zeros(0, np.int64)
    for frame, chance in zip(drawn, rng.random(count), strict=True):
        random = chance < recipe.pretrain_random
        frames[frame] = rng.random(frames.shape[1:], np.float32) if random else 0
    return drawn


class PretrainLearner(Mover):
    """SPOBET without its head, trained to guess masked frames."""

    file = "pretrain.weights.npz"

    def __init__(self, recipe: SpobetRecipe, job: Job, network: Any) -> None:  # noqa: ANN401 - a Spobet
        """Add the layer that guesses; the network's own head is neither trained nor changed."""
        from models import spobet  # noqa: PLC0415 - a network, for one kind of recipe

        self._vectors = spobet.vectors
        with seeded(recipe.seed):
            self.guess = spobet.pretraining_head(network)
        own = {id(weight) for weight in network.head.weights}
        weights = [weight for weight in network.weights if id(weight) not in own] + self.guess.weights
        trained = [weight for weight in network.trainable_weights if id(weight) not in own]
        super().__init__(recipe, job, network, (weights, trained + self.guess.weights))
        # Val is masked as train is: by the round, which a checkpoint has to know.
        self.epoch = tf.Variable(0, trainable=False, dtype=tf.int64)

    def step(self, batch: Batch, step: Step) -> float:
        """Learn from one batch and return its mean loss."""
        self.epoch.assign(step.key[1])
        return super().step(batch, step)

    def _arguments(self, batch: Batch) -> Arrays:
        """Return the masked clips, their lengths, what they were, and which frames count."""
        masked = cast("MaskedBatch", batch)
        return *arguments(batch, self.job.input), masked.whole, masked.weights

    def _loss(self, *arguments: Any) -> Any:  # noqa: ANN401 - tensors
        """Return the mean squared error over the frames that were drawn."""
        error, frames = self._errors(*arguments, training=True)
        return error / tf.maximum(frames, 1)

    def _errors(self, points: Any, lengths: Any, whole: Any, weights: Any, *, training: bool = False) -> Any:  # noqa: ANN401
        """Return the sum of drawn frames' mean squared errors, and how many frames were drawn."""
        rows, _ = self.network.rows(points, lengths, training=training)
        # The first row is the token's. A network that pads or cuts clips has more or fewer rows than frames.
        frames = tf.minimum(tf.shape(rows)[1] - 1, tf.shape(whole)[1])
        guessed = tf.cast(self.guess(rows[:, 1 : 1 + frames]), tf.float32)
        squares = tf.reduce_mean(tf.square(guessed - self._vectors(whole)[:, :frames]), -1)
        weights = weights[:, :frames]
        return tf.reduce_sum(squares * weights), tf.reduce_sum(weights)

    def measures(self, val: Batches) -> dict[str, float]:
        """Return val_loss, the mean squared error over val's drawn frames."""
        total, frames = 0.0, 0.0
        for batch in val.epoch(int(self.epoch)):
            error, count = self._run(self._errors, *self._arguments(batch))
            total, frames = total + float(error), frames + float(count)
            self.job.progress.advance()
        return {"val_loss": total / max(frames, 1.0)}

    def _groups(self) -> Groups:
        """Return every variable that training goes on from."""
        return {**super()._groups(), "epoch": [self.epoch]}
