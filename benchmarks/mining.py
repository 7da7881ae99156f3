"""Batches of hard clips: those that a network puts near each other though they differ, and the reverse.

From xmartlabs/spoter-embeddings, written from what was measured of it: so many batches' worth of clips are
embedded, their pairs are ranked by how wrong their distance is, and hard pairs are put into one batch. The
same clips are embedded and put together several times over, as the network changes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.engine import Batches
from benchmarks.retrieval import Vectors, squared_distances
from utils.errors import BenchError
from utils.seeds import generator
from wlasl.clips import Clip
from wlasl.loader import Batch

Indices = npt.NDArray[np.int64]

FILLED = 0.8
"""Pairs are put together until this share of the clips has a place."""
_LEAST_THRESHOLD, _LEAST_WEIGHT = 0.2, 0.6
_RECENT, _REST = 5, 10


class Chosen(Batches, Protocol):
    """Batches that can also be put together clip by clip (`wlasl.landmarks.loader.LandmarkLoader`)."""

    lengths: Indices

    def batch(self, positions: Sequence[int] | Indices, key: int | tuple[int, ...], *, train: bool) -> Batch:
        """Return these clips as one batch, varied by `key` in training."""
        ...


@dataclass
class Schedule:
    """How hard a pair must be; falls while batches have few triplets left to learn from.

    Attributes:
        threshold: t, the least score of a pair.
        same_weight: f, the weight of pairs of one sign against pairs of two.
        least_used: the mean number of used triplets below which both fall; 0 for never.
        used: of the latest steps.
        since: steps since the last fall.
    """

    threshold: float
    same_weight: float
    least_used: float
    used: list[int] = field(default_factory=list)
    since: int = 0

    def saw(self, used: int) -> None:
        """Count a step that learnt from `used` triplets."""
        self.used = [*self.used, used][-_RECENT:]
        self.since += 1
        few = len(self.used) == _RECENT and sum(self.used) / _RECENT < self.least_used
        if few and self.since >= _REST:
            self.threshold = max(_LEAST_THRESHOLD, 0.8 * self.threshold)
            self.same_weight = max(_LEAST_WEIGHT, 0.9 * self.same_weight)
            self.since = 0

    def state(self) -> dict[str, Any]:
        """Return what changes, for a checkpoint."""
        return {"t": self.threshold, "f": self.same_weight, "used": list(self.used), "since": self.since}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.threshold, self.same_weight = state["t"], state["f"]
        self.used, self.since = list(state["used"]), state["since"]


def hardness(vectors: Vectors, labels: Indices, same_weight: float) -> npt.NDArray[np.float64]:
    """Return float64 [N, N]: how hard each pair is, 0..1.

    Pairs of one sign are the harder the farther apart they are, pairs of two signs the nearer; each kind is
    measured against its farthest pair.
    """
    apart = np.sqrt(squared_distances(vectors, vectors))
    same = labels[:, None] == labels
    farthest_same, farthest = (max(apart[of].max(initial=0), 1e-12) for of in (same, ~same))
    return np.asarray(np.where(same, apart / farthest_same * same_weight, 1 - apart / farthest))


def ranked_pairs(hard: npt.NDArray[np.float64], threshold: float) -> Indices:
    """Return int64 [P, 2]: the pairs of at least this hardness, hardest first, each once."""
    one, other = np.triu_indices(len(hard), 1)
    values = hard[one, other]
    kept = np.flatnonzero(values >= threshold)
    order = kept[np.argsort(-values[kept], kind="stable")]
    return np.stack([one[order], other[order]], axis=1)


class _Groups:
    """Clips on their way into batches of one size."""

    def __init__(self, clips: int, size: int) -> None:
        """Begin with no clip placed."""
        self.size, self.most = size, -(-clips // size)
        self.members: list[list[int]] = []
        self.of: dict[int, list[int]] = {}

    def add(self, one: int, other: int) -> None:
        """Put a hard pair together where there is room."""
        first, second = self.of.get(one), self.of.get(other)
        if first is None and second is None:
            group = self._with_room(2)
            if group is not None:
                self._place(group, one, other)
        elif first is None or second is None:
            group = first if first is not None else second
            if group is not None and len(group) < self.size:
                self._place(group, one if first is None else other)
        elif first is not second and len(first) + len(second) < self.size:
            self._place(first, *second)
            self.members = [group for group in self.members if group is not second]

    def _with_room(self, places: int) -> list[int] | None:
        """Return a new group, or else the first with so many free places; None where there is neither."""
        if len(self.members) < self.most:
            self.members.append([])
            return self.members[-1]
        return next((group for group in self.members if len(group) + places <= self.size), None)

    def _place(self, group: list[int], *clips: int) -> None:
        """Put clips into a group."""
        group.extend(clips)
        self.of.update(dict.fromkeys(clips, group))

    def filled(self, clips: int) -> Indices:
        """Return all clips, group after group: those without a place fill the groups up, in order."""
        rest = (clip for clip in range(clips) if clip not in self.of)
        whole: list[int] = []
        for group in self.members:
            free = self.size - len(group)
            whole += [*group, *itertools.islice(rest, free)]
        return np.array([*whole, *rest], np.int64)


def grouped(vectors: Vectors, labels: Indices, size: int, schedule: Schedule) -> Indices:
    """Return int64 [N], the clips in an order whose slices of `size` are the batches, hard pairs together.

    Args:
        vectors: float32 [N, d], embeddings.
        labels: int64 [N].
        size: clips in a batch.
        schedule: how hard a pair must be.
    """
    groups = _Groups(len(labels), size)
    for one, other in ranked_pairs(
        hardness(vectors, labels, schedule.same_weight), schedule.threshold
    ).tolist():
        if len(groups.of) > FILLED * len(labels):
            break
        groups.add(one, other)
    return groups.filled(len(labels))


@dataclass(frozen=True)
class Mining:
    """How batches are chosen.

    Attributes:
        size: clips in a batch.
        seed: of the order of clips.
        start: the first epoch of chosen batches.
        multiplier: batches that are chosen together.
        count: how many times the same clips are chosen from.
        schedule: how hard a pair must be.
        embed: from a batch to float32 [B, d], by the network as it is at the time.
    """

    size: int
    seed: int
    start: int
    multiplier: int
    count: int
    schedule: Schedule
    embed: Callable[[Batch], Vectors]


class MinedBatches:
    """A training part whose batches are hard from some epoch on; `of_epoch` gives those of one epoch."""

    def __init__(self, train: Chosen, plain: Batches, mining: Mining) -> None:
        """Keep the loader, and the batches until mining starts.

        Raises:
            BenchError: there are fewer clips than a batch holds.
        """
        if len(train.clips) < mining.size:
            advice = f"Set batch_size to {len(train.clips)} or less, or start_mining_hard=none."
            raise BenchError(
                f"Hard batches of {mining.size} cannot be formed of {len(train.clips)} clips. {advice}"
            )
        self.train, self.plain, self.mining = train, plain, mining
        self.clips, self.labels = train.clips, train.labels

    def of_epoch(self, epoch: int) -> Batches:
        """Return the batches of one epoch: the plain ones before mining starts."""
        return self.plain if epoch < self.mining.start else MinedEpoch(self.train, self.mining, epoch)

    def steps(self) -> int:
        """Return the number of batches in an epoch before mining starts."""
        return self.plain.steps()

    def epoch(self, epoch: int, *, start: int = 0, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        """Yield the batches of one epoch."""
        return self.of_epoch(epoch).epoch(epoch, start=start, rank=rank, world=world)


class MinedEpoch:
    """One epoch of hard batches, all of them full; each clip comes `count` times.

    Attributes:
        clips: as many as come, for counting; a batch's indices are places among the loader's.
        labels: likewise.
    """

    def __init__(self, train: Chosen, mining: Mining, epoch: int) -> None:
        """Draw which clips are chosen from together; those that fill no batch are left out of this epoch."""
        self.train, self.mining = train, mining
        whole = len(train.clips) // mining.size * mining.size
        order = generator(mining.seed, epoch).permutation(len(train.clips))[:whole]
        together = mining.multiplier * mining.size
        self.rounds = [
            order[first : first + together]
            for first in range(0, whole, together)
            for _ in range(mining.count)
        ]
        self.clips: tuple[Clip, ...] = (train.clips * (mining.count + 1))[: whole * mining.count]
        self.labels = np.tile(train.labels, mining.count + 1)[: whole * mining.count]

    def steps(self) -> int:
        """Return the number of batches."""
        return sum(len(clips) for clips in self.rounds) // self.mining.size

    def resumable(self, step: int) -> bool:
        """Say whether the batches from a step on depend on the network as it is then, and on nothing else."""
        ends = np.cumsum([0, *(len(clips) // self.mining.size for clips in self.rounds)])
        return bool(np.isin(step, ends))

    def epoch(self, epoch: int, *, start: int = 0, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        """Yield the batches from step `start` on, each round chosen when its first batch is asked for.

        Raises:
            ValueError: `start` lies within a round, whose choice nobody knows any more.
        """
        if not self.resumable(start):
            raise ValueError(f"step {start} lies within a round of hard batches")
        step = 0
        for number, clips in enumerate(self.rounds):
            if step >= start:
                yield from self._round(clips, (epoch, number + 1), slice(rank, None, world))
            step += len(clips) // self.mining.size

    def _round(self, clips: Indices, key: tuple[int, int], share: slice) -> Iterator[Batch]:
        """Embed some clips, varied as they will be learnt, and yield the batches that this suggests."""
        whole = self.train.batch(clips, key, train=True)
        order = grouped(self.mining.embed(whole), whole.labels, self.mining.size, self.mining.schedule)
        for rows in order.reshape(-1, self.mining.size):
            yield part(whole, rows[share])


def part(whole: Batch, rows: Indices) -> Batch:
    """Return some rows of a batch as one of their own, as long as their longest clip."""
    if whole.lengths is None:
        return Batch(whole.inputs[rows], whole.labels[rows], whole.indices[rows])
    lengths = whole.lengths[rows]
    inputs = whole.inputs[rows, : int(lengths.max(initial=0))]
    return Batch(inputs, whole.labels[rows], whole.indices[rows], lengths)
