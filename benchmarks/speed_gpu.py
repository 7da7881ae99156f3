"""What a GPU makes of each network of pixels: clips per second, share of its peak, memory, waiting for clips.

python -m benchmarks.speed gpu --write          # where a GPU is; it draws the clips that it needs

The engine's own step from the loader, in bf16: stored frames go to the device as uint8, through pinned
memory, and are cut, mirrored and normalised there. The peak is measured too, by multiplying large matrices in
bf16.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.engine import Batches, Job
from benchmarks.fitting import Step
from benchmarks.inputs import loader, prepared
from benchmarks.latency_clips import clip_recipe
from benchmarks.recipe import revised
from benchmarks.recipe_clips import ClipRecipe
from benchmarks.speed_growth import linked, videos_of
from benchmarks.torch_engine import TorchEngine, TorchLearner
from benchmarks.where import multiply_adds
from models import zoo
from utils.errors import BenchError
from utils.progress import Progress, Silent
from wlasl.loader import Batch
from wlasl.subsets import load

CLASSES = 2000
_PASSES = 3
"""Training goes forwards once and backwards twice."""


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        device: cuda; cpu for a rehearsal.
        clips: in a batch.
        steps: that count, after as many that do not.
        drawn: clips of the data set that the loader reads.
        shape: T and H = W of networks; None for each row's own recipe.
        pixels: side of the drawn videos.
        matrix: side of the matrices that the peak is measured by.
    """

    device: str = "cuda"
    clips: int = 16
    steps: int = 10
    drawn: int = 256
    shape: tuple[int, int] | None = None
    pixels: int = 256
    matrix: int = 8192


@dataclass(frozen=True)
class OnDevice:
    """What one network reaches.

    Attributes:
        model: row of the zoo.
        trained: clips per second in training, batches ready.
        scored: clips per second in evaluation, batches ready.
        fed: clips per second in training from the loader.
        waited: share of that time spent waiting for the loader.
        share: of the measured peak, in training with batches ready; None where the work is not known.
        memory: peak of the device in training, MiB; 0 on a CPU.
        reason: why nothing was measured; empty where it was.
    """

    model: str
    trained: float = 0.0
    scored: float = 0.0
    fed: float = 0.0
    waited: float = 0.0
    share: float | None = None
    memory: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Devices:
    """What all of them reach.

    Attributes:
        what: device, peak and batch, in words.
        rows: a network each.
    """

    what: str
    rows: tuple[OnDevice, ...]

    @property
    def met(self) -> bool:
        """Whether every network that was measured is fed from the loader without waiting."""
        return all(row.waited <= 0.02 for row in self.rows if not row.reason)  # noqa: PLR2004 - 2 %, as on a CPU

    @property
    def mark(self) -> str:
        """Return what should be reached."""
        slow = [f"{row.model} ({row.waited:.0%})" for row in self.rows if row.waited > 0.02]  # noqa: PLR2004
        return f"no network waits for clips more than 2 % of a step{': ' + ', '.join(slow) if slow else ''}"

    def cells(self) -> list[list[str]]:
        """Return the table's rows."""
        return [_cells(row) for row in self.rows if not row.reason]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON, with the table for the page."""
        return {
            "command": "python -m benchmarks.speed gpu --write",
            "what": self.what,
            "head": list(_HEAD),
            "cells": self.cells(),
            "notes": [f"{row.model}: {row.reason}" for row in self.rows if row.reason],
            "networks": [asdict(row) for row in self.rows],
            "met": self.met,
        }

    def as_text(self) -> str:
        """Return it as a table in plain text."""
        rows = [list(_HEAD), *self.cells()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
        lines = ["  ".join(map(str.rjust, row, widths)) for row in rows]
        notes = [f"{row.model}: not measured. {row.reason}" for row in self.rows if row.reason]
        return "\n".join([self.what, *lines, *notes, f"{self.mark}: {'met' if self.met else 'missed'}"])


_HEAD = ("network", "training, clips/s", "scoring, clips/s", "from the loader", "waits", "of peak", "MiB")


def _cells(row: OnDevice) -> list[str]:
    """Return a network's row."""
    rates = [f"{rate:.1f}" for rate in (row.trained, row.scored, row.fed)]
    share = "" if row.share is None else f"{row.share:.0%}"
    return [row.model, *rates, f"{row.waited:.1%}", share, f"{row.memory:.0f}"]


def measured(
    models: Sequence[str], folder: Path, plan: Plan | None = None, progress: Progress | None = None
) -> Devices:
    """Measure networks on a device, one after the other; one that does not fit is told and left out.

    Args:
        models: rows of the zoo.
        folder: where clips are drawn and prepared.
        plan: how much.
        progress: hears how it goes.

    Raises:
        BenchError: there is no such device.
    """
    plan, progress = plan or Plan(), progress or Silent()
    if plan.device == "cuda" and not torch.cuda.is_available():
        raise BenchError(
            "There is no GPU here that torch can use, so there is nothing to measure. Run this where one is;"
            " `bench doctor` says what torch sees."
        )
    root = linked(videos_of(folder / "videos", 32, plan.pixels), folder / "data", plan.drawn)
    peak = _peak(plan)
    rows = []
    progress.begin("networks on the device", len(models))
    for model in models:
        rows.append(_network(model, folder, root, plan, peak))
        progress.advance(model)
    progress.end(f"{len(rows)} networks")
    name = torch.cuda.get_device_name() if plan.device == "cuda" else "CPU"
    what = f"{name}, bf16 matrices at {peak / 1e12:.3g} TFLOP/s; batches of {plan.clips} clips, bf16"
    return Devices(what, tuple(rows))


def _network(model: str, folder: Path, root: Path, plan: Plan, peak: float) -> OnDevice:
    """Measure one network; running out of memory is its reason."""
    try:
        return _measured(model, folder, root, plan, peak)
    except torch.OutOfMemoryError as error:
        return OnDevice(model, reason=str(error).partition(".")[0])
    finally:
        if plan.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()


def _measured(model: str, folder: Path, root: Path, plan: Plan, peak: float) -> OnDevice:
    """Measure one network."""
    recipe = _recipe(model, plan)
    inputs = prepared(recipe, load("folder", root), folder / "stores")
    batches = loader(recipe, inputs, "train", train=True)
    learner = TorchEngine(recipe, Job(CLASSES, zoo.system(model).input, folder, device=plan.device)).learner
    ready = next(iter(batches.epoch(0)))
    trained = _rate(lambda number: _step(learner, ready, number), plan)
    fed, waited = _fed(learner, batches, plan)
    memory = torch.cuda.max_memory_allocated() / 2**20 if plan.device == "cuda" else 0.0
    scored = _rate(lambda _: _score(learner, ready), plan)
    gmacs = multiply_adds(recipe, CLASSES)
    share = None if gmacs is None else trained * 2e9 * gmacs * _PASSES / peak
    return OnDevice(model, trained, scored, fed, waited, share, memory)


def _recipe(model: str, plan: Plan) -> ClipRecipe:
    """Return a row's recipe for a GPU."""
    fields: dict[str, Any] = {
        "split": "folder",
        "batch_size": plan.clips,
        "precision": "bf16",
        "channels_last": True,
        "augment_on": "device",
        "crop": "frame",
        "randaugment": 0,
    }
    if plan.shape:
        fields |= {"frames": plan.shape[0], "size": plan.shape[1]}
    return revised(clip_recipe(model, native=False), **fields)


def _step(learner: TorchLearner, batch: Batch, number: int) -> None:
    """Learn from a batch."""
    learner.step(batch, Step((0, 0, number), 1e-4, 1.0, update=True))


@torch.inference_mode()
def _score(learner: TorchLearner, batch: Batch) -> None:
    """Score a batch."""
    learner.network.eval()
    with learner.fabric.autocast():
        learner.network(*learner.inputs(batch))


def _rate(work: Callable[[int], None], plan: Plan) -> float:
    """Return clips per second of some work on a batch, after as many calls that do not count."""
    for number in range(plan.steps):
        work(number)
    _wait(plan)
    begin = time.perf_counter()
    for number in range(plan.steps):
        work(number)
    _wait(plan)
    return plan.steps * plan.clips / (time.perf_counter() - begin)


def _fed(learner: TorchLearner, batches: Batches, plan: Plan) -> tuple[float, float]:
    """Train from the loader: clips per second, and the share of the time that was waiting."""
    clips, waited, begin, stream = 0, 0.0, time.perf_counter(), _endless(batches)
    for number in range(2 * plan.steps):
        if number == plan.steps:
            _wait(plan)
            clips, waited, begin = 0, 0.0, time.perf_counter()
        since = time.perf_counter()
        batch = next(stream)
        waited += time.perf_counter() - since
        _step(learner, batch, number)
        clips += len(batch.labels)
    _wait(plan)
    whole = time.perf_counter() - begin
    return clips / whole, waited / whole


def _endless(batches: Batches) -> Iterator[Batch]:
    """Yield batches, epoch after epoch."""
    epoch = 0
    while True:
        yield from batches.epoch(epoch)
        epoch += 1


def _wait(plan: Plan) -> None:
    """Wait until the device has done all that it was told."""
    if plan.device == "cuda":
        torch.cuda.synchronize()


def _peak(plan: Plan) -> float:
    """Return the operations per second of multiplying large matrices in bf16."""
    one = torch.rand(plan.matrix, plan.matrix, dtype=torch.bfloat16, device=plan.device)
    out = one @ one
    _wait(plan)
    begin = time.perf_counter()
    for _ in range(plan.steps):
        torch.mm(one, one, out=out)
    _wait(plan)
    return 2 * plan.matrix**3 * plan.steps / (time.perf_counter() - begin)
