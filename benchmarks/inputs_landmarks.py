"""A landmark recipe's clips as batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from benchmarks.recipe_landmarks import LandmarkRecipe
from benchmarks.spobet_published import as_read
from wlasl.clips import Part
from wlasl.landmarks.loader import LandmarkLoader
from wlasl.landmarks.normalise import switches_of
from wlasl.landmarks.options import LandmarkOptions
from wlasl.landmarks.store import LandmarkStore

if TYPE_CHECKING:
    from benchmarks.inputs import Inputs


def landmark_loader(
    recipe: LandmarkRecipe, inputs: Inputs, part: Part, *, train: bool = False, watched: bool = False
) -> LandmarkLoader:
    """Return one part's batches of landmarks: shuffled and augmented in training, whole otherwise.

    Args:
        recipe: says how.
        inputs: the clips at hand.
        part: which of them.
        train: the batches are to be learnt from.
        watched: they are what training is judged by (some published code varies those too).
    """
    clips = inputs.clips(part)
    store = as_read(recipe, cast("LandmarkStore", inputs.store), clips)
    return LandmarkLoader(store, clips, options(recipe, train=train, watched=watched))


def options(recipe: LandmarkRecipe, *, train: bool = False, watched: bool = False) -> LandmarkOptions:
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
        trim=recipe.trim,
        square=recipe.square,
        augment=recipe.augment(),
        frozen_aug=bool(getattr(recipe, "frozen_aug", False)),
        augment_eval=watched and bool(getattr(recipe, "aug_val", False)),
        frames=recipe.frames,
        sampling=recipe.sampling,
        pad_to=recipe.pad_to,
        buckets=recipe.buckets,
    )
