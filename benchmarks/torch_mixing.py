"""Clips that are mixed on the device, their labels with them: mixup, cutmix, and boxes of noise.

Of a batch every clip is mixed with the one before it, by one share and one box for the whole batch, as timm
and torchvision do. What is drawn depends on (seed, epoch, step, process) alone. Of several processes each
mixes its own clips, by a share of its own.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.recipe_base import Recipe
from benchmarks.recipe_clips import ClipRecipe
from utils.seeds import generator

Box = tuple[int, int, int, int]
"""Upper, lower, left and right edge, in pixels."""

_MIXING = 2
"""Ends the key of what is drawn here: another number than any other purpose ends its key with."""
_AREA = (0.02, 1 / 3)
_ASPECT = (0.3, 3.3)
_TRIES = 10


def mixing_of(recipe: Recipe, classes: int) -> Mixing | None:
    """Return what mixes a recipe's clips; None where nothing does."""
    if isinstance(recipe, ClipRecipe) and (recipe.mixup or recipe.cutmix or recipe.erase):
        return Mixing(recipe, classes)
    return None


class Mixing:
    """Mixes batches of clips as a recipe says."""

    def __init__(self, recipe: ClipRecipe, classes: int) -> None:
        """Note what to do, and how many classes there are."""
        self.recipe, self.classes = recipe, classes
        self._rng = generator(recipe.seed, _MIXING)

    def begin(self, *key: int) -> None:
        """Begin a step: what is drawn from here on depends on its key, (seed, epoch, step, process)."""
        self._rng = generator(*key, _MIXING)

    def __call__(self, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mixed clips, and their targets as probabilities.

        Args:
            clips: float [B, 3, T, H, W], normalised; they are the caller's no longer.
            labels: int64 [B].

        Returns:
            Clips of the same shape, and targets [B, classes].
        """
        for clip in clips:
            if self._rng.random() < self.recipe.erase:
                self._erase(clip)
        targets = functional.one_hot(labels, self.classes).float()
        own = self._share()
        if own is None or len(clips) < 2:  # noqa: PLR2004 - a clip alone has no partner
            return clips, targets
        others, (share, cut) = clips.roll(1, 0), own
        if cut:
            top, bottom, left, right = box = self._box(share, (clips.shape[3], clips.shape[4]))
            clips[..., top:bottom, left:right] = others[..., top:bottom, left:right]
            share = 1 - _area(box) / (clips.shape[3] * clips.shape[4])
        else:
            clips = clips.mul_(share).add_(others, alpha=1 - share)
        return clips, targets.mul(share).add_(targets.roll(1, 0), alpha=1 - share)

    def _share(self) -> tuple[float, bool] | None:
        """Draw how much of a clip stays its own, and whether the rest is pasted in; None for all of it."""
        recipe = self.recipe
        chance, switch = self._rng.random(2)
        if not (recipe.mixup or recipe.cutmix) or chance >= recipe.mix_prob:
            return None
        cut = switch < recipe.mix_switch if recipe.mixup and recipe.cutmix else recipe.cutmix > 0
        alpha = recipe.cutmix if cut else recipe.mixup
        return float(self._rng.beta(alpha, alpha)), cut

    def _box(self, share: float, size: tuple[int, int]) -> Box:
        """Draw a box of 1 - share of the area, about any place; what reaches over the edge is cut off."""
        half = [round(side * math.sqrt(1 - share)) // 2 for side in size]
        y, x = (int(self._rng.integers(side)) for side in size)
        top, left = max(y - half[0], 0), max(x - half[1], 0)
        return top, min(y + half[0], size[0]), left, min(x + half[1], size[1])

    def _erase(self, clip: Tensor) -> None:
        """Fill a box of a clip [3, T, H, W] with noise, in place: the same box in every frame."""
        height, width = clip.shape[2:]
        for _ in range(_TRIES):
            area = self._rng.uniform(*_AREA) * height * width
            aspect = math.exp(self._rng.uniform(*np.log(_ASPECT)))
            rows, columns = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if rows < height and columns < width:
                top, left = (int(self._rng.integers(room + 1)) for room in (height - rows, width - columns))
                part = clip[:, :, top : top + rows, left : left + columns]
                # Of torch's own numbers, which the learner seeds with the step's key.
                part.copy_(torch.randn(part.shape, dtype=clip.dtype, device=clip.device))
                return


def _area(box: Box) -> int:
    """Return the pixels in a box."""
    top, bottom, left, right = box
    return (bottom - top) * (right - left)
