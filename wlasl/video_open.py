"""Opens a file as a video and as nothing else: no playlist, no address, no pipe that never ends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import av

from wlasl.video_faults import VideoError, refuse_no_file, why

if TYPE_CHECKING:
    from av.container import InputContainer

_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,swf,mpeg,mpegvideo,mpegts,asf,ogg,rm,dv,mxf,nut,gif,apng,"
    "h264,hevc,m4v,ivf,obu,yuv4mpegpipe"
)
"""What is opened at all. Playlists and scripts, which make a reader open other files, are not."""
_PATIENCE = 60.0
"""Seconds that opening a file, or one read of it, may take: nobody waits for ever for a disk."""


def opened(path: Path) -> InputContainer:
    """Open a container.

    Raises:
        VideoError: there is none, or nothing that can be read as a video.
    """
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
