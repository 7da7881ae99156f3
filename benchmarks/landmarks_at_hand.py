"""The landmarks of one clip, from wherever they are at hand, for people who want to look at them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from utils.errors import FAILURE, BenchError
from utils.progress import Progress, Silent
from wlasl.clips import Clip
from wlasl.landmarks.form import LandmarkError, Landmarks
from wlasl.landmarks.manifest import MANIFEST
from wlasl.landmarks.notes import with_size
from wlasl.landmarks.prepare import cut_out, landmark_folder
from wlasl.landmarks.source_kinds import Source
from wlasl.landmarks.sources import SOURCES, open_source
from wlasl.landmarks.store import LandmarkStore
from wlasl.subsets import DataSet

AUTO = "auto"
"""Stands for the first source that has the clip."""
_ORDER = ("true", "mediapipe", "holistic", "pose-hands", "hands")
_SHOWN_IDS = 12


def find_landmarks(
    dataset: DataSet, clip: Clip, name: str, stores: Path, progress: Progress | None = None
) -> tuple[str, Landmarks]:
    """Return the short name of a source and the clip's landmarks out of it, its own frames alone.

    Args:
        dataset: whose clip.
        clip: one of its clips.
        name: one of SOURCES, a path, or `auto`.
        stores: the folder of all stores, where landmarks out of videos lie.
        progress: hears of MediaPipe's installation, where that comes to it.

    Raises:
        BenchError: no such source, or it has no landmarks of this clip that are of use.
    """
    name = _first(dataset, clip, stores) if name == AUTO else name
    source = open_source(dataset, name)
    try:
        return source.name, _read(dataset, clip, source, stores, progress or Silent())
    except LandmarkError as error:
        there = set(source.ids())
        others = [other.id for other in dataset.subset.clips if other.label == clip.label]
        near = ", ".join([other for other in others if other in there and other != clip.id][:_SHOWN_IDS])
        hint = f" Clips of {clip.gloss!r} that it has: {near}." if near else ""
        message = f"Clip {clip.id} has no landmarks of use in {source.name}: {error}.{hint}"
        raise BenchError(message, exit_code=FAILURE) from error


def at_hand(dataset: DataSet, stores: Path) -> Iterator[tuple[str, set[str]]]:
    """Yield each source with a name that is there, and the ids of the data set's clips that it holds."""
    wanted = {clip.id for clip in dataset.subset.clips}
    for name in _ORDER:
        with contextlib.suppress(BenchError, LandmarkError):
            source = open_source(dataset, name)
            store = _store(dataset, source, stores) if source.videos else None
            ids = wanted.intersection((store.ids if store else ()) if source.videos else source.ids())
            if ids:
                yield name, ids


def _first(dataset: DataSet, clip: Clip, stores: Path) -> str:
    """Return the first source that has a clip.

    Raises:
        BenchError: none has it.
    """
    there = dict(at_hand(dataset, stores))
    found = next((name for name, ids in there.items() if clip.id in ids), None)
    if found:
        return found
    have = f"it is not in {', '.join(there)}" if there else "nothing is prepared yet"
    video = dataset.files.path(clip.id)
    way = "`--landmarks mediapipe` finds them in its video" if video else "it has no video to find them in"
    raise BenchError(
        f"No landmarks of clip {clip.id} are at hand ({have}), and {way}. "
        f"The sources are {', '.join(SOURCES)}, or a path."
    )


def _store(dataset: DataSet, source: Source, stores: Path) -> LandmarkStore | None:
    """Return what is prepared of a source; None for nothing."""
    folder = landmark_folder(stores, dataset, source)
    return LandmarkStore(folder) if (folder / MANIFEST).exists() else None


def _read(dataset: DataSet, clip: Clip, source: Source, stores: Path, progress: Progress) -> Landmarks:
    """Read a clip's landmarks: out of the store where finding them costs seconds, else out of their file.

    Raises:
        LandmarkError: they are of no use.
    """
    if not source.videos:
        whole = with_size(source.read(clip).checked(), dataset.files.path(clip.id))
        return cut_out(clip, whole) if source.whole else whole
    store = _store(dataset, source, stores)
    if store and clip.id in store:
        joints, size, fps = store.joints, store.size(clip.id), store.fps(clip.id)
        return Landmarks(store.points(clip.id), joints, store.source, size=size, fps=fps)
    if clip.id not in source.ids():
        raise LandmarkError("missing", "there is no video to find them in")
    ((_, found),) = source.outcomes([clip], 1, progress)
    if isinstance(found, LandmarkError):
        raise found
    return found
