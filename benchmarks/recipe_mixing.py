"""How transformers are trained on pixels: a rate per block, RandAugment, erased boxes, mixed clips."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class MixingFields(BaseModel):
    """The fields of VideoMAE's training; none of them does anything by default."""

    layer_decay: float = Field(
        default=1.0, gt=0, le=1, description="learning rate's factor from one block to the one before it"
    )
    speed: float = Field(
        default=1.0, ge=1, le=8, description="consecutive clips run up to so many times as fast, or slowly"
    )
    randaugment: int = Field(
        default=0, ge=0, le=15, description="changes of picture and place drawn per clip; 0 for none"
    )
    randaugment_magnitude: float = Field(default=7.0, ge=0, le=10, description="their mean strength, of 10")
    randaugment_std: float = Field(default=0.5, ge=0, le=10, description="spread of their strength")
    erase: float = Field(
        default=0.0, ge=0, le=1, description="probability that a box of a clip is replaced by noise"
    )
    mixup: float = Field(
        default=0.0, ge=0, description="Beta's parameter of mixing two clips as a whole; 0 for no mixing"
    )
    cutmix: float = Field(
        default=0.0, ge=0, description="Beta's parameter of pasting a box of another clip; 0 for no pasting"
    )
    mix_prob: float = Field(default=1.0, ge=0, le=1, description="probability that a batch is mixed at all")
    mix_switch: float = Field(
        default=0.5, ge=0, le=1, description="share of cutmix where mixup and cutmix are both on"
    )


def misused(recipe: Any) -> str:  # noqa: ANN401 - a ClipRecipe, which is built on this module
    """Say which of the fields mean nothing in a recipe, and what to set; empty where all do."""
    mixed = bool(recipe.mixup or recipe.cutmix)
    if recipe.engine != "torch" and (mixed or recipe.erase or recipe.layer_decay != 1):
        return "mixup, cutmix, erase and layer_decay are of torch: set engine=torch, or leave them off"
    if mixed and recipe.batch_size < 2:  # noqa: PLR2004 - said in the sentence
        return "mixup and cutmix mix the clips of a batch: set batch_size=2 or more, or both to 0"
    if (mixed or recipe.erase) and recipe.head_kept:
        return "head_kept has more outputs than there are labels to mix: set mixup=0, cutmix=0 and erase=0"
    if recipe.speed > 1 and recipe.sampling == "uniform":
        return "speed changes nothing of frames spread over the clip: set sampling=consecutive, or speed=1"
    return ""
