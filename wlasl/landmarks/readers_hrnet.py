"""Reader of HRNet's COCO-WholeBody points, an `.npy` per clip: [T, 133, 3] of (x, y, score), pixels, y down.

As SAM-SLR extracts them: 17 points of the body, 6 of the feet, 68 of the face, then 21 of the left and 21 of
the right hand. A top-down network gives every point in every frame; one with a score of 0 is unseen, and so
is a point at 0,0. Feet and face are passed over. Also read are SAM-SLR's own selections of these points: 59
(body and hands) and 27 (nose, shoulders, elbows, wrists and ten points of each hand). Every slot has its
name, so that left and right stay. The picture's size is in no file: the video tells it, where there is one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wlasl.clips import Clip
from wlasl.landmarks.form import LandmarkError, Landmarks
from wlasl.landmarks.joints import COCO, HANDS, SIDES
from wlasl.landmarks.joints import hand as hand_names
from wlasl.landmarks.readers_mediapipe import floats, load_npy

_LEFT_HAND = 91
"""Where the left hand begins among the 133; the right one follows it."""
_TEN = (0, 4, 5, 8, 9, 12, 13, 16, 17, 20)
"""SAM-SLR's ten points of a hand."""
_ARMS = (0, 5, 6, 7, 8, 9, 10)
"""SAM-SLR's seven points of the body, in COCO's numbers."""

LAYOUTS: dict[int, tuple[tuple[int, ...], tuple[str, ...]]] = {
    133: ((*range(len(COCO)), *range(_LEFT_HAND, _LEFT_HAND + len(HANDS))), COCO + HANDS),
    59: (tuple(range(len(COCO) + len(HANDS))), COCO + HANDS),
    27: (
        tuple(range(len(_ARMS) + 2 * len(_TEN))),
        (*(COCO[at] for at in _ARMS), *(hand_names(side)[at] for side in SIDES for at in _TEN)),
    ),
}
"""By the number of points in a file: which of them are taken, and their names."""


def hrnet(path: Path, clip: Clip) -> Landmarks:
    """Read a clip.

    Raises:
        LandmarkError: the file is broken, or has another shape.
    """
    del clip
    found = floats(path, load_npy(path))
    if found.ndim != 3 or found.shape[1] not in LAYOUTS or found.shape[2] != 3:  # noqa: PLR2004
        known = ", ".join(map(str, sorted(LAYOUTS, reverse=True)))
        raise LandmarkError("shape", f"the array is {list(found.shape)}, not [frames, {known}; 3]")
    taken, joints = LAYOUTS[found.shape[1]]
    found = found[:, list(taken)]
    points = found[..., :2].copy()
    points[(found[..., 2] <= 0) | (points == 0).all(axis=2)] = np.nan
    return Landmarks(points, joints, "hrnet", unit="pixels")
