"""Where in the stored square a network looks, and whether mirrored: the same for all frames of a clip.

Nothing else is changed here: pixels stay uint8, and are normalised on the network's device, which costs less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from utils.errors import BenchError

Frames = npt.NDArray[np.uint8]

_TRIES = 10
_HALVE = 2.0
"""From this ratio on frames are halved by averages first; linear interpolation alone would skip pixels."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A random resized crop (Szegedy et al. 2015) in training; the square, or its middle, at test.

    Attributes:
        size: side of the square that the network sees, in pixels.
        scale: smallest and largest share of the stored square's area.
        ratio: smallest and largest width over height.
        hflip: probability of a mirrored clip in training. Left-handed signers mirror signs too.
        middle: side of what is seen at test, in the middle, as a share of the stored square's.
    """

    size: int
    scale: tuple[float, float] = (1.0, 1.0)
    ratio: tuple[float, float] = (1.0, 1.0)
    hflip: float = 0.0
    middle: float = 1.0

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        if self.size < 1:
            raise BenchError(f"The size is {self.size}; it must be at least 1.")
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise BenchError(f"The crop's scale is {self.scale}; it must rise within 0 to 1.")
        if not 0 < self.ratio[0] <= self.ratio[1]:
            raise BenchError(f"The crop's ratio is {self.ratio}; it must rise, above 0.")
        if not 0 <= self.hflip <= 1:
            raise BenchError(f"The probability of mirroring is {self.hflip}; it must lie between 0 and 1.")
        if not 0 < self.middle <= 1:
            raise BenchError(f"The middle seen at test is {self.middle}; it must be above 0 and at most 1.")


@dataclass(frozen=True, slots=True)
class Look:
    """One clip's place in the stored square, and whether it is mirrored.

    Attributes:
        x: left edge in pixels.
        y: upper edge.
        width: pixels.
        height: pixels.
        flip: mirrored left to right.
    """

    x: int
    y: int
    width: int
    height: int
    flip: bool = False


def look(crop: Crop, stored: int, rng: np.random.Generator | None) -> Look:
    """Choose where to look in a stored square of side `stored`; without a generator, at its middle."""
    if rng is None:
        side = max(1, round(stored * crop.middle))
        return Look((stored - side) // 2, (stored - side) // 2, side, side)
    width, height = _shape(crop, stored, rng)
    x, y = (int(rng.integers(stored - side + 1)) for side in (width, height))
    return Look(x, y, width, height, bool(rng.random() < crop.hflip))


def _shape(crop: Crop, stored: int, rng: np.random.Generator) -> tuple[int, int]:
    """Draw a width and a height of the wanted area and ratio that fit into the square."""
    for _ in range(_TRIES):
        area = stored * stored * rng.uniform(*crop.scale)
        ratio = math.exp(rng.uniform(math.log(crop.ratio[0]), math.log(crop.ratio[1])))
        width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < width <= stored and 0 < height <= stored:
            return width, height
    return stored, stored


def apply(place: Look, frame: Frames, out: Frames) -> None:
    """Write the place cut out of a stored frame [S, S, 3] into `out` [H, W, 3], resized and mirrored."""
    part = frame[place.y : place.y + place.height, place.x : place.x + place.width]
    if part.shape == out.shape:
        out[:] = part[:, ::-1] if place.flip else part
        return
    height, width = out.shape[:2]
    while min(part.shape[0] / height, part.shape[1] / width) >= _HALVE:
        part = _half(part)
    if place.flip:
        cv2.flip(cv2.resize(part, (width, height)), 1, dst=out)
    else:
        cv2.resize(part, (width, height), dst=out)


def _half(frame: Frames) -> Frames:
    """Return a frame at half its size, each pixel the average of four."""
    height, width = frame.shape[0] // 2, frame.shape[1] // 2
    return cast(
        Frames, cv2.resize(frame[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    )
