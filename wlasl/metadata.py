"""Readers of WLASL's two kinds of metadata, joined into one subset of clips.

`WLASL_v0.3.json` lists glosses and, under each, its instances: url, signer, box, frames and part.
`nslt_N.json` fixes which clips the first N glosses have, their class, their part and their length, which it
counts at 25 frames per second (files are commonly of 24 to 30). It lists a few clips that the other does
not: `Subset.notes` names them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from utils.errors import BenchError
from utils.files import short_hash
from utils.names import is_safe_id
from wlasl.clips import PARTS, Clip, Part, Subset
from wlasl.fields import Fields, brief, strict_json

INSTANCES = "WLASL_v0.3.json"
"""The file of all instances; a folder that holds it is a root."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What nslt says of one clip.

    Attributes:
        label: its class.
        part: train, val or test.
        frames: its length in frames at 25 per second; None where no nslt file was read.
    """

    label: int
    part: Part
    frames: int | None


@dataclass(frozen=True)
class Instances:
    """What WLASL_v0.3.json holds: the glosses in class order, and every instance by clip id."""

    path: Path
    glosses: tuple[str, ...]
    clips: Mapping[str, Clip]


def read_subset(folder: Path, nslt: Path | None, name: str, *, classes: int | None = None) -> Subset:
    """Join the two metadata files into the subset called `name`.

    Clips come in the order of WLASL_v0.3.json, then those that only nslt lists. Classes are nslt's, which are
    the positions of the glosses in WLASL_v0.3.json.

    Args:
        folder: the root, which holds WLASL_v0.3.json.
        nslt: the nslt file; None takes every instance of the first glosses.
        name: the subset's name, such as 100.
        classes: how many glosses the subset has; None for as many as its files list.

    Raises:
        BenchError: a file is missing, is not JSON, or holds what WLASL's never do; the sentence says where.
    """
    instances = read_instances(folder / INSTANCES)
    count = classes or len(instances.glosses)
    entries = _first(instances, count) if nslt is None else read_nslt(nslt)
    _agree(nslt or instances.path, entries, instances, count)
    glosses = instances.glosses[:count]
    known = [
        replace(clip, label=entry.label, part=entry.part, frames=entry.frames)
        for clip in instances.clips.values()
        if (entry := entries.get(clip.id))
    ]
    clips = (*known, *_alone(entries, instances, glosses))
    left_out = [clip.id for clip in instances.clips.values() if clip.label < count and clip.id not in entries]
    notes = _notes(nslt, [clip.id for clip in clips[len(known) :]], left_out)
    return Subset(name, glosses, clips, _revision(glosses, clips), notes)


def read_instances(path: Path, text: bytes | None = None) -> Instances:
    """Read WLASL_v0.3.json.

    Args:
        path: the file.
        text: what the file holds, where it has been read already.

    Raises:
        BenchError: the file is missing or malformed, or an id is unsafe or appears twice.
    """
    entries = strict_json(path, text)
    if not isinstance(entries, list):
        raise BenchError(f"{path} is not WLASL's: it should be a list of glosses, each with its instances.")
    glosses: dict[str, int] = {}
    clips: dict[str, Clip] = {}
    for label, entry in enumerate(entries):
        fields = Fields(entry, f"{path}, gloss {label}")
        gloss = fields.text("gloss")
        if glosses.setdefault(gloss, label) != label:
            raise BenchError(f"{fields.where}: the gloss {gloss!r} appears twice.")
        _add(clips, fields, gloss, label)
    return Instances(path, tuple(glosses), clips)


def _add(clips: dict[str, Clip], fields: Fields, gloss: str, label: int) -> None:
    """Add the instances of one gloss, each id once."""
    for position, instance in enumerate(fields.items("instances")):
        where = f"{fields.where} ({gloss!r}), instance {position}"
        clip = _clip(Fields(instance, where), gloss, label)
        if clip.id in clips:
            raise BenchError(f"{where}: the video_id {clip.id!r} appears twice.")
        clips[clip.id] = clip


def _clip(fields: Fields, gloss: str, label: int) -> Clip:
    """Check one instance and make it a clip."""
    start, end = fields.whole("frame_start"), fields.whole("frame_end")
    if start < 1 or (end != -1 and end < start):
        raise BenchError(
            f"{fields.where}: frames {start} to {end} are no range (they count from 1, and -1 is to the end)."
        )
    return Clip(
        id=_safe(fields.text("video_id"), fields.where),
        gloss=gloss,
        label=label,
        part=cast("Part", fields.one_of("split", PARTS)),
        signer=fields.whole_or_none("signer_id"),
        frame_start=start,
        frame_end=end,
        box=_box(fields),
        fps=fields.number("fps", 25),
        url=fields.text("url", ""),
        source=fields.text("source", ""),
    )


def _box(fields: Fields) -> tuple[int, int, int, int] | None:
    """Check a signer's box, in pixels, where there is one."""
    if not fields.has("bbox"):
        return None
    left, top, right, bottom = fields.wholes("bbox", ("xmin", "ymin", "xmax", "ymax"))
    if left >= right or top >= bottom:
        raise BenchError(
            f"{fields.where}: 'bbox' {[left, top, right, bottom]} is empty (xmin, ymin, xmax, ymax)."
        )
    return left, top, right, bottom


def read_nslt(path: Path, text: bytes | None = None) -> dict[str, Entry]:
    """Read an nslt file by clip id.

    Its `action` is [class, first frame, last frame]; most clips begin at 1, some (northtexas) far later.

    Args:
        path: the file.
        text: what the file holds, where it has been read already.

    Raises:
        BenchError: the file is missing or malformed, or an id is unsafe or appears twice.
    """
    entries = strict_json(path, text)
    if not isinstance(entries, dict) or not entries:
        raise BenchError(f"{path} is not an nslt file: it should map each video_id to its subset and action.")
    return {
        _safe(id_, str(path)): _entry(Fields(entry, f"{path}, clip {id_}")) for id_, entry in entries.items()
    }


def _entry(fields: Fields) -> Entry:
    """Check one clip of an nslt file."""
    label, first, last = fields.wholes("action", ("class", "first frame", "last frame"))
    if label < 0 or first < 1 or last < first:
        raise BenchError(f"{fields.where}: 'action' has a negative class or ends before it begins.")
    return Entry(label, cast("Part", fields.one_of("subset", PARTS)), last - first + 1)


def _safe(id_: str, where: str) -> str:
    """Return a clip id, which must be fit to be part of a file's name."""
    if not is_safe_id(id_):
        raise BenchError(
            f"{where}: {brief(id_)} cannot be a video_id, for it would become part of a file's name."
        )
    return id_


def _first(instances: Instances, count: int) -> dict[str, Entry]:
    """Take every instance of the first glosses, for want of an nslt file."""
    wanted = (clip for clip in instances.clips.values() if clip.label < count)
    return {clip.id: Entry(clip.label, clip.part, None) for clip in wanted}


def _agree(path: Path, entries: Mapping[str, Entry], instances: Instances, count: int) -> None:
    """Refuse two files that do not belong together: other glosses, or another order of them."""
    if len(instances.glosses) < count:
        raise BenchError(
            f"{instances.path} lists {len(instances.glosses)} glosses; this subset needs {count}."
        )
    for id_, entry in entries.items():
        clip = instances.clips.get(id_)
        if entry.label >= count or (clip and clip.label != entry.label):
            other = f"class {clip.label} ({clip.gloss!r})" if clip else f"at most class {count - 1}"
            raise BenchError(
                f"{path} puts clip {id_} into class {entry.label}, {instances.path} into {other}: "
                "the two files do not belong together. Take both from one copy of WLASL."
            )


def _alone(entries: Mapping[str, Entry], instances: Instances, glosses: Sequence[str]) -> Iterable[Clip]:
    """Make clips of those that only nslt lists: no url, no signer, no box; the whole file is the clip."""
    for id_, entry in entries.items():
        if id_ not in instances.clips:
            yield Clip(id_, glosses[entry.label], entry.label, entry.part, frames=entry.frames)


def _notes(
    nslt: Path | None, alone: Collection[str], left_out: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Say where the two files differ."""
    if nslt is None:
        return {f"no nslt file: the clips are {INSTANCES}'s, without lengths": ()}
    notes = {
        f"only in {nslt.name} (no signer, no box, no url)": tuple(sorted(alone)),
        f"only in {INSTANCES} (left out)": tuple(sorted(left_out)),
    }
    return {text: ids for text, ids in notes.items() if ids}


def _revision(glosses: Sequence[str], clips: Sequence[Clip]) -> str:
    """Return the fingerprint of all that shapes a clip, whatever the files' spacing and order."""
    rows = [
        [c.id, c.label, c.part, c.signer, c.frame_start, c.frame_end, c.frames, c.box]
        for c in sorted(clips, key=lambda clip: clip.id)
    ]
    return short_hash([list(glosses), rows], 16)
