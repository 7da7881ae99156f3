"""Whether preparing, training and scoring stay linear in time and flat in memory as a data set grows.

The clips are tiny, and the same few files under many names: what is measured is what a clip costs among many,
not what its pixels cost. Each size has a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.children import Child
from utils.progress import Progress, Silent

COUNTS = (100, 1_000, 10_000)
"""Clips of the data sets."""
PLOT = "growth.png"
"""Beside the page."""
STAGES = ("read", "prepare", "train", "evaluate")
LINEAR = 1.5
"""A clip among ten times as many may cost this times as much."""
FLAT = 1.25
"""Ten times as many clips may take this times the memory."""
_SIDE, _FRAMES, _SIGNS = 48, 6, 8
_LIMIT = 3600.0
_MODEL = "x3d-xs"
_MAPPED = (
    "The peak counts the pages of the store that are mapped, which the system takes back when it needs them."
)


@dataclass(frozen=True)
class Size:
    """What a data set of one size costs.

    Attributes:
        clips: how many.
        seconds: CPU time by stage.
        memory: peak MiB of the process after each stage.
    """

    clips: int
    seconds: dict[str, float]
    memory: dict[str, float]


@dataclass(frozen=True)
class Growth:
    """What data sets of several sizes cost.

    Attributes:
        sizes: the smallest first.
    """

    sizes: tuple[Size, ...]

    @property
    def what(self) -> str:
        """Return what was measured, in words."""
        return (
            f"clips of {_FRAMES} frames of {_SIDE} x {_SIDE} pixels: read the folder, prepare, train {_MODEL}"
            " for an epoch at 2 x 32 x 32, score; CPU time, peak memory of the process"
        )

    @property
    def slowing(self) -> float:
        """How many times as much a clip costs at most among ten times as many, fixed costs left out."""
        return max((two / one for one, two in pairwise(_costs(self.sizes))), default=1.0)

    @property
    def swelling(self) -> float:
        """How many times as much memory the largest data set takes as the smallest."""
        first, last = (max(size.memory.values()) for size in (self.sizes[0], self.sizes[-1]))
        return last / first

    @property
    def met(self) -> bool:
        """Whether time is linear and memory flat."""
        return self.slowing <= LINEAR and self.swelling <= FLAT

    @property
    def mark(self) -> str:
        """Return what should be reached."""
        return (
            f"a clip among ten times as many costs at most {LINEAR:g} x ({self.slowing:.2f}),"
            f" and memory grows at most {FLAT:g} x ({self.swelling:.2f})"
        )

    def cells(self) -> list[list[str]]:
        """Return the table's rows."""
        return [
            [
                f"{size.clips:,}",
                *(_both(size.seconds[stage], size.clips) for stage in STAGES),
                f"{max(size.memory.values()):.0f}",
            ]
            for size in self.sizes
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON, with the table for the page."""
        return {
            "command": "python -m benchmarks.speed growth --write",
            "what": self.what,
            "head": ["clips", *(f"{stage}, s (ms a clip)" for stage in STAGES), "peak, MiB"],
            "cells": self.cells(),
            "sizes": [asdict(size) for size in self.sizes],
            "plot": PLOT,
            "notes": [f"{self.mark}: {'met' if self.met else 'missed'}", _MAPPED],
            "met": self.met,
        }

    def as_text(self) -> str:
        """Return it as a table in plain text."""
        rows = [["clips", *STAGES, "peak MiB"], *self.cells()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
        ]
        return "\n".join([self.what, *lines, f"{self.mark}: {'met' if self.met else 'missed'}"])


def _both(seconds: float, clips: int) -> str:
    """Return a stage's seconds, and its milliseconds a clip."""
    return f"{seconds:.1f} ({1000 * seconds / clips:.2f})"


def _costs(sizes: Sequence[Size]) -> list[float]:
    """Return what each further clip costs, between one size and the next: the fixed costs cancel out."""
    whole = [(size.clips, sum(size.seconds.values())) for size in sizes]
    return [(two[1] - one[1]) / (two[0] - one[0]) for one, two in pairwise(whole)]


def measured(folder: Path, counts: Sequence[int] = COUNTS, progress: Progress | None = None) -> Growth:
    """Measure data sets of several sizes.

    Args:
        folder: where they are made.
        counts: clips of each, ascending.
        progress: hears how it goes.
    """
    progress = progress or Silent()
    videos = drawn(folder / "videos")
    sizes = []
    progress.begin("growth", len(counts) * len(STAGES))
    for count in counts:
        root = linked(videos, folder / f"{count}", count)
        child = Child(folder / f"{count}.log", Grown, root, folder / f"work-{count}")
        try:
            child.ready(_LIMIT)
            found = {}
            for stage in STAGES:
                found[stage] = child.ask(stage, limit=_LIMIT)
                progress.advance(f"{count} clips: {stage}")
        finally:
            child.close()
        seconds, memory = ({stage: both[of] for stage, both in found.items()} for of in (0, 1))
        sizes.append(Size(count, seconds, memory))
    progress.end(f"{len(counts)} sizes")
    return Growth(tuple(sizes))


def drawn(folder: Path) -> list[Path]:
    """Draw one tiny video per sign."""
    return videos_of(folder, _FRAMES, _SIDE)


def videos_of(folder: Path, frames: int, side: int) -> list[Path]:
    """Draw one video per sign, of so many frames of side x side pixels."""
    import av  # noqa: PLC0415 - heavy

    from benchmarks.made_clips import made_clip  # noqa: PLC0415

    folder.mkdir(parents=True)
    for sign in range(_SIGNS):
        with av.open(folder / f"{sign}.mp4", "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
            stream.width = stream.height = side
            for picture in made_clip(sign, _SIGNS, (frames, side), 0):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture))))
            container.mux(stream.encode())
    return sorted(folder.glob("*.mp4"))


def linked(videos: Sequence[Path], root: Path, count: int) -> Path:
    """Make a data set of class folders in which the videos have many names; return its folder."""
    for part, share in (("train", 1.0), ("val", 0.0), ("test", 0.0)):
        for sign, video in enumerate(videos):
            there = root / part / f"sign{sign}"
            there.mkdir(parents=True)
            for number in range(max(1, round(share * count / len(videos)))):
                os.link(video, there / f"{number:05d}.mp4")
    return root


class Grown:
    """A data set of one size, in its process: each stage returns its CPU seconds and the peak MiB so far."""

    def __init__(self, root: Path, work: Path) -> None:
        """Note where the clips are, and where to work; import what the stages need."""
        from benchmarks.recipe import resolve  # noqa: PLC0415
        from benchmarks.torch_engine import TorchEngine  # noqa: PLC0415

        settings = {
            "epochs": 1,
            "frames": 2,
            "size": 32,
            "store_size": 32,
            "batch_size": 64,
            "warmup_epochs": 0.0,
        }
        self.recipe: Any = resolve(_MODEL, "folder", settings)
        self.engine_class, self.root, self.work = TorchEngine, root, work
        self.dataset: Any = None
        self.inputs: Any = None
        self.engine: Any = None

    def read(self) -> tuple[float, float]:
        """Read the data set's folder."""
        return _cost(self._read)

    def prepare(self) -> tuple[float, float]:
        """Bring the clips into the store."""
        return _cost(self._prepare)

    def train(self) -> tuple[float, float]:
        """Train for an epoch."""
        return _cost(self._train)

    def evaluate(self) -> tuple[float, float]:
        """Score all clips."""
        return _cost(self._evaluate)

    def _read(self) -> None:
        """Read the data set."""
        from wlasl.subsets import load  # noqa: PLC0415

        self.dataset = load("folder", self.root)

    def _prepare(self) -> None:
        """Fill the store."""
        from benchmarks.inputs import prepared  # noqa: PLC0415

        self.inputs = prepared(self.recipe, self.dataset, self.work / "store")

    def _train(self) -> None:
        """Fit."""
        from benchmarks.engine import Job  # noqa: PLC0415
        from benchmarks.inputs import loader  # noqa: PLC0415
        from models import zoo  # noqa: PLC0415

        job = Job(_SIGNS, zoo.system(_MODEL).input, self.work, device="cpu", checkpoint_seconds=1e9)
        self.engine = self.engine_class(self.recipe, job)
        self.engine.fit(
            loader(self.recipe, self.inputs, "train", train=True), loader(self.recipe, self.inputs, "val")
        )

    def _evaluate(self) -> None:
        """Predict."""
        from benchmarks.inputs import loader  # noqa: PLC0415

        self.engine.predict(loader(self.recipe, self.inputs, "train"))


def _cost(work: Callable[[], None]) -> tuple[float, float]:
    """Return the CPU seconds of some work, all threads, and the process's peak memory since it began, MiB."""
    begin = time.process_time()
    work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return round(time.process_time() - begin, 3), round(peak, 1)


def plot(growth: Growth, path: Path) -> None:
    """Draw seconds and memory over the number of clips, both axes of time logarithmic."""
    from utils.plots import Figure, Panel, draw  # noqa: PLC0415

    clips = [size.clips for size in growth.sizes]
    costs = {stage: [1000 * size.seconds[stage] / size.clips for size in growth.sizes] for stage in STAGES}
    memory = {
        stage: [size.memory[stage] for size in growth.sizes] for stage in ("read", "prepare", "evaluate")
    }
    whole = {stage: [size.seconds[stage] for size in growth.sizes] for stage in STAGES}
    panels = [
        Panel("CPU time, s", whole, log=True),
        Panel("CPU time a clip, ms", costs, log=True),
        Panel("peak memory so far, MiB", memory, from_zero=True),
    ]
    x = [float(np.log10(count)) for count in clips]
    draw(path, Figure("Growth of a data set", "clips, powers of ten", x, panels))
