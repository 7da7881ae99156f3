"""One clip's landmarks in memory: named joints, stated coordinates, NaN where nothing was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]
Reason = Literal["missing", "shape", "empty", "unseen", "infinite", "joints", "mixed", "short", "unreadable"]
REASONS: tuple[Reason, ...] = get_args(Reason)
"""Why a clip has no landmarks: no file, a wrong shape, no frame, no joint ever seen, infinite numbers, joint
names that differ, files of several sources, far fewer frames than the clip has, or a file that cannot be
read."""

_AXES = 3
"""Frames, joints, coordinates."""


class LandmarkError(Exception):
    """One clip's landmarks cannot be used.

    Attributes:
        reason: one of REASONS.
        detail: what was seen, for a person.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        """Keep the reason beside the words."""
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Landmarks:
    """The landmarks of one clip.

    Attributes:
        points: float32 [T, J, 2 or 3]; all coordinates of a joint are NaN where it was not seen. In image
            coordinates x is in 0..1 of the width and y in 0..1 of the height; z is in the unit of x.
        joints: the J joints' names (`wlasl.landmarks.joints`).
        source: what found them: mediapipe-holistic, mediapipe-hands, openpose, vision, hrnet, true, ...
        y: where y grows to.
        unit: `image` (0..1) or `pixels`.
        size: (width, height) of the video in pixels; None where nobody says.
        fps: frames per second; None where nobody says.
    """

    points: Points
    joints: tuple[str, ...]
    source: str
    y: Literal["down", "up"] = "down"
    unit: Literal["image", "pixels"] = "image"
    size: tuple[int, int] | None = None
    fps: float | None = None

    def checked(self) -> Landmarks:
        """Return the same landmarks, whole joints at a time NaN where a part of them is.

        Raises:
            LandmarkError: a wrong shape, no frames, infinite numbers, or not one joint seen.
        """
        points = np.asarray(self.points, np.float32)
        if points.ndim != _AXES or points.shape[1] != len(self.joints) or points.shape[2] not in {2, 3}:
            wanted = f"[frames, {len(self.joints)}, 2 or 3]"
            raise LandmarkError("shape", f"the array is {list(points.shape)}, not {wanted}")
        if not len(points):
            raise LandmarkError("empty", "there is not one frame")
        if np.isinf(points).any():
            raise LandmarkError("infinite", f"{int(np.isinf(points).sum())} coordinates are infinite")
        unseen = np.isnan(points).any(axis=2)
        if unseen.all():
            raise LandmarkError("unseen", f"no joint is seen in any of {len(points)} frames")
        points = points.copy()
        points[unseen] = np.nan
        return replace(self, points=points)

    def canonical(self) -> Landmarks:
        """Return these landmarks in image coordinates with y down.

        Pixels of a video whose size is unknown are divided by the largest coordinate of the clip, x and y
        alike, so that shapes stay.
        """
        points = np.array(self.points, np.float32)
        if self.unit == "pixels":
            if self.size is None:
                points /= max(float(np.nanmax(points[..., :2], initial=0.0)), 1.0)
            else:
                scale = (self.size[0], self.size[1], self.size[0])[: points.shape[2]]
                points /= np.array(scale, np.float32)
        if self.y == "up":
            points[..., 1] = 1 - points[..., 1]
        return replace(self, points=points, y="down", unit="image")

    def select(self, joints: Sequence[str], dims: Literal[2, 3] = 2) -> Points:
        """Return float32 [T, len(joints), dims]: NaN for joints that this source does not know.

        A neck that is not named is the middle of the shoulders; wrists of the body that are not named are
        those of the hands, and the other way round. A depth that is not there is NaN in no joint but 0.
        """
        at = {name: index for index, name in enumerate(self.joints)}
        out = np.full((len(self.points), len(joints), dims), np.nan, np.float32)
        for column, name in enumerate(joints):
            found = [at[known] for known in _stands_for(name, at) if known in at]
            if found:
                taken = min(dims, self.points.shape[2])
                out[:, column, :taken] = self.points[:, found, :taken].mean(axis=1)
                if taken < dims:
                    out[:, column, taken:] = np.where(np.isnan(out[:, column, :1]), np.nan, 0)
        return out


def _stands_for(name: str, at: dict[str, int]) -> tuple[str, ...]:
    """Return the joints whose mean a joint is: itself where it is named."""
    if name in at:
        return (name,)
    if name == "neck" and {"left_shoulder", "right_shoulder"} <= at.keys():
        return ("left_shoulder", "right_shoulder")
    side, _, rest = name.partition("_")
    if rest == "wrist":
        return (f"{side}_hand_wrist",)
    if rest == "hand_wrist":
        return (f"{side}_wrist",)
    return ()
