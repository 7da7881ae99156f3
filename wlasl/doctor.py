"""The health of a data set on this machine: what is missing, what is unreadable, what its metadata hides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from utils.threads import allotted_cores
from wlasl.audit import Audit, Count, Group, audit
from wlasl.clips import PARTS, Clip, Part
from wlasl.subsets import DataSet
from wlasl.video import Probe, VideoError, probe, trim
from wlasl.video_faults import MOST_FRAMES

SHORT = "fewer frames than the metadata says"
OUTSIDE = "the signer's box reaches outside the picture"
DAMAGED = "some frames are damaged"

_NSLT_FPS = 25
# Of 46 sound files the shortest plays 94 % of the time that nslt gives it; a frame is lost in rounding.
_LEAST_SHARE = 0.9

Track = Callable[[Sequence["Future[list[Finding]]"]], Iterable["Future[list[Finding]]"]]


@dataclass(frozen=True)
class Finding:
    """Something wrong with the file of a clip.

    Attributes:
        clip: the clip.
        path: its file.
        reason: why, in a few words that repeat from file to file.
        detail: what was seen in this file; may be empty.
        usable: whether the benchmark can use the file all the same.
    """

    clip: Clip
    path: Path
    reason: str
    detail: str
    usable: bool


@dataclass(frozen=True)
class Coverage:
    """How much of a part is here.

    Attributes:
        official: clips that the subset's authors list.
        at_hand: those that have a file.
        readable: those whose file can be used; equal to `at_hand` where no file was opened.
        glosses: how many glosses have a readable clip in this part.
    """

    official: int
    at_hand: int
    readable: int
    glosses: int


@dataclass(frozen=True)
class Health:
    """What the doctor found.

    Attributes:
        dataset: the data set that was examined.
        audit: what its metadata shows.
        findings: what is wrong with its files.
        opened: whether the files were opened at all.
    """

    dataset: DataSet
    audit: Audit
    findings: tuple[Finding, ...]
    opened: bool

    @property
    def missing(self) -> tuple[Clip, ...]:
        """Return the clips that have no file."""
        return tuple(clip for clip in self.dataset.subset.clips if not self.dataset.files.path(clip.id))

    @property
    def unreadable(self) -> tuple[Finding, ...]:
        """Return the files that cannot be used."""
        return tuple(finding for finding in self.findings if not finding.usable)

    @property
    def doubtful(self) -> tuple[Finding, ...]:
        """Return the files that can be used, and are not as the metadata says."""
        return tuple(finding for finding in self.findings if finding.usable)

    def coverage(self, part: Part) -> Coverage:
        """Say how much of a part is here."""
        broken = {finding.clip.id for finding in self.unreadable}
        clips = [clip for clip in self.dataset.available() if clip.part == part]
        readable = [clip for clip in clips if clip.id not in broken]
        glosses = len({clip.label for clip in readable})
        return Coverage(len(self.dataset.subset.part(part)), len(clips), len(readable), glosses)


def examine(dataset: DataSet, *, open_files: bool = True, track: Track = iter) -> Health:
    """Examine a data set: its metadata, which files are there, and (unless told not to) every one of them.

    Args:
        dataset: the data set.
        open_files: decode every file, on all cores of this job.
        track: passes the pending files through, for a progress bar.
    """
    findings = _open_all(dataset, track) if open_files else []
    return Health(dataset, audit(dataset.subset), tuple(findings), opened=open_files)


def _open_all(dataset: DataSet, track: Track) -> list[Finding]:
    """Decode every file once, however many clips are cut from it."""
    clips_of: dict[Path, list[Clip]] = defaultdict(list)
    for clip in dataset.available():
        if path := dataset.files.path(clip.id):
            clips_of[path].append(clip)
    pool = ThreadPoolExecutor(allotted_cores())
    try:
        pending = [pool.submit(check, path, clips) for path, clips in clips_of.items()]
        return [finding for future in track(pending) for finding in future.result()]
    finally:
        pool.shutdown(cancel_futures=True)


def _enough(clip: Clip) -> int:
    """Return how many of a file's frames have to be decoded to know whether it can serve as a clip."""
    return clip.frame_end if clip.frame_end > 0 else clip.frame_start + MOST_FRAMES


def check(path: Path, clips: Sequence[Clip]) -> list[Finding]:
    """Decode a file, as far as its clips reach, and say what is wrong with it for each of the clips in it."""
    try:
        seen = probe(path, max(map(_enough, clips)))
    except VideoError as error:
        return [Finding(clip, path, error.reason, error.detail, usable=False) for clip in clips]
    return [finding for clip in clips for finding in _compare(path, clip, seen)]


def _compare(path: Path, clip: Clip, seen: Probe) -> list[Finding]:
    """Compare what a file holds with what the metadata says of a clip."""
    try:
        begin, end = trim(seen.frames, clip)
    except VideoError as error:
        reason = SHORT if error.reason == "too few frames" else error.reason
        return [Finding(clip, path, reason, error.detail, usable=False)]
    doubts = []
    expected = expected_frames(clip, seen.fps)
    if end - begin < _LEAST_SHARE * expected - 1:
        detail = f"{end - begin} frames at {seen.fps:.4g} per second, about {expected:.0f} by the metadata"
        doubts.append(Finding(clip, path, SHORT, detail, usable=True))
    if seen.damaged:
        detail = f"{seen.damaged} of {seen.frames}; what they lack is filled in"
        doubts.append(Finding(clip, path, DAMAGED, detail, usable=True))
    if clip.box and (clip.box[2] > seen.width or clip.box[3] > seen.height):
        detail = f"box {list(clip.box)}, picture {seen.width}x{seen.height}"
        doubts.append(Finding(clip, path, OUTSIDE, detail, usable=True))
    return doubts


def expected_frames(clip: Clip, fps: float) -> float:
    """Return the least number of frames that the metadata lets one expect of a file at `fps`; 0 for none.

    nslt counts at 25 frames per second, but for the clips whose first and last frame it repeats: those count
    in the video's own rate.
    """
    counts: list[float] = []
    if clip.frames:
        counts += [clip.frames, clip.frames * fps / _NSLT_FPS] if fps else [clip.frames]
    if clip.frame_end > 0:
        counts.append(clip.frame_end - clip.frame_start + 1)
    return min(counts, default=0)


def missing_text(health: Health) -> str:
    """Return the missing ids, a line for each, as WLASL's own missing.txt has them."""
    return "".join(f"{clip.id}\n" for clip in health.missing)


def as_json(health: Health) -> dict[str, Any]:
    """Return all that was found, as a JSON value."""
    subset = health.dataset.subset
    return {
        "split": subset.name,
        "root": str(health.dataset.root),
        "revision": subset.revision,
        "classes": len(subset.glosses),
        "notes": {text: list(ids) for text, ids in subset.notes.items()},
        "parts": {part: _part_json(health, part) for part in PARTS},
        "opened": health.opened,
        "missing": [clip.id for clip in health.missing],
        "unreadable": [_finding_json(finding) for finding in health.unreadable],
        "doubtful": [_finding_json(finding) for finding in health.doubtful],
        "signers": _signers_json(health.audit),
        "duplicates": _duplicates_json(health.audit),
    }


def _part_json(health: Health, part: Part) -> dict[str, Any]:
    """Return one part's coverage."""
    return {
        **asdict(health.coverage(part)),
        "described": health.audit.described[part],
        "glosses_without_clip": list(health.audit.empty[part]),
    }


def _finding_json(finding: Finding) -> dict[str, str]:
    """Return what is wrong with one file."""
    return {
        "id": finding.clip.id,
        "part": finding.clip.part,
        "gloss": finding.clip.gloss,
        "file": str(finding.path),
        "reason": finding.reason,
        "detail": finding.detail,
    }


def _signers_json(found: Audit) -> dict[str, Any]:
    """Return who signs."""
    return {
        "all": found.signers.all,
        "test_seen_in_train": _count_json(found.signers.test_seen),
        "test_pairs_seen_in_train": _count_json(found.signers.test_pairs_seen),
    }


def _duplicates_json(found: Audit) -> dict[str, Any]:
    """Return the recordings that appear more than once."""
    duplicates = found.duplicates
    return {
        "groups": len(duplicates.groups),
        "across_parts": duplicates.across_parts,
        "across_glosses": duplicates.across_glosses,
        "test_identical_to_train_same_gloss": _count_json(duplicates.test_same_gloss),
        "test_identical_to_other_gloss": _count_json(duplicates.test_other_gloss),
        "contradictory_labels": _count_json(duplicates.contradictory),
        "clips": [_group_json(group) for group in duplicates.groups],
    }


def _count_json(count: Count) -> dict[str, float]:
    """Return how many of how many, and the share."""
    return {"count": count.count, "of": count.of, "share": round(count.share, 6)}


def _group_json(group: Group) -> dict[str, Any]:
    """Return one recording and its clips."""
    return {
        "url": group.url,
        "frames": [group.frame_start, group.frame_end],
        "clips": [{"id": clip.id, "part": clip.part, "gloss": clip.gloss} for clip in group.clips],
    }
