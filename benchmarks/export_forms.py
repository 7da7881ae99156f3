"""Networks of pixels in the form that CPU runtimes carry out fastest: the same function, written otherwise.

What is fast in PyTorch (clips folded into frames, filters taken apart in time) hides from a runtime that a
layer is one 3-D convolution, and with it the kernels that it has for those. A form computes on clips
[B, C, T, H, W] throughout, batch normalisation and scalars folded into the convolutions' weights. It is for
evaluation only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from models import movinet, x3d

Padding = tuple[tuple[int, int], ...]
"""Zeros before and after T, H and W."""


def form(network: nn.Module, size: int) -> nn.Module:
    """Return a network's form for clips of size x size pixels; a network without one is its own.

    Args:
        network: of the zoo, with its weights; it is not changed.
        size: H = W of the clips to come.
    """
    if isinstance(network, x3d.X3D):
        return X3D(network).eval()
    if isinstance(network, movinet.MoViNet):
        from benchmarks.export_movinet import MoViNet  # noqa: PLC0415 - it builds on this module

        return MoViNet(network, size).eval()
    return network.eval()


class Folded(nn.Module):
    """A convolution with its batch normalisation, and a factor, in its weights."""

    def __init__(
        self,
        conv: nn.Conv3d,
        norm: nn.Module | None = None,
        *,
        factor: Tensor | None = None,
        padding: Padding | None = None,
    ) -> None:
        """Fold.

        Args:
            conv: the convolution.
            norm: what follows it; anything but a batch normalisation is the identity.
            factor: a scalar that multiplies all of it.
            padding: zeros around the clip; none for the convolution's own.
        """
        super().__init__()
        weight, bias = _folded(conv, norm, torch.ones(()) if factor is None else factor)
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)
        self.stride, self.groups = conv.stride, conv.groups
        own = cast("Sequence[int]", conv.padding)
        self.padding = padding or tuple((each, each) for each in own)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c_in, T, H, W] to [B, c_out, T', H', W']."""
        even = [before for before, after in self.padding if before == after]
        if len(even) < len(self.padding):
            x = F.pad(x, [side for axis in reversed(self.padding) for side in axis])
            even = [0, 0, 0]
        return F.conv3d(x, self.weight, self.bias, self.stride, even, groups=self.groups)


def _folded(conv: nn.Conv3d, norm: nn.Module | None, factor: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a convolution, a batch normalisation and a factor together, in float32."""
    weight = conv.weight.detach().double()
    bias = weight.new_zeros(len(weight)) if conv.bias is None else conv.bias.detach().double()
    if isinstance(norm, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 - there is no public base
        kept: Any = norm
        scale = (kept.weight.double() / (kept.running_var.double() + kept.eps).sqrt()).detach()
        weight = weight * scale.view(-1, 1, 1, 1, 1)
        bias = (bias - kept.running_mean.double()) * scale + kept.bias.detach().double()
    factor = factor.detach().double()
    return (weight * factor).float(), (bias * factor).float()


def mean_of(x: Tensor) -> Tensor:
    """Average clips [B, C, T, H, W] over all that they show: [B, C, 1, 1, 1]."""
    return x.mean((2, 3, 4), keepdim=True)


class X3D(nn.Module):
    """X3D's form."""

    def __init__(self, network: x3d.X3D) -> None:
        """Fold its layers."""
        super().__init__()
        stem, *stages, head = cast("Any", list(network.blocks))
        self.stem = nn.Sequential(
            Folded(stem.conv["conv_t"]), Folded(stem.conv["conv_xy"], stem.norm), nn.ReLU()
        )
        self.blocks = nn.Sequential(*(Block(block) for stage in stages for block in stage.res_blocks))
        self.before = Folded(head.pool.pre_conv, head.pool.pre_norm)
        self.after = Folded(head.pool.post_conv)
        self.classifier = head.proj

    def forward(self, x: Tensor) -> Tensor:
        """Map a clip [B, 3, T, H, W] to logits [B, classes]."""
        x = mean_of(F.relu(self.before(self.blocks(self.stem(x)))))
        logits: Tensor = self.classifier(F.relu(self.after(x)).flatten(1))
        return logits


class Block(nn.Module):
    """A residual block of X3D."""

    def __init__(self, block: x3d.ResBlock) -> None:
        """Fold its layers."""
        super().__init__()
        branch: Any = block.branch2
        self.expand = Folded(branch.conv_a, branch.norm_a)
        self.filter = Folded(branch.conv_b, branch.norm_b[0])
        self.squeeze = branch.norm_b[1].block if len(branch.norm_b) > 1 else None
        self.project = Folded(branch.conv_c, branch.norm_c)
        conv = block.branch1_conv
        self.shortcut = Folded(conv, block.branch1_norm) if isinstance(conv, nn.Conv3d) else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c_in, T, H, W] to [B, c_out, T, H/stride, W/stride]."""
        y = self.filter(F.relu(self.expand(x)))
        if self.squeeze is not None:
            y = y * self.squeeze(mean_of(y))
        return F.relu(self.shortcut(x) + self.project(F.silu(y)))
