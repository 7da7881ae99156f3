"""Where a skeleton's joints stand in an array: found by their names, so that any set of joints will do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from wlasl.landmarks.form import Points
from wlasl.landmarks.joints import SIDES, hand

Where = slice | npt.NDArray[np.intp]
"""Some columns of the axis of joints: a slice where they lie side by side, which copies nothing."""


@dataclass(frozen=True)
class Columns:
    """Where the parts of a skeleton stand.

    Attributes:
        at: each joint's column.
        body: the joints that belong to no hand.
        hands: per side (left, right) that has any, the joints of that hand.
    """

    at: Mapping[str, int]
    body: Where
    hands: Mapping[str, Where]

    def first(self, *names: str) -> int | None:
        """Return the column of the first of these joints that the skeleton has."""
        return next((self.at[name] for name in names if name in self.at), None)


@lru_cache(maxsize=64)
def columns(joints: tuple[str, ...]) -> Columns:
    """Return where the parts of these joints stand."""
    at = {name: column for column, name in enumerate(joints)}
    sides = {side: [at[name] for name in hand(side) if name in at] for side in SIDES}
    of_hands = {column for found in sides.values() for column in found}
    body = [column for column in range(len(joints)) if column not in of_hands]
    return Columns(at, _where(body), {side: _where(sorted(found)) for side, found in sides.items() if found})


def _where(found: list[int]) -> Where:
    """Return columns as a slice where they lie side by side."""
    if found and found == list(range(found[0], found[-1] + 1)):
        return slice(found[0], found[-1] + 1)
    return np.array(found, np.intp)


def joint(points: Points, joints: tuple[str, ...], *names: str) -> Points:
    """Return float32 [..., D], the first of these joints that is seen, frame by frame; NaN where none is.

    Args:
        points: [..., J, D].
        joints: the J joints' names.
        names: wanted joints, the best first.
    """
    at = columns(joints).at
    out = np.full((*points.shape[:-2], points.shape[-1]), np.nan, np.float32)
    for name in reversed(names):
        if name in at:
            here = points[..., at[name], :]
            out = np.where(np.isnan(here), out, here)
    return out


def middle(points: Points, joints: tuple[str, ...], left: str, right: str) -> Points:
    """Return float32 [..., D], half-way between two joints; NaN where one is not seen."""
    return (joint(points, joints, left) + joint(points, joints, right)) * np.float32(0.5)
