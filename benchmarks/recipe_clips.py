"""The recipe of a network that sees pixels: how clips are stored, sampled and augmented."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from benchmarks.recipe_base import Recipe
from benchmarks.recipe_hht import HhtFields
from benchmarks.recipe_mixing import MixingFields, misused
from benchmarks.recipe_published import PublishedFields, as_used, contradictions


class ClipRecipe(MixingFields, PublishedFields, HhtFields, Recipe):
    """Everything that decides the scores of a run on pixels."""

    # How a clip is stored (`wlasl.video.View`).
    crop: Literal["signer", "frame", "stretch", "hht"] = Field(
        default="signer", description="signer's box, frame, frame stretched, or hht: frame, hands, face"
    )
    margin: float = Field(default=0.1, ge=0, le=1, description="added to each side of the box, share of it")
    store_size: int = Field(default=256, ge=16, le=4096, multiple_of=16, description="stored side, pixels")
    quality: int = Field(default=95, ge=50, le=100, description="JPEG quality of the store")
    codec: Literal["jpeg", "raw"] = Field(default="jpeg", description="how the store keeps frames")

    # Which frames a network sees, and how large.
    frames: int = Field(ge=1, le=512, description="frames per view")
    size: int = Field(ge=16, le=1024, description="side that the network sees, pixels")
    stride: int = Field(default=1, ge=1, description="step between consecutive frames")
    sampling: Literal["uniform", "consecutive", "centre", "start"] = Field(
        default="uniform", description="in training"
    )
    test_sampling: Literal["uniform", "consecutive", "centre", "start", "whole"] = Field(
        default="uniform", description="at test; whole: the whole clip at once, however long"
    )
    pad: Literal["last", "zero", "loop", "first-or-last"] = Field(
        default="last", description="what fills a short clip"
    )
    views: int = Field(default=1, ge=1, le=64, description="temporal views averaged at test")

    # Augmentation in training.
    crop_scale_min: float = Field(default=0.6, gt=0, le=1, description="smallest random crop, share of area")
    crop_scale_max: float = Field(default=1.0, gt=0, le=1, description="largest random crop, share of area")
    crop_ratio_max: float = Field(
        default=1.15, ge=1, le=4, description="largest aspect ratio of a random crop"
    )
    hflip: float = Field(default=0.0, ge=0, le=1, description="probability of mirroring (signs have a hand!)")
    augment_on: Literal["cpu", "device"] = Field(
        default="cpu", description="where training's crops are cut: by the loader, or on the network's device"
    )

    drop_path: float | None = Field(
        default=None, ge=0, lt=1, description="stochastic depth; none: as dropout"
    )

    @model_validator(mode="after")
    def _crop_is_a_range(self) -> ClipRecipe:
        """Refuse a range of crops that is none."""
        if self.crop_scale_min > self.crop_scale_max:
            raise ValueError("crop_scale_min is above crop_scale_max: set it to at most that")
        return self

    @model_validator(mode="before")
    @classmethod
    def _as_published_code_uses_it(cls, fields: Any) -> Any:  # noqa: ANN401 - as somebody wrote it
        """Let the switches of published code change the fields that they change."""
        return as_used(fields) if isinstance(fields, dict) else fields

    @model_validator(mode="after")
    def _makes_sense(self) -> ClipRecipe:
        """Refuse fields that contradict each other."""
        if what := contradictions(self) or misused(self) or self._cut_too_late():
            raise ValueError(what)
        return self

    def _cut_too_late(self) -> str:
        """Say what the loader would do to pictures that it hands out whole; empty where nothing."""
        if self.augment_on == "cpu":
            return ""
        wrong = {
            "augment_on=device is torch's: set engine=torch": self.engine != "torch",
            "randaugment changes what the loader has cut: set augment_on=cpu": self.randaugment,
        }
        return next((sentence for sentence, found in wrong.items() if found), "")

    @property
    def chosen_on_test(self) -> bool:
        """Whether the checkpoint is chosen on test."""
        return self.test_select

    def architecture(self) -> dict[str, Any]:
        """Return what the network's builder is told besides its row's own options."""
        fields = ("dropout", "drop_path", "frames", "size")
        return {name: getattr(self, name) for name in fields}
