"""What a training step costs on one core, network by network and setting by setting, and the wait for clips.

Every setting takes the engine's own step on the same batch; the first is the yardstick. A setting counts
where loss and gradient of the first step are the yardstick's, but for the rounding of its arithmetic. The
fastest then trains from the loader, and how long it waits for clips is told.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.engine import Batches, Job
from benchmarks.fitting import Step
from benchmarks.inputs import loader, prepared
from benchmarks.latency_clips import clip_recipe
from benchmarks.recipe import revised
from benchmarks.recipe_clips import ClipRecipe
from benchmarks.speed_clips import choose
from benchmarks.speed_infer import NATIVE
from benchmarks.torch_engine import TorchEngine, TorchLearner
from models import zoo
from utils.progress import Progress, Silent
from wlasl.loader import Batch
from wlasl.subsets import DataSet

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "fp32": {"precision": "fp32", "channels_last": False, "compile": False},
    "fp32, channels last": {"precision": "fp32", "channels_last": True, "compile": False},
    "bf16": {"precision": "bf16", "channels_last": False, "compile": False},
    "bf16, channels last": {"precision": "bf16", "channels_last": True, "compile": False},
}
"""What is compared, as fields of the recipe; the first is the yardstick."""
COMPILED: Mapping[str, Mapping[str, Any]] = {
    "compile": {"precision": "fp32", "channels_last": False, "compile": True}
}
LOSS, COSINE = 0.02, 0.95
"""To count, a first step's loss may be off by this share; its gradient must point as much the same way."""
WAITED = 0.02
"""The share of a step that the network may wait for the loader."""
_CLIPS = 8


@dataclass(frozen=True)
class Setting:
    """What one setting costs.

    Attributes:
        name: for people.
        milliseconds: median CPU time of a training step, for each clip of it.
        ratio: over the first setting's, median of the rounds.
        loss: how far the first step's loss is from the first setting's, as a share of it.
        cosine: between the first step's gradient and the first setting's.
        keeps: whether it counts.
    """

    name: str
    milliseconds: float
    ratio: float
    loss: float
    cosine: float
    keeps: bool


@dataclass(frozen=True)
class Training:
    """What training one network costs.

    Attributes:
        model: row of the zoo.
        what: on what, in words.
        rows: a setting each, the first the yardstick.
        waited: the share of its time that the fastest setting waits for the loader.
        feeding: CPU milliseconds that loading a clip takes.
        default: name of the setting that the row has by default.
    """

    model: str
    what: str
    rows: tuple[Setting, ...]
    waited: float
    feeding: float
    default: str

    @property
    def fastest(self) -> Setting:
        """The fastest setting that counts."""
        return min((row for row in self.rows if row.keeps), key=lambda row: row.ratio)

    @property
    def line(self) -> str:
        """Return that setting as `bench run` takes it."""
        fields = {**SETTINGS, **COMPILED}[self.fastest.name]
        return " ".join(f"--set {name}={str(value).lower()}" for name, value in fields.items())

    @property
    def met(self) -> bool:
        """Whether the loader keeps up."""
        return self.waited <= WAITED

    @property
    def mark(self) -> str:
        """Return what should be reached."""
        return f"{self.model} waits for clips at most {WAITED:.0%} of a step"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        found = {"model": self.model, "what": self.what, "rows": [asdict(row) for row in self.rows]}
        fed = {"waited": round(self.waited, 4), "feeding": round(self.feeding, 2), "default": self.default}
        fastest = {"fastest": self.fastest.name, "times": round(1 / self.fastest.ratio, 2), "line": self.line}
        return {**found, **fed, **fastest, "met": self.met}

    def as_text(self) -> str:
        """Return it as a table in plain text."""
        width = max(len(row.name) for row in self.rows)
        lines = [self.what, f"{'':{width}}  CPU ms a clip  times as fast  loss off  same direction"]
        for row in self.rows:
            cost = f"{row.milliseconds:13.1f}  {1 / row.ratio:13.2f}"
            parity = f"{row.loss:8.1%}  {row.cosine:14.4f}"
            lines.append(f"{row.name:{width}}  {cost}  {parity}{'' if row.keeps else '  does not count'}")
        lines.append(f"fastest: {self.line}")
        waits = f"{self.waited:.2%} of a step, {'met' if self.met else 'missed'}"
        return "\n".join([*lines, f"{self.mark}: {waits}; loading takes {self.feeding:.1f} CPU ms a clip"])


def measured(
    model: str, folder: Path, rounds: int, *, compiled: bool = False, progress: Progress | None = None
) -> Training:
    """Measure one network.

    Args:
        model: row of the zoo.
        folder: where files are written.
        rounds: turns of each setting.
        compiled: torch.compile too.
        progress: hears what is under way.

    Raises:
        BenchError: the model sees landmarks, or there is no readable clip.
    """
    progress = progress or Silent()
    recipe = revised(clip_recipe(model, native=model.startswith(NATIVE)), batch_size=2, crop="signer")
    batches = _batches(recipe, choose(None, None, _CLIPS).dataset, folder)
    settings = {**SETTINGS, **(COMPILED if compiled else {})}
    batch = next(iter(batches.epoch(0)))
    progress.begin(f"training {model}", len(settings) * (rounds + 1))
    learners: dict[str, TorchLearner] = {}
    firsts: dict[str, tuple[float, Tensor]] = {}
    for name, fields in settings.items():
        learners[name] = _learner(revised(recipe, **fields), folder)
        firsts[name] = _first(learners[name], batch)
        progress.advance(name)
    taken = _turns(learners, batch, rounds, progress)
    rows = tuple(_row(name, taken, firsts) for name in settings)
    fastest = min((row for row in rows if row.keeps), key=lambda row: row.ratio).name
    waited, feeding = _waiting(learners[fastest], batches)
    default = next((name for name, fields in settings.items() if _is(recipe, fields)), "")
    what = (
        f"{model}, a training step of {len(batch.labels)} clips of {recipe.frames} x {recipe.size} x"
        f" {recipe.size}, one core, CPU time, {rounds} turns"
    )
    return Training(model, what, rows, waited, feeding, default)


def _is(recipe: ClipRecipe, fields: Mapping[str, Any]) -> bool:
    """Say whether a recipe has these fields."""
    return all(getattr(recipe, name) == value for name, value in fields.items())


def _batches(recipe: ClipRecipe, dataset: DataSet, folder: Path) -> Batches:
    """Return training batches of prepared clips, loaded by as many threads as train."""
    inputs = prepared(recipe, dataset, folder / "stores")
    part = max(("train", "val", "test"), key=lambda name: len(inputs.clips(name)))  # type: ignore[arg-type]
    return loader(recipe, inputs, part, train=True)  # type: ignore[arg-type]


def _learner(recipe: ClipRecipe, folder: Path) -> TorchLearner:
    """Return what trains by a recipe."""
    job = Job(2000, zoo.system(recipe.model).input, folder, device="cpu")
    return TorchEngine(recipe, job).learner


def _first(learner: TorchLearner, batch: Batch) -> tuple[float, Tensor]:
    """Return the loss of a first step, and its gradient as one vector; nothing moves."""
    loss = learner.step(batch, Step((0, 0, 0), 1e-4, 1.0, update=False))
    found = [one.grad.flatten() for one in learner.network.parameters() if one.grad is not None]
    gradient = torch.cat(found).double()
    learner.optimizer.zero_grad()
    return loss, gradient


def _turns(
    learners: Mapping[str, TorchLearner], batch: Batch, rounds: int, progress: Progress
) -> dict[str, list[float]]:
    """Return each setting's CPU milliseconds a clip, a turn each."""
    taken: dict[str, list[float]] = {name: [] for name in learners}
    for turn in range(rounds):
        for name, learner in learners.items():
            step = partial(learner.step, batch, Step((0, 0, turn), 1e-4, 1.0, update=True))
            taken[name].append(_cpu(step) / len(batch.labels))
            progress.advance(name)
    return taken


def _cpu(work: Callable[[], object]) -> float:
    """Return the CPU milliseconds that some work takes."""
    begin = time.process_time()
    work()
    return 1000 * (time.process_time() - begin)


def _row(name: str, taken: Mapping[str, list[float]], firsts: Mapping[str, tuple[float, Tensor]]) -> Setting:
    """Return what a setting costs, compared with the first."""
    (loss, gradient), (least, direction) = firsts[name], next(iter(firsts.values()))
    off = abs(loss - least) / abs(least)
    cosine = float(torch.nn.functional.cosine_similarity(gradient, direction, dim=0))
    yardstick = next(iter(taken.values()))
    ratio = statistics.median(one / base for one, base in zip(taken[name], yardstick, strict=True))
    keeps = off <= LOSS and cosine >= COSINE
    return Setting(name, round(statistics.median(taken[name]), 1), round(ratio, 4), off, cosine, keeps)


def _waiting(learner: TorchLearner, batches: Batches) -> tuple[float, float]:
    """Train an epoch from the loader: the share of it that was waiting, and loading's CPU ms a clip."""
    waited, begin = 0.0, time.perf_counter()
    epoch = iter(batches.epoch(1))
    for number in range(batches.steps()):
        since = time.perf_counter()
        batch = next(epoch)
        waited += time.perf_counter() - since
        learner.step(batch, Step((0, 1, number), 1e-4, 1.0, update=True))
    whole = time.perf_counter() - begin
    feeding = _cpu(lambda: sum(len(batch.labels) for batch in batches.epoch(2))) / len(batches.clips)
    return waited / whole, feeding
