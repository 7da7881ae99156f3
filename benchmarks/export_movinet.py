"""MoViNet in the form that CPU runtimes carry out fastest: 3-D layers (`benchmarks.export_forms`)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from benchmarks.export_forms import Folded, mean_of
from models import movinet

_SIXTH = 0.16667
"""The official network's five digits of a sixth, in its hard sigmoid."""


class MoViNet(nn.Module):
    """MoViNet's form, base or streaming, for whole clips of one size."""

    def __init__(self, network: movinet.MoViNet, size: int) -> None:
        """Fold its layers; `size` is H = W of the clips."""
        super().__init__()
        self.stem = unit(network.stem, size)
        size = math.ceil(size / 2)
        layers: list[nn.Module] = []
        for layer in cast("Any", network.layers):
            layers.append(Block(layer, size))
            size = math.ceil(size / layer.stride)
        self.layers = nn.Sequential(*layers)
        self.project = unit(network.project, size)
        self.dense, self.classifier = network.dense, network.classifier

    def forward(self, x: Tensor) -> Tensor:
        """Map a clip [B, 3, T, H, W] to logits [B, classes]."""
        x = self.project(self.layers(self.stem(x)))
        logits: Tensor = self.classifier(F.silu(self.dense(mean_of(x).flatten(1))))
        return logits


def unit(origin: movinet.ConvNorm, size: int, factor: Tensor | None = None) -> nn.Sequential:
    """Return a unit's form: a convolution, or one in space and one in time, each with its activation.

    Args:
        origin: the unit.
        size: H = W of what it sees.
        factor: a scalar that multiplies what it gives, where that is not activated.
    """
    layers: list[nn.Module] = [_conv(origin.conv, origin.norm, origin, size, factor)]
    if origin.active:
        layers.append(Called(origin.style.activation))
    if origin.split:
        after = math.ceil(size / origin.conv.stride[1])
        layers.append(_conv(origin.conv_temporal, origin.norm_temporal, origin, after, factor))
        layers += [Called(origin.style.activation)] if origin.active else []
    return nn.Sequential(*layers)


def _conv(
    conv: movinet.Conv, norm: nn.Module, origin: movinet.ConvNorm, size: int, factor: Tensor | None
) -> Folded:
    """Return a convolution with its unit's padding: in time centred or, in streaming networks, all before."""
    taps, kernel, _ = conv.kernel_size
    time = (taps - 1, 0) if origin.style.causal else (taps // 2, taps // 2)
    space = movinet.same(size, kernel, conv.stride[1])
    return Folded(conv, norm, factor=factor, padding=(time, space, space))


class Called(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        """Note the function."""
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Call it."""
        return self.function(x)


class Block(nn.Module):
    """A bottleneck."""

    def __init__(self, origin: movinet.Bottleneck, size: int) -> None:
        """Fold its layers, the scalar of its sum too; `size` is H = W of what it sees."""
        super().__init__()
        after = math.ceil(size / origin.stride)
        self.feature = nn.Sequential(*unit(origin.expansion, size), *unit(origin.feature, size))
        excite = CausalExcite if origin.attention.style.causal else Excite
        self.attention = excite(origin.attention)
        self.projection = unit(origin.projection, after, origin.scale)
        self.shortcut: nn.Module = nn.Identity()
        if isinstance(origin.skip, movinet.Skip):
            self.shortcut = unit(origin.skip.projection, after)
        self.stride, self.odd = origin.stride, size % 2

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, T, H, W] to [B, out, T, H/stride, W/stride]."""
        y = self.feature(x)
        y = self.projection(y * self.attention(y))
        if self.stride > 1:
            kernel, stride, padding = (1, 3, 3), (1, self.stride, self.stride), (0, self.odd, self.odd)
            x = F.avg_pool3d(x, kernel, stride, padding, ceil_mode=True, count_include_pad=False)
        out: Tensor = self.shortcut(x) + y
        return out


class Excite(nn.Module):
    """Squeeze-and-excitation by the mean of the whole clip: the gates [B, C, 1, 1, 1]."""

    def __init__(self, origin: movinet.SqueezeExcite) -> None:
        """Keep its two convolutions."""
        super().__init__()
        self.reduce, self.expand = Folded(origin.reduce), Folded(origin.expand)

    def forward(self, y: Tensor) -> Tensor:
        """Return the gates of clips [B, C, T, H, W]."""
        return torch.sigmoid(self.expand(F.silu(self.reduce(mean_of(y)))))


class CausalExcite(nn.Module):
    """The same by each frame's own mean and that of its past: the gates [B, C, T, 1, 1]."""

    def __init__(self, origin: movinet.SqueezeExcite) -> None:
        """Keep its two convolutions, and the encoding's scale where it has one."""
        super().__init__()
        self.reduce, self.expand = Folded(origin.reduce), Folded(origin.expand)
        self.position = origin.position if origin.style.positional else None

    def forward(self, y: Tensor) -> Tensor:
        """Return the gates of clips [B, C, T, H, W]."""
        own = y.mean((3, 4), keepdim=True)
        count = torch.arange(1, y.shape[2] + 1, dtype=torch.float32).view(1, 1, -1, 1, 1)
        pooled = torch.cat([own.cumsum(2) / count, own], 1)
        if self.position is not None:
            # The origin's encoding counts frames on the second axis.
            start = torch.zeros(1, dtype=torch.int32)
            pooled = self.position(pooled.transpose(1, 2), start).transpose(1, 2)
        hidden = F.hardswish(self.reduce(pooled))
        # Runtimes have one kernel for a hard sigmoid, which divides by six exactly.
        return F.hardsigmoid(self.expand(hidden)) * (6 * _SIXTH)
