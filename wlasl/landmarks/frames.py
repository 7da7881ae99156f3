"""All landmarks of some clips in memory, and any moments of any of them as planes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from utils.errors import BenchError
from wlasl.landmarks.augment_time import Moments
from wlasl.landmarks.columns import Numbers, Planes
from wlasl.landmarks.form import Landmarks, Points
from wlasl.landmarks.gaps import bridged

Indices = npt.NDArray[np.int64]

_TOGETHER = 256
"""Clips that are read at a time."""


class Store(Protocol):
    """What the loader needs of a store of landmarks."""

    @property
    def joints(self) -> tuple[str, ...]:
        """The joints' names."""

    def points(self, clip_id: str, /) -> Points:
        """Return one clip's canonical landmarks, float32 [T, J, D]; a KeyError or BenchError for none."""


class Frames:
    """The landmarks of N clips, one after the other.

    Args:
        store: where they are read from, once.
        ids: the clips' ids.
        joints: which joints are wanted, in order.
        dims: coordinates per joint.
        bridge: gaps of at most so many frames are filled in.
        trim: cut what comes before the first and after the last frame in which a hand is seen.

    Attributes:
        lengths: int64 [N], the clips' frames.
        first: int64 [N], which frame of its landmarks a clip begins with; 0 where nothing was cut.

    Raises:
        BenchError: a clip has no landmarks.
    """

    def __init__(
        self,
        store: Store,
        ids: Sequence[str],
        joints: tuple[str, ...],
        dims: Literal[2, 3],
        *,
        bridge: int = 0,
        trim: bool = False,
    ) -> None:
        """Read them."""
        self._joints, self._dims = len(joints), dims
        # Some clips at a time: selecting joints costs much per call, and nothing is held thrice.
        parts, lengths, starts = [], [0], [0]
        for first in range(0, len(ids), _TOGETHER):
            found = [_read(store, clip) for clip in ids[first : first + _TOGETHER]]
            kept = [_kept(points, store.joints) if trim else slice(0, len(points)) for points in found]
            starts += [part.start for part in kept]
            found = [points[part] for points, part in zip(found, kept, strict=True)]
            frames = [len(points) for points in found]
            whole = Landmarks(np.concatenate(found), store.joints, source="").select(joints, dims)
            parts.append(bridged(whole, np.array(frames), bridge) if bridge else whole)
            lengths += frames
        self.lengths: Indices = np.array(lengths[1:], np.int64)
        self.first: Indices = np.array(starts[1:], np.int64)
        self._starts = np.cumsum(self.lengths) - self.lengths
        # The last frame of all, of which nothing is seen, stands behind every clip's end.
        parts.append(np.full((1, len(joints), dims), np.nan, np.float32))
        self._rows = np.concatenate(parts).reshape(-1, len(joints) * dims)

    def planes(self, positions: Indices, moments: Moments) -> Planes:
        """Return clips at moments as planes [J, D, B, T]; NaN behind a clip's last moment.

        Between two frames joints are on a straight line; where one of the two does not see them, they are
        where the nearer frame has them.

        Args:
            positions: int64 [B], which clips.
            moments: of each.
        """
        at = moments.at
        low = np.floor(at)
        taken = self._taken(positions, low)
        if (at != low).any():
            taken = _between(taken, self._taken(positions, np.ceil(at)), (at - low).astype(np.float32))
        planes = taken.reshape(-1, self._joints * self._dims).T.copy()
        return planes.reshape(self._joints, self._dims, *at.shape)

    def _taken(self, positions: Indices, at: Numbers) -> Points:
        """Return clips at whole moments [B, T], float32 [B, T, J x D]."""
        rows = np.where(at < 0, len(self._rows) - 1, self._starts[positions][:, None] + at)
        return np.take(self._rows, rows.astype(np.int64), axis=0)


def _between(one: Points, other: Points, share: Points) -> Points:
    """Return what lies a share [B, T] of the way from one to the other, float32 [B, T, n]."""
    part = share[..., None]
    mixed = (1 - part) * one + part * other
    nearer = np.where(part < 0.5, one, other)  # noqa: PLR2004 - half the way
    return np.where(np.isnan(mixed) | (part == 0), nearer, mixed)


def _kept(points: Points, joints: tuple[str, ...]) -> slice:
    """Return the frames from the first to the last in which a hand is seen; all where none ever is."""
    of_hands = [column for column, name in enumerate(joints) if "_hand_" in name]
    seen = np.flatnonzero(~np.isnan(points[:, of_hands, 0]).all(axis=1))
    return slice(int(seen[0]), int(seen[-1]) + 1) if len(seen) else slice(0, len(points))


def _read(store: Store, clip_id: str) -> Points:
    """Return one clip's landmarks, or say which clip has none."""
    try:
        return np.asarray(store.points(clip_id), np.float32)
    except KeyError as error:
        how = "`bench prepare --landmarks` finds or makes them."
        raise BenchError(f"Clip {clip_id} has no landmarks in the store. {how}") from error
