"""RandAugment (Cubuk et al. 2019, arXiv:1909.13719) of a whole clip: some changes drawn from a table.

The fifteen changes and their strengths are those of timm's "increasing" table, which VideoMAE trains with; a
magnitude of 10 is the strongest. All frames of a clip are changed alike, and what is measured of the picture
(its contrast, its histogram) is measured over the clip, so that nothing flickers. Pixels stay uint8.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from utils.errors import BenchError

Frames = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.integer[Any] | np.floating[Any]]
Change = Callable[[Frames, float], None]
"""Changes frames [T, H, W, 3] in place, by a strength of -1 to 1; most know only its size."""

STRONGEST = 10.0
FILL = (124, 116, 104)
"""What comes in from outside of the frame: the mean of ImageNet's pixels."""
_GREY = np.array([0.299, 0.587, 0.114])
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13
_CHANCE = 0.5
"""How likely a drawn change is carried out."""
_LEVELS = np.arange(256)


@dataclass(frozen=True, slots=True)
class RandAugment:
    """How many changes are drawn, and how strong they are.

    Attributes:
        count: changes drawn per clip, each carried out with probability 0.5.
        magnitude: their mean strength, 0 to 10.
        spread: standard deviation of the strength.
    """

    count: int
    magnitude: float = 7.0
    spread: float = 0.5

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        if self.count < 1:
            raise BenchError(f"RandAugment draws {self.count} changes; it must be at least 1.")
        if not 0 <= self.magnitude <= STRONGEST or self.spread < 0:
            raise BenchError(
                f"RandAugment's magnitude is {self.magnitude} +- {self.spread}; it lies between 0 and 10."
            )


def vary(frames: Frames, options: RandAugment, rng: np.random.Generator) -> None:
    """Change a clip [T, H, W, 3] in place, by what the generator draws."""
    changes = list(CHANGES.values())
    for _ in range(options.count):
        change = changes[rng.integers(len(changes))]
        strength = float(np.clip(rng.normal(options.magnitude, options.spread), 0, STRONGEST)) / STRONGEST
        sign = 1 if rng.random() < 0.5 else -1  # noqa: PLR2004 - either way as likely
        if rng.random() < _CHANCE:
            change(frames, sign * strength)


def _by_table(frames: Frames, table: Numbers) -> None:
    """Replace every level by its entry in a table [256] or [256, 3], cut to 0..255."""
    levels = np.clip(np.rint(table), 0, 255).astype(np.uint8)
    entries = levels.reshape(1, 256, -1)
    flat = _flat(frames)
    cv2.LUT(flat, np.repeat(entries, 3, axis=2) if entries.shape[2] == 1 else entries, dst=flat)


def _flat(frames: Frames) -> Frames:
    """Return a clip as one picture [T * H, W, 3] over the same memory."""
    return frames.reshape(-1, *frames.shape[2:])


def _counts(frames: Frames) -> npt.NDArray[np.int64]:
    """Return how often each level occurs in each channel, [256, 3]."""
    flat = _flat(frames)
    counts = [cv2.calcHist([flat], [channel], None, [256], [0, 256]).ravel() for channel in range(3)]
    return cast("npt.NDArray[np.int64]", np.stack(counts, axis=1).astype(np.int64))


def _auto_contrast(frames: Frames, _: float) -> None:
    """Stretch each channel from its darkest to its brightest level."""
    table = np.repeat(_LEVELS[:, None].astype(np.float64), 3, axis=1)
    for channel, counts in enumerate(_counts(frames).T):
        low, high = np.flatnonzero(counts)[[0, -1]]
        if high > low:
            table[:, channel] = (_LEVELS - low) * (255.0 / (high - low))
    _by_table(frames, table)


def _equalize(frames: Frames, _: float) -> None:
    """Make all levels of each channel about as frequent, as Pillow does."""
    table = np.repeat(_LEVELS[:, None], 3, axis=1)
    for channel, counts in enumerate(_counts(frames).T):
        step = (counts.sum() - counts[np.flatnonzero(counts)[-1]]) // 255
        if step:
            table[:, channel] = (step // 2 + np.concatenate(([0], np.cumsum(counts)[:-1]))) // step
    _by_table(frames, table)


def _invert(frames: Frames, _: float) -> None:
    """Turn dark into bright."""
    _by_table(frames, 255 - _LEVELS)


def _posterize(frames: Frames, strength: float) -> None:
    """Keep the upper bits of each level: 4 down to 1."""
    bits = max(1, 4 - int(abs(strength) * 4))
    _by_table(frames, _LEVELS & ~(2 ** (8 - bits) - 1))


def _solarize(frames: Frames, strength: float) -> None:
    """Invert what is bright; the stronger, the darker it may be."""
    bright = 256 - int(abs(strength) * 256)
    _by_table(frames, np.where(bright > _LEVELS, _LEVELS, 255 - _LEVELS))


def _solarize_add(frames: Frames, strength: float) -> None:
    """Brighten what is darker than the middle."""
    _by_table(frames, np.where(_LEVELS < 128, _LEVELS + int(abs(strength) * 110), _LEVELS))  # noqa: PLR2004


def _factor(strength: float) -> float:
    """Return how much of a quality is kept: 0.1 to 1.9, 1 for all of it."""
    return max(0.1, 1 + 0.9 * strength)


def _colour(frames: Frames, strength: float) -> None:
    """Take colours towards grey, or away from it."""
    factor, flat = _factor(strength), _flat(frames)
    cv2.transform(flat, factor * np.eye(3) + (1 - factor) * np.tile(_GREY, (3, 1)), dst=flat)


def _contrast(frames: Frames, strength: float) -> None:
    """Take levels towards the clip's mean, or away from it."""
    factor = _factor(strength)
    mean = float(np.dot(cv2.mean(_flat(frames))[:3], _GREY))
    _by_table(frames, factor * _LEVELS + (1 - factor) * mean)


def _brightness(frames: Frames, strength: float) -> None:
    """Darken or brighten."""
    _by_table(frames, _factor(strength) * _LEVELS)


def _sharpness(frames: Frames, strength: float) -> None:
    """Blur or sharpen."""
    factor = _factor(strength)
    for frame in frames:
        cv2.addWeighted(frame, factor, cv2.filter2D(frame, -1, _SMOOTH), 1 - factor, 0, dst=frame)


def _warp(frames: Frames, matrix: Numbers) -> None:
    """Take every pixel from where the matrix [2, 3] says."""
    size = (frames.shape[2], frames.shape[1])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for frame in frames:
        frame[:] = cv2.warpAffine(frame, matrix, size, flags=flags, borderValue=FILL)


def _rotate(frames: Frames, strength: float) -> None:
    """Turn by up to 30 degrees about the middle."""
    middle = ((frames.shape[2] - 1) / 2, (frames.shape[1] - 1) / 2)
    _warp(frames, cv2.getRotationMatrix2D(middle, -30 * strength, 1.0))


def _shear_x(frames: Frames, strength: float) -> None:
    """Shift each row by up to 0.3 of its height in the frame."""
    _warp(frames, np.array([[1, 0.3 * strength, 0], [0, 1, 0]]))


def _shear_y(frames: Frames, strength: float) -> None:
    """Shift each column by up to 0.3 of its place in the frame."""
    _warp(frames, np.array([[1, 0, 0], [0.3 * strength, 1, 0]]))


def _translate_x(frames: Frames, strength: float) -> None:
    """Shift by up to 0.45 of the width."""
    _warp(frames, np.array([[1, 0, 0.45 * strength * frames.shape[2]], [0, 1, 0]]))


def _translate_y(frames: Frames, strength: float) -> None:
    """Shift by up to 0.45 of the height."""
    _warp(frames, np.array([[1, 0, 0], [0, 1, 0.45 * strength * frames.shape[1]]]))


CHANGES: dict[str, Change] = {
    "auto-contrast": _auto_contrast,
    "equalize": _equalize,
    "invert": _invert,
    "rotate": _rotate,
    "posterize": _posterize,
    "solarize": _solarize,
    "solarize-add": _solarize_add,
    "colour": _colour,
    "contrast": _contrast,
    "brightness": _brightness,
    "sharpness": _sharpness,
    "shear-x": _shear_x,
    "shear-y": _shear_y,
    "translate-x": _translate_x,
    "translate-y": _translate_y,
}
"""The table, all equally likely."""
