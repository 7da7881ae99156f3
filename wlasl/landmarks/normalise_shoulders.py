"""One frame of reference per clip: the shoulders', or the hands' own where no body is seen."""

from __future__ import annotations

import numpy as np

from wlasl.landmarks.columns import Numbers, Planes, columns, joint, length, middle
from wlasl.landmarks.gaps import nearest, quantile

_UPRIGHT = 0.75
"""A palm that is turned away looks short: its size is what only this share of frames is below."""
_SPAN = 5.0
"""Shoulders are about so many palms (wrist to the middle finger's root) apart."""


def shoulders(planes: Planes, joints: tuple[str, ...]) -> Planes:
    """Return planes as seen from the middle of the shoulders, in shoulder widths; NaN stays NaN.

    Both are the clip's medians, so that the body's own motion stays and single bad frames do nothing. A
    clip whose shoulders are never seen is seen from the middle of where its hands are, in units of 5
    palms, about a shoulder width. The body's depth is as seen from the shoulders; that of hands, which
    starts at the wrist in every source, is only divided.

    Args:
        planes: canonical, float32 [J, D, B, T].
        joints: the J joints' names.
    """
    planes = planes.copy()
    centre, unit = body_frame(planes, joints)
    planes[:, :2] -= centre.astype(np.float32)[..., None]
    if planes.shape[1] > 2:  # noqa: PLR2004 - x and y, and a depth
        planes[columns(joints).body, 2] -= _depth(planes, joints)
    planes *= (1 / unit).astype(np.float32)[:, None]
    return planes


def hands(planes: Planes, joints: tuple[str, ...]) -> Planes:
    """Return planes in which a hand's wrist says where the hand is, and its other joints what shape it has.

    Wrists and the body are as `shoulders` has them. A hand's other joints are as seen from its wrist, in
    palms (of the longer one, upper quartile). Where the wrist is not seen, the nearest frame's stands in.

    Args:
        planes: canonical, float32 [J, D, B, T].
        joints: the J joints' names.
    """
    out = shoulders(planes, joints)
    for side, shape in shapes(planes, joints).items():
        where = columns(joints).hands[side]
        wrist = columns(joints).at.get(f"{side}_hand_wrist")
        kept = None if wrist is None else out[wrist].copy()
        out[where] = shape
        if wrist is not None and kept is not None:
            out[wrist] = kept
    return out


def shapes(planes: Planes, joints: tuple[str, ...]) -> dict[str, Planes]:
    """Return, per side, the hand's joints [21, D, B, T] as seen from its wrist, in palms; NaN stays NaN.

    A palm that is never seen counts as 1.
    """
    size = palm(planes, joints)
    scale = (1 / np.where(size > 0, size, 1)).astype(np.float32)[:, None]
    found = {}
    for side, where in columns(joints).hands.items():
        wrist = wrist_of(planes, joints, side, f"{side}_hand_wrist", f"{side}_wrist")
        found[side] = (planes[where] - wrist) * scale
    return found


def wrist_of(planes: Planes, joints: tuple[str, ...], side: str, *names: str) -> Planes:
    """Return float32 [D, B, T], where a hand is seen from: the first of these joints that is seen.

    In frames where none is, the nearest frame's stands in; a clip that has none anywhere takes the middle of
    what is seen of the hand, so that no seen joint is lost.
    """
    own = joint(planes, joints, *names)
    wrist = np.where(np.isnan(own), nearest(own), own)
    hand = planes[columns(joints).hands[side]]
    middle_of_hand = (np.fmin.reduce(hand, axis=0) + np.fmax.reduce(hand, axis=0)) * np.float32(0.5)
    return np.where(np.isnan(wrist), middle_of_hand, wrist)


def palm(planes: Planes, joints: tuple[str, ...]) -> Numbers:
    """Return float64 [B], how long a signer's palm is in a clip; NaN where none is ever seen.

    It is the longer one's: on real clips a hand that is found in one frame alone has been a twentieth of it.
    """
    sizes = [np.full(planes.shape[2], np.nan)]
    for side in columns(joints).hands:
        root = joint(planes, joints, f"{side}_hand_middle_mcp")
        sizes.append(quantile(length(root - joint(planes, joints, f"{side}_hand_wrist")), _UPRIGHT))
    longest: Numbers = np.fmax.reduce(np.stack(sizes), axis=0)
    return longest


def body_frame(planes: Planes, joints: tuple[str, ...]) -> tuple[Numbers, Numbers]:
    """Return the clips' origins [2, B] and units [B]: of the shoulders, or else of the hands."""
    left, right = (joint(planes, joints, f"{side}_shoulder")[:2] for side in ("left", "right"))
    centre = quantile(middle(planes, joints, "left_shoulder", "right_shoulder")[:2], 0.5)
    unit = quantile(length(left - right), 0.5)
    other_centre, other_unit = hands_frame(planes, joints)
    known = np.isfinite(unit) & (unit > 0)
    return np.where(known, centre, other_centre), np.where(known, unit, _SPAN * other_unit)


def hands_frame(planes: Planes, joints: tuple[str, ...]) -> tuple[Numbers, Numbers]:
    """Return where the clips' hands are, [2, B], and how long a palm is, [B]: of use where no body is seen.

    The place is the middle of the wrists' (or other joints') range over the clip, without its outer tenths.
    A clip without hands is seen from (0.5, 0.5) with a palm of 0.1.
    """
    centres = [_palm_centre(planes, joints, side) for side in columns(joints).hands]
    both = np.concatenate([np.full((2, planes.shape[2], 1), np.nan), *centres], axis=-1)
    centre = (quantile(both, 0.1) + quantile(both, 0.9)) / 2
    size = palm(planes, joints)
    return np.where(np.isnan(centre), 0.5, centre), np.where(size > 0, size, 0.1)


def _palm_centre(planes: Planes, joints: tuple[str, ...], side: str) -> Numbers:
    """Return float64 [2, B, T], where a hand is: its wrist or the root of its middle finger."""
    return joint(planes, joints, f"{side}_hand_wrist", f"{side}_hand_middle_mcp")[:2].astype(np.float64)


def _depth(planes: Planes, joints: tuple[str, ...]) -> Planes:
    """Return float32 [B, 1], how far away the middle of a clip's shoulders is; 0 where it is not known."""
    depth = quantile(middle(planes, joints, "left_shoulder", "right_shoulder")[2], 0.5)
    return np.nan_to_num(depth).astype(np.float32)[:, None]
