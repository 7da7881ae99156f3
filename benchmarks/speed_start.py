"""From a file of landmarks to all clips in memory: SPOTER's CSV against this project's store."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks import speed_origin
from benchmarks.made_landmarks import MadeStore, made
from benchmarks.speed_report import Method, Row, measure
from wlasl.clips import Subset
from wlasl.landmarks.form import Points
from wlasl.landmarks.loader import LandmarkLoader, LandmarkOptions
from wlasl.landmarks.prepare import prepare_landmarks
from wlasl.landmarks.store import LandmarkStore
from wlasl.root import VideoFiles
from wlasl.subsets import DataSet

START_UP = 50
"""Times as fast as from the CSV that all clips should be in memory."""
OPENED = "this project, the store opened"
CLASSES = 100


def starting(rows: int, rounds: int, folder: Path) -> tuple[str, tuple[Row, ...]]:
    """Compare reading SPOTER's CSV with opening the store that was made from it.

    Args:
        rows: clips of the file; SPOTER's own for WLASL100 has 1,442.
        rounds: turns of each.
        folder: where file and store are written.

    Returns:
        what was compared, in words, and a row for each way.
    """
    clips = made(rows, CLASSES)
    path = folder / "train.csv"
    speed_origin.write_csv(path, _told(clips))
    dataset = DataSet(_subset(clips), folder, VideoFiles({}, {}))
    store = prepare_landmarks(dataset, str(path), folder / "stores").store
    methods: list[Method] = [
        ("the CSV, a literal evaluation a cell", partial(speed_origin.read_csv, path)),
        (OPENED, partial(_open, clips, store.folder)),
        (
            "this project, as `bench run`: the CSV looked at first",
            partial(_prepare, dataset, path, folder),
        ),
    ]
    size = path.stat().st_size / 1e6
    what = f"starting up: {rows} clips, a CSV of {size:.0f} MB, all in memory"
    return what, measure(methods, rows, rounds)


def _told(clips: MadeStore) -> Iterator[tuple[str, int, Points]]:
    """Yield clips as the CSV's writer wants them."""
    return ((clip.id, clip.label, clips.points(clip.id)) for clip in clips.clips)


def _subset(clips: MadeStore) -> Subset:
    """Return made clips as a subset."""
    glosses = tuple(f"sign{label:03d}" for label in range(CLASSES))
    return Subset("made", glosses, clips.clips, "made")


def _open(clips: MadeStore, folder: Path) -> int:
    """Open a store and read all of its clips."""
    return len(LandmarkLoader(LandmarkStore(folder), clips.clips, LandmarkOptions(32)).clips)


def _prepare(dataset: DataSet, path: Path, folder: Path) -> int:
    """Do what a run does: look whether every clip is prepared, then read all of them."""
    store = prepare_landmarks(dataset, str(path), folder / "stores").store
    return len(LandmarkLoader(store, dataset.subset.clips, LandmarkOptions(32)).clips)
