"""I3D (Carreira and Zisserman 2017, arXiv:1705.07750); origin google-deepmind/kinetics-i3d, Apache-2.0.

Inception-v1 inflated to three dimensions, written from the paper. The modules bear the names of the common
PyTorch state dict (`rgb_imagenet.pt`), so that it loads strictly.
Shapes: B clips, C channels, T frames, H rows, W columns.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from models.shapes import Clip, at_least, no_drop_path, over_time

Triple = tuple[int, int, int]

# Output channels of each Inception module: 1x1x1; 1x1x1 -> 3x3x3; 1x1x1 -> 3x3x3; pool -> 1x1x1.
MIXED: dict[str, tuple[int, int, int, int, int, int]] = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
# The max pools and the module that each one stands before: kernel, stride.
POOLS: dict[str, tuple[Triple, Triple]] = {
    "Conv3d_2b_1x1": ((1, 3, 3), (1, 2, 2)),
    "Mixed_3b": ((1, 3, 3), (1, 2, 2)),
    "Mixed_4b": ((3, 3, 3), (2, 2, 2)),
    "Mixed_5b": ((2, 2, 2), (2, 2, 2)),
}


def same(shape: torch.Size, kernel: Triple, stride: Triple) -> list[tuple[int, int]]:
    """Return TensorFlow's "same" padding of the last three axes: (before, after), the odd one after."""
    needed = [
        max(k - (s if n % s == 0 else n % s), 0) for n, k, s in zip(shape[-3:], kernel, stride, strict=True)
    ]
    return [(total // 2, total - total // 2) for total in needed]


def padded(x: Tensor, padding: list[tuple[int, int]]) -> Tensor:
    """Pad T, H and W with zeros; `F.pad` takes the last axis first."""
    return F.pad(x, [side for axis in reversed(padding) for side in axis])


def max_pool(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """Max-pool with "same" padding; after a ReLU, a padded zero is as good as minus infinity."""
    padding = same(x.shape, kernel, stride)
    if all(before == after for before, after in padding):
        return F.max_pool3d(x, kernel, stride, padding=[before for before, _ in padding])
    return F.max_pool3d(padded(x, padding), kernel, stride)


class Unit3D(nn.Module):
    """Convolution with "same" padding, batch normalisation, ReLU; as head the bare convolution."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int = 1, stride: int = 1, *, head: bool = False
    ) -> None:
        """Make the layers; a kernel and a stride count along T, H and W alike."""
        super().__init__()
        self.conv3d = nn.Conv3d(c_in, c_out, kernel, stride, bias=head)
        # The origin's running averages move 100 times more slowly; they would not arrive in a short training.
        self.bn = None if head else nn.BatchNorm3d(c_out, eps=1e-3)
        self.kernel: Triple = (kernel, kernel, kernel)
        self.stride: Triple = (stride, stride, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c_in, T, H, W] to [B, c_out, T/stride, H/stride, W/stride], rounded up."""
        padding = same(x.shape, self.kernel, self.stride)
        if all(before == after for before, after in padding):
            amount = [before for before, _ in padding]
            x = F.conv3d(x, self.conv3d.weight, self.conv3d.bias, self.stride, amount)
        else:
            x = self.conv3d(padded(x, padding))
        return x if self.bn is None else F.relu(self.bn(x), inplace=True)


class Inception(nn.Module):
    """Four branches side by side, joined along the channels (the paper's figure 3, right)."""

    def __init__(self, c_in: int, widths: tuple[int, int, int, int, int, int]) -> None:
        """Make the branches; `widths` is a row of MIXED."""
        super().__init__()
        self.b0 = Unit3D(c_in, widths[0])
        self.b1a, self.b1b = Unit3D(c_in, widths[1]), Unit3D(widths[1], widths[2], 3)
        self.b2a, self.b2b = Unit3D(c_in, widths[3]), Unit3D(widths[3], widths[4], 3)
        self.b3b = Unit3D(c_in, widths[5])
        self.c_out = widths[0] + widths[2] + widths[4] + widths[5]

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, c_in, T, H, W] to [B, c_out, T, H, W]."""
        pooled = max_pool(x, (3, 3, 3), (1, 1, 1))
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)], dim=1)


class I3D(nn.Module):
    """Inception-I3D on RGB in [-1, 1].

    Attributes:
        head: key prefix of the classifier.
        pool: how logits over time become those of a clip, mean or max.
        per_frame: return the logits over time in training, for a loss that looks at each.
    """

    head: ClassVar[tuple[str, ...]] = ("logits.",)
    pool = "mean"
    per_frame = False

    def __init__(self, classes: int, dropout: float = 0.5) -> None:
        """Make the network with random weights."""
        super().__init__()
        self.Conv3d_1a_7x7 = Unit3D(3, 64, 7, 2)
        self.Conv3d_2b_1x1 = Unit3D(64, 64)
        self.Conv3d_2c_3x3 = Unit3D(64, 192, 3)
        width = 192
        for name, widths in MIXED.items():
            module = Inception(width, widths)
            self.add_module(name, module)
            width = module.c_out
        self.dropout = nn.Dropout(dropout)
        self.logits = Unit3D(width, classes, head=True)

    def blocks(self) -> list[nn.Module]:
        """Return the backbone's twelve parts, from input to output."""
        names = ("Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3", *MIXED)
        return [self.get_submodule(name) for name in names]

    def forward_features(self, x: Tensor) -> Tensor:
        """Map a clip [B, 3, T, H, W] to features [B, 1024, T/8, H/32, W/32], rounded up."""
        for name, module in self.named_children():
            if name == "dropout":
                break
            if name in POOLS:
                x = max_pool(x, *POOLS[name])
            x = module(x)
        return x

    def frame_logits(self, x: Tensor) -> Tensor:
        """Map a clip [B, 3, T, H, W] to logits over time, [B, classes, T/8 - 1].

        The average pool's window is 2 steps long; in space it is the paper's 7 x 7 at 224 pixels, and all
        that is left at another size.
        """
        x = self.forward_features(x).mean(dim=(3, 4), keepdim=True)
        x = (x[:, :, :-1] + x[:, :, 1:]) / 2
        out: Tensor = self.logits(self.dropout(x))
        return out.flatten(2)

    def forward(self, x: Tensor) -> Tensor:
        """Map a clip [B, 3, T, H, W] to logits [B, classes]; `per_frame`, in training, to frame_logits."""
        logits = self.frame_logits(x)
        out: Tensor = logits if self.per_frame and self.training else over_time(logits, self.pool)
        return out


def build(
    classes: int,
    *,
    dropout: float | None = None,
    drop_path: float | None = None,
    frames: int = 64,
    size: int = 224,
) -> I3D:
    """Build I3D with random weights for clips of `frames` x `size` x `size`.

    Raises:
        BenchError: fewer than 9 frames (two steps in time must be left for the average pool) or 32 pixels,
            or a drop_path, which a network without residual connections does not have.
    """
    no_drop_path("i3d", drop_path)
    at_least("i3d", Clip(frames, size), Clip(9, 32), "two steps in time must be left for its average pool")
    return I3D(classes, 0.5 if dropout is None else dropout)
