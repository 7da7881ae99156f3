"""What a row of the zoo is: a system with the input that it expects, its engines, its paper and its size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

EngineName = Literal["torch", "tensorflow"]


@dataclass(frozen=True, slots=True)
class Input:
    """What a network expects of one clip.

    Attributes:
        frames: T, frames per clip by default.
        size: H = W, pixels by default.
        mean: per channel, on the 0..1 scale, in the order of `channels`.
        std: likewise; the network sees (x / 255 - mean) / std.
        channels: the order of the colour channels.
        min_frames: the fewest frames that the network can take.
        min_size: the smallest side that the network can take.
    """

    frames: int
    size: int
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    channels: Literal["rgb", "bgr"] = "rgb"
    min_frames: int = 1
    min_size: int = 1


@dataclass(frozen=True, slots=True)
class LandmarkInput:
    """What a network expects of one clip's landmarks.

    Attributes:
        skeleton: which joints, in which order (`wlasl.landmarks.joints.SKELETONS`).
        joints: J, how many they are.
        dims: D, coordinates per joint.
        frames: T of the row's multiply-adds: 100 frames are a clip of 4 s at 25 frames per second.
    """

    skeleton: str
    joints: int
    dims: int = 2
    frames: int = 100


@dataclass(frozen=True, slots=True)
class Weights:
    """An official file of initial weights: where it is published and what it must be.

    Attributes:
        url: where the authors publish it.
        sha256: of the file; None where its authors do not state it and nobody else does.
        note: what it was trained on, and how well it does there.
    """

    url: str
    sha256: str | None
    note: str


@dataclass(frozen=True, slots=True)
class System:
    """One row of the zoo.

    Attributes:
        name: what `--model` takes.
        paper: authors, year and arXiv number or DOI.
        licence: of the network's origin and of its official weights.
        input: what the network expects.
        builders: per engine, "module:function"; it takes (classes, **options) and returns the network. The
            first is the engine that a recipe has by default.
        options: the row's own arguments to the builder, such as the variant's name.
        parameters: trainable parameters with 100 classes.
        gmacs: multiply-adds in 10^9 of one forward pass of one view at `input`'s shape.
        weights: official initial weights by name; empty where there are none.
        recipe: recipe fields whose defaults differ for this system.
        kind: which fields its recipe has (`benchmarks.recipe.KINDS`).
        starts_from: other rows whose runs it can start from: networks that differ in the last layer alone.
    """

    name: str
    paper: str
    licence: str
    input: Input | LandmarkInput
    builders: Mapping[EngineName, str]
    parameters: int
    gmacs: float
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, Weights] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "clips"
    starts_from: tuple[str, ...] = ()


KINETICS = "kinetics"
"""The name of the official weights that every row here has."""
