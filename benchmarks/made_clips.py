"""Clips of pixels made for measuring: a sign is a colour, and the way that a spot of it goes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from models.zoo import Input
from utils.seeds import generator

Pixels = npt.NDArray[np.float32]
_SPOT = 0.2
"""The spot's radius, share of the side."""


def made_clip(sign: int, signs: int, shape: tuple[int, int], key: int) -> npt.NDArray[np.uint8]:
    """Return a clip uint8 [T, H, W, 3] of a sign.

    Args:
        sign: which, from 0.
        signs: how many there are.
        shape: T and H = W.
        key: clips of other keys differ in noise, pace and place.
    """
    frames, size = shape
    rng = generator(sign, key)
    angle = 2 * math.pi * (sign + rng.uniform(-0.1, 0.1)) / signs
    along = np.linspace(-0.3, 0.3, frames) * rng.uniform(0.8, 1.2)
    middle = 0.5 + rng.uniform(-0.05, 0.05, 2)
    grid = (np.arange(size) + 0.5) / size
    noise = rng.integers(0, 40, (size, size, 3), np.uint8)
    colour = np.array([120 + 100 * math.cos(angle + turn) for turn in (0, 2.1, 4.2)])
    clip = np.repeat((noise + colour[::-1] / 3).astype(np.uint8)[None], frames, 0)
    for frame, step in zip(clip, along, strict=True):
        row, column = middle + step * np.array([math.sin(angle), math.cos(angle)])
        inside = (grid[:, None] - row) ** 2 + (grid[None] - column) ** 2 < _SPOT**2
        frame[inside] = colour.astype(np.uint8)
    return clip


def seen(clip: npt.NDArray[np.uint8], expected: Input) -> Pixels:
    """Return a clip uint8 [T, H, W, 3] as a network sees it: float32 [1, 3, T, H, W], normalised."""
    mean, deviation = (np.array(each, np.float32) for each in (expected.mean, expected.std))
    given = (clip.astype(np.float32) / 255 - mean) / deviation
    given = given[..., ::-1] if expected.channels == "bgr" else given
    return np.ascontiguousarray(given.transpose(3, 0, 1, 2)[None])


def made_clips(signs: int, count: int, shape: tuple[int, int], expected: Input, key: int) -> list[Pixels]:
    """Return `count` clips as a network sees them; clip n is of sign n modulo `signs`."""
    return [seen(made_clip(n % signs, signs, shape, key + n), expected) for n in range(count)]
