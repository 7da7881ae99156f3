"""The layout in which landmarks are worked on, and where a skeleton's joints stand in it, by their names.

Batches are float32 [B, T, J, D]. In between they are planes, [J, D, B, T]: a plane holds one coordinate
of one joint for all clips and frames side by side, so that NumPy's loops are long (a hand's box costs a
hundredth).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from wlasl.landmarks.form import Points
from wlasl.landmarks.joints import SIDES, hand

Planes = npt.NDArray[np.float32]
"""float32 [J, D, B, T], NaN where unseen or padded."""
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]
Where = slice | npt.NDArray[np.intp]
"""Some of the joints: a slice where they lie side by side, which copies nothing."""


@dataclass(frozen=True)
class Columns:
    """Where the parts of a skeleton stand.

    Attributes:
        at: each joint's position.
        body: the joints that belong to no hand.
        hands: per side (left, right) that has any, the joints of that hand.
    """

    at: Mapping[str, int]
    body: Where
    hands: Mapping[str, Where]


@lru_cache(maxsize=64)
def columns(joints: tuple[str, ...]) -> Columns:
    """Return where the parts of these joints stand."""
    at = {name: position for position, name in enumerate(joints)}
    sides = {side: sorted(at[name] for name in hand(side) if name in at) for side in SIDES}
    of_hands = {position for found in sides.values() for position in found}
    body = [position for position in range(len(joints)) if position not in of_hands]
    return Columns(at, where(body), {side: where(found) for side, found in sides.items() if found})


def where(found: list[int]) -> Where:
    """Return positions as a slice where they lie side by side."""
    if found and found == list(range(found[0], found[-1] + 1)):
        return slice(found[0], found[-1] + 1)
    return np.array(found, np.intp)


def to_planes(points: Points) -> Planes:
    """Return a copy of points [B, T, J, D] as planes [J, D, B, T]."""
    return np.array(points.transpose(2, 3, 0, 1), np.float32, order="C")


def to_points(planes: Planes) -> Points:
    """Return a copy of planes [J, D, B, T] as points [B, T, J, D]."""
    return np.array(planes.transpose(2, 3, 0, 1), np.float32, order="C")


def joint(planes: Planes, joints: tuple[str, ...], *names: str) -> Planes:
    """Return float32 [D, B, T], frame by frame the first of these joints that is seen; NaN where none is.

    Args:
        planes: [J, D, B, T].
        joints: the J joints' names.
        names: wanted joints, the best first.
    """
    at = columns(joints).at
    out = np.full(planes.shape[1:], np.nan, np.float32)
    for name in reversed(names):
        if name in at:
            out = np.where(np.isnan(planes[at[name]]), out, planes[at[name]])
    return out


def middle(planes: Planes, joints: tuple[str, ...], left: str, right: str) -> Planes:
    """Return float32 [D, B, T], half-way between two joints; NaN where one is not seen."""
    return (joint(planes, joints, left) + joint(planes, joints, right)) * np.float32(0.5)


def neck_of(planes: Planes, joints: tuple[str, ...]) -> Planes:
    """Return float32 [D, B, T], the neck, or the middle of the shoulders where it is not seen."""
    neck = joint(planes, joints, "neck")
    return np.where(np.isnan(neck), middle(planes, joints, "left_shoulder", "right_shoulder"), neck)


def length(vectors: npt.NDArray[np.floating]) -> Numbers:
    """Return the lengths, float64 [...], of vectors [2 or more, ...], by their x and y."""
    found: Numbers = np.hypot(vectors[0].astype(np.float64), vectors[1].astype(np.float64))
    return found
