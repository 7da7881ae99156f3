"""Values carried along time over frames that have none, vectorised over a batch."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", np.float32, np.float64)


def forward(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return values [B, T, C], frames with a NaN replaced by the last frame before them without one.

    Frames before the first whole one are NaN in all of C.
    """
    whole = ~np.isnan(values).any(-1)
    last = np.maximum.accumulate(np.where(whole, np.arange(values.shape[1]), -1), axis=1)
    out = np.take_along_axis(values, np.maximum(last, 0)[..., None], axis=1)
    out[last < 0] = np.nan
    return out


def nearest(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return values [B, T, C], frames with a NaN replaced by the nearest whole frame, the earlier of two.

    A clip without any whole frame is NaN throughout.
    """
    frames = values.shape[1]
    whole, now = ~np.isnan(values).any(-1), np.arange(frames)
    last = np.maximum.accumulate(np.where(whole, now, -frames), axis=1)
    following = np.minimum.accumulate(np.where(whole, now, 2 * frames)[:, ::-1], axis=1)[:, ::-1]
    chosen = np.where(now - last <= following - now, last, following)
    gone = (chosen < 0) | (chosen >= frames)
    out = np.take_along_axis(values, np.where(gone, 0, chosen)[..., None], axis=1)
    out[gone] = np.nan
    return out
