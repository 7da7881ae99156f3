"""From a batch in NumPy to a torch network's arguments, on its device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.engine import Job
from benchmarks.published_pixels import seen
from benchmarks.recipe_base import Recipe
from benchmarks.torch_cut import cut
from models.zoo import Input
from wlasl.loader import Batch

Arguments = Callable[[Batch], tuple[Tensor, ...]]


def inputs_of(recipe: Recipe, job: Job, device: torch.device) -> Arguments:
    """Return the function that turns a batch into the arguments of the recipe's network."""
    expected = seen(recipe, job.input)
    if isinstance(expected, Input):
        return Pixels(expected, device, recipe)
    return Landmarks(device)


class Pixels:
    """Clips as float32 [B, 3, T, H, W], normalised on the device."""

    def __init__(self, expected: Input, device: torch.device, recipe: Recipe) -> None:
        """Note what the network expects."""
        self.device, self.flipped = device, expected.channels == "bgr"
        self.size = getattr(recipe, "size", 0)
        self.layout: Any = torch.channels_last_3d if recipe.channels_last else torch.contiguous_format
        self.mean, self.std = (self._per_channel(values) for values in (expected.mean, expected.std))

    def _per_channel(self, values: tuple[float, float, float]) -> Tensor:
        """Return three numbers, on the 0..255 scale, shaped to meet [B, 3, T, H, W]."""
        return torch.tensor(values, device=self.device).mul(255).view(1, 3, 1, 1, 1)

    def __call__(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return a batch as the network's one argument."""
        clips = _moved(torch.from_numpy(batch.inputs), self.device)
        clips = clips if batch.looks is None else cut(clips, batch.looks, self.size)
        clips = clips.permute(0, 4, 1, 2, 3)
        if self.flipped:
            clips = clips.flip(1)
        clips = (clips.float() - self.mean) / self.std
        return (clips.contiguous(memory_format=self.layout),)


class Landmarks:
    """Landmarks as float32 [B, T, J, D], and int64 [B], how many of the frames are each clip's."""

    def __init__(self, device: torch.device) -> None:
        """Note where the network is."""
        self.device = device

    def __call__(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return a batch as the network's two arguments."""
        points = torch.from_numpy(batch.inputs)
        if batch.lengths is None:
            lengths = torch.full((len(points),), points.shape[1], dtype=torch.int64)
        else:
            lengths = torch.from_numpy(batch.lengths)
        return _moved(points, self.device), _moved(lengths, self.device)


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on the device; on its way to a GPU it does not hold up the caller."""
    pinned = tensor.pin_memory() if device.type == "cuda" else tensor
    return pinned.to(device, non_blocking=True)
