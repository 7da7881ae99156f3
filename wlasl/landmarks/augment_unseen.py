"""Landmarks that training hides: frames, joints, a hand; in place, on planes [J, D, B, T]."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from wlasl.landmarks.columns import Mask, Numbers, Planes, Where

Lengths = npt.NDArray[np.int64]


def hide_frames(planes: Planes, hidden: Mask) -> None:
    """Hide all joints in some frames, bool [B, T]."""
    np.copyto(planes, np.nan, where=hidden)


def rows(drawn: npt.NDArray[np.int64], frames: int) -> Mask:
    """Return bool [B, frames], the frames that were drawn at least once ([B, n], some beyond the last)."""
    out = np.zeros((len(drawn), max(frames, int(drawn.max(initial=0)) + 1)), bool)
    np.put_along_axis(out, drawn, values=True, axis=1)
    return out[:, :frames]


def span(share: Numbers, start: Numbers, lengths: Lengths, frames: int) -> Mask:
    """Return bool [B, frames]: a share of each clip's frames, side by side.

    Args:
        share: [B], of the clip's frames.
        start: [B], where among the places that there are for it, 0..1.
        lengths: [B], frames per clip.
        frames: T.
    """
    count = np.floor(share * lengths)
    first = np.floor(start * (lengths - count + 1))
    now = np.arange(frames)
    hidden: Mask = (now >= first[:, None]) & (now < (first + count)[:, None])
    return hidden


def hide_joints(planes: Planes, hidden: Mask) -> None:
    """Hide joints in all frames of a clip, bool [B, J]."""
    np.copyto(planes, np.nan, where=hidden.T[:, None, :, None])


def hide_hand(
    planes: Planes, hands: Mapping[str, Where], along: Mapping[str, Where], on: Mask, which: Numbers
) -> None:
    """Hide one hand throughout a clip, but never the only one that is seen.

    Args:
        planes: [J, D, B, T].
        hands: per side, its joints.
        along: per side, what is hidden with it.
        on: [B], in which clips.
        which: [B], 0..1: the first of the two hands below a half.
    """
    if len(hands) < 2:  # noqa: PLR2004 - a hand and another
        return
    both = np.logical_and.reduce([~np.isnan(planes[hand][:, 0]).all((0, 2)) for hand in hands.values()])
    first = which < 0.5  # noqa: PLR2004 - a coin
    for side, chosen in zip(hands, (first, ~first), strict=True):
        part = planes[along[side]]
        part[:, :, on & both & chosen] = np.nan
        planes[along[side]] = part
