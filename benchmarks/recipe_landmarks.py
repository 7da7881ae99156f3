"""The recipes of networks that see landmarks: whose, which joints, normalised and varied how."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from benchmarks.recipe_augment import AugmentFields
from benchmarks.recipe_base import Recipe
from wlasl.landmarks.features import channels
from wlasl.landmarks.joints import SKELETONS


class LandmarkRecipe(Recipe, AugmentFields):
    """Everything that decides the scores of a run on landmarks."""

    # What a network sees of a clip.
    landmarks: str = Field(default="", description="landmarks' source (`--landmarks`)")
    skeleton: Literal["spoter", "spobet", "hands", "holistic", "signs27"] = Field(
        default="spoter", description="which joints, in whose order"
    )
    dims: Literal[2, 3] = Field(default=2, description="coordinates per joint")
    normalisation: Literal["none", "spoter", "spobet", "shoulders", "hands"] = Field(
        default="spoter", description="of coordinates, per clip"
    )
    frames: int | None = Field(default=None, ge=1, le=1024, description="frames per clip; none: all it has")
    sampling: Literal["all", "uniform", "crop"] = Field(
        default="all", description="of frames, where their number is given"
    )
    pad_to: int | None = Field(default=None, ge=1, le=1024, description="frames that every batch has")
    features: tuple[str, ...] = Field(
        default=("coordinates",), description="channels of a joint: coordinates, velocity, bone, shape, seen"
    )
    bridge: int = Field(default=0, ge=0, description="joints unseen for so many frames are put in between")
    trim: bool = Field(default=False, description="cut frames before the first and after the last seen hand")
    square: bool = Field(default=False, description="one unit for both axes, where the video's size is known")
    buckets: bool = Field(default=True, description="clips of like length share a batch")

    # What reproduces a published defect (FIELD's switch names).
    test_select: bool = Field(
        default=False, description="choose on test: only to reproduce a paper, never ranked"
    )

    @field_validator("features", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        """Take `coordinates,velocity` for the two names."""
        return tuple(value.split(",")) if isinstance(value, str) else value

    @property
    def chosen_on_test(self) -> bool:
        """Whether the checkpoint is chosen on test."""
        return self.test_select

    @property
    def channels(self) -> int:
        """How many numbers a network is told of one joint."""
        return channels(self.features, self.dims)


class ConformerRecipe(LandmarkRecipe):
    """Everything that decides the scores of the sign conformer."""

    width: int = Field(default=128, ge=8, multiple_of=4, description="channels of the network")
    depth: int = Field(default=2, ge=1, description="times two convolutions and one attention")
    drop_path: float | None = Field(default=None, ge=0, lt=1, description="stochastic depth")

    def architecture(self) -> dict[str, Any]:
        """Return what the network's builder is told besides its row's own options."""
        joints = len(SKELETONS[self.skeleton])
        own = {"width": self.width, "depth": self.depth, "drop_path": self.drop_path}
        return {**super().architecture(), **own, "channels": joints * self.channels}


class GraphRecipe(LandmarkRecipe):
    """Everything that decides the scores of a graph network on landmarks."""

    def architecture(self) -> dict[str, Any]:
        """Return what the network's builder is told besides its row's own options."""
        return {**super().architecture(), "skeleton": self.skeleton, "channels": self.channels}


class SpoterRecipe(LandmarkRecipe):
    """Everything that decides the scores of SPOTER (Bohacek and Hruz 2022)."""

    single_pos: bool = Field(default=False, description="one position for all frames: the order is not seen")
    y_axis: bool = Field(default=False, description="take y down for y up: the body box collapses")
    verbatim: bool = Field(default=False, description="normalise unseen necks and eyes as if they were at 0")
    hands_reversed: bool = Field(
        default=False, description="hands' y reversed, as in the whole-table function"
    )

    def architecture(self) -> dict[str, Any]:
        """Return what the network's builder is told besides its row's own options."""
        shape = {"joints": len(SKELETONS[self.skeleton]), "channels": self.channels}
        return {**super().architecture(), **shape, "single_pos": self.single_pos}
