"""From a decoded frame to the stored square: cropped, resized and coloured in the planes of YUV 4:2:0.

Nothing goes through RGB. The planes of the decoder are sliced without a copy, shrunk, and only then, when few
pixels are left, brought to the store's one kind of colour. On WLASL that gives 43.8 dB against a reference in
floating point through RGB, where JPEG alone would allow 44.6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg

from wlasl.clips import Clip
from wlasl.video import displayed_size, read
from wlasl.video_turns import quarter_turns
from wlasl.view import Box, Square, View, square

# Clips are what runs in parallel; threads within one small plane would only get in their way.
cv2.setNumThreads(1)

Plane = npt.NDArray[np.uint8]
Planes = tuple[Plane, Plane, Plane]

_WEIGHTS = {
    1: (0.2126, 0.0722),  # BT.709
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020
}
"""Shares of red and blue in luma by the stream's tag; every other tag, and none, means BT.601."""
_BT601 = (0.299, 0.114)
_FULL_RANGE = 2
_HALVE = 2.5
"""From this ratio on a plane is first halved by averaging: linear interpolation alone skips pixels."""


@dataclass(frozen=True, slots=True)
class Colour:
    """How numbers stand for colours: weights of red and blue in luma; full range (0-255) or limited."""

    red: float
    blue: float
    full: bool

    @property
    def luma(self) -> tuple[float, float]:
        """Return luma's black level and its range."""
        return (0.0, 255.0) if self.full else (16.0, 219.0)

    @property
    def chroma(self) -> float:
        """Return chroma's range; its zero is 128."""
        return 255.0 if self.full else 224.0

    def to_rgb(self) -> npt.NDArray[np.float64]:
        """Return the matrix from (Y in 0..1, Cb, Cr in -0.5..0.5) to RGB."""
        red, blue = 2 * (1 - self.red), 2 * (1 - self.blue)
        green = 1 - self.red - self.blue
        return np.array([[1, 0, red], [1, -self.blue * blue / green, -self.red * red / green], [1, blue, 0]])


STORED = {"jpeg": Colour(*_BT601, full=True), "raw": Colour(*_BT601, full=False)}
"""What the store holds: JPEG's own colour, and for raw planes the one that OpenCV converts from."""


def colour_of(frame: av.VideoFrame) -> Colour:
    """Return how a frame's numbers are to be read: by its tags; untagged is BT.601, limited range.

    That is what players and OpenCV take an untagged file for; half of WLASL's are untagged, all small.
    """
    red, blue = _WEIGHTS.get(int(frame.colorspace), _BT601)
    full = int(frame.color_range) == _FULL_RANGE or frame.format.name.startswith("yuvj")
    return Colour(red, blue, full)


def _resize(plane: Plane, width: int, height: int, how: int = cv2.INTER_LINEAR) -> Plane:
    """Resize a plane."""
    return cast(Plane, cv2.resize(plane, (width, height), interpolation=how))


def _blend(first: Plane, share: float, second: Plane, other_share: float, shift: float) -> Plane:
    """Return first x share + second x other_share + shift, rounded and held within 0..255."""
    return cast(Plane, cv2.addWeighted(first, share, second, other_share, shift))


Recolour = Callable[[Plane, Plane, Plane], Planes]


def recolour(source: Colour, target: Colour) -> Recolour:
    """Return the function that brings planes of one colour to another, in eight bits with one rounding."""
    if source == target:
        return lambda y, u, v: (y, u, v)
    matrix = np.linalg.inv(target.to_rgb()) @ source.to_rgb()
    (black, span), (wanted_black, wanted_span) = source.luma, target.luma
    gain = wanted_span / span
    mix = matrix[1:, 1:] * target.chroma / source.chroma
    shift = 128 - 128 * mix.sum(axis=1)
    lift = wanted_black - gain * black
    to_luma = matrix[0, 1:] * wanted_span / source.chroma

    def apply(y: Plane, u: Plane, v: Plane) -> Planes:
        if np.abs(to_luma).max() < 1e-6:  # noqa: PLR2004 - rounding of the inverse
            y = _blend(y, gain, y, 0, lift)
        else:
            part = _blend(u, to_luma[0], v, to_luma[1], 128 - 128 * to_luma.sum())
            y = _blend(y, gain, _resize(part, y.shape[1], y.shape[0]), 1, lift - 128)
        cb = _blend(u, mix[0, 0], v, mix[0, 1], shift[0])
        cr = _blend(u, mix[1, 0], v, mix[1, 1], shift[1])
        return y, cb, cr

    return apply


def planes(frame: av.VideoFrame) -> Planes:
    """Return a frame's Y, U, V planes (H x W and twice H/2 x W/2) as views of the decoder's memory."""
    y, u, v = (
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    )
    return y, u, v


def shrink(plane: Plane, width: int, height: int) -> Plane:
    """Resize a plane: linear, after halving by averages as long as it is much too large."""
    while plane.shape[0] >= _HALVE * height and plane.shape[1] >= _HALVE * width:
        rows, columns = plane.shape[0] // 2, plane.shape[1] // 2
        plane = _resize(plane[: 2 * rows, : 2 * columns], columns, rows, cv2.INTER_AREA)
    return _resize(plane, width, height)


def as_420(frame: av.VideoFrame) -> tuple[av.VideoFrame, Colour]:
    """Return a frame in 8-bit YUV 4:2:0 and how its numbers are to be read; most frames pass untouched."""
    colour = colour_of(frame)
    if frame.format.name in ("yuv420p", "yuvj420p"):
        return frame, colour
    if frame.format.is_rgb:
        colour = Colour(*_BT601, full=False)
        return frame.reformat(format="yuv420p", dst_colorspace="itu601", dst_color_range=1), colour
    span = _FULL_RANGE if colour.full else 1
    return frame.reformat(format="yuv420p", src_color_range=span, dst_color_range=span), colour


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done to every frame of one shape: where to cut, where to put it, and its colour.

    Attributes:
        source: the part of the coded frame that is seen, (xmin, ymin, xmax, ymax), even numbers.
        target: where it lies in the stored square before that is turned, likewise.
        turns: quarter turns anticlockwise that bring the coded frame upright.
        recolour: brings the planes to the store's colour.
        black: the three planes' values of black.
    """

    source: Box
    target: Box
    turns: int
    recolour: Recolour
    black: tuple[int, int, int]


def unturn(box: Box, turns: int, width: int, height: int) -> Box:
    """Return where a box of an upright frame (width x height) lay before its quarter turns."""
    for _ in range(turns):
        left, top, right, bottom = box
        box = (height - bottom, left, height - top, right)
        width, height = height, width
    return box


def _land(seen: Box, place: Square, size: int) -> Box:
    """Return where the seen part of a square lies in the stored one, in even pixels."""
    scale = size / place.side / 2
    left, right = (round((edge - place.x) * scale) * 2 for edge in (seen[0], seen[2]))
    top, bottom = (round((edge - place.y) * scale) * 2 for edge in (seen[1], seen[3]))
    return left, top, max(right, left + 2), max(bottom, top + 2)


def plan_for(frame: av.VideoFrame, colour: Colour, box: Box | None, view: View) -> Plan:
    """Work out what becomes of every frame like this one."""
    width, height = displayed_size(frame)
    place = square(box, width, height, view)
    width, height = width - width % 2, height - height % 2
    seen = place.visible(width, height)
    turns = quarter_turns(frame)
    source = unturn(seen, turns, width, height)
    landed = (0, 0, view.size, view.size) if view.crop == "stretch" else _land(seen, place, view.size)
    target = unturn(landed, turns, view.size, view.size)
    stored = STORED[view.codec]
    return Plan(source, target, turns, recolour(colour, stored), (round(stored.luma[0]), 128, 128))


class Squares:
    """Turns the frames of one clip into stored squares.

    Args:
        clip: whose box is cut out.
        view: which square, how large, in which colour.
    """

    def __init__(self, clip: Clip, view: View) -> None:
        """Remember what to cut; the plan is made at the first frame."""
        self._box = clip.box
        self._view = view
        self._shape: tuple[object, ...] = ()
        self._plan: Plan

    def planes(self, frame: av.VideoFrame) -> Planes:
        """Return the square's Y [S, S], U and V [S/2, S/2] in the store's colour."""
        plain, colour = as_420(frame)
        shape = (frame.width, frame.height, frame.rotation, colour)
        if shape != self._shape:
            self._plan, self._shape = plan_for(frame, colour, self._box, self._view), shape
        y, u, v = planes(plain)
        return self._finish(self._plan.recolour(self._cut(y, 1), self._cut(u, 2), self._cut(v, 2)))

    def _cut(self, plane: Plane, step: int) -> Plane:
        """Cut the seen part out of a plane (a `step`-th as large as the frame) and resize it to its place."""
        left, top, right, bottom = (edge // step for edge in self._plan.source)
        to_left, to_top, to_right, to_bottom = (edge // step for edge in self._plan.target)
        return shrink(plane[top:bottom, left:right], to_right - to_left, to_bottom - to_top)

    def _finish(self, parts: Planes) -> Planes:
        """Add the black bars and turn the square upright, where there is need."""
        plan, size = self._plan, self._view.size
        if plan.target == (0, 0, size, size) and plan.turns == 0:
            return parts
        y, u, v = (self._place(part, index) for index, part in enumerate(parts))
        return y, u, v

    def _place(self, part: Plane, index: int) -> Plane:
        """Put a plane's part into a black square, and turn it."""
        step = 1 if index == 0 else 2
        whole = np.full((self._view.size // step,) * 2, self._plan.black[index], np.uint8)
        left, top, right, bottom = (edge // step for edge in self._plan.target)
        whole[top:bottom, left:right] = part
        return np.ascontiguousarray(np.rot90(whole, self._plan.turns))

    def encode(self, frame: av.VideoFrame) -> bytes:
        """Return the square as the store keeps it: a JPEG file, or the planes of I420 one after the other."""
        return packed(self.planes(frame), self._view)


def packed(square_planes: Planes, view: View) -> bytes:
    """Return planes as a view's store keeps them: a JPEG file, or I420, one plane after the other."""
    y, u, v = square_planes
    if view.codec == "raw":
        return b"".join(plane.tobytes() for plane in (y, u, v))
    data: bytes = simplejpeg.encode_jpeg_yuv_planes(y, u, v, quality=view.quality)
    return data


def read_rgb(path: Path, clip: Clip) -> list[npt.NDArray[np.uint8]]:
    """Decode a clip whole, upright and uncut, as RGB frames [H, W, 3]: for looking at, not for speed.

    Raises:
        VideoError: the file cannot serve as this clip.
    """
    return read(path, clip, upright_rgb)


def upright_rgb(frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
    """Return a whole frame as displayed, RGB uint8 [H, W, 3]."""
    turns = quarter_turns(frame)
    frame, colour = as_420(frame)
    height, width = frame.height // 2, frame.width // 2
    y, u, v = recolour(colour, STORED["raw"])(*planes(frame))
    parts = (y[: 2 * height, : 2 * width], u[:height, :width], v[:height, :width])
    rgb = i420_to_rgb(np.concatenate([part.ravel() for part in parts]), 2 * width)
    return np.ascontiguousarray(np.rot90(rgb, turns))


def i420_to_rgb(data: Plane, width: int, out: Plane | None = None) -> npt.NDArray[np.uint8]:
    """Return the RGB frame [H, width, 3] of a raw store's I420 planes, one after the other in `data`."""
    return cast(Plane, cv2.cvtColor(data.reshape(-1, width), cv2.COLOR_YUV2RGB_I420, dst=out))
