"""What a store of landmarks says of itself: the form of its clips, and the facts of each."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from utils.errors import BenchError
from utils.files import canonical, read_json, short_hash, write_whole
from wlasl.entries import DamagedError, Entry, layout, mapped
from wlasl.landmarks.form import Landmarks

MANIFEST = "manifest.json"
FORMAT = 1
"""Version of the files; a change makes every store a new one."""


class Form(NamedTuple):
    """What all clips of a store have in common: what found them, which joints, how many coordinates."""

    source: str
    joints: tuple[str, ...]
    dims: int

    @property
    def key(self) -> str:
        """Return 12 hexadecimal digits that name it."""
        return short_hash([self.source, list(self.joints), self.dims])


class Facts(NamedTuple):
    """What is known of one clip besides its points.

    Attributes:
        form: the key of its Form.
        frames: how many there are.
        read: how many its file holds, also those before and after the clip.
        fps: frames per second; None where nobody says.
        size: (width, height) of the video in pixels; None where nobody says.
        video: how many frames the video file's header promises; None where there is no file.
        digest: 32 hexadecimal digits of the content: points, fps and size.
    """

    form: str
    frames: int
    read: int
    fps: float | None
    size: tuple[int, int] | None
    video: int | None
    digest: str


@dataclass(frozen=True)
class Manifest:
    """What a store holds.

    Attributes:
        form: of all its clips.
        clips: the facts of each clip.
        shards: the names of the shards that count, the oldest first.
        skipped: clips whose landmarks are of no use: reason, detail, and the cut, size and date that failed.
        seen: files known to be copies of what was read: size and date per clip.
    """

    form: Form
    clips: Mapping[str, Facts] = field(default_factory=dict)
    shards: tuple[str, ...] = ()
    skipped: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seen: Mapping[str, Sequence[int]] = field(default_factory=dict)


def form_of(landmarks: Landmarks) -> Form:
    """Return what these landmarks have in common with others that may share a store."""
    return Form(landmarks.source, landmarks.joints, int(landmarks.points.shape[2]))


def packed(landmarks: Landmarks, read: int, video: int | None) -> tuple[Facts, list[bytes]]:
    """Return the facts and the pieces of an entry.

    Args:
        landmarks: a clip's, canonical and checked.
        read: how many frames its file holds.
        video: how many frames the header of its video promises; None where there is no video.
    """
    points = np.ascontiguousarray(landmarks.points, "<f4").tobytes()
    numbers = canonical([landmarks.fps, landmarks.size, list(landmarks.points.shape)])
    digest = hashlib.sha256(numbers + points).hexdigest()[:32]
    frames, key = len(landmarks.points), form_of(landmarks).key
    facts = Facts(key, frames, read, landmarks.fps, landmarks.size, video, digest)
    return facts, [canonical([form_of(landmarks), facts]), points]


def facts_of(row: Sequence[Any]) -> Facts:
    """Return facts that were read from JSON.

    Raises:
        TypeError: they are none.
    """
    form, frames, read, fps, size, video, digest = row
    return Facts(form, frames, read, fps, None if size is None else (size[0], size[1]), video, digest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put the manifest in place, in one step; a clip is a line."""
    found = {"format": FORMAT, **asdict(manifest)}
    write_whole(folder / MANIFEST, lambda file: file.write(_lines(found).encode()))


def _lines(found: Mapping[str, Any]) -> str:
    """Write JSON with a line per field, and within the long ones a line per clip."""
    fields = []
    for name, value in sorted(found.items()):
        if isinstance(value, dict):
            rows = ",\n".join(f"  {json.dumps(key)}: {json.dumps(row)}" for key, row in sorted(value.items()))
            text = f"{{\n{rows}\n }}" if rows else "{}"
        else:
            text = json.dumps(value)
        fields.append(f" {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(fields) + "\n}\n"


def read_manifest(folder: Path) -> Manifest:
    """Read a store's manifest.

    Raises:
        BenchError: there is none, or it is not one of this version.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise BenchError(f"{folder} holds no finished landmarks: run `bench prepare --landmarks` first.")
    found = read_json(path)
    again = f"delete {folder} and run `bench prepare --landmarks` again."
    try:
        if found.pop("format") != FORMAT:
            raise BenchError(f"{folder} was written by another version: {again}")
        source, joints, dims = found["form"]
        clips = {name: facts_of(row) for name, row in found["clips"].items()}
        form = Form(source, tuple(joints), int(dims))
        return Manifest(form, clips, tuple(found["shards"]), found["skipped"], found["seen"])
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise BenchError(f"{path} is not a store's manifest ({error}): {again}") from error


def entry_facts(shard: Path, entry: Entry) -> tuple[Form, Facts] | None:
    """Return what an entry itself says of its clip; None where it is no landmarks' or is damaged."""
    data = mapped(shard)
    try:
        found = layout(data, entry.offset)
        start, nbytes, check = int(found.starts[0]), int(found.sizes[0]), int(found.checks[0])
        piece = bytes(data[start : start + nbytes])
        (source, joints, dims), facts = json.loads(piece)
        same = zlib.crc32(piece) == check
        return (Form(source, tuple(joints), dims), facts_of(facts)) if same else None
    except (DamagedError, IndexError, TypeError, ValueError):
        return None
