"""How landmarks are varied in training: the fields of `wlasl.landmarks.augment.Augment` in a recipe."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any

from pydantic import BaseModel, Field

from wlasl.landmarks.augment import Augment

Chance = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Size = Annotated[float, Field(ge=0)]


class AugmentFields(BaseModel):
    """What training does to landmarks; what each does, exactly, stands at `Augment`."""

    mirror: Chance = Field(default=0.0, description="probability of a mirrored signer, hands swapped")
    one_of: Chance = Field(
        default=0.0, description="probability of one of rotate, perspective, squeeze, arms (SPOTER)"
    )
    rotate: Chance = Field(default=0.0, description="probability of a turn about the picture's middle")
    rotate_degrees: Size = Field(default=13.0, description="its largest angle, either way")
    perspective: Chance = Field(default=0.0, description="probability of a view from one side")
    perspective_ratio: Share = Field(default=0.1, description="how far, share of the width")
    squeeze: Chance = Field(default=0.0, description="probability of edges moved inwards")
    squeeze_ratio: Share = Field(default=0.15, description="how far each, share of the width")
    arms: Chance = Field(default=0.0, description="probability of turned arms")
    arm_joint: Chance = Field(default=0.3, description="probability per joint of an arm")
    arm_degrees: Size = Field(default=4.0, description="its largest angle, either way")
    body_only: bool = Field(
        default=True, description="perspective, squeeze and arms leave hands alone, as published"
    )
    speed: Chance = Field(default=0.0, description="probability of another speed")
    speed_factor: float = Field(default=1.25, ge=1, description="how much slower or faster, at most")
    time_crop: Share = Field(default=0.0, description="largest share of frames lost at the ends")
    time_warp: Share = Field(
        default=0.0, description="parts become faster by up to this share, others slower"
    )
    scale: Size = Field(default=0.0, description="grows or shrinks by a factor of up to exp of this")
    stretch: Size = Field(default=0.0, description="x alone does so")
    shear: Size = Field(default=0.0, description="x moves by up to this times y")
    shift: Size = Field(default=0.0, description="everything moves by up to this")
    spin: Chance = Field(
        default=0.0, description="probability of a turn about the normalised origin (SPOBET)"
    )
    spin_degrees: Size = Field(default=13.0, description="its largest angle")
    noise: Size = Field(default=0.0, description="standard deviation of noise on normalised coordinates")
    mask_draws: int = Field(default=0, ge=0, description="draws of a row whose frame is hidden (SPOBET)")
    mask_rows: int = Field(default=249, ge=1, description="rows that are drawn from")
    frame_dropout: Share = Field(default=0.0, description="up to this share of the frames is hidden")
    span: Share = Field(default=0.0, description="up to this share of the frames is hidden, side by side")
    joint_dropout: Share = Field(default=0.0, description="up to this share of the joints is hidden")
    hand_dropout: Chance = Field(default=0.0, description="probability that one of two hands is hidden")

    def augment(self) -> Augment:
        """Return these fields as the loader takes them."""
        found: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(Augment)}
        return Augment(**found)
