"""Random crops cut out, resized and mirrored on the network's device: the loader then only decodes.

It draws where to look as ever, by (seed, epoch, clip), and hands out whole stored frames. Numbers are those
of `wlasl.augment.apply` but for rounding: at most two levels of 255.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

_HALVE = 2.0
"""As in `wlasl.augment`: from this ratio on frames are halved by averages first."""


def cut(clips: Tensor, looks: npt.NDArray[np.int64], size: int) -> Tensor:
    """Return what a network sees of stored clips: float32 of whole numbers 0..255, [B, T, size, size, 3].

    Args:
        clips: uint8 [B, T, S, S, 3], on any device.
        looks: int64 [B, 5]: x, y, width, height, and 1 where the clip is mirrored.
        size: side that the network sees.
    """
    out = torch.empty((*clips.shape[:2], size, size, 3), device=clips.device)
    for row, (x, y, width, height, mirrored) in enumerate(looks.tolist()):
        part = clips[row, :, y : y + height, x : x + width].permute(0, 3, 1, 2).float()
        part = _resized(part, size)
        out[row] = (part.flip(3) if mirrored else part).permute(0, 2, 3, 1)
    return out


def _resized(frames: Tensor, size: int) -> Tensor:
    """Return frames [T, 3, h, w] at size x size, rounded to whole numbers as OpenCV does."""
    while min(frames.shape[2:]) / size >= _HALVE:
        frames = F.avg_pool2d(frames, 2).round()
    if frames.shape[2:] == (size, size):
        return frames
    return F.interpolate(frames, (size, size), mode="bilinear", align_corners=False).round()
