"""The network whose latency is measured and the clips that it is judged on: a run's own, or made ones."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from benchmarks.engine import Job
from benchmarks.export_landmarks import LONGEST, Setting
from benchmarks.fitting import Step
from benchmarks.inputs_landmarks import landmark_loader, options
from benchmarks.made_landmarks import made
from benchmarks.recipe import resolve, restored, revised
from benchmarks.recipe_embedding import EmbeddingRecipe
from benchmarks.recipe_landmarks import LandmarkRecipe
from benchmarks.where import view_shapes
from models import zoo
from utils.errors import BenchError
from utils.progress import Progress
from wlasl.landmarks.loader import LandmarkLoader

if TYPE_CHECKING:
    from benchmarks.finished import Request
    from benchmarks.records import Stored

Numbers = npt.NDArray[np.float32]

CLASSES, SIGNS = 100, 20
"""Glosses of a made network's head, and signs that its made clips are of."""
STEPS = 50
"""A made network learns from so many batches of 16 clips."""
_RATES = {"spoter": 3e-4, "gru": 3e-3}
"""Learning rates of AdamW at which that suffices; 1e-3 for others."""
_READ = 20
"""So many clips tell what it takes to make one a network's input."""
_WARM_UP = 15
"""It rises over so many steps."""
TESTED = 100
"""It is judged on so many clips that it has not seen."""


@dataclass(frozen=True)
class Judged:
    """A network and the clips that it is judged on.

    Attributes:
        setting: the network.
        what: what it is and what it is judged on, in words.
        clips: float32 [1, T, J, D] each.
        labels: int64 [clips].
        reading: CPU milliseconds that it takes to make one clip's landmarks the network's input.
    """

    setting: Setting
    what: str
    clips: tuple[Numbers, ...]
    labels: npt.NDArray[np.int64]
    reading: float


def setting_of(recipe: LandmarkRecipe, classes: int, weights: Path) -> Setting:
    """Return a recipe's network as exporters need it.

    Raises:
        BenchError: it is no torch network that names signs.
    """
    row = zoo.system(recipe.model)
    if "torch" not in row.builders or isinstance(recipe, EmbeddingRecipe):
        advice = "Take spoter, gru, st-gcn or sign-conformer; spoter-embeddings is spoter up to its head."
        raise BenchError(f"{recipe.model} is no torch network that gives a score per sign. {advice}")
    fixed = recipe.frames is not None and recipe.sampling != "all"
    return Setting(recipe.model, classes, view_shapes(recipe)[0], weights, fixed, recipe.architecture())


def landmark_recipe(model: str) -> LandmarkRecipe:
    """Return a landmark system's own recipe.

    Raises:
        BenchError: the model is none.
    """
    recipe = resolve(model, "100", {"landmarks": "made"}) if _sees_landmarks(model) else None
    if not isinstance(recipe, LandmarkRecipe):
        raise BenchError(f"{model} sees pixels. Give a landmark system, such as spoter or sign-conformer.")
    return recipe


def _sees_landmarks(model: str) -> bool:
    """Say whether a row of the zoo sees landmarks."""
    return isinstance(zoo.system(model).input, zoo.LandmarkInput)


def of_run(run: Stored, request: Request, folder: Path) -> Judged:
    """Return a finished run's network, to be judged on the test part of its clips.

    Args:
        run: its record.
        request: where its clips and weights are.
        folder: where the weights are written to.

    Raises:
        BenchError: its weights or clips are not here, or it is no landmark network of torch's.
    """
    import torch  # noqa: PLC0415 - heavy

    from benchmarks.finished import check_run, inputs_of_run  # noqa: PLC0415

    recipe = restored(run.record.recipe)
    if not isinstance(recipe, LandmarkRecipe):
        raise BenchError(f"Run {run.record.id} sees pixels: this is for landmark systems.")
    check_run(run, request.places)
    inputs = inputs_of_run(recipe, run.record, request)
    setting = setting_of(recipe, len(inputs.dataset.subset.glosses), folder / "weights.pt")
    kept = torch.load(request.places.runs / run.record.id / "best.pt", map_location="cpu", weights_only=True)
    torch.save(kept["state_dict"], setting.weights)
    part = landmark_loader(revised(recipe, batch_size=1), inputs, "test")
    told = f"its record says {run.record.metrics['test'].get('top1') or 0:.1%}"
    what = f"run {run.record.id} ({recipe.model}), {len(part.clips)} test clips of {recipe.split}; {told}"
    return _judged(setting, what, part)


def of_made_clips(recipe: LandmarkRecipe, folder: Path, progress: Progress) -> Judged:
    """Return a network that was briefly trained on made clips, to be judged on others.

    Args:
        recipe: which network, and how it sees clips; its optimisation is not followed.
        folder: where the weights are written to.
        progress: hears of the steps.
    """
    import torch  # noqa: PLC0415 - heavy

    from benchmarks.torch_engine import TorchEngine  # noqa: PLC0415

    setting = setting_of(recipe, CLASSES, folder / "weights.pt")
    quick = revised(recipe, optimizer="adamw", batch_size=16, clip_norm=1.0, dropout=0.0, label_smoothing=0.0)
    job = Job(CLASSES, zoo.system(recipe.model).input, folder, device="cpu")
    learner = TorchEngine(quick, job).learner
    learnt = made(16 * STEPS, SIGNS)
    batches = LandmarkLoader(learnt, learnt.clips, options(quick, train=True))
    progress.begin(f"training {recipe.model} on made clips", STEPS)
    for number, batch in enumerate(batches.epoch(0)):
        rate = _RATES.get(recipe.model, 1e-3) * min(1, (number + 1) / _WARM_UP)
        loss = learner.step(batch, Step((0, 0, number), rate, 1.0, update=True))
        progress.advance(f"loss {loss:.2f}")
    progress.end(f"loss {loss:.2f}")
    torch.save(learner.network.state_dict(), setting.weights)
    judged = made(TESTED, SIGNS, key=1)
    part = LandmarkLoader(judged, judged.clips, options(revised(recipe, batch_size=1)))
    what = f"{recipe.model}, briefly trained on made clips of {SIGNS} signs, judged on {TESTED} others"
    return _judged(setting, what, part)


def _judged(setting: Setting, what: str, part: LandmarkLoader) -> Judged:
    """Collect clips one by one, at most LONGEST frames of each."""
    found = [(batch.inputs[:, :LONGEST].astype(np.float32), int(batch.labels[0])) for batch in part.epoch(0)]
    cut = sum(clip.shape[1] == LONGEST for clip, _ in found)
    what += f" ({cut} of them cut to {LONGEST} frames)" if cut and not setting.fixed else ""
    labels = np.array([label for _, label in found])
    return Judged(setting, what, tuple(clip for clip, _ in found), labels, _reading(part))


def _reading(part: LandmarkLoader) -> float:
    """Return the CPU milliseconds of making one clip a batch, the median over some clips."""
    taken = []
    for position in range(min(len(part.clips), _READ)):
        begin = time.process_time()
        part.batch([position], 0, train=False)
        taken.append(1000 * (time.process_time() - begin))
    return statistics.median(taken)
