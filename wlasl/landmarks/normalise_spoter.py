"""SPOTER's normalisation (Bohacek and Hruz 2022): the signer in a box of the body, each hand in its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wlasl.landmarks.columns import Mask, Numbers, Planes, Where, columns, joint, length, neck_of
from wlasl.landmarks.gaps import forward

_WIDE, _HIGH = 3, 6
"""The body's box: 3 head sizes to each side of the neck, and 6 high."""
_PAD = 0.1
"""Added to each side of a hand's box, a share of its longer side."""


class Box(NamedTuple):
    """A box per clip and frame, float64 [2, B, T] each: (x, y) of its lowest and of its highest corner."""

    low: Numbers
    high: Numbers

    def usable(self) -> Mask:
        """Return bool [B, T]: the box is there and its sides are not 0."""
        size = self.high - self.low
        usable: Mask = (np.isfinite(size) & (size != 0)).all(0)
        return usable


def spoter(
    planes: Planes,
    joints: tuple[str, ...],
    *,
    y_axis: bool = False,
    verbatim: bool = False,
    hands_reversed: bool = False,
) -> Planes:
    """Return planes with body and hands in their boxes, less 0.5; NaN stays NaN.

    The data that the formulas were made for are y up, so canonical landmarks (y down) are turned first. A
    body without a box in the clip's first frames, or with one without an area, stays as it is in the
    whole clip (and is shifted by 0.5 too); other eyes, the nose or the shoulders' middle stand in for a
    left eye or a neck that is not seen. A box that reaches below 0 is cut there, as published: such a
    signer does not normalise to the same numbers elsewhere in the picture. A third coordinate is divided
    by the box's width.

    Args:
        planes: canonical, float32 [J, D, B, T].
        joints: the J joints' names.
        y_axis: the defect of that name: take landmarks that are y down as they are.
        verbatim: what the original's code does beyond its words: a clip keeps what was normalised before and
            after its invalid frames, and a neck or a left eye that is not seen counts as 0.
        hands_reversed: turn the hands' y, as the original's function for whole tables does; the one that
            its training calls does not.
    """
    planes = planes.copy()
    if not y_axis:
        np.subtract(np.float32(1), planes[:, 1], out=planes[:, 1])
    parts = columns(joints)
    box = _kept(_body_box(planes, joints, verbatim=verbatim), planes[parts.body], verbatim=verbatim)
    _into(planes, parts.body, box)
    for hand in parts.hands.values():
        _into(planes, hand, _hand_box(planes[hand]), reverse=hands_reversed)
    planes[:, :2] -= np.float32(0.5)
    return planes


def _body_box(planes: Planes, joints: tuple[str, ...], *, verbatim: bool) -> Box:
    """Return the body's box; frames that have none take the last one that there was."""
    left, right = (joint(planes, joints, f"{side}_shoulder")[:2] for side in ("left", "right"))
    nose = joint(planes, joints, "nose")[:2].astype(np.float64)
    neck, eye = _anchors(planes, joints, verbatim=verbatim)
    head = length(left - right)
    head = np.where(np.isnan(head), length(neck - nose), head)
    if verbatim:
        neck, eye = np.nan_to_num(neck), np.nan_to_num(eye)
    top = eye[1] + head
    box = forward(np.stack([neck[0] - _WIDE * head, top - _HIGH * head, neck[0] + _WIDE * head, top]))
    box = np.maximum(box, 0)
    return Box(box[:2], box[2:])


def _anchors(planes: Planes, joints: tuple[str, ...], *, verbatim: bool) -> tuple[Numbers, Numbers]:
    """Return neck and left eye, float64 [2, B, T]; unless verbatim, others stand in for unseen ones."""
    stand_ins = () if verbatim else ("right_eye", "nose")
    eye = joint(planes, joints, "left_eye", *stand_ins)
    neck = joint(planes, joints, "neck") if verbatim and "neck" in joints else neck_of(planes, joints)
    return neck[:2].astype(np.float64), eye[:2].astype(np.float64)


def _kept(box: Box, body: Planes, *, verbatim: bool) -> Box:
    """Return the box, NaN where the body is to stay as it is.

    A frame without a usable box counts only where some of the body is seen in it.
    """
    usable = box.usable()
    if not verbatim:
        seen = ~np.isnan(body[:, 0]).all(0)
        usable &= ~(seen & ~usable).any(-1, keepdims=True)
    return Box(np.where(usable, box.low, np.nan), box.high)


def _hand_box(hand: Planes) -> Box:
    """Return a hand's box: a square around its seen joints, with a margin."""
    low, high = (
        np.asarray(reduce(hand[:, :2], axis=0), np.float64) for reduce in (np.fmin.reduce, np.fmax.reduce)
    )
    half = (0.5 + _PAD) * (high - low).max(0)
    centre = (low + high) / 2
    return Box(centre - half, centre + half)


def _into(planes: Planes, where: Where, box: Box, *, reverse: bool = False) -> None:
    """Write some joints as shares of a box, y reversed if so told; they stay where it cannot be used."""
    usable = box.usable()
    low = np.where(usable, box.low, 0)
    scale = 1 / np.where(usable, box.high - box.low, 1)
    # What float32 rounds off the corner counts in a box as small as a hand's.
    near = low.astype(np.float32)
    rest = ((low - near) * scale).astype(np.float32)
    part = planes[where]
    part[:, :2] = (part[:, :2] - near) * scale.astype(np.float32) - rest
    part[:, 2:] *= scale[:1].astype(np.float32)
    if reverse:
        part[:, 1] = np.where(usable, 1 - part[:, 1], part[:, 1])
    planes[where] = part
