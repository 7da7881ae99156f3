"""One clip through a finished run: what it takes the clip for, and which frames that comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.text import Text

from benchmarks.commands.data_show import find_clip
from benchmarks.engine import Engine
from benchmarks.finished import Request, check_run, inputs_of_run, taken_up
from benchmarks.inputs import Inputs, loader
from benchmarks.recipe import restored
from benchmarks.recipe_landmarks import LandmarkRecipe
from benchmarks.records import Stored
from benchmarks.rollout import frame_weights
from benchmarks.run import Machine, Places
from benchmarks.spobet_published import order_seen
from utils.errors import BenchError
from wlasl.clips import Clip
from wlasl.landmarks.form import Landmarks
from wlasl.landmarks.loader import LandmarkLoader
from wlasl.landmarks.store import LandmarkStore
from wlasl.loader import Batch
from wlasl.root import project_folder

_SHOWN = 5

Numbers = npt.NDArray[np.float64]


@dataclass
class One:
    """A part of one clip, as an engine takes parts.

    Attributes:
        clips: the clip.
        labels: its class.
        batch: as the network sees it.
        moments: float64 [T], which frames of its landmarks those are.
    """

    clips: tuple[Clip, ...]
    labels: npt.NDArray[np.int64]
    batch: Batch
    moments: Numbers

    def steps(self) -> int:
        """Return the number of batches."""
        return 1

    def epoch(self, epoch: int, *, start: int = 0, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        """Yield the clip, to the first of several processes."""
        del epoch
        if start == 0 and rank < world:
            yield self.batch


def places_of(
    kept: tuple[Path, Path], prepared: tuple[Path | None, Path | None], landmarks: str | None
) -> Request:
    """Return where a run and its clips lie: (results, runs), and (data, store), None for the usual places."""
    data, store = prepared
    store = store or project_folder() / "data" / "stores"
    return Request(Places(*kept), data, store, Machine("cpu"), landmarks)


def show_clip(stored: Stored, clip_id: str, request: Request, console: Console) -> None:
    """Print what a finished run takes a clip for, and draw from which frames, where its network tells.

    Raises:
        BenchError: the run sees pixels or has nothing to show, or its weights or the clip are not here.
    """
    check_run(stored, request.places)
    recipe = restored(stored.record.recipe)
    if not isinstance(recipe, LandmarkRecipe):
        raise BenchError(
            f"{recipe.model} sees pixels and has no attention over frames that could be drawn: --clip is for"
            f" networks that see landmarks. See `bench data show {clip_id} --split {recipe.split}`."
        )
    inputs = inputs_of_run(recipe, stored.record, request)
    clip = _at_hand(inputs, clip_id)
    engine = taken_up(recipe, stored.record.id, inputs, request.places, request.machine)
    one = _one(recipe, inputs, clip)
    _print(clip, inputs.dataset.subset.glosses, _chances(engine, one), console)
    weights = frame_weights(engine, recipe.engine, one.batch)
    if weights is None:
        words = f"{recipe.model} has no attention over frames that could be rolled out: nothing is drawn."
    else:
        path = request.places.runs / stored.record.id / f"rollout-{clip.id}.png"
        weights = _in_order(recipe, clip, weights)
        _draw(path, (inputs, one), weights, f"{recipe.model}, run {stored.record.id}")
        words = f"Attention roll-out: {path}"
    console.print(f"\n{words}", markup=False, highlight=False, soft_wrap=True)


def _at_hand(inputs: Inputs, clip_id: str) -> Clip:
    """Return a clip that has landmarks here.

    Raises:
        BenchError: there is no such clip, or it has none.
    """
    clip = find_clip(inputs.dataset, clip_id)
    if clip not in inputs.clips(clip.part):
        reason = inputs.reasons.get(clip.id, "missing")
        raise BenchError(f"Clip {clip.id} ({clip.gloss}) has no landmarks of use here: {reason}.")
    return clip


def _one(recipe: LandmarkRecipe, inputs: Inputs, clip: Clip) -> One:
    """Return a clip as a part of its own, as it is scored: nothing is varied."""
    part = loader(recipe, inputs, clip.part)
    assert isinstance(part, LandmarkLoader)  # noqa: S101 - the recipe sees landmarks
    position = part.clips.index(clip)
    batch = part.batch([position], 0, train=False)
    batch = replace(batch, indices=np.zeros(1, np.int64))
    return One((clip,), batch.labels, batch, part.moments(position))


def _chances(engine: Engine, one: One) -> Numbers:
    """Return the probability of each gloss, float64 [classes]."""
    scores = engine.predict(one)[0].astype(np.float64)
    chances = np.exp(scores - scores.max())
    return np.asarray(chances / chances.sum(), np.float64)


def _print(clip: Clip, glosses: tuple[str, ...], chances: Numbers, console: Console) -> None:
    """Print the likeliest glosses, the right one marked, and where that one stands if it is none of them."""
    console.print(Text(f"{clip.id}   {clip.gloss}   (class {clip.label}, {clip.part})", style="bold"))
    order = np.argsort(-chances, kind="stable")
    place = int(np.flatnonzero(order == clip.label)[0])
    shown = [*range(min(_SHOWN, len(order))), *([place] if place >= _SHOWN else [])]
    for rank in shown:
        label = int(order[rank])
        line = f"{rank + 1:>4}  {chances[label]:7.2%}  {glosses[label]}"
        console.print(Text(line, style="green" if label == clip.label else ""), soft_wrap=True)


def _in_order(recipe: LandmarkRecipe, clip: Clip, weights: Numbers) -> Numbers:
    """Return weights of frames in the clip's own order, whatever order the network saw them in."""
    ordered = np.empty_like(weights)
    ordered[order_seen(recipe, clip.id, len(weights))] = weights
    return ordered


def _draw(path: Path, shown: tuple[Inputs, One], weights: Numbers, name: str) -> None:
    """Draw a clip's roll-out."""
    from benchmarks.rollout_sheet import Rollout, draw, tiles  # noqa: PLC0415 - OpenCV and Pillow

    inputs, one = shown
    (clip,), store = one.clips, inputs.store
    assert isinstance(store, LandmarkStore)  # noqa: S101 - the recipe sees landmarks
    size, fps = store.size(clip.id), store.fps(clip.id)
    landmarks = Landmarks(store.points(clip.id), store.joints, store.source, size=size, fps=fps)
    title = f"{clip.id}, {clip.gloss}: which frames the answer of {name} comes from"
    pictures, note = tiles(clip, landmarks, inputs.dataset.files.path(clip.id), one.moments)
    draw(path, Rollout("\n".join(filter(None, (title, note))), weights, pictures))
