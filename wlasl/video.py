"""Video files as they are: opened, decoded and counted frame by frame; every refusal has a reason.

Containers lie about their frame counts (a fifth of WLASL's real clips), so nothing here believes a header:
frames are counted when they are decoded.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

import av

from wlasl.clips import Clip

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

T = TypeVar("T")

_BROKEN_SHARE = 0.1
"""A video is unreadable when more than this share of its packets do not decode."""
_LOST_SHARE = 0.1
"""A video is truncated when more than this share of the frames that its header promises do not decode."""
_HEADER_SLACK = 3
"""Headers of sound files promise up to this many frames more than there are."""


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
        # What no decoder knows has no codec_context; the types leave that out.
        streams = [
            stream for stream in self._container.streams.video if getattr(stream, "codec_context", None)
        ]
        if not streams:
            self.close()
            why = _why(path)
            raise VideoError("no video stream" if why == "unreadable" else why)
        self._stream: VideoStream = streams[0]
        self._stream.codec_context.thread_count = 1
        self.promised: int = self._stream.frames
        self.fps = float(self._stream.average_rate or 0)
        self.codec: str = self._stream.codec_context.name

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def frames(self) -> Iterator[av.VideoFrame]:
        """Yield every frame, in the order of display.

        A few packets that do not decode are passed over, as players do.

        Raises:
            VideoError: nothing decodes, too many packets do not, or the file is cut off.
        """
        count = broken = 0
        for packet in self._packets():
            try:
                decoded = packet.decode()
            except (av.FFmpegError, ValueError):
                broken += 1
                continue
            for frame in decoded:
                count += 1
                yield frame
        self._judge(count, broken)

    def _packets(self) -> Iterator[av.Packet[VideoStream]]:
        """Yield the stream's packets up to the first place where the container itself is broken."""
        with contextlib.suppress(av.FFmpegError):
            yield from self._container.demux(self._stream)

    def _judge(self, count: int, broken: int) -> None:
        """Raise the reason why a video that has been read to its end is not sound, if there is one."""
        if count == 0 or broken > _BROKEN_SHARE * (count + broken):
            raise VideoError(_why(self.path), f"{count} frames decode, {broken} packets do not")
        lost = self.promised - count
        if _is_cut_off(self.path) or lost > max(_HEADER_SLACK, _LOST_SHARE * self.promised):
            raise VideoError("truncated", f"{count} frames decode, the header promises {self.promised}")


def _open(path: Path) -> InputContainer:
    """Open a container; a failure is raised with its reason."""
    try:
        # One real clip's metadata is not UTF-8; nobody reads the metadata here.
        return av.open(os.fspath(path), metadata_errors="ignore")
    except FileNotFoundError as error:
        raise VideoError("missing") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(_why(path), getattr(error, "strerror", None) or str(error)) from error


def trim(count: int, clip: Clip) -> tuple[int, int]:
    """Return which of a file's `count` frames are the clip, as a half-open range.

    `frame_start` and `frame_end` count frames of the video as published (1-based, inclusive, -1 means to the
    end), and files exist both uncut and already cut. A file that holds `frame_end` frames or more is uncut; a
    file with fewer, of about the clip's own length, is cut and is used whole.

    Raises:
        VideoError: too few frames: less than half of the clip is there (a third where its length is only
            known at another frame rate).
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
    return begin, end


def read(path: Path, clip: Clip, convert: Callable[[av.VideoFrame], T]) -> list[T]:
    """Decode a clip and return `convert(frame)` of each of its frames; frames outside are not converted.

    Raises:
        VideoError: the file cannot serve as this clip.
    """
    with contextlib.closing(Video(path)) as video:
        looks_uncut = clip.frame_end <= video.promised or video.promised == 0
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
    """Convert frames [first, last); return how many were decoded, and the results."""
    count, kept = 0, []
    for frame in video.frames():
        count += 1
        if count > first:
            kept.append(convert(frame))
        if count == last:
            break
    return count, kept


def probe(path: Path) -> Probe:
    """Decode a whole file and say what it holds.

    Raises:
        VideoError: the file cannot be read; its `reason` is one of `REASONS`.
    """
    with contextlib.closing(Video(path)) as video:
        count, width, height = 0, 0, 0
        for frame in video.frames():
            count += 1
            if count == 1:
                width, height = displayed_size(frame)
        return Probe(count, width, height, video.fps, video.codec)


def displayed_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Return a frame's width and height after the rotation that its file asks for."""
    sideways = round(frame.rotation / 90) % 2
    return (frame.height, frame.width) if sideways else (frame.width, frame.height)
