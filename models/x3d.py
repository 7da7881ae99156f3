"""X3D XS to L (Feichtenhofer 2020, arXiv:2004.04730); origin facebookresearch/pytorchvideo, Apache-2.0.

Written from the paper. The modules bear pytorchvideo's names, so that its official checkpoints load strictly.
Two differences in behaviour: logits come out in training and in evaluation alike (pytorchvideo applies a
softmax in evaluation), and the head averages over all that is left, so that other clip shapes than the native
one work; at the native shape the numbers are the same.
Shapes: B clips, C channels, T frames, H rows, W columns.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from models.shapes import Clip, at_least
from utils.names import lookup

WIDTHS = (24, 48, 96, 192)
"""Output channels of the four stages."""
INNER = (54, 108, 216, 432)
"""Channels inside a bottleneck: 2.25 times the outer ones."""
SQUEEZED = (8, 8, 16, 32)
"""Channels inside squeeze-and-excitation: 1/16 of the inner ones, rounded to a multiple of 8."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What tells the four networks apart besides their input: blocks per stage."""

    depths: tuple[int, int, int, int]


VARIANTS = {
    "xs": Variant((3, 5, 11, 7)),
    "s": Variant((3, 5, 11, 7)),
    "m": Variant((3, 5, 11, 7)),
    "l": Variant((5, 10, 25, 15)),
}


class Stem(nn.Module):
    """A spatial 3 x 3 convolution of stride 2, then a channel-wise one over 5 frames.

    In the origin's state dict the spatial one is called conv_t and the temporal one conv_xy.
    """

    def __init__(self, c_out: int) -> None:
        """Make the layers."""
        super().__init__()
        spatial = nn.Conv3d(3, c_out, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False)
        temporal = nn.Conv3d(c_out, c_out, (5, 1, 1), 1, (2, 0, 0), groups=c_out, bias=False)
        self.conv = nn.Sequential(OrderedDict(conv_t=spatial, conv_xy=temporal))
        self.norm = nn.BatchNorm3d(c_out)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, 3, T, H, W] to [B, c_out, T, H/2, W/2]."""
        out: Tensor = self.activation(self.norm(self.conv(x)))
        return out


class SqueezeExcitation(nn.Module):
    """Weigh each channel by what the whole clip's average says."""

    def __init__(self, channels: int, squeezed: int) -> None:
        """Make the two 1x1x1 convolutions."""
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv3d(channels, squeezed, 1),
            nn.ReLU(inplace=True),
            nn.Conv3d(squeezed, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, T, H, W] to the same shape."""
        out: Tensor = x * self.block(x.mean(dim=(2, 3, 4), keepdim=True))
        return out


class Bottleneck(nn.Module):
    """1x1x1 up, channel-wise 3x3x3, 1x1x1 down; squeeze-and-excitation in every other block."""

    def __init__(self, c_in: int, c_out: int, inner: int, squeezed: int, stride: int) -> None:
        """Make the layers; `squeezed` 0 leaves the squeeze-and-excitation out."""
        super().__init__()
        self.conv_a = nn.Conv3d(c_in, inner, 1, bias=False)
        self.norm_a = nn.BatchNorm3d(inner)
        self.act_a = nn.ReLU(inplace=True)
        self.conv_b = nn.Conv3d(inner, inner, 3, (1, stride, stride), 1, groups=inner, bias=False)
        excite = SqueezeExcitation(inner, squeezed) if squeezed else nn.Identity()
        self.norm_b = nn.Sequential(nn.BatchNorm3d(inner), excite)
        self.act_b = nn.SiLU(inplace=True)
        self.conv_c = nn.Conv3d(inner, c_out, 1, bias=False)
        self.norm_c = nn.BatchNorm3d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c_in, T, H, W] to [B, c_out, T, H/stride, W/stride]."""
        x = self.act_a(self.norm_a(self.conv_a(x)))
        x = self.act_b(self.norm_b(self.conv_b(x)))
        out: Tensor = self.norm_c(self.conv_c(x))
        return out


class ResBlock(nn.Module):
    """A bottleneck beside a shortcut; in training, a clip skips it with probability `drop_path`."""

    def __init__(self, branch2: Bottleneck, shortcut: tuple[int, int, int] | None, drop_path: float) -> None:
        """Make the shortcut: (c_in, c_out, stride) for a convolution, None for the identity."""
        super().__init__()
        self.branch1_conv: nn.Module = nn.Identity()
        self.branch1_norm: nn.Module = nn.Identity()
        if shortcut is not None:
            c_in, c_out, stride = shortcut
            self.branch1_conv = nn.Conv3d(c_in, c_out, 1, (1, stride, stride), bias=False)
            # As in the origin: where only the size changes, the shortcut is not normalised.
            self.branch1_norm = nn.BatchNorm3d(c_out) if c_in != c_out else nn.Identity()
        self.branch2 = branch2
        self.activation = nn.ReLU(inplace=True)
        self.drop_path = drop_path

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c_in, T, H, W] to [B, c_out, T, H/stride, W/stride]."""
        branch: Tensor = self.branch2(x)
        if self.training and self.drop_path:
            keep = 1 - self.drop_path
            kept = torch.rand(len(x), 1, 1, 1, 1, device=x.device) < keep
            branch = branch * (kept / keep).to(branch.dtype)
        out: Tensor = self.activation(self.branch1_norm(self.branch1_conv(x)) + branch)
        return out


class Stage(nn.Module):
    """Blocks of one width; the first halves the size."""

    def __init__(self, blocks: list[ResBlock]) -> None:
        """Keep the blocks."""
        super().__init__()
        self.res_blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c_in, T, H, W] to [B, c_out, T, H/2, W/2]."""
        for block in self.res_blocks:
            x = block(x)
        return x


class Pool(nn.Module):
    """1x1x1 up to 432 channels, the average over T, H and W, then 2048 channels."""

    def __init__(self, c_in: int, inner: int, c_out: int) -> None:
        """Make the layers."""
        super().__init__()
        self.pre_conv = nn.Conv3d(c_in, inner, 1, bias=False)
        self.pre_norm = nn.BatchNorm3d(inner)
        self.pre_act = nn.ReLU(inplace=True)
        self.post_conv = nn.Conv3d(inner, c_out, 1, bias=False)
        self.post_act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c_in, T, H, W] to [B, c_out, 1, 1, 1]."""
        x = self.pre_act(self.pre_norm(self.pre_conv(x))).mean(dim=(2, 3, 4), keepdim=True)
        out: Tensor = self.post_act(self.post_conv(x))
        return out


class Head(nn.Module):
    """Pool, dropout, classifier."""

    def __init__(self, classes: int, dropout: float) -> None:
        """Make the layers."""
        super().__init__()
        self.pool = Pool(WIDTHS[-1], INNER[-1], 2048)
        self.dropout = nn.Dropout(dropout)
        self.proj = nn.Linear(2048, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, 192, T, H, W] to logits [B, classes]."""
        out: Tensor = self.proj(self.dropout(self.pool(x).flatten(1)))
        return out


class Blocks(nn.ModuleList):
    """The origin's list `blocks`, which answers the zoo's call `blocks()` as well."""

    def forward(self) -> list[nn.Module]:
        """Return the backbone's parts from input to output: stem, residual blocks, pool."""
        parts: list[nn.Module] = []
        for block in self:
            if isinstance(block, Stage):
                parts.extend(block.res_blocks)
            else:
                parts.append(block.pool if isinstance(block, Head) else block)
        return parts


class X3D(nn.Module):
    """X3D.

    Attributes:
        head: key prefix of the classifier.
    """

    head: ClassVar[tuple[str, ...]] = ("blocks.5.proj.",)

    def __init__(self, variant: Variant, classes: int, dropout: float = 0.5, drop_path: float = 0.0) -> None:
        """Make the network with random weights; `drop_path` grows linearly to its value at the last block."""
        super().__init__()
        rates = iter(torch.linspace(0, drop_path, sum(variant.depths), device="cpu").tolist())
        c_ins = (WIDTHS[0], *WIDTHS)
        stages = [
            Stage([residual(stage, i, c_ins[stage], next(rates)) for i in range(depth)])
            for stage, depth in enumerate(variant.depths)
        ]
        self.blocks = Blocks([Stem(WIDTHS[0]), *stages, Head(classes, dropout)])
        self.apply(initialise)
        for block in self.modules():
            if isinstance(block, Bottleneck):
                nn.init.zeros_(block.norm_c.weight)  # every block begins as its shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Map a clip [B, 3, T, H, W] to logits [B, classes]."""
        for block in self.blocks:
            x = block(x)
        return x


def residual(stage: int, position: int, c_in: int, drop_path: float) -> ResBlock:
    """Make block `position` of a stage: the first halves the size, every other one squeezes and excites."""
    first = position == 0
    c_in, stride = (c_in, 2) if first else (WIDTHS[stage], 1)
    squeezed = SQUEEZED[stage] if position % 2 == 0 else 0
    branch = Bottleneck(c_in, WIDTHS[stage], INNER[stage], squeezed, stride)
    return ResBlock(branch, (c_in, WIDTHS[stage], stride) if first else None, drop_path)


def initialise(module: nn.Module) -> None:
    """Draw weights as the origin does: He's normal for convolutions, a narrow normal for the classifier."""
    if isinstance(module, nn.Conv3d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)


def build(
    classes: int,
    *,
    variant: str,
    dropout: float | None = None,
    drop_path: float | None = None,
    frames: int = 13,
    size: int = 160,
) -> X3D:
    """Build X3D `variant` (xs, s, m or l) with random weights for clips of `frames` x `size` x `size`.

    Raises:
        BenchError: no such variant, or a clip under 1 frame or 32 pixels, which five halvings reduce to one.
    """
    chosen = lookup("variant of X3D", variant, VARIANTS)
    at_least(f"x3d-{variant}", Clip(frames, size), Clip(1, 32), "it halves the size five times")
    return X3D(chosen, classes, 0.5 if dropout is None else dropout, drop_path or 0.0)
