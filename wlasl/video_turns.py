"""How a video's picture is turned before it is shown: by quarters, and nothing else is taken."""

from __future__ import annotations

import math
import struct
from typing import Any

import av

from wlasl.video_faults import VideoError

_TILT = 5
"""A picture may be turned by so many degrees more or less than quarters."""


def quarter_turns(frame: av.VideoFrame) -> int:
    """Return how many quarter turns anticlockwise bring a coded frame upright, 0 to 3, as its file asks."""
    return round(frame.rotation / 90) % 4 if -360 <= frame.rotation <= 360 else 0  # noqa: PLR2004 - else none


def displayed_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Return a frame's width and height after the rotation that its file asks for."""
    return (frame.height, frame.width) if quarter_turns(frame) % 2 else (frame.width, frame.height)


def refuse_turn(frame: av.VideoFrame) -> None:
    """Refuse a picture that its file wants mirrored or tilted: left would be right, or nobody upright.

    Raises:
        VideoError: it does.
    """
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return
    right, down, _, across, below = struct.unpack("<5i", bytes(matrix)[:20])
    area = right * below - down * across
    if area < 0:
        raise VideoError("turned oddly", "its header asks for a mirror image")
    tilt = math.degrees(math.atan2(down, right)) % 90 if area else 0
    if min(tilt, 90 - tilt) > _TILT:
        raise VideoError("turned oddly", f"its header asks for a turn by {tilt:.0f} degrees")
