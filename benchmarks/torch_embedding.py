"""A torch network that learns from triplets, and classifies by distances to its training clips."""

from __future__ import annotations

import io
from typing import Any, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from benchmarks import embeddings, retrieval, triplets
from benchmarks.engine import Batches, Job, Scores
from benchmarks.fitting import Step, classified
from benchmarks.mining import Chosen, MinedBatches, Mining, Schedule, part
from benchmarks.recipe_base import Recipe
from benchmarks.recipe_embedding import EmbeddingRecipe
from benchmarks.retrieval import Gallery, Vectors
from benchmarks.torch_engine import TorchLearner
from utils.errors import BenchError
from wlasl.loader import Batch

_ROWS = 64
"""Clips that are embedded at a time, where the order is ours."""
_ALIKE = 8
"""Clips of like length that are embedded at a time in training."""


class EmbeddingLearner(TorchLearner):
    """A network whose scores are distances, as `benchmarks.fitting` drives it."""

    recipe: EmbeddingRecipe

    def __init__(self, recipe: Recipe, job: Job, fabric: Fabric) -> None:
        """Build everything from the recipe's seed.

        Raises:
            BenchError: several processes, which would share out the clips of a triplet.
        """
        if fabric.world_size > 1:
            raise BenchError(f"{recipe.model} forms triplets within one process: leave --devices at 1.")
        super().__init__(recipe, job, fabric)
        own = self.recipe
        self.schedule = Schedule(
            own.mining_threshold, own.mining_same_weight, own.scheduler_triplets_threshold
        )
        self._train: Chosen | None = None
        self._val: Batches | None = None
        self._known: Gallery | None = None
        self._seen = np.zeros(2, np.int64)

    def begin(self, train: Batches, val: Batches | None = None) -> Batches:
        """Return what is learnt from: the training part, with triplets or in hard batches.

        Raises:
            BenchError: no triplet can be formed, or the rule that chooses the epoch means nothing on val.
        """
        own = self.recipe
        self._train, self._val = cast("Chosen", train), val
        triplets.check(train.labels, own.batch_size if own.triplets == "batch-all" else 3, own.split)
        if val is not None and own.select == "val_silhouette":
            _silhouette_means_something(val, own)
        if own.triplets == "random":
            return triplets.RandomTriplets(self._train, own.seed)
        plain = train
        if own.clips_together is not None:
            plain = triplets.Companies(self._train, own.batch_size, own.clips_together, own.seed)
        if own.start_mining_hard is None:
            return plain
        return MinedBatches(self._train, plain, self._mining(own.start_mining_hard))

    def _mining(self, start: int) -> Mining:
        """Return how hard batches are chosen."""
        own = self.recipe
        return Mining(
            size=own.batch_size,
            seed=own.seed,
            start=start,
            multiplier=own.pre_batch_multiplier,
            count=own.pre_batch_mining_count,
            schedule=self.schedule,
            embed=lambda batch: vectors_of(self, batch),
        )

    def step(self, batch: Batch, step: Step) -> float:
        """Learn from one batch and return its loss."""
        self._known = None
        return super().step(batch, step)

    def loss(self, batch: Batch) -> Tensor:
        """Return the triplet loss of a batch."""
        vectors = self._vectors(batch)
        if isinstance(batch, triplets.Triplets):
            near, far = (self._vectors(other) for other in (batch.positive, batch.negative))
            return functional.triplet_margin_loss(vectors, near, far, self.recipe.margin)
        labels = torch.from_numpy(batch.labels).to(vectors.device)
        loss, valid, used = batch_all(
            vectors, labels, self.recipe.margin, filter_easy=self.recipe.filter_easy_triplets
        )
        self._seen += (valid, used)
        self.schedule.saw(used)
        return loss

    def _vectors(self, batch: Batch) -> Tensor:
        """Embed a batch, float32 [B, d]: clips of like length at a time, as they are here by their signs.

        Where the network hides padding it makes no difference, and half of the work was on padding.
        """
        if batch.lengths is None or not self.recipe.mask_memory or len(batch.labels) <= _ALIKE:
            return cast("Tensor", self.wrapped(*self.inputs(batch)).float())
        order = np.argsort(batch.lengths, kind="stable")
        rows = [order[first : first + _ALIKE] for first in range(0, len(order), _ALIKE)]
        vectors = torch.cat([self.wrapped(*self.inputs(part(batch, some))).float() for some in rows])
        return vectors[torch.from_numpy(np.argsort(order))]

    def measures(self, val: Batches) -> dict[str, float]:
        """Return val_loss and val_top1 by the recipe's rule, silhouettes, and the share of triplets used."""
        queries, known = embedded(self, val), self.gallery()
        row = classified(retrieval.scores(self.recipe.classify, known, queries), val.labels)
        for name, vectors, labels in (
            ("val", queries, val.labels),
            ("train", known.vectors, known.labels),
        ):
            found = retrieval.silhouette(vectors, labels)
            if found is not None:
                row[f"{name}_silhouette"] = found
        if self._seen[0]:
            row["triplets_used"] = float(self._seen[1] / self._seen[0])
        self._seen[:] = 0
        return row

    def scores(self, batches: Batches) -> Scores:
        """Return float32 [clips, classes]: log-probabilities from distances to the training clips."""
        return retrieval.scores(self.recipe.classify, self.gallery(), embedded(self, batches))

    def gallery(self) -> Gallery:
        """Return the embeddings of the training clips, none of them varied."""
        if self._known is None:
            if self._train is None:
                raise AssertionError("the training part is not known yet")
            vectors = _of_all(self, self._train)
            self._known = Gallery(vectors, self._train.labels, self.job.classes)
        return self._known

    def choose(self) -> None:
        """Go back to the chosen weights, and keep the embeddings of train and val beside them."""
        super().choose()
        self._known = None
        if self._val is not None and len(self._val.clips):
            judge = "test" if self.recipe.chosen_on_test else "val"
            parts = {"train": self.gallery().vectors, judge: embedded(self, self._val)}
            labels = {"train": self.gallery().labels, judge: self._val.labels}
            embeddings.write(self.job.folder, parts, labels)

    def state(self) -> bytes:
        """Return the learner's state, with how hard the next batches are to be."""
        kept = torch.load(io.BytesIO(super().state()), weights_only=True)
        buffer = io.BytesIO()
        torch.save({**kept, "mining": self.schedule.state()}, buffer)
        return buffer.getvalue()

    def restore(self, state: bytes) -> None:
        """Go on from what `state` returned."""
        super().restore(state)
        self._known = None
        self.schedule.restore(torch.load(io.BytesIO(state), weights_only=True)["mining"])


@torch.inference_mode()
def vectors_of(learner: TorchLearner, batch: Batch) -> Vectors:
    """Embed a batch by a learner's averaged weights where there are any: float32 [B, d]."""
    network = learner.network if learner.average is None else learner.average.module
    network.eval()
    with learner.fabric.autocast():
        vectors = cast("Any", network).embed(*learner.inputs(batch))
    return cast("Vectors", vectors.float().cpu().numpy())


def embedded(learner: TorchLearner, part: Batches) -> Vectors:
    """Embed a part as its loader gives it: float32 [clips, d], in the order of its clips."""
    found: list[tuple[NDArray[np.int64], Vectors]] = []
    for batch in part.epoch(0):
        found.append((batch.indices, vectors_of(learner, batch)))
        learner.job.progress.advance()
    return _in_order(len(part.clips), found)


def _of_all(learner: TorchLearner, part: Chosen) -> Vectors:
    """Embed every clip of a training part as it is, those of like length together."""
    order = np.argsort(part.lengths, kind="stable")
    rows = [order[first : first + _ROWS] for first in range(0, len(order), _ROWS)]
    found = [(some, vectors_of(learner, part.batch(some, 0, train=False))) for some in rows]
    return _in_order(len(order), found)


def _in_order(count: int, found: list[tuple[NDArray[np.int64], Vectors]]) -> Vectors:
    """Put embeddings where their clips stand: float32 [count, d]."""
    out = np.empty((count, found[0][1].shape[1]), np.float32)
    for rows, vectors in found:
        out[rows] = vectors
    return out


def _silhouette_means_something(val: Batches, recipe: EmbeddingRecipe) -> None:
    """Refuse to choose by a silhouette that val does not have."""
    if not retrieval.meaningful(val.labels):
        raise BenchError(
            f"A silhouette needs two signs, one of them with two clips, and the {len(val.labels)} clips that "
            f"{recipe.split} chooses by have none such. Use --set select=val_top1."
        )


def batch_all(
    vectors: Tensor, labels: Tensor, margin: float, *, filter_easy: bool
) -> tuple[Tensor, int, int]:
    """Return the loss over all triplets of a batch, how many there are, and how many still have a loss.

    Of every clip, every other clip of its sign and every clip of another sign: d(a, p) - d(a, n) + margin,
    where that is above 0. With `filter_easy` the mean is over the triplets with a loss, and shrinks where
    there are fewer than a third of the batch; without, over all triplets.

    Args:
        vectors: [B, d].
        labels: int64 [B].
        margin: how much farther another sign is to be.
        filter_easy: as above.
    """
    apart = torch.cdist(vectors, vectors, compute_mode="donot_use_mm_for_euclid_dist")
    same = labels[:, None] == labels
    pairs = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    valid = pairs[:, :, None] & ~same[:, None, :]
    losses = (apart[:, :, None] - apart[:, None, :] + margin).relu() * valid
    count, used = int(valid.sum()), int((losses > 0).sum())
    if filter_easy:
        return losses.sum() / (used + 1e-8) * min(1.0, 3 * used / max(1, len(labels))), count, used
    return losses.sum() / max(1, count), count, used
