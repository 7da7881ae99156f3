"""Batches of landmarks: everything stays in memory, and each step is done for a whole batch at once.

What a sample holds depends on (seed, epoch, the clip's position) alone, never on its neighbours in the batch,
on restarts or on the number of processes that share an epoch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from utils.errors import BenchError
from utils.names import lookup
from utils.seeds import generator
from wlasl.clips import Clip
from wlasl.landmarks.form import Landmarks, Points
from wlasl.landmarks.joints import SKELETONS
from wlasl.landmarks.normalise import check, normalise, unseen
from wlasl.loader import Batch

Indices = npt.NDArray[np.int64]

_AHEAD = 2
"""How many batches are made while the caller is busy with one."""
_WINDOW = 8
"""Clips of like length are looked for among so many batches."""


class Store(Protocol):
    """What the loader needs of a store of landmarks."""

    @property
    def ids(self) -> Sequence[str]:
        """The clips that are there."""

    @property
    def joints(self) -> tuple[str, ...]:
        """The joints' names."""

    def points(self, clip_id: str, /) -> Points:
        """Return one clip's canonical landmarks, float32 [T, J, D]."""


@dataclass(frozen=True, slots=True)
class LandmarkOptions:
    """How landmarks become batches.

    Attributes:
        batch_size: clips in a batch, over all processes together.
        seed: of order and augmentation.
        train: shuffle and augment; else every clip once, as it is.
        skeleton: one of joints.SKELETONS: which joints, in whose order.
        dims: coordinates per joint.
        normalisation: one of normalise.NORMALISATIONS.
        switches: of that normalisation, by name.
        buckets: clips of like length share a batch.
    """

    batch_size: int
    seed: int = 0
    train: bool = False
    skeleton: str = "spoter"
    dims: Literal[2, 3] = 2
    normalisation: str = "spoter"
    switches: Mapping[str, bool] = field(default_factory=dict)
    buckets: bool = False

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        if self.batch_size < 1:
            raise BenchError(f"batch_size is {self.batch_size}; it must be at least 1.")
        lookup("skeleton", self.skeleton, SKELETONS)
        check(self.normalisation, self.switches)


class LandmarkLoader:
    """One part of a subset as batches of landmarks.

    Args:
        store: the landmarks; all of the clips' are read here, once.
        clips: which of them, in order.
        options: how clips become batches.

    Attributes:
        clips: the clips, in order.
        labels: int64 [clips].
        lengths: int64 [clips], frames.
        joints: the names of the joints that batches hold.

    Raises:
        BenchError: a clip is not in the store, or an option means nothing.
    """

    def __init__(self, store: Store, clips: Sequence[Clip], options: LandmarkOptions) -> None:
        """Read the clips."""
        self.clips = tuple(clips)
        self.labels = np.array([clip.label for clip in self.clips], np.int64)
        self.joints = SKELETONS[options.skeleton]
        self._options = options
        found = [self._read(store, clip) for clip in self.clips]
        self.lengths = np.array([len(points) for points in found], np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)])[:-1]
        # The last frame of all is the one that fills up short clips.
        none = np.full((1, len(self.joints), options.dims), np.nan, np.float32)
        self._frames = np.concatenate([*found, none])

    def _read(self, store: Store, clip: Clip) -> Points:
        """Return the wanted joints of one clip."""
        if clip.id not in store.ids:
            raise BenchError(f"Clip {clip.id} has no landmarks. `bench prepare --landmarks` finds them.")
        whole = Landmarks(store.points(clip.id), store.joints, source="")
        return whole.select(self.joints, self._options.dims)

    def steps(self) -> int:
        """Return the number of batches in an epoch."""
        return -(-len(self.clips) // self._options.batch_size)

    def epoch(self, epoch: int, *, start: int = 0, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        """Yield the batches of one epoch from step `start` on, this rank's share of each.

        Of every batch the ranks take turns, clip by clip; the last batch may leave a rank with none,
        which then gets a batch of no clips, so that all ranks count the same steps.

        Args:
            epoch: its number, from 0.
            start: the first step that is wanted.
            rank: this process's number among those that share the epoch.
            world: how many share it.
        """
        order, size = self._order(epoch), self._options.batch_size
        shares = (order[step * size : (step + 1) * size][rank::world] for step in range(start, self.steps()))
        waiting: deque[Future[Batch]] = deque()
        pool = ThreadPoolExecutor(1, "landmarks")
        try:
            for share in shares:
                waiting.append(pool.submit(self.batch, share, epoch, train=self._options.train))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _order(self, epoch: int) -> Indices:
        """Return the clips' positions in the order of an epoch; the batch that is not full comes last."""
        count, size = len(self.clips), self._options.batch_size
        if not self._options.train:
            return np.argsort(self.lengths, kind="stable") if self._options.buckets else np.arange(count)
        rng = generator(self._options.seed, epoch)
        order = rng.permutation(count)
        if not self._options.buckets:
            return order
        full = count // size * size
        # Sorted by window first and by length within: one sort does all windows.
        window = np.arange(full) // (_WINDOW * size)
        by_length = order[np.lexsort((self.lengths[order[:full]], window))]
        batches = rng.permutation(by_length.reshape(-1, size))
        return np.concatenate([batches.ravel(), order[full:]])

    def batch(self, positions: Sequence[int] | Indices, key: int, *, train: bool) -> Batch:
        """Return these clips as one batch.

        Args:
            positions: the clips' positions in `clips`, in the order that is wanted.
            key: what the random numbers depend on besides the seed and the position: the epoch.
            train: augment.
        """
        chosen = np.asarray(positions, np.int64)
        lengths = self.lengths[chosen]
        points = self._gathered(chosen, lengths)
        name, switches = self._options.normalisation, self._options.switches
        points = normalise(name, points, self.joints, **switches)
        return Batch(self._filled(points, lengths), self.labels[chosen], chosen, lengths)

    def _gathered(self, positions: Indices, lengths: Indices) -> Points:
        """Return clips as float32 [B, T, J, D], NaN behind a clip's end."""
        now = np.arange(lengths.max(initial=0))
        rows = np.where(now < lengths[:, None], self._starts[positions][:, None] + now, len(self._frames) - 1)
        return np.take(self._frames, rows, axis=0)

    def _filled(self, points: Points, lengths: Indices) -> Points:
        """Put numbers where there are none: the normalisation's own where unseen, 0 behind a clip's end."""
        out = np.where(np.isnan(points), np.float32(unseen(self._options.normalisation)), points)
        out[np.arange(points.shape[1]) >= lengths[:, None]] = 0
        return out
