"""ST-GCN: convolutions over a skeleton's graph and over time; Yan et al. 2018, arXiv:1801.07455, Apache-2.0.

Written from the paper: nine units of a spatial graph convolution (section 3.3, spatial configuration
partitioning, with learnable edge importance) and a temporal convolution over 9 frames, 64, 128 and 256
channels wide. The graph is the one over 27 joints that sign language recognition settled on (7 of the body,
10 of each hand). Frames behind a clip's end are zero before every convolution and count in no statistic.
Shapes: B clips, T frames, J joints, C channels, K = 3 subsets of neighbours.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from models.lengths import within
from utils.errors import BenchError
from wlasl.landmarks.joints import SKELETONS

WIDTHS = (64, 64, 64, 128, 128, 128, 256, 256, 256)
STRIDED = (3, 6)
"""The units that halve time."""
KERNEL = 9
_FINGERS = ("index", "middle", "ring", "little")


def edges(joints: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return the graph's edges as pairs of positions: arms, face, and from each wrist along its fingers."""
    pairs = [("nose", "left_eye"), ("nose", "right_eye"), ("left_shoulder", "right_shoulder")]
    for side in ("left", "right"):
        wrist = f"{side}_hand_wrist"
        pairs += [("nose", f"{side}_shoulder"), (f"{side}_shoulder", f"{side}_elbow")]
        pairs += [(f"{side}_elbow", wrist), (wrist, f"{side}_hand_thumb_tip")]
        for finger in _FINGERS:
            root = f"{side}_hand_{finger}_mcp"
            pairs += [(wrist, root), (root, f"{side}_hand_{finger}_tip")]
    return [(joints.index(a), joints.index(b)) for a, b in pairs]


def adjacency(joints: tuple[str, ...]) -> Tensor:
    """Return float32 [K, J, J]: a joint itself, its neighbours nearer to the shoulders, and those farther.

    Each row is divided by the size of the joint's subset (section 3.2, equation 5).
    """
    count = len(joints)
    near = torch.zeros(count, count, dtype=torch.bool)
    for a, b in edges(joints):
        near[a, b] = near[b, a] = True
    hops = torch.full((count,), count)
    hops[[joints.index("left_shoulder"), joints.index("right_shoulder")]] = 0
    for _ in range(count):
        reached = torch.where(near, hops[None], count).amin(1) + 1
        hops = torch.minimum(hops, reached)
    farther = near & (hops[None] > hops[:, None])
    subsets = torch.stack([torch.eye(count, dtype=torch.bool), near & ~farther, farther]).float()
    return subsets / subsets.sum(2, keepdim=True).clamp(min=1)


class Norm(nn.Module):
    """Batch normalisation of [B, C, T, J] over the frames that are there."""

    def __init__(self, channels: int) -> None:
        """Make the statistics."""
        super().__init__()
        self.batch = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """Map x to the same shape; `seen` [B, T] is None where every frame is there."""
        if seen is None:
            same: Tensor = self.batch(x)
            return same
        out = torch.zeros_like(x)
        rows = x.transpose(1, 2)[seen]  # [frames that are there, C, J]
        out.transpose(1, 2)[seen] = self.batch(rows[:, :, None])[:, :, 0]
        return out


class Unit(nn.Module):
    """One ST-GCN unit: over the graph, over time, and past both."""

    subsets: Tensor

    def __init__(self, channels: int, wide: int, stride: int, subsets: Tensor, dropout: float) -> None:
        """Make a unit; the first one, whose channels are coordinates, has nothing to pass by."""
        super().__init__()
        self.stride = stride
        self.register_buffer("subsets", subsets, persistent=False)
        self.importance = nn.Parameter(torch.ones_like(subsets))
        self.spatial = nn.Conv2d(channels, wide * len(subsets), 1)
        self.temporal = nn.Conv2d(wide, wide, (KERNEL, 1), (stride, 1), (KERNEL // 2, 0))
        self.inner, self.outer = Norm(wide), Norm(wide)
        self.dropout = nn.Dropout(dropout)
        self.past: nn.Module | None = None
        if channels != wide:
            self.past = nn.Conv2d(channels, wide, 1, (stride, 1))
            self.past_norm = Norm(wide)

    def forward(self, x: Tensor, seen: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Map [B, C, T, J] to [B, wide, T / stride, J], and say which of those frames are there."""
        later = None if seen is None else seen[:, :: self.stride]
        h = self.spatial(x).unflatten(1, (len(self.subsets), -1))
        h = torch.einsum("bkctj,kij->bcti", h, self.subsets * self.importance)
        h = blank(F.relu(self.inner(h, seen)), seen)
        h = self.dropout(self.outer(self.temporal(h), later))
        passed = x if self.past is None else self.past_norm(self.past(x), later)
        return blank(F.relu(h + passed), later), later


class StGcn(nn.Module):
    """Landmarks [B, T, J, D] and their lengths [B] to logits [B, classes].

    Attributes:
        head: key prefix of the classifier.
    """

    head: ClassVar[tuple[str, ...]] = ("classifier.",)

    def __init__(self, classes: int, joints: tuple[str, ...], channels: int, dropout: float) -> None:
        """Make the network."""
        super().__init__()
        self.norm = nn.BatchNorm1d(len(joints) * channels)
        subsets, inputs = adjacency(joints), (channels, *WIDTHS[:-1])
        self.units = nn.ModuleList(
            Unit(inputs[place], wide, 2 if place in STRIDED else 1, subsets, dropout)
            for place, wide in enumerate(WIDTHS)
        )
        self.classifier = nn.Linear(WIDTHS[-1], classes)

    def forward(self, points: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return logits [B, classes]."""
        logits: Tensor = self.classifier(self.features(points, lengths))
        return logits

    def features(self, points: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return what the classifier sees, [B, 256]: the mean over joints and frames."""
        if not len(points):  # a process may have none of a last, small batch
            return points.new_zeros(0, WIDTHS[-1])
        seen = within(lengths, points.shape[1])
        x = self._normalised(points, seen).permute(0, 3, 1, 2)
        for unit in self.units:
            x, seen = unit(x, seen)
        frames = x.mean(3)  # [B, C, T]
        if seen is None:
            return frames.mean(2)
        return frames.sum(2) / seen.sum(1, keepdim=True).clamp(min=1)

    def _normalised(self, points: Tensor, seen: Tensor | None) -> Tensor:
        """Return points [B, T, J, D] normalised over the frames that are there."""
        if seen is None:
            return self.norm(points.flatten(0, 1).flatten(1)).view_as(points)  # type: ignore[no-any-return]
        out = torch.zeros_like(points)
        out[seen] = self.norm(points[seen].flatten(1)).view(-1, *points.shape[2:])
        return out

    def blocks(self) -> list[nn.Module]:
        """Return the backbone's parts from input to output."""
        return [self.norm, *self.units]


def blank(x: Tensor, seen: Tensor | None) -> Tensor:
    """Return x [B, C, T, J] with zeros behind each clip's end."""
    return x if seen is None else x * seen[:, None, :, None]


def build(classes: int, *, skeleton: str, channels: int = 2, dropout: float | None = None) -> StGcn:
    """Build the network with random weights.

    Args:
        classes: how many glosses the head tells apart.
        skeleton: which joints; its graph must be known.
        channels: numbers per joint.
        dropout: after each temporal convolution; 0.5, as in the paper, where none is given.

    Raises:
        BenchError: a skeleton without a graph.
    """
    if skeleton != "signs27":
        raise BenchError(f"st-gcn has no graph of the skeleton {skeleton}: set skeleton=signs27.")
    return StGcn(classes, SKELETONS[skeleton], channels, 0.5 if dropout is None else dropout)
