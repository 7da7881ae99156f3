"""What published code on pixels does otherwise than ours: losses, views, and each defect as a switch."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

PUBLISHED_LR = 0.01
"""The rate that the thesis's MoViNets are trained with, whatever is asked for."""


class PublishedFields(BaseModel):
    """The fields that reproduce published recipes on pixels; none of them does anything by default."""

    # Ways to train and to score that are no defects.
    loss: Literal["cross-entropy", "per-frame"] = Field(
        default="cross-entropy",
        description="per-frame: half BCE of every frame's logits, half of their maxima",
    )
    pool: Literal["mean", "max"] = Field(
        default="mean", description="of logits over time, in i3d and s3d, which have them"
    )
    test_crop: float = Field(
        default=1.0, gt=0, le=1, description="side of the middle that is seen at test, share of the square"
    )
    rho: float = Field(default=0.9, gt=0, lt=1, description="of rmsprop: decay of the squares' average")
    clip_each: bool = Field(
        default=False, description="clip_norm holds for each weight by itself, as Keras's clipnorm does"
    )

    # What reproduces a published defect (FIELD's switch names where it has one).
    test_select: bool = Field(
        default=False, description="choose on test: only to reproduce a paper, never ranked"
    )
    train_on_val: bool = Field(default=False, description="val is trained on too, and can choose nothing")
    lr_ignored: bool = Field(
        default=False, description=f"lr never reaches the optimiser: it is {PUBLISHED_LR}, whatever is set"
    )
    unfreeze_zero_all: bool = Field(
        default=False, description="unfreeze=0 trains everything: [:-0] freezes nothing"
    )
    head_kept: bool = Field(
        default=False, description="X3D keeps Kinetics' 400-way classifier: the one replaced is no part of it"
    )
    fixed_pool: bool = Field(
        default=False, description="X3D's last pool has its native size: M and L take no smaller clip"
    )
    double_softmax: bool = Field(
        default=False, description="probabilities are taken for logits where clips are scored"
    )
    start_once: bool = Field(
        default=False, description="a training clip's random start is drawn once for the whole run"
    )
    random_test_start: bool = Field(
        default=False, description="val and test clips start at random, drawn once per clip and seed"
    )
    no_scaling: bool = Field(
        default=False, description="pixels stay in 0..1, whatever the weights were trained with"
    )
    bgr: bool = Field(default=False, description="colours in the order in which OpenCV reads them")


def as_used(fields: dict[str, Any]) -> dict[str, Any]:
    """Return recipe fields as the published code comes to use them: a record tells what was done."""
    changes: dict[str, Any] = {}
    if _is_on(fields.get("lr_ignored")):
        changes["lr"] = PUBLISHED_LR
    if _is_on(fields.get("unfreeze_zero_all")) and str(fields.get("unfreeze")) == "0":
        changes["unfreeze"] = None
    return {**fields, **changes}


def _is_on(value: object) -> bool:
    """Say whether a switch is on, by all the ways in which `--set` and files say so."""
    return str(value).strip().lower() in {"true", "t", "1", "1.0", "yes", "y", "on"}


def contradictions(recipe: Any) -> str:  # noqa: ANN401 - a ClipRecipe, which is built on this module
    """Say which fields of a recipe on pixels contradict each other, and what to set; empty where none do."""
    judged = recipe.test_select or recipe.select == "last"
    wrong = {
        f"views={recipe.views} are all the same with test_sampling={recipe.test_sampling}: set views=1": (
            recipe.test_sampling in {"whole", "start"} and recipe.views > 1
        ),
        "random_test_start draws one start, which all views would share: set views=1": (
            recipe.random_test_start and recipe.views > 1
        ),
        "random_test_start is a start of consecutive frames: set test_sampling=consecutive": (
            recipe.random_test_start and recipe.test_sampling != "consecutive"
        ),
        "start_once is a start of consecutive frames: set sampling=consecutive": (
            recipe.start_once and recipe.sampling != "consecutive"
        ),
        "train_on_val leaves nothing to choose on: set select=last, or test_select=true as published": (
            recipe.train_on_val and not judged
        ),
        "loss=per-frame smooths no labels: set label_smoothing=0": (
            recipe.loss == "per-frame" and recipe.label_smoothing
        ),
        "clip_each would hold gradients at fp16's loss scale: set precision=bf16 or fp32": (
            recipe.clip_each and recipe.precision == "fp16" and recipe.engine == "torch"
        ),
    }
    return next((sentence for sentence, found in wrong.items() if found), "")
