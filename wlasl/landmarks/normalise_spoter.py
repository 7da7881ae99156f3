"""SPOTER's normalisation (Bohacek and Hruz 2022): the signer in a box of the body, each hand in its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wlasl.landmarks.columns import Where, columns, joint, middle
from wlasl.landmarks.form import Points
from wlasl.landmarks.gaps import forward

_WIDE, _HIGH = 3, 6
"""The body's box: 3 head sizes to each side of the neck, and 6 high."""
_PAD = 0.1
"""Added to each side of a hand's box, a share of its longer side."""

Numbers = npt.NDArray[np.float64]


class Box(NamedTuple):
    """A box per clip and frame, float64 [B, T, 2] each: (x, y) of its lowest and of its highest corner."""

    low: Numbers
    high: Numbers

    def usable(self) -> npt.NDArray[np.bool_]:
        """Return bool [B, T]: the box is there and has an area, positive or not."""
        size = self.high - self.low
        usable: npt.NDArray[np.bool_] = (np.isfinite(size) & (size != 0)).all(-1)
        return usable


def spoter(
    points: Points,
    joints: tuple[str, ...],
    *,
    y_axis: bool = False,
    verbatim: bool = False,
    hands_reversed: bool = False,
) -> Points:
    """Return float32 [B, T, J, D]: body and hands in their boxes, less 0.5; NaN stays NaN.

    The data that the formulas were made for are y up, so canonical points (y down) are turned first. Where a
    clip's body has no box in its first frames, or a box without an area, its body stays as it is (and is
    shifted by 0.5 too). A box that reaches below 0 is cut there, as published: such a signer does not
    normalise to the same numbers elsewhere in the picture. A third coordinate is divided by the box's width.

    Args:
        points: canonical, [B, T, J, D].
        joints: the J joints' names.
        y_axis: the defect of that name: take points that are y down as they are.
        verbatim: as the original's code has it beyond its words: an invalid clip keeps what was normalised
            before and after the invalid frames, and a neck or a left eye that is not seen counts as 0.
        hands_reversed: turn the hands' y, as the original's function for whole tables does; the one that
            its training uses does not.
    """
    points = points.copy()
    if not y_axis:
        np.subtract(1, points[..., 1], out=points[..., 1])
    parts = columns(joints)
    box = _body_box(points, joints, verbatim=verbatim)
    for where in parts.hands.values():
        _into(points, where, _hand_box(points[:, :, where]))
        if hands_reversed:
            points[:, :, where, 1] = 1 - points[:, :, where, 1]
    _into(points, parts.body, _kept(box, points[:, :, parts.body], verbatim=verbatim))
    points[..., :2] -= np.float32(0.5)
    return points


def _body_box(points: Points, joints: tuple[str, ...], *, verbatim: bool) -> Box:
    """Return the body's box, per frame that has none the last one that there was."""
    left, right = (joint(points, joints, f"{side}_shoulder")[..., :2] for side in ("left", "right"))
    neck, nose, eye = _anchors(points, joints, verbatim=verbatim)
    size = _length(left - right)
    size = np.where(np.isnan(size), _length(neck - nose), size)
    if verbatim:
        neck, eye = np.nan_to_num(neck), np.nan_to_num(eye)
    top = eye[..., 1] + size
    low = np.stack([neck[..., 0] - _WIDE * size, top - _HIGH * size], -1)
    high = np.stack([neck[..., 0] + _WIDE * size, top], -1)
    both = forward(np.concatenate([low, high], -1))
    both = np.maximum(both, 0)
    return Box(both[..., :2], both[..., 2:])


def _anchors(points: Points, joints: tuple[str, ...], *, verbatim: bool) -> tuple[Numbers, Numbers, Numbers]:
    """Return neck, nose and left eye, float64 [B, T, 2]; unless verbatim, others stand in for unseen ones."""
    neck, nose = joint(points, joints, "neck"), joint(points, joints, "nose")
    eye = (
        joint(points, joints, "left_eye")
        if verbatim
        else joint(points, joints, "left_eye", "right_eye", "nose")
    )
    if not verbatim or "neck" not in joints:
        neck = np.where(np.isnan(neck), middle(points, joints, "left_shoulder", "right_shoulder"), neck)
    return neck[..., :2].astype(np.float64), nose[..., :2].astype(np.float64), eye[..., :2].astype(np.float64)


def _length(vectors: npt.NDArray[np.floating]) -> Numbers:
    """Return the lengths [B, T] of vectors [B, T, 2]."""
    return np.hypot(vectors[..., 0].astype(np.float64), vectors[..., 1].astype(np.float64))


def _kept(box: Box, body: Points, *, verbatim: bool) -> Box:
    """Return the box, NaN where the body is to stay as it is.

    A frame without a usable box counts only where some of the body is seen in it.
    """
    usable = box.usable()
    if not verbatim:
        seen = ~np.isnan(body[..., 0]).all(2)
        usable = usable & ~(seen & ~usable).any(1, keepdims=True)
    gone = ~usable[..., None]
    return Box(np.where(gone, np.nan, box.low), np.where(gone, np.nan, box.high))


def _hand_box(hand: Points) -> Box:
    """Return a hand's box [B, T]: a square around its seen points, with a margin."""
    low, high = (
        np.asarray(reduce(hand[..., :2], axis=2), np.float64) for reduce in (np.fmin.reduce, np.fmax.reduce)
    )
    half = (0.5 + _PAD) * (high - low).max(-1, keepdims=True)
    centre = (low + high) / 2
    return Box(centre - half, centre + half)


def _into(points: Points, where: Where, box: Box) -> None:
    """Write some joints of points [B, T, J, D] as shares of a box; they stay where it cannot be used."""
    usable = box.usable()[..., None]
    low = np.where(usable, box.low, 0)
    size = np.where(usable, box.high - box.low, 1)
    scale = (1 / size).astype(np.float32)[:, :, None]
    part = points[:, :, where]
    part[..., :2] -= low.astype(np.float32)[:, :, None]
    part[..., :2] *= scale
    part[..., 2:] *= scale[..., :1]
    points[:, :, where] = part
