"""Where the data set lies, and which of its clips have a file on this disk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from utils.errors import BenchError
from wlasl.clips import Clip
from wlasl.metadata import INSTANCES

METADATA_FOLDERS = (".", "start_kit", "code/I3D/preprocess")
"""Where metadata lies under a root: beside the videos, or as in WLASL's own repository."""
VIDEO_FOLDERS = (
    "videos",
    "raw_videos_mp4",
    "raw_videos",
    "start_kit/videos",
    "start_kit/raw_videos_mp4",
    "start_kit/raw_videos",
    ".",
)
"""Where videos lie under a root, the preferred first: cut files before whole ones."""
VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".flv", ".swf")
"""What a video's name ends with, the preferred first."""

_YOUTUBE = re.compile(r"(?:youtu\.be/|youtube\.com/(?:watch\?(?:.*&)?v=|embed/|v/))([A-Za-z0-9_-]{11})")


def project_folder() -> Path:
    """Return the working copy's folder, the parent of `wlasl/`."""
    return Path(__file__).resolve().parent.parent


def default_root() -> Path:
    """Return where the data set is expected when nobody says: WLASL_ROOT, else data/wlasl."""
    told = os.environ.get("WLASL_ROOT")
    return Path(told).expanduser() if told else project_folder() / "data" / "wlasl"


def find_root(data: Path | None) -> Path:
    """Return the folder that holds the data set: `data`, else WLASL_ROOT, else data/wlasl.

    Raises:
        BenchError: there is no such folder, or it holds no metadata; the sentence says how to get it.
    """
    root = default_root() if data is None else data.expanduser()
    if find_metadata(root, INSTANCES):
        return root
    if find_metadata(root.parent, INSTANCES) and root.is_dir():
        raise BenchError(f"{root} is a part of a data set; give its parent: --data {root.parent}")
    what = f"{root} holds no {INSTANCES}" if root.is_dir() else f"There is no folder {root}"
    raise BenchError(
        f"{what}. Bring a copy of WLASL in with `bench data import PATH` (a folder or a zip), "
        "or say where it is with --data DIR or WLASL_ROOT. `--split sample` needs no data set."
    )


def find_metadata(root: Path, name: str) -> Path | None:
    """Return the path of a metadata file under a root, or None."""
    candidates = (root / folder / name for folder in METADATA_FOLDERS)
    return next((path for path in candidates if path.is_file()), None)


def youtube_name(url: str) -> str | None:
    """Return YouTube's name of the video at a url, or None for another site's."""
    match = _YOUTUBE.search(url)
    return match[1] if match else None


@dataclass(frozen=True)
class VideoFiles:
    """The video files of one root, found once by listing its folders.

    Attributes:
        found: the path of each file, by the stem of its name.
        aliases: the YouTube name of a clip, under which WLASL's own downloader keeps whole videos.
        strays: videos that belong to no clip, where somebody looked for them.
    """

    found: Mapping[str, Path]
    aliases: Mapping[str, str]
    strays: tuple[Path, ...] = ()

    @classmethod
    def of(cls, root: Path, clips: Iterable[Clip] = ()) -> VideoFiles:
        """List the folders of a root in which videos lie."""
        aliases = {clip.id: name for clip in clips if (name := youtube_name(clip.url))}
        return cls(_listed(root), aliases)

    def path(self, clip_id: str) -> Path | None:
        """Return the file of a clip, or None where there is none."""
        return self.found.get(clip_id) or self.found.get(self.aliases.get(clip_id, ""))


def _listed(root: Path) -> dict[str, Path]:
    """Return the preferred video file of each stem under a root; for want of one, what else has that name."""
    found: dict[str, Path] = {}
    others: dict[str, Path] = {}
    for folder in VIDEO_FOLDERS:
        entries = _videos_in(root / folder)
        for path, is_file in sorted(entries, key=lambda one: VIDEO_SUFFIXES.index(one[0].suffix.lower())):
            (found if is_file else others).setdefault(path.stem, path)
    return {**others, **found}


def _videos_in(folder: Path) -> Iterator[tuple[Path, bool]]:
    """List what in a folder is named as videos are, and whether it is a file.

    A folder that is not there has nothing, and a link that leads nowhere, or round in a circle, is nothing.
    """
    if not folder.is_dir():
        return
    try:
        with os.scandir(folder) as entries:
            named = [e for e in entries if e.name.lower().endswith(VIDEO_SUFFIXES) and e.name[0] != "."]
    except OSError as error:
        raise BenchError(f"Cannot list {folder}: {error.strerror}.") from error
    for entry in sorted(named, key=lambda one: one.name):
        is_file = entry.is_file(follow_symlinks=False) or os.path.isfile(entry.path)
        if is_file or os.path.exists(entry.path):
            yield folder / entry.name, is_file
