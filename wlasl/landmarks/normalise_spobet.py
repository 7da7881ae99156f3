"""SPOBET's normalisation: in heads, the body from the neck and each hand from its wrist, frame by frame."""

from __future__ import annotations

import numpy as np

from wlasl.landmarks.columns import Numbers, Planes, Where, columns, joint, length, neck_of
from wlasl.landmarks.gaps import nearest
from wlasl.landmarks.normalise_shoulders import hands_frame, wrist_of

_BODY = 3
"""The body is measured in so many heads, hands in one."""


def spobet(
    planes: Planes, joints: tuple[str, ...], *, zero_head: bool = False, missing_wrist: bool = False
) -> Planes:
    """Return planes: body as (p - neck) / 3h, hands as (p - wrist) / h, h from neck to nose; NaN stays NaN.

    Where neck or nose is not seen, or both are at one place, the nearest frame's neck and h are used; a
    clip that has none anywhere is measured by its hands. A wrist of the body that is not seen is the
    hand's own, or that of the nearest frame. A third coordinate is divided by the same number.

    Args:
        planes: canonical, float32 [J, D, B, T].
        joints: the J joints' names.
        zero_head: the defect of that name: neck and nose that are not seen count as (0, 0), and where h is 0
            coordinates are infinite.
        missing_wrist: the defect of that name: a wrist that is not seen counts as (0, 0).
    """
    planes = planes.copy()
    parts = columns(joints)
    neck, head = _head_as_published(planes, joints) if zero_head else _head(planes, joints)
    wrists = {side: _wrist(planes, joints, side, missing_wrist=missing_wrist) for side in parts.hands}
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        _measured(planes, parts.body, neck, _BODY * head)
        for side, hand in parts.hands.items():
            _measured(planes, hand, wrists[side], head)
    return planes


def _measured(planes: Planes, where: Where, origin: Numbers, unit: Numbers) -> None:
    """Write some joints as seen from an origin [2, B, T], in units [B, T]."""
    part = planes[where]
    part[:, :2] -= origin.astype(np.float32)
    part /= unit.astype(np.float32)
    planes[where] = part


def _head(planes: Planes, joints: tuple[str, ...]) -> tuple[Numbers, Numbers]:
    """Return neck [2, B, T] and head size [B, T], of the nearest frame or else of the hands."""
    neck = neck_of(planes, joints)[:2].astype(np.float64)
    head = length(neck - joint(planes, joints, "nose")[:2])
    found = nearest(np.where(head > 0, np.concatenate([neck, head[None]]), np.nan))
    centre, size = hands_frame(planes, joints)
    other = np.concatenate([centre, size[None]])[..., None]
    found = np.where(np.isnan(found), other, found)
    # Where the neck itself is seen it stays, whatever the nose does.
    return np.where(np.isnan(neck), found[:2], neck), found[2]


def _head_as_published(planes: Planes, joints: tuple[str, ...]) -> tuple[Numbers, Numbers]:
    """Return neck and head size where joints that are not seen are at (0, 0)."""
    named = "neck" in joints
    neck = np.nan_to_num(joint(planes, joints, "neck") if named else neck_of(planes, joints))[:2]
    nose = np.nan_to_num(joint(planes, joints, "nose"))[:2]
    return neck.astype(np.float64), length(neck.astype(np.float64) - nose)


def _wrist(planes: Planes, joints: tuple[str, ...], side: str, *, missing_wrist: bool) -> Numbers:
    """Return float64 [2, B, T], where a hand is measured from."""
    if missing_wrist:
        return np.nan_to_num(joint(planes, joints, f"{side}_wrist")[:2].astype(np.float64))
    found = wrist_of(planes, joints, side, f"{side}_wrist", f"{side}_hand_wrist")
    return found[:2].astype(np.float64)
