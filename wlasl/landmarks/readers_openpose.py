"""Reader of OpenPose's JSON, a folder per clip and a file per frame, as WLASL's authors give it away.

`<clip>/image_00001_keypoints.json` (or any name that ends in a number and `_keypoints.json`) holds `people`;
of each, `pose_keypoints_2d` is 25 x (x, y, confidence) of BODY_25, `hand_left_keypoints_2d` and
`hand_right_keypoints_2d` are 21 each, and the face is passed over. The first person is the signer. Pixels,
y down; a confidence of 0, or 0,0, means unseen. OpenPose finds hands at the body's wrists, so that left and
right are the signer's own and stay.

WLASL's own were found in squares of 256 pixels (its TGCN divides by 256). Coordinates beyond say that the
files are others; then the video's size is asked for, and where there is no video, nobody knows it. Others of
a small video are taken for WLASL's: shapes stay right, for both coordinates are divided by the same number.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from wlasl.clips import Clip
from wlasl.landmarks.form import LandmarkError, Landmarks, Points
from wlasl.landmarks.joints import BODY_25, HAND, HANDS

JOINTS = BODY_25 + HANDS
_PARTS = (
    ("pose_keypoints_2d", len(BODY_25)),
    ("hand_left_keypoints_2d", len(HAND)),
    ("hand_right_keypoints_2d", len(HAND)),
)
_FRAME = re.compile(r"(\d+)_keypoints\.json")
_WRONG = (ValueError, TypeError, LookupError, AttributeError, OverflowError)
"""What JSON of another form than OpenPose's leads to."""
_SQUARE = 256
_OVER = 1.05
"""Points may lie so far outside of the square, as a factor."""
_GAPS = 3
"""Frame numbers may span this many times as many frames as there are files."""


def frame_files(folder: Path) -> dict[int, Path]:
    """Return the files of a clip by the number of their frame, in order.

    Raises:
        LandmarkError: there are none, or two have the same number.
    """
    try:
        names = [(match, name) for name in os.listdir(folder) if (match := _FRAME.search(name))]
    except OSError as error:
        raise LandmarkError("missing", f"{folder.name}: {error.strerror}") from error
    found = {int(match[1]): folder / name for match, name in names}
    if not found:
        raise LandmarkError("empty", f"{folder.name} holds no file named like image_00001_keypoints.json")
    if len(found) < len(names):
        raise LandmarkError("mixed", f"{folder.name} holds several files of the same frame")
    return dict(sorted(found.items()))


def openpose(folder: Path, clip: Clip) -> Landmarks:
    """Read a clip; a frame whose file is missing between two others is unseen, as is one without a person.

    Raises:
        LandmarkError: there are no frames, a file is broken, or frame numbers leave large gaps.
    """
    del clip
    files = frame_files(folder)
    first, last = next(iter(files)), next(reversed(files))
    if last - first + 1 > _GAPS * len(files):
        raise LandmarkError("shape", f"{len(files)} files for the frames {first} to {last}")
    points = np.full((last - first + 1, len(JOINTS), 2), np.nan, np.float32)
    for number, path in files.items():
        points[number - first] = _frame(path)
    square = bool(np.nanmax(points, initial=0) <= _OVER * _SQUARE)
    return Landmarks(points, JOINTS, "openpose", unit="pixels", size=(_SQUARE, _SQUARE) if square else None)


def _frame(path: Path) -> Points:
    """Read one frame into [67, 2], NaN where unseen."""
    try:
        people = json.loads(path.read_bytes())["people"]
        numbers = [_part(people[0], name, count) for name, count in _PARTS] if people else []
    except (*_WRONG, RecursionError) as error:
        raise LandmarkError("unreadable", f"{path.name}: {error}") from error
    except OSError as error:
        raise LandmarkError("unreadable", f"{path.name}: {error.strerror}") from error
    if not people:
        return np.full((len(JOINTS), 2), np.nan, np.float32)
    found = np.concatenate(numbers)
    found[(found[:, 2] == 0) | (found[:, :2] == 0).all(axis=1)] = np.nan
    return found[:, :2]


def _part(person: dict[str, Any], name: str, count: int) -> Points:
    """Return one part of a person, [count, 3]; a part that OpenPose was not asked for is zeros."""
    numbers = np.asarray(person.get(name) or np.zeros(3 * count), np.float32)
    if numbers.shape != (3 * count,):
        raise LandmarkError("shape", f"{name} has {numbers.size} numbers, not {3 * count}")
    return numbers.reshape(count, 3)
