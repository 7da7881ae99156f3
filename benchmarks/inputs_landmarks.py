"""A landmark recipe's clips as batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from benchmarks.recipe_landmarks import LandmarkRecipe
from wlasl.clips import Part
from wlasl.landmarks.loader import LandmarkLoader
from wlasl.landmarks.store import LandmarkStore

if TYPE_CHECKING:
    from benchmarks.inputs import Inputs


def landmark_loader(
    recipe: LandmarkRecipe, inputs: Inputs, part: Part, *, train: bool = False
) -> LandmarkLoader:
    """Return one part's batches of landmarks: shuffled and augmented in training, whole otherwise."""
    return LandmarkLoader(cast("LandmarkStore", inputs.store), inputs.clips(part), options(recipe, train=train))
