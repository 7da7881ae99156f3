"""The recipes of networks that see landmarks: whose, which joints, normalised and varied how."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from benchmarks.recipe_augment import AugmentFields
from benchmarks.recipe_base import Recipe
from wlasl.landmarks.joints import SKELETONS


class LandmarkRecipe(Recipe, AugmentFields):
    """Everything that decides the scores of a run on landmarks."""

    # What a network sees of a clip.
    landmarks: str = Field(default="", description="landmarks' source (`--landmarks`)")
    skeleton: Literal["spoter", "spobet", "hands", "holistic"] = Field(
        default="spoter", description="which joints, in whose order"
    )
    dims: Literal[2, 3] = Field(default=2, description="coordinates per joint")
    normalisation: Literal["none", "spoter", "spobet", "shoulders"] = Field(
        default="spoter", description="of coordinates, per clip"
    )
    frames: int | None = Field(default=None, ge=1, le=1024, description="frames per clip; none: all it has")
    sampling: Literal["all", "uniform", "crop"] = Field(
        default="all", description="of frames, where their number is given"
    )
    buckets: bool = Field(default=True, description="clips of like length share a batch")

    # What reproduces a published defect (FIELD's switch names).
    test_select: bool = Field(
        default=False, description="choose on test: only to reproduce a paper, never ranked"
    )


class SpoterRecipe(LandmarkRecipe):
    """Everything that decides the scores of SPOTER (Bohacek and Hruz 2022)."""

    single_pos: bool = Field(default=False, description="one position for all frames: the order is not seen")
    y_axis: bool = Field(default=False, description="take y down for y up: the body box collapses")

    def architecture(self) -> dict[str, Any]:
        """Return what the network's builder is told besides its row's own options."""
        shape = {"joints": len(SKELETONS[self.skeleton]), "dims": self.dims}
        return {**super().architecture(), **shape, "single_pos": self.single_pos}
