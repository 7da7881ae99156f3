"""A landmark recipe's clips as batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from benchmarks.recipe_landmarks import LandmarkRecipe
from wlasl.clips import Part
from wlasl.landmarks.loader import LandmarkLoader
from wlasl.landmarks.normalise import switches_of
from wlasl.landmarks.options import LandmarkOptions
from wlasl.landmarks.store import LandmarkStore

if TYPE_CHECKING:
    from benchmarks.inputs import Inputs


def landmark_loader(
    recipe: LandmarkRecipe, inputs: Inputs, part: Part, *, train: bool = False
) -> LandmarkLoader:
    """Return one part's batches of landmarks: shuffled and augmented in training, whole otherwise."""
    return LandmarkLoader(
        cast("LandmarkStore", inputs.store), inputs.clips(part), options(recipe, train=train)
    )


def options(recipe: LandmarkRecipe, *, train: bool = False) -> LandmarkOptions:
    """Return how the recipe's landmarks become batches."""
    switches = {
        name: bool(getattr(recipe, name))
        for name in switches_of(recipe.normalisation)
        if hasattr(recipe, name)
    }
    return LandmarkOptions(
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        train=train,
        skeleton=recipe.skeleton,
        dims=recipe.dims,
        normalisation=recipe.normalisation,
        switches=switches,
        features=recipe.features,
        bridge=recipe.bridge,
        square=recipe.square,
        augment=recipe.augment(),
        frames=recipe.frames,
        sampling=recipe.sampling,
        pad_to=recipe.pad_to,
        buckets=recipe.buckets,
    )
