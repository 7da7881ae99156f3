"""A clip on one sheet: its frames as filmed, with the crop drawn in, above what a network sees of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image, ImageDraw, ImageFont

from utils.errors import FAILURE, BenchError
from wlasl.augment import Crop, apply, look
from wlasl.clips import Clip
from wlasl.pixels import Squares, i420_to_rgb, upright_rgb
from wlasl.sampling import BLACK, Sampling, frame_indices
from wlasl.video import VideoError, displayed_size, read
from wlasl.view import View, fit_box, square

Frame = npt.NDArray[np.uint8]

_COLUMNS = 8
_TILE = 168
_GAP = 6
_LINE = 20
_PAPER, _INK, _FAINT = (250, 250, 248), (20, 20, 20), (110, 110, 110)
_CROP, _BOX = (214, 40, 40), (240, 180, 30)


@dataclass(frozen=True, slots=True)
class Look:
    """How a network looks at a clip.

    Attributes:
        view: the square that is cut out, and how it is stored.
        sampling: which frames are taken; shown as at test.
        size: side of the network's input, in pixels.
    """

    view: View = field(default_factory=View)
    sampling: Sampling = field(default_factory=lambda: Sampling(frames=16))
    size: int = 172


@dataclass(frozen=True, slots=True)
class Seen:
    """A clip as filmed and as a network sees it.

    Attributes:
        indices: the frames of the clip that the network takes, 0-based; -1 is a black one, int64 [N].
        filmed: those frames whole, made smaller, with box and crop drawn in, uint8 [H, W, 3] each.
        inputs: what the network gets, uint8 [N, S, S, 3].
        length: frames of the clip.
        size: width and height of the video.
    """

    indices: npt.NDArray[np.int64]
    filmed: list[Frame]
    inputs: Frame
    length: int
    size: tuple[int, int]


def contact_sheet(path: Path, clip: Clip, chosen: Look) -> Image.Image:
    """Return the contact sheet of a clip as a picture.

    Raises:
        BenchError: the file cannot serve as this clip; the sentence says why.
    """
    try:
        seen = see(path, clip, chosen)
    except VideoError as error:
        message = f"Clip {clip.id} cannot be shown: {path} cannot be read: {error}."
        raise BenchError(message, exit_code=FAILURE) from error
    return lay_out(seen, _title(seen, clip, chosen))


def see(path: Path, clip: Clip, chosen: Look) -> Seen:
    """Decode a clip through the steps that prepare and load clips.

    Raises:
        VideoError: the file cannot serve as this clip.
    """
    eye = _Eye(clip, chosen.view)
    return seen_of(read(path, clip, eye.take), chosen, eye.size)


def seen_of(shots: Sequence[tuple[Frame, bytes]], chosen: Look, size: tuple[int, int]) -> Seen:
    """Return what a network takes of a clip.

    Args:
        shots: each frame of the clip, small and as the store would keep it.
        chosen: how the network looks.
        size: width and height of the video.
    """
    indices = frame_indices(len(shots), chosen.sampling, None)
    # A frame behind the clip's end is black to the network, and nothing was filmed.
    filmed = [np.zeros_like(shots[0][0]) if index == BLACK else shots[index][0] for index in indices]
    stored = [decode(b"" if index == BLACK else shots[index][1], chosen.view) for index in indices]
    inputs = np.empty((len(stored), chosen.size, chosen.size, 3), np.uint8)
    place = look(Crop(chosen.size), chosen.view.size, None)
    for frame, out in zip(stored, inputs, strict=True):
        apply(place, frame, out)
    return Seen(indices, filmed, inputs, len(shots), size)


class _Eye:
    """Turns decoded frames into a small picture for people and into what the store would keep."""

    def __init__(self, clip: Clip, view: View) -> None:
        """Remember whose box is drawn, and which square is cut."""
        self._clip = clip
        self._view = view
        self._squares = Squares(clip, view)
        self.size = (0, 0)

    def take(self, frame: av.VideoFrame) -> tuple[Frame, bytes]:
        """Return the whole frame made small, its crop drawn in, and the stored square's bytes."""
        self.size = displayed_size(frame)
        return self._small(upright_rgb(frame)), self._squares.encode(frame)

    def _small(self, frame: Frame) -> Frame:
        """Return a frame as wide or high as a tile, with the signer's box and the crop drawn in."""
        height, width = frame.shape[:2]
        small, scale = made_small(frame)
        cut = square(self._clip.box, width, height, self._view).visible(width, height)
        if self._clip.box is not None:
            outline(small, fit_box(self._clip.box, width, height), scale, _BOX)
        outline(small, cut, scale, _CROP)
        return small


def decode(data: bytes, view: View) -> Frame:
    """Return a stored square as RGB, uint8 [S, S, 3]; nothing stands for black."""
    if not data:
        return np.zeros((view.size, view.size, 3), np.uint8)
    if view.codec == "raw":
        return i420_to_rgb(np.frombuffer(data, np.uint8), view.size)
    return np.asarray(simplejpeg.decode_jpeg(data, "RGB"), np.uint8)


def made_small(frame: Frame) -> tuple[Frame, float]:
    """Return a frame as wide or high as a tile, and its scale."""
    height, width = frame.shape[:2]
    scale = _TILE / max(width, height)
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(frame, shape, interpolation=cv2.INTER_AREA), np.uint8), scale


def outline(
    picture: Frame, box: tuple[int, int, int, int], scale: float, colour: tuple[int, int, int]
) -> None:
    """Draw a box, given in pixels of the whole frame, into the small one."""
    left, top, right, bottom = (round(edge * scale) for edge in box)
    cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), colour, 1)


def _title(seen: Seen, clip: Clip, chosen: Look) -> list[str]:
    """Return the sheet's title, what was filmed, and what the network sees, a line each."""
    view, (width, height) = chosen.view, seen.size
    signer = "signer unknown" if clip.signer is None else f"signer {clip.signer}"
    end = "the end" if clip.frame_end < 0 else str(clip.frame_end)
    box = "no box" if clip.box is None else f"box {', '.join(map(str, clip.box))}"
    sampling = f"{chosen.sampling.frames} frames, {chosen.sampling.test}"
    margin = f", margin {view.margin:g}" if view.crop == "signer" else ""
    rate = f"{clip.fps:g} fps, " * bool(clip.fps)
    filmed = f"{seen.length} frames, {rate}{width} x {height}, {box} (yellow)"
    stored = f"stored {view.size} x {view.size} as {view.codec}"
    return [
        f"{clip.id}   {clip.gloss}   (class {clip.label}, {clip.part}, {signer})",
        f"Filmed: {filmed}, frames {clip.frame_start} to {end} of the published video",
        f"Seen: {sampling}; crop {view.crop}{margin} (red); {stored}; {chosen.size} x {chosen.size} as input",
    ]


def lay_out(seen: Seen, title: list[str]) -> Image.Image:
    """Return a sheet of a title and tiles: rows of filmed frames, each above its row of network inputs."""
    tile = max(_TILE, seen.inputs.shape[1])
    tall = max(frame.shape[0] for frame in seen.filmed)
    columns = min(_COLUMNS, len(seen.filmed))
    band = _LINE + tall + _GAP + seen.inputs.shape[1] + 2 * _GAP
    rows = -(-len(seen.filmed) // columns)
    font = ImageFont.load_default(14)
    widest = max(font.getlength(line) for line in title)
    width = max(columns * (tile + _GAP), round(widest)) + 2 * _GAP
    top = len(title) * _LINE + 2 * _GAP
    sheet = Image.new("RGB", (width, top + rows * band), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for number, line in enumerate(title):
        pen.text((_GAP, _GAP + number * _LINE), line, fill=_FAINT if number else _INK, font=font)
    for position, (column, row) in enumerate(_cells(len(seen.filmed), columns)):
        x, y = _GAP + column * (tile + _GAP), top + row * band
        index = int(seen.indices[position])
        label = "black" if index == BLACK else f"frame {index + 1} of {seen.length}"
        pen.text((x, y), label, fill=_INK, font=font)
        filmed, given = Image.fromarray(seen.filmed[position]), Image.fromarray(seen.inputs[position])
        sheet.paste(filmed, (x, y + _LINE))
        sheet.paste(given, (x, y + _LINE + tall + _GAP))
    return sheet


def _cells(count: int, columns: int) -> Iterator[tuple[int, int]]:
    """Yield the column and the row of each tile."""
    for position in range(count):
        yield position % columns, position // columns
