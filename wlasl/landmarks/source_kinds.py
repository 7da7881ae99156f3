"""What a source of landmarks can do, whatever its format: name its clips, read one, tell of changed files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from utils.files import sha256, short_hash
from utils.progress import Progress, Silent
from wlasl.clips import Clip
from wlasl.landmarks.form import LandmarkError, Landmarks
from wlasl.landmarks.joints import HOLISTIC
from wlasl.subsets import DataSet
from wlasl.survey import Stamp, stamp_of

Outcome = tuple[Clip, Landmarks | LandmarkError]
Outcomes = Generator[Outcome, None, None]
Reader = Callable[[Path, Clip], Landmarks]

VERSION = 6
"""Raised when a reader gives other points for the same file: stores are then made anew."""


class Source:
    """Landmarks of a data set's clips.

    Args:
        name: a short name, for the recipe and the table.
        kind: what found the landmarks, such as mediapipe-holistic: a column of the table.
        where: the file or folder, for people.

    Attributes:
        joints: the names of the joints, where they are known before anything is read; else None.
        notes: what a reader should know of every clip.
        whole: whether all frames of a file are there, so that the clip's first and last can be found.
        videos: whether frames are counted in the very videos, so that nothing is to be compared.
        named: whether its name says all; else the place is part of the key.
    """

    whole = True
    videos = False
    named = False

    def __init__(self, name: str, kind: str, where: str = "") -> None:
        """Keep the names."""
        self.name, self.kind, self.where = name, kind, where
        self.joints: tuple[str, ...] | None = None
        self.notes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return 8 hexadecimal digits: two sources that share them share a store."""
        return short_hash([VERSION, self.name, "" if self.named else self.where], 8)

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

    def outcomes(self, clips: Iterable[Clip], workers: int, progress: Progress) -> Outcomes:
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


class ManyClips(Protocol):
    """One or several files of many clips, open for reading."""

    kind: str
    joints: tuple[str, ...]
    notes: tuple[str, ...]
    whole: bool
    paths: tuple[Path, ...]

    def ids(self) -> tuple[str, ...]:
        """Return the ids of their clips."""
        ...

    def place(self, clip: Clip) -> str:
        """Return where in the files a clip lies, as far as its id does not say."""
        ...

    def read(self, clip: Clip) -> Landmarks:
        """Return a clip's landmarks."""
        ...


class ManySource(Source):
    """Files of many clips; when one changes, all clips are read again.

    Args:
        name: a short name.
        where: the file or folder.
        files: the open files.
    """

    def __init__(self, name: str, where: Path, files: ManyClips) -> None:
        """Keep the files."""
        super().__init__(name, files.kind, str(where.resolve()))
        self.joints, self.notes, self.whole = files.joints, files.notes, files.whole
        self._files, self._digest = files, ""
        stamps = [stamp_of(path) for path in files.paths]
        self._stamp = sum(size for size, _ in stamps), max(date for _, date in stamps)

    def ids(self) -> Collection[str]:
        """Return the ids that the files hold."""
        return self._files.ids()

    def read(self, clip: Clip) -> Landmarks:
        """Read a clip out of the files."""
        return self._files.read(clip)

    def stamp(self, clip: Clip) -> Stamp:
        """Return the size and date of the files."""
        del clip
        return self._stamp

    def digest(self, clip: Clip) -> str:
        """Return the digest of the files."""
        del clip
        self._digest = self._digest or folder_digest(self._files.paths)
        return self._digest

    def cut(self, clip: Clip) -> str:
        """Return which frames of which row are a clip."""
        return f"{super().cut(clip)} {self._files.place(clip)}".strip()


class FrameSource(FileSource):
    """A folder of frames for each clip.

    A clip's stamp is that of the folder and of its first and last file: a tool that writes anew touches them.
    """

    def stamp(self, clip: Clip) -> Stamp:
        """Return the sizes and the latest date of a clip's folder, its first and its last file."""
        folder = self._files[clip.id]
        names = sorted(os.listdir(folder))
        paths = [folder, *(folder / name for name in {*names[:1], *names[-1:]})]
        stamps = [stamp_of(path) for path in paths]
        return sum(size for size, _ in stamps) + len(names), max(date for _, date in stamps)

    def digest(self, clip: Clip) -> str:
        """Return the digest of all files in a clip's folder."""
        return folder_digest(sorted(path for path in self._files[clip.id].iterdir() if path.is_file()))


_EXTRACTION = 1
"""Raised when the same video gives other landmarks."""


class VideoSource(Source):
    """Landmarks that are found in the videos themselves, by MediaPipe.

    Args:
        dataset: whose videos.
    """

    # Frames outside the clip are not even looked at.
    whole = False
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

    def cut(self, clip: Clip) -> str:
        """Return which frames of the video were looked at."""
        return f"{clip.frame_start}..{clip.frame_end}"

    @property
    def key(self) -> str:
        """Return 8 hexadecimal digits: readers of files that change do not undo hours of work."""
        return short_hash([_EXTRACTION, self.name], 8)

    def outcomes(self, clips: Iterable[Clip], workers: int, progress: Progress) -> Outcomes:
        """Let MediaPipe look at the videos, several at once."""
        from wlasl.landmarks.extract import extract  # noqa: PLC0415 - brings MediaPipe's environment along

        found: Outcomes = extract([(clip, self._files[clip.id]) for clip in clips], workers, progress)
        return found


def folder_digest(paths: Iterable[Path]) -> str:
    """Return 32 hexadecimal digits of the content of several files, in their order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name} {sha256(path)}\n".encode())
    return digest.hexdigest()[:32]
