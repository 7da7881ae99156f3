"""One open video: its frames in the order of display, and whether they, and the file, are sound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.stream import Disposition

from wlasl.video_faults import (
    BROKEN_SHARE,
    MOST_FRAMES,
    MOST_PIXELS,
    Seen,
    VideoError,
    cut_off,
    refuse_codec,
    refuse_size,
    why,
)
from wlasl.video_open import opened
from wlasl.video_turns import refuse_turn

if TYPE_CHECKING:
    from av.video.stream import VideoStream

_LOST_SHARE = 0.1
"""A video is truncated when more than this share of the frames that its header promises do not decode."""
_HEADER_SLACK = 3
"""Headers of sound files promise up to this many frames more than there are."""


class Video:
    """An open video file that yields its frames in order, decoded by the calling thread alone.

    Args:
        path: the file.
        strict: a frame with any error does not decode; else what is missing is filled in, as players do.

    Attributes:
        seen: what came of it so far.

    Raises:
        VideoError: the file is missing, empty, or no video.
    """

    def __init__(self, path: Path, *, strict: bool = False) -> None:
        """Open the file and find its first video stream."""
        self.path = path
        self._container = opened(path)
        try:
            self._stream = self._chosen()
        except VideoError:
            self.close()
            raise
        context = self._stream.codec_context
        context.thread_count = 1
        errors = {"err_detect": "explode"} if strict else {}
        context.options = {**context.options, "max_pixels": str(MOST_PIXELS), **errors}
        self.seen = Seen()
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
        context = streams[0].codec_context
        refuse_codec(context.name, context.extradata)
        if context.width and context.height:
            refuse_size(context.width, context.height)
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
        shape: tuple[int, ...] = ()
        for packet in self._packets():
            self.seen.discarded += packet.is_discard
            for frame in self._decoded(packet):
                if shape != (frame.width, frame.height, frame.rotation):
                    shape = (frame.width, frame.height, frame.rotation)
                    refuse_size(frame.width, frame.height)
                    refuse_turn(frame)
                self.seen.count(frame)
                yield frame
        self.judge()
        self._judge_end()

    def _packets(self) -> Iterator[av.Packet[VideoStream]]:
        """Yield the stream's packets up to the first place where the container itself is broken.

        Streams may begin on the way (SWF); PyAV stumbles over their packets, and goes on behind them.
        """
        for _ in range(MOST_FRAMES):
            try:
                yield from self._container.demux(self._stream)
            except av.FFmpegError:
                return
            except IndexError:
                continue
            return

    def _decoded(self, packet: av.Packet[VideoStream]) -> list[av.VideoFrame]:
        """Return the frames that come out with a packet; one that does not decode is counted.

        Raises:
            VideoError: so many do not that no clip comes of it any more.
        """
        try:
            return packet.decode()
        except (av.FFmpegError, ValueError):
            self.seen.count_broken()
            if self.seen.broken > MOST_FRAMES:
                self.judge()
            return []

    def judge(self) -> None:
        """Judge the frames that have been read so far.

        Raises:
            VideoError: there is none, or too many are damaged.
        """
        seen = self.seen
        if seen.frames == 0 or seen.broken + seen.pieced > BROKEN_SHARE * (seen.frames + seen.broken):
            raise VideoError(why(self.path), str(seen))

    def _judge_end(self) -> None:
        """Raise the reason why a video that has been read to its end is not whole, if there is one."""
        seen, promised = self.seen, self.promised - self.seen.discarded
        if cut_off(self.path) or promised - seen.frames > max(_HEADER_SLACK, _LOST_SHARE * promised):
            detail = f"{seen.frames} frames decode, the header promises {promised}"
            raise VideoError("truncated", detail)
