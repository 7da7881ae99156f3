"""Clips of different lengths in one batch: which frames are a clip's own."""

from __future__ import annotations

import torch
from torch import Tensor


def within(lengths: Tensor | None, T: int) -> Tensor | None:
    """Return which frames are a clip's own, bool [B, T]; None where all are, for all clips."""
    if lengths is None or lengths.is_meta or bool((lengths == T).all()):
        return None
    return torch.arange(T, device=lengths.device) < lengths[:, None]
