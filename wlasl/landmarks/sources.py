"""Where landmarks come from: `--landmarks` names a source, or a file or folder in any format that is read."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from utils.errors import BenchError
from utils.files import sha256, short_hash
from utils.names import lookup
from utils.progress import Progress
from wlasl.clips import Clip
from wlasl.landmarks.form import LandmarkError, Landmarks
from wlasl.landmarks.joints import HOLISTIC
from wlasl.landmarks.readers_arrays import ArrayFile, HandsFile, PoseHandsFile
from wlasl.landmarks.readers_mediapipe import holistic_npy, holistic_npz
from wlasl.subsets import DataSet
from wlasl.survey import Stamp, stamp_of

Outcome = tuple[Clip, Landmarks | LandmarkError]
Reader = Callable[[Path, Clip], Landmarks]

SOURCES: Mapping[str, str] = {
    "true": "the sample's own landmarks, drawn with its signers",
    "holistic": "MediaPipe Holistic, from landmarks/holistic in the data set's folder",
    "hands": "MediaPipe Hands, from landmarks/asl300_hands.npz in the data set's folder",
    "pose-hands": "MediaPipe Holistic, from landmarks/asl300_pose_hands_30.npz in the data set's folder",
    "mediapipe": "MediaPipe Holistic, extracted from the videos",
}
"""The sources with a name; whatever else `--landmarks` says is the path of a file or folder."""

VERSION = 1
"""Raised when a reader gives other points for the same file: stores are then made anew."""


class Source:
    """Landmarks of a data set's clips.

    Args:
        name: a short name, for the recipe and the table.
        kind: what found the landmarks, such as mediapipe-holistic: a column of the table.
        where: the file or folder, for people; it is part of the key of a source without a name.

    Attributes:
        joints: the names of the joints, where they are known before anything is read; else None.
        notes: what a reader should know of every clip.
        whole: whether all frames of a clip are there, so that its first and last can be found.
        videos: whether frames are counted in the very videos, so that nothing is to be compared.
    """

    whole = True
    videos = False

    def __init__(self, name: str, kind: str, where: str = "") -> None:
        """Keep the names."""
        self.name, self.kind, self.where = name, kind, where
        self.joints: tuple[str, ...] | None = None
        self.notes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return 8 hexadecimal digits: two sources that share them share a store."""
        return short_hash([VERSION, self.name, "" if self.name in SOURCES else self.where], 8)

    def ids(self) -> Collection[str]:
        """Return the ids of the clips that have landmarks, readable or not."""
        raise NotImplementedError

    def read(self, clip: Clip) -> Landmarks:
        """Return a clip's landmarks, as they are.

        Raises:
            LandmarkError: there are none, or they are of no use.
        """
        raise NotImplementedError

    def stamp(self, clip: Clip) -> Stamp:
        """Return what changes when a clip's file does: its size and date.

        Raises:
            OSError: the file is gone.
        """
        raise NotImplementedError

    def digest(self, clip: Clip) -> str:
        """Return 32 hexadecimal digits of the content of a clip's file: a copy of another date has the same.

        Raises:
            OSError: the file is gone.
        """
        raise NotImplementedError

    def cut(self, clip: Clip) -> str:
        """Return which frames of a file are a clip, as the metadata says."""
        return f"{clip.frame_start}..{clip.frame_end}" if self.whole else ""

    def outcomes(self, clips: Iterable[Clip], workers: int, progress: Progress) -> Iterator[Outcome]:
        """Yield each clip's landmarks, or why there are none."""
        del workers, progress
        return ((clip, self._tried(clip)) for clip in clips)

    def _tried(self, clip: Clip) -> Landmarks | LandmarkError:
        """Return a clip's landmarks, or why there are none."""
        try:
            return self.read(clip)
        except LandmarkError as error:
            return error
        except OSError as error:
            return LandmarkError("unreadable", error.strerror or str(error))


class FileSource(Source):
    """A file, or a folder of frames, for each clip.

    Args:
        name: a short name.
        kind: what found the landmarks.
        where: the folder.
        files: the path of each clip's landmarks.
        reader: reads one.
    """

    def __init__(self, name: str, kind: str, where: Path, files: Mapping[str, Path], reader: Reader) -> None:
        """Keep the files."""
        super().__init__(name, kind, str(where.resolve()))
        self._files, self._reader = files, reader

    def ids(self) -> Collection[str]:
        """Return the ids that have a file."""
        return self._files.keys()

    def read(self, clip: Clip) -> Landmarks:
        """Read a clip's file."""
        if clip.id not in self._files:
            raise LandmarkError("missing", f"there is no file for it in {self.where}")
        return self._reader(self._files[clip.id], clip)

    def stamp(self, clip: Clip) -> Stamp:
        """Return the size and date of a clip's file."""
        return stamp_of(self._files[clip.id])

    def digest(self, clip: Clip) -> str:
        """Return the digest of a clip's file."""
        return sha256(self._files[clip.id])[:32]


class ArraySource(Source):
    """One file for many clips; when it changes, all of them are read again.

    Args:
        name: a short name.
        file: the open file.
    """

    def __init__(self, name: str, file: ArrayFile) -> None:
        """Keep the file."""
        super().__init__(name, file.kind, str(file.path.resolve()))
        self.joints, self.notes, self.whole = file.joints, file.notes, file.whole
        self._file, self._digest = file, ""
        self._stamp = stamp_of(file.path)

    def ids(self) -> Collection[str]:
        """Return the ids that the file holds."""
        return self._file.ids()

    def read(self, clip: Clip) -> Landmarks:
        """Read a clip out of the file."""
        return self._file.read(clip)

    def stamp(self, clip: Clip) -> Stamp:
        """Return the size and date of the file."""
        del clip
        return self._stamp

    def digest(self, clip: Clip) -> str:
        """Return the digest of the file."""
        del clip
        self._digest = self._digest or sha256(self._file.path)[:32]
        return self._digest


class VideoSource(Source):
    """Landmarks that are found in the videos themselves, by MediaPipe.

    Args:
        dataset: whose videos.
    """

    videos = True

    def __init__(self, dataset: DataSet) -> None:
        """Keep the videos."""
        super().__init__("mediapipe", "mediapipe-holistic")
        self.joints = HOLISTIC
        self._files = {clip.id: path for clip in dataset.available() if (path := dataset.files.path(clip.id))}

    def ids(self) -> Collection[str]:
        """Return the ids that have a video."""
        return self._files.keys()

    def read(self, clip: Clip) -> Landmarks:
        """Find a clip's landmarks, alone."""
        from utils.progress import Silent  # noqa: PLC0415 - here alone

        for _, outcome in self.outcomes([clip], 1, Silent()):
            if isinstance(outcome, Landmarks):
                return outcome
            raise outcome
        raise LandmarkError("unreadable", "nothing came back")

    def stamp(self, clip: Clip) -> Stamp:
        """Return the size and date of a clip's video."""
        return stamp_of(self._files[clip.id])

    def digest(self, clip: Clip) -> str:
        """Return the digest of a clip's video."""
        return sha256(self._files[clip.id])[:32]

    def outcomes(self, clips: Iterable[Clip], workers: int, progress: Progress) -> Iterator[Outcome]:
        """Let MediaPipe look at the videos, several at once."""
        from wlasl.landmarks.extract import extract  # noqa: PLC0415 - brings MediaPipe's environment along

        found: Iterator[Outcome] = extract(
            [(clip, self._files[clip.id]) for clip in clips], workers, progress
        )
        return found


def open_source(dataset: DataSet, name: str) -> Source:
    """Open a source of landmarks for a data set.

    Args:
        dataset: whose clips.
        name: one of SOURCES, or the path of a file or folder.

    Raises:
        BenchError: no such source, nothing at its place, or a format that is not read.
    """
    if name == "mediapipe":
        return VideoSource(dataset)
    folder = dataset.root / "landmarks"
    if name == "true":
        return _true(dataset, folder)
    if name in SOURCES:
        return _named(dataset, name, folder)
    path = Path(name).expanduser()
    if path.exists():
        return open_path(path)
    if os.sep in name or path.suffix:
        raise BenchError(f"There is no file or folder {name} to read landmarks from.")
    lookup("source of landmarks", name, SOURCES)
    raise AssertionError


def _true(dataset: DataSet, folder: Path) -> Source:
    """Open the sample's own landmarks."""
    if dataset.subset.name != "sample":
        known = ", ".join(found for found in SOURCES if found != "true")
        raise BenchError(f"Only the sample has true landmarks. For {dataset.root}: {known}, or a path.")
    reader = partial(holistic_npz, source="true")
    source = FileSource("true", "true", folder, _files(folder, ".npz"), reader)
    source.joints = HOLISTIC
    return source


def _named(dataset: DataSet, name: str, folder: Path) -> Source:
    """Open one of the sources that lie beside the videos."""
    places = {"holistic": "holistic", "hands": "asl300_hands.npz", "pose-hands": "asl300_pose_hands_30.npz"}
    path = folder / places[name]
    if not path.exists():
        there = [known for known, place in places.items() if (folder / place).exists()]
        have = f"has {', '.join(there)}" if there else "has none"
        message = f"There are no landmarks {name!r} for {dataset.subset.name}: {path} is missing"
        more = "true" if dataset.subset.name == "sample" else "mediapipe"
        raise BenchError(f"{message} ({folder} {have}). Try --landmarks {more}, or give a path.")
    return open_path(path, name)


def open_path(path: Path, name: str = "") -> Source:
    """Open a file or folder, whatever is in it.

    Args:
        path: where it lies.
        name: its short name; made from the path's where it is empty.

    Raises:
        BenchError: it holds nothing that is read here.
    """
    name = name or re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("-._") or "landmarks"
    return _folder(path, name) if path.is_dir() else ArraySource(name, _array_file(path))


def _array_file(path: Path) -> ArrayFile:
    """Open a file of many clips."""
    import numpy as np  # noqa: PLC0415 - here alone

    if path.suffix == ".npz":
        try:
            with np.load(path, allow_pickle=False) as file:
                names = set(file.files)
        except (ValueError, OSError) as error:
            raise BenchError(f"{path} cannot be read ({error}).") from error
        if {"x", "video_id"} <= names:
            return HandsFile(path) if "lengths" in names else PoseHandsFile(path)
    raise BenchError(f"{path} holds no landmarks of a format that is read here.")


def _folder(folder: Path, name: str) -> Source:
    """Open a folder with a file for each clip."""
    readers: dict[str, tuple[str, Reader]] = {
        ".npz": ("mediapipe-holistic", holistic_npz),
        ".npy": ("mediapipe-holistic", holistic_npy),
    }
    for suffix, (kind, reader) in readers.items():
        if files := _files(folder, suffix):
            source = FileSource(name, kind, folder, files, reader)
            source.joints = HOLISTIC
            return source
    raise BenchError(f"{folder} holds no landmarks of a format that is read here.")


def _files(folder: Path, suffix: str) -> dict[str, Path]:
    """Return a folder's files of a kind, by the stem of their names."""
    if not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:
        found = sorted(entry.name for entry in entries if entry.name.endswith(suffix))
    return {name.removesuffix(suffix): folder / name for name in found if not name.startswith(".")}


def folder_digest(paths: Iterable[Path]) -> str:
    """Return 32 hexadecimal digits of the content of several files, in their order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:32]
