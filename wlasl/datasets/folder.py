"""Any folder of class folders: `train/`, `val/` and `test/` with a folder per gloss each, or glosses alone.

Where there are no parts, ours are dealt gloss by gloss in the order of a hash of each clip's name: the same
on every machine, about 70 % train, 15 % val and 15 % test. A clip that comes or goes may move one other of
its gloss; who wants parts that stay makes the three folders.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.errors import BenchError
from wlasl.clips import PARTS, Clip, Part, Subset
from wlasl.datasets.form import Found, Kind, listed, revision, safe_ids
from wlasl.datasets.videos import videos_under
from wlasl.root import VIDEO_SUFFIXES

NAME = "folder"
_CALLED: dict[str, Part] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What the folder of a part is called."""
_SHARE = 0.15
"""Of val and of test each, where parts are dealt here."""
_FEW = 3
"""Clips that a gloss needs at least to be in all three parts."""


@dataclass(frozen=True)
class _Video:
    """A video in a gloss's folder.

    Attributes:
        path: its file.
        gloss: the folder's name.
        name: its path in there without suffix, with `/`.
        part: where its folder says it; None where it is to be dealt.
    """

    path: Path
    gloss: str
    name: str
    part: Part | None = None

    @property
    def key(self) -> str:
        """Return what it is told by: part, gloss and name."""
        return ".".join(([self.part] if self.part else []) + [self.gloss, self.name.replace("/", ".")])


def read(root: Path) -> Found:
    """Read a folder of class folders.

    Raises:
        BenchError: it holds no videos in such folders, or only some of the parts.
    """
    parts = _parts(root)
    folders: list[tuple[Path, Part | None]] = [(parts[part], part) for part in parts] or [(root, None)]
    kept: dict[str, _Video] = {}
    strays: list[Path] = []
    for folder, part in folders:
        for path in sorted(videos_under(folder), key=_rank):
            inside = path.relative_to(folder).with_suffix("").parts
            video = _Video(path, inside[0], "/".join(inside[1:]), part)
            if len(inside) == 1 or kept.setdefault(video.key, video) is not video:
                strays.append(path)
    if not kept:
        raise BenchError(f"{root} holds no videos in class folders. {KIND.needs}")
    glosses = {video.gloss for video in kept.values()}
    if len(glosses) == 1:
        raise BenchError(
            f"{root} holds one gloss alone, {glosses.pop()!r}. Where its folders lie deeper, give the"
            " folder that they lie in."
        )
    subset, files = _subset(sorted(kept.values(), key=lambda video: video.key), parted=bool(parts))
    return Found(subset, root, files, tuple(strays))


def _subset(videos: Sequence[_Video], *, parted: bool) -> tuple[Subset, dict[str, Path]]:
    """Return the clips of videos, labelled in the order of their glosses, and their files."""
    glosses = tuple(sorted({video.gloss for video in videos}))
    labels = {gloss: label for label, gloss in enumerate(glosses)}
    dealt = {} if parted else dealt_parts((video.gloss, video.name) for video in videos)
    ids = safe_ids(video.key for video in videos)
    clips, files = [], {}
    for video in videos:
        part = video.part or dealt[video.gloss, video.name]
        clips.append(Clip(ids[video.key], video.gloss, labels[video.gloss], part, fps=0.0))
        files[ids[video.key]] = video.path
    how = "its folders" if parted else "dealt by a hash of each clip's name, gloss by gloss (70/15/15 %)"
    found = tuple(clips)
    return Subset(NAME, glosses, found, revision(NAME, glosses, found), {f"parts: {how}": ()}), files


def dealt_parts(names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Part]:
    """Return the part of each clip (gloss, name): a gloss's clips are dealt in the order of their hashes.

    Of n clips, 15 % are test and 15 % val, rounded, and at least one each where there are three; of two, one
    is test; a single one is train.
    """
    of_gloss: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for gloss, name in names:
        of_gloss[gloss].append((gloss, name))
    parts: dict[tuple[str, str], Part] = {}
    for group in of_gloss.values():
        many = max(1, round(_SHARE * len(group)))
        test = many if len(group) > 1 else 0
        val = many if len(group) >= _FEW else 0
        for place, key in enumerate(sorted(group, key=_hash)):
            parts[key] = "test" if place < test else "val" if place < test + val else "train"
    return parts


def _hash(key: tuple[str, str]) -> str:
    """Return what a gloss's clips are ordered by: no one can have chosen it."""
    return hashlib.sha256("/".join(key).encode("utf-8", "surrogateescape")).hexdigest()


def _parts(root: Path) -> dict[Part, Path]:
    """Return the folder of each part; none where the folders are glosses.

    A gloss may be called train: only folders of folders are parts.
    """
    found: dict[Part, Path] = {}
    for path in sorted(path for path in root.iterdir() if path.is_dir()):
        part = _CALLED.get(path.name.lower())
        if part is None or not any(inner.is_dir() for inner in path.iterdir()):
            continue
        if part in found:
            raise BenchError(f"{root} has two folders for {part}: {found[part].name} and {path.name}.")
        found[part] = path
    lacking = [part for part in ("train", "test") if part not in found]
    if found and lacking:
        raise BenchError(
            f"{root} has the parts {listed(found)}, and no folder {listed(lacking)}. {KIND.needs}"
        )
    return {part: found[part] for part in PARTS if part in found}


def _rank(path: Path) -> tuple[Path, int]:
    """Return what videos are sorted by: of two of one name, the preferred kind of file first."""
    return path.with_suffix(""), VIDEO_SUFFIXES.index(path.suffix.lower())


KIND = Kind(
    name=NAME,
    title="a folder of class folders",
    variable="FOLDER_ROOT",
    read=read,
    official=False,
    parts="its own folders, or dealt here",
    needs="It holds train/, val/ and test/ with a folder of videos per gloss in each, or glosses alone.",
)
