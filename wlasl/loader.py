"""Batches of clips for training and for scoring: threads that decode straight into one uint8 array.

Decoding and resizing release Python's lock, so threads use all cores without worker processes, pickles or
copies. What a sample holds depends on (seed, epoch, the clip's position) alone, never on threads, restarts or
the number of processes that share an epoch.
"""

from __future__ import annotations

import threading
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from utils.errors import BenchError
from utils.seeds import generator
from wlasl.augment import Crop, Look, apply, look
from wlasl.clips import Clip
from wlasl.hht import Layout, mirrored
from wlasl.randaugment import RandAugment, vary
from wlasl.sampling import Sampling, frame_indices
from wlasl.store import ClipStore

_AHEAD = 2
"""How many batches are worked on while the caller is busy with one."""


@dataclass(frozen=True, slots=True)
class LoaderOptions:
    """How clips become batches.

    Attributes:
        batch_size: clips in a batch, over all processes together.
        seed: of order, sampling and augmentation.
        train: shuffle, sample at random and augment; else every clip once, in order.
        threads: threads that decode.
        randaugment: how pictures are changed in training; None for not at all.
        tiles: the layout of canvases (`wlasl.hht`) that are mirrored tile by tile; None for pictures.
        whole: hand out stored frames whole, and say where to look: whoever takes them cuts them.
    """

    batch_size: int
    seed: int = 0
    train: bool = False
    threads: int = 1
    randaugment: RandAugment | None = None
    tiles: Layout | None = None
    whole: bool = False


@dataclass(frozen=True)
class Batch:
    """Some clips, ready for a network; the arrays are the caller's to keep.

    Attributes:
        inputs: uint8 [B, T, H, W, 3], RGB; or float32 [B, T, J, D], landmarks, 0 where there are none.
        labels: int64 [B].
        indices: int64 [B], each clip's position in the loader's `clips`; the views of a clip share theirs.
        lengths: int64 [B], how many of the T frames are the clip's; None where all are.
        looks: int64 [B, 5], where to look in whole frames: x, y, width, height, mirrored; None for frames
            that are cut already.
    """

    inputs: npt.NDArray[np.uint8] | npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64] | None = None
    looks: npt.NDArray[np.int64] | None = None


class ClipLoader:
    """One part of a subset as batches.

    Args:
        store: the prepared clips.
        clips: which of them, in order.
        sampling: which frames of a clip are seen.
        crop: which part of a frame is seen.
        options: how clips become batches.

    Attributes:
        clips: the clips, in order.
        labels: int64 [clips].

    Raises:
        BenchError: a clip is not in the store, or an option means nothing.
    """

    def __init__(
        self, store: ClipStore, clips: Sequence[Clip], sampling: Sampling, crop: Crop, options: LoaderOptions
    ) -> None:
        """Check that every clip is there."""
        for name, value in (("batch_size", options.batch_size), ("threads", options.threads)):
            if value < 1:
                raise BenchError(f"{name} is {value}; it must be at least 1.")
        self.clips = tuple(clips)
        self.labels = np.array([clip.label for clip in self.clips], np.int64)
        self._store, self._sampling, self._crop, self._options = store, sampling, crop, options
        self._lengths = [store.length(clip.id) for clip in self.clips]
        self._shown = [sampling.shown(length, train=options.train) for length in self._lengths]
        self._views = 1 if options.train else sampling.views
        self._scratch = threading.local()

    def steps(self) -> int:
        """Return the number of batches in an epoch."""
        if self._is_ragged():
            return len(self._batches(0))
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

        Raises:
            BenchError: a clip's bytes are damaged; the sentence names it.
        """
        shares = (positions[rank::world] for positions in self._batches(epoch)[start:])
        waiting: deque[tuple[Batch, list[Future[None]]]] = deque()
        pool = ThreadPoolExecutor(self._options.threads, "loader")
        try:
            for share in shares:
                waiting.append(self._begin(pool, share, epoch))
                if len(waiting) > _AHEAD:
                    yield _ended(*waiting.popleft())
            while waiting:
                yield _ended(*waiting.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Return the clips' positions in the order of an epoch."""
        if not self._options.train:
            return np.arange(len(self.clips))
        # A clip uses (seed, epoch, position + 1): a key that ends in 0 equals the key without it.
        return generator(self._options.seed, epoch).permutation(len(self.clips))

    def _is_ragged(self) -> bool:
        """Say whether clips are seen at lengths of their own."""
        return self._sampling.test == "whole" and not self._options.train

    def _batches(self, epoch: int) -> list[npt.NDArray[np.int64]]:
        """Return the positions of the clips of each batch; the clips of one are seen at the same length."""
        order, size = self._order(epoch), self._options.batch_size
        if not self._is_ragged():
            return [order[step * size : (step + 1) * size] for step in range(self.steps())]
        shown = np.array(self._shown)
        groups = (order[shown[order] == length] for length in np.unique(shown))
        return [group[at : at + size] for group in groups for at in range(0, len(group), size)]

    def _begin(
        self, pool: ThreadPoolExecutor, share: npt.NDArray[np.int64], epoch: int
    ) -> tuple[Batch, list[Future[None]]]:
        """Let the threads fill a new batch; return it with what to wait for."""
        positions = np.repeat(share, self._views)
        whole = self._options.whole
        side = self._store.size if whole else self._crop.size
        # A rank without a clip of this batch has nothing to see, at whatever length.
        frames = self._shown[int(share[0])] if len(share) else self._sampling.frames
        inputs = np.empty((len(positions), frames, side, side, 3), np.uint8)
        looks = np.zeros((len(positions), 5), np.int64)
        tasks = [
            pool.submit(self._fill, (inputs[row], looks[row]), int(position), row % self._views, epoch)
            for row, position in enumerate(positions)
        ]
        return Batch(inputs, self.labels[positions], positions, looks=looks if whole else None), tasks

    def _fill(
        self,
        sample: tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]],
        position: int,
        view: int,
        epoch: int,
    ) -> None:
        """Write one sample: its frames [T, H, W, 3] and where to look."""
        out, there = sample
        rng = generator(self._options.seed, epoch, position + 1) if self._options.train else None
        indices = frame_indices(
            self._lengths[position], self._sampling, rng, view, self._start(position)
        ).tolist()
        place = look(self._crop, self._store.size, rng)
        # Tiles are mirrored here, wherever the rest is cut.
        flip = place.flip and not self._options.tiles
        there[:] = place.x, place.y, place.width, place.height, flip
        for at, index in enumerate(indices):
            if at and index == indices[at - 1]:
                out[at] = out[at - 1]
            else:
                self._frame(self.clips[position].id, index, place, out[at])
        if self._options.randaugment and self._options.train:
            # A generator of its own, so that order, sampling and place stay what they are without it.
            vary(out, self._options.randaugment, generator(self._options.seed, epoch, position + 1, 1))

    def _start(self, position: int) -> np.random.Generator | None:
        """Return the generator of a clip's start where that is drawn once, whatever the epoch."""
        if not self._sampling.fixed_start(train=self._options.train):
            return None
        return generator(self._options.seed, zlib.crc32(self.clips[position].id.encode()))

    def _frame(self, clip_id: str, index: int, place: Look, out: npt.NDArray[np.uint8]) -> None:
        """Decode one frame, and write what is seen of it into `out` [H, W, 3]."""
        tiles = self._options.tiles if place.flip else None
        if self._options.whole:
            self._store.frame_into(clip_id, index, out)
            if tiles:
                out[:] = mirrored(out, tiles)
            return
        frame = getattr(self._scratch, "frame", None)
        if frame is None:
            frame = self._scratch.frame = np.empty((self._store.size, self._store.size, 3), np.uint8)
        self._store.frame_into(clip_id, index, frame)
        if tiles:
            frame, place = mirrored(frame, tiles), replace(place, flip=False)
        apply(place, frame, out)


def _ended(batch: Batch, tasks: list[Future[None]]) -> Batch:
    """Return a batch once all of its samples are there."""
    for task in tasks:
        task.result()
    return batch
