"""What SPOBET's published code does to clips and scores, where a recipe's switches ask for it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import metrics
from benchmarks.recipe_base import Recipe
from benchmarks.recipe_spobet import SpobetRecipe
from utils.seeds import generator
from wlasl.clips import Clip
from wlasl.landmarks.form import Points

_KS = (1, 5, 10)


class AsRead:
    """A store of landmarks whose clips have the frames that the published reader finds.

    Args:
        store: of landmarks.
        recipe: says which defects the reader has.
        clips: the clips to come, by whose metadata frames are left out.
    """

    def __init__(self, store: Any, recipe: SpobetRecipe, clips: Iterable[Clip]) -> None:  # noqa: ANN401
        """Note what is asked for."""
        self._store, self._recipe = store, recipe
        self._open_ended = {clip.id for clip in clips if clip.frame_end < 0}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a store tells
        """Return anything but points from the store."""
        return getattr(self._store, name)

    def points(self, clip_id: str, /) -> Points:
        """Return one clip's landmarks, float32 [T, J, D], or one frame that shows nothing."""
        points: Points = self._store.points(clip_id)
        if self._recipe.frame_end_minus1 and clip_id in self._open_ended:
            return np.full_like(points[:1], np.nan)
        return points[order_seen(self._recipe, clip_id, len(points))]


def order_seen(recipe: Recipe, clip_id: str, frames: int) -> npt.NDArray[np.int64]:
    """Return a clip's frames in the order in which a network is shown them, int64 [frames]."""
    if isinstance(recipe, SpobetRecipe) and recipe.glob_order:
        # As a folder lists its files: in no order, but in the same one every time.
        return generator(zlib.crc32(clip_id.encode())).permutation(frames)
    return np.arange(frames)


def as_read(recipe: Recipe, store: Any, clips: Iterable[Clip]) -> Any:  # noqa: ANN401 - a store
    """Return a store as the recipe's published code reads it; only SPOBET's differs from ours."""
    if isinstance(recipe, SpobetRecipe) and (recipe.glob_order or recipe.frame_end_minus1):
        return AsRead(store, recipe, clips)
    return store


def also_reported(
    recipe: Recipe, scores: npt.NDArray[np.floating[Any]], labels: npt.NDArray[np.int64]
) -> Mapping[str, float | int | None]:
    """Return the metrics that a paper's code reports beside ours, by names that no column of ours has.

    SPOBET's top-k turns each hit into a one-hot row and each miss into a row of zeros, whose largest entry is
    the first: a clip of class 0 counts as a hit whatever was predicted.
    """
    if not (isinstance(recipe, SpobetRecipe) and recipe.class0_topk):
        return {}
    place = metrics.ranks(scores, labels)
    return {f"class0_top{k}": float(((place < k) | (labels == 0)).mean()) for k in _KS}
