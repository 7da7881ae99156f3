"""From a decoded frame to the canvas of H&HT (`wlasl.hht`), in the planes of YUV 4:2:0, as `pixels` does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TypeVar, cast

import av
import cv2
import numpy as np

from wlasl.clips import Clip
from wlasl.hht import Box, Boxes, Canvas, Moments, around, land, part_boxes, tiles
from wlasl.landmarks.form import Points
from wlasl.pixels import STORED, Plane, Planes, as_420, packed, planes, recolour, unturn
from wlasl.video import VideoError, displayed_size, read
from wlasl.video_turns import quarter_turns
from wlasl.view import View

T = TypeVar("T")

_recolour = cache(recolour)
_STEPS = (1, 2, 2)
"""How many pixels a value of each plane stands for, along an axis."""
_HALVE = 2.5
"""From this ratio on an axis is first halved by averaging: linear interpolation alone skips pixels."""


@dataclass(frozen=True)
class Parts:
    """A clip's landmarks, as far as its parts are cut out by them.

    Attributes:
        points: float32 [T, J, 2 or 3], image coordinates, y down, NaN where unseen.
        joints: the J names.
    """

    points: Points
    joints: tuple[str, ...]


def encode_canvases(path: Path, clip: Clip, view: View, parts: Parts) -> list[bytes]:
    """Decode a clip into canvases as the store keeps them.

    Raises:
        VideoError: the file cannot serve as this clip, or the landmarks do not fit it.
    """
    return each_canvas(path, clip, view, parts, lambda canvases, frame: canvases.encode(frame))


def each_canvas(
    path: Path, clip: Clip, view: View, parts: Parts, convert: Callable[[Canvases, av.VideoFrame], T]
) -> list[T]:
    """Decode a clip and return what `convert` makes of each of its frames, told which parts lie where.

    Frames are counted as they come, and how many there are is known at the end; where the landmarks turn out
    to go with other frames than was thought at first, the clip is decoded once more.

    Raises:
        VideoError: the file cannot serve as this clip, or the landmarks do not fit it.
    """
    count = len(parts.points)
    moments = Moments(0, count, count)
    while True:
        canvases = Canvases(view, parts, moments)
        kept = read(path, clip, partial(_numbered, canvases, convert))
        found = Moments(kept[0][0], len(kept), count)
        if not found.fit:
            raise VideoError("landmarks do not fit", f"{count} in time, {len(kept)} frames")
        if all(found.at(number) == moments.at(number) for number, _ in kept):
            return [data for _, data in kept]
        moments = found


def _numbered(
    canvases: Canvases, convert: Callable[[Canvases, av.VideoFrame], T], frame: av.VideoFrame
) -> tuple[int, T]:
    """Return a frame's number among all that came, and what is made of it."""
    made = convert(canvases, frame)
    canvases.number += 1
    return canvases.number - 1, made


class Canvases:
    """Turns the frames of one clip into canvases.

    Args:
        view: how large, in which colour, which canvas.
        parts: the clip's landmarks.
        moments: which landmarks belong to which frame.

    Attributes:
        number: of the frame that is worked on, from 0.
    """

    def __init__(self, view: View, parts: Parts, moments: Moments) -> None:
        """Begin to count; what is cut is worked out at the first frame."""
        self._view, self._parts, self._moments = view, parts, moments
        self._canvas = view.canvas or Canvas()
        self._tiles = tiles(view.size, self._canvas.layout)
        self.number = 0
        self._shape = self._size = (0, 0)
        self._boxes: Boxes

    def encode(self, frame: av.VideoFrame) -> bytes:
        """Return a frame's canvas as the store keeps it."""
        return packed(self.planes(frame), self._view)

    def planes(self, frame: av.VideoFrame) -> Planes:
        """Return a frame's canvas in the store's colour: Y [S, S], U and V [S/2, S/2]."""
        plain, colour = as_420(frame)
        size, black = self._view.size, (round(colour.luma[0]), 128, 128)
        whole = [
            np.full((size // step,) * 2, value, np.uint8) for step, value in zip(_STEPS, black, strict=True)
        ]
        turns = quarter_turns(frame)
        sources = planes(plain)
        for cut in self.cuts(frame):
            if cut:
                coded = (unturn(cut[0], turns, *self._size), cut[1])
                for step, plane, out in zip(_STEPS, sources, whole, strict=True):
                    _paste(plane, out, coded, step, turns)
        y, u, v = _recolour(colour, STORED[self._view.codec])(*whole)
        if self._canvas.grey:
            u, v = np.full_like(u, 128), np.full_like(v, 128)
        return y, u, v

    def cuts(self, frame: av.VideoFrame) -> list[tuple[Box, Box] | None]:
        """Return, for each of `wlasl.hht.TILES`, which box of the upright frame goes where, if any does."""
        self._measure(frame)
        boxes = self._boxes[self._moments.at(self.number)].tolist()
        shown = [around(self._size, self._canvas), *(cast(Box, tuple(box)) for box in boxes)]
        found: list[tuple[Box, Box] | None] = []
        for index, (box, tile) in enumerate(zip(shown, self._tiles, strict=True)):
            there = self._canvas.show[index] == "1"
            keep = index > 0 and self._canvas.parts == "pad"
            found.append(land(box, tile, self._size, keep=keep) if there else None)
        return found

    def _measure(self, frame: av.VideoFrame) -> None:
        """Work out all boxes at the first frame of each shape."""
        size = displayed_size(frame)
        if size != self._shape:
            self._shape = size
            self._size = size[0] - size[0] % 2, size[1] - size[1] % 2
            self._boxes = part_boxes(self._parts.points, self._parts.joints, size, self._canvas)


def _paste(plane: Plane, out: Plane, cut: tuple[Box, Box], step: int, turns: int) -> None:
    """Resize a box of a plane (a `step`-th as large as the frame), upright, to its place on the canvas."""
    left, top, right, bottom = (edge // step for edge in cut[0])
    to_left, to_top, to_right, to_bottom = (edge // step for edge in cut[1])
    width, height = to_right - to_left, to_bottom - to_top
    if turns % 2:
        width, height = height, width
    part = _resized(plane[top:bottom, left:right], width, height)
    out[to_top:to_bottom, to_left:to_right] = np.rot90(part, turns) if turns else part


def _resized(plane: Plane, width: int, height: int) -> Plane:
    """Resize a plane to any shape: linear, each axis halved by averages as long as it is much too long."""
    while True:
        rows, columns = plane.shape
        across, down = columns >= _HALVE * width, rows >= _HALVE * height
        if not (across or down):
            return cast(Plane, cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR))
        halved = (columns // 2 if across else columns, rows // 2 if down else rows)
        even = plane[: 2 * halved[1] if down else rows, : 2 * halved[0] if across else columns]
        plane = cast(Plane, cv2.resize(even, halved, interpolation=cv2.INTER_AREA))
