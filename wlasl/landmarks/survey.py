"""What a store holds already of a data set's landmarks, and what is left to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from utils.errors import BenchError
from wlasl.clips import Clip
from wlasl.entries import Entry
from wlasl.landmarks.manifest import MANIFEST, Form, Manifest, entry_facts, read_manifest
from wlasl.landmarks.source_kinds import Source
from wlasl.shards import index_path, latest, shards
from wlasl.subsets import DataSet
from wlasl.survey import Stamp, Survey

Entries = Mapping[str, tuple[Path, Entry]]
"""The shard and the entry of each clip."""


@dataclass(frozen=True)
class State:
    """A store, and how a data set compares with it."""

    manifest: Manifest
    entries: Entries
    survey: Survey


def finished(folder: Path, dataset: DataSet, source: Source) -> State | None:
    """Return a store in which nothing is left to do, without writing anything; else None."""
    if not (folder / MANIFEST).exists():
        return None
    try:
        manifest = read_manifest(folder)
        entries = latest(folder, manifest.shards)
    except BenchError:
        return None
    survey = look(dataset, source, manifest, entries)
    known = all(manifest.seen.get(name) == list(stamp) for name, stamp in survey.seen.items())
    return State(manifest, entries, survey) if known and not survey.todo else None


def recovered(folder: Path, usual: Form) -> Manifest:
    """Return the manifest with all whole entries in it, also those of a writer that was killed.

    Args:
        folder: the store's.
        usual: the form of its clips, where neither manifest nor entries say.
    """
    names = tuple(shard.name for shard in shards(folder) if index_path(shard).exists())
    try:
        old = read_manifest(folder)
    except BenchError:
        old = Manifest(usual)
    newer = {name: at for name, at in latest(folder, names).items() if at[0].name not in old.shards}
    found = {name: told for name, at in newer.items() if (told := entry_facts(*at))}
    forms = Counter(form for form, _ in found.values())
    form = old.form if old.clips or not forms else forms.most_common(1)[0][0]
    clips = {**old.clips, **{name: facts for name, (_, facts) in found.items()}}
    return replace(old, form=form, clips=clips, shards=names)


def look(dataset: DataSet, source: Source, manifest: Manifest, entries: Entries) -> Survey:
    """Compare the clips of a data set, as a source has them, with what a store holds."""
    survey, there = Survey(), set(source.ids())
    for clip in dataset.subset.clips:
        stamp = _stamp(source, clip) if clip.id in there else None
        entry = entries.get(clip.id)
        if stamp is None:
            survey.skipped[clip.id] = {"reason": "missing"}
        elif entry and _is_same(clip, source, stamp, entry[1], manifest):
            survey.ready.add(clip.id)
            if stamp != (entry[1].source.size, entry[1].source.mtime):
                survey.seen[clip.id] = stamp
        elif _failed_before(manifest.skipped.get(clip.id, {}), source.cut(clip), stamp):
            survey.skipped[clip.id] = manifest.skipped[clip.id]
        else:
            survey.todo.append(clip)
    return survey


def _stamp(source: Source, clip: Clip) -> Stamp | None:
    """Return the size and date of a clip's file; None where it is gone since its folder was listed."""
    try:
        return source.stamp(clip)
    except OSError:
        return None


def _is_same(clip: Clip, source: Source, stamp: Stamp, entry: Entry, manifest: Manifest) -> bool:
    """Say whether an entry counts, and holds a clip's landmarks as its file has them now."""
    facts = manifest.clips.get(clip.id)
    if facts is None or facts.form != manifest.form.key or entry.cut != source.cut(clip):
        return False
    if stamp == (entry.source.size, entry.source.mtime) or list(stamp) == manifest.seen.get(clip.id):
        return True
    return stamp[0] == entry.source.size and source.digest(clip) == entry.source.sha256


def _failed_before(skip: Mapping[str, Any], cut: str, stamp: Stamp) -> bool:
    """Say whether this very file was tried before, as this very clip."""
    return (skip.get("size"), skip.get("mtime"), skip.get("cut")) == (*stamp, cut)
