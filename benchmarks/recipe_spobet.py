"""SPOBET's recipe (Kojk-AI/spobet): pre-training on masked frames, and the defects of the original."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from benchmarks.recipe_landmarks import LandmarkRecipe
from wlasl.landmarks.joints import SKELETONS

WARMUP = 0.1
"""The share of the epochs in which the learning rate rises, where the recipe does not say otherwise."""


class SpobetRecipe(LandmarkRecipe):
    """Everything that decides the scores of SPOBET."""

    # Before fine-tuning: frames are masked and guessed.
    pretrain_rounds: int = Field(default=10, ge=0, description="of pre-training, each masked anew; 0: none")
    pretrain_epochs: int = Field(default=5, ge=1, description="of pre-training in each round")
    pretrain_batch_size: int = Field(default=64, ge=1, description="clips per step of pre-training")
    pretrain_lr_value: float = Field(default=1e-4, gt=0, description="Adam's in pre-training")
    pretrain_mask: float = Field(
        default=0.3, ge=0, le=1, description="draws of a frame to mask, share of a clip's frames"
    )
    pretrain_random: float = Field(
        default=0.1, ge=0, le=1, description="share of draws filled with random numbers, not zeros"
    )

    # What reproduces a published defect (FIELD's switch names).
    frozen_aug: bool = Field(
        default=False, description="one draw of rotation and masked rows for all clips of the whole run"
    )
    aug_val: bool = Field(default=False, description="val is augmented as train is, where it is watched")
    pretrain_lr: bool = Field(
        default=False, description="pre-training takes lr; pretrain_lr_value is not used"
    )
    class0_topk: bool = Field(
        default=False, description="also report class0_top1, 5, 10: a clip of class 0 counts as a hit"
    )
    glob_order: bool = Field(default=False, description="a clip's frames come in arbitrary order")
    no_mask: bool = Field(default=False, description="clips are padded to 250 rows that are attended to")
    zero_head: bool = Field(
        default=False, description="no neck and nose divide by 0; such frames are no numbers"
    )
    missing_wrist: bool = Field(default=False, description="a hand without its wrist is measured from (0, 0)")
    frame_end_minus1: bool = Field(
        default=False, description="frame_end_-1: a clip that ends with its video keeps no frames"
    )
    no_pos: bool = Field(default=False, description="no positions: the order of frames is not seen")

    @model_validator(mode="before")
    @classmethod
    def _warm_up_follows(cls, fields: Any) -> Any:  # noqa: ANN401 - as somebody wrote it
        """Let the warm-up be a tenth of the epochs, however many, where nobody sets it."""
        if not isinstance(fields, dict) or fields.get("warmup_epochs") is not None:
            return fields
        try:
            epochs = float(fields.get("epochs", cls.model_fields["epochs"].default))
        except (TypeError, ValueError):
            return fields  # the field's own check says what is wrong
        return {**fields, "warmup_epochs": round(WARMUP * epochs, 6)}

    def architecture(self) -> dict[str, Any]:
        """Return what the network's builder is told besides its row's own options."""
        shape = {"joints": len(SKELETONS[self.skeleton]), "channels": self.channels}
        return {**super().architecture(), **shape, "no_pos": self.no_pos, "no_mask": self.no_mask}
