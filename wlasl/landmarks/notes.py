"""What a person should know of a source: where its frame counts and rates are not as expected."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from wlasl.clips import Clip
from wlasl.landmarks.form import Landmarks
from wlasl.landmarks.store import LandmarkStore
from wlasl.video import Video, VideoError, displayed_size

_SLACK = 3
"""Headers of sound videos promise up to this many frames more than there are."""
_SAME_RATE = 0.05
"""Rates nearer than this, in frames per second, are the same: 29.97 is not 30 everywhere."""
_USUAL = (23.976, 30.0)
"""Frame rates of usual videos, the lowest and the highest."""
_NAMED = 3
"""How many clips a sentence names."""
_UPRIGHT = ("nose", "left_shoulder", "right_shoulder")
"""Joints that a picture of a signer shows, whatever else of the body lies outside of it."""


def header_frames(path: Path | None) -> int | None:
    """Return how many frames the header of a video file promises; None where there is none to ask."""
    if path is None:
        return None
    try:
        with contextlib.closing(Video(path)) as video:
            return video.promised or None
    except (VideoError, OSError):
        return None


def with_size(landmarks: Landmarks, path: Path | None) -> Landmarks:
    """Return landmarks in pixels with the size of their video, where nobody says it and a video is at hand.

    A video that the points do not fit into is another's, or was made smaller since: then nobody knows.
    """
    if landmarks.unit != "pixels" or landmarks.size is not None or path is None:
        return landmarks
    try:
        with contextlib.closing(Video(path)) as video:
            size = displayed_size(next(video.frames()))
    except (VideoError, OSError, StopIteration):
        return landmarks
    shown = landmarks.select(_UPRIGHT)
    return replace(landmarks, size=size) if np.nanmax(shown / np.array(size), initial=0) <= 1 else landmarks


def notes_of(clips: Iterable[Clip], store: LandmarkStore, *, whole: bool = True) -> tuple[str, ...]:
    """Return a sentence for each way in which landmarks, videos and metadata disagree.

    Args:
        clips: a data set's.
        store: its landmarks.
        whole: whether all frames of a clip should be there.
    """
    there = [clip for clip in clips if clip.id in store]
    counts = [_against_videos(there, store), _against_metadata(there, store)] if whole else []
    return tuple(note for note in [*counts, _rates(there, store)] if note)


def _against_videos(clips: Sequence[Clip], store: LandmarkStore) -> str:
    """Compare frame counts with those of the videos at hand."""
    at_hand = [(clip, video) for clip in clips if (video := store.facts(clip.id).video)]
    rows = [(clip.id, store.facts(clip.id).read, video) for clip, video in at_hand]
    wrong = [row for row in rows if not row[2] - _SLACK <= row[1] <= row[2]]
    return _said(wrong, len(rows), "the video has")


def _against_metadata(clips: Sequence[Clip], store: LandmarkStore) -> str:
    """Compare frame counts with those of the metadata, where there is no video that would know better.

    Its counts are at its own frame rate, 25 for all of WLASL; a source whose rate nobody knows is taken to be
    right at any usual one.
    """
    told = [(clip, clip.frames) for clip in clips if clip.frames and not store.facts(clip.id).video]
    rows = [(clip.id, store.length(clip.id), frames) for clip, frames in told]
    rates = {clip.id: _rates_of(store.fps(clip.id), clip.fps) for clip, _ in told}
    wrong = [row for row in rows if not _fits(row[1], row[2], rates[row[0]])]
    return _said(wrong, len(rows), "the metadata says, whatever the frame rate")


def _rates_of(rate: float | None, expected: float) -> tuple[float, float]:
    """Return the least and the largest factor between frames and the metadata's."""
    least, most = (rate, rate) if rate else _USUAL
    return least / expected, most / expected


def _fits(found: int, expected: int, factors: tuple[float, float]) -> bool:
    """Say whether a number of frames is one that the metadata allows."""
    return expected * factors[0] - _SLACK <= found <= expected * factors[1] + _SLACK


def _said(rows: Sequence[tuple[str, int, int]], total: int, who: str) -> str:
    """Return the sentence about clips with an unexpected number of frames; nothing where there is none."""
    if not rows:
        return ""
    more = [found - expected for _, found, expected in rows]
    named = ", ".join(f"{name} {found}, not {expected}" for name, found, expected in rows[:_NAMED])
    span = f"{min(more):+d} to {max(more):+d}, median {statistics.median(more):+g}"
    return f"{len(rows):,} of {total:,} clips have another number of frames than {who} ({span}): {named}."


def _rates(clips: Sequence[Clip], store: LandmarkStore) -> str:
    """Compare frame rates with those of the metadata."""
    rows = [(clip.id, rate, clip.fps) for clip in clips if clip.fps and (rate := store.fps(clip.id))]
    wrong = [row for row in rows if abs(row[1] - row[2]) > _SAME_RATE]
    if not wrong:
        return ""
    named = ", ".join(f"{name} {found:.4g}, not {expected:g}" for name, found, expected in wrong[:_NAMED])
    return f"{len(wrong):,} of {len(rows):,} clips have another frame rate than the metadata says: {named}."
