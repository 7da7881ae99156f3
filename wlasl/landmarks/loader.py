"""Batches of landmarks: everything stays in memory, and each step is done for a whole batch at once.

What a sample holds depends on (seed, epoch, the clip's position) alone, never on its neighbours in the batch,
on restarts or on the number of processes that share an epoch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from utils.seeds import generator
from wlasl.clips import Clip
from wlasl.landmarks.augment import after, before
from wlasl.landmarks.augment_draws import Draws
from wlasl.landmarks.augment_space import mirror
from wlasl.landmarks.augment_time import Moments, Timing
from wlasl.landmarks.columns import Numbers, Planes, columns
from wlasl.landmarks.features import features
from wlasl.landmarks.form import Points
from wlasl.landmarks.frames import Frames, Indices, Store
from wlasl.landmarks.joints import SIDES
from wlasl.landmarks.normalise import NORMALISATIONS
from wlasl.landmarks.options import HIDDEN, LandmarkOptions
from wlasl.loader import Batch
from wlasl.order import ordered

__all__ = ["LandmarkLoader", "LandmarkOptions"]

_AHEAD = 2
"""How many batches (or groups of small ones) are made while the caller is busy with one."""
_TOGETHER = 32
"""Small batches are made together, up to so many clips."""
_WINDOW = 8
"""Clips of like length are looked for among so many batches."""


class LandmarkLoader:
    """One part of a subset as batches of landmarks.

    Args:
        store: the landmarks; all of the clips' are read here, once.
        clips: which of them, in order.
        options: how clips become batches.

    Attributes:
        clips: the clips, in order.
        labels: int64 [clips].
        lengths: int64 [clips], the frames that they have in the store.
        joints: the names of the joints that batches hold.
        shape: a batch's last two axes: joints and channels.

    Raises:
        BenchError: a clip is not in the store.
    """

    def __init__(self, store: Store, clips: Sequence[Clip], options: LandmarkOptions) -> None:
        """Read the clips."""
        self.clips = tuple(clips)
        self.labels = np.array([clip.label for clip in self.clips], np.int64)
        self.joints, self.shape = options.joints, options.shape
        self._options = options
        ids = [clip.id for clip in self.clips]
        self._frames = Frames(store, ids, self.joints, options.dims, bridge=options.bridge, trim=options.trim)
        self.lengths = self._frames.lengths
        self._aspects = _aspects(store, ids) if options.square else None
        self._timing = Timing(options.sampling, options.frames, options.pad_to)
        self._hands = {side: _with_hand(store.joints, options.joints, side) for side in SIDES}
        hidden = HIDDEN[options.hide] if options.hide is not None else ()
        self._hidden = np.array([at for side in hidden for at in self._hands[side].tolist()], np.int64)

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
        shares = [order[step * size : (step + 1) * size][rank::world] for step in range(start, self.steps())]
        together = max(_TOGETHER * world // size, 1)
        waiting: deque[Future[list[Batch]]] = deque()
        pool = ThreadPoolExecutor(1, "landmarks")
        try:
            for first in range(0, len(shares), together):
                waiting.append(pool.submit(self._batches, shares[first : first + together], epoch))
                if len(waiting) > _AHEAD:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _batches(self, shares: Sequence[Indices], epoch: int) -> list[Batch]:
        """Return one batch per share; they are made as one, since what a step costs hardly grows with it."""
        whole = self.batch(np.concatenate(shares), epoch, train=self._options.train)
        if len(shares) == 1:
            return [whole]
        ends = np.cumsum([len(share) for share in shares])
        return [
            self._part(whole, slice(end - len(share), end)) for share, end in zip(shares, ends, strict=True)
        ]

    def _part(self, whole: Batch, rows: slice) -> Batch:
        """Return some rows of a batch as one of their own, as long as their longest clip."""
        lengths = self.lengths[whole.indices[rows]] if whole.lengths is None else whole.lengths[rows]
        inputs = whole.inputs[rows, : self._options.pad_to or int(lengths.max(initial=0))]
        return Batch(inputs.copy(), whole.labels[rows], whole.indices[rows], lengths)

    def _order(self, epoch: int) -> Indices:
        """Return the clips' positions in the order of an epoch; the batch that is not full comes last."""
        options, count = self._options, len(self.clips)
        if not options.train:
            return np.argsort(self.lengths, kind="stable") if options.buckets else np.arange(count)
        # A clip uses (seed, epoch, position + 1): a key that ends in 0 equals the key without it.
        rng = generator(options.seed, epoch)
        order: Indices = rng.permutation(count)
        if not options.buckets:
            return order
        full = count // options.batch_size * options.batch_size
        # Sorted by window first and by length within: one sort does all windows.
        window = np.arange(full) // (_WINDOW * options.batch_size)
        by_length = order[np.lexsort((self.lengths[order[:full]], window))]
        batches = rng.permutation(by_length.reshape(-1, options.batch_size))
        return np.concatenate([batches.ravel(), order[full:]])

    def batch(self, positions: Sequence[int] | Indices, key: int | tuple[int, ...], *, train: bool) -> Batch:
        """Return these clips as one batch; a clip that is named twice is the same twice.

        Args:
            positions: the clips' positions in `clips`, in the order that is wanted.
            key: what the random numbers depend on besides the seed and the position, such as the epoch.
            train: vary what is seen.
        """
        options = self._options
        chosen = np.asarray(positions, np.int64).reshape(-1)
        augment = options.augment if train or options.augment_eval else None
        draws = None if augment is None else self._draws(chosen, key, train=train)
        moments = self._ordered(self._timing.moments(self.lengths[chosen], augment, draws), chosen)
        planes = self._seen(self._frames.planes(chosen, moments))
        if augment is not None and draws is not None:
            planes = before(augment, planes, self.joints, draws, self._hands)
        if self._aspects is not None:
            planes[:, 0] *= self._aspects[chosen, None]
        planes = NORMALISATIONS[options.normalisation](planes, self.joints, **options.switches)
        if augment is not None and draws is not None:
            planes = after(augment, planes, moments.lengths, draws)
        inputs = self._inputs(planes, moments.lengths)
        return Batch(inputs, self.labels[chosen], chosen, moments.lengths)

    def moments(self, position: int) -> Numbers:
        """Return at which frames of its landmarks a clip is read where nothing is varied, float64 [T]."""
        found = self._timing.moments(self.lengths[[position]], None, None)
        return np.asarray(self._frames.first[position] + found.at[0, : found.lengths[0]], np.float64)

    def _draws(self, positions: Indices, key: int | tuple[int, ...], *, train: bool) -> Draws:
        """Return the random numbers of some clips."""
        seed, keys = self._options.seed, key if isinstance(key, tuple) else (key,)
        if self._options.frozen_aug:
            return Draws([generator(seed, 0, 0, 0, int(train)) for _ in positions])
        return Draws([generator(seed, *keys, position + 1) for position in positions.tolist()])

    def _ordered(self, moments: Moments, positions: Indices) -> Moments:
        """Return moments in the order that a probe asks for: what follows is computed of that order."""
        order, seed = self._options.order, self._options.order_seed
        if order is None:
            return moments
        at = moments.at.copy()
        for row, (position, length) in enumerate(zip(positions, moments.lengths, strict=True)):
            at[row, :length] = at[row, ordered(order, int(length), generator(seed, int(position)))]
        return Moments(at, moments.lengths)

    def _seen(self, planes: Planes) -> Planes:
        """Return planes as the probes leave them: some joints hidden, or everything mirrored."""
        planes[self._hidden] = np.nan
        return mirror(planes, self.joints) if self._options.mirror_eval else planes

    def _inputs(self, planes: Planes, lengths: Indices) -> Points:
        """Return features as float32 [B, T, J, channels], 0 behind a clip's end."""
        found = features(self._options.features, planes, self.joints, self._options.unseen)
        joints, channels, batch, frames = found.shape
        inputs = np.zeros((batch, self._options.pad_to or frames, joints * channels), np.float32)
        inputs[:, :frames] = found.reshape(joints * channels, batch, frames).transpose(1, 2, 0)
        inputs[np.arange(inputs.shape[1]) >= lengths[:, None]] = 0
        return inputs.reshape(*inputs.shape[:2], joints, channels)


def _with_hand(known: tuple[str, ...], joints: tuple[str, ...], side: str) -> Indices:
    """Return the positions of the joints that are hidden with a hand.

    A body's wrist is hidden with its hand only where the store knows it from nowhere else.
    """
    names = [f"{side}_{finger}" for finger in ("pinky", "index", "thumb")]
    names += [] if f"{side}_wrist" in known else [f"{side}_wrist"]
    parts = columns(joints)
    own = np.arange(len(joints))[parts.hands[side]].tolist() if side in parts.hands else []
    return np.array([*own, *(parts.at[name] for name in names if name in parts.at)], np.int64)


def _aspects(store: Store, ids: Sequence[str]) -> Points:
    """Return float32 [N], each clip's width over its height; 1 where the store does not know it."""
    size_of = getattr(store, "size", lambda _: None)
    sizes = [size_of(clip) or (1, 1) for clip in ids]
    return np.array([width / height for width, height in sizes], np.float32)
