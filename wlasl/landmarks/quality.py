"""How much of a data set its landmarks see: the share of frames with body, left and right hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wlasl.clips import Clip
from wlasl.landmarks.form import Points
from wlasl.landmarks.joints import hand
from wlasl.landmarks.store import LandmarkStore

Seen = npt.NDArray[np.bool_]

GROUPS = ("body", "left hand", "right hand")
_ANCHORS = ("left_shoulder", "right_shoulder")
"""A body without these cannot be placed: every normalisation begins with them."""
_HALF = 0.5
"""A hand is seen in a frame in which so large a share of its joints is."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What is seen in some frames.

    Attributes:
        clips: how many clips these frames are of.
        frames: how many frames there are.
        seen: of each group, in how many frames it is seen; a group that the source does not know is missing.
        any_hand: in how many frames at least one hand is seen.
        handless: how many clips show no hand in any frame.
    """

    clips: int
    frames: int
    seen: Mapping[str, int]
    any_hand: int
    handless: int

    def share(self, group: str) -> float | None:
        """Return the share of frames in which a group is seen; None where the source does not know it."""
        count = self.seen.get(group)
        return None if count is None or not self.frames else count / self.frames


def presence(points: Points, joints: Sequence[str]) -> dict[str, Seen]:
    """Return in which frames each group is seen, bool [T]; a group without joints is missing.

    Args:
        points: float32 [T, J, D], NaN where unseen.
        joints: the J names.
    """
    at = {name: index for index, name in enumerate(joints)}
    seen = ~np.isnan(points[..., 0])
    found: dict[str, Seen] = {}
    if all(name in at for name in _ANCHORS):
        found["body"] = np.asarray(seen[:, [at[name] for name in _ANCHORS]].all(axis=1))
    for side in ("left", "right"):
        known = [at[name] for name in hand(side) if name in at]
        if known:
            found[f"{side} hand"] = np.asarray(seen[:, known].mean(axis=1) >= _HALF)
    return found


def quality_of(store: LandmarkStore, clip_id: str) -> Quality:
    """Return what is seen of one clip.

    Raises:
        BenchError: the clip is not there, or its bytes are damaged.
    """
    found = presence(store.points(clip_id), store.joints)
    frames = store.length(clip_id)
    hands = [seen for group, seen in found.items() if group != "body"]
    any_hand = int(np.any(np.stack(hands), axis=0).sum()) if hands else 0
    counts = {group: int(seen.sum()) for group, seen in found.items()}
    return Quality(1, frames, counts, any_hand, int(not any_hand))


def together(some: Iterable[Quality]) -> Quality:
    """Return what is seen in all of these frames."""
    rows = list(some)
    groups = [group for group in GROUPS if any(group in row.seen for row in rows)]
    return Quality(
        sum(row.clips for row in rows),
        sum(row.frames for row in rows),
        {group: sum(row.seen.get(group, 0) for row in rows) for group in groups},
        sum(row.any_hand for row in rows),
        sum(row.handless for row in rows),
    )


def survey(store: LandmarkStore, clips: Iterable[Clip]) -> dict[str, Quality]:
    """Return what is seen of each of these clips that the store has, by id.

    Raises:
        BenchError: a clip's bytes are damaged.
    """
    return {clip.id: quality_of(store, clip.id) for clip in clips if clip.id in store}
