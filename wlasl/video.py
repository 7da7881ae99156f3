"""Video files as they are: opened, decoded and counted frame by frame; every refusal has a reason.

Containers lie about their frame counts (a fifth of WLASL's real clips), so nothing here believes a header:
frames are counted when they are decoded, in the order of display, whatever times the file gives them: a
clip of variable frame rate is the pictures that it has, and networks' frames are drawn from their numbers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import av

from wlasl.clips import Clip
from wlasl.video_faults import BROKEN_SHARE, MOST_FRAMES, REASONS, VideoError
from wlasl.video_stream import Video
from wlasl.video_turns import displayed_size

__all__ = ["REASONS", "Probe", "Video", "VideoError", "displayed_size", "probe", "read", "trim"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Probe:
    """What a video file holds, by decoding all of it.

    Attributes:
        frames: frames that decode.
        width: pixels, as displayed (after rotation).
        height: pixels, as displayed.
        fps: average frame rate by the header; 0 where it does not say.
        codec: the video codec's name, such as h264.
        damaged: frames with errors in them, which players fill in.
    """

    frames: int
    width: int
    height: int
    fps: float
    codec: str
    damaged: int = 0


def trim(count: int, clip: Clip) -> tuple[int, int]:
    """Return which of a file's `count` frames are the clip, as a half-open range.

    `frame_start` and `frame_end` count frames of the video as published (1-based, inclusive, -1 means to the
    end), and files exist both uncut and already cut. A file that holds `frame_end` frames or more is uncut; a
    file with fewer, of about the clip's own length, is cut and is used whole.

    Raises:
        VideoError: too few frames: less than half of the clip is there (a third where its length is only
            known at another frame rate). Too many frames: more than any one sign takes.
    """
    first = max(clip.frame_start - 1, 0)
    if clip.frame_end > 0:
        last, wanted, share = clip.frame_end, clip.frame_end - first, 2
    else:
        last, wanted, share = max(count, first + 1), clip.frames or 1, 3
    rest = min(count, last) - first
    cut_already = count < last and abs(count - wanted) <= abs(rest - wanted)
    begin, end = (0, count) if cut_already else (first, min(count, last))
    if end - begin < max(1, wanted // share):
        raise VideoError("too few frames", f"{count} in the file, {wanted} wanted from {first + 1} on")
    if end - begin > MOST_FRAMES:
        raise VideoError("too many frames", f"more than {MOST_FRAMES}")
    return begin, end


def read(path: Path, clip: Clip, convert: Callable[[av.VideoFrame], T]) -> list[T]:
    """Decode a clip and return `convert(frame)` of each of its frames; frames outside are not converted.

    Raises:
        VideoError: the file cannot serve as this clip.
    """
    (count, first, kept), _ = _through(path, lambda video: _taken(video, clip, convert))
    begin, end = trim(count, clip)
    if begin >= first:
        return kept[begin - first : end - first]
    # The header misled: this file is cut already. It is short, so decoding it once more costs little.
    return _through(path, lambda video: _read_range(video, 0, end, convert))[0][1]


def _taken(video: Video, clip: Clip, convert: Callable[[av.VideoFrame], T]) -> tuple[int, int, list[T]]:
    """Convert what the header makes one expect of a clip: how many decoded, the first one, the results."""
    looks_uncut = clip.frame_end <= video.promised or not 0 < video.promised <= MOST_FRAMES
    first = max(clip.frame_start - 1, 0) if looks_uncut else 0
    last = clip.frame_end if looks_uncut and clip.frame_end > 0 else None
    count, kept = _read_range(video, first, last, convert)
    return count, first, kept


def _through(path: Path, use: Callable[[Video], T]) -> tuple[T, int]:
    """Go through a video and return what comes of it, and how many of its frames are damaged.

    It is decoded strictly; where anything is wrong with it once more, with what is missing filled in. Frames
    after an error are damaged up to the next one that stands for itself. A decoder that takes not one frame
    strictly, and all of them otherwise, is strict about what nobody sees.

    Raises:
        VideoError: it cannot be read, or too much of it is damaged.
    """
    with contextlib.closing(Video(path, strict=True)) as video:
        try:
            found = _used(video, use)
        except VideoError:
            if not video.seen.broken:
                raise
        seen = video.seen
    if not seen.broken:
        return found, 0
    with contextlib.closing(Video(path)) as video:
        found = _used(video, use)
    if seen.frames and seen.damaged > BROKEN_SHARE * (seen.frames + seen.broken):
        raise VideoError("unreadable", f"{seen.damaged} of {seen.frames + seen.broken} frames are damaged")
    return found, seen.damaged


def _used(video: Video, use: Callable[[Video], T]) -> T:
    """Return what comes of a video; what no check foresaw is the file's fault too.

    Raises:
        VideoError: it cannot be used.
    """
    try:
        return use(video)
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise VideoError("unreadable", f"{type(error).__name__}: {error}") from error


def _read_range(
    video: Video, first: int, last: int | None, convert: Callable[[av.VideoFrame], T]
) -> tuple[int, list[T]]:
    """Convert frames [first, last); return how many were decoded, and the results.

    One frame more than a clip can have is enough to know that it is none.
    """
    count, kept = 0, []
    for frame in video.frames():
        count += 1
        if count > first:
            kept.append(convert(frame))
        if count == last or len(kept) > MOST_FRAMES:
            video.judge()
            break
    return count, kept


def probe(path: Path, last: int | None = None) -> Probe:
    """Decode a file and say what it holds; one with errors in it is decoded twice.

    Args:
        path: the file.
        last: so many frames are enough; None for all of them.

    Raises:
        VideoError: the file cannot be read; its `reason` is one of `REASONS`.
    """
    found, damaged = _through(path, lambda video: _looked(video, last))
    return replace(found, damaged=damaged)


def _looked(video: Video, last: int | None) -> Probe:
    """Decode an open video, or as many of its frames as are enough, and say what it holds."""
    count, width, height = 0, 0, 0
    for frame in video.frames():
        count += 1
        if count == 1:
            width, height = displayed_size(frame)
        if count == last:
            video.judge()
            break
    return Probe(count, width, height, video.fps, video.codec)
