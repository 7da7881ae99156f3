"""The range test of the learning rate (Smith 2017, arXiv:1506.01186): rates rise, and the loss judges them.

From 1e-7 to 10 in 100 steps, each a constant factor above the one before; the loss is smoothed, and the test
ends where it is four times its best, or no number. Nothing but training clips is read, and nothing is kept.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from benchmarks.engine import Batches, Engine
from benchmarks.fitting import Step
from benchmarks.inputs import Inputs, initial_weights, job_of, loader
from benchmarks.recipe import revised
from benchmarks.recipe_base import Recipe
from benchmarks.run import engine_of
from utils.errors import FAILURE, BenchError
from utils.files import write_whole
from utils.progress import Progress
from wlasl.loader import Batch

_STOP = 4.0
"""The test ends where the smoothed loss is so many times its best."""
_FEWEST = 10
"""Of fewer steps nothing can be said."""
_DPI = 110


@dataclass(frozen=True)
class Range:
    """What is tried.

    Attributes:
        low: the first rate.
        high: the last one.
        steps: how many there are.
        smoothing: share of the losses before in a smoothed one.
    """

    low: float = 1e-7
    high: float = 10.0
    steps: int = 100
    smoothing: float = 0.9

    def rates(self) -> list[float]:
        """Return every rate, each a constant factor above the one before."""
        factor = (self.high / self.low) ** (1 / max(1, self.steps - 1))
        return [self.low * factor**step for step in range(self.steps)]


@dataclass(frozen=True)
class Found:
    """What the test came to.

    Attributes:
        rates: those tried.
        losses: of each step.
        smoothed: likewise.
        suggested: where the smoothed loss falls fastest; None where it falls nowhere.
        lowest: the rate of its least value, beyond which training is at risk.
        ended: why the test ended before its last rate; empty where it did not.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggested: float | None
    lowest: float
    ended: str = ""


def find(
    recipe: Recipe,
    inputs: Inputs,
    device: str,
    tried: Range,
    progress: Progress,
    *,
    runs: Path | None = None,
) -> Found:
    """Train a fresh network on batches of the training part, each at a higher rate.

    Args:
        recipe: whose rate is tried.
        inputs: its clips.
        device: auto, cpu or cuda.
        tried: the rates.
        progress: hears of each step.
        runs: where runs keep their weights, for a recipe that starts from one.

    Raises:
        BenchError: it cannot be trained, or the loss is no number from the start.
    """
    # One rate a step: no warm-up or average may hide what it does. A limit on gradients is part of training.
    recipe = revised(recipe, accumulate=1, schedule="constant", warmup_epochs=0.0, ema=0.0)
    with tempfile.TemporaryDirectory(prefix="lr-find-") as folder:
        job = job_of(recipe, inputs, Path(folder), runs, initial_weights(recipe, runs))
        job = replace(job, device=device, progress=progress)
        engine = engine_of(recipe, job)
        train = loader(recipe, inputs, "train", train=True)
        # What prepares its own batches (triplets) does so here too.
        train = getattr(cast("Any", engine).learner, "begin", lambda part: part)(train)
        with _placed(engine):
            return judged(tried, _losses(engine, train, (recipe.seed, tried), progress))


def _placed(engine: Engine) -> AbstractContextManager[Any]:
    """Return what places a Keras network's work on its device; nothing for torch."""
    device = getattr(engine, "device", None)
    if not isinstance(device, str):
        return contextlib.nullcontext()
    from benchmarks.keras_runtime import tf  # noqa: PLC0415 - loaded by the engine already

    return cast("AbstractContextManager[Any]", tf.device(device))


def _losses(
    engine: Engine, train: Batches, key: tuple[int, Range], progress: Progress
) -> Iterator[tuple[float, float]]:
    """Yield each rate with the loss of the batch that was learnt from at it."""
    seed, tried = key
    learner = cast("Any", engine).learner
    progress.begin("range test", tried.steps)
    for number, (rate, (epoch, batch)) in enumerate(zip(tried.rates(), _batches(train), strict=False)):
        loss = float(learner.step(batch, Step((seed, epoch, number), rate, 1.0, update=True)))
        progress.advance(f"lr {rate:.2e}, loss {loss:.3f}")
        yield rate, loss
    progress.end()


def _batches(train: Batches) -> Iterator[tuple[int, Batch]]:
    """Yield the training part's batches over and over, each with its epoch."""
    for epoch in itertools.count():
        for batch in train.epoch(epoch):
            yield epoch, batch


def judged(tried: Range, steps: Iterator[tuple[float, float]]) -> Found:
    """Smooth the losses, end where they explode, and say which rate serves.

    Raises:
        BenchError: the loss is no number from the start.
    """
    rates: list[float] = []
    losses: list[float] = []
    smoothed: list[float] = []
    mean, ended = 0.0, ""
    for rate, loss in steps:
        if not math.isfinite(loss):
            ended = f"the loss was {loss} at lr {rate:.2e}"
            break
        mean = tried.smoothing * mean + (1 - tried.smoothing) * loss
        rates.append(rate)
        losses.append(loss)
        smoothed.append(mean / (1 - tried.smoothing ** len(losses)))
        if smoothed[-1] > _STOP * min(smoothed):
            ended = f"the loss was {_STOP:g} times its best at lr {rate:.2e}"
            break
    if len(rates) < _FEWEST:
        raise BenchError(
            f"The range test says nothing: {ended or 'there were too few steps'}. Begin lower with --from.",
            exit_code=FAILURE,
        )
    lowest = min(range(len(smoothed)), key=smoothed.__getitem__)
    return Found(
        tuple(rates), tuple(losses), tuple(smoothed), _steepest(rates, smoothed, lowest), rates[lowest], ended
    )


def _steepest(rates: Sequence[float], smoothed: Sequence[float], lowest: int) -> float | None:
    """Return the rate before the lowest loss at which it falls fastest per factor of the rate."""
    slopes = {
        index: (smoothed[index + 1] - smoothed[index - 1]) / math.log(rates[index + 1] / rates[index - 1])
        for index in range(1, min(lowest + 1, len(rates) - 1))
    }
    if not slopes:
        return None
    steepest = min(slopes, key=slopes.__getitem__)
    return rates[steepest] if slopes[steepest] < 0 else None


def draw(path: Path, found: Found, title: str) -> None:
    """Draw the losses over the rates, with the suggestion.

    Raises:
        BenchError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - takes half a second
    from matplotlib.figure import Figure  # noqa: PLC0415 - likewise

    canvas = Figure(figsize=(6.4, 4.2), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(canvas)
    axes = canvas.subplots()
    axes.semilogx(found.rates, found.losses, color="0.8", label="loss of a batch")
    axes.semilogx(found.rates, found.smoothed, color="C0", label="smoothed")
    if found.suggested is not None:
        axes.axvline(found.suggested, color="C3", linestyle="--", label=f"suggested: {found.suggested:.2g}")
    axes.axvline(found.lowest, color="0.5", linestyle=":", label=f"lowest loss: {found.lowest:.2g}")
    top = max(found.smoothed[0], *found.smoothed[: found.rates.index(found.lowest) + 1])
    low = min(*found.losses, *found.smoothed)
    axes.set(xlabel="learning rate", ylabel="training loss", title=title)
    axes.set_ylim(low - 0.1 * (top - low), top + 0.6 * (top - low))
    axes.grid(visible=True, color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    write_whole(path, lambda file: canvas.savefig(file, format="png", metadata={"Software": None}))
