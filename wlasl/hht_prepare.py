"""From a data set's videos and landmarks to a store of H&HT's canvases: made once, as any other view is.

The landmarks are prepared first. An entry of the store says which landmarks it was cut out by, so that clips
whose landmarks have changed are cut anew, and no others; another source has a store of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from utils.errors import BenchError
from utils.progress import Progress, Silent
from wlasl.hht import TILES, part_joints
from wlasl.landmarks.prepare import landmark_folder, prepare_landmarks
from wlasl.landmarks.sources import open_source
from wlasl.landmarks.store import LandmarkStore
from wlasl.prepare import Prepared, prepare
from wlasl.subsets import DataSet
from wlasl.view import View


@dataclass(frozen=True)
class PreparedCanvases:
    """What `prepare_canvases` did.

    Attributes:
        clips: the canvases that are ready, and why the other clips have none.
        landmarks: what they were cut out by.
        notes: what one should know of the landmarks.
    """

    clips: Prepared
    landmarks: LandmarkStore
    notes: tuple[str, ...]


def prepare_canvases(
    dataset: DataSet,
    view: View,
    source: str,
    store: Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> PreparedCanvases:
    """Bring the canvases of every clip that has a video and landmarks into the store, and return it.

    Args:
        dataset: whose clips.
        view: a view with a canvas; which landmarks it is cut out by is filled in here.
        source: where landmarks come from: one of `wlasl.landmarks.sources.SOURCES`, or a path.
        store: the folder of all stores.
        workers: how many clips are decoded at once; None for one per core of this job.
        progress: hears of each clip, and of parts that the source does not know.

    Raises:
        BenchError: no such source, not one clip has both, or the store cannot be written.
    """
    found = prepare_landmarks(dataset, source, store, workers=workers, progress=progress)
    _say_what_is_black(found.store, progress or Silent())
    there = tuple(clip for clip in dataset.subset.clips if clip.id in found.store)
    some = replace(dataset, subset=replace(dataset.subset, clips=there))
    ready = prepare(
        some,
        placed(view, dataset, source, store),
        store,
        landmarks=found.store,
        workers=workers,
        progress=progress,
    )
    skipped = {name: f"landmarks {reason}" for name, reason in found.skipped.items()}
    # A clip without a video has no landmarks either; the video is what is missing.
    skipped |= {name: "missing" for name in skipped if dataset.files.path(name) is None}
    ready = replace(ready, skipped={**skipped, **ready.skipped}, details={**found.details, **ready.details})
    return PreparedCanvases(ready, found.store, found.notes)


def placed(view: View, dataset: DataSet, source: str, store: Path) -> View:
    """Return a view with a canvas that names its landmarks as their store is named.

    Raises:
        BenchError: the view has no canvas, or there is no such source.
    """
    if view.canvas is None:
        raise BenchError(f"Crop {view.crop} has no hands and face that landmarks could cut out: use hht.")
    folder = landmark_folder(store, dataset, open_source(dataset, source))
    return replace(view, canvas=replace(view.canvas, landmarks=folder.name))


def _say_what_is_black(store: LandmarkStore, progress: Progress) -> None:
    """Say which parts a source of landmarks does not know."""
    found = zip(TILES[1:], part_joints(store.joints), strict=True)
    lacking = [name for name, joints in found if not joints]
    if lacking:
        parts = " and no ".join(lacking)
        progress.say(f"{store.source} has no {parts}: that tile of the canvas is always black")
