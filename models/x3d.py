"""X3D XS to L (Feichtenhofer 2020, arXiv:2004.04730); origin facebookresearch/pytorchvideo, Apache-2.0.

Written from the paper. The modules bear pytorchvideo's names, so that its official checkpoints load strictly.
Two differences in behaviour: logits come out in training and in evaluation alike (pytorchvideo applies a
softmax in evaluation), and the head averages over all that is left, so that other clip shapes than the native
one work; at the native shape the numbers are the same.

Inside, clips are folded into frames [N = B * T, C, H, W] with channels last: 1x1x1 convolutions and batch
normalisation are then two-dimensional, which trains twice as fast on a CPU as the three-dimensional ones.
Shapes: B clips, C channels, T frames, H rows, W columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
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


def fold(x: Tensor) -> Tensor:
    """Turn clips [B, C, T, H, W] into frames [B * T, C, H, W], channels last in memory."""
    return x.transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)


def by_clip(x: Tensor, T: int) -> Tensor:
    """View frames [B * T, C, H, W], channels last, as [B, T, H, W, C]."""
    x = x.permute(0, 2, 3, 1)
    return x.view(-1, T, *x.shape[1:])


def by_frame(x: Tensor) -> Tensor:
    """View [B, T, H, W, C] as frames [B * T, C, H, W]."""
    return x.flatten(0, 1).permute(0, 3, 1, 2)


class InSpace(nn.Conv3d):
    """A convolution that looks at one frame at a time, of kernel 1 x k x k."""

    def forward(self, x: Tensor) -> Tensor:
        """Map frames [N, c_in, H, W] to [N, c_out, H/stride, W/stride]."""
        return F.conv2d(x, self.weight.squeeze(2), None, self.stride[1:], self.padding[1:])


class Channelwise(nn.Conv3d):
    """A convolution with one filter per channel, of kernel kt x k x k, padded so that T stays."""

    def forward(self, x: Tensor, T: int) -> Tensor:  # type: ignore[override]
        """Map frames [B * T, C, H, W] to [B * T, C, H/stride, W/stride]."""
        if x.is_cuda or not torch.is_grad_enabled():
            clips = by_clip(x, T).permute(0, 4, 1, 2, 3)
            y = F.conv3d(clips, self.weight, None, self.stride, self.padding, groups=self.groups)
            return by_frame(y.permute(0, 2, 3, 4, 1).contiguous())
        # On a CPU the gradient of a three-dimensional filter is slow: take it apart in time.
        taps = self.kernel_size[0]
        shifts = [tap - taps // 2 for tap in range(taps)]
        return by_frame(sum_of([self._tap(x, T, shift) for shift in shifts if abs(shift) < T]))

    def _tap(self, x: Tensor, T: int, shift: int) -> Tensor:
        """Apply the filter's part that looks `shift` frames ahead: [B * T, C, H, W] to [B, T, H, W, C]."""
        filters = self.weight[:, :, shift + self.kernel_size[0] // 2]
        if filters.shape[2:] == (1, 1):
            y = by_clip(x * filters.view(-1, 1, 1), T)
        else:
            stride, padding = self.stride[1:], self.padding[1:]
            y = by_clip(F.conv2d(x, filters, None, stride, padding, groups=self.groups), T)
        kept = y[:, max(shift, 0) : T + min(shift, 0)]
        return F.pad(kept, (0, 0, 0, 0, 0, 0, max(-shift, 0), max(shift, 0)))


def sum_of(parts: list[Tensor]) -> Tensor:
    """Add tensors of one shape."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


class Stem(nn.Module):
    """A spatial 3 x 3 convolution of stride 2, then a channel-wise one over 5 frames.

    In the origin's state dict the spatial one is called conv_t and the temporal one conv_xy.
    """

    def __init__(self, c_out: int) -> None:
        """Make the layers."""
        super().__init__()
        spatial = InSpace(3, c_out, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False)
        temporal = Channelwise(c_out, c_out, (5, 1, 1), 1, (2, 0, 0), groups=c_out, bias=False)
        self.conv = nn.ModuleDict({"conv_t": spatial, "conv_xy": temporal})
        self.norm = nn.BatchNorm2d(c_out)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor, T: int) -> Tensor:
        """Map frames [B * T, 3, H, W] to [B * T, c_out, H/2, W/2]."""
        x = self.conv["conv_xy"](self.conv["conv_t"](x), T)
        out: Tensor = self.activation(self.norm(x))
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

    def forward(self, x: Tensor, T: int) -> Tensor:
        """Map frames [B * T, C, H, W] to the same shape."""
        weights: Tensor = self.block(clip_mean(x, T)[:, :, None, None, None])
        return x * weights.flatten(1).repeat_interleave(T, 0)[:, :, None, None]


def clip_mean(x: Tensor, T: int) -> Tensor:
    """Average frames [B * T, C, H, W] over each clip: [B, C]."""
    return x.mean(dim=(2, 3)).view(-1, T, x.shape[1]).mean(dim=1)


class Bottleneck(nn.Module):
    """1x1x1 up, channel-wise 3x3x3, 1x1x1 down; squeeze-and-excitation in every other block."""

    def __init__(self, c_in: int, c_out: int, inner: int, squeezed: int, stride: int) -> None:
        """Make the layers; `squeezed` 0 leaves the squeeze-and-excitation out."""
        super().__init__()
        self.conv_a = InSpace(c_in, inner, 1, bias=False)
        self.norm_a = nn.BatchNorm2d(inner)
        self.act_a = nn.ReLU(inplace=True)
        self.conv_b = Channelwise(inner, inner, 3, (1, stride, stride), 1, groups=inner, bias=False)
        norm = nn.BatchNorm2d(inner)
        self.norm_b = nn.ModuleList([norm, SqueezeExcitation(inner, squeezed)] if squeezed else [norm])
        self.act_b = nn.SiLU(inplace=True)
        self.conv_c = InSpace(inner, c_out, 1, bias=False)
        self.norm_c = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor, T: int) -> Tensor:
        """Map frames [B * T, c_in, H, W] to [B * T, c_out, H/stride, W/stride]."""
        norm, *excite = self.norm_b
        x = norm(self.conv_b(self.act_a(self.norm_a(self.conv_a(x))), T))
        for layer in excite:
            x = layer(x, T)
        out: Tensor = self.norm_c(self.conv_c(self.act_b(x)))
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
            self.branch1_conv = InSpace(c_in, c_out, 1, (1, stride, stride), bias=False)
            # As in the origin: where only the size changes, the shortcut is not normalised.
            self.branch1_norm = nn.BatchNorm2d(c_out) if c_in != c_out else nn.Identity()
        self.branch2 = branch2
        self.activation = nn.ReLU(inplace=True)
        self.drop_path = drop_path

    def forward(self, x: Tensor, T: int) -> Tensor:
        """Map frames [B * T, c_in, H, W] to [B * T, c_out, H/stride, W/stride]."""
        branch: Tensor = self.branch2(x, T)
        if self.training and self.drop_path:
            keep = 1 - self.drop_path
            kept = (torch.rand(len(x) // T, device=x.device) < keep).to(branch.dtype) / keep
            branch = branch * kept.repeat_interleave(T)[:, None, None, None]
        out: Tensor = self.activation(self.branch1_norm(self.branch1_conv(x)) + branch)
        return out


class Stage(nn.Module):
    """Blocks of one width; the first halves the size."""

    def __init__(self, blocks: list[ResBlock]) -> None:
        """Keep the blocks."""
        super().__init__()
        self.res_blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, T: int) -> Tensor:
        """Map frames [B * T, c_in, H, W] to [B * T, c_out, H/2, W/2]."""
        for block in self.res_blocks:
            x = block(x, T)
        return x


class Pool(nn.Module):
    """1x1x1 up to 432 channels, the average over T, H and W, then 2048 channels."""

    def __init__(self, c_in: int, inner: int, c_out: int) -> None:
        """Make the layers."""
        super().__init__()
        self.pre_conv = InSpace(c_in, inner, 1, bias=False)
        self.pre_norm = nn.BatchNorm2d(inner)
        self.pre_act = nn.ReLU(inplace=True)
        self.post_conv = InSpace(inner, c_out, 1, bias=False)
        self.post_act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor, T: int) -> Tensor:
        """Map frames [B * T, c_in, H, W] to [B, c_out]."""
        x = clip_mean(self.pre_act(self.pre_norm(self.pre_conv(x))), T)
        out: Tensor = self.post_act(self.post_conv(x[:, :, None, None]))
        return out.flatten(1)


class Head(nn.Module):
    """Pool, dropout, classifier."""

    def __init__(self, classes: int, dropout: float) -> None:
        """Make the layers."""
        super().__init__()
        self.pool = Pool(WIDTHS[-1], INNER[-1], 2048)
        self.dropout = nn.Dropout(dropout)
        self.proj = nn.Linear(2048, classes)

    def forward(self, x: Tensor, T: int) -> Tensor:
        """Map frames [B * T, 192, H, W] to logits [B, classes]."""
        out: Tensor = self.proj(self.dropout(self.pool(x, T)))
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
        T, x = x.shape[2], fold(x)
        for block in self.blocks:
            x = block(x, T)
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
