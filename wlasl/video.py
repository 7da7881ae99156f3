"""Video files as they are: opened, decoded and counted frame by frame; every refusal has a reason.

Containers lie about their frame counts (a fifth of WLASL's real clips), so nothing here believes a header:
frames are counted when they are decoded, in the order of display, whatever times the file gives them: a
clip of variable frame rate is the pictures that it has, and networks' frames are drawn from their numbers.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import av
from av.stream import Disposition

from wlasl.clips import Clip
from wlasl.video_faults import (
    MOST_FRAMES,
    MOST_PIXELS,
    REASONS,
    VideoError,
    cut_off,
    refuse_no_file,
    refuse_size,
    why,
)
from wlasl.video_turns import displayed_size, refuse_turn

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = ["REASONS", "Probe", "Video", "VideoError", "displayed_size", "probe", "read", "trim"]

T = TypeVar("T")

_BROKEN_SHARE = 0.1
"""A video is unreadable when more than this share of its packets do not decode."""
_LOST_SHARE = 0.1
"""A video is truncated when more than this share of the frames that its header promises do not decode."""
_HEADER_SLACK = 3
"""Headers of sound files promise up to this many frames more than there are."""
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,swf,mpeg,mpegvideo,mpegts,asf,ogg,rm,dv,mxf,nut,gif,apng,"
    "h264,hevc,m4v,ivf,obu,yuv4mpegpipe"
)
"""What is opened at all. Playlists and scripts, which make a reader open other files, are not."""
_PATIENCE = 60.0
"""Seconds that opening a file, or one read of it, may take: nobody waits for ever for a disk."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a video file holds, by decoding all of it.

    Attributes:
        frames: frames that decode.
        width: pixels, as displayed (after rotation).
        height: pixels, as displayed.
        fps: average frame rate by the header; 0 where it does not say.
        codec: the video codec's name, such as h264.
    """

    frames: int
    width: int
    height: int
    fps: float
    codec: str


class Video:
    """An open video file that yields its frames in order, decoded by the calling thread alone.

    Args:
        path: the file.

    Raises:
        VideoError: the file is missing, empty, or no video.
    """

    def __init__(self, path: Path) -> None:
        """Open the file and find its first video stream."""
        self.path = path
        self._container = _open(path)
        try:
            self._stream = self._chosen()
        except VideoError:
            self.close()
            raise
        context = self._stream.codec_context
        context.thread_count = 1
        context.options = {**context.options, "max_pixels": str(MOST_PIXELS)}
        self.promised: int = self._stream.frames
        self.fps = float(self._stream.average_rate or 0)
        self.codec: str = context.name

    def _chosen(self) -> VideoStream:
        """Return the first stream of pictures that a decoder knows and that is no cover of a sound file.

        Raises:
            VideoError: there is none, or its pictures are too large or too small.
        """
        # What no decoder knows has no codec_context; the types leave that out.
        known = [one for one in self._container.streams.video if getattr(one, "codec_context", None)]
        streams = [one for one in known if not one.disposition & Disposition.attached_pic]
        if not streams:
            reason = why(self.path)
            raise VideoError("no video stream" if reason == "unreadable" else reason)
        width, height = streams[0].codec_context.width, streams[0].codec_context.height
        if width and height:
            refuse_size(width, height)
        return streams[0]

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def frames(self) -> Iterator[av.VideoFrame]:
        """Yield every frame, in the order of display.

        A few packets that do not decode are passed over, as players do.

        Raises:
            VideoError: nothing decodes, too many packets do not, or the file is cut off.
        """
        seen = _Seen()
        shape: tuple[int, ...] = ()
        for packet in self._packets():
            seen.discarded += packet.is_discard
            for frame in _decoded(packet, seen):
                if shape != (frame.width, frame.height, frame.rotation):
                    shape = (frame.width, frame.height, frame.rotation)
                    refuse_size(frame.width, frame.height)
                    refuse_turn(frame)
                seen.frames += 1
                yield frame
        self._judge(seen)

    def _packets(self) -> Iterator[av.Packet[VideoStream]]:
        """Yield the stream's packets up to the first place where the container itself is broken."""
        with contextlib.suppress(av.FFmpegError):
            yield from self._container.demux(self._stream)

    def _judge(self, seen: _Seen) -> None:
        """Raise the reason why a video that has been read to its end is not sound, if there is one."""
        if seen.frames == 0 or seen.broken > _BROKEN_SHARE * (seen.frames + seen.broken):
            raise VideoError(why(self.path), f"{seen.frames} frames decode, {seen.broken} packets do not")
        promised = self.promised - seen.discarded
        if cut_off(self.path) or promised - seen.frames > max(_HEADER_SLACK, _LOST_SHARE * promised):
            detail = f"{seen.frames} frames decode, the header promises {promised}"
            raise VideoError("truncated", detail)


@dataclass(slots=True)
class _Seen:
    """What came of a stream's packets.

    Attributes:
        frames: that decode.
        broken: packets that do not.
        discarded: packets that the file itself says are not to be shown (an edit list).
    """

    frames: int = 0
    broken: int = 0
    discarded: int = 0


def _decoded(packet: av.Packet[VideoStream], seen: _Seen) -> list[av.VideoFrame]:
    """Return the frames that come out with a packet; one that does not decode is counted.

    Raises:
        VideoError: so many do not that no clip comes of it any more.
    """
    try:
        return packet.decode()
    except (av.FFmpegError, ValueError) as error:
        seen.broken += 1
        if seen.broken > MOST_FRAMES:
            raise VideoError(
                "unreadable", f"{seen.frames} frames decode, {seen.broken} packets do not"
            ) from error
        return []


def _open(path: Path) -> InputContainer:
    """Open a container; a failure is raised with its reason."""
    refuse_no_file(path)
    try:
        # A name with a colon is no address. One real clip's metadata, which nobody reads, is not UTF-8.
        return av.open(
            f"file:{os.fspath(path)}",
            metadata_errors="ignore",
            options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"},
            timeout=_PATIENCE,
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        detail = "no format of videos" if isinstance(error, av.ArgumentError) else said
        raise VideoError(why(path), detail) from error


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
    with contextlib.closing(Video(path)) as video:
        looks_uncut = clip.frame_end <= video.promised or not 0 < video.promised <= MOST_FRAMES
        first = max(clip.frame_start - 1, 0) if looks_uncut else 0
        last = clip.frame_end if looks_uncut and clip.frame_end > 0 else None
        count, kept = _read_range(video, first, last, convert)
    begin, end = trim(count, clip)
    if begin >= first:
        return kept[begin - first : end - first]
    # The header misled: this file is cut already. It is short, so decoding it once more costs little.
    with contextlib.closing(Video(path)) as video:
        _, kept = _read_range(video, 0, end, convert)
    return kept


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
            break
    return count, kept


def probe(path: Path, last: int | None = None) -> Probe:
    """Decode a file and say what it holds.

    Args:
        path: the file.
        last: so many frames are enough; None for all of them.

    Raises:
        VideoError: the file cannot be read; its `reason` is one of `REASONS`.
    """
    with contextlib.closing(Video(path)) as video:
        count, width, height = 0, 0, 0
        for frame in video.frames():
            count += 1
            if count == 1:
                width, height = displayed_size(frame)
            if count == last:
                break
        return Probe(count, width, height, video.fps, video.codec)
