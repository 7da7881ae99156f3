"""Landmarks turned, tilted, squeezed, mirrored: geometry on planes [J, D, B, T], one number per clip.

Every function returns new planes; z, where there is one, keeps out of it.
"""

from __future__ import annotations

import numpy as np

from wlasl.landmarks.columns import Mask, Numbers, Planes, Where, columns
from wlasl.landmarks.joints import SIDES, hand, mirrored

ARM = ("neck", "shoulder", "elbow", "wrist")
"""SPOTER's arm: what comes after a joint turns about it."""


def mirror(planes: Planes, joints: tuple[str, ...]) -> Planes:
    """Return the signer as a mirror shows them: x turned, left and right joints swapped."""
    planes = planes[list(mirrored(joints))]
    np.subtract(np.float32(1), planes[:, 0], out=planes[:, 0])
    return planes


def turned(planes: Planes, angle: Numbers, centre: Planes | tuple[float, float] = (0.0, 0.0)) -> Planes:
    """Return planes turned by angles [B] (radians; clockwise where y is down) about a centre.

    Args:
        planes: [J, D, B, T].
        angle: per clip.
        centre: (x, y), or a joint [2 or 3, B, T].
    """
    cos, sin = (f(angle).astype(np.float32)[:, None] for f in (np.cos, np.sin))
    x, y = planes[:, 0] - centre[0], planes[:, 1] - centre[1]
    out = planes.copy()
    out[:, 0] = cos * x - sin * y + centre[0]
    out[:, 1] = sin * x + cos * y + centre[1]
    return out


def rotate(planes: Planes, angle: Numbers) -> Planes:
    """Return everything turned by angles [B], in radians, about the middle of the picture."""
    return turned(planes, angle, (0.5, 0.5))


def perspective(planes: Planes, where: Where, ratio: Numbers, left: Mask) -> Planes:
    """Return some joints as seen with the picture's left (or right) edge farther away.

    That edge moves inwards by a share of the width, and its ends by the same share of the height; the
    opposite edge stays. This is the projective map of the four corners, solved by hand.

    Args:
        planes: [J, D, B, T].
        where: which joints.
        ratio: [B], the share.
        left: bool [B], whether it is the left edge.
    """
    out, part = planes.copy(), planes[where]
    side = left[:, None]
    share = ratio.astype(np.float32)[:, None]
    x = np.where(side, part[:, 0], 1 - part[:, 0])
    depth = 1 - 2 * share * x
    moved = ((1 - 3 * share) * x + share) / depth
    part[:, 1] = np.float32(0.5) + (1 - 2 * share) * (part[:, 1] - np.float32(0.5)) / depth
    part[:, 0] = np.where(side, moved, 1 - moved)
    out[where] = part
    return out


def squeeze(planes: Planes, where: Where, edges: Numbers) -> Planes:
    """Return some joints between edges that moved inwards by [B, 2] (left, right) of the width."""
    out, part = planes.copy(), planes[where]
    left, right = edges.astype(np.float32).T[..., None]
    part[:, 0] = left + (1 - left - right) * part[:, 0]
    out[where] = part
    return out


def arms(planes: Planes, joints: tuple[str, ...], turns: Numbers, *, hands: bool = False) -> Planes:
    """Return planes with the arms turned at their joints, bones as long as they were.

    In frames where the joint to turn about is not seen nothing turns.

    Args:
        planes: [J, D, B, T].
        joints: the J joints' names.
        turns: float64 [B, 8], angles in radians at neck, shoulder, elbow and wrist: left, then right.
        hands: the hand goes with its arm.
    """
    planes = planes.copy()
    at = columns(joints).at
    for side, angles in zip(SIDES, np.split(turns.T, len(SIDES)), strict=True):
        chain = [name if name == ARM[0] else f"{side}_{name}" for name in ARM]
        tail = [at[name] for name in hand(side) if hands and name in at]
        for step, (name, angle) in enumerate(zip(chain, angles, strict=True)):
            moving = [at[later] for later in chain[step + 1 :] if later in at] + tail
            clips = np.flatnonzero(angle)
            if name in at and moving and len(clips):
                part = np.ix_(np.array(moving), np.arange(planes.shape[1]), clips)
                planes[part] = _turned_arm(planes[part], angle[clips], planes[at[name]][:, clips])
    return planes


def _turned_arm(arm: Planes, angle: Numbers, centre: Planes) -> Planes:
    """Return an arm's joints turned about another joint, in frames where that one is seen."""
    new = turned(arm, angle, centre)
    return np.where(np.isnan(new), arm, new)


def affine(planes: Planes, factors: Numbers, shear: Numbers, shift: Numbers) -> Planes:
    """Return planes grown or shrunk about their origin, leaning and moved.

    Args:
        planes: [J, D, B, T].
        factors: [B, 2], of x and of y; z takes that of y.
        shear: [B], by how much of y x moves.
        shift: [B, 2], in x and in y.
    """
    (wide, high), (right, down) = (each.astype(np.float32).T[..., None] for each in (factors, shift))
    out: Planes = planes * high
    out[:, 0] = wide * planes[:, 0] + shear.astype(np.float32)[:, None] * planes[:, 1] + right
    out[:, 1] += down
    return out
