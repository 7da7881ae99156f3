"""That a batch of clips computes what its clips compute one at a time: losses and gradients, in numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks import speed_origin
from benchmarks.made_landmarks import MadeStore
from benchmarks.speed_report import Mark
from models import spoter
from wlasl.landmarks.loader import LandmarkLoader, LandmarkOptions

CLASSES = 100
EQUAL = 1e-5
"""Largest difference of loss and of any gradient between a batch and its clips alone."""


def equality(clips: MadeStore, size: int = 8) -> Mark:
    """Compare loss and gradients of a batch with the yardstick's, one clip at a time, dropout off.

    What counts is double precision. In single precision one hidden number that lies within its rounding of 0
    is cut by a ReLU on one side and not on the other, now and then, and its column of gradients differs.

    Args:
        clips: at least `size` of them.
        size: clips of the batch.
    """
    single, double = (_difference(clips, size, kind) for kind in (torch.float32, torch.float64))
    what = f"loss and gradients of a batch of {size} equal those of its clips alone to {EQUAL:g}"
    found = f"they differ by at most {double:.0e} in double precision and {single:.0e} in single"
    return Mark(what, found, double <= EQUAL)


def _difference(clips: MadeStore, size: int, kind: torch.dtype) -> float:
    """Return how much loss and gradients differ at most; infinity where other parameters have gradients."""
    torch.manual_seed(0)
    theirs = speed_origin.Network(CLASSES).eval()
    ours = spoter.build(CLASSES, single_pos=True).eval()
    ours.load_state_dict(theirs.state_dict())
    theirs.to(kind), ours.to(kind)
    batch = LandmarkLoader(clips, clips.clips[:size], LandmarkOptions(size)).batch(
        range(size), 0, train=False
    )
    points, labels = torch.from_numpy(batch.inputs).to(kind), torch.from_numpy(batch.labels)
    lengths = torch.tensor([len(clips.points(clip.id)) for clip in clips.clips[:size]])
    together = _gradients(ours, lambda: functional.cross_entropy(ours(points, lengths), labels))
    alone = _gradients(theirs, lambda: _mean_alone(theirs, points, lengths, labels))
    if together.keys() != alone.keys():
        return math.inf
    return max(float((together[name] - found).abs().max()) for name, found in alone.items())


def _mean_alone(network: torch.nn.Module, points: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
    """Return the mean loss of clips that are looked at one at a time."""
    logits = [network(clip[:length]) for clip, length in zip(points, lengths.tolist(), strict=True)]
    return functional.cross_entropy(torch.stack(logits), labels)


def _gradients(network: torch.nn.Module, loss: Callable[[], Tensor]) -> dict[str, Tensor]:
    """Return the gradient of every parameter that has one, and the loss itself under an empty name."""
    value = loss()
    value.backward()  # type: ignore[no-untyped-call]
    found = {name: each.grad for name, each in network.named_parameters() if each.grad is not None}
    return {"": value.detach(), **found}
