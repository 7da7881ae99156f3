"""Sign conformer: movements by convolution, their order by attention; origin this project, Apache-2.0.

Blocks of convolution and of attention take turns, as in the Conformer (Gulati et al. 2020, arXiv:2005.08100);
channels are weighed by efficient channel attention (Wang et al. 2020, arXiv:1910.03151), blocks are dropped
at random (Huang et al. 2016, arXiv:1603.09382). Few clips per sign want few parameters and much dropout.
Shapes: B clips, T frames, J joints, D channels per joint, d width, H heads. Frames behind a clip's end are
zero before every convolution, count in no statistic and are looked at by nothing.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from models.drop_path import DropPath
from models.lengths import within


class Norm(nn.Module):
    """Batch normalisation of [B, T, d] over the frames that are there."""

    def __init__(self, d: int) -> None:
        """Make the statistics."""
        super().__init__()
        self.batch = nn.BatchNorm1d(d)

    def forward(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """Map x to the same shape; `seen` [B, T] is None where every frame is there."""
        if seen is None:
            same: Tensor = self.batch(x.flatten(0, 1)).view_as(x)
            return same
        out = torch.zeros_like(x)
        out[seen] = self.batch(x[seen])
        return out


class Convolution(nn.Module):
    """What moves within a few frames: expand, depthwise convolution, channel attention, project."""

    def __init__(self, d: int, kernel: int, drop_path: float) -> None:
        """Make the block; it is `expand` times as wide inside."""
        super().__init__()
        wide = 2 * d
        self.expand, self.project = nn.Linear(d, wide), nn.Linear(wide, d)
        self.depthwise = nn.Conv1d(wide, wide, kernel, padding=kernel // 2, groups=wide, bias=False)
        self.inner, self.outer = Norm(wide), Norm(d)
        self.attention = nn.Conv1d(1, 1, 5, padding=2, bias=False)
        self.dropout, self.drop_path = nn.Dropout(0.1), DropPath(drop_path)

    def forward(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """Map [B, T, d] to the same shape."""
        h = blank(F.silu(self.expand(x)), seen)
        h = self.inner(over_time(self.depthwise, h, training=self.training), seen)
        weights = torch.sigmoid(self.attention(mean(h, seen)[:, None]))
        h = self.project(h * weights)
        return blank(self.outer(x + self.drop_path(self.dropout(h)), seen), seen)


class Attention(nn.Module):
    """What comes after what: attention over all frames, then a feed-forward part."""

    def __init__(self, d: int, heads: int, drop_path: float) -> None:
        """Make the block."""
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = Norm(d), Norm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, 2 * d), nn.Linear(2 * d, d)
        self.dropout, self.drop_path = nn.Dropout(0.1), DropPath(drop_path)

    def forward(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """Map [B, T, d] to the same shape."""
        q, k, v = self.qkv(self.norm1(x, seen)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        dropped = self.dropout.p if self.training else 0.0
        mask = None if seen is None else seen[:, None, None]
        y = F.scaled_dot_product_attention(q, k, v, mask, dropped).transpose(1, 2).flatten(2)
        x = x + self.drop_path(self.out(y))
        y = self.down(self.dropout(F.silu(self.up(self.norm2(x, seen)))))
        return blank(x + self.drop_path(y), seen)


class SignConformer(nn.Module):
    """Landmarks [B, T, J, D] and their lengths [B] to logits [B, classes].

    Attributes:
        head: key prefix of the classifier.
    """

    head: ClassVar[tuple[str, ...]] = ("classifier.",)

    def __init__(self, classes: int, channels: int, width: int, depth: int, drop_path: float) -> None:
        """Make the network; `channels` is J * D, and a depth is two convolutions and one attention."""
        super().__init__()
        self.stem, self.norm = nn.Linear(channels, width), Norm(width)
        self.layers = nn.ModuleList()
        for _ in range(depth):
            self.layers += [Convolution(width, 7, drop_path) for _ in range(2)]
            self.layers.append(Attention(width, 4, drop_path))
        self.top = nn.Linear(width, 2 * width)
        self.dropout = nn.Dropout(0.0)
        self.classifier = nn.Linear(2 * width, classes)

    def features(self, points: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return what the classifier sees, [B, 2 d]."""
        seen = within(lengths, points.shape[1])
        x = blank(self.norm(self.stem(points.flatten(2)), seen), seen)
        for layer in self.layers:
            x = layer(x, seen)
        return mean(F.silu(self.top(x)), seen)

    def forward(self, points: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return logits [B, classes]."""
        none = points.new_zeros(0, self.classifier.in_features)
        # A process may have none of a last, small batch.
        seen = self.features(points, lengths) if len(points) else none
        logits: Tensor = self.classifier(self.dropout(seen))
        return logits

    def blocks(self) -> list[nn.Module]:
        """Return the backbone's parts from input to output."""
        return [nn.ModuleList([self.stem, self.norm]), *self.layers, self.top]


def over_time(depthwise: nn.Conv1d, x: Tensor, *, training: bool) -> Tensor:
    """Convolve [B, T, C] over its frames, channel by channel, to the same shape.

    In training as a picture of one row whose channels lie last, as they do in x: both ways take half of the
    time on a CPU. Exporters are shown the layer itself.
    """
    if not training:
        same: Tensor = depthwise(x.transpose(1, 2)).transpose(1, 2)
        return same
    kernel = depthwise.weight[:, :, None].contiguous(memory_format=torch.channels_last)
    row = x.permute(0, 2, 1)[:, :, None]
    found = F.conv2d(row, kernel, padding=(0, depthwise.kernel_size[0] // 2), groups=depthwise.groups)
    return found[:, :, 0].permute(0, 2, 1)


def blank(x: Tensor, seen: Tensor | None) -> Tensor:
    """Return x [B, T, d] with zeros behind each clip's end."""
    return x if seen is None else x * seen[..., None]


def mean(x: Tensor, seen: Tensor | None) -> Tensor:
    """Return the mean over a clip's frames, [B, d]."""
    if seen is None:
        return x.mean(1)
    return blank(x, seen).sum(1) / seen.sum(1, keepdim=True).clamp(min=1)


def build(
    classes: int, *, channels: int, width: int, depth: int, dropout: float | None, drop_path: float | None
) -> SignConformer:
    """Build the network with random weights.

    Args:
        classes: how many glosses the head tells apart.
        channels: joints times channels per joint.
        width: d.
        depth: how many times two convolutions and one attention.
        dropout: before the classifier; None for none.
        drop_path: probability that a block's branch is left out, per clip; None for none.
    """
    network = SignConformer(classes, channels, width, depth, drop_path or 0.0)
    network.dropout.p = dropout or 0.0
    return network
