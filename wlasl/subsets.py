"""`--split`: from its name to the clips it has, the folder they lie in, and the files at hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from utils.errors import BenchError
from utils.files import short_hash
from utils.names import lookup
from utils.progress import Progress
from wlasl.clips import Clip, Subset
from wlasl.datasets.kinds import KINDS, kind_of
from wlasl.datasets.revised import relabelled
from wlasl.metadata import INSTANCES, read_subset
from wlasl.root import VideoFiles, find_metadata, find_root, project_folder

OFFICIAL = ("100", "300", "1000", "2000")
"""WLASL's subsets by their number of glosses."""
SPLITS = (*OFFICIAL, "sample", *KINDS)
"""What `--split` takes: WLASL's subsets, the sample, and other data sets.

Besides, `2000-w1573` is WLASL2000 with other labels, and `folder-NAME` one folder of several.
"""

_OFFICIAL = tuple(f"nslt_{split}.json" for split in OFFICIAL)


@dataclass(frozen=True)
class DataSet:
    """A subset and the files of it that this machine has."""

    subset: Subset
    root: Path
    files: VideoFiles

    @property
    def family(self) -> str:
        """Return the name that subsets share whose ids mean the same clips; it names their stores."""
        found = family(self.subset.name)
        return f"{found}-{_slug(self.root.resolve().name)}" if found == "folder" else found

    def available(self) -> tuple[Clip, ...]:
        """Return the clips that have a file, readable or not, in the metadata's order."""
        return tuple(clip for clip in self.subset.clips if self.files.path(clip.id))


def family(split: str) -> str:
    """Return the data set that a subset is of: wlasl for all of WLASL's, relabelled or not."""
    return "wlasl" if split.partition("-")[0] in OFFICIAL else split


def language(split: str) -> str:
    """Return the sign language of a data set by its ISO 639-3 code; empty where nobody knows (a folder)."""
    if split == "sample":
        return "sample"  # drawn, not signed
    kind = kind_of(split)
    return "ase" if kind is None else kind.language


def _slug(name: str) -> str:
    """Return a folder's name as part of a store's."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40] or short_hash(name, 8)


def load(split: str, data: Path | None = None, progress: Progress | None = None) -> DataSet:
    """Read a subset and list its files; the sample is drawn first where it is not there yet.

    Args:
        split: one of SPLITS, or one of WLASL's with other labels, such as 2000-w1573.
        data: the data set's folder; None for WLASL_ROOT, else data/wlasl (data/sample for the sample; other
            data sets have variables of their own).
        progress: hears of the sample's drawing; None for nobody.

    Raises:
        BenchError: no such subset, no data set there, or metadata that is not WLASL's.
    """
    base, _, labels = split.partition("-")
    if base in OFFICIAL and labels:
        root = find_root(data)
        whole = _official(root, "2000")
        subset = relabelled(whole, whole if base == "2000" else _official(root, base), labels, root)
        return DataSet(subset, root, VideoFiles.of(root, subset.clips))
    kind = kind_of(split)
    if kind is not None:
        found = kind.read(kind.root(data, split.removeprefix(f"{kind.name}-")))
        subset = replace(found.subset, name=split)
        return DataSet(subset, found.root, VideoFiles(found.files, {}, found.strays))
    lookup("split", split, dict.fromkeys(SPLITS))
    if split == "sample":
        root = _sample_root(data, progress)
        subset = read_subset(root, _sample_nslt(root), split)
    else:
        root = find_root(data)
        subset = _official(root, split)
    return DataSet(subset, root, VideoFiles.of(root, subset.clips))


def _official(root: Path, split: str) -> Subset:
    """Read WLASL's own subset of so many glosses."""
    instances = find_metadata(root, INSTANCES)
    folder = instances.parent if instances else root
    return read_subset(folder, find_metadata(root, f"nslt_{split}.json"), split, classes=int(split))


def _sample_root(data: Path | None, progress: Progress | None) -> Path:
    """Return the sample's folder, with the sample in it; a folder of another data set is left alone."""
    folder = project_folder() / "data" / "sample" if data is None else data.expanduser()
    if find_metadata(folder, INSTANCES) and any(find_metadata(folder, name) for name in _OFFICIAL):
        raise BenchError(f"{folder} holds WLASL. Leave --data away for the sample, or give another folder.")
    from wlasl.sample import ensure  # noqa: PLC0415 - drawing videos needs heavy packages

    return ensure(folder, progress=_told(progress))


def _told(progress: Progress | None) -> Callable[[int, int], None] | None:
    """Return what the drawing of the sample is to call after each clip."""
    if progress is None:
        return None

    def drawn(done: int, total: int) -> None:
        """Move the bar, and show it first."""
        if done == 1:
            progress.begin("drawing the sample", total)
        progress.advance()
        if done == total:
            progress.end(f"{total} clips")

    return drawn


def _sample_nslt(root: Path) -> Path:
    """Return the sample's one nslt file."""
    files = list(root.glob("nslt_*.json"))
    if len(files) != 1:
        raise BenchError(
            f"{root} is not a sample: it holds {len(files)} nslt files. Delete it; it is drawn again."
        )
    return files[0]
