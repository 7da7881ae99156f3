"""What a store holds already of a data set, and what is left to do: files compared with entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils.errors import BenchError
from utils.files import sha256
from wlasl.clips import Clip
from wlasl.entries import Entry, Source
from wlasl.shards import latest
from wlasl.store import MANIFEST, Manifest, read_manifest
from wlasl.subsets import DataSet
from wlasl.video_faults import RULES

Stamp = tuple[int, int]
"""A file's size and the nanoseconds when it was last written."""
Cut = Callable[[Clip], str]
"""Says what of a video a clip is: an entry of another cut is out of date."""


@dataclass
class Survey:
    """What is at hand of a data set's clips.

    Attributes:
        ready: clips whose entry is up to date.
        todo: clips to decode.
        skipped: clips that cannot be decoded: reason, and for those with a file detail, cut, size and date.
        seen: size and date of files that are copies of what was prepared.
    """

    ready: set[str] = field(default_factory=set)
    todo: list[Clip] = field(default_factory=list)
    skipped: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    seen: dict[str, Stamp] = field(default_factory=dict)


def cut_of(clip: Clip) -> str:
    """Return what of a video a clip is, as the metadata says: an entry of another cut is out of date."""
    return f"{clip.frame_start}..{clip.frame_end} {list(clip.box) if clip.box else None}"


def stamp_of(path: Path) -> Stamp:
    """Return a file's size and date."""
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def look(dataset: DataSet, entries: Mapping[str, Entry], manifest: Manifest, cut: Cut = cut_of) -> Survey:
    """Compare a data set's files with what a store holds."""
    survey = Survey()
    for clip in dataset.subset.clips:
        path = dataset.files.path(clip.id)
        if path is None or not path.exists():
            survey.skipped[clip.id] = {"reason": "missing"}
            continue
        stamp, entry = stamp_of(path), entries.get(clip.id)
        if entry and entry.cut == cut(clip) and _same(entry.source, path, manifest.seen.get(clip.id)):
            survey.ready.add(clip.id)
            if stamp != (entry.source.size, entry.source.mtime):
                survey.seen[clip.id] = stamp
        elif _failed_before(manifest.skipped.get(clip.id, {}), cut(clip), stamp):
            survey.skipped[clip.id] = manifest.skipped[clip.id]
        else:
            survey.todo.append(clip)
    return survey


def _same(source: Source, path: Path, seen: Sequence[int] | None) -> bool:
    """Say whether a file is the one that an entry came from: untouched since, or with the same content."""
    stamp = stamp_of(path)
    if stamp == (source.size, source.mtime) or (seen is not None and stamp == tuple(seen)):
        return True
    return stamp[0] == source.size and sha256(path)[:32] == source.sha256


def _failed_before(skip: Mapping[str, Any], cut: str, stamp: Stamp) -> bool:
    """Say whether this very file was tried before as this very clip, by the same rules."""
    if skip.get("rules") != RULES:
        return False
    return (skip.get("size"), skip.get("mtime"), skip.get("cut")) == (*stamp, cut)


def finished(folder: Path, dataset: DataSet, cut: Cut = cut_of) -> Survey | None:
    """Return the survey of a store in which nothing is left to do, without writing anything; else None."""
    if not (folder / MANIFEST).exists():
        return None
    try:
        manifest = read_manifest(folder)
        entries = latest(folder, manifest.shards)
    except BenchError:
        return None
    survey = look(dataset, {name: entry for name, (_, entry) in entries.items()}, manifest, cut)
    known = all(manifest.seen.get(name) == list(stamp) for name, stamp in survey.seen.items())
    return survey if known and not survey.todo else None
