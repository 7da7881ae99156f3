"""The zoo: one row per system, with the input that it expects, its engines, its paper and its size.

Nothing here imports a framework: `build` imports the row's module when a network is made.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from utils.names import lookup

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
class Weights:
    """An official file of initial weights: where it is published and what it must be."""

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
        builders: per engine, "module:function"; it takes (classes, **options) and returns the network.
        options: the row's own arguments to the builder, such as the variant's name.
        parameters: trainable parameters with 100 classes.
        gmacs: multiply-adds in 10^9 of one forward pass of one view at `input`'s shape.
        weights: official initial weights by name; empty where there are none.
        recipe: recipe fields whose defaults differ for this system.
    """

    name: str
    paper: str
    licence: str
    input: Input
    builders: Mapping[EngineName, str]
    parameters: int
    gmacs: float
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, Weights] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)


ROWS: tuple[System, ...] = ()

ZOO: dict[str, System] = {row.name: row for row in ROWS}


def system(name: str) -> System:
    """Return a row by its name; a wrong name is answered with the nearest right ones."""
    return lookup("model", name, ZOO)


def build(name: str, engine: EngineName, classes: int, **options: Any) -> Any:  # noqa: ANN401 - a network of either framework
    """Build a network of the zoo with random weights.

    Args:
        name: the row.
        engine: torch or tensorflow.
        classes: how many glosses the head tells apart.
        options: what a recipe sets: `dropout`, `drop_path`, `frames`, `size`.

    Raises:
        BenchError: no such row, no such engine for it, its package is missing, or an input it cannot take.
    """
    row = system(name)
    module, _, function = lookup("engine of this model", engine, row.builders).partition(":")
    return getattr(importlib.import_module(module), function)(classes, **row.options, **options)
