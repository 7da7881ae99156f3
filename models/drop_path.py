"""Stochastic depth (Huang et al. 2016, arXiv:1603.09382): branches that are left out at times."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DropPath(nn.Module):
    """Leave out a block's branch for some of the clips, in training."""

    def __init__(self, share: float) -> None:
        """Note the share of clips."""
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, ...] to the same shape; what is kept is scaled so that its mean stays."""
        if not self.training or not self.share:
            return x
        kept = torch.rand(len(x), *(1,) * (x.ndim - 1), device=x.device) >= self.share
        return x * kept / (1 - self.share)
