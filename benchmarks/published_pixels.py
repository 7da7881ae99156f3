"""What published code on pixels makes of a network and its input, and where it cannot run at all."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.recipe_base import Recipe
from benchmarks.recipe_clips import ClipRecipe
from models.zoo import Input, LandmarkInput
from utils.errors import BenchError

HEAD_KEPT = 400
"""The classes of the classifier that a recipe with `head_kept` leaves in place: Kinetics-400's."""

OVER_TIME = ("i3d", "s3d")
"""The networks that have logits over time."""

_POOLS = {"x3d-xs": (4, 5), "x3d-s": (13, 5), "x3d-m": (16, 7), "x3d-l": (16, 10)}
"""The frames and the side that the last pool of pytorchvideo's X3D covers, by the clip it is made for."""

_HALVED = 32
"""How many times smaller than the clip the map is that X3D's last pool sees."""


def check_published(recipe: Recipe, classes: int) -> None:
    """Refuse what published code could not do either, and switches that mean nothing of this network.

    Raises:
        BenchError: says what is in the way, and what to set.
    """
    if not isinstance(recipe, ClipRecipe):
        return
    if recipe.model not in OVER_TIME and (recipe.loss == "per-frame" or recipe.pool != "mean"):
        raise BenchError(
            f"{recipe.model} has no logits over time, as {' and '.join(OVER_TIME)} have:"
            " set loss=cross-entropy and pool=mean."
        )
    if recipe.engine == "tensorflow" and recipe.double_softmax:
        raise BenchError("double_softmax is a defect of torch code. Set double_softmax=false.")
    _check_x3d(recipe, classes)


def _check_x3d(recipe: ClipRecipe, classes: int) -> None:
    """Refuse what X3D's published code makes of its head where that cannot be."""
    if not recipe.model.startswith("x3d-"):
        if recipe.head_kept or recipe.fixed_pool:
            raise BenchError(f"head_kept and fixed_pool are defects of code for X3D, not for {recipe.model}.")
        return
    if recipe.head_kept and classes > HEAD_KEPT:
        raise BenchError(
            f"With head_kept the classifier keeps {HEAD_KEPT} outputs, and {recipe.split} has {classes}"
            " glosses: the published code ends in an error here. Set head_kept=false."
        )
    frames, side = _POOLS[recipe.model]
    left = -(-recipe.size // _HALVED)
    if recipe.fixed_pool and (left < side or recipe.frames < frames):
        raise BenchError(
            f"The published code ends in an error here: the last pool of its {recipe.model} covers {frames}"
            f" frames of {side} x {side}, and {recipe.frames} frames of {recipe.size} pixels leave"
            f" {recipe.frames} of {left} x {left}. fixed_pool=false averages over what is left, and does all"
            " else as published; --recipe fixed has none of its defects."
        )


def outputs(recipe: Recipe, classes: int) -> int:
    """Return how many outputs a network has that tells so many glosses apart."""
    return HEAD_KEPT if isinstance(recipe, ClipRecipe) and recipe.head_kept else classes


def seen(recipe: Recipe, expected: Input | LandmarkInput) -> Input | LandmarkInput:
    """Return what a network is given: what its row expects, or what published code gives it instead."""
    if not isinstance(recipe, ClipRecipe) or not isinstance(expected, Input):
        return expected
    given = expected
    if recipe.no_scaling:
        given = replace(given, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    if recipe.bgr:
        given = replace(given, channels="rgb" if given.channels == "bgr" else "bgr")
    return given
