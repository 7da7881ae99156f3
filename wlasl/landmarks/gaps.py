"""Frames that have no value, and values along time in spite of them; vectorised over everything but time.

Time is the last axis. Frames behind a clip's end are NaN, and change nothing.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", np.float32, np.float64)


def forward(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return values [C, B, T], frames with a NaN replaced by the last whole frame before them.

    Frames before the first whole one are NaN in all of C.
    """
    whole = ~np.isnan(values).any(0)
    last = np.maximum.accumulate(np.where(whole, np.arange(values.shape[-1]), -1), axis=-1)
    return _taken(values, last, last >= 0)


def nearest(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return values [C, B, T], frames with a NaN replaced by the nearest whole frame, the earlier of two.

    A clip without any whole frame is NaN throughout.
    """
    frames = values.shape[-1]
    whole, now = ~np.isnan(values).any(0), np.arange(frames)
    last = np.maximum.accumulate(np.where(whole, now, -frames - 1), axis=-1)
    following = np.minimum.accumulate(np.where(whole, now, 2 * frames + 1)[..., ::-1], axis=-1)[..., ::-1]
    chosen = np.where(now - last <= following - now, last, following)
    return _taken(values, chosen, (chosen >= 0) & (chosen < frames))


def _taken(
    values: npt.NDArray[Number], frames: npt.NDArray[np.intp], known: npt.NDArray[np.bool_]
) -> npt.NDArray[Number]:
    """Return values [C, B, T] at other frames [B, T], NaN where these are not known."""
    out = np.take_along_axis(values, np.where(known, frames, 0)[None], axis=-1)
    out[:, ~known] = np.nan
    return out


def quantile(values: npt.NDArray[Number], share: float) -> npt.NDArray[np.float64]:
    """Return, along the last axis, what a share of the known values lies below; NaN where none is known.

    Between two values it is linear, so that 0.5 is the median.
    """
    ordered = np.sort(values.astype(np.float64), axis=-1)  # NaN sorts behind all numbers
    last = np.maximum((~np.isnan(ordered)).sum(-1, keepdims=True) - 1, 0)
    place = last * share
    below = np.floor(place).astype(np.intp)
    low = np.take_along_axis(ordered, below, -1)
    high = np.take_along_axis(ordered, np.minimum(below + 1, last), -1)
    found: npt.NDArray[np.float64] = (low + (high - low) * (place - below))[..., 0]
    return found


def bridged(
    frames: npt.NDArray[np.float32], lengths: npt.NDArray[np.int64], most: int
) -> npt.NDArray[np.float32]:
    """Return the frames of several clips with short gaps filled in, each joint on a straight line.

    Args:
        frames: float32 [sum of lengths, J, D], NaN where unseen.
        lengths: int64 [clips].
        most: gaps of more frames stay; so does what lies before a joint's first and after its last frame.
    """
    out = frames.copy()
    clip = np.repeat(np.arange(len(lengths)), lengths)
    now = np.arange(len(frames))
    for joint in range(frames.shape[1]):  # once per run, and one joint of all clips fits into the cache
        seen = ~np.isnan(frames[:, joint, 0])
        last = np.maximum.accumulate(np.where(seen, now, -1))
        following = np.minimum.accumulate(np.where(seen, now, len(frames))[::-1])[::-1]
        gap = np.flatnonzero(~seen & (last >= 0) & (following < len(frames)) & (following - last - 1 <= most))
        gap = gap[(clip[last[gap]] == clip[gap]) & (clip[following[gap]] == clip[gap])]
        before, after = last[gap], following[gap]
        share = ((gap - before) / (after - before)).astype(np.float32)[:, None]
        out[gap, joint] = (1 - share) * frames[before, joint] + share * frames[after, joint]
    return out
