"""The words of the field as types: a clip, a subset, its parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from utils.files import canonical

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled video of one sign.

    Attributes:
        id: WLASL's video_id, the stem of the file's name.
        gloss: the sign's written label.
        label: the class, 0-based, in the order of the subset's authors.
        part: train, val or test, as the subset's authors fixed it.
        signer: the signer's number; None where the metadata does not know it.
        frame_start: first frame, 1-based, in the video as published.
        frame_end: last frame, 1-based and inclusive; -1 means to the end.
        frames: how many frames the clip has by the metadata; None where it does not say.
        box: the signer's box in pixels of the video as published, (xmin, ymin, xmax, ymax); None for none.
        fps: frames per second by the metadata; 0 where it does not say.
        url: where the video was published.
        source: the site it was published on.
    """

    id: str
    gloss: str
    label: int
    part: Part
    signer: int | None = None
    frame_start: int = 1
    frame_end: int = -1
    frames: int | None = None
    box: tuple[int, int, int, int] | None = None
    fps: float = 25.0
    url: str = ""
    source: str = ""

    @property
    def recording(self) -> tuple[str, int, int]:
        """Return what copies of one recording share where the url is known: url, first and last frame."""
        return self.url, self.frame_start, self.frame_end


@dataclass(frozen=True, slots=True)
class Subset:
    """A named set of glosses and its clips, as its authors fixed them.

    Attributes:
        name: what `--split` takes: 100, 300, 1000, 2000 or sample.
        glosses: the classes, in label order.
        clips: every official clip, whether its video is at hand or not.
        revision: the fingerprint of the metadata that it was read from.
        notes: what a reader should know, such as ids that only one of two metadata files lists.
    """

    name: str
    glosses: tuple[str, ...]
    clips: tuple[Clip, ...]
    revision: str
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def part(self, part: Part) -> tuple[Clip, ...]:
        """Return the clips of one part, in the metadata's order."""
        return tuple(clip for clip in self.clips if clip.part == part)


def fingerprint(clips: Iterable[Clip], revision: str = "") -> str:
    """Return 16 hexadecimal digits that name these clips, labels and parts, whatever their order."""
    rows = sorted([clip.id, clip.label, clip.part] for clip in clips)
    return hashlib.sha256(canonical([revision, rows])).hexdigest()[:16]
