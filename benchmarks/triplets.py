"""Triplets: a clip, another of its sign and one of another, drawn at random; and when there are none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.mining import Chosen
from utils.errors import BenchError
from utils.seeds import generator
from wlasl.loader import Batch

Indices = npt.NDArray[np.int64]

_TRIPLE = 3


@dataclass(frozen=True, kw_only=True)
class Triplets(Batch):
    """A batch of anchors, and for each of them another clip of its sign and one of another.

    Attributes:
        positive: as many clips as the batch has, not varied.
        negative: likewise.
    """

    positive: Batch
    negative: Batch


def check(labels: Indices, batch_size: int, name: str) -> None:
    """Refuse a training part of which no triplet can be formed.

    Args:
        labels: int64 [N], of the training clips.
        batch_size: clips in a batch, where triplets are formed within one; 3 where they are not.
        name: of the subset, for people.

    Raises:
        BenchError: one sign only, no sign with two clips, or batches of fewer than 3 clips.
    """
    _, counts = np.unique(labels, return_counts=True)
    what = f"No triplet can be formed of {len(labels)} training clips of {name}"
    if len(counts) < 2:  # noqa: PLR2004 - a sign and another
        raise BenchError(f"{what}: they show one sign. Give the data set more signs, or train spoter.")
    if counts.max() < 2:  # noqa: PLR2004 - a pair
        raise BenchError(
            f"{what}: no sign has two of them. Get more clips (`bench data doctor`), or train spoter."
        )
    if batch_size < _TRIPLE:
        raise BenchError(f"No triplet fits into a batch of {batch_size}. Set batch_size to 3 or more.")


class RandomTriplets:
    """A training part whose every clip comes with a random one of its sign and a random one of another.

    Anchors are varied as in any training; the other two are not, as in the original. A clip that is alone in
    its sign is its own positive. What is drawn depends on (seed, epoch, step) alone.
    """

    def __init__(self, train: Chosen, seed: int) -> None:
        """Keep the loader."""
        self.train, self.seed = train, seed
        self.clips, self.labels = train.clips, train.labels

    def steps(self) -> int:
        """Return the number of batches in an epoch."""
        return self.train.steps()

    def epoch(self, epoch: int, *, start: int = 0, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        """Yield the batches of one epoch from step `start` on."""
        anchors = self.train.epoch(epoch, start=start, rank=rank, world=world)
        for step, batch in enumerate(anchors, start):
            positive, negative = drawn(self.labels, batch.indices, generator(self.seed, epoch, step, 1))
            yield Triplets(
                **vars(batch),
                positive=self.train.batch(positive, 0, train=False),
                negative=self.train.batch(negative, 0, train=False),
            )


class Companies:
    """A training part in whose batches clips of one sign come in company: so many of them side by side.

    Of 32 clips of 100 signs drawn at random hardly any two show the same one. Every clip still comes once an
    epoch; the order depends on (seed, epoch) alone.
    """

    def __init__(self, train: Chosen, size: int, together: int, seed: int) -> None:
        """Keep the loader; `size` clips make a batch, up to `together` of one sign side by side."""
        self.train, self.size, self.together, self.seed = train, size, together, seed
        self.clips, self.labels = train.clips, train.labels

    def steps(self) -> int:
        """Return the number of batches in an epoch."""
        return -(-len(self.clips) // self.size)

    def epoch(self, epoch: int, *, start: int = 0, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        """Yield the batches of one epoch from step `start` on."""
        order = accompanied(self.labels, self.together, generator(self.seed, epoch))
        for step in range(start, self.steps()):
            rows = order[step * self.size : (step + 1) * self.size]
            yield self.train.batch(rows[rank::world], epoch, train=True)


def accompanied(labels: Indices, together: int, rng: np.random.Generator) -> Indices:
    """Return all clips in random order, int64 [N], but up to `together` of one sign side by side."""
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    starts = np.searchsorted(labels[order], labels[order])
    company = labels[order] * len(labels) + (np.arange(len(order)) - starts) // together
    _, member = np.unique(company, return_inverse=True)
    places = rng.permutation(member.max(initial=-1) + 1)
    return np.asarray(order[np.argsort(places[member], kind="stable")])


def drawn(labels: Indices, anchors: Indices, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """Return, per anchor, another clip of its sign and one of another, drawn evenly: int64 [B] each."""
    same = labels[anchors][:, None] == labels
    chances = rng.random(same.shape)
    positive = np.where(same, chances, -1.0)
    positive[np.arange(len(anchors)), anchors] = -0.5  # itself, where there is no other
    return positive.argmax(1), np.where(same, -1.0, chances).argmax(1)
