"""MediaPipe's side of the extraction: a plain script that is sent frames and answers with points.

It runs in whatever environment has MediaPipe (`wlasl.landmarks.mediapipe_env`) and imports nothing of ours.
Its last argument is the number of an open socket, on which every message is a header (`HEADER`: four letters
and two numbers) and what the letters say:

    to it     CLIP 0 0              a new clip begins: forget the last one
              RGB8 width height     a frame, uint8 [height, width, 3]
    from it   HELO size 0           once it is ready: MediaPipe's version, as text
              XYZ4 size 0           a frame's points, float32 [75, 3], NaN where unseen
              OOPS size 0           the frame could not be looked at: the reason, as text

It ends when the other side closes the socket, which the system also does for one that was killed.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import socket
import struct
import sys
from typing import Any

HEADER = struct.Struct("<4sII")
PARTS = (("pose_landmarks", 0, 33), ("left_hand_landmarks", 33, 21), ("right_hand_landmarks", 54, 21))
"""Where the body and the two hands stand among the 75 points: the attribute, the first, how many."""
_UNSEEN = (float("nan"),) * 3
_POINTS = struct.Struct("<225f")
_DESCRIPTOR_ARGUMENT = -1


def main(descriptor: int) -> None:
    """Serve the socket with this number until the other side closes it."""
    # The script's own folder has modules of common names, which MediaPipe must not find.
    numpy = importlib.import_module("numpy")
    holistic = importlib.import_module("mediapipe.python.solutions.holistic")
    tracker = holistic.Holistic(model_complexity=1, min_detection_confidence=0.5, min_tracking_confidence=0.5)
    with socket.socket(fileno=descriptor) as line:
        _answer(line, b"HELO", importlib.metadata.version("mediapipe").encode())
        while header := _receive(line, HEADER.size):
            kind, width, height = HEADER.unpack(header)
            if kind == b"CLIP":
                tracker.reset()
                continue
            data = _receive(line, width * height * 3)
            if len(data) < width * height * 3:
                return
            frame = numpy.frombuffer(data, numpy.uint8).reshape(height, width, 3)
            try:
                points = look(tracker, frame)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other side shall hear of it
                _answer(line, b"OOPS", f"{type(error).__name__}: {error}".encode()[:2000])
            else:
                _answer(line, b"XYZ4", points)


def look(tracker: Any, frame: Any) -> bytes:  # noqa: ANN401 - MediaPipe has no types, and NumPy is not ours here
    """Return the 75 points of a frame as the bytes of float32 [75, 3]."""
    seen = tracker.process(frame)
    numbers: list[float] = []
    for name, _, count in PARTS:
        found = getattr(seen, name)
        points = [(point.x, point.y, point.z) for point in found.landmark] if found else [_UNSEEN] * count
        numbers.extend(number for point in points[:count] for number in point)
    return _POINTS.pack(*numbers)


def _answer(line: socket.socket, kind: bytes, data: bytes) -> None:
    """Send one message."""
    line.sendall(HEADER.pack(kind, len(data), 0) + data)


def _receive(line: socket.socket, size: int) -> bytearray:
    """Return so many bytes, or fewer where the other side is gone."""
    data = bytearray(size)
    view, at = memoryview(data), 0
    while at < size:
        count = line.recv_into(view[at:])
        if not count:
            break
        at += count
    del view
    return data[:at] if at < size else data


if __name__ == "__main__":
    del sys.path[0]
    main(int(sys.argv[_DESCRIPTOR_ARGUMENT]))
